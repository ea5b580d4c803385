//! How sessions end, and what each of their connections is told.

use super::session::{Carrier, Part, Session};
use crate::close::Reason;
use crate::conn::{CarryPart, Conn};
use crate::limits::SEAT_BIT;
use crate::mark::{mark, planted};
use crate::relay::Relay;
use crate::relay::peer::{ENGINE, Phase};

impl Relay {
    /// Ends a session and all that is left of its connections.
    pub(in crate::relay) fn end_session(&mut self, index: u32, reason: Reason, now: u64) {
        let Some(session) = self.take_session(index, reason, now) else {
            return;
        };
        if let Carrier::WebSocket(slot) = session.carrier {
            self.close_ws(slot, told(reason), now);
        }
        self.said_goodbye(&session, reason);
    }

    /// A connection that was a part of a session ends, for whatever reason; it is left to the caller.
    pub(in crate::relay) fn carrier_ends(&mut self, slot: u32, reason: Reason, now: u64) {
        self.peer(slot).flags &= !ENGINE;
        let Some((index, part)) = self.sessions.carriers.remove(&slot) else {
            return;
        };
        match part {
            Part::Probe => {
                mark("upgrade_given_up");
                self.sessions.table[index as usize].probe = None;
                self.sessions.counts.not_upgraded += 1;
            }
            Part::Get | Part::Post | Part::WebSocket => {
                mark("session_without_carrier");
                if let Some(session) = self.take_session(index, reason, now) {
                    self.said_goodbye(&session, reason);
                }
            }
        }
    }

    /// Takes a session out of everything but its WebSocket, which is the caller's.
    fn take_session(&mut self, index: u32, reason: Reason, now: u64) -> Option<Session> {
        if !self.sessions.table.contains(index as usize) {
            return None;
        }
        mark("session_ended");
        if let Some(get) = self.sessions.table[index as usize].get() {
            self.own_parts(get, u32::MAX);
        }
        for at in (0..self.sessions.table[index as usize].spaces.len()).rev() {
            if !planted("seat_leaks") {
                self.leave_stand(index, at, reason, now);
            }
        }
        let session = self.sessions.table.remove(index as usize);
        self.sessions.by_sid.remove(&session.sid);
        for space in &session.spaces {
            // Somebody who came back has it by now.
            if self.sessions.by_socket.get(&space.socket) == Some(&index) {
                self.sessions.by_socket.remove(&space.socket);
            }
        }
        self.private_bytes -= session.counted;
        *self.sessions.counts.carried_like(session.carrier) -= 1;
        self.counters.close_session(reason);
        if let Some(probe) = session.probe {
            self.sessions.counts.not_upgraded += 1;
            self.detach(probe.slot);
            self.close_ws(probe.slot, told(reason), now);
        }
        match session.carrier {
            Carrier::WebSocket(slot) => self.detach(slot),
            Carrier::Polling { get, post } => {
                if let Some(slot) = post {
                    self.detach(slot);
                }
                if let Some(slot) = get.filter(|&slot| self.detach_get(slot)) {
                    // Who has said itself that it goes is only let go.
                    let body: &[u8] = if reason == Reason::Normal { b"6" } else { b"1" };
                    self.answer_last(slot, body, now);
                }
            }
        }
        Some(session)
    }

    /// Ends all sessions: the relay stops.
    pub(in crate::relay) fn end_sessions(&mut self, now: u64) {
        let sessions: Vec<u32> = self.sessions.table.iter().map(|(i, _)| i as u32).collect();
        for index in sessions {
            self.end_session(index, Reason::Drain, now);
        }
        self.run_commands(Vec::new(), now);
    }

    /// Ends the session whose poll is in this slot.
    pub(in crate::relay) fn end_polling(&mut self, slot: u32, reason: Reason, now: u64) {
        match self.sessions.part_of(slot) {
            Some((index, _)) => self.end_session(index, reason, now),
            None => self.doom_with_reset(slot, reason),
        }
    }

    /// A connection is no part of a session any more.
    fn detach(&mut self, slot: u32) {
        self.sessions.carriers.remove(&slot);
        if let Some(peer) = self.peers.get_mut(slot as usize) {
            peer.flags &= !ENGINE;
        }
    }

    /// The same of a poll; whether it still waits for its answer.
    pub(super) fn detach_get(&mut self, slot: u32) -> bool {
        self.detach(slot);
        let peer = self.peers.get(slot as usize);
        peer.is_some_and(|peer| {
            peer.phase == Phase::Open
                && matches!(&peer.conn, Conn::Carry(carry) if !carry.is_begun())
        })
    }

    /// Who was in its namespaces is gone: the program is told.
    fn said_goodbye(&mut self, session: &Session, reason: Reason) {
        for space in &session.spaces {
            self.tell_gone(space, reason);
        }
    }

    /// What is still to be sent of a poll's answer from this seat becomes its own, or from all seats.
    pub(super) fn own_parts(&mut self, slot: u32, seat: u32) {
        let Relay {
            peers,
            hub,
            sessions,
            ..
        } = self;
        let Some(Conn::Carry(carry)) = peers.get_mut(slot as usize).map(|p| &mut p.conn) else {
            return;
        };
        for part in &mut carry.parts {
            if let CarryPart::Shared(at, end) = *part
                && (seat == u32::MAX || at == seat)
                && let Some(seat) = sessions.seats.get((at & !SEAT_BIT) as usize)
            {
                mark("answer_made_own");
                // The cursor goes along, or it would be sent again from there.
                *part = CarryPart::Own(hub.take_up_to(seat.place, end));
            }
        }
    }

    /// Ends whatever a subscriber in this slot is, a seat included.
    pub(in crate::relay) fn end_listener(&mut self, slot: u32, reason: Reason, now: u64) {
        if slot & SEAT_BIT == 0 {
            return self.end_subscriber(slot, reason, now);
        }
        if let Some(index) = self.sessions.session_of_seat(slot) {
            self.end_session(index, reason, now);
        }
    }
}

/// What a WebSocket is closed with when its session ends: some reasons are those of a connection, and no
/// close frame may say them (RFC 6455 7.4.1).
const fn told(reason: Reason) -> Reason {
    match reason.close_code() {
        0 => Reason::Normal,
        _ => reason,
    }
}
