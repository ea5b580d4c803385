//! The table of options against the table of bounds, and configurations there and back again.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::merge::{Sources, merge};
use super::options::{Kind, OPTIONS, Opt};
use super::*;
use crate::limits::RANGES;

/// The fields of `Limits`, with their values, as `{:#?}` writes them.
fn fields(limits: &Limits) -> Vec<(String, String)> {
    format!("{limits:#?}")
        .lines()
        .filter_map(|line| line.trim().trim_end_matches(',').split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The option of a field: units are not part of an option's name, but for `bytes` before `max`;
/// nor is `max` where history is kept. Of payloads the option says whose they are.
fn key_of_field(field: &str) -> String {
    if field == "payload_bytes_max" {
        return "socketio_payload_max".to_owned();
    }
    let history = field.starts_with("history_");
    let units = if history {
        &["_ms", "_max"]
    } else {
        &["_ms", "_us", "_bytes"][..]
    };
    let plain = units.iter().find_map(|unit| field.strip_suffix(unit));
    plain.unwrap_or(field).to_owned()
}

fn bounds() -> impl Iterator<Item = &'static Opt> {
    OPTIONS
        .iter()
        .filter(|o| matches!(o.kind, Kind::Bound { .. }))
}

fn parsed(text: &str) -> Result<(Config, Sources), String> {
    let (given, channels) = file::parse("f.toml", text)?;
    merge(given, channels)
}

#[test]
fn every_field_of_limits_has_a_flag_a_file_key_and_a_range() {
    let of_fields: BTreeSet<String> = fields(&Limits::default())
        .iter()
        .map(|(name, _)| key_of_field(name))
        .collect();
    let of_options: BTreeSet<String> = bounds().map(Opt::key).collect();
    let of_ranges: BTreeSet<String> = RANGES.iter().map(|(name, ..)| name.to_string()).collect();
    assert!(of_fields.len() >= 18);
    assert_eq!(of_fields, of_options);
    assert_eq!(of_fields, of_ranges);
    assert_eq!(bounds().count(), of_options.len());
    assert_eq!(RANGES.len(), of_ranges.len());
    let parser = cli::parser();
    for key in of_fields {
        let flag = key.replace('_', "-");
        assert!(
            parser.get_arguments().any(|a| a.get_long() == Some(&flag)),
            "{flag}"
        );
        let (least, _) = Opt::of_key(&key).unwrap().range().unwrap();
        let (given, _) = file::parse("f.toml", &format!("{key} = {least}")).unwrap();
        assert_eq!(given[0].option.flag, flag);
    }
}

#[test]
fn a_bound_sets_its_own_field_within_its_range_and_no_other() {
    for option in bounds() {
        let Kind::Bound { unit, get, .. } = option.kind else {
            unreachable!()
        };
        let (least, most) = option.range().unwrap();
        for number in [least, most, most / 2 + 1] {
            let mut config = Config::default();
            let before = fields(&config.settings.limits);
            option.set(&mut config, &[unit.show(number)]).unwrap();
            assert_eq!(get(&config.settings.limits), number, "{}", option.flag);
            let after = fields(&config.settings.limits);
            for (old, new) in before.iter().zip(&after) {
                let own = key_of_field(&old.0) == option.key();
                assert!(own || old == new, "{} also sets {}", option.flag, old.0);
            }
            assert_eq!(option.check(&config), Ok(()));
        }
        let refused = |number| {
            option
                .set(&mut Config::default(), &[unit.show(number)])
                .unwrap_err()
        };
        assert_eq!(refused(most + 1).problem, "is too large", "{}", option.flag);
        if least > 0 {
            assert_eq!(
                refused(least - 1).problem,
                "is too small",
                "{}",
                option.flag
            );
        }
    }
}

#[test]
fn defaults_are_within_their_ranges_and_need_no_file() {
    assert_eq!(Config::default().check(), Ok(()));
    let (config, sources) = parsed("").unwrap();
    assert_eq!(config.to_toml(), Config::default().to_toml());
    assert_eq!(config.settings.limits, Limits::default());
    assert!(sources.is_empty());
}

#[test]
fn a_value_out_of_range_is_found_in_a_configuration_made_by_hand() {
    let mut config = Config::default();
    config.settings.limits.ping_interval_ms = 1;
    let error = config.check().unwrap_err();
    assert!(
        error.starts_with("ping_interval 1ms is too small; allowed: 10ms to 24h"),
        "{error}"
    );
    let config = Config {
        listen: Vec::new(),
        ..Config::default()
    };
    assert!(config.check().unwrap_err().contains("listen"));
}

#[test]
fn the_key_is_in_no_text() {
    let (config, _) = parsed("publish_key = 'hunter2'").unwrap();
    assert_eq!(config.settings.publish_key.as_deref(), Some("hunter2"));
    for text in [config.to_toml(), format!("{config:?}")] {
        assert!(!text.contains("hunter2"));
        assert!(text.contains("# publish_key = \"***\""));
    }
    for bad in ["'hunter 2'", "['hunter2']", "{ hunter2 = 1 }"] {
        let error = parsed(&format!("publish_key = {bad}")).unwrap_err();
        assert!(!error.contains("hunter"), "{error}");
    }
}

/// A file and how the error it gives begins.
#[rustfmt::skip]
const FILE_ERRORS: &[(&str, &str)] = &[
    ("\nping_intervall = '1s'", "f.toml line 2: unknown key \"ping_intervall\"; did you mean ping_interval?"),
    ("ping-interval = '1s'", "f.toml line 1: unknown key \"ping-interval\"; did you mean ping_interval?"),
    ("colour = 1", "f.toml line 1: unknown key \"colour\"; allowed: listen, "),
    ("[limits]\nmessage_bytes_max = 1", "f.toml line 1: unknown key \"limits\"; allowed: listen"),
    ("check = true", "f.toml line 1: check is a flag or variable only"),
    ("# a\n# b\nping_interval = '5x'", "f.toml line 3: ping_interval \"5x\" is not a time; allowed: 10ms to 24h, such as"),
    ("ping_interval = 25", "f.toml line 1: ping_interval \"25\" is a time without a unit; allowed: 10ms to"),
    ("ping_interval = 2.5", "f.toml line 1: ping_interval 2.5 is of the wrong type; allowed: a string with"),
    ("channels_max = '1k'", "f.toml line 1: channels_max \"1k\" is not a whole number; allowed: 1 to 16777215"),
    ("channels_max = -1", "f.toml line 1: channels_max \"-1\" is not a whole number"),
    ("no_page = 'yes'", "f.toml line 1: no_page 'yes' is of the wrong type"),
    ("no_page = 1", "f.toml line 1: no_page 1 is of the wrong type; allowed: true or false"),
    ("log_format = ['json']", "f.toml line 1: log_format ['json'] is of the wrong type; allowed: a string"),
    ("listen = [1]", "f.toml line 1: listen [1] is of the wrong type; allowed: a list of strings"),
    ("listen = 8080", "f.toml line 1: listen 8080 is of the wrong type; allowed: a list of strings"),
    ("listen = []", "f.toml line 1: listen \"\" names no address"),
    ("allow_origin = []", "f.toml line 1: allow_origin \"\" names no origin; allowed: at least one, or *"),
    ("allow_origin = ['*', 'null']", "f.toml line 1: allow_origin \"*\" has no scheme; allowed: "),
    ("listen = ':80'\nlisten = ':81'", "f.toml line 2: "),
    ("zeta = 1\nalpha = 1", "f.toml line 1: unknown key \"zeta\""),
    ("drain = '1s", "f.toml line 1: "),
    ("lag_bytes_max = 5", "lag_bytes_max (5) is below message_bytes_max"),
    ("history_bytes = '9MiB'", "history_bytes (9437184) is above half of lag_bytes_max (16777216)"),
    ("history_memory = '1GiB'", "history_memory (1073741824) is above half of memory_bytes_max (1073741824)"),
    ("poll_hold = '999ms'", "f.toml line 1: poll_hold \"999ms\" is too small; allowed: 1s to 10m"),
    ("socketio_path = 'socket.io'", "f.toml line 1: socketio_path \"socket.io\" does not begin and end with /; allowed: a path such as /socket.io/"),
    ("socketio_path = '/channels/io/'", "f.toml line 1: socketio_path \"/channels/io/\" is below a path of the relay's own"),
    ("socketio_channel = '..'", "f.toml line 1: socketio_channel \"..\" is not a channel name; allowed: 1 to 255 bytes"),
    ("socketio_recovery = 'yes'", "f.toml line 1: socketio_recovery 'yes' is of the wrong type; allowed: true or false"),
    ("socketio_payload_max = '1GiB'\nlag_bytes_max = '1GiB'", "socketio_payload_max (1073741824) is above three quarters of lag_bytes_max (1073741824)"),
    ("connect_timeout = '1ms'", "f.toml line 1: connect_timeout \"1ms\" is too small; allowed: 10ms to 1h"),
    ("sessions_max = 0", "f.toml line 1: sessions_max \"0\" is too small; allowed: 1 to 16777215"),
    ("start = 'last'", "f.toml line 1: start \"last\" is not a place to start; allowed: newest, oldest"),
];

#[test]
fn file_errors_name_line_key_value_and_what_is_allowed() {
    for (text, start) in FILE_ERRORS {
        let error = parsed(text).unwrap_err();
        assert!(
            error.starts_with(start),
            "{text}\n gave {error}\n not {start}"
        );
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn values_of_a_file_in_every_allowed_form() {
    let text = "listen = '[::1]:0'\nallow_origin = 'null'\nmessage_bytes_max = 0x10_0000\n\
                lag_bytes_max = '32MiB'\ndrain = 0\nno_page = true\ntrusted_proxy = ['10.0.0.0/8', '::1']";
    let (config, sources) = parsed(text).unwrap();
    let limits = &config.settings.limits;
    assert_eq!(config.listen[0].to_string(), "[::1]:0");
    assert!(config.settings.origins.allow(b"null") && !config.settings.origins.allow(b"http://a"));
    assert_eq!(
        (limits.message_bytes_max, limits.lag_bytes_max),
        (1 << 20, 32 << 20)
    );
    assert_eq!((limits.drain_ms, config.settings.no_page), (0, true));
    assert_eq!(config.settings.trusted_proxies.len(), 2);
    assert_eq!(sources["drain"], "f.toml line 5: drain");
}

#[test]
fn operators_have_an_address_of_their_own() {
    let config = |public: &str, admin: &str| {
        parsed(&format!(
            "listen = [\":9\", \"{public}\"]\nadmin_listen = [\"{admin}\"]"
        ))
    };
    let refused = config("127.0.0.1:8", "127.0.0.1:8").unwrap_err();
    assert!(refused.contains("both name 127.0.0.1:8"), "{refused}");
    assert!(config("127.0.0.1:8", "127.0.0.1:7").is_ok());
    assert!(config("127.0.0.1:0", "127.0.0.1:0").is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_shown_configuration_reads_back_as_itself(
        message in 1usize..=1 << 30,
        times in proptest::collection::vec(100u64..=3_600_000, 7),
        lists in proptest::collection::vec("[a-z]{1,8}", 0..4),
        ports in proptest::collection::vec(1u16.., 1..4),
        no_page: bool,
    ) {
        let mut config = Config::default();
        let limits = &mut config.settings.limits;
        *limits = limits_for(message);
        for (option, ms) in bounds().filter(|o| o.value == "TIME").zip(&times) {
            let Kind::Bound { set, .. } = option.kind else { unreachable!() };
            set(limits, *ms);
        }
        config.listen = ports.iter().map(|p| SocketAddr::from((Ipv4Addr::LOCALHOST, *p))).collect();
        config.listen.dedup();
        config.listen.truncate(1 + usize::from(no_page));
        if !lists.is_empty() {
            let origins = lists.iter().map(|host| format!("https://{host}")).collect();
            config.settings.origins = crate::settings::Origins::List(origins);
        }
        config.settings.subprotocols = lists;
        config.settings.no_page = no_page;
        let text = config.to_toml();
        let (again, sources) = parsed(&text).unwrap();
        prop_assert_eq!(&again.settings.limits, &config.settings.limits);
        prop_assert_eq!(&again.listen, &config.listen);
        prop_assert_eq!(&again.settings.origins, &config.settings.origins);
        prop_assert_eq!(again.to_toml(), text);
        prop_assert_eq!(sources.len(), OPTIONS.len() - 1, "all but the key");
    }

    #[test]
    fn no_text_breaks_the_file_reader(text in "([a-z_]{1,20} = ['\"\\[]?[a-z0-9.,]{0,9}['\"\\]]?\n?){0,4}|\\PC{0,40}") {
        if let Err(error) = parsed(&text) {
            prop_assert!(!error.contains('\n'), "{}", error);
        }
    }
}
