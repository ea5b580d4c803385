//! The decoder against a naive twin that sees the whole stream, however the stream is cut.

use proptest::prelude::*;

use super::*;
use crate::ws::fuzz::{Feed, Output};

const ROOMY: DecodeLimits = DecodeLimits {
    message_bytes_max: 1 << 20,
    compressed_bytes_max: None,
    fragments_max: 1 << 10,
};

/// What a stream means.
#[derive(Debug, Default, PartialEq)]
struct Meaning {
    outputs: Vec<Output>,
    open: Option<(Kind, bool, Vec<u8>)>,
    error: Option<Reason>,
}

/// The twin: frame by frame over the whole stream, byte by byte within, all state in locals.
fn naive(stream: &[u8], limits: &DecodeLimits) -> Meaning {
    let mut m = Meaning::default();
    let (mut at, mut frames, mut declared) = (0, 0, 0u64);
    loop {
        let header = match header::parse(&stream[at..], limits.compressed_bytes_max.is_some()) {
            Err(reason) => {
                return Meaning {
                    error: Some(reason),
                    ..m
                };
            }
            Ok(None) => return m,
            Ok(Some(header)) => header,
        };
        at += header.header_len;
        let mut payload = Vec::new();
        while (payload.len() as u64) < header.len && at < stream.len() {
            payload.push(stream[at] ^ header.key[payload.len() % 4]);
            at += 1;
        }
        let whole = payload.len() as u64 == header.len;
        if header.opcode >= 8 {
            if !whole {
                return m;
            }
            match naive_control(header.opcode, &payload) {
                Ok(output) => m.outputs.push(output),
                Err(reason) => {
                    return Meaning {
                        error: Some(reason),
                        ..m
                    };
                }
            }
            continue;
        }
        (frames, declared) = (frames + 1, declared.saturating_add(header.len));
        let compressed = m.open.as_ref().map_or(header.compressed, |(_, c, _)| *c);
        let most = naive_most(compressed, limits);
        let error = match (&m.open, header.opcode) {
            (None, 0) => Some(Reason::NothingToContinue),
            (Some(_), 1 | 2) => Some(Reason::Interleaved),
            _ if declared > most => Some(Reason::MessageTooBig),
            _ if frames > limits.fragments_max => Some(Reason::TooManyFragments),
            _ => None,
        };
        if error.is_some() {
            return Meaning { error, ..m };
        }
        let kind = if header.opcode == 1 {
            Kind::Text
        } else {
            Kind::Binary
        };
        let open = m.open.get_or_insert((kind, compressed, Vec::new()));
        open.2.extend(payload);
        if !whole {
            return m;
        }
        if header.fin {
            let (kind, compressed, text) = m.open.take().unwrap();
            m.outputs.push(if compressed {
                Output::Compressed(kind, text)
            } else {
                Output::Message(kind, text)
            });
            (frames, declared) = (0, 0);
        }
    }
}

fn naive_most(compressed: bool, limits: &DecodeLimits) -> u64 {
    let most = limits.compressed_bytes_max.filter(|_| compressed);
    most.unwrap_or(limits.message_bytes_max)
}

fn naive_control(opcode: u8, payload: &[u8]) -> Result<Output, Reason> {
    if opcode != 8 {
        let make = if opcode == 9 {
            Output::Ping
        } else {
            Output::Pong
        };
        return Ok(make(payload.to_vec()));
    }
    if payload.is_empty() {
        return Ok(Output::Close(None, String::new()));
    }
    if payload.len() == 1 {
        return Err(Reason::BadClose);
    }
    let code = u16::from(payload[0]) * 256 + u16::from(payload[1]);
    let never = [1004, 1005, 1006].contains(&code);
    if never || code < 1000 || code > 1014 && code < 3000 || code > 4999 {
        return Err(Reason::BadClose);
    }
    let reason = std::str::from_utf8(&payload[2..]).map_err(|_| Reason::BadUtf8)?;
    Ok(Output::Close(Some(code), reason.to_owned()))
}

/// A masked frame of a client.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    frame_with_key(first, payload, [0x37, 0xfa, 0x21, 0x3d])
}

fn frame_with_key(first: u8, payload: &[u8], key: [u8; 4]) -> Vec<u8> {
    let mut out = vec![first];
    match payload.len() {
        n @ 0..126 => out.push(0x80 | n as u8),
        n @ 126..65536 => out.extend([0xFE, (n >> 8) as u8, n as u8]),
        n => {
            out.push(0xFF);
            out.extend((n as u64).to_be_bytes());
        }
    }
    out.extend(key);
    out.extend(payload.iter().enumerate().map(|(i, b)| b ^ key[i % 4]));
    out
}

fn meaning(feed: Feed) -> Meaning {
    Meaning {
        outputs: feed.outputs,
        open: feed.open,
        error: feed.error,
    }
}

/// Whole, in the given steps, and byte by byte; held and not: always what the twin says.
fn assert_like_naive(stream: &[u8], sizes: &[usize], limits: &DecodeLimits) {
    let mut want = naive(stream, limits);
    if want.error.is_some() {
        want.open = None;
    }
    for hold in [false, true] {
        for sizes in [&[][..], sizes, &[1]] {
            let mut got = meaning(Feed::run(stream, sizes, hold, limits));
            if got.error.is_some() {
                got.open = None;
            }
            assert_eq!(got, want, "sizes {sizes:?}, hold {hold}, {stream:02x?}");
        }
    }
}

/// Cut once at every byte; and every beginning of the stream, so that errors come as early as they
/// are certain and every byte of an open message is handed out.
fn assert_everywhere(stream: &[u8], limits: &DecodeLimits) {
    for cut in 1..=stream.len() {
        assert_like_naive(stream, &[cut, stream.len()], limits);
        assert_like_naive(&stream[..cut], &[3, 1, 7], limits);
    }
}

fn outcome(stream: &[u8], limits: &DecodeLimits) -> (usize, Option<Reason>) {
    assert_everywhere(stream, limits);
    let feed = Feed::run(stream, &[], false, limits);
    (feed.outputs.len(), feed.error)
}

#[test]
fn messages_fragments_and_controls_in_between() {
    let stream = [
        frame(0x81, b"whole"),
        frame(0x01, b"one "),
        frame(0x89, b"ping"),
        frame(0x00, b""),
        frame(0x8A, b""),
        frame(0x80, b"two"),
        frame(0x82, b""),
        frame(0x82, &[7; 130]),
        frame(0x88, b"\x03\xe8bye"),
    ]
    .concat();
    assert_everywhere(&stream, &ROOMY);
    let outputs = Feed::run(&stream, &[], false, &ROOMY).outputs;
    let want = [
        Output::Message(Kind::Text, b"whole".to_vec()),
        Output::Ping(b"ping".to_vec()),
        Output::Pong(vec![]),
        Output::Message(Kind::Text, b"one two".to_vec()),
        Output::Message(Kind::Binary, vec![]),
        Output::Message(Kind::Binary, vec![7; 130]),
        Output::Close(Some(1000), "bye".into()),
    ];
    assert_eq!(outputs, want);
}

#[test]
fn a_held_message_comes_whole_and_one_not_held_in_parts() {
    let stream = frame(0x81, b"hello");
    let mut decoder = Decoder::default();
    let mut input = stream[..8].to_vec();
    assert_eq!(decoder.decode(&mut input, true, &ROOMY), Ok((0, None)));
    assert!(!decoder.in_message());
    let (n, event) = decoder.decode(&mut input, false, &ROOMY).unwrap();
    let key = [0x37, 0xfa, 0x21, 0x3d];
    let part = |first, last, key, payload, frame_left| {
        Some(Event::Part {
            kind: Kind::Text,
            compressed: false,
            first,
            last,
            key,
            payload,
            frame_left,
        })
    };
    assert_eq!((n, event), (8, part(true, false, key, &stream[6..8], 3)));
    assert!(decoder.in_message());
    let mut rest = stream[8..].to_vec();
    let got = decoder.decode(&mut rest, true, &ROOMY).unwrap();
    assert_eq!(
        got,
        (
            3,
            part(false, true, [0x21, 0x3d, 0x37, 0xfa], &stream[8..], 0)
        )
    );
    assert!(!decoder.in_message());
}

#[test]
fn parts_of_a_frame_under_way_come_even_when_held() {
    let stream = frame(0x82, &[1; 300]);
    let mut decoder = Decoder::default();
    let mut input = stream[..100].to_vec();
    assert_eq!(decoder.decode(&mut input, false, &ROOMY).unwrap().0, 100);
    let mut input = stream[100..200].to_vec();
    assert_eq!(decoder.decode(&mut input, true, &ROOMY).unwrap().0, 100);
    assert_eq!(decoder.decode(&mut [], true, &ROOMY), Ok((0, None)));
}

#[test]
fn the_sum_of_a_message_meets_its_limit_exactly_and_no_more() {
    let limits = DecodeLimits {
        message_bytes_max: 5,
        compressed_bytes_max: None,
        fragments_max: 9,
    };
    assert_eq!(outcome(&frame(0x82, &[0; 5]), &limits), (1, None));
    assert_eq!(
        outcome(&frame(0x82, &[0; 6])[..6], &limits),
        (0, Some(Reason::MessageTooBig))
    );
    let two = |n| [frame(0x01, &[0; 3]), frame(0x80, &vec![0; n])].concat();
    assert_eq!(outcome(&two(2), &limits), (1, None));
    assert_eq!(
        outcome(&two(3)[..15], &limits),
        (0, Some(Reason::MessageTooBig))
    );
    let next = [two(2), two(2)].concat();
    assert_eq!(
        outcome(&next, &limits),
        (2, None),
        "each message has the limit for itself"
    );
}

#[test]
fn a_length_near_2_to_the_63_does_not_wrap_the_sum() {
    let mut huge = vec![0x80, 0xFF];
    huge.extend((u64::MAX >> 1).to_be_bytes());
    huge.extend([0; 4]);
    let stream = [frame(0x02, b"abc"), huge].concat();
    assert_eq!(outcome(&stream, &ROOMY), (0, Some(Reason::MessageTooBig)));
    let any = DecodeLimits {
        message_bytes_max: u64::MAX,
        compressed_bytes_max: None,
        fragments_max: 9,
    };
    let twice = [frame(0x02, b"abc"), stream[9..].to_vec()].concat();
    assert_eq!(
        outcome(&twice, &any),
        (0, None),
        "no allocation by declared length either"
    );
}

#[test]
fn fragments_are_counted_and_empty_ones_are_too() {
    let limits = DecodeLimits {
        message_bytes_max: 100,
        compressed_bytes_max: None,
        fragments_max: 3,
    };
    let flood = |n| [frame(0x01, b""), frame(0x00, b"").repeat(n)].concat();
    assert_eq!(outcome(&flood(2), &limits), (0, None));
    assert_eq!(
        outcome(&flood(3), &limits),
        (0, Some(Reason::TooManyFragments))
    );
    let ended = [flood(1), frame(0x80, b""), flood(1), frame(0x80, b"")].concat();
    assert_eq!(
        outcome(&ended, &limits),
        (2, None),
        "each message is counted for itself"
    );
}

#[test]
fn fragments_follow_their_message_and_nothing_else() {
    assert_eq!(
        outcome(&frame(0x80, b"x"), &ROOMY),
        (0, Some(Reason::NothingToContinue))
    );
    assert_eq!(
        outcome(&frame(0x00, b""), &ROOMY),
        (0, Some(Reason::NothingToContinue))
    );
    let whole_inside = [frame(0x01, b"a"), frame(0x81, b"b")].concat();
    assert_eq!(
        outcome(&whole_inside, &ROOMY),
        (0, Some(Reason::Interleaved))
    );
    let after = [frame(0x81, b"a"), frame(0x80, b"b")].concat();
    assert_eq!(
        outcome(&after, &ROOMY),
        (1, Some(Reason::NothingToContinue))
    );
}

#[test]
fn every_close_code_is_judged_as_the_registry_does() {
    for code in 0..=5500u16 {
        let payload = code.to_be_bytes();
        let want = match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => None,
            _ => Some(Reason::BadClose),
        };
        let stream = frame(0x88, &payload);
        assert_eq!(Feed::run(&stream, &[], false, &ROOMY).error, want, "{code}");
        assert_like_naive(&stream, &[7], &ROOMY);
    }
}

#[test]
fn malformed_closes_and_header_violations_end_the_stream() {
    assert_eq!(outcome(&frame(0x88, b""), &ROOMY), (1, None));
    assert_eq!(
        outcome(&frame(0x88, b"\x03"), &ROOMY),
        (0, Some(Reason::BadClose))
    );
    assert_eq!(
        outcome(&frame(0x88, b"\x03\xe8\xff"), &ROOMY),
        (0, Some(Reason::BadUtf8))
    );
    assert_eq!(
        outcome(&frame(0xC1, b"x"), &ROOMY),
        (0, Some(Reason::ReservedBits))
    );
    assert_eq!(
        outcome(&frame(0x8B, b"x"), &ROOMY),
        (0, Some(Reason::ReservedOpcode))
    );
    assert_eq!(
        outcome(&frame(0x09, b"x"), &ROOMY),
        (0, Some(Reason::ControlFragmented))
    );
    assert_eq!(outcome(b"\x81\x01x", &ROOMY), (0, Some(Reason::Unmasked)));
    let good_first = [frame(0x81, b"a"), frame(0x89, &[0; 126])].concat();
    assert_eq!(
        outcome(&good_first, &ROOMY),
        (1, Some(Reason::ControlTooLong))
    );
}

#[test]
fn whole_frames_with_a_16_bit_length_have_one_that_needs_it() {
    for len in [0u16, 1, 125, 126, 127, 1000, u16::MAX] {
        let mut stream = vec![0x81, 0xFE];
        stream.extend(len.to_be_bytes());
        stream.extend([1, 2, 3, 4]);
        stream.resize(8 + usize::from(len), b'x');
        let want = (len < 126).then_some(Reason::BadLength);
        assert_eq!(Feed::run(&stream, &[], true, &ROOMY).error, want, "{len}");
        assert_like_naive(&stream, &[5, 1000], &ROOMY);
    }
}

#[test]
fn the_largest_control_frame_waits_in_the_tail() {
    let ping = frame(0x89, &[5; 125]);
    assert_eq!(ping.len(), TAIL_MAX + 1);
    let mut decoder = Decoder::default();
    assert_eq!(
        decoder.decode(&mut ping.clone()[..TAIL_MAX], false, &ROOMY),
        Ok((0, None))
    );
    let mut whole = ping.clone();
    assert_eq!(
        decoder.decode(&mut whole, false, &ROOMY),
        Ok((131, Some(Event::Ping(&[5; 125]))))
    );
}

fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        20 => prop::sample::select(vec![0x81, 0x82, 0x89, 0x8A]),
        20 => prop::sample::select(vec![0x01, 0x02, 0x00, 0x00, 0x80]),
        1 => any::<u8>(),
    ];
    let payload = prop_oneof![
        6 => prop::collection::vec(any::<u8>(), 0..10),
        1 => prop::collection::vec(any::<u8>(), 120..132),
        1 => Just(vec![7; 65536]),
    ];
    let likely = (first, payload, any::<[u8; 4]>()).prop_map(|(f, p, k)| match f {
        0x88..=0x8A => frame_with_key(f, &p[..p.len().min(125)], k),
        _ => frame_with_key(f, &p, k),
    });
    let close = (0u16..5100, ".{0,20}")
        .prop_map(|(code, reason)| frame(0x88, &[&code.to_be_bytes(), reason.as_bytes()].concat()));
    prop_oneof![20 => likely, 1 => close]
}

/// Fragmented messages as a correct client sends them, with pings between.
fn fragmented() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 1..6);
    (pieces, any::<bool>()).prop_map(|(pieces, pings)| {
        let last = pieces.len() - 1;
        let mut out = Vec::new();
        for (i, piece) in pieces.iter().enumerate() {
            let opcode = if i == 0 { 1 } else { 0 };
            out.extend(frame(u8::from(i == last) << 7 | opcode, piece));
            if pings {
                out.extend(frame(0x89, piece));
            }
        }
        out
    })
}

fn limits() -> impl Strategy<Value = DecodeLimits> {
    let bytes = prop_oneof![Just(1 << 20), 0u64..40];
    let compressed = prop_oneof![Just(None), Just(Some(1 << 20)), (0u64..40).prop_map(Some)];
    let fragments = prop_oneof![Just(1 << 10), 1u32..5];
    (bytes, compressed, fragments).prop_map(
        |(message_bytes_max, compressed_bytes_max, fragments_max)| DecodeLimits {
            message_bytes_max,
            compressed_bytes_max,
            fragments_max,
        },
    )
}

proptest! {
    #[test]
    fn frames_in_any_order_mean_what_the_twin_says(
        frames in prop::collection::vec(prop_oneof![any_frame(), fragmented()], 0..7),
        sizes in prop::collection::vec(1usize..40, 1..8),
        limits in limits(),
    ) {
        assert_like_naive(&frames.concat(), &sizes, &limits);
    }

    #[test]
    fn damaged_streams_mean_what_the_twin_says(
        frames in prop::collection::vec(fragmented(), 1..5),
        at: prop::sample::Index, byte: u8, cut: prop::sample::Index,
        sizes in prop::collection::vec(1usize..40, 1..8),
        limits in limits(),
    ) {
        let mut stream = frames.concat();
        let i = at.index(stream.len());
        stream[i] = byte;
        stream.truncate(cut.index(stream.len() + 1));
        assert_like_naive(&stream, &sizes, &limits);
    }
}
