//! Compressing, beside `flate2` used directly as a receiver would.

use flate2::{Decompress, FlushDecompress};

use super::*;

const JSON: &[u8] = br#"{"channel":"prices","items":[{"id":1,"price":10.25,"side":"buy"},{"id":2,"price":10.50,"side":"sell"},{"id":3,"price":10.75,"side":"buy"}]}"#;

fn deflater() -> Deflater {
    Deflater::new(DeflateSettings {
        bytes_min: 0,
        level: 2,
    })
}

/// What a receiver makes of it.
fn receiver(compressed: &[u8], len: usize) -> Vec<u8> {
    let mut state = Decompress::new(false);
    let mut out = Vec::with_capacity(len + 1);
    for part in [compressed, &FLUSHED] {
        state
            .decompress_vec(part, &mut out, FlushDecompress::Sync)
            .unwrap();
    }
    out
}

/// Bytes that do not shrink.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x2545_F491_4F6C_DD1Du64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..len).map(|_| next()).collect()
}

#[test]
fn receivers_with_every_window_get_the_message() {
    // Repeats at distances that only some of the windows reach.
    let far: Vec<u8> = [256, 600, 2000, 9000, 17_000]
        .iter()
        .flat_map(|&n| [JSON, &noise(n), JSON].concat())
        .map(|byte| byte & 0x3f)
        .collect();
    let mut deflater = deflater();
    let mut lens = Vec::new();
    for bits in 9..=15 {
        for message in [JSON, &far, &JSON.repeat(500)] {
            let compressed = deflater.deflate(message, bits).unwrap();
            assert!(compressed.len() < message.len());
            assert_eq!(receiver(compressed, message.len()), message);
        }
        lens.push(deflater.deflate(&far, bits).unwrap().len());
    }
    // Had a window been larger than agreed, it would have found as much as the next one.
    let (nine, rest) = (lens[0], &lens[1..]);
    assert!(rest.iter().all(|len| *len < nine), "{lens:?}");
    assert!(lens[6] < lens[3] && lens[3] < lens[1], "{lens:?}");
}

#[test]
fn nothing_is_kept_from_one_message_to_the_next() {
    let mut deflater = deflater();
    for bits in [9, 15] {
        let first = deflater.deflate(JSON, bits).unwrap().to_vec();
        for _ in 0..3 {
            assert_eq!(deflater.deflate(JSON, bits), Some(&first[..]));
        }
    }
    let fresh = self::deflater().deflate(JSON, 15).unwrap().to_vec();
    assert_eq!(deflater.deflate(JSON, 15), Some(&fresh[..]));
}

#[test]
fn what_does_not_shrink_goes_plain_and_is_counted() {
    let mut deflater = deflater();
    for message in [&b""[..], b"a", b"abc", &noise(100), &noise(20_000)] {
        assert_eq!(deflater.deflate(message, 15), None, "{}", message.len());
    }
    assert_eq!(deflater.counts().in_vain, 5);
    assert_eq!(deflater.counts().messages, 0);
    let len = deflater.deflate(JSON, 15).unwrap().len();
    let counts = deflater.counts();
    assert_eq!((counts.messages, counts.in_vain), (1, 5));
    assert_eq!(counts.bytes_before, JSON.len() as u64);
    assert_eq!(counts.bytes_after, len as u64);
}

#[test]
fn small_messages_are_not_tried() {
    let settings = DeflateSettings {
        bytes_min: JSON.len() + 1,
        level: 2,
    };
    let mut deflater = Deflater::new(settings);
    assert_eq!(deflater.deflate(JSON, 15), None);
    assert!(deflater.deflate(&JSON.repeat(2), 15).is_some());
    assert_eq!(deflater.counts().in_vain, 0);
}

#[test]
fn large_messages_are_sampled_and_the_largest_go_plain() {
    let mut deflater = deflater();
    let mut message = vec![b'x'; 100_000];
    assert!(deflater.deflate(&message, 15).is_some());
    let middle = message.len() / 2;
    message[middle..middle + SAMPLE_BYTES].copy_from_slice(&noise(SAMPLE_BYTES));
    assert_eq!(deflater.deflate(&message, 15), None, "judged by its middle");
    assert!(
        deflater
            .deflate(&vec![b'x'; DEFLATE_BYTES_MAX], 15)
            .is_some()
    );
    assert_eq!(
        deflater.deflate(&vec![b'x'; DEFLATE_BYTES_MAX + 1], 15),
        None
    );
    deflater.trim();
    assert!(deflater.memory() <= DEFLATE_KEPT_BYTES_MAX);
}

#[test]
fn a_large_message_tried_in_vain_leaves_no_memory_behind() {
    let mut deflater = deflater();
    let mut message = noise(DEFLATE_BYTES_MAX);
    let middle = message.len() / 2;
    // The sample shrinks, but by less than all that noise grows.
    message[middle..middle + 300].fill(b'x');
    assert!(
        deflater
            .deflate(&message[middle..][..SAMPLE_BYTES], 15)
            .is_some()
    );
    assert_eq!(deflater.deflate(&message, 15), None);
    assert!(deflater.memory() <= DEFLATE_KEPT_BYTES_MAX);
}

/// What was given up half-way leaves nothing behind: zlib-rs 0.6.8 does not take all of its output
/// back when it is reset, and its next long message then finds too little room and panics.
#[test]
fn after_messages_that_were_given_up_half_way_others_are_compressed() {
    let mut deflater = Deflater::new(DeflateSettings {
        bytes_min: 1,
        level: 2,
    });
    let mut state = 7u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    for round in 0..60 {
        // Noise, but for its middle, which is looked at first.
        let len = 33_000 + round * 1_111;
        let mut noise: Vec<u8> = (0..len).map(|_| next()).collect();
        noise[len / 2..len / 2 + 4_500].fill(b'x');
        deflater.deflate(&noise, 9 + (round % 7) as u8);
        let skewed: Vec<u8> = (0..200_000).map(|_| next() & next() & 0x7f).collect();
        let bits = 9 + (round % 7) as u8;
        let compressed = deflater
            .deflate(&skewed, bits)
            .expect("it shrinks")
            .to_vec();
        assert!(receiver(&compressed, skewed.len()) == skewed);
    }
}
