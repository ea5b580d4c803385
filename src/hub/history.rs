//! What a channel keeps of its messages for those who come back: the plain log, held longer.
//!
//! Rules:
//! - A message is kept once: its bytes are those of the channel's plain log, which is not cut behind
//!   the oldest entry. Other forms are encoded from there when somebody resumes in them.
//! - Bounded by count, age and bytes (frames, entries, labels) for each channel, and by bytes over all of them: then the
//!   channel whose oldest message is the oldest of all loses it.
//! - A channel knows the newest number that it no longer holds. Who resumes from before that has a
//!   gap; a channel made anew begins with the highest number of any that was forgotten.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::sync::Arc;

use slab::Slab;

use super::channel::Channel;
use super::form::Content;
use super::policy::Policy;
use super::submit::About;
use super::{Form, Hub, Id};
use crate::buf::Log;
use crate::mark::{mark, planted};
use crate::timers::NEVER;
use crate::ws::{self, Kind};

/// What comes with a message beside its payload. Messages in a row share it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Labels {
    pub content_type: Option<Box<str>>,
    pub event: Option<Box<str>>,
}

impl Labels {
    /// What they count for, whoever shares them: their box and their bytes.
    fn weight(&self) -> u64 {
        let len = |label: &Option<Box<str>>| label.as_deref().map_or(0, str::len);
        LABELS_BYTES + (len(&self.content_type) + len(&self.event)) as u64
    }

    fn are(&self, content_type: Option<&str>, event: Option<&str>) -> bool {
        self.content_type.as_deref() == content_type && self.event.as_deref() == event
    }
}

/// One message kept.
#[derive(Debug)]
pub(super) struct Entry {
    pub number: u64,
    /// Where its frame begins in the plain log.
    pub begin: u64,
    /// When it came.
    ms: u64,
    labels: Option<Arc<Labels>>,
}

const _: () = assert!(size_of::<Entry>() == 32);

/// An entry counts for so many bytes beside its frame.
const ENTRY_BYTES: u64 = 48;

/// Labels count for so many bytes beside their own.
const LABELS_BYTES: u64 = 48;

const _: () = assert!(size_of::<Labels>() + 2 * size_of::<usize>() == LABELS_BYTES as usize);

/// Entries of channels that are gone may be so many, and one for each channel.
const OLDEST_STALE_MAX: usize = 64;

/// See the top of the file.
#[derive(Debug)]
pub(super) struct History {
    pub entries: VecDeque<Entry>,
    /// What they count for, and their labels.
    bytes: u64,
    /// What their labels alone count for.
    labels_bytes: u64,
    /// Memory of entries and labels that the pool has counted.
    counted: usize,
    /// Where the last entry's frame ends.
    end: u64,
    /// The newest number that was published here and is no longer held, or may have been.
    pub lost: u64,
    /// The newest number that was published here, or may have been.
    pub newest: u64,
    /// What `newest` was before the first message.
    before: u64,
    /// Time of its live timer entry.
    pub armed_ms: u64,
    /// Whether the hub's heap of oldest messages has an entry for it.
    queued: bool,
}

/// Room for so many entries stays with an empty history.
const ENTRIES_KEPT: usize = 4;

impl History {
    /// Of a channel that may have had messages up to this number before.
    pub fn new(before: u64) -> History {
        History {
            entries: VecDeque::new(),
            bytes: 0,
            labels_bytes: 0,
            counted: 0,
            end: 0,
            lost: before,
            newest: before,
            before,
            armed_ms: NEVER,
            queued: false,
        }
    }

    /// Where the log has to be held from; `None`: it need not.
    pub fn start(&self) -> Option<u64> {
        self.entries.front().map(|e| e.begin)
    }

    /// The number of the last message published here; `None`: there was none.
    pub fn last(&self) -> Option<u64> {
        (self.newest > self.before).then_some(self.newest)
    }

    /// When its oldest message came.
    pub fn oldest_ms(&self) -> Option<u64> {
        self.entries.front().map(|e| e.ms)
    }

    /// What its messages count for.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many of its entries have numbers up to this one.
    pub fn up_to(&self, number: u64) -> usize {
        self.entries.partition_point(|e| e.number <= number)
    }

    /// How long the frame of an entry is.
    pub fn frame_len(&self, index: usize) -> usize {
        let begin = |index: usize| self.entries.get(index).map_or(self.end, |e| e.begin);
        (begin(index + 1) - begin(index)) as usize
    }

    fn next_begin(&self) -> u64 {
        self.entries.get(1).map_or(self.end, |e| e.begin)
    }

    /// Drops the oldest entry; tells what it counted for.
    fn drop_oldest(&mut self) -> u64 {
        let next = self.next_begin();
        let Some(entry) = self.entries.pop_front() else {
            return 0;
        };
        self.lost = entry.number;
        if self.entries.is_empty() && self.entries.capacity() > ENTRIES_KEPT {
            self.entries = VecDeque::new();
        }
        // Labels go with the last that has them.
        let mut labels = entry.labels;
        let labels = labels.as_mut().and_then(Arc::get_mut);
        let labels = labels.map_or(0, |labels| labels.weight());
        let counted = next - entry.begin + ENTRY_BYTES + labels;
        self.labels_bytes -= labels;
        self.bytes -= counted;
        counted
    }

    /// Memory beside the log, by capacity, but for what stays when it is empty.
    fn memory(&self) -> usize {
        let entries = match self.entries.capacity() {
            ..=ENTRIES_KEPT => 0,
            more => more * size_of::<Entry>(),
        };
        entries + self.labels_bytes as usize
    }

    /// The labels of the next entry, shared with the last where they are the same; and what they
    /// count for, if that is new.
    fn labels(&self, about: &About<'_>) -> (Option<Arc<Labels>>, u64) {
        let (content_type, event) = (about.content_type, about.event);
        if content_type.is_none() && event.is_none() {
            return (None, 0);
        }
        let last = self.entries.back().and_then(|e| e.labels.as_ref());
        if let Some(last) = last.filter(|last| last.are(content_type, event)) {
            return (Some(Arc::clone(last)), 0);
        }
        let labels = Labels {
            content_type: content_type.map(Into::into),
            event: event.map(Into::into),
        };
        let weight = labels.weight();
        (Some(Arc::new(labels)), weight)
    }

    fn is_over(&self, policy: &Policy) -> bool {
        self.entries.len() > policy.history_messages || self.bytes > policy.history_bytes
    }

    /// The message of an entry, out of the plain log.
    pub fn content<'a>(
        &'a self,
        entry: &'a Entry,
        epoch: u64,
        log: &'a Log,
    ) -> Option<Content<'a>> {
        let end = log.message_end(entry.begin)?;
        let frame = &log.run_from(entry.begin)?[..(end - entry.begin) as usize];
        let labels = entry.labels.as_deref();
        Some(Content {
            id: Id {
                epoch,
                number: entry.number,
            },
            kind: match frame[0] & 0xf {
                2 => Kind::Binary,
                _ => Kind::Text,
            },
            content_type: labels.and_then(|l| l.content_type.as_deref()),
            event: labels.and_then(|l| l.event.as_deref()),
            payload: ws::payload_of(frame),
        })
    }
}

impl Hub {
    /// Keeps the message that was appended to the channel's plain log last, from `begin` on.
    pub(super) fn remember(&mut self, channel: u32, stream: u32, begin: u64, about: About<'_>) {
        let end = self.streams[stream as usize].log.end();
        let history = &mut self.channels[channel as usize].history;
        let (labels, labels_bytes) = history.labels(&about);
        let counted = end - begin + ENTRY_BYTES + labels_bytes;
        let first = history.entries.is_empty();
        history.entries.push_back(Entry {
            number: about.id.number,
            begin,
            ms: about.now,
            labels,
        });
        history.end = end;
        history.bytes += counted;
        history.labels_bytes += labels_bytes;
        let queued = history.queued;
        self.history_bytes += counted;
        if first {
            self.arm_age(channel, about.now);
        }
        if !queued {
            self.queue_oldest(channel);
        }
        while self.is_over(channel) {
            self.drop_first(channel);
        }
        self.keep_history_budget();
        self.recount_history(channel);
    }

    /// Has the memory counted that a channel's history holds beside its log.
    fn recount_history(&mut self, channel: u32) {
        let history = &mut self.channels[channel as usize].history;
        let bytes = history.memory();
        self.pool.recount(&mut history.counted, bytes);
    }

    /// Sees to it that the first entry of a channel goes when it is too old. Entries of channels that
    /// are gone are thrown out when they are more than the others.
    fn arm_age(&mut self, channel: u32, now: u64) {
        if self.ages.len() > 2 * self.channels.len() + OLDEST_STALE_MAX {
            let channels = &self.channels;
            self.ages.retain(|time, channel| {
                let c = channels.get(channel as usize);
                c.is_some_and(|c| c.history.armed_ms == time)
            });
        }
        let c = &mut self.channels[channel as usize];
        let due = now.saturating_add(c.policy.history_age_ms);
        self.ages.arm(&mut c.history.armed_ms, due, channel);
    }

    fn is_over(&self, channel: u32) -> bool {
        let c = &self.channels[channel as usize];
        c.history.is_over(&c.policy)
    }

    /// A channel drops its oldest message. Who waits for a log that it is not in yet misses it.
    fn drop_first(&mut self, channel: u32) {
        let history = &mut self.channels[channel as usize].history;
        self.history_bytes -= history.drop_oldest();
        let number = history.lost;
        self.recount_history(channel);
        if !self.filling.is_empty() {
            self.note_unfilled(channel, number);
        }
    }

    /// Queues a channel by its oldest message. It has one live entry; those of channels that are
    /// gone are thrown out when they are more than the others.
    fn queue_oldest(&mut self, channel: u32) {
        let live = |channels: &Slab<Channel>, channel: u32, generation: u32| {
            let c = channels.get(channel as usize);
            c.is_some_and(|c| c.generation == generation)
        };
        if self.oldest.len() > 2 * self.channels.len() + OLDEST_STALE_MAX {
            let channels = &self.channels;
            self.oldest
                .retain(|Reverse((_, channel, generation))| live(channels, *channel, *generation));
        }
        let c = &mut self.channels[channel as usize];
        let first = c.history.entries.front().map(|e| e.number);
        c.history.queued = first.is_some();
        if let Some(number) = first {
            self.oldest.push(Reverse((number, channel, c.generation)));
        }
    }

    /// Over all channels: the oldest messages go first.
    fn keep_history_budget(&mut self) {
        while self.history_bytes > self.limits.history_memory_max {
            if !self.drop_oldest_message() {
                break;
            }
        }
    }

    /// Drops the oldest message that any channel keeps; false: there is none.
    pub(super) fn drop_oldest_message(&mut self) -> bool {
        while let Some(Reverse((number, channel, generation))) = self.oldest.pop() {
            let Some(c) = self.channels.get_mut(channel as usize) else {
                continue;
            };
            if c.generation != generation {
                continue;
            }
            // What was the oldest may have gone meanwhile.
            let is_first = c.history.entries.front().map(|e| e.number) == Some(number);
            if is_first {
                mark("history_budget");
                self.drop_first(channel);
                self.history_dropped += 1;
            }
            self.queue_oldest(channel);
            if is_first {
                self.history_shrank(channel);
                return true;
            }
        }
        false
    }

    /// Gives up about so many bytes of history, the oldest messages first; tells how many it was.
    pub fn give_up_history(&mut self, bytes: u64) -> u64 {
        let before = self.history_bytes;
        while before - self.history_bytes < bytes && self.drop_oldest_message() {}
        before - self.history_bytes
    }

    /// What is older than the channel's history may be goes.
    pub(super) fn age_out(&mut self, channel: u32, now: u64) {
        let mut aged = false;
        while self.channels[channel as usize].has_aged(now) && !planted("history_never_ages") {
            mark("history_aged");
            self.drop_first(channel);
            aged = true;
        }
        if aged {
            self.history_shrank(channel);
        }
    }

    /// The log of a channel may be cut further: in the next pass over it.
    fn history_shrank(&mut self, channel: u32) {
        let plain = self.stream_of(channel, Form::Plain);
        let start = self.channels[channel as usize].history.start();
        if let Some(plain) = plain
            && self.streams[plain as usize]
                .log
                .is_cuttable(start.unwrap_or(u64::MAX))
        {
            self.mark_dirty(plain);
        }
    }

    /// What a channel keeps that nobody hears is held in as much memory as it needs.
    pub(super) fn compact(&mut self, channel: u32) {
        if let Some(plain) = self.stream_of(channel, Form::Plain) {
            let s = &mut self.streams[plain as usize];
            if s.members.is_empty() && !s.dirty {
                s.log.compact(&mut self.pool);
            }
        }
    }

    /// Lets messages go whose time has come.
    pub(super) fn expire_history(&mut self, now: u64) {
        while let Some((time, channel)) = self.ages.pop(now) {
            let Some(c) = self.channels.get_mut(channel as usize) else {
                continue;
            };
            if c.history.armed_ms != time {
                continue;
            }
            c.history.armed_ms = NEVER;
            self.age_out(channel, now);
            let c = &mut self.channels[channel as usize];
            if let Some(first) = c.history.entries.front() {
                let due = first.ms.saturating_add(c.policy.history_age_ms);
                let due = due.max(now.saturating_add(crate::limits::AGE_LOOK_MS));
                self.ages.arm(&mut c.history.armed_ms, due, channel);
            }
        }
    }

    /// When something that is kept is next to be let go.
    pub fn next_age(&self) -> Option<u64> {
        self.ages.next().into_iter().chain(self.next_kept()).min()
    }

    /// What all that is kept counts for, and how many messages went to keep within the bound over
    /// all channels.
    pub fn history_counts(&self) -> (u64, u64) {
        (self.history_bytes, self.history_dropped)
    }

    /// A channel goes, and what it kept.
    pub(super) fn forget_history(&mut self, channel: u32) {
        let c = &mut self.channels[channel as usize];
        self.forgotten = self.forgotten.max(c.history.newest);
        while !c.history.entries.is_empty() {
            self.history_bytes -= c.history.drop_oldest();
        }
        self.recount_history(channel);
    }

    /// From where on the log of a stream is kept, whatever its members have: the plain one for the
    /// history, any other for a while after somebody has resumed in it, as far back as nothing of its
    /// channels is lost, so that it holds no more than they keep.
    pub(super) fn keep_from(&self, stream: u32, now: u64) -> u64 {
        let s = &self.streams[stream as usize];
        match self.history_start(stream) {
            Some(start) => start,
            None if s.is_filling() => s.log.start(),
            None if now < s.kept_until_ms => {
                s.log.position_after(self.reaches_back_to(s.channel).number)
            }
            None => u64::MAX,
        }
    }

    /// Where the log of a stream has to be held from for what its channel keeps.
    pub(super) fn history_start(&self, stream: u32) -> Option<u64> {
        let s = &self.streams[stream as usize];
        let history = &self.channels[s.channel as usize].history;
        history.start().filter(|_| s.form == Form::Plain)
    }
}

impl Channel {
    /// Whether its oldest message is too old.
    fn has_aged(&self, now: u64) -> bool {
        let first = self.history.entries.front();
        first.is_some_and(|e| e.ms.saturating_add(self.policy.history_age_ms) <= now)
    }
}
