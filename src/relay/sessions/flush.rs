//! What goes out by a WebSocket that carries a session: the rest of the message that one of its cursors is
//! in, private output, then each namespace's log.

use super::session::Part;
use crate::hub::{Place, Progress, Upto};
use crate::mark::{mark, planted};
use crate::relay::Relay;
use crate::relay::flush::send_out;
use crate::wire::Wire;
use crate::ws;

impl Relay {
    /// Sends to the WebSocket of a session, its part of this turn.
    pub(in crate::relay) fn drain_session<W: Wire>(&mut self, slot: u32, wire: &mut W) -> Progress {
        let Some((index, Part::WebSocket)) = self.sessions.part_of(slot) else {
            return self.send_private(slot, wire);
        };
        let spaces = self.sessions.table[index as usize].spaces.len();
        for at in 0..spaces {
            match self.place_of(index, at) {
                Some(place) if self.hub.mid_message(place) && !planted("unit_split") => {
                    match self.push_at(place, slot, Upto::Border, wire) {
                        Progress::All => break,
                        other => return other,
                    }
                }
                _ => {}
            }
        }
        match self.send_private(slot, wire) {
            Progress::All => {}
            other => return other,
        }
        let first = self.sessions.table[index as usize].first;
        for at in (0..spaces).map(|at| (first + at) % spaces) {
            match self.drain_space(index, at, slot, wire) {
                Progress::All => {}
                other => {
                    // Another namespace comes first in the next turn.
                    self.sessions.table[index as usize].first = (at + 1) % spaces;
                    return other;
                }
            }
        }
        Progress::All
    }

    fn drain_space<W: Wire>(&mut self, index: u32, at: usize, slot: u32, wire: &mut W) -> Progress {
        let Some(place) = self.place_of(index, at) else {
            return Progress::All;
        };
        if self.hub.is_waiting(place) {
            return Progress::All;
        }
        if let Some(end) = self.owed_at(index, at) {
            while let Some(to) = self.missed_up_to(index, at, place) {
                match self.push_at(place, slot, Upto::At(to), wire) {
                    Progress::All if to >= end => break,
                    Progress::All => {}
                    other => return other,
                }
            }
            mark("missed_before_connect");
            let owed = self.sessions.table[index as usize].spaces[at].owed.take();
            if let Some(owed) = owed {
                let packet = ["4", &owed.packet].concat();
                let out = self.out_tail(slot);
                ws::append_frame(out, ws::header::opcode::TEXT, packet.as_bytes());
                self.recount_session(index);
            }
            match self.send_private(slot, wire) {
                Progress::All => {}
                other => return other,
            }
        }
        self.push_at(place, slot, Upto::End, wire)
    }

    /// Where that ends which a socket missed that came back, until it has been sent.
    pub(super) fn owed_at(&self, index: u32, at: usize) -> Option<u64> {
        let owed = &self.sessions.table[index as usize].spaces[at].owed;
        owed.as_ref().map(|owed| owed.at)
    }

    fn push_at<W: Wire>(&mut self, place: Place, slot: u32, to: Upto, wire: &mut W) -> Progress {
        self.hub.push_by(place, slot, to, wire, &mut self.counters)
    }

    fn send_private<W: Wire>(&mut self, slot: u32, wire: &mut W) -> Progress {
        let Relay {
            peers,
            counters,
            spares,
            ..
        } = self;
        send_out(&mut peers[slot as usize], slot, wire, counters, spares)
    }

    /// The WebSocket of a session has everything.
    pub(in crate::relay) fn session_flushed(&mut self, slot: u32, now: u64) {
        if let Some((index, Part::WebSocket)) = self.sessions.part_of(slot) {
            self.release_session(index, now);
        }
    }

    /// A poll waits: nothing was there for it, so what comes is reported.
    pub(in crate::relay) fn session_polled(&mut self, slot: u32, now: u64) {
        if let Some((index, Part::Get)) = self.sessions.part_of(slot) {
            self.release_session(index, now);
        }
    }

    /// Whether everybody in the session that this connection carries has everything.
    pub(in crate::relay) fn session_has_all(&self, slot: u32) -> bool {
        let Some((index, _)) = self.sessions.part_of(slot) else {
            return true;
        };
        let session = &self.sessions.table[index as usize];
        if !session.out.is_empty() || session.spaces.iter().any(|s| s.owed.is_some()) {
            return false;
        }
        let spaces = 0..session.spaces.len();
        let mut places = spaces.filter_map(|at| self.place_of(index, at));
        places.all(|place| self.hub.caught_up(place))
    }
}
