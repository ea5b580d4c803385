//! Forgetting channels: a while after the last subscriber and message, not before.
//!
//! The wait is the same for all, so a queue in order of time is enough. A channel is in it at most
//! once; a channel found in use is dropped from it and comes back when it is idle again. Who goes to make
//! room for another is told by a heap of when they were last used, which is brought up to date as it
//! is looked at.

use std::cmp::Reverse;

use super::Hub;
use crate::limits::AGE_LOOK_MS;
use crate::mark::{mark, planted};

/// So many entries of channels that are gone stay in any case.
const IDLE_SLACK: usize = 64;

/// A channel that may be forgotten at `due`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    due: u64,
    channel: u32,
    generation: u32,
}

impl Hub {
    /// Notes that a channel was used, and queues it when nobody is left.
    pub(super) fn note_idle(&mut self, channel: u32, now: u64) {
        let due = now.saturating_add(self.limits.linger_ms);
        let c = &mut self.channels[channel as usize];
        c.used_ms = now;
        if c.is_set() || c.is_heard(&self.streams) {
            return;
        }
        if !c.lingering {
            c.lingering = true;
            self.linger.push_back(Entry {
                due,
                channel,
                generation: c.generation,
            });
        }
        self.note_forgettable(channel);
    }

    /// When a channel is next to be looked at.
    pub fn next_linger(&self) -> Option<u64> {
        self.linger.front().map(|e| e.due)
    }

    /// Forgets the channels whose time has come, and finds members that are too long behind.
    pub fn expire(&mut self, now: u64, reports: &mut Vec<super::Report>) {
        self.look(now, reports);
        self.expire_history(now);
        self.expire_kept(now);
        while let Some(&entry) = self.linger.front().filter(|e| e.due <= now) {
            self.linger.pop_front();
            self.look_at(entry, now);
        }
    }

    /// Makes room for a channel: the one that has been without members for longest, but none of
    /// these, goes before its time. False: all are in use.
    pub(super) fn forget_longest_idle_but(&mut self, wanted: &[u32]) -> bool {
        // Those that may not go now, and come back afterwards.
        let mut kept = Vec::new();
        let mut forgotten = false;
        while let Some(Reverse((used_ms, channel, generation))) = self.idle.pop() {
            let c = self.channels.get_mut(channel as usize);
            let Some(c) = c.filter(|c| c.generation == generation) else {
                continue;
            };
            if c.is_heard(&self.streams) {
                // It comes back when it is idle.
                c.idle = false;
            } else if c.used_ms > used_ms {
                // Used since: others may have been idle for longer.
                let used_ms = c.used_ms;
                self.idle.push(Reverse((used_ms, channel, generation)));
            } else if !wanted.contains(&channel) && c.is_quiet(&self.streams) {
                mark("channel_forgotten_early");
                self.forget(channel);
                forgotten = true;
                break;
            } else {
                kept.push(Reverse((used_ms, channel, generation)));
            }
        }
        self.idle.extend(kept);
        forgotten
    }

    /// Lists a channel among those that may go to make room.
    fn note_forgettable(&mut self, channel: u32) {
        let c = &mut self.channels[channel as usize];
        if std::mem::replace(&mut c.idle, true) {
            return;
        }
        let entry = Reverse((c.used_ms, channel, c.generation));
        self.idle.push(entry);
        // Channels that were forgotten in time have left their entries.
        if self.idle.len() > 2 * self.channels.len() + IDLE_SLACK {
            let channels = &self.channels;
            let is_there = |channel: u32, generation: u32| {
                let c = channels.get(channel as usize);
                c.is_some_and(|c| c.generation == generation)
            };
            self.idle
                .retain(|Reverse((_, channel, g))| is_there(*channel, *g));
        }
    }

    fn look_at(&mut self, entry: Entry, now: u64) {
        let Some(c) = self.channels.get_mut(entry.channel as usize) else {
            return;
        };
        if c.generation != entry.generation {
            return;
        }
        c.lingering = false;
        let due = c.used_ms.saturating_add(self.limits.linger_ms);
        if c.is_heard(&self.streams) && !planted("forget_channel_in_use") {
            return;
        }
        // What it keeps is for those who come back: it goes with the last of that. Those behind it
        // in the queue wait as long as it at most, and the loop is not woken all the time.
        let again = self.limits.linger_ms.max(AGE_LOOK_MS);
        let due = match c.history.entries.is_empty() {
            true => due,
            false => due.max(now.saturating_add(again)),
        };
        if due > now {
            mark("linger_renewed");
            c.lingering = true;
            self.linger.push_back(Entry { due, ..entry });
            self.compact(entry.channel);
        } else if c.is_quiet(&self.streams) || planted("forget_channel_in_use") {
            self.forget(entry.channel);
        } else {
            // Its last bytes are being swept: look again in a while.
            c.lingering = true;
            self.linger.push_back(Entry {
                due: now.saturating_add(1),
                ..entry
            });
        }
    }

    pub(super) fn forget(&mut self, channel: u32) {
        mark("channel_forgotten");
        self.forget_history(channel);
        let c = self.channels.remove(channel as usize);
        self.names.remove(&c.name);
        for id in c.streams {
            let mut s = self.streams.remove(id as usize);
            s.log.cut(s.log.end(), &mut self.pool);
        }
    }
}
