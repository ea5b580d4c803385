//! Deadlines of connections: a heap with lazy entries.
//!
//! Rules: a connection has at most one live entry, whose time it remembers; when its deadline moves
//! later nothing is done, the entry finds out when it comes up; when it moves earlier a new entry
//! replaces the old one, which is recognised as stale by its time. An entry is one word, time above
//! slot: one of a slot's earlier user either differs in its time or comes up when it would anyway.
//! Time is an argument. What does not fit an entry, a later time or a higher slot, is not armed: it
//! never comes up, and never as another one. Connections and channels are bounded to fit.

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
        if due < *armed && due <= LAST && Timers::takes(slot) {
            *armed = due;
            self.heap.push(Reverse(due << SLOT_BITS | u64::from(slot)));
        }
    }

    /// Whether a slot fits an entry.
    pub const fn takes(slot: u32) -> bool {
        slot < 1 << SLOT_BITS
    }

    /// Throws out the entries for which this does not hold of time and slot.
    pub fn retain(&mut self, live: impl Fn(u64, u32) -> bool) {
        self.heap.retain(|entry| {
            let (time, slot) = parts(entry.0);
            live(time, slot)
        });
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

    #[test]
    fn a_slot_that_does_not_fit_comes_up_neither_as_itself_nor_as_another() {
        let (mut timers, mut armed) = (Timers::default(), NEVER);
        timers.arm(&mut armed, 5, SLOT + 1);
        assert!(timers.is_empty() && armed == NEVER && !Timers::takes(SLOT + 1));
        timers.arm(&mut armed, 5, SLOT);
        assert_eq!(timers.pop(5), Some((5, SLOT)));
    }

    #[test]
    fn what_is_not_live_is_thrown_out() {
        let mut timers = Timers::default();
        for slot in 0..9 {
            timers.arm(&mut NEVER.clone(), 10 - u64::from(slot), slot);
        }
        timers.retain(|time, slot| slot % 2 == 0 && time > 3);
        let left: Vec<_> = std::iter::from_fn(|| timers.pop(99)).collect();
        assert_eq!(left, [(4, 6), (6, 4), (8, 2), (10, 0)]);
    }
}
