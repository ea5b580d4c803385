//! Pieces of a gzip stream, read by `flate2` as they come.

use std::io::Write;

use flate2::write::GzDecoder;
use flate2::{Compress, Compression, FlushCompress};
use proptest::prelude::*;

use super::*;

/// A piece of its own, compressed, without the bytes of its flush.
fn compressed(bytes: &[u8]) -> Vec<u8> {
    let mut state = Compress::new(Compression::new(2), false);
    let mut out = Vec::with_capacity(bytes.len() + 64);
    state
        .compress_vec(bytes, &mut out, FlushCompress::Sync)
        .unwrap();
    assert!(out.ends_with(&SYNC), "flushed");
    out.truncate(out.len() - SYNC.len());
    out
}

fn piece(bytes: &[u8], deflated: bool) -> Vec<u8> {
    let mut out = Vec::new();
    match deflated {
        true => out.extend_from_slice(&[&compressed(bytes)[..], &SYNC].concat()),
        false => stored(bytes, &mut out),
    }
    out
}

#[test]
fn bytes_are_stored_in_blocks_that_say_their_length_twice() {
    let mut out = Vec::new();
    stored(b"", &mut out);
    assert_eq!(out, b"");
    stored(b"abc", &mut out);
    assert_eq!(out, b"\0\x03\0\xfc\xffabc");
    let long = vec![b'x'; STORED_BYTES_MAX + 1];
    out.clear();
    stored(&long, &mut out);
    assert_eq!(out.len(), long.len() + 10);
    assert_eq!(&out[..5], b"\0\xff\xff\0\0");
    assert_eq!(&out[5 + STORED_BYTES_MAX..], b"\0\x01\0\xfe\xffx");
}

proptest! {
    /// A reader that joins at any piece has all of each piece when it has come.
    #[test]
    fn every_piece_is_read_when_it_comes(
        pieces in proptest::collection::vec((proptest::collection::vec(0u8..4, 0..2000), any::<bool>()), 1..8),
        first in any::<proptest::sample::Index>(),
    ) {
        let mut reader = GzDecoder::new(Vec::new());
        reader.write_all(&HEADER).unwrap();
        let mut expected = Vec::new();
        for (bytes, deflated) in &pieces[first.index(pieces.len())..] {
            reader.write_all(&piece(bytes, *deflated)).unwrap();
            reader.flush().unwrap();
            expected.extend_from_slice(bytes);
            prop_assert_eq!(reader.get_ref(), &expected);
        }
    }
}
