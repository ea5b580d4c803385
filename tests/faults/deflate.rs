//! Faults in compressed messages, by a client that has agreed to permessage-deflate.

use flate2::{Compress, Compression, FlushCompress};

use crate::support::*;

const OFFER: &str = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
/// The bit that says that a message is compressed.
const COMPRESSED: u8 = 0x40;
const MIB: usize = 1024 * 1024;

/// A WebSocket that may compress.
fn joined(relay: &Relay, path: &str) -> Peer {
    let mut peer = relay.connect();
    let answer = peer.ask(upgrade(path, OFFER));
    let agreed = answer.header("sec-websocket-extensions");
    assert!(agreed.is_some_and(|e| e.starts_with("permessage-deflate; ")));
    peer
}

/// A message with a flush of this kind behind it.
fn flushed(state: &mut Compress, message: &[u8], flush: FlushCompress) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() * 2 + 64);
    state.compress_vec(message, &mut out, flush).unwrap();
    out
}

/// A message as it goes: without what its flush ends with.
fn deflated(message: &[u8]) -> Vec<u8> {
    let mut state = Compress::new(Compression::best(), false);
    let mut out = flushed(&mut state, message, FlushCompress::Sync);
    out.truncate(out.len() - 4);
    out
}

/// Bytes that do not shrink.
fn noise(len: usize) -> Vec<u8> {
    let mut n = 0x2545_F491u32;
    let mut next = || {
        n ^= n << 13;
        n ^= n >> 17;
        n ^= n << 5;
        n as u8
    };
    (0..len).map(|_| next()).collect()
}

#[test]
fn a_bomb_is_refused_and_what_inflates_to_the_limit_is_not() {
    let relay = Relay::plain();
    let mut reader = relay.ws("/channels/a");
    for (len, whole) in [(MIB, true), (MIB + 1, false), (64 * MIB, false)] {
        let compressed = deflated(&vec![7; len]);
        let parts = compressed.split_at(compressed.len() / 2);
        for cut in [false, true] {
            let mut peer = joined(&relay, "/channels/a");
            if cut {
                peer.send(BINARY_BEGIN | COMPRESSED, parts.0);
                peer.send(PING, b"between");
                peer.send(LAST, parts.1);
            } else {
                peer.send(BINARY | COMPRESSED, &compressed);
            }
            if whole {
                assert_eq!(reader.message(), vec![7; len]);
            } else {
                peer.is_closed_with(1009);
            }
        }
    }
    assert_eq!(relay.metric("inflate_bombs_total"), 4);
    drop(reader);
    relay.recovers();
}

/// A kilobyte becomes a mebibyte, again and again, as fast as a socket takes it.
#[test]
fn a_flood_of_small_bombs_leaves_others_their_turns() {
    let relay = Relay::plain();
    let mut flood = joined(&relay, "/channels/nobody");
    let one = frame(BINARY | COMPRESSED, &deflated(&vec![0; MIB]));
    flood.write(one.repeat(200));
    for _ in 0..5 {
        exchange(relay.address);
    }
    wait_for(
        "all are inflated",
        || relay.metric("inflate_messages_total"),
        |&n| n == 200,
    );
    let pauses = relay.metric("read_budget_spent_total");
    assert!(pauses >= 150, "{pauses}: each had a turn for itself");
    drop(flood);
    relay.recovers();
}

#[test]
fn each_violation_is_told_its_code() {
    let relay = Relay::plain();
    let stored = [&[0, 100, 0, 155, 255][..], &[b'c'; 20]].concat();
    let mut keeps = Compress::new(Compression::best(), false);
    let said_before = noise(300);
    flushed(&mut keeps, &said_before, FlushCompress::Sync);
    let refers = flushed(&mut keeps, &said_before, FlushCompress::Sync);
    let stream = flushed(
        &mut Compress::new(Compression::best(), false),
        b"x",
        FlushCompress::Finish,
    );
    let inside = [
        frame(TEXT_BEGIN | COMPRESSED, b""),
        frame(LAST | COMPRESSED, b"x"),
    ];
    let text = |bytes: &[u8]| frame(TEXT | COMPRESSED, bytes);
    let violations: Vec<(&str, Vec<u8>, u16)> = vec![
        ("no deflated data", text(b"nothing like it"), 1007),
        ("a block cut short", text(&stored), 1007),
        ("half a message", text(&deflated(&noise(500))[..250]), 1007),
        (
            "the tail left on",
            text(&[&deflated(b"a")[..], &[0, 0, 255, 255]].concat()),
            1007,
        ),
        ("a window kept", text(&refers[..refers.len() - 4]), 1007),
        ("text that is no UTF-8", text(&deflated(b"abc\xff")), 1007),
        ("streams without end", text(&stream.repeat(3000)), 1008),
        ("a compressed ping", frame(PING | COMPRESSED, b"a"), 1002),
        ("a compressed continuation", inside.concat(), 1002),
        ("RSV2", frame(0xa1, b"a"), 1002),
        ("RSV1 and RSV3", frame(0xd1, b"a"), 1002),
    ];
    for (what, bytes, code) in violations {
        let mut peer = joined(&relay, "/channels/a");
        peer.write(bytes);
        eprintln!("{what}");
        peer.is_closed_with(code);
    }
    relay.recovers();
}

/// What is gathered is bounded before it is inflated, too.
#[test]
fn a_compressed_message_is_bounded_as_it_comes() {
    let relay = Relay::limits(|l| l.message_bytes_max = 80_000);
    let most = 80_000 + 10_000 + 1024;
    let mut peer = joined(&relay, "/echo");
    // Empty blocks, each of which is a flush.
    let block = [0, 0, 0, 0xff, 0xff];
    let exactly = [&block.repeat(most / 5)[..], &[0; 4]].concat();
    peer.send(BINARY_BEGIN | COMPRESSED, &exactly[..50_000]);
    peer.send(LAST, &exactly[50_000..most]);
    peer.is_closed_with(1007);
    let mut peer = joined(&relay, "/echo");
    peer.send(BINARY_BEGIN | COMPRESSED, &exactly[..50_000]);
    peer.write(header(LAST, (most + 1 - 50_000) as u64));
    peer.is_closed_with(1009);
    relay.recovers();
}
