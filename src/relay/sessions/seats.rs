//! Sockets as members of their channels: joining, leaving, and what the hub reports of them.

use super::Seat;
use super::session::{Carrier, Part, Stand};
use crate::close::Reason;
use crate::hub::{Behind, Form, Moves, Place, Progress};
use crate::limits::SEAT_BIT;
use crate::mark::mark;
use crate::relay::Relay;
use crate::relay::peer::BLOCKED;

impl Relay {
    /// Where a socket of a session stands.
    pub(super) fn place_of(&self, index: u32, at: usize) -> Option<Place> {
        let session = &self.sessions.table[index as usize];
        match (session.spaces[at].stand, session.carrier) {
            (Stand::Direct, Carrier::WebSocket(slot)) => self.peers[slot as usize].place(),
            (Stand::Direct, _) => None,
            (Stand::Seat(seat), _) => Some(self.sessions.seats[(seat & !SEAT_BIT) as usize].place),
        }
    }

    /// A session joins a channel, behind this number. Nothing is sent to it before it is flushed.
    pub(super) fn take_stand(&mut self, index: u32, channel: u32, from: u64, now: u64) -> Stand {
        let session = &self.sessions.table[index as usize];
        let direct = match session.carrier {
            Carrier::WebSocket(slot) => Some(slot),
            Carrier::Polling { .. } => None,
        };
        let form = match direct {
            Some(_) => Form::Packets,
            None => Form::Payload,
        };
        let direct = direct.filter(|&slot| self.peers[slot as usize].place().is_none());
        if let Some(slot) = direct {
            let peer = &mut self.peers[slot as usize];
            let token = peer.token(slot);
            let place = self.hub.join_from(channel, form, from, token, now);
            peer.set_place(Some(place));
            self.hub.hold(place, peer.is(BLOCKED), now);
            self.queue(slot);
            return Stand::Direct;
        }
        mark("seat_taken");
        let token = self.sessions.next_seat();
        let place = self.hub.join_from(channel, form, from, token, now);
        let seat = Seat {
            session: index,
            place,
        };
        self.sessions.seats.insert(seat);
        let blocked = self.takes_nothing(index);
        self.hub.hold(place, blocked, now);
        self.wake_session(index);
        Stand::Seat(token.slot)
    }

    /// Whether nothing can be sent to a session before it asks or its kernel takes something: that is its
    /// lag, not ours, or a session that never polls would hold up all publishers.
    pub(super) fn takes_nothing(&self, index: u32) -> bool {
        let slot = match self.sessions.table[index as usize].carrier {
            Carrier::WebSocket(slot) => Some(slot),
            Carrier::Polling { get, .. } => get,
        };
        slot.is_none_or(|slot| self.peers[slot as usize].is(BLOCKED))
    }

    /// A session leaves a channel. What a message under way still lacks goes in front of what is sent
    /// to it alone; where it is too late for that, its WebSocket is reset.
    pub(super) fn leave_stand(&mut self, index: u32, at: usize, reason: Reason, now: u64) {
        let Some(place) = self.place_of(index, at) else {
            return;
        };
        let session = &self.sessions.table[index as usize];
        let (carrier, stand, get) = (session.carrier, session.spaces[at].stand, session.get());
        if let Carrier::WebSocket(slot) = carrier
            && self.hub.mid_message(place)
        {
            if matches!(reason, Reason::Lagged | Reason::LaggedLong | Reason::Memory) {
                self.doom_with_reset(slot, reason);
            }
            let rest = self.hub.rest_of_message(place);
            let out = &mut self.peers[slot as usize].out;
            out.get_or_insert_default().push_front(&rest);
        }
        match (stand, carrier) {
            (Stand::Direct, Carrier::WebSocket(slot)) => self.leave(slot, now),
            (Stand::Direct, _) => {}
            (Stand::Seat(seat), _) => {
                if let Some(get) = get {
                    self.own_parts(get, seat);
                }
                self.sessions.seats.remove((seat & !SEAT_BIT) as usize);
                let moves = self.hub.leave(place, now);
                self.note_moves(moves);
            }
        }
    }

    /// The connection by which what a member in this slot gets is sent now, if there is one.
    pub(in crate::relay) fn connection_of(&self, slot: u32) -> Option<u32> {
        if slot & SEAT_BIT == 0 {
            return Some(slot);
        }
        let index = self.sessions.session_of_seat(slot)?;
        match self.sessions.table[index as usize].carrier {
            Carrier::WebSocket(slot) => Some(slot),
            Carrier::Polling { get, .. } => get,
        }
    }

    /// Members have moved because another left.
    pub(in crate::relay) fn note_moves(&mut self, moves: Moves) {
        for (moved, member) in moves.into_iter().flatten() {
            if moved & SEAT_BIT != 0 {
                self.sessions.seat_moved(moved, member);
                continue;
            }
            let peer = self.peer(moved);
            let place = peer.place().map(|place| Place { member, ..place });
            peer.set_place(place);
        }
    }

    /// Something waits for a seat, which the hub has put aside.
    pub(in crate::relay) fn seat_stuck(&mut self, slot: u32, progress: Progress, now: u64) {
        let Some(index) = self.sessions.session_of_seat(slot) else {
            return;
        };
        match progress {
            Progress::All => {}
            Progress::More | Progress::Blocked => self.seat_waits(slot, index, now),
            Progress::Gone | Progress::Broken => self.end_session(index, Reason::Internal, now),
        }
    }

    fn seat_waits(&mut self, slot: u32, index: u32, now: u64) {
        let carrier = self.sessions.table[index as usize].carrier;
        let to = match carrier {
            Carrier::WebSocket(slot) => Some(slot),
            Carrier::Polling { get, .. } => get,
        };
        let to = to.filter(|&slot| !self.peers[slot as usize].is(BLOCKED));
        match to {
            Some(slot) => self.queue(slot),
            // It takes nothing now: that is its lag, not ours.
            None => {
                let seat = &self.sessions.seats[(slot & !SEAT_BIT) as usize];
                self.hub.hold(seat.place, true, now);
            }
        }
    }

    /// Something waits for the session: it is sent to if it can be.
    pub(super) fn wake_session(&mut self, index: u32) {
        let session = &self.sessions.table[index as usize];
        let slot = match session.carrier {
            Carrier::WebSocket(slot) => Some(slot),
            Carrier::Polling { get, .. } => get,
        };
        if let Some(slot) = slot {
            self.queue(slot);
        }
    }

    /// The members of the session that this connection carries are put aside: because the kernel takes
    /// no more, or because more is to be sent than a turn does.
    pub(in crate::relay) fn hold_session(&mut self, slot: u32, blocked: bool, now: u64) {
        let Some((index, part)) = self.sessions.part_of(slot) else {
            return;
        };
        if !matches!(part, Part::Get | Part::WebSocket) {
            return;
        }
        for at in 0..self.sessions.table[index as usize].spaces.len() {
            if let Some(place) = self.place_of(index, at) {
                self.hub.hold(place, blocked, now);
            }
        }
    }

    /// The members of a session are swept, or reported, again: they have everything. Those of a session
    /// that polls wait for the next poll if they have not.
    pub(super) fn release_session(&mut self, index: u32, now: u64) {
        let spaces = self.sessions.table[index as usize].spaces.len();
        for at in 0..spaces {
            let Some(place) = self.place_of(index, at) else {
                continue;
            };
            if self.hub.is_waiting(place) {
                self.hub.hold(place, self.takes_nothing(index), now);
            } else if self.hub.caught_up(place) {
                self.hub.release(place);
            } else {
                self.hub.hold(place, true, now);
            }
        }
    }

    /// How the socket of this connection's session stands that is most behind.
    pub(in crate::relay) fn worst_of_session(&self, slot: u32, now: u64) -> Option<Behind<'_>> {
        let (index, _) = self.sessions.part_of(slot)?;
        let spaces = 0..self.sessions.table[index as usize].spaces.len();
        let places = spaces.filter_map(|at| self.place_of(index, at));
        let standings = places.map(|place| self.hub.standing(place, now));
        standings.max_by_key(|standing| standing.bytes)
    }

    /// A channel that publishers of this session have to wait for, if there is one.
    pub(in crate::relay) fn pausing_session(&self, slot: u32) -> Option<u32> {
        // Asked behind each frame: nearly always there is none at all.
        if !self.hub.any_paused() {
            return None;
        }
        let (index, _) = self.sessions.part_of(slot)?;
        let spaces = 0..self.sessions.table[index as usize].spaces.len();
        let places = spaces.filter_map(|at| self.place_of(index, at));
        let mut channels = places.map(|place| self.hub.channel_of(place));
        channels.find(|&channel| self.hub.paused(channel))
    }
}
