//! The scenarios in which not everybody stays or keeps up: against the bare server, which is
//! right, and against one that does one thing wrong to one of those who come and go.

mod common;

use common::faulty::{Fault, serve_harming};
use common::{Bare, Ran, run};

const RIGHT: [u64; 6] = [0; 6];
/// A test machine may be busy; what is late or saturated is not what these tests ask.
const CALM: &str = "--allow-saturated --late 60s --warmup 100ms --duration 500ms";
/// One connection at a time, so that who comes when is known.
const WRONG: &str = "--in-flight 1 --grace 500ms --size 64";

fn figure(ran: &Ran, name: &str) -> f64 {
    ran.number(&format!("/figures/{name}/value"))
}

#[test]
fn slow_subscribers_are_told_apart_and_get_everything_from_a_server_that_keeps_it() {
    let bare = Bare::start(&[]);
    let (address, pid) = (&bare.address, bare.pid);
    let ran = run(&format!(
        "slow --url ws://{address}/a --pid {pid} --subscribers 8 --stalled 3 --trickling 2 \
         --rate 200 --size 16KiB {CALM}"
    ));
    assert_eq!((ran.code, ran.faults()), (0, RIGHT), "{:#}", ran.report);
    assert_eq!(figure(&ran, "slow_connections"), 5.0);
    assert_eq!(figure(&ran, "slow_caught_up"), 5.0);
    // 120 messages were due; of them 100 were measured, at those who keep up.
    assert_eq!(figure(&ran, "slow_messages"), 120.0);
    assert_eq!(ran.number("/latency/all/count"), 800.0);
    assert_eq!(ran.number("/verdict/delivered"), 960.0);
    assert!(figure(&ran, "rss_peak_bytes") > figure(&ran, "rss_before_bytes"));
    assert!(figure(&ran, "tcp_peak_bytes") > 0.0);
}

#[test]
fn with_and_without_the_slow_in_turn() {
    let bare = Bare::start(&[]);
    let address = &bare.address;
    let ran = run(&format!(
        "slow --url ws://{address}/a --subscribers 5 --stalled 2 --paired 3 --rate 400 \
         --allow-saturated --late 60s --warmup 50ms --duration 200ms"
    ));
    assert_eq!((ran.code, ran.faults()), (0, RIGHT), "{:#}", ran.report);
    assert_eq!(figure(&ran, "slow_connections"), 6.0);
    for side in ["without slow", "with slow"] {
        assert_eq!(
            ran.number(&format!("/latency/{side}/count")),
            3.0 * 80.0 * 5.0
        );
    }
    let ratio = figure(&ran, "p99_ratio");
    assert!(ratio.is_finite() && ratio > 0.0);
}

#[test]
fn a_slow_subscriber_may_be_closed_but_must_have_no_gap() {
    let slow = |fault, more: &str| {
        let address = serve_harming(5, fault, 20, false);
        run(&format!(
            "slow --url ws://{address}/a --subscribers 4 --stalled 2 --rate 200 {WRONG} {CALM} {more}"
        ))
    };
    let ran = slow(Fault::None, "");
    assert_eq!((ran.code, ran.faults()), (0, RIGHT), "{:#}", ran.report);
    let ran = slow(Fault::CloseFrame, "");
    assert_eq!((ran.code, ran.faults()), (0, RIGHT), "{:#}", ran.report);
    assert_eq!(figure(&ran, "slow_closed_1013"), 1.0);
    assert_eq!(figure(&ran, "slow_caught_up"), 1.0);
    for (fault, faults) in [
        (Fault::Drop, [1, 0, 0, 0, 0, 0]),
        (Fault::Twice, [0, 1, 0, 0, 0, 0]),
        (Fault::Corrupt, [1, 0, 0, 1, 0, 0]),
    ] {
        let ran = slow(fault, "--catch-up 1s");
        let expected = (1, faults);
        assert_eq!(
            (ran.code, ran.faults()),
            expected,
            "{fault:?} {:#}",
            ran.report
        );
    }
    let ran = slow(Fault::Drop, "--gaps-allowed --catch-up 1s");
    assert_eq!((ran.code, ran.faults()), (0, RIGHT), "{:#}", ran.report);
    assert_eq!(figure(&ran, "slow_gaps"), 1.0);
    let ran = slow(Fault::Masked, "");
    assert_eq!(ran.code, 1, "{:#}", ran.report);
}

#[test]
fn those_who_come_and_go_get_all_that_is_sent_while_they_are_there() {
    let bare = Bare::start(&[]);
    let address = &bare.address;
    let ran = run(&format!(
        "churn --url ws://{address}/a --subscribers 5 --joins 60 --stay 100ms --rate 300 {CALM}"
    ));
    assert_eq!((ran.code, ran.faults()), (0, RIGHT), "{:#}", ran.report);
    // 600 ms at 60 a second, the one at 0 included.
    assert_eq!(figure(&ran, "joins"), 36.0);
    assert_eq!(figure(&ran, "goodbyes") + figure(&ran, "vanished"), 36.0);
    assert!(figure(&ran, "goodbyes") > 0.0 && figure(&ran, "vanished") > 0.0);
    let deliveries = figure(&ran, "guest_deliveries");
    assert!(deliveries > 36.0, "{deliveries}");
    assert_eq!(ran.number("/latency/all/count"), 150.0 * 5.0);
    assert_eq!(ran.number("/latency/connect and handshake/count"), 36.0);
}

#[test]
fn a_fault_at_one_who_comes_and_goes_is_found() {
    for (fault, faults) in [
        (Fault::None, RIGHT),
        (Fault::Drop, [1, 0, 0, 0, 0, 0]),
        (Fault::Twice, [0, 1, 0, 0, 0, 0]),
        (Fault::SwapSame, [0, 0, 1, 0, 0, 0]),
    ] {
        // Four subscribers, a publisher, two that come; it happens to the first of these.
        let address = serve_harming(5, fault, 20, false);
        let ran = run(&format!(
            "churn --url ws://{address}/a --subscribers 4 --joins 3 --stay 400ms --vanishing 0 \
             --rate 200 {WRONG} {CALM}"
        ));
        let code = i32::from(fault != Fault::None);
        assert_eq!(
            (ran.code, ran.faults()),
            (code, faults),
            "{fault:?} {:#}",
            ran.report
        );
    }
    let address = serve_harming(5, Fault::CloseFrame, 20, false);
    let ran = run(&format!(
        "churn --url ws://{address}/a --subscribers 4 --joins 3 --stay 400ms --rate 200 {WRONG} {CALM}"
    ));
    assert_eq!(ran.code, 1, "{:#}", ran.report);
    let why = "closed by the server: 1013 lagged";
    assert_eq!(ran.report["verdict"]["ended"][why], 1, "{:#}", ran.report);
}

#[test]
fn a_flood_slows_the_publishers_and_loses_nothing() {
    let bare = Bare::start(&[]);
    let (address, pid) = (&bare.address, bare.pid);
    let ran = run(&format!(
        "flood --url ws://{address}/a --pid {pid} --subscribers 5 --window 8 --calibrate 300ms {CALM}"
    ));
    assert_eq!((ran.code, ran.faults()), (0, RIGHT), "{:#}", ran.report);
    assert_eq!(figure(&ran, "asked"), 2.0 * figure(&ran, "carried"));
    assert!(figure(&ran, "carried") > 0.0);
    assert_eq!(figure(&ran, "closed"), 0.0);
    assert!(figure(&ran, "rss_peak_bytes") > 0.0);

    let address = serve_harming(0, Fault::CloseFrame, 400, false);
    let ran = run(&format!(
        "flood --url ws://{address}/a --subscribers 2 --rate 400 {WRONG} {CALM}"
    ));
    assert_eq!(ran.code, 1, "{:#}", ran.report);
    assert_eq!(figure(&ran, "closed"), 1.0);
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (words, text) in [
        ("slow --url ws://127.0.0.1:1/ --stalled 0", "nobody is slow"),
        (
            "churn --url ws://127.0.0.1:1/ --joins 1e6 --duration 1m",
            "--joins",
        ),
        ("flood --url ws://127.0.0.1:1/ --multiple 0", "factor"),
    ] {
        let ran = run(words);
        assert_eq!(ran.code, 2, "{words}");
        assert!(ran.stderr.contains(text), "{words}: {}", ran.stderr);
    }
}

#[test]
fn the_servers_own_latency_is_shown_beside_ours() {
    use std::io::{Read, Write};
    let bare = Bare::start(&[]);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let metrics = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        for n in [100, 300] {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 1024]).unwrap();
            let page = format!(
                "# TYPE x_seconds histogram\nx_seconds_bucket{{le=\"0.002\"}} {n}\n\
                 x_seconds_bucket{{le=\"+Inf\"}} {n}\n"
            );
            write!(stream, "HTTP/1.1 200 OK\r\n\r\n{page}").unwrap();
        }
    });
    let words = format!(
        "fanout --url ws://{}/a --subscribers 2 --metrics http://{metrics}/ {CALM}",
        bare.address
    );
    let ran = run(&format!("{words} --metrics-histogram x_seconds"));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(figure(&ran, "inside_p50_us"), 1000.0);
    thread.join().unwrap();
    let ran = run(&words);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains(&metrics.to_string()), "{}", ran.stderr);
}

/// A file of groups of this test's own.
fn groups(name: &str, text: &str) -> std::path::PathBuf {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).unwrap();
    path
}

const TWO: &str = "[[group]]\nname = 'a'\npath = '/echo/a'\nsubscribers = 1\nown = true\nrate = 100\n\
    publishers = 1\n[[group]]\nname = 'b'\npath = '/b'\nsubscribers = 4\npublishers = 2\nwindow = 2\n\
    stalled = 1\nsize = 64\n";

#[test]
fn groups_out_of_a_file_are_told_apart() {
    let bare = Bare::start(&[]);
    let address = &bare.address;
    let one = "[[group]]\nname = 'b'\npath = '/b'\nsubscribers = 4\npublishers = 2\nrate = 200\n\
        stalled = 1\ntrickling = 1\n";
    let file = groups("one.toml", one);
    let file = file.display();
    let ran = run(&format!("mixed --url ws://{address}/ --file {file} {CALM}"));
    assert_eq!(
        (ran.code, ran.faults()),
        (0, RIGHT),
        "{:#}{}",
        ran.report,
        ran.stderr
    );
    assert_eq!(figure(&ran, "slow_caught_up"), 2.0);
    assert_eq!(ran.number("/latency/all/count"), 100.0 * 5.0);
}

#[test]
fn a_message_on_the_wrong_channel_is_found() {
    // The bare server has one channel for all paths but those of the echo.
    let bare = Bare::start(&[]);
    let address = &bare.address;
    let file = groups("two.toml", &TWO.replace("/echo/a", "/a"));
    let file = file.display();
    let ran = run(&format!("mixed --url ws://{address}/ --file {file} {CALM}"));
    assert_eq!(ran.code, 1, "{:#}", ran.report);
    assert!(ran.faults()[4] > 0, "{:#}", ran.report);
}

#[test]
fn one_group_alone_and_with_the_others() {
    let address = serve_harming(usize::MAX, Fault::None, 0, false);
    let both = "[[group]]\nname = 'a'\npath = '/a'\nsubscribers = 3\nrate = 200\nsize = 64\n\
        [[group]]\nname = 'b'\npath = '/b'\nsubscribers = 2\nrate = 100\nsize = 64\n";
    let file = groups("alone.toml", both);
    let file = file.display();
    let words = format!("mixed --url ws://{address}/ --file {file} --rounds 2 {CALM}");
    let ran = run(&format!("{words} --alone a"));
    assert_eq!(
        (ran.code, ran.faults()),
        (0, RIGHT),
        "{:#}{}",
        ran.report,
        ran.stderr
    );
    for side in ["without others", "with others"] {
        assert_eq!(
            ran.number(&format!("/latency/{side}/count")),
            2.0 * 100.0 * 3.0
        );
    }
    assert!(figure(&ran, "p99_ratio") > 0.0);
    // 600 ms of a in four spans, of b in the two that are not a's alone.
    let expected = 4.0 * 120.0 * 3.0 + 2.0 * 60.0 * 2.0;
    assert_eq!(ran.number("/verdict/delivered"), expected);
    let ran = run(&format!("{words} --alone z"));
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("no such group"), "{}", ran.stderr);
}

#[test]
fn connections_as_a_storm_and_at_a_rate() {
    let bare = Bare::start(&[]);
    let (address, pid) = (&bare.address, bare.pid);
    let storm = run(&format!(
        "connect --url ws://{address}/a --pid {pid} --connections 200 --allow-saturated --late 60s"
    ));
    assert_eq!(
        (storm.code, storm.faults()),
        (0, RIGHT),
        "{:#}",
        storm.report
    );
    assert_eq!(figure(&storm, "opened"), 200.0);
    assert_eq!(storm.number("/verdict/delivered"), 199.0);
    for name in ["TCP connect", "handshake", "both"] {
        assert_eq!(storm.number(&format!("/latency/{name}/count")), 200.0);
    }
    let ramp = run(&format!(
        "connect --url ws://{address}/a --connections 50 --ramp 100 --allow-saturated --late 60s"
    ));
    assert_eq!((ramp.code, ramp.faults()), (0, RIGHT), "{:#}", ramp.report);
    assert!(ramp.number("/measured/connect_s") >= 0.49);
    assert!(figure(&ramp, "opened_rate") <= 102.0);
}

#[test]
fn connections_that_fail_are_counted_by_why() {
    use std::io::{Read, Write};
    // Every third is refused, every third is never answered.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for (n, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            match n % 3 {
                0 => kept.extend(
                    tungstenite::accept(stream)
                        .ok()
                        .map(|s| s.get_ref().try_clone().unwrap()),
                ),
                1 => {
                    let _ = stream.read(&mut [0; 4096]);
                    let _ = stream.write_all(b"HTTP/1.1 503 Full\r\nContent-Length: 0\r\n\r\n");
                }
                _ => kept.push(stream),
            }
        }
    });
    let words =
        format!("connect --url ws://{address}/ --connections 30 --patience 1s {WRONG_CONNECT}");
    let ran = run(&words);
    assert_eq!(ran.code, 1, "{:#}", ran.report);
    assert_eq!(figure(&ran, "opened"), 10.0);
    assert_eq!(figure(&ran, "failed"), 20.0);
    assert_eq!(figure(&ran, "gave_up"), 10.0);
    let refused = "handshake failed: the server answered 503 Full instead of 101";
    assert_eq!(
        ran.report["verdict"]["ended"][refused], 10,
        "{:#}",
        ran.report
    );
    assert_eq!(ran.faults()[0], 9);
}

const WRONG_CONNECT: &str = "--grace 300ms --allow-saturated --late 60s";

#[test]
fn a_long_run_has_a_verdict_each_interval_and_notices_what_grows() {
    let bare = Bare::start(&[]);
    let (address, pid) = (&bare.address, bare.pid);
    let words = "--joins 20 --stay 100ms --rate 100 --every 300ms --allow-saturated --late 60s \
        --warmup 100ms --duration 1500ms";
    let ran = run(&format!(
        "soak --url ws://{address}/a --pid {pid} --subscribers 4 {words}"
    ));
    assert_eq!((ran.code, ran.faults()), (0, RIGHT), "{:#}", ran.report);
    assert_eq!(
        (figure(&ran, "intervals"), figure(&ran, "wrong_intervals")),
        (5.0, 0.0)
    );
    // 1.6 s at 20 a second, each interval's first at its beginning.
    assert_eq!(figure(&ran, "joins"), 8.0 + 4.0 * 6.0);
    assert_eq!(ran.stderr.matches("ok ").count(), 5, "{}", ran.stderr);
    assert!(figure(&ran, "descriptors_growth").abs() < 16.0);

    // This process leaks while it serves.
    let address = serve_harming(0, Fault::Drop, 70, false);
    let done = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let until = done.clone();
    let leak = std::thread::spawn(move || {
        let mut kept = Vec::new();
        while !until.load(std::sync::atomic::Ordering::Relaxed) && kept.len() < 400 {
            let file = std::fs::File::open("/dev/null").unwrap();
            kept.push((vec![1u8; 1 << 20], file));
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    });
    let pid = std::process::id();
    let ran = run(&format!(
        "soak --url ws://{address}/a --pid {pid} --subscribers 4 {WRONG} {} \
         --growth-max 4 --descriptors-growth-max 4",
        words.replace("--joins 20", "--joins 0")
    ));
    done.store(true, std::sync::atomic::Ordering::Relaxed);
    leak.join().unwrap();
    assert_eq!(
        (ran.code, ran.faults()),
        (1, [1, 0, 0, 0, 0, 0]),
        "{:#}",
        ran.report
    );
    assert_eq!(figure(&ran, "wrong_intervals"), 1.0);
    let broken = ran.report["verdict"]["broken"].to_string();
    assert!(
        broken.contains("memory grew") && broken.contains("descriptors grew"),
        "{broken} {:#}",
        ran.report
    );
}
