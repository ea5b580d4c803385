//! Fan-out: one `send` of shared bytes per member that keeps up, a bounded number per turn.

use super::stream::{Member, Since, Slowest, Stream};
use super::{Form, Hub, Lag, Place};
use crate::buf::{Log, Slices};
use crate::counters::Counters;
use crate::limits::SEND_BYTES_PER_TURN;
use crate::mark::{mark, planted};
use crate::wire::{Sent, Token, Wire};

/// How far a member came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It has everything that was asked for.
    All,
    /// It has had its part of this turn; more waits.
    More,
    /// The kernel takes no more; an edge will come.
    Blocked,
    /// The peer is gone.
    Gone,
    /// Its cursor is not in the log: a fault of ours.
    Broken,
}

/// How far to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upto {
    /// To the end of the message that the cursor is in.
    Border,
    /// To this position of the log.
    At(u64),
    /// All there is.
    End,
}

/// What the hub wants of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// The member in this slot came so far and needs attention; it is already `BEHIND`.
    Stuck(u32, Progress),
    /// The member in this slot is further behind than this limit allows.
    Lagged(u32, Lag),
    /// This publisher may go on.
    Resume(Token),
    /// What the member in this slot had been promised has gone before it could be had. True: it will be
    /// told of that; else it has to be ended, for its form cannot tell it.
    Missed(u32, bool),
}

/// Messages that a pass has offered to every member that was not behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offered {
    /// How many, and when the oldest was read.
    pub swept: Since,
    /// How many members the stream has.
    pub members: usize,
}

impl Hub {
    /// The passes that have ended since this list was last emptied.
    pub fn offered(&mut self) -> &mut Vec<Offered> {
        &mut self.offered
    }

    /// How many members the next sweep might visit at most; `brief`: of streams with few.
    pub fn next_sweep(&self, brief: bool) -> usize {
        let large = self.dirty.front().filter(|_| !brief);
        let next = large.or_else(|| self.brief.front());
        let next = next.map(|&id| &self.streams[id as usize]);
        next.map_or(0, |s| s.members.len() - s.at)
    }

    /// Sweeps the stream with few members that has waited longest; see [`Hub::sweep`].
    pub fn sweep_brief<W: Wire>(
        &mut self,
        visits: usize,
        wire: &mut W,
        counters: &mut Counters,
        reports: &mut Vec<Report>,
        now: u64,
    ) -> Option<usize> {
        let id = self.brief.pop_front()?;
        Some(self.sweep_stream(id, visits, wire, counters, reports, now))
    }

    /// Sweeps at most `visits` members of the stream that has waited longest, those with many
    /// members first. Returns how many visits that cost (at least 1), or `None` when no stream has
    /// anything to send.
    pub fn sweep<W: Wire>(
        &mut self,
        visits: usize,
        wire: &mut W,
        counters: &mut Counters,
        reports: &mut Vec<Report>,
        now: u64,
    ) -> Option<usize> {
        let id = self.dirty.pop_front().or_else(|| self.brief.pop_front())?;
        Some(self.sweep_stream(id, visits, wire, counters, reports, now))
    }

    fn sweep_stream<W: Wire>(
        &mut self,
        id: u32,
        visits: usize,
        wire: &mut W,
        counters: &mut Counters,
        reports: &mut Vec<Report>,
        now: u64,
    ) -> usize {
        let s = &mut self.streams[id as usize];
        if s.at == 0 {
            s.mark = s.log.end();
            s.slowest = Slowest::NONE;
            s.stale = false;
            s.swept.merge(&mut s.unswept);
        } else {
            mark("sweep_resumed");
        }
        let from = s.at;
        match s.form.is_poll() {
            false => s.visit(visits, wire, counters, reports),
            true => s.visit_polls(visits, reports),
        }
        let used = s.at - from;
        let mut done = false;
        if s.at == s.members.len() {
            s.at = 0;
            done = s.mark == s.log.end() && !s.stale;
            self.finish_pass(id, reports, now);
        }
        if done {
            self.streams[id as usize].dirty = false;
            self.drop_if_unused(id, now);
        } else {
            self.await_sweep(id);
        }
        used.max(1)
    }

    /// A pass is over: cut what nobody needs, find who lags too far, let publishers go on.
    fn finish_pass(&mut self, id: u32, reports: &mut Vec<Report>, now: u64) {
        let limits = self.limits;
        let s = &mut self.streams[id as usize];
        s.offered = s.mark.min(s.slowest.queued).max(s.offered);
        let needed = s.mark.min(s.slowest.queued).min(s.slowest.blocked);
        let slack = if planted("cut_one_too_far") { 1 } else { 0 };
        let kept = self.keep_from(id, now);
        let s = &mut self.streams[id as usize];
        s.log.cut(kept.min(needed + slack), &mut self.pool);
        let swept = std::mem::take(&mut s.swept);
        if swept.messages > 0 && !s.members.is_empty() {
            self.offered.push(Offered {
                swept,
                members: s.members.len(),
            });
        }
        let channel = s.channel as usize;
        if s.behind > 0 {
            s.log.note_offer(s.offered, now, &mut self.pool);
            let lag_bytes_max = self.channels[channel].policy.lag_bytes_max;
            let far = s.slowest.blocked < s.log.end().saturating_sub(lag_bytes_max);
            // Tiny messages hold more memory than they have bytes.
            let heavy = s.slowest.blocked < s.log.end()
                && s.log.is_heavier_than(lag_bytes_max, s.slowest.blocked);
            if far || heavy {
                s.find_lagging(lag_bytes_max, &self.resumed, reports);
            }
            self.arm_look(id, now);
        }
        let forgets =
            planted("resume_forgets_form") && self.streams[id as usize].form != Form::Plain;
        let c = &mut self.channels[channel];
        if c.paused && !forgets && c.unflushed(&self.streams) <= limits.unflushed_bytes_max / 2 {
            self.set_paused(channel as u32, false);
            let c = &mut self.channels[channel];
            if planted("publisher_never_resumed") {
                c.waiting.clear();
            }
            reports.extend(c.waiting.drain(..).map(Report::Resume));
        }
    }

    /// Sends to one member that is behind its part of this turn. `to_border`: only the rest of the
    /// message that its cursor is in.
    pub fn push<W: Wire>(
        &mut self,
        place: Place,
        to_border: bool,
        wire: &mut W,
        counters: &mut Counters,
    ) -> Progress {
        let slot = self.streams[place.stream as usize].members[place.member as usize].slot;
        let to = if to_border { Upto::Border } else { Upto::End };
        self.push_by(place, slot, to, wire, counters)
    }

    /// As [`Hub::push`], by this connection.
    pub fn push_by<W: Wire>(
        &mut self,
        place: Place,
        slot: u32,
        to: Upto,
        wire: &mut W,
        counters: &mut Counters,
    ) -> Progress {
        let s = &mut self.streams[place.stream as usize];
        let member = &mut s.members[place.member as usize];
        let to = match to {
            Upto::Border => s.log.message_end(member.cursor),
            Upto::End => Some(s.log.end()),
            Upto::At(at) => Some(at.min(s.log.end())),
        };
        let Some(to) = to else {
            return Progress::Broken;
        };
        advance(member, slot, &s.log, to, wire, counters)
    }
}

impl Stream {
    /// Visits the next `visits` members. Apart from its callers, for what they hold would cost every
    /// delivery some instructions.
    #[inline(never)]
    fn visit<W: Wire>(
        &mut self,
        visits: usize,
        wire: &mut W,
        counters: &mut Counters,
        reports: &mut Vec<Report>,
    ) {
        let stop = self.members.len().min(self.at.saturating_add(visits));
        let end = self.log.end();
        let mut batch = Batch::NONE;
        for member in &mut self.members[self.at..stop] {
            let progress = if member.is_plain() && member.cursor == batch.whole_from {
                let sent = wire.send(member.slot, batch.run);
                if sent == Sent::All {
                    member.cursor = end;
                    batch.served += 1;
                    continue;
                }
                taken(member, &self.log, sent, counters)
            } else if !member.is_plain() {
                if member.is_behind() {
                    self.slowest.note(member);
                    continue;
                }
                match member.is_seat() {
                    true => reported(member, end),
                    false => advance(member, member.slot, &self.log, end, wire, counters),
                }
            } else if member.cursor == end {
                continue;
            } else {
                if member.cursor != batch.from {
                    batch.count(counters);
                    batch = Batch::new(&self.log, member.cursor);
                }
                batch.send(member, &self.log, wire, counters)
            };
            if progress != Progress::All {
                member.set_behind(progress == Progress::Blocked);
                self.behind += 1;
                self.slowest.note(member);
                reports.push(Report::Stuck(member.slot, progress));
            }
        }
        batch.count(counters);
        self.at = stop;
    }
}

impl Stream {
    /// Reports those of the next `visits` members that something waits for: each gets an answer of
    /// its own, with the shared bytes behind private lines.
    fn visit_polls(&mut self, visits: usize, reports: &mut Vec<Report>) {
        let stop = self.members.len().min(self.at.saturating_add(visits));
        let end = self.log.end();
        for member in &mut self.members[self.at..stop] {
            if !member.is_behind() && member.cursor < end {
                member.set_behind(false);
                self.behind += 1;
                reports.push(Report::Stuck(member.slot, Progress::More));
            }
            if member.is_behind() {
                self.slowest.note(member);
            }
        }
        self.at = stop;
    }
}

/// What members at one cursor are sent, looked up once for all of them.
struct Batch<'a> {
    from: u64,
    /// `from` where `run` is all that the log has from there; else no cursor.
    whole_from: u64,
    bytes: usize,
    messages: u64,
    /// The bytes, where they are contiguous.
    run: &'a [u8],
    /// The bytes, where they are not.
    slices: Option<Slices<'a>>,
    /// Whether there is more in the log than this.
    more: bool,
    /// Members that were given all of it without being counted yet.
    served: u64,
}

impl<'a> Batch<'a> {
    const NONE: Batch<'a> = Batch {
        from: u64::MAX,
        whole_from: u64::MAX,
        bytes: 0,
        messages: 0,
        run: &[],
        slices: None,
        more: false,
        served: 0,
    };

    fn new(log: &'a Log, from: u64) -> Batch<'a> {
        let left = log.end() - from;
        let run = log.run_from(from).unwrap_or(&[]);
        let mut batch = Batch {
            from,
            run,
            bytes: run.len(),
            ..Batch::NONE
        };
        if (run.len() as u64) < left || run.len() > SEND_BYTES_PER_TURN {
            batch.slices = log.slices(from, SEND_BYTES_PER_TURN);
            batch.bytes = batch.slices.as_ref().map_or(0, |s| s.bytes);
        }
        batch.more = (batch.bytes as u64) < left;
        batch.messages = log.messages_between(from, from + batch.bytes as u64);
        if batch.bytes > 0 && batch.slices.is_none() && !batch.more {
            batch.whole_from = from;
        }
        batch
    }

    /// Counts whom it served.
    fn count(&self, counters: &mut Counters) {
        counters.deliveries += self.served * self.messages;
        counters.bytes_out += self.served * self.bytes as u64;
    }

    #[inline]
    fn send<W: Wire>(
        &self,
        member: &mut Member,
        log: &Log,
        wire: &mut W,
        counters: &mut Counters,
    ) -> Progress {
        if self.bytes == 0 {
            return Progress::Broken;
        }
        let sent = match &self.slices {
            None => wire.send(member.slot, self.run),
            Some(slices) => wire.send_vectored(member.slot, slices.as_slice()),
        };
        if sent != Sent::All {
            return taken(member, log, sent, counters);
        }
        member.cursor += self.bytes as u64;
        counters.deliveries += self.messages;
        counters.bytes_out += self.bytes as u64;
        if self.more {
            Progress::More
        } else {
            Progress::All
        }
    }
}

/// Notes a send that was short or failed.
#[cold]
fn taken(member: &mut Member, log: &Log, sent: Sent, counters: &mut Counters) -> Progress {
    let Sent::Blocked(n) = sent else {
        return Progress::Gone;
    };
    let from = member.cursor;
    member.cursor += n as u64;
    counters.deliveries += log.messages_between(from, member.cursor);
    counters.bytes_out += n as u64;
    if n > 0 && !log.is_border(member.cursor) {
        mark("partial_frame");
        if planted("lost_partial_write") {
            member.cursor = from;
        }
        if planted("cursor_off_by_frame") {
            member.cursor = log.message_end(member.cursor).unwrap_or(from);
        }
    }
    Progress::Blocked
}

/// A seat is not sent to: it is told when something waits.
#[cold]
fn reported(member: &Member, end: u64) -> Progress {
    match member.cursor < end {
        true => Progress::More,
        false => Progress::All,
    }
}

/// Sends to one member up to `to` by this connection, skipping what it published itself, its part of
/// this turn.
pub(super) fn advance<W: Wire>(
    member: &mut Member,
    slot: u32,
    log: &Log,
    to: u64,
    wire: &mut W,
    counters: &mut Counters,
) -> Progress {
    let mut budget = SEND_BYTES_PER_TURN;
    while member.cursor < to {
        let until = skip_own(member, log, to);
        if member.cursor >= to {
            break;
        }
        if budget == 0 {
            return Progress::More;
        }
        let bytes_max = budget.min((until - member.cursor) as usize);
        let Some(slices) = log.slices(member.cursor, bytes_max) else {
            return Progress::Broken;
        };
        let sent = wire.send_vectored(slot, slices.as_slice());
        if sent != Sent::All {
            return taken(member, log, sent, counters);
        }
        let from = member.cursor;
        member.cursor += slices.bytes as u64;
        budget -= slices.bytes;
        counters.deliveries += log.messages_between(from, member.cursor);
        counters.bytes_out += slices.bytes as u64;
    }
    if member.cursor == log.end() {
        member.set_own(false);
    }
    Progress::All
}

/// Moves the cursor past messages of the member's own; returns where the next of them begins,
/// or `to`.
pub(super) fn skip_own(member: &mut Member, log: &Log, to: u64) -> u64 {
    while member.has_own() {
        match log.own_range(member.cursor, member.origin()) {
            None => member.set_own(false),
            Some((begin, end)) if begin == member.cursor => {
                mark("own_range_skipped");
                member.cursor = end;
            }
            Some((begin, _)) => return begin.min(to),
        }
    }
    to
}
