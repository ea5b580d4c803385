//! Packets by GET and POST: payloads, what may overlap, and what ends a session.

use crate::calm;
use crate::client::{ENGINE_IO, Polling, asked, body, posted};
use crate::client::{Heard, heard, websocket};
use crate::support::{BINARY, End, Peer, Relay, TEXT, frame};

fn open(relay: &Relay) -> Polling<'_> {
    Polling::open(relay, ENGINE_IO)
}

/// "Sending data": 200 and `ok`; "Receiving data": what waits is the answer's body.
#[test]
fn a_packet_comes_back() {
    let relay = calm(|_| {});
    let session = open(&relay);
    let answer = session.post("4hello");
    assert_eq!((answer.status, body(&answer)), (200, "ok"));
    assert_eq!(answer.header("content-type"), Some("text/html"));
    assert_eq!(session.poll(), "4hello");
    session.say("4grüße 😀");
    assert_eq!(session.poll(), "4grüße 😀");
    session.say("4");
    assert_eq!(session.poll(), "4", "an empty message is one");
}

/// "Packet encoding", "HTTP long-polling": packets are separated by U+001E, both ways.
#[test]
fn several_packets_are_one_payload() {
    let relay = calm(|_| {});
    let session = open(&relay);
    session.say("4test1\x1e4test2\x1e4test3");
    assert_eq!(session.poll(), "4test1\x1e4test2\x1e4test3");
    session.say("4a");
    session.say("4b");
    assert_eq!(session.poll(), "4a\x1e4b", "those of several requests, too");
}

/// "Packet encoding", "HTTP long-polling": bytes are base64 behind a `b`.
#[test]
fn bytes_are_base64() {
    let relay = calm(|_| {});
    let session = open(&relay);
    for payload in [
        "4hello\x1ebAQIDBA==",
        "bAA==",
        "bAAE=",
        "bAAEC",
        "b",
        "b+/+/",
    ] {
        session.say(payload);
        assert_eq!(session.poll(), payload);
    }
}

/// "Receiving data": a GET may wait until there is something.
#[test]
fn a_poll_waits_for_a_packet() {
    let relay = calm(|_| {});
    let session = open(&relay);
    for i in 0..3 {
        let mut waiting = session.asked();
        session.say(&format!("4late {i}"));
        let answer = waiting.answer();
        assert_eq!(body(&answer), format!("4late {i}"));
    }
}

/// "Sending data": a second POST at the same time is a 400, and the session ends.
#[test]
fn two_posts_at_once_end_the_session() {
    let relay = calm(|_| {});
    let session = open(&relay);
    let mut first = posted(&relay, &session.target, 10, "4abc");
    // That its head has been read is seen by nothing but the answer to the next.
    crate::support::wait_until("a second POST is refused", || {
        let answer = session.post("4second");
        answer.status == 400
    });
    session.is_gone();
    first.try_write("defghi");
    if let Ok(answer) = first.try_answer() {
        assert_eq!(answer.status, 400, "{answer:?}");
    }
    drop(first);
    relay.recovers();
}

/// "Receiving data": a second GET at the same time is a 400, and the session ends. The first is told so.
#[test]
fn two_polls_at_once_end_the_session() {
    let relay = calm(|_| {});
    let session = open(&relay);
    let mut first = session.asked();
    let mut second = session.asked();
    // Which of them comes first is the kernel's affair.
    let mut answers = [first.answer(), second.answer()];
    answers.sort_by_key(|answer| answer.status);
    assert_eq!(answers.each_ref().map(|a| a.status), [200, 400]);
    assert_eq!(body(&answers[0]), "1");
    session.is_gone();
}

/// From the suite: a GET that is given up ends the session, for what it would have got is lost.
#[test]
fn a_poll_that_is_cut_ends_the_session() {
    let relay = calm(|_| {});
    for reset in [false, true] {
        let session = open(&relay);
        let waiting = session.asked();
        if reset {
            waiting.reset()
        } else {
            drop(waiting)
        }
        let answer = session.get();
        assert_eq!(answer.status, 400);
    }
    relay.recovers();
}

/// "Packet encoding": what is no packet is a 400, and the session ends.
#[test]
fn what_is_no_packet_ends_the_session() {
    let relay = calm(|_| {});
    for payload in [
        "abc",
        "",
        "7",
        "4a\x1e",
        "\x1e4a",
        "4a\x1e\x1e4b",
        "4a\x1ex",
        "b!!!",
        "é",
    ] {
        let session = open(&relay);
        assert_eq!(session.post(payload).status, 400, "{payload:?}");
        session.is_gone();
    }
}

/// "WebSocket": a frame that is no packet ends the session.
#[test]
fn a_frame_that_is_no_packet_ends_the_session() {
    let relay = calm(|_| {});
    for text in ["abc", "", "7", "é"] {
        let mut peer = websocket(&relay, ENGINE_IO);
        peer.send(TEXT, text.as_bytes());
        assert!(matches!(peer.end(), End::Close(_)), "{text:?}");
    }
}

/// "WebSocket": each packet is a frame; bytes are sent as they are.
#[test]
fn a_frame_is_a_packet() {
    let relay = calm(|_| {});
    let mut peer = websocket(&relay, ENGINE_IO);
    for text in ["4hello", "4", "4a\x1e4b", "4grüße"] {
        peer.send(TEXT, text.as_bytes());
        assert_eq!(heard(&mut peer), text.into());
    }
    for bytes in [&[1, 2, 3, 4][..], &[], b"4a"] {
        peer.send(BINARY, bytes);
        assert_eq!(heard(&mut peer), Heard::Bytes(bytes.to_vec()));
    }
}

/// "Handshake": `maxPayload` is the most that a payload may have; more is a 413, as the official server says.
#[test]
fn a_payload_may_be_as_long_as_was_said() {
    let relay = calm(|limits| limits.payload_bytes_max = 100_000);
    let session = open(&relay);
    let most = format!("4{}", "x".repeat(99_999));
    session.say(&most);
    assert_eq!(session.poll(), most);
    let answer = session.post(&format!("{most}x"));
    assert_eq!(answer.status, 413);

    let mut peer = websocket(&relay, ENGINE_IO);
    peer.send(TEXT, most.as_bytes());
    assert_eq!(heard(&mut peer), most.as_str().into());
    peer.try_write(frame(TEXT, format!("{most}x").as_bytes()));
    assert_eq!(peer.end(), End::Close(1009));
}

/// From the official server: bytes come as base64 in text; a body of another type is a 400.
#[test]
fn a_body_of_bytes_is_refused() {
    let relay = calm(|_| {});
    let session = open(&relay);
    let request = format!(
        "POST {} HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\nContent-Length: 2\r\n\r\n4a",
        session.target
    );
    assert_eq!(relay.connect().ask(request).status, 400);
}

/// From the suite: `1` closes at once; a GET that waits gets a last packet that means nothing.
#[test]
fn who_closes_is_gone_at_once() {
    let relay = calm(|_| {});
    let session = open(&relay);
    let mut waiting = session.asked();
    crate::support::wait_until("the poll waits", || relay.metric("connections") >= 2);
    session.say("1");
    assert_eq!(body(&waiting.answer()), "6");
    session.is_gone();

    let mut peer = websocket(&relay, ENGINE_IO);
    peer.send(TEXT, b"1");
    assert!(matches!(peer.end(), End::Close(_) | End::Eof));
}

/// An answer to a poll is kept for nobody: on one connection that stays, GET and POST take turns.
#[test]
fn a_connection_serves_request_after_request() {
    let relay = calm(|_| {});
    let session = open(&relay);
    let mut peer: Peer = asked(&relay, &session.target);
    for i in 0..5 {
        session.say(&format!("4{i}"));
        assert_eq!(body(&peer.answer()), format!("4{i}"));
        peer.write(format!(
            "GET {} HTTP/1.1\r\nHost: x\r\n\r\n",
            session.target
        ));
    }
    drop(peer);
    relay.recovers();
}
