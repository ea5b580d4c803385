//! Who lags: how far and since when, and what the hub does about it.
//!
//! Rules:
//! - Bytes behind are those between a cursor and the log's end, for who has resumed without what
//!   it was given then. Time behind counts from when the
//!   next byte had been offered to everybody who could take it: that we were slow ourselves is
//!   nobody's lag, and while the loop stands still no time passes.
//! - Limits are tested on blocked members only: on bytes once a pass, on time by a deadline, so that
//!   a channel that is quiet now finds its laggards too.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::resume::Resumed;
use super::stream::Stream;
use super::{Form, Hub, Place, Report};
use crate::limits::{LAG_LOOK_MS, MESSAGE_BYTES_LEAST};
use crate::timers::NEVER;

/// The limit that a member has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lag {
    /// `lag_bytes_max`.
    Bytes,
    /// `lag_timeout`.
    Time,
}

/// Upper bounds of the buckets of [`Lags`] in bytes; one more is without bound.
pub const LAG_BUCKETS_BYTES: [u64; 8] = [
    1 << 10,
    1 << 12,
    1 << 14,
    1 << 16,
    1 << 18,
    1 << 20,
    1 << 22,
    1 << 24,
];
/// Upper bounds of the buckets of [`Lags`] in milliseconds; one more is without bound.
pub const LAG_BUCKETS_MS: [u64; 8] = [50, 200, 500, 1_000, 2_500, 5_000, 15_000, 60_000];

/// How members that are behind are spread: each is in one bucket of either row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lags {
    /// By bytes behind.
    pub bytes: [u64; LAG_BUCKETS_BYTES.len() + 1],
    /// By time behind.
    pub ms: [u64; LAG_BUCKETS_MS.len() + 1],
}

/// A member that is behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behind<'a> {
    /// Whose it is.
    pub slot: u32,
    /// The name of its channel.
    pub channel: &'a str,
    /// Its form.
    pub form: Form,
    /// Bytes between its cursor and the end.
    pub bytes: u64,
    /// Since when its next byte has been there for it to take.
    pub ms: u64,
    /// Whether it is the kernel that takes no more.
    pub blocked: bool,
}

impl Hub {
    /// The loop stood still until now: what was not taken meanwhile could not be.
    pub fn stalled(&mut self, now: u64) {
        self.resumed_ms = now;
    }

    /// The members most behind, in bytes, the worst first; at most `n`. Visits the members of
    /// streams in which anybody is behind.
    pub fn most_behind(&self, n: usize, now: u64) -> Vec<Behind<'_>> {
        let mut worst: BinaryHeap<Reverse<(u64, usize, usize)>> = BinaryHeap::new();
        for (id, s) in &self.streams {
            if s.behind == 0 {
                continue;
            }
            let end = s.log.end();
            for (index, member) in s.members.iter().enumerate() {
                let bytes = end - member.cursor;
                let least = worst.peek().map_or(0, |Reverse((least, ..))| *least);
                if !member.is_behind() || bytes == 0 || worst.len() == n && bytes <= least {
                    continue;
                }
                worst.push(Reverse((bytes, id, index)));
                if worst.len() > n {
                    worst.pop();
                }
            }
        }
        let sorted = worst.into_sorted_vec().into_iter();
        sorted
            .map(|Reverse((_, id, index))| {
                let (stream, member) = (id as u32, index as u32);
                self.standing(Place { stream, member }, now)
            })
            .collect()
    }

    /// How far one member is behind, if it is.
    pub fn standing(&self, place: Place, now: u64) -> Behind<'_> {
        let s = &self.streams[place.stream as usize];
        let member = &s.members[place.member as usize];
        let bytes = s.log.end() - member.cursor;
        let ms = match bytes {
            0 => 0,
            _ => self
                .ms_behind(s, member.cursor, now)
                .min(self.ms_here(member.slot, now)),
        };
        Behind {
            slot: member.slot,
            channel: &self.channels[s.channel as usize].name,
            form: s.form,
            bytes,
            ms,
            blocked: member.is_blocked(),
        }
    }

    fn ms_behind(&self, s: &Stream, cursor: u64, now: u64) -> u64 {
        let offered = s.log.offered_ms(cursor);
        offered.map_or(0, |ms| now.saturating_sub(ms.max(self.resumed_ms)))
    }

    /// Since when a member that has resumed is here: what it missed before is no lag.
    fn ms_here(&self, slot: u32, now: u64) -> u64 {
        let resumed = self.resumed.get(&slot);
        resumed.map_or(u64::MAX, |r| now.saturating_sub(r.ms))
    }

    /// How all members that are behind are spread. Costs some comparisons for each of them.
    pub fn lags(&self, now: u64) -> Lags {
        let mut lags = Lags::default();
        for (_, s) in self.streams.iter().filter(|(_, s)| s.behind > 0) {
            // Where a cursor has to be at least, to be in a bucket or one before it.
            let end = s.log.end();
            let bytes = LAG_BUCKETS_BYTES.map(|most| end.saturating_sub(most));
            let ms = LAG_BUCKETS_MS.map(|most| match now.saturating_sub(most) {
                since if since <= self.resumed_ms => 0,
                since => s.log.offered_before(since),
            });
            let behind = s.members.iter().filter(|m| m.is_behind());
            for cursor in behind.map(|m| m.cursor).filter(|&cursor| cursor < end) {
                let bucket = |row: &[u64]| row.iter().filter(|&&at| cursor < at).count();
                lags.bytes[bucket(&bytes)] += 1;
                lags.ms[bucket(&ms)] += 1;
            }
        }
        lags
    }

    /// When members are next to be looked at.
    pub fn next_look(&self) -> Option<u64> {
        self.looks.next()
    }

    /// Looks for members that are too long behind, where a look is due.
    pub(super) fn look(&mut self, now: u64, reports: &mut Vec<Report>) {
        while let Some((time, id)) = self.looks.pop(now) {
            // A stream may have gone, or another come in its place, since it was armed.
            let Some(s) = self.streams.get_mut(id as usize) else {
                continue;
            };
            if s.armed_ms != time {
                continue;
            }
            s.armed_ms = NEVER;
            let timeout = self.channels[s.channel as usize].policy.lag_timeout_ms;
            let mut next = NEVER;
            for member in s.members.iter().filter(|m| m.is_blocked()) {
                let Some(offered) = s.log.offered_ms(member.cursor) else {
                    continue;
                };
                let here = self.resumed.get(&member.slot).map_or(0, |r| r.ms);
                let last = offered.max(self.resumed_ms).max(here);
                let last = last.saturating_add(timeout);
                if last < now {
                    reports.push(Report::Lagged(member.slot, Lag::Time));
                }
                next = next.min(last.saturating_add(1));
            }
            let due = next.max(now + LAG_LOOK_MS);
            if next != NEVER {
                self.looks.arm(&mut s.armed_ms, due, id);
            }
        }
    }

    /// Sees to it that a stream with members behind is looked at when the first of them may be so for
    /// too long.
    pub(super) fn arm_look(&mut self, stream: u32, now: u64) {
        let s = &mut self.streams[stream as usize];
        let timeout = self.channels[s.channel as usize].policy.lag_timeout_ms;
        if timeout == 0 || s.behind == 0 || s.armed_ms != NEVER {
            return;
        }
        let Some(offered) = s.log.offered_ms(s.log.start()) else {
            return;
        };
        let due = offered.saturating_add(timeout + 1).max(now + LAG_LOOK_MS);
        self.looks.arm(&mut s.armed_ms, due, stream);
    }

    /// Whether a member that lags is moved past what it misses rather than closed.
    pub fn may_skip(&self, place: Place) -> bool {
        let s = &self.streams[place.stream as usize];
        self.channels[s.channel as usize].policy.skips(s.form)
            && (!self.at_end(place) || self.is_waiting(place))
    }
}

impl Stream {
    /// Reports every blocked member with more than `lag_bytes_max` of whole messages waiting
    /// behind the one being written. Counted in the log, of which it holds all behind its cursor,
    /// so messages of its own count too. Of those that have resumed, only what came after they got
    /// their place: what they were given may be more than the limit, such as the histories of many
    /// channels, or one in a form that takes more bytes.
    pub(super) fn find_lagging(
        &self,
        lag_bytes_max: u64,
        resumed: &HashMap<u32, Resumed>,
        reports: &mut Vec<Report>,
    ) {
        let end = self.log.end();
        let lags = |from: u64| {
            let messages = self.log.messages_between(from, end);
            (end - from).max(messages * MESSAGE_BYTES_LEAST) > lag_bytes_max
        };
        for member in self.members.iter().filter(|m| m.is_blocked()) {
            let written = self.log.message_end(member.cursor).unwrap_or(end);
            let given = |slot| resumed.get(slot).map_or(written, |r| r.given.max(written));
            if lags(written) && lags(given(&member.slot)) {
                reports.push(Report::Lagged(member.slot, Lag::Bytes));
            }
        }
    }
}
