//! Inflating a message (RFC 7692 7.2.2), bounded by what comes out.
//!
//! Rules:
//! - Every message begins with an empty window: `client_no_context_takeover` is always agreed upon.
//!   The window has 15 bits, so whatever the client compressed with fits.
//! - Output stops one byte above the limit. Nothing is reserved for what has not come out yet but
//!   the doubling of what has.
//! - A block may be marked as final and be followed by more (7.2.3.4); the window is empty behind it.
//! - A message has to end where a block ends: nothing that was cut passes.
//! - One inflater serves all connections of a reactor, and keeps its memory.

use flate2::{Decompress, FlushDecompress, Status};

use super::mask::unmask_into;
use crate::close::Reason;
use crate::limits::{DEFLATE_KEPT_BYTES_MAX, FINAL_BLOCKS_MAX};

/// What the sender has left out (RFC 7692 7.2.1), and an empty final block behind it: the inflater
/// says that the stream has ended only if the message ended with a block.
const TAIL: [u8; 9] = [0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff];

/// Least room for output.
const LEAST: usize = 4 * 1024;

/// See the top of the file.
#[derive(Debug, Default)]
pub struct Inflater {
    /// Made with the first message.
    state: Option<Decompress>,
    compressed: Vec<u8>,
    output: Vec<u8>,
}

/// One message under way.
struct Message<'a> {
    state: &'a mut Decompress,
    output: &'a mut Vec<u8>,
    /// Most bytes of output.
    most: usize,
    /// How often a final block may still be followed by more.
    restarts: usize,
}

impl Inflater {
    /// Inflates one message that is still masked. See [`Inflater::inflate`].
    pub fn inflate_masked(
        &mut self,
        payload: &[u8],
        key: [u8; 4],
        most: usize,
    ) -> Result<&[u8], Reason> {
        let mut compressed = std::mem::take(&mut self.compressed);
        compressed.clear();
        compressed.resize(payload.len(), 0);
        unmask_into(&mut compressed, payload, key);
        let result = self.run(&compressed, most);
        self.compressed = compressed;
        result.map(|()| &self.output[..])
    }

    /// Inflates one message to at most `most` bytes.
    ///
    /// # Errors
    /// [`Reason::MessageTooBig`]: more than `most` come out. [`Reason::BadDeflate`]: no deflated
    /// data, or cut. [`Reason::TooManyFragments`]: more than [`FINAL_BLOCKS_MAX`] streams.
    pub fn inflate(&mut self, compressed: &[u8], most: usize) -> Result<&[u8], Reason> {
        self.run(compressed, most)?;
        Ok(&self.output)
    }

    /// Returns memory that an unusually large message needed.
    pub fn trim(&mut self) {
        for buffer in [&mut self.compressed, &mut self.output] {
            if buffer.capacity() > DEFLATE_KEPT_BYTES_MAX {
                *buffer = Vec::new();
            }
        }
    }

    /// Memory held between messages, the library's own excluded.
    pub fn memory(&self) -> usize {
        self.compressed.capacity() + self.output.capacity()
    }

    fn run(&mut self, compressed: &[u8], most: usize) -> Result<(), Reason> {
        self.output.clear();
        // Nothing at all is not what an empty message looks like (7.2.3.6), but it can mean
        // nothing else.
        if compressed.is_empty() {
            return Ok(());
        }
        let state = self.state.get_or_insert_with(|| Decompress::new(false));
        state.reset(false);
        let mut message = Message {
            state,
            output: &mut self.output,
            most,
            restarts: FINAL_BLOCKS_MAX,
        };
        if message.feed(compressed)? || message.feed(&TAIL)? {
            return Ok(());
        }
        Err(Reason::BadDeflate)
    }
}

impl Message<'_> {
    /// Inflates all of `input`; whether it ended with a final block.
    fn feed(&mut self, mut input: &[u8]) -> Result<bool, Reason> {
        loop {
            if self.output.len() == self.output.capacity() {
                self.grow();
            }
            let (read, written) = (self.state.total_in(), self.output.len());
            let status = self
                .state
                .decompress_vec(input, self.output, FlushDecompress::None)
                .map_err(|_| Reason::BadDeflate)?;
            let read = (self.state.total_in() - read) as usize;
            input = &input[read..];
            if self.output.len() > self.most {
                return Err(Reason::MessageTooBig);
            }
            if status == Status::StreamEnd {
                self.state.reset(false);
                if input.is_empty() {
                    return Ok(true);
                }
                self.restarts = self
                    .restarts
                    .checked_sub(1)
                    .ok_or(Reason::TooManyFragments)?;
            } else if self.output.len() < self.output.capacity() {
                if input.is_empty() {
                    return Ok(false);
                }
                if read == 0 && written == self.output.len() {
                    return Err(Reason::BadDeflate);
                }
            }
        }
    }

    /// Room for as much again, but for no more than one byte above the limit.
    fn grow(&mut self) {
        let len = self.output.len();
        let whole = (2 * len).max(LEAST).min(self.most.saturating_add(1));
        self.output.reserve_exact(whole.saturating_sub(len).max(1));
    }
}

#[cfg(test)]
mod tests;
