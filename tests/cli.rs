//! The command line as a person meets it: flags, variables, the file, `--check`, exit codes.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Output};

use longwave::config::options::{Kind, OPTIONS, Opt};
use longwave::config::{self, Error};

/// Writes a configuration file of this test's own.
fn file(name: &str, text: &str) -> String {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("cli-{name}.toml"));
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Runs the binary with these flags and variables only.
fn longwave(flags: &[&str], variables: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_longwave"))
        .args(flags)
        .env_clear()
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

/// What `--check` prints; it must succeed.
fn check(flags: &[&str], variables: &[(&str, &str)]) -> String {
    let out = longwave(&[&["--check"], flags].concat(), variables);
    let errors = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(0), "{errors}");
    assert_eq!(errors, "");
    String::from_utf8(out.stdout).unwrap()
}

/// The one line of an error with exit code 1.
fn refused(flags: &[&str], variables: &[(&str, &str)]) -> String {
    let out = longwave(flags, variables);
    let errors = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(1), "{errors}");
    assert_eq!(out.stdout, b"");
    assert_eq!(errors.lines().count(), 1, "{errors}");
    let line = errors.trim_end().strip_prefix("longwave: ");
    line.expect("the program is named").to_owned()
}

/// The value of a key in what `--check` prints, without the comment.
fn value<'a>(text: &'a str, key: &str) -> &'a str {
    let start = format!("{key} = ");
    let find = |line: &'a str| line.trim_start_matches("# ").strip_prefix(&start);
    let line = text.lines().find_map(find);
    let line = line.unwrap_or_else(|| panic!("no {key} in {text}"));
    line.split(" # ").next().unwrap()
}

/// Three values of an option, all different from each other and from the default, as texts.
fn samples(option: &Opt) -> [String; 3] {
    let words: [&str; 3] = match option.flag {
        "listen" | "admin-listen" => ["127.0.0.1:1", "[::1]:2", "127.0.0.1:3"],
        "allow-origin" => ["https://one.example", "null", "file://"],
        "admin-host" => ["one", "two", "three"],
        "subprotocol" => ["one", "two", "three"],
        "trusted-proxy" => ["10.0.0.0/8", "fd00::/8", "127.0.0.1/32"],
        "log-level" => ["debug", "warn", "a=trace,info"],
        "publish-key" => ["one", "two", "three"],
        "log-format" => ["json", "human", "json"],
        "slow" => ["skip", "close", "skip"],
        "start" => ["oldest", "newest", "oldest"],
        "static" => ["one", "two", "three"],
        "socketio-path" => ["/one/", "", "/three/io/"],
        "socketio-channel" => ["one", "two", "three"],
        "no-page" | "no-deflate" | "socketio-recovery" => ["true", "false", "true"],
        _ => return [1, 2, 3].map(|more| bound_plus(option, more)),
    };
    words.map(str::to_owned)
}

fn bound_plus(option: &Opt, more: u64) -> String {
    let Kind::Bound { unit, get, .. } = option.kind else {
        panic!("no samples for {}", option.flag)
    };
    unit.show(get(&config::Config::default().settings.limits) + more)
}

/// The sample as it stands in a file.
fn in_file(option: &Opt, text: &str) -> String {
    match option.kind {
        Kind::Switch { .. } => format!("{} = {text}\n", option.key()),
        _ => format!("{} = '{text}'\n", option.key()),
    }
}

/// The option's value in the end, as the file would have it.
fn effective(option: &Opt, flags: &[String], variables: &[(String, String)]) -> String {
    let args = std::iter::once("longwave".to_owned()).chain(flags.iter().cloned());
    let variables = variables
        .iter()
        .map(|(n, v)| (OsString::from(n), OsString::from(v)));
    let config = match config::command(args.map(OsString::from), variables) {
        Ok(config::Command::Run(config)) => config,
        other => panic!("{}: {other:?}", option.flag),
    };
    match option.kind {
        Kind::Secret { get, .. } => get(&config).unwrap_or_default(),
        _ => value(&config.to_toml(), &option.key()).to_owned(),
    }
}

#[test]
fn flag_over_variable_over_file_over_default_for_every_option() {
    for option in OPTIONS {
        let values = samples(option);
        let path = file(
            &format!("precedence-{}", option.flag),
            &in_file(option, &values[0]),
        );
        let flag = |text: &String| vec![format!("--{}={text}", option.flag)];
        let default = effective(option, &[], &[]);
        let alone = values
            .each_ref()
            .map(|text| effective(option, &flag(text), &[]));
        for places in 0..8 {
            let mut flags = Vec::new();
            let mut variables = Vec::new();
            let mut want = &default;
            if places & 1 != 0 {
                flags.push(format!("--config={path}"));
                want = &alone[0];
            }
            if places & 2 != 0 {
                variables.push((option.variable(), values[1].clone()));
                want = &alone[1];
            }
            if places & 4 != 0 {
                flags.extend(flag(&values[2]));
                want = &alone[2];
            }
            let got = effective(option, &flags, &variables);
            assert_eq!(&got, want, "{} in places {places:03b}", option.flag);
        }
        assert_ne!(alone[0], default, "{}", option.flag);
        assert_ne!(alone[0], alone[1], "{}", option.flag);
        assert_ne!(alone[1], alone[2], "{}", option.flag);
    }
}

#[test]
fn check_prints_a_file_that_gives_the_same_again() {
    let flags = [
        "--listen=localhost:8081",
        "--listen=[::1]:8082",
        "--allow-origin=https://a.example",
        "--allow-origin=null",
        "--message-bytes-max=16MiB",
        "--ping-interval=1m",
        "--no-page",
        "--log-level=info,longwave=debug",
    ];
    let variables = [
        ("LONGWAVE_DRAIN", "1500ms"),
        ("LONGWAVE_SUBPROTOCOL", "a, b"),
    ];
    let first = check(&flags, &variables);
    assert!(
        first.contains("drain = \"1500ms\" # LONGWAVE_DRAIN"),
        "{first}"
    );
    assert!(first.contains("subprotocol = [\"a\", \"b\"]"), "{first}");
    assert!(first.contains("no_page = true # --no-page"), "{first}");
    let again = check(&["--config", &file("round-trip", &first)], &[]);
    for option in OPTIONS.iter().filter(|o| o.flag != "publish-key") {
        let key = option.key();
        assert_eq!(value(&first, &key), value(&again, &key));
    }
    let path = file("round-trip-larger", &check(&[], &[]));
    let larger = check(&["--config", &path, "--message-bytes-max=64MiB"], &[]);
    assert_eq!(
        value(&larger, "lag_bytes_max"),
        "\"1GiB\"",
        "it still follows"
    );
}

#[test]
fn a_larger_message_alone_just_works_and_what_was_given_stays() {
    let text = check(&["--message-bytes-max", "128MiB"], &[]);
    assert_eq!(value(&text, "lag_bytes_max"), "\"2GiB\"");
    assert_eq!(value(&text, "unflushed_bytes_max"), "\"512MiB\"");
    assert_eq!(value(&text, "mailbox_bytes_max"), "\"512MiB\"");
    // Two windows, each with the largest event as base64 behind it.
    assert_eq!(value(&text, "socketio_payload_max"), "\"187500KiB\"");
    assert_eq!(value(&text, "memory_bytes_max"), "\"4694304KiB\"");
    let text = check(
        &["--lag-bytes-max=2MiB"],
        &[("LONGWAVE_MEMORY_BYTES_MAX", "64MiB")],
    );
    assert_eq!(value(&text, "lag_bytes_max"), "\"2MiB\"");
    assert_eq!(value(&text, "unflushed_bytes_max"), "\"2MiB\"");
    assert_eq!(value(&text, "memory_bytes_max"), "\"64MiB\"");
    assert_eq!(value(&text, "socketio_payload_max"), "1500000");
    let text = check(&["--socketio-payload-max=30MiB"], &[]);
    assert_eq!(value(&text, "lag_bytes_max"), "\"40MiB\"");
}

#[test]
fn contradictions_are_refused() {
    let cases: [(&[&str], &str); 7] = [
        (
            &["--lag-bytes-max=1KiB"],
            "lag_bytes_max (1024) is below message_bytes_max",
        ),
        (
            &["--unflushed-bytes-max=1GiB"],
            "unflushed_bytes_max (1073741824) is above lag_bytes_max",
        ),
        (
            &["--mailbox-bytes-max=1KiB"],
            "mailbox_bytes_max (1024) is below message_bytes_max",
        ),
        (
            &["--memory-bytes-max=1MiB"],
            "memory_bytes_max (1048576) is below twice",
        ),
        (
            &["--connections-max=1", "--connections-per-address-max=2"],
            "connections_per_address_max (2) is above",
        ),
        (
            &["--lag-bytes-max=8MiB", "--history-bytes=5MiB"],
            "history_bytes (5242880) is above half of lag_bytes_max (8388608)",
        ),
        (
            &["--lag-bytes-max=8MiB", "--socketio-payload-max=7MiB"],
            "socketio_payload_max (7340032) is above three quarters of lag_bytes_max (8388608)",
        ),
    ];
    for (flags, start) in cases {
        let line = refused(&[&["--check"], flags].concat(), &[]);
        assert!(line.starts_with(start), "{line}");
        assert_eq!(refused(flags, &[]), line, "serving refuses it too");
    }
}

#[test]
fn a_bad_value_is_named_with_its_place_and_what_is_allowed() {
    let time = "is not a time; allowed: 10ms to 24h, such as 250ms, 10s, 2m or 1h";
    assert_eq!(
        refused(&["--ping-interval=5x"], &[]),
        format!("--ping-interval \"5x\" {time}")
    );
    assert_eq!(
        refused(&["--check"], &[("LONGWAVE_PING_INTERVAL", "5x")]),
        format!("LONGWAVE_PING_INTERVAL \"5x\" {time}")
    );
    let path = file("bad-value", "drain = '1s'\nping_interval = '5x'\n");
    assert_eq!(
        refused(&["--config", &path], &[]),
        format!("{path} line 2: ping_interval \"5x\" {time}")
    );
    let hidden = refused(&["--ping-interval=1s", "--config", &path], &[]);
    assert!(
        hidden.contains("line 2"),
        "refused although overridden: {hidden}"
    );
    let line = refused(&["--message-bytes-max=2GiB"], &[]);
    assert!(
        line.starts_with("--message-bytes-max \"2GiB\" is too large; allowed: 1 to 1GiB"),
        "{line}"
    );
    let line = refused(&["--log-format=xml"], &[]);
    assert_eq!(
        line,
        "--log-format \"xml\" is not a log format; allowed: human or json"
    );
    let line = refused(
        &[],
        &[(
            "LONGWAVE_ALLOW_ORIGIN",
            "https://a.example,https://b.example/",
        )],
    );
    assert!(
        line.starts_with("LONGWAVE_ALLOW_ORIGIN \"https://b.example/\" has more than"),
        "{line}"
    );
    let line = refused(&[], &[("LONGWAVE_CHECK", "maybe")]);
    assert_eq!(
        line,
        "LONGWAVE_CHECK \"maybe\" is neither yes nor no; allowed: true or false"
    );
    assert!(
        refused(&["--publish-key=top secret"], &[]).starts_with("--publish-key has a character")
    );
    assert!(
        refused(&[], &[("LONGWAVE_PUBLISH_KEY", "")]).starts_with("LONGWAVE_PUBLISH_KEY is empty")
    );
}

#[test]
fn a_file_that_cannot_be_read_is_one_line() {
    let line = refused(&["--config", "no/such.toml"], &[]);
    assert!(
        line.starts_with("--config \"no/such.toml\" cannot be read: No such file"),
        "{line}"
    );
    let line = refused(&[], &[("LONGWAVE_CONFIG", "")]);
    assert!(
        line.starts_with("LONGWAVE_CONFIG \"\" cannot be read: "),
        "{line}"
    );
    let directory = env!("CARGO_TARGET_TMPDIR");
    assert!(refused(&["--config", directory], &[]).contains("cannot be read: "));
    // Exactly the bound is read.
    check(&["--config", &file("large", &"#\n".repeat(1 << 19))], &[]);
    assert!(
        refused(
            &["--config", &file("larger", &"#\n".repeat((1 << 19) + 1))],
            &[]
        )
        .contains("is over")
    );
    let line = refused(&["--config", &file("syntax", "listen = [\n\n")], &[]);
    assert!(line.contains("syntax.toml line "), "{line}");
}

#[test]
fn a_directory_of_files_is_read_before_anything_is_served() {
    for flags in [&["--check", "--static=no/such"][..], &["--static=no/such"]] {
        let line = refused(flags, &[]);
        assert!(
            line.starts_with("static \"no/such\" cannot be read: No such file"),
            "{line}"
        );
    }
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cli-static");
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("index.html"), "12345").unwrap();
    let flag = format!("--static={}", directory.display());
    let text = check(&[&flag, "--static-bytes-max=5"], &[]);
    assert_eq!(
        value(&text, "static"),
        format!("\"{}\"", directory.display())
    );
    let again = check(&["--config", &file("static", &text), "--static="], &[]);
    assert_eq!(value(&again, "static"), "\"\"");
    let line = refused(&[&flag, "--static-bytes-max=4"], &[]);
    assert!(
        line.ends_with("has more than static_bytes_max (4) in its files, with \"index.html\""),
        "{line}"
    );
}

#[test]
fn misspelt_variables_are_refused_and_foreign_ones_left_alone() {
    let line = refused(&["--check"], &[("LONGWAVE_PING_INTERVALL", "1s")]);
    assert_eq!(
        line,
        "unknown variable LONGWAVE_PING_INTERVALL; did you mean LONGWAVE_PING_INTERVAL?"
    );
    let foreign = [
        ("LONGWAVE_PORT", "tcp://10.0.0.1:8080"),
        ("LONGWAVE_SERVICE_HOST", "10.0.0.1"),
        ("LONGWAVE_PORT_8080_TCP_ADDR", "10.0.0.1"),
        ("PING_INTERVAL", "5x"),
    ];
    assert_eq!(check(&[], &foreign), check(&[], &[]));
}

#[test]
fn check_config_and_rust_log_by_variable() {
    let path = file("by-variable", "no_page = true\nlisten = ':9'\n");
    let out = longwave(
        &[],
        &[
            ("LONGWAVE_CHECK", "1"),
            ("LONGWAVE_CONFIG", &path),
            ("RUST_LOG", "warn"),
        ],
    );
    let text = String::from_utf8(out.stdout).unwrap();
    assert_eq!(out.status.code(), Some(0));
    assert_eq!(value(&text, "no_page"), "true");
    assert_eq!(value(&text, "listen"), "[\"0.0.0.0:9\"]");
    assert_eq!(value(&text, "log_level"), "\"warn\"");
    let text = check(
        &["--no-page=false"],
        &[
            ("LONGWAVE_CONFIG", &path),
            ("RUST_LOG", "warn"),
            ("LONGWAVE_LOG_LEVEL", "error"),
        ],
    );
    assert_eq!(value(&text, "no_page"), "false");
    assert_eq!(value(&text, "log_level"), "\"error\"");
}

#[test]
fn the_key_is_never_shown() {
    let path = file("key", "publish_key = 'hunter2'\n");
    for (flags, variables) in [
        (vec!["--publish-key=hunter2"], vec![]),
        (vec!["--config", &path], vec![]),
        (vec![], vec![("LONGWAVE_PUBLISH_KEY", "hunter2")]),
    ] {
        let text = check(&flags, &variables);
        assert!(text.contains("# publish_key = \"***\""), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
        let help = longwave(&["--help"], &variables);
        assert!(!String::from_utf8(help.stdout).unwrap().contains("hunter2"));
    }
}

#[test]
fn help_and_version_go_to_standard_output_and_wrong_usage_is_2() {
    let help = longwave(&["--help"], &[]);
    assert_eq!((help.status.code(), help.stderr.len()), (Some(0), 0));
    let help = String::from_utf8(help.stdout).unwrap();
    for option in OPTIONS {
        assert!(
            help.contains(&format!("--{}", option.flag)),
            "{}",
            option.flag
        );
        assert!(help.contains(option.heading));
    }
    assert!(
        help.contains("[default: 127.0.0.1:8080]") && help.contains("[default: 25s]"),
        "{help}"
    );
    let version = longwave(&["--version"], &[]);
    let want = format!("longwave {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(String::from_utf8(version.stdout).unwrap(), want);
    for flags in [
        &["--ping-intervall=1s"][..],
        &["--ping-interval"],
        &["stray"],
        &["--drain=1s", "--drain=2s"],
    ] {
        let out = longwave(flags, &[]);
        assert_eq!(out.status.code(), Some(2), "{flags:?}");
        assert!(out.stdout.is_empty() && !out.stderr.is_empty());
    }
    assert!(matches!(
        config::command(["longwave".into(), "--x".into()], []),
        Err(Error::Usage(_))
    ));
}
