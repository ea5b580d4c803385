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
    assert!(ran.stderr.contains("refused"), "{}", ran.stderr);
}
