//! Runs whose figures would look good although they say nothing, or hide something: each is told.

mod common;

use std::net::TcpListener;
use std::process::Command;

use common::faulty::{Fault, serve, serve_harming};
use common::{Bare, run};

const CALM: &str = "--allow-saturated --late 60s";

#[test]
fn a_publishers_own_message_does_not_stand_for_one_that_was_lost() {
    // It goes back to its sender, and to nobody else.
    let address = serve(Fault::None, 0, true);
    let ran = run(&format!(
        "connect --url ws://{address}/a --connections 2 --in-flight 1 --grace 500ms {CALM}"
    ));
    assert_eq!(
        (ran.code, ran.faults()),
        (1, [1, 0, 0, 0, 1, 0]),
        "{:#}",
        ran.report
    );
}

#[test]
fn who_is_in_is_proved_although_the_first_failed() {
    let address = serve_harming(0, Fault::Silent, 0, false);
    let ran = run(&format!(
        "connect --url ws://{address}/a --connections 6 --in-flight 1 --patience 300ms \
         --failures-allowed 20 --grace 500ms {CALM}"
    ));
    assert_eq!((ran.code, ran.faults()), (0, [0; 6]), "{:#}", ran.report);
    assert_eq!(ran.number("/verdict/expected"), 4.0);
    assert_eq!(ran.number("/verdict/delivered"), 4.0);
}

#[test]
fn a_server_that_lets_nobody_in_is_not_right_whatever_is_allowed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let ran = run(&format!(
        "connect --url ws://{address}/ --connections 3 --patience 200ms --failures-allowed 100 {CALM}"
    ));
    assert_eq!(ran.code, 1, "{:#}", ran.report);
    assert_eq!(ran.report["latency"], serde_json::json!({}));
}

#[test]
fn one_who_comes_and_is_never_answered_is_no_guest_that_left() {
    let address = serve_harming(5, Fault::Silent, 0, false);
    let ran = run(&format!(
        "churn --url ws://{address}/a --subscribers 4 --joins 3 --stay 200ms --rate 100 --size 64 \
         --in-flight 1 --grace 500ms --warmup 100ms --duration 500ms {CALM}"
    ));
    assert_eq!((ran.code, ran.faults()), (1, [0; 6]), "{:#}", ran.report);
    assert_eq!(
        ran.report["verdict"]["broken"][0],
        "1 handshakes were not answered"
    );
}

#[test]
fn another_process_than_the_server_has_no_cost_to_show() {
    let bare = Bare::start(&[]);
    let mut other = Command::new("sleep").arg("60").spawn().unwrap();
    let ran = run(&format!(
        "fanout --url ws://{}/a --pid {} --subscribers 3 --warmup 100ms --duration 300ms {CALM}",
        bare.address,
        other.id()
    ));
    other.kill().unwrap();
    other.wait().unwrap();
    assert_eq!(ran.code, 2, "{:#}", ran.report);
    assert!(ran.stderr.contains("used no CPU at all"), "{}", ran.stderr);
}

#[test]
fn a_time_in_which_nothing_was_sent_measures_nothing() {
    let bare = Bare::start(&[]);
    let ran = run(&format!(
        "fanout --url ws://{}/a --subscribers 3 --rate 1 --warmup 100ms --duration 300ms {CALM}",
        bare.address
    ));
    assert_eq!(ran.code, 2, "{:#}", ran.report);
    assert!(ran.stderr.contains("--rate"), "{}", ran.stderr);
}
