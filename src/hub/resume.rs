//! Where a subscriber begins: with what is new, or behind a message it knows.
//!
//! Rules:
//! - To resume is to place a cursor. Where the log of a form does not reach back far enough, what
//!   lies before it is encoded from the history and put in front, once for all who want it and a
//!   bounded amount a turn; meanwhile they wait as members that are `BEHIND`.
//! - What the history no longer holds is a gap, and so is any id that cannot have been given by this
//!   run: a restart makes no old id valid.
//! - Nobody lags for what was missed before it came: its time behind counts from then, its bytes
//!   behind from where the log ended when it got its place.

use super::form::{Content, encode};
use super::gap::Gap;
use super::stream::Member;
use super::{Form, Hub, Id, Place, Progress, Report};
use crate::buf::Log;
use crate::limits::{FILL_BYTES_PER_TURN, FILL_MESSAGES, RESUME_LINGER_MS};
use crate::mark::{mark, planted};
use crate::timers::{NEVER, Timers};
use crate::wire::Token;

/// Where a subscriber begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With the next message.
    Newest,
    /// With the oldest that is kept.
    Oldest,
    /// With the last so many.
    Last(u64),
    /// Behind this one.
    After(Id),
}

/// Messages that somebody who resumes will not get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missed {
    /// The id that was resumed from.
    pub after: Id,
    /// The first message that it will get, if there is one yet.
    pub next: Option<Id>,
}

/// What can be had of a channel from some start on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// Messages with higher numbers follow.
    pub from: u64,
    /// Not all that was published since is there.
    pub missed: Option<Missed>,
}

/// A member that has resumed and not caught up yet: what it is given is not its lag.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resumed {
    /// When it came.
    pub ms: u64,
    /// The end of its log when it got its place there.
    pub given: u64,
}

/// A member that waits for the log of its form to reach back to where it begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waiting {
    stream: u32,
    pub from: u64,
    /// How many messages had gone before it came that it would have waited for in vain.
    unfilled: u64,
}

impl Hub {
    /// Id of the newest message over all channels: who has heard everything resumes from there.
    pub fn newest(&self) -> Id {
        self.newest
    }

    /// What can be had of a channel from this start on.
    pub fn reach(&mut self, channel: u32, start: Start, now: u64) -> Reach {
        for part in self.parts_of(channel) {
            self.age_out(part, now);
        }
        let (from, after) = match start {
            Start::Newest => (self.newest.number, None),
            Start::Oldest => (self.before_first(channel), None),
            Start::Last(n) => (self.before_last(channel, n), None),
            Start::After(id) if self.is_lost(channel, id) => {
                (self.behind_gap(channel, id), Some(id))
            }
            Start::After(id) => (id.number, None),
        };
        mark_if(after.is_some(), "resume_beyond_history");
        let missed = after.map(|after| Missed {
            after,
            next: self.first_above(channel, from),
        });
        Reach { from, missed }
    }

    /// The number behind which all lies that is kept of what was published after a lost id. Polls
    /// are told it as their position, so it is itself not lost: nobody is told of a gap twice.
    fn behind_gap(&self, channel: u32, id: Id) -> u64 {
        let known = id.epoch == self.newest.epoch && id.number <= self.newest.number;
        match self.first_above(channel, if known { id.number } else { 0 }) {
            Some(first) => first.number - 1,
            None => self.reaches_back_to(channel).number,
        }
    }

    /// Whether messages that were published behind this id may be held no longer.
    fn is_lost(&self, channel: u32, id: Id) -> bool {
        if planted("stale_id_valid") {
            return false;
        }
        let unknown = id.epoch != self.newest.epoch || id.number > self.newest.number;
        let lost = |&part: &u32| self.channels[part as usize].history.lost > id.number;
        unknown || self.parts_of(channel).iter().any(lost)
    }

    /// Who resumes from here gets all that is kept, and misses nothing of it.
    pub fn reaches_back_to(&self, channel: u32) -> Id {
        let lost = |part: u32| self.channels[part as usize].history.lost;
        let number = self.parts_of(channel).into_iter().map(lost).max();
        Id {
            number: number.unwrap_or(self.newest.number),
            ..self.newest
        }
    }

    /// The number behind which all messages lie that are kept.
    fn before_first(&self, channel: u32) -> u64 {
        let first = self.first_above(channel, 0);
        first.map_or(self.newest.number, |id| id.number - 1)
    }

    /// The number behind which the last `n` messages lie that are kept.
    fn before_last(&self, channel: u32, n: u64) -> u64 {
        let n = usize::try_from(n).unwrap_or(usize::MAX);
        let mut numbers = Vec::new();
        for part in self.parts_of(channel) {
            let entries = &self.channels[part as usize].history.entries;
            numbers.extend(entries.iter().rev().take(n).map(|e| e.number));
        }
        numbers.sort_unstable();
        let first = numbers.len().saturating_sub(n);
        let first = numbers.get(first).filter(|_| n > 0);
        first.map_or(self.newest.number, |number| number - 1)
    }

    pub(super) fn first_above(&self, channel: u32, from: u64) -> Option<Id> {
        let first = |part: u32| {
            let history = &self.channels[part as usize].history;
            history.entries.get(history.up_to(from)).map(|e| e.number)
        };
        let number = self.parts_of(channel).into_iter().filter_map(first).min()?;
        Some(Id {
            number,
            ..self.newest
        })
    }

    /// Makes a connection a member that hears what has a number above `from`, in this form. The
    /// caller holds it until what has to go out first has gone.
    pub fn join_from(
        &mut self,
        channel: u32,
        form: Form,
        from: u64,
        token: Token,
        now: u64,
    ) -> Place {
        self.watches.joined(token.slot);
        let stream = self.stream_for(channel, form);
        // A log may hold more than the channel keeps; who resumes was told what it keeps.
        let from = from.max(self.lost_by_all(channel));
        let s = &mut self.streams[stream as usize];
        let place = Place {
            stream,
            member: s.members.len() as u32,
        };
        if from >= self.newest.number {
            s.members.push(Member::new(token, s.log.end()));
            return place;
        }
        mark("resumed");
        let resumed = Resumed {
            ms: now,
            given: s.log.end(),
        };
        self.resumed.insert(token.slot, resumed);
        if form == Form::Plain && !self.channels[channel as usize].is_set() {
            // The history lies in this very log.
            let cursor = s.log.position_after(from);
            s.members.push(Member::new(token, cursor));
            return place;
        }
        if Timers::takes(stream) {
            s.kept_until_ms = now.saturating_add(RESUME_LINGER_MS);
            self.kept.arm(&mut s.kept_armed_ms, s.kept_until_ms, stream);
        }
        if s.log.reaches(from) {
            mark("resumed_in_place");
            let cursor = s.log.position_after(from);
            s.members.push(Member::new(token, cursor));
            return place;
        }
        s.members.push(Member::new(token, s.log.start()));
        s.wanted = s.wanted.min(from);
        let unfilled = self.unfilled;
        let waiting = Waiting {
            stream,
            from,
            unfilled,
        };
        self.waiting.insert(token.slot, waiting);
        if !self.filling.contains(&stream) {
            self.filling.push_back(stream);
        }
        place
    }

    /// The highest number up to which no channel of a set holds anything.
    pub(super) fn lost_by_all(&self, channel: u32) -> u64 {
        let lost = |&part: &u32| self.channels[part as usize].history.lost;
        let c = &self.channels[channel as usize];
        c.parts.iter().map(lost).min().unwrap_or(c.history.lost)
    }

    /// When a log is next looked at that is kept for those who resume.
    pub(super) fn next_kept(&self) -> Option<u64> {
        self.kept.next()
    }

    /// Lets go what was encoded for those who resumed a while ago.
    pub(super) fn expire_kept(&mut self, now: u64) {
        while let Some((time, stream)) = self.kept.pop(now) {
            // A stream may have gone, or another come in its place.
            let Some(s) = self.streams.get_mut(stream as usize) else {
                continue;
            };
            if s.kept_armed_ms != time {
                continue;
            }
            s.kept_armed_ms = NEVER;
            if s.kept_until_ms > now {
                self.kept.arm(&mut s.kept_armed_ms, s.kept_until_ms, stream);
                continue;
            }
            s.kept_until_ms = 0;
            if s.members.is_empty() || self.has_to_cut(stream) {
                mark("filled_log_cut");
                self.mark_dirty(stream);
            }
        }
    }

    /// Whether the member still waits for its place in the log.
    pub fn is_waiting(&self, place: Place) -> bool {
        !self.waiting.is_empty() && {
            let member = &self.streams[place.stream as usize].members[place.member as usize];
            self.waiting.contains_key(&member.slot)
        }
    }

    /// Whether logs are to be filled from the history.
    pub fn is_filling(&self) -> bool {
        !self.filling.is_empty()
    }

    /// Puts what is wanted of the history in front of logs, a bounded amount a turn; reports who has
    /// got its place.
    pub fn fill(&mut self, reports: &mut Vec<Report>) {
        self.fill_some(FILL_BYTES_PER_TURN, reports);
    }

    pub(super) fn fill_some(&mut self, mut left: usize, reports: &mut Vec<Report>) {
        while let Some(&stream) = self.filling.front().filter(|_| left > 0) {
            let gone = self.streams.get(stream as usize).is_none();
            if gone || self.fill_stream(stream, &mut left) {
                self.filling.pop_front();
                if !gone {
                    self.place_waiting(stream, reports);
                }
            } else {
                mark("fill_goes_on");
                self.filling.rotate_left(1);
            }
        }
    }

    /// Fills one log by one piece; true: it reaches back as far as is wanted.
    fn fill_stream(&mut self, stream: u32, left: &mut usize) -> bool {
        let s = &self.streams[stream as usize];
        let (channel, form, wanted) = (s.channel, s.form, s.wanted);
        if s.log.reaches(wanted) {
            return true;
        }
        let below = s.log.number_before(s.log.start());
        let (piece, before) = self.piece(channel, wanted, below, *left);
        let frame_len =
            |&(part, index): &(u32, usize)| self.channels[part as usize].history.frame_len(index);
        let mut front = Log::of_about(piece.iter().map(frame_len).sum());
        front.begin_numbers(before);
        for (part, index) in piece {
            let c = &self.channels[part as usize];
            let Some(plain) = c.plain(&self.streams) else {
                continue;
            };
            let entry = &c.history.entries[index];
            let log = &self.streams[plain as usize].log;
            let Some(content) = c.history.content(entry, self.newest.epoch, log) else {
                continue;
            };
            let Content { payload, .. } = content;
            *left = left.saturating_sub(payload.len() + 1);
            encode(
                form,
                &self.channels[channel as usize].name,
                content,
                0,
                &mut front,
                &mut self.pool,
                &mut self.tools,
            );
        }
        mark("log_filled");
        front.compact(&mut self.pool);
        let s = &mut self.streams[stream as usize];
        s.log.prepend(front, &mut self.pool);
        s.log.begins_behind(before);
        before <= wanted
    }

    /// The newest messages with numbers above `wanted` and up to `below`, oldest first, as parts and
    /// indices of entries: a bounded piece; and the number behind which they begin.
    fn piece(
        &self,
        channel: u32,
        wanted: u64,
        below: u64,
        bytes_max: usize,
    ) -> (Vec<(u32, usize)>, u64) {
        // Of each part, how many entries are still to be taken.
        let mut ends: Vec<(u32, usize)> = self
            .parts_of(channel)
            .into_iter()
            .map(|part| (part, self.channels[part as usize].history.up_to(below)))
            .collect();
        let (mut piece, mut bytes) = (Vec::new(), 0);
        let newest = |ends: &[(u32, usize)]| {
            let last = ends.iter().enumerate().filter_map(|(i, &(part, end))| {
                let entry = self.channels[part as usize]
                    .history
                    .entries
                    .get(end.checked_sub(1)?)?;
                (entry.number > wanted).then_some((entry.number, i))
            });
            last.max()
        };
        while let Some((number, i)) = newest(&ends) {
            if piece.len() == FILL_MESSAGES || bytes >= bytes_max {
                piece.reverse();
                return (piece, number);
            }
            ends[i].1 -= 1;
            let (part, index) = ends[i];
            let history = &self.channels[part as usize].history;
            bytes += history.frame_len(index);
            piece.push((part, index));
        }
        piece.reverse();
        (piece, wanted)
    }

    /// The streams being filled that get what this channel keeps, its own and those of its sets: not
    /// all that are, which may be as many as there are channels.
    pub(super) fn filling_with(&self, channel: u32) -> Vec<u32> {
        let c = &self.channels[channel as usize];
        let of_sets = |&set: &u32| self.channels[set as usize].streams.iter();
        let hearing = c.streams.iter().chain(c.sets.iter().flat_map(of_sets));
        let filling = |&id: &u32| self.streams[id as usize].is_filling();
        hearing.copied().filter(filling).collect()
    }

    /// A message went that some log may not have got yet.
    pub(super) fn note_unfilled(&mut self, channel: u32, number: u64) {
        self.unfilled += 1;
        for stream in self.filling_with(channel) {
            let s = &mut self.streams[stream as usize];
            if s.wanted < number && number <= s.log.number_before(s.log.start()) {
                mark("history_gone_before_it_was_filled");
                s.unfilled.retain(|&(other, _)| other > number);
                s.unfilled.push((number, self.unfilled));
            }
        }
    }

    /// Everybody who waits for this log gets its place in it. Who cannot have all that it came for is
    /// told so, or where its form cannot tell it, left to the caller to be ended.
    fn place_waiting(&mut self, stream: u32, reports: &mut Vec<Report>) {
        let s = &mut self.streams[stream as usize];
        s.wanted = u64::MAX;
        let unfilled = std::mem::take(&mut s.unfilled);
        let (form, members) = (s.form, s.members.len());
        for member in 0..members as u32 {
            let place = Place { stream, member };
            let slot = self.streams[stream as usize].members[member as usize].slot;
            let Some(waiting) = self.waiting.get(&slot).copied() else {
                continue;
            };
            if waiting.stream != stream {
                continue;
            }
            let missed =
                |&(number, count): &(u64, u64)| number > waiting.from && count > waiting.unfilled;
            if unfilled.iter().any(missed) {
                let told = form.tells_gaps() || form.is_poll();
                reports.push(Report::Missed(slot, told));
                if !told {
                    continue;
                }
                let after = Id {
                    number: waiting.from,
                    ..self.newest
                };
                let gap = Gap {
                    after,
                    missed: None,
                };
                self.gaps.entry(slot).or_insert(gap);
            }
            self.place_waited(place);
            reports.push(Report::Stuck(slot, Progress::More));
        }
        self.streams[stream as usize].stale = true;
    }

    /// A member that waits gets its place. Of one that was reported to have missed something, and not
    /// been told: it need not be.
    pub fn place_waited(&mut self, place: Place) {
        let s = &mut self.streams[place.stream as usize];
        let member = &mut s.members[place.member as usize];
        let Some(waiting) = self.waiting.remove(&member.slot) else {
            return;
        };
        if let Some(resumed) = self.resumed.get_mut(&member.slot) {
            resumed.given = s.log.end();
        }
        member.cursor = s.log.position_after(waiting.from);
        // What it published while it waited lies behind its cursor now.
        member.set_own(true);
        // A pass that has visited it noted its place before.
        s.slowest.note(member);
        s.stale = true;
    }
}

fn mark_if(condition: bool, name: &'static str) {
    if condition {
        mark(name);
    }
}
