//! Channels, their members and logs. Knows slots and bytes, never connections.
//!
//! Rules:
//! - A channel has one stream per wire form that has members: a log and cursors into it. A message
//!   is encoded once per stream.
//! - `start <= cursor <= end` for every member. Nobody's bytes are cut before it has them, or has
//!   been told to go.
//! - A member that is `BEHIND` is left out of the sweep; whoever holds the connection pushes it
//!   and releases it once it has caught up.
//! - What the hub wants of a connection it puts into a list of [`Report`]s; it calls nobody.

mod batch;
mod channel;
mod delete;
mod facts;
mod form;
mod gap;
mod history;
mod id;
mod lag;
mod linger;
mod policy;
mod poll;
mod resume;
mod seat;
mod set;
mod short;
mod stream;
mod submit;
mod sweep;
mod watch;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};

use slab::Slab;
use std::time::{Duration, UNIX_EPOCH};

use crate::buf::Pool;
use crate::close::Reason;
use crate::limits::BRIEF_MEMBERS;
use crate::timers::Timers;
use crate::wire::Token;
use crate::ws::{DeflateCounts, DeflateSettings, Deflater};
use channel::Channel;
use form::Tools;
use stream::{Member, Stream};

pub use facts::Facts;
pub use form::{Form, GAP_TYPE, Spaces, Sse, check_content_type, check_event};
pub use gap::Skipped;
pub use id::Id;
pub use lag::{Behind, LAG_BUCKETS_BYTES, LAG_BUCKETS_MS, Lag, Lags};
pub use policy::{Policies, Policy};
pub use poll::Piece;
pub use resume::{Missed, Reach, Start};
pub use stream::Since;
pub use submit::{Body, Message, Sender, Submitted};
pub use sweep::{Offered, Progress, Report, Upto};
pub use watch::Left;

const _: () = assert!(crate::ws::HEADER_ROOM == crate::buf::HEADER_ROOM);

/// Where a connection stands: a member of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Which stream.
    pub stream: u32,
    /// Which of its members; changes when others leave.
    pub member: u32,
}

/// Bounds the hub keeps; see `limits`.
#[derive(Debug, Clone, Copy)]
pub struct HubLimits {
    /// Channels at once.
    pub channels_max: usize,
    /// See `Limits::unflushed_bytes_max`.
    pub unflushed_bytes_max: u64,
    /// See `Limits::channel_linger_ms`.
    pub linger_ms: u64,
    /// What is compressed for members that agreed to it.
    pub deflate: DeflateSettings,
    /// See `Limits::batch_us`.
    pub batch_us: u64,
    /// See `Limits::history_memory_max`.
    pub history_memory_max: u64,
}

/// See the top of the file.
#[derive(Debug)]
pub struct Hub {
    channels: Slab<Channel>,
    streams: Slab<Stream>,
    names: HashMap<Box<str>, u32>,
    pool: Pool,
    /// Where a payload is unmasked when no log holds it as it is.
    scratch: Vec<u8>,
    tools: Tools,
    /// Streams with something to send.
    dirty: VecDeque<u32>,
    /// Those of them with few members.
    brief: VecDeque<u32>,
    linger: VecDeque<linger::Entry>,
    /// Channels that nobody hears, by when they were last used, or before.
    idle: BinaryHeap<Reverse<(u64, u32, u32)>>,
    /// When streams are looked at for members that are too long behind.
    looks: Timers,
    /// When the loop last stood still, until then.
    resumed_ms: u64,
    /// What members missed and have not been told yet, by slot.
    gaps: HashMap<u32, gap::Gap>,
    generation: u32,
    /// Id of the newest message, over all channels: what resuming will be by.
    newest: Id,
    /// Times a channel's publishers were paused.
    pauses: u64,
    /// How many channels they are paused of now.
    paused: usize,
    /// When this turn began, in microseconds.
    turn_us: u64,
    /// Passes that have ended and were not timed yet.
    offered: Vec<Offered>,
    /// Streams whose messages wait for more, by when they go out, in microseconds.
    gathering: VecDeque<(u64, u32)>,
    /// What all channels keep counts for.
    history_bytes: u64,
    /// Messages that went to keep within the bound over all channels.
    history_dropped: u64,
    /// Channels that keep messages, by number of the oldest; where that has gone, it is found out
    /// when the entry comes up.
    oldest: BinaryHeap<Reverse<(u64, u32, u32)>>,
    /// When messages are next to go for their age, by channel.
    ages: Timers,
    /// The highest number of any channel that was forgotten.
    forgotten: u64,
    /// Members that resumed and have not caught up, by slot.
    resumed: HashMap<u32, resume::Resumed>,
    /// Members that wait for the log to reach back to where they begin, by slot.
    waiting: HashMap<u32, resume::Waiting>,
    /// Streams whose logs are to be filled from the history.
    filling: VecDeque<u32>,
    /// How many messages went that a log being filled might have got.
    unfilled: u64,
    /// When logs are looked at that are kept a while for others who resume.
    kept: Timers,
    /// Messages whose publishers wait for them to leave.
    watches: watch::Watches,
    /// Where the message being published goes; kept for its memory.
    receivers: submit::Receivers,
    /// Sets by their parts, in order of channel.
    set_ids: HashMap<Box<[u32]>, u32>,
    limits: HubLimits,
    policies: Policies,
}

/// Members that a leave has moved: slot and new index.
pub type Moves = [Option<(u32, u32)>; 2];

impl Hub {
    /// A hub without channels.
    pub fn new(limits: HubLimits, policies: Policies) -> Hub {
        Hub {
            channels: Slab::new(),
            streams: Slab::new(),
            names: HashMap::new(),
            pool: Pool::default(),
            scratch: Vec::new(),
            tools: Tools::new(Deflater::new(limits.deflate)),
            dirty: VecDeque::new(),
            brief: VecDeque::new(),
            linger: VecDeque::new(),
            idle: BinaryHeap::new(),
            looks: Timers::default(),
            resumed_ms: 0,
            gaps: HashMap::new(),
            generation: 0,
            newest: Id::starting_at(0),
            pauses: 0,
            paused: 0,
            turn_us: 0,
            offered: Vec::new(),
            gathering: VecDeque::new(),
            history_bytes: 0,
            history_dropped: 0,
            oldest: BinaryHeap::new(),
            ages: Timers::default(),
            forgotten: 0,
            resumed: HashMap::new(),
            waiting: HashMap::new(),
            filling: VecDeque::new(),
            unfilled: 0,
            kept: Timers::default(),
            watches: watch::Watches::default(),
            receivers: submit::Receivers::default(),
            set_ids: HashMap::new(),
            limits,
            policies,
        }
    }

    /// What Socket.IO is told of channels. Before the first message.
    pub fn set_spaces(&mut self, spaces: Spaces) {
        self.tools.spaces = spaces;
    }

    /// Counts ids from this time on. Before the first message.
    pub fn start_ids(&mut self, unix_ns: u64) {
        self.newest = Id::starting_at(unix_ns);
        self.forgotten = self.newest.number;
        let started = UNIX_EPOCH + Duration::from_secs(self.newest.epoch);
        self.tools.modified = httpdate::fmt_http_date(started);
    }

    /// When the relay started, as an HTTP date: `Last-Modified` of every message.
    pub fn modified(&self) -> &str {
        &self.tools.modified
    }

    /// How many channels exist.
    pub fn channels(&self) -> usize {
        self.channels.len()
    }

    /// How often publishers of a channel were paused because fan-out had to catch up.
    pub fn pauses(&self) -> u64 {
        self.pauses
    }

    /// How many members all channels have together.
    pub fn members(&self) -> usize {
        self.streams.iter().map(|(_, s)| s.members.len()).sum()
    }

    /// The one compressor, for whoever answers a member alone.
    pub fn deflater(&mut self) -> &mut Deflater {
        &mut self.tools.deflater
    }

    /// What was compressed.
    pub fn deflate_counts(&self) -> DeflateCounts {
        self.tools.deflater.counts()
    }

    /// Bytes of all logs, by capacity, and bytes kept for reuse.
    pub fn log_bytes(&self) -> (usize, usize) {
        (self.pool.used_bytes(), self.pool.free_bytes())
    }

    /// The channel of this name.
    pub fn find(&self, name: &str) -> Option<u32> {
        self.names.get(name).copied()
    }

    /// How many members the channel of this name has.
    pub fn subscribers(&self, name: &str) -> usize {
        self.names.get(name).map_or(0, |&id| self.listeners(id))
    }

    /// The channel of this name, made if need be.
    pub fn open(&mut self, name: &str, now: u64) -> Result<u32, Reason> {
        match self.names.get(name) {
            Some(&id) => Ok(id),
            None => self.open_but(name, &[], now),
        }
    }

    /// Makes a channel; none of `wanted` goes to make room for it.
    fn open_but(&mut self, name: &str, wanted: &[u32], now: u64) -> Result<u32, Reason> {
        if self.channels.len() >= self.limits.channels_max && !self.forget_longest_idle_but(wanted)
        {
            return Err(Reason::FullChannels);
        }
        self.generation = self.generation.wrapping_add(1);
        let id = self.channels.insert(Channel::new(
            name.into(),
            self.generation,
            self.policies.of(name),
            self.forgotten,
        )) as u32;
        self.names.insert(name.into(), id);
        self.note_idle(id, now);
        Ok(id)
    }

    /// Makes a connection a member, which hears what is published from now on, in this form.
    pub fn join(&mut self, channel: u32, form: Form, token: Token) -> Place {
        let from = self.newest.number;
        self.join_from(channel, form, from, token, 0)
    }

    /// The stream of a channel in this form, made if need be.
    fn stream_for(&mut self, channel: u32, form: Form) -> u32 {
        if let Some(stream) = self.stream_of(channel, form) {
            return stream;
        }
        let s = Stream::new(channel, form, self.newest.number);
        let stream = self.streams.insert(s) as u32;
        self.channels[channel as usize].streams.push(stream);
        stream
    }

    /// Ends a membership. The caller notes the moves of others.
    pub fn leave(&mut self, place: Place, now: u64) -> Moves {
        let s = &mut self.streams[place.stream as usize];
        let channel = s.channel;
        let Member { slot, cursor, .. } = s.members[place.member as usize];
        self.watches.left(place.stream, slot, cursor);
        let moves = s.remove(place.member as usize);
        self.gaps.remove(&slot);
        self.resumed.remove(&slot);
        self.waiting.remove(&slot);
        // Publishers may have waited for this one.
        if self.has_to_cut(place.stream) || self.channels[channel as usize].paused {
            self.mark_dirty(place.stream);
        }
        self.drop_if_unused(place.stream, now);
        if self.channels.contains(channel as usize) {
            self.note_idle(channel, now);
        }
        moves
    }

    /// Whether a log holds more than is kept of it.
    fn has_to_cut(&self, stream: u32) -> bool {
        let kept = self.history_start(stream).unwrap_or(u64::MAX);
        self.streams[stream as usize].log.is_cuttable(kept)
    }

    /// Frees a stream that has neither members nor anything to sweep or to keep.
    fn drop_if_unused(&mut self, stream: u32, now: u64) {
        let s = &self.streams[stream as usize];
        // There may be many sets, each with a log of its own.
        let lingers = s.kept_until_ms > 0 && !self.channels[s.channel as usize].is_set();
        let kept = self.history_start(stream).is_some() || lingers;
        if s.members.is_empty() && !s.dirty && !kept {
            let mut s = self.streams.remove(stream as usize);
            s.log.cut(s.log.end(), &mut self.pool);
            self.channels[s.channel as usize]
                .streams
                .retain(|&id| id != stream);
            self.drop_set_if_unused(s.channel, now);
        }
    }

    /// The channel that a place belongs to.
    pub fn channel_of(&self, place: Place) -> u32 {
        self.streams[place.stream as usize].channel
    }

    /// Whether publishers of this channel have to wait until fan-out has caught up.
    pub fn paused(&self, channel: u32) -> bool {
        self.pausing(channel).is_some()
    }

    /// Whether publishers of any channel have to wait.
    pub fn any_paused(&self) -> bool {
        self.paused > 0
    }

    /// The channel that publishers of this one wait for: itself, or a set that hears it.
    fn pausing(&self, channel: u32) -> Option<u32> {
        let c = &self.channels[channel as usize];
        let paused = |id: &u32| self.channels[*id as usize].paused;
        match (c.paused, c.paused_sets) {
            (true, _) => Some(channel),
            (false, 0) => None,
            (false, _) => c.sets.iter().copied().find(paused),
        }
    }

    /// Remembers a connection that waits for the channel to resume; it comes back in a report.
    pub fn await_resume(&mut self, channel: u32, token: Token) {
        let channel = self.pausing(channel).unwrap_or(channel);
        self.channels[channel as usize].waiting.push(token);
    }

    /// Whether the member has everything, and has been told what it missed.
    pub fn caught_up(&self, place: Place) -> bool {
        let slot = self.streams[place.stream as usize].members[place.member as usize].slot;
        self.at_end(place) && !self.gaps.contains_key(&slot) && !self.waiting.contains_key(&slot)
    }

    /// Whether nothing of the log waits for the member.
    fn at_end(&self, place: Place) -> bool {
        let s = &self.streams[place.stream as usize];
        s.members[place.member as usize].cursor == s.log.end()
    }

    /// Whether the member's cursor is inside a message: nothing else may go out before its rest.
    pub fn mid_message(&self, place: Place) -> bool {
        let s = &self.streams[place.stream as usize];
        !s.log.is_border(s.members[place.member as usize].cursor)
    }

    /// How many bytes the message that the member's cursor is in still lacks; 0 at a border.
    pub fn rest_len(&self, place: Place) -> usize {
        let s = &self.streams[place.stream as usize];
        let at = s.members[place.member as usize].cursor;
        let end = s.log.message_end(at).filter(|_| !s.log.is_border(at));
        end.map_or(0, |end| (end - at) as usize)
    }

    /// The rest of the message that the member's cursor is in; empty at a border.
    pub fn rest_of_message(&self, place: Place) -> Vec<u8> {
        let s = &self.streams[place.stream as usize];
        let at = s.members[place.member as usize].cursor;
        let len = self.rest_len(place);
        let run = s.log.run_from(at).filter(|_| len > 0);
        run.map_or(Vec::new(), |run| run[..len].to_vec())
    }

    /// Takes the member out of the sweep; `blocked`: because the kernel takes no more.
    pub fn hold(&mut self, place: Place, blocked: bool, now: u64) {
        self.take_out(place, blocked);
        let s = &self.streams[place.stream as usize];
        let timeout = self.channels[s.channel as usize].policy.lag_timeout_ms;
        if blocked && timeout > 0 {
            // What only this member had not been offered has been offered now: a pass takes the
            // time of that. Who has resumed may be behind where nobody was.
            let cursor = s.members[place.member as usize].cursor;
            let untimed = cursor < s.log.end() && s.log.offered_ms(cursor).is_none();
            if s.offered < s.log.end() || untimed {
                self.mark_dirty(place.stream);
            }
            self.arm_look(place.stream, now);
        }
    }

    /// Takes a member that leaves in this turn out of the sweep.
    pub fn set_aside(&mut self, place: Place) {
        self.take_out(place, true);
    }

    fn take_out(&mut self, place: Place, blocked: bool) {
        let s = &mut self.streams[place.stream as usize];
        s.hold(place.member as usize, blocked);
        if self.channels[s.channel as usize].paused {
            self.mark_dirty(place.stream);
        }
    }

    /// Takes a member that has caught up back into the sweep.
    pub fn release(&mut self, place: Place) {
        let s = &mut self.streams[place.stream as usize];
        if !s.release(place.member as usize) {
            return;
        }
        let (behind, segments) = (s.behind, s.log.segments());
        let paused = self.channels[s.channel as usize].paused;
        if !self.resumed.is_empty() {
            let slot = self.streams[place.stream as usize].members[place.member as usize].slot;
            self.resumed.remove(&slot);
        }
        if paused || (segments > 1 || behind == 0) && self.has_to_cut(place.stream) {
            self.mark_dirty(place.stream);
        }
    }

    /// Whether any stream has something to send.
    pub fn is_dirty(&self) -> bool {
        !self.dirty.is_empty() || !self.brief.is_empty()
    }

    fn mark_dirty(&mut self, stream: u32) {
        let s = &mut self.streams[stream as usize];
        if !s.dirty {
            s.dirty = true;
            s.gathers = false;
            self.await_sweep(stream);
        }
    }

    /// Queues a stream for the sweep: those with few members apart, so that they need not wait for
    /// thousands of writes to another.
    fn await_sweep(&mut self, stream: u32) {
        let few = self.streams[stream as usize].members.len() <= BRIEF_MEMBERS;
        let queue = if few {
            &mut self.brief
        } else {
            &mut self.dirty
        };
        queue.push_back(stream);
    }
}

#[cfg(test)]
mod tests;
