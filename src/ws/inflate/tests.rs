//! Inflating, beside `flate2` used directly as a client would.

use flate2::{Compress, Compression, FlushCompress};

use super::*;

/// What a client sends for a message, with a flush of this kind, its tail taken off.
fn client(state: &mut Compress, message: &[u8], flush: FlushCompress) -> Vec<u8> {
    let mut out = Vec::with_capacity(2 * message.len() + 64);
    state.compress_vec(message, &mut out, flush).unwrap();
    if matches!(flush, FlushCompress::Sync) {
        assert!(out.ends_with(&[0, 0, 0xff, 0xff]));
        out.truncate(out.len() - 4);
    }
    out
}

fn deflated(message: &[u8]) -> Vec<u8> {
    let mut state = Compress::new(Compression::default(), false);
    client(&mut state, message, FlushCompress::Sync)
}

/// Bytes that do not shrink.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..len).map(|_| next()).collect()
}

#[test]
fn the_samples_of_the_rfc() {
    let mut inflater = Inflater::default();
    // RFC 7692 7.2.3.1, 7.2.3.3, 7.2.3.4, 7.2.3.5 and 7.2.3.6; 7.2.3.2 needs a window that is kept.
    for (hex, want) in [
        ("f248cdc9c90700", "Hello"),
        ("000500faff48656c6c6f00", "Hello"),
        ("f348cdc9c9070000", "Hello"),
        ("f24805000000ffffcac9c90700", "Hello"),
        ("00", ""),
    ] {
        let bytes: Vec<u8> = (0..hex.len() / 2)
            .map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
            .collect();
        assert_eq!(inflater.inflate(&bytes, 5), Ok(want.as_bytes()), "{hex}");
    }
    assert_eq!(inflater.inflate(b"", 5), Ok(&b""[..]));
}

#[test]
fn masked_or_not_it_is_the_same() {
    let message = br#"{"a":1,"b":[1,2,3],"c":"ccccccccccccccccccccccc"}"#;
    let (mut masked, key) = (deflated(message), [1, 2, 3, 250]);
    crate::ws::unmask(&mut masked, key);
    let mut inflater = Inflater::default();
    for _ in 0..3 {
        let got = inflater.inflate_masked(&masked, key, message.len());
        assert_eq!(got, Ok(&message[..]));
    }
}

#[test]
fn windows_of_every_size_inflate() {
    let message = [&b"0123456789abcdef".repeat(3000)[..], &noise(5000)].concat();
    for bits in 9..=15 {
        let mut state = Compress::new_with_window_bits(Compression::best(), false, bits);
        let compressed = client(&mut state, &message, FlushCompress::Sync);
        let mut inflater = Inflater::default();
        assert_eq!(
            inflater.inflate(&compressed, message.len()),
            Ok(&message[..])
        );
    }
}

#[test]
fn nothing_is_kept_from_one_message_to_the_next() {
    let message = noise(300);
    let mut keeps_its_window = Compress::new(Compression::best(), false);
    let first = client(&mut keeps_its_window, &message, FlushCompress::Sync);
    let second = client(&mut keeps_its_window, &message, FlushCompress::Sync);
    assert!(second.len() < 20, "refers to the first message");
    let mut inflater = Inflater::default();
    for _ in 0..2 {
        assert_eq!(inflater.inflate(&first, 300), Ok(&message[..]));
        assert_eq!(inflater.inflate(&second, 300), Err(Reason::BadDeflate));
    }
}

#[test]
fn the_limit_is_of_what_comes_out_and_exact() {
    let mut inflater = Inflater::default();
    for message in [
        vec![0; 3_000_000],
        noise(70_000),
        vec![7],
        vec![7; 4096],
        vec![7; 4097],
    ] {
        let (len, compressed) = (message.len(), deflated(&message));
        assert_eq!(inflater.inflate(&compressed, len), Ok(&message[..]));
        assert_eq!(
            inflater.inflate(&compressed, len - 1),
            Err(Reason::MessageTooBig)
        );
        assert_eq!(inflater.inflate(&compressed, 0), Err(Reason::MessageTooBig));
        assert_eq!(inflater.inflate(&compressed, usize::MAX), Ok(&message[..]));
    }
}

#[test]
fn a_bomb_costs_no_more_memory_than_the_limit() {
    let bomb = deflated(&vec![0; 64 << 20]);
    assert!(bomb.len() < 100_000, "{}", bomb.len());
    let mut inflater = Inflater::default();
    assert_eq!(inflater.inflate(&bomb, 1 << 20), Err(Reason::MessageTooBig));
    assert!(inflater.memory() <= (1 << 20) + 1, "{}", inflater.memory());
    inflater.trim();
    assert!(inflater.memory() <= 2 * DEFLATE_KEPT_BYTES_MAX);
    assert_eq!(inflater.inflate(&deflated(b"next"), 4), Ok(&b"next"[..]));
}

#[test]
fn a_message_that_was_cut_or_goes_on_is_refused() {
    let mut inflater = Inflater::default();
    for message in [noise(2000), b"a text, a text, a text".to_vec()] {
        let whole = deflated(&message);
        // One byte may be all of an empty message; and what is appended when a message is inflated
        // may be the four bytes that a stored block lacks.
        let stored = message.len() + 6 == whole.len();
        for cut in (2..whole.len()).filter(|cut| !stored || cut + 5 != whole.len()) {
            let got = inflater.inflate(&whole[..cut], 1 << 20);
            assert!(got.is_err(), "{cut} of {}", whole.len());
        }
        // The tail that has to be left out makes an empty block more, which means nothing.
        let with_tail = [&whole[..], &[0, 0, 0xff, 0xff]].concat();
        assert!(inflater.inflate(&with_tail, 1 << 20).is_err());
    }
}

#[test]
fn what_is_not_deflated_is_refused() {
    let mut inflater = Inflater::default();
    for bad in [&b"hello"[..], &[6], &[0xff; 8], &[7, 0, 0]] {
        assert_eq!(
            inflater.inflate(bad, 100),
            Err(Reason::BadDeflate),
            "{bad:x?}"
        );
    }
    // A distance beyond what there is.
    assert_eq!(
        inflater.inflate(&[0x02, 0x40, 0x00], 100),
        Err(Reason::BadDeflate)
    );
}

#[test]
fn final_blocks_are_followed_by_more_up_to_a_bound() {
    let mut state = Compress::new(Compression::default(), false);
    let one = client(&mut state, b"piece ", FlushCompress::Finish);
    let mut inflater = Inflater::default();
    for n in [1, 2, 100, FINAL_BLOCKS_MAX] {
        let text = b"piece ".repeat(n);
        for end in [&[][..], &[0]] {
            let compressed = [&one.repeat(n), end].concat();
            assert_eq!(
                inflater.inflate(&compressed, text.len()),
                Ok(&text[..]),
                "{n}"
            );
        }
    }
    let compressed = one.repeat(FINAL_BLOCKS_MAX + 2);
    let got = inflater.inflate(&compressed, 1 << 20);
    assert_eq!(got, Err(Reason::TooManyFragments));
}
