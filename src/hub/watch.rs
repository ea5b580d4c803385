//! Whether a message has left: how many of those who were there have its bytes with the kernel.
//!
//! Rules:
//! - Nothing is noted while nobody watches. What is watched is an end in a log: a member has the message
//!   once its cursor is there.
//! - Those count who were members when the message was published. Who leaves is judged when it leaves; who
//!   joins later, or was moved past the message because it lagged, is told apart by the count of watches at
//!   that time.
//! - A pass over a stream that left nobody behind settles all that it offered. Where somebody is behind, the
//!   members are looked at, every `WATCH_LOOK_MS` at most.
//! - Of several messages in one body a poll takes some and leaves: it comes back for the others, and counts as
//!   closed.

use std::collections::HashMap;

use slab::Slab;

use super::Hub;
use crate::limits::WATCH_LOOK_MS;
use crate::mark::mark;
use crate::wire::Token;

/// What became of a message so far, by the members that were there when it was published.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Left {
    /// All of them.
    pub subscribers: usize,
    /// The kernel has it for them.
    pub flushed: usize,
    /// It has not, yet.
    pub behind: usize,
    /// They left, or were moved on, before that.
    pub closed: usize,
}

/// One watch.
#[derive(Debug)]
struct Watch {
    token: Token,
    /// What is settled.
    left: Left,
    /// Where it has parts, or had.
    streams: Vec<u32>,
    /// How many of them are not settled.
    open: usize,
}

/// What a watch waits for in one stream.
#[derive(Debug)]
struct Part {
    watch: u32,
    /// Which watch it was, counted over all.
    nth: u64,
    /// Where the message ends.
    end: u64,
    /// How many who count are still there.
    members: usize,
}

/// See the top of the file.
#[derive(Debug, Default)]
pub(super) struct Watches {
    watches: Slab<Watch>,
    /// By stream, in the order of publication.
    parts: HashMap<u32, Vec<Part>>,
    /// Members that count for later watches only, by slot: how many watches there had been.
    since: HashMap<u32, u64>,
    count: u64,
    /// Watches that are over and were not told yet.
    over: Vec<u32>,
    next_look_ms: u64,
    /// Members were not looked at because it was too early.
    unlooked: bool,
}

impl Watches {
    fn any(&self) -> bool {
        !self.parts.is_empty()
    }

    /// A member is new, or is not to count for what it has been moved past.
    pub fn joined(&mut self, slot: u32) {
        if self.any() {
            self.since.insert(slot, self.count);
        }
    }

    /// A member leaves a stream, or is moved on from this cursor.
    pub fn left(&mut self, stream: u32, slot: u32, cursor: u64) {
        if !self.any() {
            return;
        }
        let since = self.since.remove(&slot).unwrap_or(0);
        let Some(parts) = self.parts.get_mut(&stream) else {
            return;
        };
        for part in parts.iter_mut().filter(|p| p.nth > since) {
            part.members -= 1;
            let watch = &mut self.watches[part.watch as usize];
            match cursor >= part.end {
                true => watch.left.flushed += 1,
                false => watch.left.closed += 1,
            }
        }
        self.close_parts(stream, |part| part.members == 0);
    }

    /// Settles the parts of a stream for which this holds: whoever is left of them has the message.
    fn close_parts(&mut self, stream: u32, settled: impl Fn(&Part) -> bool) {
        let Some(parts) = self.parts.get_mut(&stream) else {
            return;
        };
        let (watches, over) = (&mut self.watches, &mut self.over);
        parts.retain(|part| {
            if !settled(part) {
                return true;
            }
            let watch = &mut watches[part.watch as usize];
            watch.left.flushed += part.members;
            watch.open -= 1;
            if watch.open == 0 {
                over.push(part.watch);
            }
            false
        });
        if parts.is_empty() {
            self.parts.remove(&stream);
        }
        self.forget_members();
    }

    /// Whether nothing is kept.
    #[cfg(test)]
    pub fn is_clear(&self) -> bool {
        let entries = (self.watches.len(), self.parts.len(), self.since.len());
        entries == (0, 0, 0) && self.over.is_empty()
    }

    /// Where nothing is watched, all members are alike.
    fn forget_members(&mut self) {
        if !self.any() {
            self.since = HashMap::new();
        }
    }
}

impl Hub {
    /// Watches the message that was published to a channel last, for who has this token; at once, before
    /// anything else is done with the channel.
    pub fn watch(&mut self, channel: u32, token: Token) -> u32 {
        mark("watched");
        let c = &self.channels[channel as usize];
        let of_sets = |&set: &u32| self.channels[set as usize].streams.iter();
        let heard = c.streams.iter().chain(c.sets.iter().flat_map(of_sets));
        let heard = heard.filter(|&&id| !self.streams[id as usize].members.is_empty());
        let streams: Vec<u32> = heard.copied().collect();
        let w = &mut self.watches;
        w.count += 1;
        let watch = w.watches.vacant_key() as u32;
        let mut left = Left::default();
        for &stream in &streams {
            let s = &self.streams[stream as usize];
            left.subscribers += s.members.len();
            w.parts.entry(stream).or_default().push(Part {
                watch,
                nth: w.count,
                end: s.log.end(),
                members: s.members.len(),
            });
        }
        let open = streams.len();
        if open == 0 {
            w.over.push(watch);
        }
        w.watches.insert(Watch {
            token,
            left,
            streams,
            open,
        });
        watch
    }

    /// Whether anything is watched.
    pub fn is_watching(&self) -> bool {
        !self.watches.watches.is_empty()
    }

    /// Finds out what has left by now; gives the tokens of those whose watches are over, each once.
    pub fn settle_watches(&mut self, now: u64, over: &mut Vec<Token>) {
        let looks = now >= self.watches.next_look_ms;
        self.watches.unlooked = false;
        let streams: Vec<u32> = self.watches.parts.keys().copied().collect();
        for stream in streams {
            let s = &self.streams[stream as usize];
            let reached = match s.behind {
                0 if !s.dirty && !s.gathers => s.log.end(),
                // Who was behind has caught up, and all others were offered this.
                0 => s.offered,
                _ if looks => {
                    self.watches.next_look_ms = now.saturating_add(WATCH_LOOK_MS);
                    s.members.iter().map(|m| m.cursor).min().unwrap_or(0)
                }
                _ => {
                    self.watches.unlooked = true;
                    continue;
                }
            };
            self.watches.close_parts(stream, |part| part.end <= reached);
        }
        let Watches {
            watches,
            over: done,
            ..
        } = &mut self.watches;
        let done = done.drain(..).filter_map(|id| watches.get(id as usize));
        over.extend(done.map(|watch| watch.token));
    }

    /// When members are next to be looked at, if that is not now.
    pub fn next_watch_look(&self) -> Option<u64> {
        self.watches.unlooked.then_some(self.watches.next_look_ms)
    }

    /// Ends a watch: what became of its message so far.
    pub fn unwatch(&mut self, watch: u32) -> Left {
        let Watch {
            mut left, streams, ..
        } = self.watches.watches.remove(watch as usize);
        let w = &mut self.watches;
        w.over.retain(|&id| id != watch);
        for stream in streams {
            let Some(parts) = w.parts.get_mut(&stream) else {
                continue;
            };
            if let Some(at) = parts.iter().position(|p| p.watch == watch) {
                let part = parts.remove(at);
                let members = &self.streams[stream as usize].members;
                let since = |slot| w.since.get(&slot).copied().unwrap_or(0);
                let here = members.iter().filter(|m| m.cursor < part.end);
                let behind = here.filter(|m| since(m.slot) < part.nth).count();
                left.behind += behind;
                left.flushed += part.members - behind;
            }
            if parts.is_empty() {
                w.parts.remove(&stream);
            }
        }
        w.forget_members();
        left
    }
}
