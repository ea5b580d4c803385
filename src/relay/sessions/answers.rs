//! Answers to polls of sessions: packets for it alone, and what lies between its cursors and the ends
//! of their logs, sent from there.

use std::collections::VecDeque;

use super::requests::packets_answer;
use super::session::{Carrier, Stand};
use crate::close::Reason;
use crate::conn::{CarryPart, Conn, HttpConn};
use crate::http::Cors;
use crate::hub::Progress;
use crate::limits::{POLLED_PACKETS_MAX, SEAT_BIT};
use crate::mark::{mark, planted};
use crate::relay::Relay;
use crate::relay::flush::send_out;
use crate::relay::peer::{ENGINE, Phase};
use crate::socketio::SEPARATOR;
use crate::wire::Wire;

/// What an answer holds so far.
#[derive(Debug, Clone, Copy, Default)]
struct Holds {
    bytes: usize,
    packets: usize,
}

impl Relay {
    /// How long a poll may be without an answer, or an answer without being taken.
    pub(super) fn carry_due(&self, now: u64) -> u64 {
        let limits = &self.settings.limits;
        now.saturating_add(limits.ping_interval_ms)
            .saturating_add(limits.ping_timeout_ms)
            .max(now.saturating_add(limits.idle_timeout_ms))
    }

    /// Sends the answer to a poll as far as the kernel takes it; nothing where there is none yet.
    pub(in crate::relay) fn drain_carry<W: Wire>(&mut self, slot: u32, wire: &mut W) -> Progress {
        let begun = matches!(&self.peers[slot as usize].conn, Conn::Carry(c) if c.is_begun());
        if !begun {
            // The answer to a request before it.
            match self.drain_out(slot, wire) {
                Progress::All => {}
                other => return other,
            }
            if !self.compose(slot) {
                return Progress::All;
            }
        }
        loop {
            match self.drain_part(slot, wire) {
                (Progress::All, false) => {}
                (progress, _) => return progress,
            }
        }
    }

    fn drain_out<W: Wire>(&mut self, slot: u32, wire: &mut W) -> Progress {
        let Relay {
            peers,
            counters,
            spares,
            ..
        } = self;
        send_out(&mut peers[slot as usize], slot, wire, counters, spares)
    }

    /// Sends the next part of an answer. True: there is none.
    fn drain_part<W: Wire>(&mut self, slot: u32, wire: &mut W) -> (Progress, bool) {
        let Relay {
            peers,
            hub,
            sessions,
            counters,
            ..
        } = self;
        let peer = &mut peers[slot as usize];
        let out = peer.out.get_or_insert_default();
        let Conn::Carry(carry) = &mut peer.conn else {
            return (Progress::All, true);
        };
        match carry.parts.front_mut() {
            Some(CarryPart::Own(bytes)) => {
                out.tail().append(bytes);
                carry.parts.pop_front();
                (Progress::All, false)
            }
            Some(CarryPart::Shared(seat, end)) => {
                let end = *end;
                let Some(seat) = sessions.seats.get((*seat & !SEAT_BIT) as usize) else {
                    return (Progress::Broken, true);
                };
                let pending = out.pending();
                let (front, progress) =
                    hub.push_behind_by(seat.place, slot, pending, end, wire, counters);
                out.consume(front);
                if progress == Progress::All {
                    carry.parts.pop_front();
                }
                (progress, false)
            }
            None => (self.drain_out(slot, wire), true),
        }
    }

    /// Puts together the answer to a poll; false: nothing waits for the session.
    fn compose(&mut self, slot: u32) -> bool {
        let Some((index, _)) = self.sessions.part_of(slot) else {
            return false;
        };
        let mut parts = VecDeque::new();
        let mut holds = self.own_packets(index, &mut parts);
        let spaces = self.sessions.table[index as usize].spaces.len();
        let first = self.sessions.table[index as usize].first;
        for at in (0..spaces).map(|at| (first + at) % spaces) {
            self.part_of_space(index, at, &mut holds, &mut parts);
        }
        if spaces > 0 {
            // Another namespace comes first the next time.
            self.sessions.table[index as usize].first = (first + 1) % spaces;
        }
        let probed = self.sessions.table[index as usize]
            .probe
            .is_some_and(|probe| probe.probed);
        if parts.is_empty() && probed {
            mark("poll_let_go");
            parts.push_back(CarryPart::Own(vec![SEPARATOR, b'6']));
            holds.bytes = 2;
        }
        match parts.front_mut() {
            None => return false,
            // No separator stands before the first packet.
            Some(CarryPart::Own(packets)) => {
                packets.remove(0);
            }
            Some(CarryPart::Shared(seat, _)) => {
                let seat = &self.sessions.seats[(*seat & !SEAT_BIT) as usize];
                self.hub.skip_bytes(seat.place, 1);
            }
        }
        self.append_carry_head(slot, holds.bytes - 1);
        if let Conn::Carry(carry) = &mut self.peer(slot).conn {
            carry.begin(parts);
        }
        self.recount_session(index);
        true
    }

    /// Packets for the session alone, as the first part of an answer.
    fn own_packets(&mut self, index: u32, parts: &mut VecDeque<CarryPart>) -> Holds {
        let out = &mut self.sessions.table[index as usize].out;
        let mut ends = memchr::memchr_iter(SEPARATOR, out).skip(1);
        let cut = ends.nth(POLLED_PACKETS_MAX - 1).unwrap_or(out.len());
        let rest = out.split_off(cut);
        let own = std::mem::replace(out, rest);
        if planted("packets_sent_twice") {
            out.splice(0..0, own.iter().copied());
        }
        let holds = Holds {
            bytes: own.len(),
            packets: memchr::memchr_iter(SEPARATOR, &own).count(),
        };
        if holds.bytes > 0 {
            parts.push_back(CarryPart::Own(own));
        }
        holds
    }

    /// Adds what waits in one namespace to an answer.
    fn part_of_space(
        &mut self,
        index: u32,
        at: usize,
        holds: &mut Holds,
        parts: &mut VecDeque<CarryPart>,
    ) {
        let max = self.settings.limits.payload_bytes_max;
        let left = (
            max.saturating_sub(holds.bytes),
            POLLED_PACKETS_MAX.saturating_sub(holds.packets),
        );
        let space = &self.sessions.table[index as usize].spaces[at];
        let Stand::Seat(seat) = space.stand else {
            return;
        };
        let room = left.0 > 0 && left.1 > 0;
        let Some(place) = self.place_of(index, at).filter(|_| room) else {
            return;
        };
        if self.hub.is_waiting(place) {
            return;
        }
        let owed_at = self.owed_at(index, at);
        let up_to = self.missed_up_to(index, at, place);
        let due = owed_at.is_some_and(|at| self.hub.has_reached(place, at));
        if !due {
            let Some((piece, packets)) = self.hub.piece_for(place, left, up_to) else {
                return;
            };
            if packets > left.1 && holds.packets > 0 {
                // A message does not come apart: it is the first of the next answer.
                return;
            }
            holds.bytes += piece.bytes;
            holds.packets += packets;
            parts.push_back(CarryPart::Shared(seat, piece.end));
            if owed_at.is_none_or(|at| piece.end < at) || holds.packets >= POLLED_PACKETS_MAX {
                return;
            }
        }
        let owed = self.sessions.table[index as usize].spaces[at].owed.take();
        if let Some(owed) = owed {
            let packet = [&[SEPARATOR, b'4'], owed.packet.as_bytes()].concat();
            holds.bytes += packet.len();
            holds.packets += 1;
            parts.push_back(CarryPart::Own(packet));
        }
    }

    fn append_carry_head(&mut self, slot: u32, len: usize) {
        let Conn::Carry(carry) = &self.peers[slot as usize].conn else {
            return;
        };
        let connection = match (carry.reply.keep_alive, carry.reply.minor) {
            (false, _) => "Connection: close\r\n",
            (true, 0) => "Connection: keep-alive\r\n",
            (true, _) => "",
        };
        let origin = carry.origin.clone();
        let out = self.out_tail(slot);
        out.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
        Cors::Shared(origin.as_deref()).append(out);
        let head = format!(
            "Content-Type: text/plain; charset=UTF-8\r\nContent-Length: {len}\r\n\
             Cache-Control: no-store\r\n{connection}\r\n"
        );
        out.extend_from_slice(head.as_bytes());
    }

    /// The answer has left: the connection is one of HTTP again, and the session waits for the next.
    pub(in crate::relay) fn carry_answered(&mut self, slot: u32, now: u64) {
        if let Some((index, _)) = self.sessions.part_of(slot) {
            self.sessions.carriers.remove(&slot);
            if let Carrier::Polling { get, .. } = &mut self.sessions.table[index as usize].carrier {
                *get = None;
            }
            self.release_session(index, now);
        }
        let peer = self.peer(slot);
        peer.flags &= !ENGINE;
        let conn = std::mem::replace(&mut peer.conn, Conn::Http(Box::<HttpConn>::default()));
        let Conn::Carry(carry) = conn else {
            return;
        };
        self.answered(slot, carry.reply.keep_alive, Reason::Done, now);
        // What came meanwhile is the next request.
        self.make_ready(slot);
    }

    /// A poll is let go without packets of its own, or with those that are on their way.
    pub(super) fn let_poll_go(&mut self, slot: u32, now: u64) {
        if self.detach_get(slot) {
            self.answer_last(slot, b"6", now);
        }
    }

    /// A poll has waited for long: its session pings, so it has been forgotten; or its answer is not
    /// taken.
    pub(in crate::relay) fn carry_late(&mut self, slot: u32, now: u64) {
        let begun = matches!(&self.peers[slot as usize].conn, Conn::Carry(c) if c.is_begun());
        if begun {
            mark("carry_answer_not_taken");
            return self.doom_with_reset(slot, Reason::Silent);
        }
        let due = self.carry_due(now);
        self.peer(slot).set_due(due);
    }

    /// An answer is being taken: from each time that the kernel took some of it, it has as long as the
    /// connection may rest after it.
    pub(in crate::relay) fn carry_goes_on(&mut self, slot: u32, now: u64) {
        let due = now.saturating_add(self.settings.limits.idle_timeout_ms);
        let peer = self.peer(slot);
        if let (Phase::Open, Conn::Carry(carry)) = (peer.phase, &peer.conn)
            && carry.is_begun()
        {
            peer.set_due(due);
            self.arm(slot);
        }
    }

    /// The last answer to a poll.
    pub(super) fn answer_last(&mut self, slot: u32, body: &[u8], now: u64) {
        let conn = &mut self.peer(slot).conn;
        let Conn::Carry(carry) = std::mem::replace(conn, Conn::Http(Box::<HttpConn>::default()))
        else {
            return;
        };
        let answer = packets_answer(body, carry.reply);
        self.answer(slot, answer, carry.origin.as_deref(), now);
        self.make_ready(slot);
    }
}
