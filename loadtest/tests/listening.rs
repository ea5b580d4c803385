//! Event streams and long-polls, from a server that is right and from one that does one thing wrong:
//! what is lost, doubled or out of order is found, what is announced to be missing is counted apart.

mod common;

use common::history::{Fault, serve};
use common::{Ran, run, table};

const RIGHT: [u64; 6] = [0; 6];
const DIALECTS: [&str; 2] = ["sse", "poll"];
const CALM: &str = "--in-flight 1 --grace 500ms --size 300 --allow-saturated --late 60s \
    --warmup 100ms";
const CLOCK: &str = "--rate 100 --duration 400ms";

fn fanout(dialect: &str, fault: Fault, more: &str) -> Ran {
    let address = serve(fault);
    run(&format!(
        "fanout --url http://{address}/a --dialect {dialect} --subscribers 3 {CALM} {more}"
    ))
}

fn verdict(ran: &Ran, name: &str) -> f64 {
    ran.number(&format!("/verdict/{name}"))
}

#[test]
fn each_fault_is_reported() {
    for dialect in DIALECTS {
        for (fault, faults) in [
            (Fault::None, RIGHT),
            (Fault::Drop, [1, 0, 0, 0, 0, 0]),
            (Fault::Twice, [0, 1, 0, 0, 0, 0]),
            (Fault::Swap, [0, 0, 1, 0, 0, 0]),
            (Fault::Corrupt, [1, 0, 0, 1, 0, 0]),
        ] {
            let ran = fanout(dialect, fault, CLOCK);
            assert_eq!(
                (ran.code, ran.faults()),
                (i32::from(fault != Fault::None), faults),
                "{dialect} {fault:?} {:#} {}",
                ran.report,
                ran.stderr
            );
            let counted = ["expected", "gaps", "skipped"].map(|name| verdict(&ran, name));
            assert_eq!(counted, [150.0, 0.0, 0.0]);
        }
    }
}

#[test]
fn an_announced_gap_is_no_loss_but_more_than_it_says_is() {
    for dialect in DIALECTS {
        for (said, skipped, lost) in [(Some(3), 3.0, 0), (None, 3.0, 0), (Some(2), 2.0, 1)] {
            let ran = fanout(dialect, Fault::Gap(3, said), CLOCK);
            assert_eq!(
                (ran.code, ran.faults()),
                (i32::from(lost > 0), [lost, 0, 0, 0, 0, 0]),
                "{dialect} {said:?} {:#}",
                ran.report
            );
            let counted = ["expected", "gaps", "skipped"].map(|name| verdict(&ran, name));
            assert_eq!(counted, [150.0 - skipped, 1.0, skipped]);
            assert_eq!(verdict(&ran, "delivered"), 147.0);
        }
    }
    let address = serve(Fault::Gap(3, None));
    let seen = table(&format!(
        "fanout --url http://{address}/a --dialect sse --subscribers 3 {CALM} {CLOCK}"
    ));
    let gaps = "1 announced by the server, 3 deliveries missing by them";
    assert!(seen.contains(gaps), "{seen}");
}

#[test]
fn a_closed_loop_does_not_wait_for_what_was_announced_to_be_missing() {
    for dialect in DIALECTS {
        let ran = fanout(
            dialect,
            Fault::Gap(3, Some(3)),
            "--window 8 --duration 400ms",
        );
        assert_eq!((ran.code, ran.faults()), (0, RIGHT), "{:#}", ran.report);
        assert!(verdict(&ran, "delivered") > 200.0, "{:#}", ran.report);
    }
}

#[test]
fn a_connection_that_is_cut_is_named() {
    for dialect in DIALECTS {
        let ran = fanout(dialect, Fault::Cut, CLOCK);
        assert_eq!(ran.code, 1, "{:#}", ran.report);
        let cut = "cut without a close frame: end of stream";
        assert_eq!(ran.report["verdict"]["ended"][cut], 1, "{:#}", ran.report);
    }
}

#[test]
fn who_is_cut_and_comes_back_misses_nothing_or_is_told() {
    for dialect in DIALECTS {
        for fault in [Fault::None, Fault::Forget, Fault::ForgetAndSay] {
            let address = serve(fault);
            let ran = run(&format!(
                "churn --url http://{address}/a --dialect {dialect} --subscribers 2 --joins 40 \
                 --stay 300ms --returning 60 --away 100ms {CALM} --rate 100 --duration 900ms"
            ));
            let (lost, code) = (ran.faults()[0], i32::from(fault == Fault::Forget));
            assert_eq!(ran.code, code, "{dialect} {fault:?} {:#}", ran.report);
            assert_eq!(lost > 0, code == 1);
            assert_eq!(ran.faults()[1..], RIGHT[1..]);
            assert!(
                ran.number("/figures/returns/value") > 5.0,
                "{:#}",
                ran.report
            );
            let announced = verdict(&ran, "gaps") > 5.0 && verdict(&ran, "skipped") > 5.0;
            assert_eq!(announced, fault == Fault::ForgetAndSay, "{:#}", ran.report);
        }
    }
}

#[test]
fn the_other_scenarios_listen_too() {
    for dialect in DIALECTS {
        let address = serve(Fault::None);
        for words in [
            "idle --connections 20 --step 10 --hold 50ms",
            "connect --connections 20",
            "slow --subscribers 3 --stalled 2 --rate 100 --duration 300ms --warmup 0s",
            "soak --subscribers 3 --joins 10 --stay 100ms --rate 50 --duration 600ms --every 300ms",
        ] {
            let ran = run(&format!(
                "{words} --url http://{address}/a --dialect {dialect}"
            ));
            // A test machine may be too slow for the figures (3).
            assert!(
                ran.code == 0 || ran.code == 3,
                "{words}: {} {:#}",
                ran.stderr,
                ran.report
            );
            assert!(
                verdict(&ran, "delivered") >= 19.0,
                "{words} {:#}",
                ran.report
            );
        }
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (words, text) in [
        ("fanout --url ws://127.0.0.1:1/", "expected http://"),
        ("echo --url http://127.0.0.1:1/", "there is no echo"),
        (
            "fanout --url http://127.0.0.1:1/ --payload binary",
            "text or json",
        ),
        ("fanout --url http://127.0.0.1:1/ --size 30", "36 bytes"),
    ] {
        let ran = run(&format!("{words} --dialect sse"));
        assert_eq!(ran.code, 2, "{words}");
        assert!(ran.stderr.contains(text), "{words}: {}", ran.stderr);
    }
    let ran = run("churn --url ws://127.0.0.1:1/ --returning 5");
    assert!(
        ran.stderr.contains("--dialect sse or poll"),
        "{}",
        ran.stderr
    );
}
