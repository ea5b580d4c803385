//! Buffers of messages that were gathered, kept for the next ones.
//!
//! Rules:
//! - Size classes double, so that one that grows class by class is never more than about twice
//!   what came, and every step finds what an earlier message has left.
//! - The last step of one that becomes a segment of its log is exact, for the log keeps it: what is
//!   kept here is what it grew by.

use super::gather::HEADER_ROOM;
use crate::limits::{ADOPT_BYTES_MIN, BUFFERS_BYTES_MAX};

/// How many size classes there are.
const CLASSES: usize = 11;
/// The smallest size, but for the room for a header; each class has twice the one before.
const LEAST: usize = 512;

/// Bytes of a class, 512 KiB in the largest, and room for a header.
const fn size(class: usize) -> usize {
    (LEAST << class) + HEADER_ROOM
}

/// Lends buffers and keeps a bounded number of free ones.
#[derive(Debug, Default)]
pub struct Buffers {
    free: [Vec<Vec<u8>>; CLASSES],
    free_bytes: usize,
}

impl Buffers {
    /// Bytes of free buffers, by capacity; at most `BUFFERS_BYTES_MAX`.
    pub fn free_bytes(&self) -> usize {
        self.free_bytes
    }

    /// Gives `bytes` a capacity of at least `need`, at most about twice that. `whole`: what it will
    /// need in the end.
    pub(super) fn grow(&mut self, bytes: &mut Vec<u8>, need: usize, whole: usize) {
        let last = whole >= ADOPT_BYTES_MIN + HEADER_ROOM && whole / 2 <= need;
        let class = (0..CLASSES).find(|&class| !last && need <= size(class));
        let mut larger = match class {
            Some(class) => self.lend(class),
            None => {
                let capacity = whole.min(2 * need);
                if bytes.capacity() > size(CLASSES - 1) {
                    return bytes.reserve_exact(capacity - bytes.len());
                }
                Vec::with_capacity(capacity)
            }
        };
        larger.extend_from_slice(bytes);
        self.give_back(std::mem::replace(bytes, larger));
    }

    fn lend(&mut self, class: usize) -> Vec<u8> {
        let Some(bytes) = self.free[class].pop() else {
            return Vec::with_capacity(size(class));
        };
        self.free_bytes -= bytes.capacity();
        bytes
    }

    /// Takes a buffer back; keeps it when it is of a class and there is room.
    pub(super) fn give_back(&mut self, mut bytes: Vec<u8>) {
        let capacity = bytes.capacity();
        if let Some(class) = (0..CLASSES).find(|&class| capacity == size(class))
            && self.free_bytes + capacity <= BUFFERS_BYTES_MAX
        {
            bytes.clear();
            self.free_bytes += capacity;
            self.free[class].push(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_buffers_are_bounded_and_counted() {
        let mut buffers = Buffers::default();
        let lent: Vec<_> = (0..100).map(|i| buffers.lend(i % CLASSES)).collect();
        assert_eq!(buffers.free_bytes(), 0);
        lent.into_iter().for_each(|b| buffers.give_back(b));
        let all = buffers.free.iter().flatten();
        assert_eq!(buffers.free_bytes(), all.map(Vec::capacity).sum::<usize>());
        assert!(buffers.free_bytes() <= BUFFERS_BYTES_MAX);
        assert!(buffers.free_bytes() > BUFFERS_BYTES_MAX / 2);
    }

    #[test]
    fn every_step_of_growing_finds_what_was_left() {
        let mut buffers = Buffers::default();
        let mut addresses = Vec::new();
        for _ in 0..2 {
            let mut bytes = Vec::new();
            for need in [1, 522, 523, 5_000, 60_000] {
                if need > bytes.capacity() {
                    buffers.grow(&mut bytes, need, usize::MAX);
                    assert!(bytes.capacity() < 2 * need.max(size(0)));
                }
                bytes.resize(need, 7);
                addresses.push(bytes.as_ptr());
            }
            assert_eq!(bytes, [7; 60_000]);
            buffers.give_back(bytes);
            assert!(buffers.free.iter().flatten().all(Vec::is_empty));
        }
        assert_eq!(addresses[..5], addresses[5..]);
    }

    #[test]
    fn large_ones_are_exact_and_not_kept() {
        let mut buffers = Buffers::default();
        let mut bytes = vec![1; 40_000];
        buffers.grow(&mut bytes, 300_000, 1_000_000);
        assert_eq!((bytes.len(), bytes.capacity()), (40_000, size(10)));
        buffers.grow(&mut bytes, 550_000, 1_000_000);
        assert_eq!((bytes.len(), bytes.capacity()), (40_000, 1_000_000));
        assert_eq!(buffers.free_bytes(), size(10));
        buffers.grow(&mut bytes, 1_100_000, usize::MAX);
        assert_eq!((bytes.len(), bytes.capacity()), (40_000, 2_200_000));
        buffers.give_back(bytes);
        assert_eq!(buffers.free_bytes(), size(10));
    }
}
