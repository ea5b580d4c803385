//! One message collected by its connection because it was not whole in one read.
//!
//! Rules:
//! - Room for the longest header is left in front, so that a large message becomes a segment of
//!   its log without a copy.
//! - Memory grows with the bytes that came, never with a declared length alone.

use super::Buffers;

/// The longest header that a wire form puts in front of a message.
pub const HEADER_ROOM: usize = 10;

/// See the top of the file.
#[derive(Debug, Default)]
pub struct Gather {
    /// Empty, or the room for a header and the message behind it.
    bytes: Vec<u8>,
}

impl Gather {
    /// Room for `len` more bytes, to be filled by the caller. `expected`: how many are to come after
    /// these, `u64::MAX` when nobody said; capacity is at most doubled for their sake.
    pub fn grow(&mut self, len: usize, expected: u64, buffers: &mut Buffers) -> &mut [u8] {
        let at = self.bytes.len().max(HEADER_ROOM);
        let need = at + len;
        if need > self.bytes.capacity() {
            let whole = (need as u64)
                .saturating_add(expected)
                .min(usize::MAX as u64) as usize;
            buffers.grow(&mut self.bytes, need, whole);
        }
        self.bytes.resize(need, 0);
        &mut self.bytes[at..]
    }

    /// Appends bytes as they are.
    pub fn extend(&mut self, bytes: &[u8], expected: u64, buffers: &mut Buffers) {
        let room = self.grow(bytes.len(), expected, buffers);
        room.copy_from_slice(bytes);
    }

    /// Nobody needs the message any more.
    pub fn give_back(self, buffers: &mut Buffers) {
        buffers.give_back(self.bytes);
    }

    /// The message so far.
    pub fn payload(&self) -> &[u8] {
        self.bytes.get(HEADER_ROOM..).unwrap_or_default()
    }

    /// Bytes of the message so far.
    pub fn len(&self) -> usize {
        self.payload().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Memory held.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Puts `header` directly in front of the message; returns the bytes and where it begins.
    pub fn into_message(mut self, header: &[u8]) -> (Vec<u8>, usize) {
        if self.bytes.is_empty() {
            self.bytes.resize(HEADER_ROOM, 0);
        }
        let first = HEADER_ROOM - header.len();
        self.bytes[first..HEADER_ROOM].copy_from_slice(header);
        (self.bytes, first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capacity_follows_what_came_not_what_was_announced() {
        let (mut g, mut buffers) = (Gather::default(), Buffers::default());
        g.extend(&[1; 100], 1 << 40, &mut buffers);
        assert!(g.capacity() <= 1024, "{}", g.capacity());
        for _ in 0..100 {
            g.extend(&[2; 1000], 1 << 40, &mut buffers);
            assert!(g.capacity() <= 2 * g.len() + 1024);
        }
    }

    #[test]
    fn an_announced_message_ends_without_slack() {
        let (mut g, mut buffers) = (Gather::default(), Buffers::default());
        let mut left = 1_000_000u64;
        while left > 0 {
            let n = left.min(65_536);
            left -= n;
            g.extend(&vec![3; n as usize], left, &mut buffers);
        }
        assert!(g.capacity() <= 1_000_000 + HEADER_ROOM);
        let (bytes, first) = g.into_message(b"head");
        assert_eq!(&bytes[first..first + 5], b"head\x03");
        assert_eq!(bytes.len() - first, 1_000_004);
    }
}
