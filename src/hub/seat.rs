//! Seats: members that stand for the place of a session, which has a connection now and then, or one
//! for several places. They are never sent to by the sweep, but reported when something waits.

use super::stream::Member;
use super::sweep::skip_own;
use super::{Hub, Id, Piece, Place};
use crate::buf::Log;
use crate::limits::SEND_BYTES_PER_TURN;
use crate::socketio::SEPARATOR;

impl Hub {
    /// What there is for a seat to be given at once, without what it published itself: whole messages of
    /// at most so many bytes and packets, but at least one; none behind `upto`. Tells how many packets.
    pub fn piece_for(
        &mut self,
        place: Place,
        (bytes_max, packets_max): (usize, usize),
        upto: Option<u64>,
    ) -> Option<(Piece, usize)> {
        if self.is_waiting(place) {
            return None;
        }
        let s = &mut self.streams[place.stream as usize];
        let member = &mut s.members[place.member as usize];
        let to = skip_own(member, &s.log, upto.unwrap_or(u64::MAX).min(s.log.end()));
        let from = member.cursor;
        if from >= to {
            return None;
        }
        let mut end = s.log.message_end(from)?;
        let mut packets = packets(&s.log, from, end);
        let most = bytes_max.min(SEND_BYTES_PER_TURN) as u64;
        while end < to {
            let next = s.log.message_end(end).filter(|next| next - from <= most);
            let more = next.map(|next| packets + self::packets(&s.log, end, next));
            match (next, more) {
                (Some(next), Some(more)) if more <= packets_max => (end, packets) = (next, more),
                _ => break,
            }
        }
        let piece = Piece {
            end,
            bytes: (end - from) as usize,
            last: s.log.number_before(end),
        };
        Some((piece, packets))
    }

    /// Moves a cursor over bytes that its member does not need.
    pub fn skip_bytes(&mut self, place: Place, bytes: u64) {
        let s = &mut self.streams[place.stream as usize];
        s.members[place.member as usize].cursor += bytes;
    }

    /// The id of the last message before this position of a member's log.
    pub fn position_at(&self, place: Place, at: u64) -> Id {
        Id {
            number: self.streams[place.stream as usize].log.number_before(at),
            ..self.newest
        }
    }

    /// Where the message with this number begins in the log of a member; `None`: it is not in it.
    pub fn start_of(&self, place: Place, number: u64) -> Option<u64> {
        let log = &self.streams[place.stream as usize].log;
        let start = log.position_after(number.checked_sub(1)?);
        (log.number_at(start) == Some(number)).then_some(start)
    }

    /// Moves a cursor over the message that begins there.
    pub fn skip_message(&mut self, place: Place) {
        let s = &mut self.streams[place.stream as usize];
        let member = &mut s.members[place.member as usize];
        member.cursor = s.log.message_end(member.cursor).unwrap_or(member.cursor);
    }

    /// The end of the log that a member is in.
    pub fn end_for(&self, place: Place) -> u64 {
        self.streams[place.stream as usize].log.end()
    }

    /// Whether the member has all before this position.
    pub fn has_reached(&self, place: Place, at: u64) -> bool {
        self.streams[place.stream as usize].members[place.member as usize].cursor >= at
    }

    /// What a member has not got yet, up to `end`, as it lies in the log.
    pub fn unsent(&self, place: Place, end: u64) -> Vec<u8> {
        let s = &self.streams[place.stream as usize];
        let mut at = s.members[place.member as usize].cursor;
        let mut bytes = Vec::new();
        while let Some(run) = s.log.run_from(at).filter(|_| at < end) {
            let run = &run[..run.len().min((end - at) as usize)];
            bytes.extend_from_slice(run);
            at += run.len() as u64;
        }
        bytes
    }

    /// Takes what waits for a member that is held, as [`Hub::take_unsent`] does, so that something can go
    /// right behind it. `None` where that cannot be: it is inside a message, waits for its place in the log, or
    /// has more than so many bytes waiting.
    pub fn take_before(&mut self, place: Place, bytes_max: u64) -> Option<Vec<u8>> {
        let s = &self.streams[place.stream as usize];
        let Member { slot, cursor, .. } = s.members[place.member as usize];
        let most = s.log.end() - cursor;
        if most > bytes_max || self.is_waiting(place) || self.mid_message(place) {
            return None;
        }
        if most > 0 {
            // It has not left yet: whoever waits for that is not told that it has.
            self.watches.left(place.stream, slot, cursor);
            self.watches.joined(slot);
        }
        Some(self.take_unsent(place))
    }

    /// What a member has not got yet, up to `end`: it has it now.
    pub fn take_up_to(&mut self, place: Place, end: u64) -> Vec<u8> {
        let bytes = self.unsent(place, end);
        let s = &mut self.streams[place.stream as usize];
        let member: &mut Member = &mut s.members[place.member as usize];
        // It has not left yet: whoever waits for that is not told that it has.
        self.watches.left(place.stream, member.slot, member.cursor);
        self.watches.joined(member.slot);
        member.cursor += bytes.len() as u64;
        bytes
    }

    /// All that waits for a member, as it lies in the log, without what it published itself.
    pub fn take_unsent(&mut self, place: Place) -> Vec<u8> {
        let mut bytes = Vec::new();
        loop {
            let s = &mut self.streams[place.stream as usize];
            let member: &mut Member = &mut s.members[place.member as usize];
            let to = skip_own(member, &s.log, s.log.end());
            if member.cursor >= to {
                return bytes;
            }
            bytes.extend(self.unsent(place, to));
            let member = &mut self.streams[place.stream as usize].members[place.member as usize];
            member.cursor = to;
        }
    }
}

/// How many packets one message of a payload is.
fn packets(log: &Log, from: u64, to: u64) -> usize {
    let message = log.run_from(from).unwrap_or_default();
    let message = &message[..message.len().min((to - from) as usize)];
    memchr::memchr_iter(SEPARATOR, message).count()
}
