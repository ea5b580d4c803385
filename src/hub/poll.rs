//! Members that get one answer and leave: what the answer holds, and sending it behind private bytes.

use std::io::IoSlice;

use super::stream::Member;
use super::{Form, Hub, Id, Place, Progress};
use crate::counters::Counters;
use crate::limits::{SEND_BYTES_PER_TURN, SLICES_MAX};
use crate::mark::mark;
use crate::wire::{Sent, Wire};

/// The messages that one answer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// Where in the log they end.
    pub end: u64,
    /// How many bytes they have.
    pub bytes: usize,
    /// Number of the last of them.
    pub last: u64,
}

impl Hub {
    /// What there is for a member to be answered with; `None`: nothing yet. `several`: all that waits,
    /// as far as it fits one answer, rather than one message.
    pub fn answer(&self, place: Place, several: bool) -> Option<Piece> {
        if self.is_waiting(place) {
            return None;
        }
        let s = &self.streams[place.stream as usize];
        let from = s.members[place.member as usize].cursor;
        let mut end = s.log.message_end(from)?;
        while several && end - from < SEND_BYTES_PER_TURN as u64 {
            match s.log.message_end(end) {
                Some(next) => end = next,
                None => break,
            }
        }
        Some(Piece {
            end,
            bytes: (end - from) as usize,
            last: s.log.number_before(end),
        })
    }

    /// Where a member stands: who resumes from there misses nothing, or is told what.
    pub fn position(&self, place: Place) -> Id {
        let s = &self.streams[place.stream as usize];
        let Member { cursor, slot, .. } = s.members[place.member as usize];
        if let Some(gap) = self.gaps.get(&slot) {
            // It has not been told yet.
            return gap.after;
        }
        let waiting = self.waiting.get(&slot);
        let number = match waiting {
            Some(waiting) => waiting.from,
            None if cursor == s.log.end() => self.newest.number,
            // The rest of a message under way still goes out.
            None if !s.log.is_border(cursor) => s
                .log
                .number_before(s.log.message_end(cursor).unwrap_or(cursor)),
            None => s.log.number_before(cursor),
        };
        Id {
            number,
            ..self.newest
        }
    }

    /// Whether a message above this number is kept of a channel.
    pub fn has_after(&self, channel: u32, from: u64) -> bool {
        self.first_above(channel, from).is_some()
    }

    /// Sends `front`, and behind it the log from the member's cursor to `end`. Tells how much of
    /// `front` the kernel took.
    pub fn push_behind<W: Wire>(
        &mut self,
        place: Place,
        front: &[u8],
        end: u64,
        wire: &mut W,
        counters: &mut Counters,
    ) -> (usize, Progress) {
        let slot = self.streams[place.stream as usize].members[place.member as usize].slot;
        self.push_behind_by(place, slot, front, end, wire, counters)
    }

    /// As [`Hub::push_behind`], by this connection.
    pub fn push_behind_by<W: Wire>(
        &mut self,
        place: Place,
        slot: u32,
        front: &[u8],
        end: u64,
        wire: &mut W,
        counters: &mut Counters,
    ) -> (usize, Progress) {
        let s = &mut self.streams[place.stream as usize];
        let member = &mut s.members[place.member as usize];
        let from = member.cursor;
        let left = end.saturating_sub(from) as usize;
        let shared = s.log.slices(from, left.min(SEND_BYTES_PER_TURN));
        if left > 0 && shared.is_none() {
            return (0, Progress::Broken);
        }
        let shared = shared.as_ref().filter(|_| left > 0);
        let bytes = shared.map_or(0, |s| s.bytes);
        let mut slices = [IoSlice::new(&[]); SLICES_MAX + 1];
        slices[0] = IoSlice::new(front);
        let runs = shared.map_or(&[][..], |s| s.as_slice());
        slices[1..=runs.len()].copy_from_slice(runs);
        let slices = match front.is_empty() {
            true => &slices[1..=runs.len()],
            false => &slices[..=runs.len()],
        };
        if slices.is_empty() {
            return (0, Progress::All);
        }
        let (n, progress) = match wire.send_vectored(slot, slices) {
            Sent::All if bytes < left => (front.len() + bytes, Progress::More),
            Sent::All => (front.len() + bytes, Progress::All),
            Sent::Blocked(n) => (n, Progress::Blocked),
            Sent::Gone => return (0, Progress::Gone),
        };
        let of_front = n.min(front.len());
        member.cursor += (n - of_front) as u64;
        if progress == Progress::Blocked && n > 0 {
            mark("partial_answer");
        }
        counters.deliveries += s.log.messages_between(from, member.cursor);
        counters.bytes_out += n as u64;
        (of_front, progress)
    }

    /// The policy of a channel.
    pub fn policy(&self, channel: u32) -> super::Policy {
        self.channels[channel as usize].policy
    }

    /// Somebody asks to hear a channel.
    pub fn note_request(&mut self, channel: u32, now: u64) {
        for part in self.parts_of(channel) {
            self.channels[part as usize].requested_ms = Some(now);
        }
    }

    /// Nobody joins a channel that was opened just now: if it is a set, it goes again.
    pub fn close_unheard(&mut self, channel: u32, now: u64) {
        self.drop_set_if_unused(channel, now);
    }

    /// What is sent to a member now and then, so that what lies between does not take the connection
    /// for dead; empty where the form has no room for such a thing.
    pub fn heartbeat(&self, place: Place) -> Vec<u8> {
        Form::heartbeat(self.streams[place.stream as usize].form)
    }

    /// What ends a member's stream, whose reader may come back after so long.
    pub fn farewell(&self, place: Place, retry_ms: u64) -> Vec<u8> {
        Form::farewell(self.streams[place.stream as usize].form, retry_ms)
    }
}
