//! permessage-deflate (RFC 7692) from the client's side, written for the oracle alone: `flate2`
//! and nothing of the server's.
//!
//! Every message is compressed and inflated with a state of its own, as both sides agreed. How far
//! a distance reaches is not judged: this inflater takes any.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use crate::rng::Rng;

/// What every answer that agrees begins with.
macro_rules! both {
    ($more:literal) => {
        concat!(
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
            $more
        )
    };
}

/// An offer, the answer due, and the bits of the window that the server then has.
pub type Offer = (&'static str, Option<&'static str>, u8);

/// Header lines to offer with.
pub const OFFERS: &[Offer] = &[
    (
        "Sec-WebSocket-Extensions: permessage-deflate\r\n",
        Some(both!("")),
        15,
    ),
    (
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n",
        Some(both!("")),
        15,
    ),
    (
        "sec-websocket-extensions: x, permessage-deflate;server_max_window_bits=\"9\"\r\n",
        Some(both!("; server_max_window_bits=9")),
        9,
    ),
    (
        "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=8\r\n",
        Some(both!("; server_max_window_bits=8")),
        8,
    ),
    (
        "Sec-WebSocket-Extensions: permessage-deflate; nonsense\r\n\
         Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=12, permessage-deflate\r\n",
        Some(both!("; server_max_window_bits=12")),
        12,
    ),
    (
        "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=16\r\n",
        None,
        0,
    ),
];

/// What is left out behind a message, and an empty final block.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
const FINAL: [u8; 5] = [1, 0, 0, 0xff, 0xff];

/// Compresses a message: with any level and window, flushed in between or not.
pub fn compress(payload: &[u8], rng: &mut Rng) -> Vec<u8> {
    let (level, bits) = (*rng.pick(&[0, 1, 1, 3, 9]), rng.between(9, 15) as u8);
    let mut state = Compress::new_with_window_bits(Compression::new(level), false, bits);
    let mut out = Vec::with_capacity(payload.len() * 2 + 256);
    let (first, rest) = payload.split_at(rng.between(0, payload.len()));
    for (part, flush) in [
        (first, FlushCompress::None),
        (
            &[],
            *rng.pick(&[
                FlushCompress::None,
                FlushCompress::Sync,
                FlushCompress::Full,
            ]),
        ),
        (rest, FlushCompress::Sync),
    ] {
        // An empty part that flushes nothing is not progress, and no mistake.
        let _ = state.compress_vec(part, &mut out, flush);
    }
    if out.ends_with(&TAIL) {
        out.truncate(out.len() - TAIL.len());
    }
    // Where there was nothing to flush a second time.
    if out.is_empty() { vec![0] } else { out }
}

/// Inflates a message.
pub fn inflate(payload: &[u8]) -> Result<Vec<u8>, String> {
    let mut state = Decompress::new(false);
    let mut out = Vec::with_capacity(4 * payload.len() + 64);
    for part in [payload, &TAIL, &FINAL] {
        let mut rest = part;
        loop {
            let before = state.total_in();
            let status = state
                .decompress_vec(rest, &mut out, FlushDecompress::None)
                .map_err(|e| format!("a message that does not inflate: {e}"))?;
            rest = &rest[(state.total_in() - before) as usize..];
            if status == Status::StreamEnd {
                return match part == FINAL && rest.is_empty() {
                    true => Ok(out),
                    false => Err("a message that ends before its end".into()),
                };
            }
            if out.len() < out.capacity() {
                break;
            }
            out.reserve(out.len());
        }
    }
    Err("a message that does not end with a block".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_of_the_rfc_and_what_is_no_message() {
        // RFC 7692 7.2.3.1.
        let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        assert_eq!(inflate(&hello), Ok(b"Hello".to_vec()));
        assert!(inflate(&hello[..5]).is_err());
        let with_tail = [&hello[..], &TAIL].concat();
        assert!(inflate(&with_tail).is_err());
    }

    #[test]
    fn what_is_compressed_comes_back() {
        let mut rng = Rng::new(3);
        for len in [0, 1, 100, 5000, 70_000] {
            let message: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
            for _ in 0..20 {
                let compressed = compress(&message, &mut rng);
                assert_eq!(inflate(&compressed), Ok(message.clone()), "{len}");
            }
        }
    }
}
