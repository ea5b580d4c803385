//! Deadlines of connections: a heap with lazy entries.
//!
//! Rules: a connection has at most one live entry, whose time it remembers; when its deadline moves
//! later nothing is done, the entry finds out when it comes up; when it moves earlier a new entry
//! replaces the old one, which is recognised as stale by its time. An entry is one word, time above
//! slot: one of a slot's earlier user either differs in its time or comes up when it would anyway.
//! Time is an argument.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::limits::SLOT_BITS;

/// A time that never comes.
pub const NEVER: u64 = u64::MAX;

/// The last time that an entry can have: over thirty years of milliseconds.
const LAST: u64 = u64::MAX >> SLOT_BITS;

/// Deadlines in milliseconds, each for a slot.
#[derive(Debug, Default)]
pub struct Timers {
    heap: BinaryHeap<Reverse<u64>>,
}

const fn parts(entry: u64) -> (u64, u32) {
    (entry >> SLOT_BITS, (entry & ((1 << SLOT_BITS) - 1)) as u32)
}

impl Timers {
    /// Sees to it that `slot` comes up at `due` or before. `armed` is the caller's record of its
    /// live entry, `NEVER` when there is none.
    pub fn arm(&mut self, armed: &mut u64, due: u64, slot: u32) {
        if due < *armed && due <= LAST {
            *armed = due;
            self.heap.push(Reverse(due << SLOT_BITS | u64::from(slot)));
        }
    }

    /// When the next entry comes up.
    pub fn next(&self) -> Option<u64> {
        self.heap.peek().map(|r| parts(r.0).0)
    }

    /// Takes an entry that is due: its time, which the caller compares with its record, and its slot.
    pub fn pop(&mut self, now: u64) -> Option<(u64, u32)> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|r| parts(r.0))
    }

    /// How many entries there are, stale ones included.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOT: u32 = (1 << SLOT_BITS) - 1;

    #[test]
    fn later_deadlines_add_nothing_and_earlier_ones_replace() {
        let (mut timers, mut armed) = (Timers::default(), NEVER);
        timers.arm(&mut armed, 100, SLOT);
        timers.arm(&mut armed, 200, SLOT);
        assert_eq!((timers.len(), armed), (1, 100));
        timers.arm(&mut armed, 50, SLOT);
        assert_eq!((timers.len(), armed, timers.next()), (2, 50, Some(50)));
        assert_eq!(timers.pop(49), None);
        assert_eq!(timers.pop(100), Some((50, SLOT)));
        assert_eq!(timers.pop(100), Some((100, SLOT)));
        assert_eq!(timers.pop(100), None);
    }

    #[test]
    fn what_is_beyond_the_last_time_never_comes_up() {
        let (mut timers, mut armed) = (Timers::default(), NEVER);
        timers.arm(&mut armed, LAST + 1, 0);
        timers.arm(&mut armed, NEVER, 0);
        assert!(timers.is_empty() && armed == NEVER);
        timers.arm(&mut armed, LAST, 7);
        assert_eq!(timers.pop(LAST), Some((LAST, 7)));
    }
}
