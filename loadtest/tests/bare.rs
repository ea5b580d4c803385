//! Against the built-in bare server, which delivers everything: exit codes and figures.

mod common;

use std::net::TcpListener;

use common::{Bare, run, table};

const RIGHT: [u64; 6] = [0; 6];
/// A test machine may be busy; what is late or saturated is not what these tests ask.
const CALM: &str = "--allow-saturated --late 60s --warmup 200ms --duration 600ms";

#[test]
fn fanout_in_a_closed_loop_counts_every_delivery() {
    let bare = Bare::start(&[]);
    let (address, pid) = (&bare.address, bare.pid);
    let ran = run(&format!(
        "fanout --url ws://{address}/channels/a --subscribers 20 --publishers 3 --window 4 \
         --size 300 --pid {pid} {CALM}"
    ));
    assert_eq!((ran.code, ran.faults()), (0, RIGHT), "{:#}", ran.report);
    // Each message reaches 20 subscribers and the two other publishers.
    assert_eq!(
        ran.number("/verdict/delivered"),
        ran.number("/verdict/expected")
    );
    assert_eq!(ran.number("/verdict/expected") % 22.0, 0.0);
    assert!(ran.number("/measured/messages") >= 12.0);
    assert_eq!(ran.number("/measured/connections"), 23.0);
    let per_message = ran.number("/latency/all/count") / ran.number("/latency/last/count");
    assert_eq!(per_message, 22.0);
    assert!(ran.number("/server/rss_connected_bytes") > 100_000.0);
}

#[test]
fn fanout_in_an_open_loop_sends_by_the_clock() {
    let bare = Bare::start(&["--coalesce"]);
    let address = &bare.address;
    let ran = run(&format!(
        "fanout --url ws://{address}/channels/a --subscribers 5 --publishers 2 --rate 400 --batch 4 {CALM}"
    ));
    assert_eq!((ran.code, ran.faults()), (0, RIGHT), "{:#}", ran.report);
    // 800 ms at 400 a second in fours, the tick at 0 included: due times, whatever the load.
    assert_eq!(ran.number("/verdict/expected"), 320.0 * 6.0);
    assert_eq!(ran.number("/latency/all/count"), 240.0 * 6.0);
    let order = ["first", "median", "last"].map(|w| ran.number(&format!("/latency/{w}/p50_us")));
    assert!(order.is_sorted(), "{order:?}");
}

#[test]
fn a_late_client_says_that_its_figures_mean_nothing() {
    let bare = Bare::start(&[]);
    let address = &bare.address;
    let words = format!(
        "fanout --url ws://{address}/channels/a --subscribers 2 --rate 200 --late 0s \
         --warmup 0s --duration 300ms"
    );
    let ran = run(&words);
    assert_eq!((ran.code, ran.faults()), (3, RIGHT), "{:#}", ran.report);
    assert!(table(&words).contains("INVALID"));
}

#[test]
fn echo_both_ways() {
    let bare = Bare::start(&[]);
    let address = &bare.address;
    for pace in ["--window 3 --batch 3", "--rate 1000"] {
        let ran = run(&format!(
            "echo --url ws://{address}/echo --connections 10 --size 64KiB {pace} {CALM}"
        ));
        assert_eq!((ran.code, ran.faults()), (0, RIGHT), "{:#}", ran.report);
        assert!(ran.number("/latency/all/count") >= 30.0);
        assert_eq!(
            ran.number("/verdict/delivered"),
            ran.number("/verdict/expected")
        );
    }
}

#[test]
fn messages_larger_than_any_socket_buffer_come_back_whole() {
    let bare = Bare::start(&[]);
    let address = &bare.address;
    // Slow machines take longer for one than a warm-up is.
    let calm = CALM.replace("--warmup 200ms", "--warmup 0s");
    let ran = run(&format!(
        "echo --url ws://{address}/echo --connections 2 --size 16MiB {calm}"
    ));
    assert_eq!((ran.code, ran.faults()), (0, RIGHT), "{:#}", ran.report);
    assert!(ran.number("/verdict/delivered") >= 2.0);
    let ran = run(&format!(
        "fanout --url ws://{address}/a --subscribers 3 --size 16MiB {calm}"
    ));
    assert_eq!((ran.code, ran.faults()), (0, RIGHT), "{:#}", ran.report);
}

#[test]
fn idle_reaches_all_but_the_sender() {
    let bare = Bare::start(&[]);
    let (address, pid) = (&bare.address, bare.pid);
    let words = format!(
        "idle --url ws://{address}/a --connections 300 --step 100 --hold 100ms \
         --source-addresses 3 --pid {pid}"
    );
    let ran = run(&words);
    assert_eq!((ran.code, ran.faults()), (0, RIGHT), "{:#}", ran.report);
    assert_eq!(ran.number("/verdict/delivered"), 299.0);
    assert_eq!(ran.number("/curves/0/points/3/0"), 300.0);
    assert!(ran.number("/figures/last_us/value") >= ran.number("/figures/first_us/value"));
    let seen = table(&words);
    assert!(seen.contains("299 of 299 delivered"), "{seen}");
}

#[test]
fn a_server_that_is_not_there_does_not_answer_or_does_not_upgrade_is_named() {
    let nobody = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let ran = run(&format!("fanout --url ws://{nobody}/ {CALM}"));
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr.contains("cannot connect: Connection refused"),
        "{}",
        ran.stderr
    );

    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let ran = run(&format!(
        "echo --url ws://{address}/ --connections 4 --timeout 500ms {CALM}"
    ));
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr.contains("only 0 of 4 connections opened"),
        "{}",
        ran.stderr
    );

    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut stream, _) = other.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]);
        stream
            .write_all(b"HTTP/1.1 503 Full\r\nContent-Length: 0\r\n\r\n")
            .unwrap();
    });
    let ran = run(&format!(
        "echo --url ws://{address}/ --connections 1 {CALM}"
    ));
    thread.join().unwrap();
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("answered 503 Full"), "{}", ran.stderr);
}

#[test]
fn a_run_that_takes_too_long_is_given_up() {
    let bare = Bare::start(&[]);
    let url = format!("--url ws://{}/ --timeout 600ms", bare.address);
    for words in [
        format!("fanout {url} --duration 1m"),
        format!("idle {url} --connections 4 --step 2 --hold 1m"),
    ] {
        let ran = run(&words);
        assert_eq!(ran.code, 2, "{words}");
        assert!(ran.stderr.contains("timed out"), "{}", ran.stderr);
    }
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_sent() {
    for (words, text) in [
        ("fanout --url ws://127.0.0.1:1/ --batch 9", "--window 1"),
        ("fanout --url http://127.0.0.1:1/", "expected ws://"),
        (
            "echo --url ws://127.0.0.1:1/ --duration 0s",
            "--duration is zero",
        ),
        (
            "idle --url ws://127.0.0.1:1/ --connections 100000000",
            "descriptors",
        ),
        (
            "idle --url ws://127.0.0.1:1/ --pid 4294967295",
            "/proc/4294967295",
        ),
        (
            "idle --url ws://[::1]:1/ --source-addresses 2",
            "127.0.0.0/8",
        ),
        ("echo --url ws://127.0.0.1:1/ --size 5", "24 bytes"),
        (
            "echo --url ws://127.0.0.1:1/ --html /no/such/folder/a.html",
            "--html: there is no folder",
        ),
    ] {
        let ran = run(words);
        assert_eq!(ran.code, 2, "{words}");
        assert!(ran.stderr.contains(text), "{words}: {}", ran.stderr);
    }
}

#[test]
fn a_server_that_is_started_for_the_run_is_measured_and_gone_afterwards() {
    let binary = env!("CARGO_BIN_EXE_longwave-loadtest");
    let mut words: Vec<String> =
        format!("fanout --url ws://127.0.0.1:0/a --subscribers 10 --window 4 {CALM} --spawn")
            .split(' ')
            .map(str::to_owned)
            .collect();
    words.push(format!("{binary} baseline --listen {{address}}; true"));
    let ran = common::run_words(&words);
    assert_eq!(
        (ran.code, ran.faults()),
        (0, RIGHT),
        "{:#}{}",
        ran.report,
        ran.stderr
    );
    let url = ran.report["options"]["url"].as_str().unwrap();
    assert!(!url.contains(":0/"), "{url} is where it was");
    let cost = |what: &str| ran.number(&format!("/server/{what}"));
    assert!(cost("cpu_per_delivery_us") > 0.0);
    assert!(cost("rss_peak_bytes") >= cost("rss_end_bytes") && cost("rss_end_bytes") > 1e6);
    assert!(cost("voluntary_switches_per_delivery") > 0.0);
    // A message costs ten sends, a wait and two reads.
    match &ran.report["server"]["syscalls_per_delivery"] {
        serde_json::Value::Null => assert!(ran.report["server"]["syscalls_missing"].is_string()),
        calls => assert!((1.0..1.6).contains(&calls.as_f64().unwrap()), "{calls}"),
    }

    *words.last_mut().unwrap() = "echo no such port >&2; exit 7".to_owned();
    let ran = common::run_words(&words);
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr
            .contains("exit status: 7; it wrote:\nno such port"),
        "{}",
        ran.stderr
    );
}

#[test]
fn text_and_documents_are_proved_too() {
    let bare = Bare::start(&[]);
    let address = &bare.address;
    for (form, size) in [("text", 36), ("text", 1000), ("json", 82), ("json", 70_000)] {
        let ran = run(&format!(
            "fanout --url ws://{address}/a --subscribers 3 --publishers 2 --window 2 --payload {form} --size {size} {CALM}"
        ));
        assert_eq!((ran.code, ran.faults()), (0, RIGHT), "{:#}", ran.report);
        assert!(ran.number("/verdict/delivered") > 10.0);
    }
    let ran = run(&format!(
        "echo --url ws://{address}/echo --payload json --size 300 {CALM}"
    ));
    assert_eq!((ran.code, ran.faults()), (0, RIGHT), "{:#}", ran.report);
    let ran = run(&format!(
        "fanout --url ws://{address}/a --payload json --size 50 {CALM}"
    ));
    assert!(ran.stderr.contains("82 bytes"), "{}", ran.stderr);
}
