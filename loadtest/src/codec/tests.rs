use proptest::prelude::*;

use super::*;

/// An event that owns its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Owned {
    Message(bool, Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(u16, String),
}

fn own(event: Event<'_>) -> Owned {
    match event {
        Event::Message { text, payload } => Owned::Message(text, payload.to_vec()),
        Event::Ping(p) => Owned::Ping(p.to_vec()),
        Event::Pong(p) => Owned::Pong(p.to_vec()),
        Event::Close(code, reason) => Owned::Close(code, reason.to_owned()),
    }
}

fn run(pieces: &[&[u8]]) -> (Vec<Owned>, Result<(), Violation>) {
    let (mut decoder, mut events) = (Decoder::default(), Vec::new());
    for piece in pieces {
        if let Err(violation) = decoder.feed(piece, &mut |e| events.push(own(e))) {
            return (events, Err(violation));
        }
    }
    (events, Ok(()))
}

/// Whole, split at every byte, and byte by byte: all must agree.
fn every_way(bytes: &[u8]) -> (Vec<Owned>, Result<(), Violation>) {
    let whole = run(&[bytes]);
    for at in 0..=bytes.len() {
        assert_eq!(run(&[&bytes[..at], &bytes[at..]]), whole, "split at {at}");
    }
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(run(&single), whole, "byte by byte");
    whole
}

/// A server's frame, built without the code under test.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    match payload.len() {
        n @ 0..=125 => out.push(n as u8),
        n @ 126..=65535 => out.extend([126, (n >> 8) as u8, n as u8]),
        n => {
            out.push(127);
            out.extend((n as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
    out
}

#[test]
fn compressed_messages_are_inflated_however_they_are_cut() {
    // RFC 7692 7.2.3.1: "Hello", in one frame and in two.
    let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    let wire = [
        frame(0xc1, &hello),
        frame(0x41, &hello[..3]),
        frame(0x89, b"ping"),
        frame(0x80, &hello[3..]),
        frame(0x81, b"plain"),
    ]
    .concat();
    let message = |text: &[u8]| Owned::Message(true, text.to_vec());
    let want = [
        message(b"Hello"),
        Owned::Ping(b"ping".to_vec()),
        message(b"Hello"),
        message(b"plain"),
    ];
    for size in 1..=wire.len() {
        let (mut decoder, mut events) = (Decoder::new(true), Vec::new());
        for piece in wire.chunks(size) {
            decoder.feed(piece, &mut |e| events.push(own(e))).unwrap();
        }
        assert_eq!(events, want, "{size} bytes at a time");
    }
    let refused = |wire: &[u8]| Decoder::new(true).feed(wire, &mut |_| {}).unwrap_err();
    assert_eq!(refused(&frame(0xc9, b"")), Violation::ReservedBits);
    assert_eq!(refused(&frame(0xc0, b"")), Violation::ReservedBits);
    assert_eq!(refused(&frame(0xc1, &hello[..4])), Violation::BadDeflate);
    assert_eq!(
        refused(&frame(0xc1, &[4, 0x80, 0xfe, 0x1f, 0])),
        Violation::BadDeflate
    );
}

#[test]
fn a_stream_of_everything_a_server_may_send() {
    let long = vec![7; 300];
    let stream = [
        frame(0x82, b"one"),
        frame(0x81, "täxt".as_bytes()),
        frame(0x02, b"frag"),
        frame(0x89, b"ping"),
        frame(0x00, b""),
        frame(0x8a, b"pong"),
        frame(0x80, b"ment"),
        frame(0x82, &long),
        frame(0x82, b""),
        frame(0x88, b"\x03\xe8bye"),
    ]
    .concat();
    let (events, end) = every_way(&stream);
    assert_eq!(end, Ok(()));
    let message = |b: &[u8]| Owned::Message(false, b.to_vec());
    assert_eq!(
        events,
        [
            message(b"one"),
            Owned::Message(true, "täxt".into()),
            Owned::Ping(b"ping".to_vec()),
            Owned::Pong(b"pong".to_vec()),
            message(b"fragment"),
            message(&long),
            message(b""),
            Owned::Close(1000, "bye".into()),
        ]
    );
}

#[test]
fn lengths_at_their_borders() {
    for n in [0, 1, 125, 126, 127, 65535, 65536, 70000] {
        let payload = vec![0x5a; n];
        let stream = [frame(0x82, &payload), frame(0x82, b"next")].concat();
        let expected = [
            Owned::Message(false, payload),
            Owned::Message(false, b"next".to_vec()),
        ];
        for at in [1, 2, 3, 4, 9, 10, 11, n, n + 2, n + 4, n + 10] {
            let at = at.min(stream.len());
            let (events, end) = run(&[&stream[..at], &stream[at..]]);
            assert_eq!(
                (&events[..], end),
                (&expected[..], Ok(())),
                "{n} bytes cut at {at}"
            );
        }
    }
}

#[test]
fn each_violation_is_found_and_what_came_before_it_is_given() {
    let cases: &[(&[u8], Violation)] = &[
        (&[0xc2, 0], Violation::ReservedBits),
        (&[0xa2, 0], Violation::ReservedBits),
        (&[0x92, 0], Violation::ReservedBits),
        (&[0x83, 0], Violation::ReservedOpcode),
        (&[0x8b, 0], Violation::ReservedOpcode),
        (&[0x82, 0x81, 1, 2, 3, 4, 5], Violation::Masked),
        (&[0x89, 126, 0, 126], Violation::ControlTooLong),
        (&[0x09, 0], Violation::ControlFragmented),
        (&[0x82, 126, 0, 125], Violation::BadLength),
        (
            &[0x82, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff],
            Violation::BadLength,
        ),
        (
            &[0x82, 127, 0x80, 0, 0, 0, 0, 1, 0, 0],
            Violation::BadLength,
        ),
        (&[0x82, 127, 0, 0, 0, 1, 0, 0, 0, 0], Violation::TooBig),
        (&[0x80, 0], Violation::NothingToContinue),
        (&[0x02, 0, 0x82, 0], Violation::Interleaved),
        (&[0x88, 1, 3], Violation::BadClose),
        (&[0x88, 2, 0x03, 0xed], Violation::BadClose),
        (&[0x88, 3, 0x03, 0xe8, 0xff], Violation::BadClose),
        (&[0x81, 1, 0xff], Violation::BadUtf8),
        (&[0x01, 1, 0xc3, 0x80, 1, 0x41], Violation::BadUtf8),
        (&[0x88, 0, 0x82, 0], Violation::AfterClose),
        (&[0x88, 0, 0x82], Violation::AfterClose),
    ];
    for (bad, violation) in cases {
        let stream = [&frame(0x82, b"before"), *bad].concat();
        let (events, end) = every_way(&stream);
        assert_eq!(end, Err(*violation), "{bad:x?}");
        assert_eq!(events[0], Owned::Message(false, b"before".to_vec()));
    }
}

#[test]
fn a_connection_between_messages_owns_no_large_buffer() {
    let stream = frame(0x82, &vec![1; 100_000]);
    let mut decoder = Decoder::default();
    for piece in stream.chunks(1000) {
        decoder.feed(piece, &mut |_| {}).unwrap();
    }
    assert!(!decoder.is_inside());
    assert_eq!(decoder.tail.capacity() + decoder.message.capacity(), 0);
}

fn mask_naive(bytes: &mut [u8], key: [u8; 4]) {
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte ^= key[i % 4];
    }
}

proptest! {
    #[test]
    fn fast_mask_is_the_naive_one(mut bytes: Vec<u8>, key: [u8; 4]) {
        let mut twin = bytes.clone();
        mask(&mut bytes, key);
        mask_naive(&mut twin, key);
        prop_assert_eq!(bytes, twin);
    }

    #[test]
    fn what_is_encoded_is_a_masked_frame_with_that_payload(payload: Vec<u8>, key: [u8; 4]) {
        let mut out = Vec::new();
        encode(&mut out, Opcode::Binary, &payload, key);
        let plain = frame(0x82, &payload);
        let header = plain.len() - payload.len();
        let mut body = out[header + 4..].to_vec();
        mask_naive(&mut body, key);
        prop_assert_eq!(&out[2..header], &plain[2..header]);
        prop_assert_eq!((out[0], out[1]), (plain[0], plain[1] | 0x80));
        prop_assert_eq!(&out[header..header + 4], &key);
        prop_assert_eq!(body, payload);
    }

    #[test]
    fn cuts_do_not_matter(
        messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..8),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let stream: Vec<u8> = messages.iter().flat_map(|m| frame(0x82, m)).collect();
        let mut at: Vec<usize> = cuts.iter().map(|i| i.index(stream.len() + 1)).collect();
        at.extend([0, stream.len()]);
        at.sort_unstable();
        let pieces: Vec<&[u8]> = at.windows(2).map(|w| &stream[w[0]..w[1]]).collect();
        let (events, end) = run(&pieces);
        prop_assert_eq!(end, Ok(()));
        prop_assert_eq!(events, messages.into_iter().map(|m| Owned::Message(false, m)).collect::<Vec<_>>());
    }

    #[test]
    fn noise_never_panics_and_is_the_same_in_pieces(noise in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = every_way(&noise);
    }
}
