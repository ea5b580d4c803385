//! A gzip stream without end, read as it comes (RFC 1952).

use flate2::{Decompress, FlushDecompress, Status};

/// The header due: deflate, and no fields.
const HEADER: [u8; 4] = [0x1f, 0x8b, 8, 0];
const HEADER_BYTES: usize = 10;

/// One stream.
#[derive(Debug)]
pub struct Gunzip {
    state: Decompress,
    /// Bytes of the header that are still to come.
    header: usize,
}

impl Default for Gunzip {
    /// Nothing of it yet.
    fn default() -> Gunzip {
        Gunzip {
            state: Decompress::new(false),
            header: HEADER_BYTES,
        }
    }
}

impl Gunzip {
    /// Appends what `input` inflates to: all of it, as every piece is flushed.
    pub fn feed(&mut self, mut input: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
        while self.header > 0 && !input.is_empty() {
            let due = HEADER.get(HEADER_BYTES - self.header);
            if due.is_some_and(|due| *due != input[0]) {
                return Err(format!("a gzip header with {:#04x}", input[0]));
            }
            (self.header, input) = (self.header - 1, &input[1..]);
        }
        loop {
            out.reserve(4 * input.len() + 256);
            let before = self.state.total_in();
            let status = self
                .state
                .decompress_vec(input, out, FlushDecompress::Sync)
                .map_err(|e| format!("a stream that does not inflate: {e}"))?;
            input = &input[(self.state.total_in() - before) as usize..];
            if status == Status::StreamEnd {
                return Err("a gzip stream that ends".into());
            }
            if input.is_empty() && out.len() < out.capacity() {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_come_out_as_they_come_in() {
        // A stored block, then RFC 7692's compressed "Hello", flushed.
        let header = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
        let stored = [0, 2, 0, 0xfd, 0xff, b'h', b'i'];
        let hello = [
            0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00, 0x00, 0xff, 0xff,
        ];
        let wire = [&header[..], &stored, &hello].concat();
        let (mut gunzip, mut out) = (Gunzip::default(), Vec::new());
        for byte in wire {
            gunzip.feed(&[byte], &mut out).unwrap();
        }
        assert_eq!(out, b"hiHello");
        assert!(
            Gunzip::default()
                .feed(b"\x1f\x8c", &mut Vec::new())
                .is_err()
        );
    }
}
