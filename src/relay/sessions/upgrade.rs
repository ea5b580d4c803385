//! From polling to a WebSocket: it is probed, polls are let go, then it takes over.

use std::borrow::Cow;

use super::session::{Carrier, Part, Stand};
use crate::close::Reason;
use crate::hub::Place;
use crate::limits::SEAT_BIT;
use crate::mark::{mark, planted};
use crate::relay::Relay;
use crate::relay::peer::ENGINE;
use crate::socketio::{self, EnginePacket};
use crate::ws;

impl Relay {
    /// A packet on a WebSocket that wants to take over a session.
    pub(super) fn probe_packet(
        &mut self,
        slot: u32,
        index: u32,
        packet: EnginePacket<'_>,
        now: u64,
    ) -> Result<(), Reason> {
        match packet {
            EnginePacket::Ping("probe") => {
                ws::append_frame(self.out_tail(slot), ws::header::opcode::TEXT, b"3probe");
                self.queue(slot);
                let session = &mut self.sessions.table[index as usize];
                if let Some(probe) = &mut session.probe {
                    probe.probed = true;
                }
                // A poll that waits is answered, so that the client can stop polling.
                if let Some(get) = session.get() {
                    self.queue(get);
                }
            }
            EnginePacket::Upgrade => self.upgrade_session(slot, index, now),
            _ => self.give_up_probe(index, Reason::BadPacket, now),
        }
        Ok(())
    }

    /// The WebSocket does not take over; the session goes on without it.
    pub(super) fn give_up_probe(&mut self, index: u32, reason: Reason, now: u64) {
        let session = &mut self.sessions.table[index as usize];
        let Some(probe) = session.probe.take() else {
            return;
        };
        mark("probe_given_up");
        self.sessions.counts.not_upgraded += 1;
        self.sessions.carriers.remove(&probe.slot);
        self.peer(probe.slot).flags &= !ENGINE;
        self.counters.refuse(reason);
        self.close_ws(probe.slot, reason, now);
    }

    /// The WebSocket takes over: what waits for the next poll goes by it.
    fn upgrade_session(&mut self, slot: u32, index: u32, now: u64) {
        let session = &mut self.sessions.table[index as usize];
        let get = session.get();
        let waiting = std::mem::take(&mut session.out);
        session.probe = None;
        if let Some(get) = get {
            // The client should have waited for it: it is let go.
            mark("upgrade_with_poll");
            self.own_parts(get, u32::MAX);
            self.let_poll_go(get, now);
        }
        let session = &mut self.sessions.table[index as usize];
        if let Carrier::Polling {
            post: Some(post), ..
        } = session.carrier
        {
            self.sessions.carriers.remove(&post);
            self.peer(post).flags &= !ENGINE;
        }
        let mut frames = Vec::new();
        append_frames(&waiting, &mut frames);
        self.sessions.table[index as usize].carrier = Carrier::WebSocket(slot);
        self.sessions
            .carriers
            .insert(slot, (index, Part::WebSocket));
        let counts = &mut self.sessions.counts;
        counts.upgraded += 1;
        counts.polling -= 1;
        counts.websockets += 1;
        for at in 0..self.sessions.table[index as usize].spaces.len() {
            self.change_stand(index, at, &mut frames, now);
        }
        self.out_tail(slot).extend_from_slice(&frames);
        self.queue(slot);
        self.arm_session(index);
        self.recount_session(index);
        self.recount(slot);
    }

    /// A socket's member goes from the log of polls to that of frames. What it has not got yet goes
    /// out as private frames.
    fn change_stand(&mut self, index: u32, at: usize, frames: &mut Vec<u8>, now: u64) {
        let Stand::Seat(seat) = self.sessions.table[index as usize].spaces[at].stand else {
            return;
        };
        let place = self.sessions.seats[(seat & !SEAT_BIT) as usize].place;
        let channel = self.hub.channel_of(place);
        let waits = self.hub.is_waiting(place);
        let from = match waits {
            // It comes from the history, in whatever form.
            true => self.hub.position(place).number,
            false => self.hub.newest().number,
        };
        if !waits {
            self.take_missed(index, at, place, frames);
            let rest = self.hub.take_unsent(place);
            if !rest.is_empty() {
                mark("upgrade_takes_leftover");
            }
            if !planted("upgrade_loses_leftover") {
                append_frames(&rest, frames);
            }
        }
        let owed = self.sessions.table[index as usize].spaces[at].owed.take();
        self.sessions.seats.remove((seat & !SEAT_BIT) as usize);
        let moves = self.hub.leave(place, now);
        self.note_moves(moves);
        let stand = self.take_stand(index, channel, from, now);
        self.sessions.table[index as usize].spaces[at].stand = stand;
        let place = self.place_of(index, at);
        if let (Some(mut owed), Some(place)) = (owed, place) {
            owed.at = self.hub.end_for(place);
            self.sessions.table[index as usize].spaces[at].owed = Some(owed);
        }
    }

    /// What a socket missed that came back, and the answer to its CONNECT, as far as it has not got
    /// them.
    fn take_missed(&mut self, index: u32, at: usize, place: Place, frames: &mut Vec<u8>) {
        let Some(end) = self.owed_at(index, at) else {
            return;
        };
        while let Some(to) = self.missed_up_to(index, at, place) {
            let missed = self.hub.take_up_to(place, to);
            append_frames(&missed, frames);
            if to >= end {
                break;
            }
        }
        mark("upgrade_takes_missed");
        let owed = self.sessions.table[index as usize].spaces[at].owed.take();
        if let Some(owed) = owed {
            let packet = ["4", &owed.packet].concat();
            ws::append_frame(frames, ws::header::opcode::TEXT, packet.as_bytes());
        }
    }
}

/// Packets of a payload, a separator in front of each, as frames.
fn append_frames(payload: &[u8], frames: &mut Vec<u8>) {
    let Some(payload) = payload.strip_prefix(&[socketio::SEPARATOR]) else {
        return;
    };
    for packet in payload.split(|&b| b == socketio::SEPARATOR) {
        let text = std::str::from_utf8(packet).unwrap_or_default();
        match socketio::packet(text) {
            Ok(EnginePacket::Binary(bytes)) => {
                let bytes: Cow<'_, [u8]> = bytes;
                ws::append_frame(frames, ws::header::opcode::BINARY, &bytes);
            }
            _ => ws::append_frame(frames, ws::header::opcode::TEXT, packet),
        }
    }
}
