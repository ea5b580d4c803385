//! Segments of frame logs and the pool that lends them.
//!
//! Rules:
//! - A segment's bytes are initialised once, when they are allocated, so that reserving room in
//!   it costs nothing.
//! - Size classes are 1, 4, 16, 64 and 256 KiB and a sixty-fourth more: sixteen messages of
//!   16 KiB with their headers fit the largest. A message that fits none is a segment of its own.
//! - `ends` never grows beyond the capacity it was given: a segment without room for another
//!   message end is full. That bounds the overhead of tiny messages to a quarter.
//! - `used_bytes + free_bytes` is all the memory that logs hold, by capacity.

use crate::limits::{POOL_BYTES_MAX, SPARES_MAX};

/// Sizes of pooled segments, smallest first.
pub(super) const CLASSES: [usize; 5] = [1040, 4160, 16_640, 66_560, 266_240];
/// Bytes of segment per message end that it has room for.
const BYTES_PER_END: usize = 16;

/// A run of bytes of a log.
#[derive(Debug, Default)]
pub struct Segment {
    /// Log position of the first byte.
    pub(super) base: u64,
    /// Where in `bytes` the first byte is: a gathered message leaves room for the longest header.
    pub(super) first: usize,
    /// Bytes in use behind `first`.
    pub(super) len: usize,
    /// Initialised throughout.
    pub(super) bytes: Vec<u8>,
    /// Ends of messages, relative to `base`, ascending.
    pub(super) ends: Vec<u32>,
}

impl Segment {
    /// Log position behind the last byte.
    pub(super) fn end(&self) -> u64 {
        self.base + self.len as u64
    }

    /// The bytes in use.
    pub(super) fn used(&self) -> &[u8] {
        &self.bytes[self.first..self.first + self.len]
    }

    /// Whether a message of `len` bytes still fits.
    pub(super) fn fits(&self, len: usize) -> bool {
        self.first + self.len + len <= self.bytes.len() && self.ends.len() < self.ends.capacity()
    }

    /// Whether more of its memory is free than in use.
    pub(super) fn has_much_room(&self) -> bool {
        2 * (self.len + 4 * self.ends.len()) < self.capacity()
    }

    fn empty(&mut self) {
        self.ends.clear();
        (self.base, self.first, self.len) = (0, 0, 0);
    }

    fn capacity(&self) -> usize {
        self.bytes.capacity() + 4 * self.ends.capacity()
    }
}

/// Lends segments and keeps a bounded number of free ones.
#[derive(Debug, Default)]
pub struct Pool {
    #[expect(
        clippy::vec_box,
        reason = "segments go back and forth between logs and here"
    )]
    free: [Vec<Box<Segment>>; CLASSES.len()],
    free_bytes: usize,
    /// Free segments without bytes, for messages that have their own.
    #[expect(clippy::vec_box, reason = "as above")]
    hulls: Vec<Box<Segment>>,
    used_bytes: usize,
}

/// The smallest class that holds `len` bytes.
pub(super) fn class_of(len: usize) -> Option<usize> {
    CLASSES.iter().position(|&c| len <= c)
}

impl Pool {
    /// Bytes lent out, by capacity.
    pub fn used_bytes(&self) -> usize {
        self.used_bytes
    }

    /// Bytes of free segments, by capacity; at most `POOL_BYTES_MAX`.
    pub fn free_bytes(&self) -> usize {
        self.free_bytes
    }

    /// A segment of at least `class` with room for `len` bytes, empty.
    pub(super) fn lend(&mut self, class: usize, len: usize) -> Box<Segment> {
        let segment = match class_of(len) {
            Some(least) => self.lend_class(least.max(class.min(CLASSES.len() - 1))),
            None => self.lend_hull(vec![0; len]),
        };
        self.used_bytes += segment.capacity();
        segment
    }

    fn lend_class(&mut self, class: usize) -> Box<Segment> {
        if let Some(segment) = self.free[class].pop() {
            self.free_bytes -= segment.capacity();
            return segment;
        }
        let size = CLASSES[class];
        Box::new(Segment {
            bytes: vec![0; size],
            ends: Vec::with_capacity(size / BYTES_PER_END),
            ..Segment::default()
        })
    }

    /// A segment of one message in these bytes.
    fn lend_hull(&mut self, bytes: Vec<u8>) -> Box<Segment> {
        let mut segment = self.hulls.pop().unwrap_or_default();
        segment.bytes = bytes;
        segment.ends.reserve_exact(1);
        segment
    }

    /// Makes a segment of one finished message that begins at `first` in `bytes`.
    pub(super) fn adopt(&mut self, mut bytes: Vec<u8>, first: usize) -> Box<Segment> {
        bytes.shrink_to_fit();
        let len = bytes.len() - first;
        let mut segment = self.lend_hull(bytes);
        (segment.first, segment.len) = (first, len);
        self.used_bytes += segment.capacity();
        segment
    }

    /// Counts memory that a log holds beside its segments; `counted` is what it was before.
    pub fn recount(&mut self, counted: &mut usize, bytes: usize) {
        self.used_bytes = self.used_bytes - *counted + bytes;
        *counted = bytes;
    }

    /// Moves what is in a segment to one of exactly its size; nothing more fits that.
    pub(super) fn fit(&mut self, segment: &mut Box<Segment>) {
        let fitting = Box::new(Segment {
            base: segment.base,
            first: 0,
            len: segment.len,
            bytes: segment.used().into(),
            ends: segment.ends.as_slice().into(),
        });
        self.used_bytes += fitting.capacity();
        let large = std::mem::replace(segment, fitting);
        self.give_back(large);
    }

    /// Takes a segment back; keeps it when there is room, its bytes when they are of a class.
    pub(super) fn give_back(&mut self, mut segment: Box<Segment>) {
        let capacity = segment.capacity();
        self.used_bytes -= capacity;
        let class = CLASSES.iter().position(|&c| c == segment.bytes.len());
        if let Some(class) = class
            && segment.ends.capacity() == CLASSES[class] / BYTES_PER_END
            && self.free_bytes + capacity <= POOL_BYTES_MAX
        {
            segment.empty();
            self.free_bytes += capacity;
            self.free[class].push(segment);
        } else if class.is_none() && self.hulls.len() < SPARES_MAX {
            segment.empty();
            segment.bytes = Vec::new();
            self.hulls.push(segment);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_class_holds_sixteen_messages_of_16_kib() {
        assert!(16 * (16 * 1024 + 4) <= CLASSES[4]);
    }

    #[test]
    fn what_is_lent_is_counted_and_comes_back_for_reuse() {
        let mut pool = Pool::default();
        let a = pool.lend(0, 500);
        let b = pool.lend(0, 1_000_000);
        assert_eq!(a.bytes.len(), CLASSES[0]);
        assert_eq!(b.bytes.len(), 1_000_000);
        assert!(pool.used_bytes() >= 1_001_040);
        let address = a.bytes.as_ptr();
        pool.give_back(a);
        pool.give_back(b);
        assert_eq!(pool.used_bytes(), 0);
        assert_eq!(pool.lend(0, 10).bytes.as_ptr(), address);
    }

    #[test]
    fn a_segment_of_one_message_is_kept_without_its_bytes() {
        let mut pool = Pool::default();
        let lent: Vec<_> = (0..2 * SPARES_MAX).map(|_| pool.lend(0, 300_000)).collect();
        lent.into_iter().for_each(|s| pool.give_back(s));
        assert_eq!((pool.hulls.len(), pool.used_bytes()), (SPARES_MAX, 0));
        assert!(pool.hulls.iter().all(|s| s.capacity() == 4));
        let segment = pool.adopt(vec![7; 70_000], 6);
        assert_eq!(segment.used(), [7; 69_994]);
        assert!(segment.fits(0) && segment.end() == 69_994);
    }

    #[test]
    fn a_segment_is_fitted_to_what_it_holds() {
        let mut pool = Pool::default();
        let mut segment = pool.lend(2, 100);
        (segment.base, segment.len) = (7, 10);
        segment.bytes[..10].fill(3);
        segment.ends.extend([4, 10]);
        assert!(segment.has_much_room());
        pool.fit(&mut segment);
        assert_eq!(pool.used_bytes(), 10 + 2 * 4);
        assert_eq!((segment.base, segment.used()), (7, &[3; 10][..]));
        assert!(!segment.has_much_room() && !segment.fits(1) && segment.ends == [4, 10]);
        pool.give_back(segment);
        assert_eq!(pool.used_bytes(), 0);
    }

    #[test]
    fn free_segments_are_bounded() {
        let mut pool = Pool::default();
        let lent: Vec<_> = (0..100).map(|_| pool.lend(4, 1)).collect();
        lent.into_iter().for_each(|s| pool.give_back(s));
        assert!(pool.free_bytes() <= POOL_BYTES_MAX);
        assert_eq!(pool.used_bytes(), 0);
    }
}
