//! What a program emits to one socket, among what goes to all in its channel: in the order in which it was
//! emitted.

use super::session::{Carrier, Session};
use crate::conn::Conn;
use crate::limits::ORDERED_BYTES_MAX;
use crate::mark::mark;
use crate::relay::Relay;
use crate::relay::peer::BLOCKED;

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
        let (carrier, waits) = match session.carrier {
            Carrier::WebSocket(slot) => (Some(slot), self.peers[slot as usize].is(BLOCKED)),
            Carrier::Polling { get, .. } => (None, get.is_none()),
        };
        self.hub.hold(place, waits, now);
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

    /// Whether an answer to its poll is on its way, a part of which lies in the logs.
    fn is_answering(&self, session: &Session) -> bool {
        let conn = session.get().map(|slot| &self.peers[slot as usize].conn);
        matches!(conn, Some(Conn::Carry(carry)) if carry.is_begun())
    }
}
