//! Who is alive: the server asks, the client answers.

use std::time::{Duration, Instant};

use crate::client::{ENGINE_IO, Polling, body, heard, websocket};
use crate::start;
use crate::support::{End, Relay, TEXT, wait_until};

/// Heartbeats that are soon, and an answer to them that may be late.
fn patient() -> Relay {
    start(|limits| limits.ping_timeout_ms = 20_000)
}

const INTERVAL: Duration = Duration::from_millis(300);

/// "Heartbeat": each `pingInterval` the server sends `2`, and goes on after the `3`, by polling.
#[test]
fn a_poll_is_answered_with_pings() {
    let relay = patient();
    let session = Polling::open(&relay, ENGINE_IO);
    let begun = Instant::now();
    for i in 1..=3 {
        assert_eq!(session.poll(), "2");
        assert!(
            begun.elapsed() >= INTERVAL * i - Duration::from_millis(100),
            "too soon"
        );
        session.say("3");
    }
    session.say("4still here");
    assert_eq!(session.poll(), "4still here");
}

/// "Heartbeat": the same over WebSocket, as packets, not as frames of its own kind.
#[test]
fn a_websocket_is_sent_pings() {
    let relay = patient();
    let mut peer = websocket(&relay, ENGINE_IO);
    let begun = Instant::now();
    for i in 1..=3 {
        assert_eq!(heard(&mut peer), "2".into());
        assert!(
            begun.elapsed() >= INTERVAL * i - Duration::from_millis(100),
            "too soon"
        );
        peer.send(TEXT, b"3");
    }
    peer.send(TEXT, b"4still here");
    assert_eq!(heard(&mut peer), "4still here".into());
}

/// "Heartbeat": without an answer within `pingTimeout` the session is over.
#[test]
fn who_does_not_answer_is_dropped() {
    // Longer than the suites have it, for a client that has to be there in time on a busy machine.
    let relay = start(|limits| limits.ping_timeout_ms = 1_000);
    let (begun, session) = (Instant::now(), Polling::open(&relay, ENGINE_IO));
    assert_eq!(session.poll(), "2");
    // The next poll waits for its end: it is answered, and then its id means nothing.
    let answer = session.get();
    assert!(
        matches!((answer.status, body(&answer)), (200, "1") | (400, _)),
        "{answer:?}"
    );
    assert!(begun.elapsed() >= Duration::from_millis(1_250));
    session.is_gone();

    let (begun, mut peer) = (Instant::now(), websocket(&relay, ENGINE_IO));
    assert_eq!(heard(&mut peer), "2".into());
    assert!(matches!(peer.end(), End::Close(_) | End::Eof));
    assert!(begun.elapsed() >= Duration::from_millis(1_250));
    drop(peer);
    relay.recovers();
}

/// "Heartbeat": nor does somebody stay who never asks for a packet.
#[test]
fn who_never_polls_is_dropped() {
    let relay = start(|_| {});
    let session = Polling::open(&relay, ENGINE_IO);
    wait_until("the session ends", || {
        relay.metric("sessions{transport=\"polling\"}") == 0
    });
    session.is_gone();
    relay.recovers();
}
