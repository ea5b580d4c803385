//! Deadlines of connections: a heap with lazy entries.
//!
//! Rules: a connection has at most one live entry, whose time it remembers; when its deadline moves
//! later nothing is done, the entry finds out when it comes up; when it moves earlier a new entry
//! replaces the old one, which is recognised as stale by its time. Time is an argument.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A time that never comes.
pub const NEVER: u64 = u64::MAX;

/// Deadlines in milliseconds, each for a key of the caller's.
#[derive(Debug)]
pub struct Timers<K> {
    heap: BinaryHeap<Reverse<(u64, K)>>,
}

impl<K: Ord + Copy> Default for Timers<K> {
    fn default() -> Timers<K> {
        Timers {
            heap: BinaryHeap::new(),
        }
    }
}

impl<K: Ord + Copy> Timers<K> {
    /// Sees to it that `key` comes up at `due` or before. `armed` is the caller's record of its
    /// live entry, `NEVER` when there is none.
    pub fn arm(&mut self, armed: &mut u64, due: u64, key: K) {
        if due < *armed {
            *armed = due;
            self.heap.push(Reverse((due, key)));
        }
    }

    /// When the next entry comes up.
    pub fn next(&self) -> Option<u64> {
        self.heap.peek().map(|r| r.0.0)
    }

    /// Takes an entry that is due, with its time. The caller compares that with its record.
    pub fn pop(&mut self, now: u64) -> Option<(u64, K)> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|r| r.0)
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

    #[test]
    fn later_deadlines_add_nothing_and_earlier_ones_replace() {
        let (mut timers, mut armed) = (Timers::default(), NEVER);
        timers.arm(&mut armed, 100, 1u64);
        timers.arm(&mut armed, 200, 1);
        assert_eq!((timers.len(), armed), (1, 100));
        timers.arm(&mut armed, 50, 1);
        assert_eq!((timers.len(), armed, timers.next()), (2, 50, Some(50)));
        assert_eq!(timers.pop(49), None);
        assert_eq!(timers.pop(100), Some((50, 1)));
        assert_eq!(timers.pop(100), Some((100, 1)));
        assert_eq!(timers.pop(100), None);
    }
}
