//! Against a server that does one thing wrong, once: each must be reported, and nothing else.

mod common;

use std::net::TcpListener;

use common::faulty::{Fault, serve};
use common::{Ran, run};

/// One connection at a time, so that the first is the first.
const COMMON: &str = "--in-flight 1 --grace 500ms";
const SENDING: &str = "--size 64 --allow-saturated --late 60s --warmup 100ms --duration 400ms";

fn fanout(fault: Fault) -> Ran {
    let address = serve(fault, 20, false);
    run(&format!(
        "fanout --url ws://{address}/a --subscribers 4 --publishers 2 --rate 200 {COMMON} {SENDING}"
    ))
}

#[test]
fn the_same_server_without_a_fault_is_right() {
    let ran = fanout(Fault::None);
    assert_eq!((ran.code, ran.faults()), (0, [0; 6]), "{:#}", ran.report);
    assert_eq!(ran.number("/verdict/delivered"), 500.0);
}

#[test]
fn fanout_reports_each_fault_and_nothing_else() {
    for (fault, expected) in [
        (Fault::Drop, [1, 0, 0, 0, 0, 0]),
        (Fault::Twice, [0, 1, 0, 0, 0, 0]),
        (Fault::SwapSame, [0, 0, 1, 0, 0, 0]),
        (Fault::SwapAcross, [0, 0, 0, 0, 0, 1]),
        (Fault::Corrupt, [1, 0, 0, 1, 0, 0]),
    ] {
        let ran = fanout(fault);
        assert_eq!(
            (ran.code, ran.faults()),
            (1, expected),
            "{fault:?} {:#}",
            ran.report
        );
    }
}

#[test]
fn fanout_reports_connections_that_end_and_why() {
    for (fault, why) in [
        (Fault::Cut, "cut without a close frame: end of stream"),
        (Fault::CloseFrame, "closed by the server: 1013 lagged"),
        (Fault::Masked, "protocol violation: server frame is masked"),
        (Fault::Reserved, "protocol violation: reserved bit set"),
    ] {
        let ran = fanout(fault);
        assert_eq!(ran.code, 1, "{fault:?} {:#}", ran.report);
        assert_eq!(ran.report["verdict"]["ended"][why], 1, "{:#}", ran.report);
        // 100 messages, of which the first connection got 20.
        assert_eq!(ran.faults(), [80, 0, 0, 0, 0, 0], "{fault:?}");
    }
}

#[test]
fn fanout_reports_text_that_was_sent_as_binary() {
    let ran = fanout(Fault::Text);
    assert_eq!(
        (ran.code, ran.faults()),
        (1, [1, 0, 0, 1, 0, 0]),
        "{:#}",
        ran.report
    );
}

#[test]
fn fanout_in_a_closed_loop_ends_on_a_loss() {
    let address = serve(Fault::Drop, 20, false);
    let ran = run(&format!(
        "fanout --url ws://{address}/a --subscribers 4 {COMMON} {SENDING}"
    ));
    assert_eq!(
        (ran.code, ran.faults()),
        (1, [1, 0, 0, 0, 0, 0]),
        "{:#}",
        ran.report
    );
    assert_eq!(ran.number("/verdict/expected"), 21.0 * 4.0);
}

#[test]
fn a_server_that_returns_ones_own_is_wrong_unless_that_is_asked_for() {
    let address = serve(Fault::None, 0, true);
    let ran = run(&format!(
        "fanout --url ws://{address}/a --subscribers 1 --rate 100 {COMMON} {SENDING}"
    ));
    assert_eq!(
        (ran.code, ran.faults()),
        (1, [50, 0, 0, 0, 50, 0]),
        "{:#}",
        ran.report
    );
    let ran = run(&format!(
        "fanout --url ws://{address}/a --own --subscribers 1 --rate 100 {COMMON} {SENDING}"
    ));
    assert_eq!(
        (ran.code, ran.faults()),
        (1, [50, 0, 0, 0, 0, 0]),
        "{:#}",
        ran.report
    );
}

#[test]
fn a_server_that_stops_reading_is_not_taken_for_a_slow_client() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let open = |stream: std::io::Result<_>| tungstenite::accept(stream.unwrap()).unwrap();
        let _kept: Vec<_> = listener.incoming().map(open).collect();
    });
    let ran = run(&format!(
        "fanout --url ws://{address}/a --subscribers 1 --rate 1000 {COMMON} --allow-saturated \
         --late 60s --size 256KiB --warmup 0s --duration 500ms"
    ));
    let [lost, others @ ..] = ran.faults();
    assert_eq!((ran.code, others), (1, [0; 5]), "{:#}", ran.report);
    let unsent = ran.number("/client/unsent");
    assert!(
        unsent > 0.0 && lost as f64 + unsent == 500.0,
        "{lost} lost, {unsent} unsent"
    );
}

#[test]
fn echo_reports_each_fault() {
    for (fault, expected) in [
        (Fault::None, [0, 0, 0, 0, 0, 0]),
        (Fault::Drop, [1, 0, 0, 0, 0, 0]),
        (Fault::Twice, [0, 1, 0, 0, 0, 0]),
        (Fault::SwapSame, [0, 0, 1, 0, 0, 0]),
        (Fault::Corrupt, [1, 0, 0, 1, 0, 0]),
    ] {
        let address = serve(fault, 20, true);
        let ran = run(&format!(
            "echo --url ws://{address}/a --connections 3 --rate 300 {COMMON} {SENDING}"
        ));
        let code = i32::from(fault != Fault::None);
        assert_eq!(
            (ran.code, ran.faults()),
            (code, expected),
            "{fault:?} {:#}",
            ran.report
        );
    }
}

#[test]
fn idle_reports_the_one_that_did_not_get_it_and_the_one_that_got_it_twice() {
    for (fault, expected) in [
        (Fault::None, [0, 0, 0, 0, 0, 0]),
        (Fault::Drop, [1, 0, 0, 0, 0, 0]),
        (Fault::Twice, [0, 1, 0, 0, 0, 0]),
    ] {
        let address = serve(fault, 0, false);
        let ran = run(&format!(
            "idle --url ws://{address}/a --connections 20 --step 10 --hold 50ms {COMMON}"
        ));
        let code = i32::from(fault != Fault::None);
        assert_eq!(
            (ran.code, ran.faults()),
            (code, expected),
            "{fault:?} {:#}",
            ran.report
        );
    }
}
