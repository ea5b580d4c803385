//! From polling to WebSocket: nothing is lost, and who does not go through with it stays where it was.

use crate::calm;
use crate::client::{ENGINE_IO, Polling, body, get, heard, target, websocket};
use crate::support::{End, Peer, TEXT, upgrade, wait_until};

/// A WebSocket beside a session that has been answered its probe.
fn probed(session: &Polling<'_>) -> Peer {
    let mut peer = session.beside(ENGINE_IO);
    peer.send(TEXT, b"2probe");
    assert_eq!(heard(&mut peer), "3probe".into());
    peer
}

/// "Upgrade": `2probe`, `3probe`, `5`, and then packets are frames.
#[test]
fn probe_upgrade_and_on() {
    let relay = calm(|_| {});
    let session = Polling::open(&relay, ENGINE_IO);
    let mut peer = probed(&session);
    peer.send(TEXT, b"5");
    peer.send(TEXT, b"4hello");
    assert_eq!(heard(&mut peer), "4hello".into());
    drop(peer);
    relay.recovers();
}

/// "Upgrade": a GET that waits, or comes meanwhile, is ended by a `6`, so that the client may go on.
#[test]
fn a_poll_ends_by_a_packet_that_means_nothing() {
    let relay = calm(|_| {});
    let session = Polling::open(&relay, ENGINE_IO);
    let mut waiting = session.asked();
    let mut peer = probed(&session);
    assert_eq!(body(&waiting.answer()), "6");
    // One more before the client has seen the answer to its probe.
    assert_eq!(session.poll(), "6");
    peer.send(TEXT, b"5");
    peer.send(TEXT, b"4hello");
    assert_eq!(heard(&mut peer), "4hello".into());
}

/// "Upgrade", "to ensure that no packet gets lost": what waited for a poll goes over the WebSocket, in order.
#[test]
fn what_waits_is_taken_along() {
    let relay = calm(|_| {});
    let session = Polling::open(&relay, ENGINE_IO);
    session.say("4a\x1ebAQID\x1e4b");
    let mut peer = probed(&session);
    session.say("4c");
    peer.send(TEXT, b"5");
    peer.send(TEXT, b"4d");
    let bytes: &[u8] = &[1, 2, 3];
    for packet in [
        "4a".into(),
        bytes.into(),
        "4b".into(),
        "4c".into(),
        "4d".into(),
    ] {
        assert_eq!(heard(&mut peer), packet);
    }
}

/// From the suite: who is upgraded polls no more; the session is none the worse for it.
#[test]
fn polls_are_refused_after_the_upgrade() {
    let relay = calm(|_| {});
    let session = Polling::open(&relay, ENGINE_IO);
    let mut peer = probed(&session);
    peer.send(TEXT, b"5");
    peer.send(TEXT, b"4a");
    assert_eq!(heard(&mut peer), "4a".into());
    assert_eq!(session.get().status, 400);
    assert_eq!(session.post("4b").status, 400);
    peer.send(TEXT, b"4c");
    assert_eq!(heard(&mut peer), "4c".into());
}

/// "WebSocket": a second one for the same session is closed; the first does not notice.
#[test]
fn a_second_websocket_is_closed() {
    let relay = calm(|_| {});
    let session = Polling::open(&relay, ENGINE_IO);
    let mut peer = probed(&session);
    peer.send(TEXT, b"5");
    peer.send(TEXT, b"4a");
    assert_eq!(heard(&mut peer), "4a".into());
    let mut second = relay.connect();
    second.write(upgrade(&target(ENGINE_IO, "websocket", &session.sid), ""));
    let answer = second.answer();
    // Refused at once, or let in and closed.
    assert!(answer.status == 400 || matches!(second.end(), End::Close(_) | End::Eof));
    peer.send(TEXT, b"4b");
    assert_eq!(heard(&mut peer), "4b".into());
}

/// A session that began over WebSocket cannot be upgraded, nor polled.
#[test]
fn a_session_over_websocket_stays_there() {
    let relay = calm(|_| {});
    let mut peer = relay.ws(&target(ENGINE_IO, "websocket", ""));
    let crate::client::Heard::Text(open) = heard(&mut peer) else {
        panic!("bytes")
    };
    let sid = crate::client::member(&open, "sid").to_owned();
    assert_eq!(get(&relay, &target(ENGINE_IO, "polling", &sid)).status, 400);
    peer.send(TEXT, b"4a");
    assert_eq!(heard(&mut peer), "4a".into());
    drop(websocket(&relay, ENGINE_IO));
}

/// From the official server: who leaves in the middle of it goes on polling.
#[test]
fn an_upgrade_that_is_given_up_leaves_the_session_polling() {
    let relay = calm(|_| {});
    let session = Polling::open(&relay, ENGINE_IO);
    let peer = probed(&session);
    drop(peer);
    let mut another = session.beside(ENGINE_IO);
    another.half_close();
    another.end();
    session.say("4a");
    // Until it is known that they have gone, polls may be answered with `6`.
    wait_until("the packet arrives by polling", || session.poll() == "4a");
    let mut peer = probed(&session);
    peer.send(TEXT, b"5");
    peer.send(TEXT, b"4b");
    assert_eq!(heard(&mut peer), "4b".into(), "and may try again");
}

/// From the official server: an upgrade has to be over in time; else its WebSocket is closed.
#[test]
fn an_upgrade_that_takes_too_long_is_closed() {
    let relay = calm(|limits| limits.upgrade_timeout_ms = 200);
    let session = Polling::open(&relay, ENGINE_IO);
    let (mut probed, mut silent) = (
        probed(&session),
        Polling::open(&relay, ENGINE_IO).beside(ENGINE_IO),
    );
    for peer in [&mut probed, &mut silent] {
        assert!(matches!(peer.end(), End::Close(_) | End::Eof));
    }
    session.say("4a");
    wait_until("the packet arrives by polling", || session.poll() == "4a");
}

/// "Upgrade": before its `5` nothing but a probe may come.
#[test]
fn something_else_than_a_probe_is_closed() {
    let relay = calm(|limits| limits.upgrade_timeout_ms = 1_000);
    for packet in ["4hello", "abc", "2", "3probe", "1"] {
        let session = Polling::open(&relay, ENGINE_IO);
        let mut peer = session.beside(ENGINE_IO);
        peer.send(TEXT, packet.as_bytes());
        assert!(matches!(peer.end(), End::Close(_) | End::Eof), "{packet}");
    }
}
