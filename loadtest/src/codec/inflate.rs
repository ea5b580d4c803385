//! Messages that came compressed (permessage-deflate, RFC 7692), without context takeover: one
//! inflater, made new by each message, serves all connections.

use std::cell::RefCell;

use flate2::{Decompress, FlushDecompress, Status};

use super::{MESSAGE_BYTES_MAX, Violation};

/// What the sender leaves out (7.2.1), and an empty final block: a message has to end with a block.
const TAIL: [u8; 9] = [0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff];

struct Inflater {
    state: Decompress,
    output: Vec<u8>,
}

thread_local! {
    static INFLATER: RefCell<Inflater> = RefCell::new(Inflater {
        state: Decompress::new(false),
        output: Vec::with_capacity(64 * 1024),
    });
}

/// Inflates a message and shows it to `then`.
///
/// # Errors
/// [`Violation::BadDeflate`], [`Violation::TooBig`], and what `then` returns.
pub fn inflate(
    compressed: &[u8],
    then: impl FnOnce(&[u8]) -> Result<(), Violation>,
) -> Result<(), Violation> {
    INFLATER.with_borrow_mut(|inflater| {
        inflater.state.reset(false);
        inflater.output.clear();
        if inflater.feed(compressed)? || !inflater.feed(&TAIL)? {
            return Err(Violation::BadDeflate);
        }
        then(&inflater.output)
    })
}

impl Inflater {
    /// Takes all of `input`; whether the stream ended.
    fn feed(&mut self, mut input: &[u8]) -> Result<bool, Violation> {
        loop {
            if self.output.len() == self.output.capacity() {
                self.output.reserve(self.output.len());
            }
            let before = self.state.total_in();
            let status = self
                .state
                .decompress_vec(input, &mut self.output, FlushDecompress::None)
                .map_err(|_| Violation::BadDeflate)?;
            input = &input[(self.state.total_in() - before) as usize..];
            if self.output.len() > MESSAGE_BYTES_MAX {
                return Err(Violation::TooBig);
            }
            if status == Status::StreamEnd {
                return Ok(true);
            }
            if self.output.len() < self.output.capacity() {
                return match input {
                    [] => Ok(false),
                    _ => Err(Violation::BadDeflate),
                };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_of_the_rfc_and_what_is_none() {
        // RFC 7692 7.2.3.1.
        let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        for _ in 0..2 {
            let shown = inflate(&hello, |text| {
                assert_eq!(text, b"Hello");
                Ok(())
            });
            assert_eq!(shown, Ok(()));
        }
        for bad in [&hello[..5], b"hello", &[&hello[..], &TAIL[..4]].concat()] {
            assert_eq!(inflate(bad, |_| Ok(())), Err(Violation::BadDeflate));
        }
    }
}
