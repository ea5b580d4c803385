//! What a program emits to one socket, among what goes to all in its channel: in the order in which it was
//! emitted.

use super::session::{Carrier, Session, Stand};
use crate::conn::{CarryPart, Conn};
use crate::hub::Id;
use crate::limits::ORDERED_BYTES_MAX;
use crate::mark::mark;
use crate::relay::Relay;

impl Relay {
    /// What the channel had before is sent before what is sent to the socket alone next, and what it will
    /// have comes behind that. A client that can come back needs that too, for it remembers the last id. Where
    /// much waits, or a message is under way, it is not copied, and the two may pass each other.
    pub(super) fn keep_order(&mut self, index: u32, at: usize, now: u64) {
        let Some(place) = self.place_of(index, at) else {
            return;
        };
        let session = &self.sessions.table[index as usize];
        if session.spaces[at].owed.is_some() || self.is_answering(session) {
            return;
        }
        // Held, the sweep leaves it out: what waits for it alone goes first.
        let carrier = match session.carrier {
            Carrier::WebSocket(slot) => Some(slot),
            Carrier::Polling { .. } => None,
        };
        let blocked = self.takes_nothing(index);
        self.hub.hold(place, blocked, now);
        let Some(before) = self.hub.take_before(place, ORDERED_BYTES_MAX) else {
            mark("order_not_kept");
            return;
        };
        match carrier {
            Some(slot) => self.out_tail(slot).extend_from_slice(&before),
            None => {
                let session = &mut self.sessions.table[index as usize];
                session.out.extend_from_slice(&before);
            }
        }
    }

    /// Where a client stands once it has what is on its way to it.
    pub(super) fn offset_for(&self, index: u32, at: usize) -> Option<Id> {
        let place = self.place_of(index, at)?;
        let session = &self.sessions.table[index as usize];
        let conn = session.get().map(|slot| &self.peers[slot as usize].conn);
        let (Some(Conn::Carry(carry)), Stand::Seat(own)) = (conn, session.spaces[at].stand) else {
            return Some(self.hub.position(place));
        };
        let here = |part: &CarryPart| match *part {
            CarryPart::Shared(seat, end) if seat == own => Some(end),
            _ => None,
        };
        let end = carry.parts.iter().find_map(here);
        Some(match end {
            Some(end) => self.hub.position_at(place, end),
            None => self.hub.position(place),
        })
    }

    /// Whether an answer to its poll is on its way, a part of which lies in the logs.
    fn is_answering(&self, session: &Session) -> bool {
        let conn = session.get().map(|slot| &self.peers[slot as usize].conn);
        matches!(conn, Some(Conn::Carry(carry)) if carry.is_begun())
    }
}
