//! Faults in frames.

use std::sync::atomic::Ordering;

use crate::support::*;

/// What is wrong, the bytes behind the handshake, and the close code that they earn.
type Violation = (&'static str, Vec<u8>, u16);

/// Lengths that overflow, wrap, or are not in their shortest form.
fn bad_lengths() -> Vec<Violation> {
    let long = |first: u8, len: u64| [&[first, 0xff][..], &len.to_be_bytes(), &[0; 4]].concat();
    let sum = [frame(BINARY_BEGIN, &[0; 100]), long(LAST, (1 << 63) - 1)].concat();
    let short = vec![BINARY, 0xfe, 0, 5, 0, 0, 0, 0];
    vec![
        ("a length with the top bit", long(BINARY, 1 << 63), 1002),
        ("all ones", long(BINARY, u64::MAX), 1002),
        ("the largest length", long(BINARY, (1 << 63) - 1), 1009),
        ("a sum that wraps 63 bits", sum, 1009),
        ("32 bits and some", long(BINARY, (1 << 32) + 1), 1009),
        ("64 bits for a small length", long(BINARY, 5), 1002),
        ("16 bits for a small length", short, 1002),
    ]
}

/// Frames that may not be, or not there.
fn bad_frames() -> Vec<Violation> {
    let inside = [frame(BINARY_BEGIN, b"a"), frame(TEXT, b"a")].concat();
    vec![
        ("not masked", vec![TEXT, 1, b'a'], 1002),
        ("RSV1 without deflate", frame(0xc1, b"a"), 1002),
        ("RSV3", frame(0x91, b"a"), 1002),
        ("opcode 3", frame(0x83, b"a"), 1002),
        ("opcode 15", frame(0x8f, b"a"), 1002),
        ("a fragmented ping", frame(0x09, b"a"), 1002),
        ("a ping over 125 bytes", frame(PING, &[0; 126]), 1002),
        ("a continuation of nothing", frame(LAST, b"a"), 1002),
        ("a message inside a message", inside, 1002),
    ]
}

/// Close frames that may not be sent.
fn bad_closes() -> Vec<Violation> {
    let code = |code: u16| ("a close code", frame(CLOSE, &code.to_be_bytes()), 1002);
    let mut found: Vec<_> = [0, 999, 1004, 1005, 1006, 1015, 2999, 5000]
        .map(code)
        .into();
    found.push(("a close of one byte", frame(CLOSE, &[3]), 1002));
    found.push((
        "a reason that is no text",
        frame(CLOSE, &[3, 0xe8, 0xff]),
        1007,
    ));
    found
}

/// Text that is not UTF-8, whole and in parts.
fn bad_text() -> Vec<Violation> {
    let cut = [frame(TEXT_BEGIN, &[0xe2, 0x82]), frame(MORE, b"a")].concat();
    vec![
        ("text that is no UTF-8", frame(TEXT, b"abc\xff"), 1007),
        ("a surrogate", frame(TEXT, &[0xed, 0xa0, 0x80]), 1007),
        (
            "text cut inside a character",
            frame(TEXT, &[0xe2, 0x82]),
            1007,
        ),
        (
            "bad text before its end",
            frame(TEXT_BEGIN, b"abc\xff"),
            1007,
        ),
        ("a character cut between fragments", cut, 1007),
    ]
}

/// Each violation has its close code, and the close frame survives the input that follows it.
#[test]
fn each_violation_is_told_its_code_and_the_close_frame_survives() {
    let relay = Relay::plain();
    let harmless = frame(PONG, b"").repeat(5000);
    let violations = [bad_lengths(), bad_frames(), bad_closes(), bad_text()].concat();
    for path in ["/echo", "/channels/a"] {
        for (what, bytes, code) in &violations {
            let mut peer = relay.ws(path);
            peer.write(bytes);
            // Unread input at a close() would become a reset that overtakes the close frame. It is
            // such that without the violation there would be no other.
            for _ in 0..8 {
                peer.try_write(&harmless);
            }
            assert_eq!(peer.end(), End::Close(*code), "{what}");
            assert_eq!(peer.rest(), End::Eof, "{what}");
        }
    }
    assert!(relay.refused("bad_utf8") >= 10);
    assert!(relay.refused("bad_length") >= 8);
    relay.recovers();
}

/// Close codes that are valid come back.
#[test]
fn a_close_is_answered_with_its_code() {
    let relay = Relay::plain();
    for code in [
        1000u16, 1001, 1002, 1003, 1007, 1011, 1012, 1013, 1014, 3000, 4999,
    ] {
        let mut peer = relay.ws("/channels/a");
        peer.send(CLOSE, &[&code.to_be_bytes()[..], b"because"].concat());
        peer.is_closed_with(code);
    }
    let mut peer = relay.ws("/channels/a");
    peer.send(CLOSE, b"");
    peer.is_closed_with(0);
    drop(peer);
    relay.recovers();
}

/// A declared length is a promise: memory follows what comes.
#[test]
fn memory_follows_the_bytes_that_come_not_the_length_declared() {
    let relay = Relay::start(|c| {
        c.settings.limits = longwave::config::limits_for(512 << 20);
        c.settings.limits.history_messages_max = 0;
    });
    let mut peers = Vec::new();
    for _ in 0..20 {
        let mut ws = relay.ws("/channels/a");
        ws.write([header(BINARY, 512 << 20), vec![0; 1000]].concat());
        let mut post = relay.connect();
        post.write("POST /channels/a HTTP/1.1\r\nHost: x\r\nContent-Length: 536870912\r\n\r\n");
        post.write([0; 1000]);
        peers.extend([ws, post]);
    }
    let held = wait_for(
        "all is gathered",
        || relay.metric("memory_bytes"),
        |&n| n >= 40_000,
    );
    assert!(held < 200_000, "{held}");
    drop(peers);
    relay.recovers();
}

/// The limit is for a message, not for each of its frames.
#[test]
fn the_sum_of_fragments_is_what_is_limited() {
    let relay = Relay::limits(|l| l.message_bytes_max = 10_000);
    let mut peer = relay.ws("/echo");
    peer.send(BINARY_BEGIN, &[1; 4000]);
    peer.send(PING, b"in between");
    assert_eq!(peer.frame().unwrap().payload, b"in between");
    peer.send(MORE, &[2; 4000]);
    peer.send(LAST, &[3; 2000]);
    assert_eq!(peer.message().len(), 10_000);
    peer.send(BINARY_BEGIN, &[1; 4000]);
    peer.send(MORE, &[2; 4000]);
    peer.send(LAST, &[3; 2001]);
    peer.is_closed_with(1009);
    assert_eq!(relay.refused("message_too_big"), 1);
    drop(peer);
    relay.recovers();
}

/// Fragments of a byte cost a byte each; empty ones are counted.
#[test]
fn tiny_and_empty_fragments_are_bounded_in_number_and_in_memory() {
    let relay = Relay::limits(|l| l.message_bytes_max = 256 * 1024);
    let mut peer = relay.ws("/echo");
    let max = 1024 + 256 * 1024 / 16;
    peer.send(BINARY_BEGIN, b"a");
    peer.write(frame(MORE, b"a").repeat(max - 2));
    peer.send(PING, b"all read?");
    assert_eq!(peer.frame().unwrap().payload, b"all read?");
    let held = relay.metric("memory_bytes");
    assert!(held < 4 * max as u64, "{held} for {max} bytes");
    peer.send(LAST, b"a");
    assert_eq!(peer.message().len(), max);
    // As many again, one more, and all of them empty.
    peer.send(BINARY_BEGIN, b"");
    peer.try_write(frame(MORE, b"").repeat(max));
    peer.is_closed_with(1008);
    assert_eq!(relay.refused("too_many_fragments"), 1);
    drop(peer);
    relay.recovers();
}

/// Who pings and does not read is not read either; once it reads, it gets every pong in order.
#[test]
fn pongs_that_nobody_reads_are_bounded() {
    const PINGS: u32 = 20_000;
    let relay = Relay::limits(|l| {
        l.message_bytes_max = 64 * 1024;
        l.send_buffer_bytes = 16 * 1024;
    });
    let mut peer = Peer::connect_narrow(relay.address).upgraded("/channels/a");
    let mut writer = Peer::over(peer.stream.try_clone().unwrap());
    let flood = Flood::start(move |progress| {
        for i in 0..PINGS {
            let mut payload = [0; 125];
            payload[..4].copy_from_slice(&i.to_be_bytes());
            writer.send(PING, &payload);
            progress.fetch_add(1, Ordering::Relaxed);
        }
    });
    flood.stands_still(|| {
        let held = relay.metric("memory_bytes");
        assert!(held < 768 * 1024, "{held} bytes held for pings");
    });
    for i in 0..PINGS {
        let pong = peer.frame().unwrap();
        assert_eq!(
            (pong.first, &pong.payload[..4]),
            (PONG, &i.to_be_bytes()[..])
        );
        if i % 5000 == 0 {
            let held = relay.metric("memory_bytes");
            assert!(held < 768 * 1024, "{held} bytes held for pings");
        }
    }
    flood.join();
    drop(peer);
    relay.recovers();
}

/// Two publishers send fragments in turn: who listens gets each message whole.
#[test]
fn fragments_of_two_publishers_never_mix() {
    let relay = Relay::plain();
    let mut listener = relay.ws("/channels/a");
    let (mut a, mut b) = (relay.ws("/channels/a"), relay.ws("/channels/a"));
    for (first, part) in [(TEXT_BEGIN, "1"), (MORE, "2"), (LAST, "3")] {
        for (peer, name) in [(&mut a, "a"), (&mut b, "b")] {
            peer.send(first, format!("{name}{part}").as_bytes());
            // Its pong says that the fragment has been read.
            peer.send(PING, b"");
            while peer.frame().unwrap().first != PONG {}
        }
    }
    let mut got = [listener.message(), listener.message()];
    got.sort();
    assert_eq!(got, [&b"a1a2a3"[..], b"b1b2b3"]);
    drop((listener, a, b));
    relay.recovers();
}
