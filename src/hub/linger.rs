//! Forgetting channels: a while after the last subscriber and message, not before.
//!
//! The wait is the same for all, so a queue in order of time is enough. A channel is in it at most
//! once; a channel found in use is dropped from it and comes back when it is idle again.

use super::Hub;
use crate::limits::AGE_LOOK_MS;
use crate::mark::{mark, planted};

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
        if !c.lingering && !c.is_set() && !c.is_heard(&self.streams) {
            c.lingering = true;
            self.linger.push_back(Entry {
                due,
                channel,
                generation: c.generation,
            });
        }
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
        // Once more for those that are found to have been used since they were queued.
        for _ in 0..2 * self.linger.len() {
            let Some(entry) = self.linger.pop_front() else {
                break;
            };
            if wanted.contains(&entry.channel) {
                self.linger.push_back(entry);
                continue;
            }
            let Some(c) = self.channels.get_mut(entry.channel as usize) else {
                continue;
            };
            if c.generation != entry.generation {
                continue;
            }
            let due = c.used_ms.saturating_add(self.limits.linger_ms);
            if due > entry.due {
                // Used since: others have been idle for longer.
                self.linger.push_back(Entry { due, ..entry });
                continue;
            }
            c.lingering = false;
            if c.is_quiet(&self.streams) {
                mark("channel_forgotten_early");
                self.forget(entry.channel);
                return true;
            }
            // About to be swept, or in use again: then it comes back when it is idle.
            if !c.is_heard(&self.streams) {
                c.lingering = true;
                self.linger.push_back(entry);
            }
        }
        false
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
