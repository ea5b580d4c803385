//! Bodies that do not end: kept alive while nothing comes, and ended so that their readers come back.

use super::Relay;
use super::peer::{BLOCKED, PINGED, Phase};
use crate::close::Reason;
use crate::conn::Conn;
use crate::mark::mark;

impl Relay {
    /// Ends what a subscriber listens to, in the way of its protocol.
    pub(super) fn end_subscriber(&mut self, slot: u32, reason: Reason, now: u64) {
        match &self.peers[slot as usize].conn {
            Conn::Ws(_) => self.close_ws(slot, reason, now),
            Conn::Stream => self.end_stream(slot, reason, now),
            Conn::Poll(poll) if poll.is_begun() => self.doom_with_reset(slot, reason),
            Conn::Poll(_) => self.end_poll(slot, reason, now),
            Conn::Carry(carry) if carry.is_begun() => self.doom_with_reset(slot, reason),
            Conn::Carry(_) => self.end_polling(slot, reason, now),
            Conn::Http(_) => self.finish(slot, reason, now),
        }
    }

    /// Ends a stream at a border of messages. Readers know from their last id where to go on.
    pub(super) fn end_stream(&mut self, slot: u32, reason: Reason, now: u64) {
        let peer = &self.peers[slot as usize];
        if peer.phase != Phase::Open {
            return;
        }
        let retry_ms = self.spread_retry_ms(slot);
        let farewell = peer.place().map(|place| self.hub.farewell(place, retry_ms));
        if !self.leave_at_border(slot, reason, now) {
            return;
        }
        mark("stream_ended");
        let farewell = farewell.unwrap_or_default();
        self.peer(slot).out_tail().extend_from_slice(&farewell);
        self.finish(slot, reason, now);
    }

    /// A stream was silent for a while, for there was nothing to send: something is sent that means
    /// nothing, so that proxies do not take it for dead. A reader that takes nothing meanwhile is.
    pub(super) fn beat(&mut self, slot: u32, now: u64) {
        let timeout = self.settings.limits.ping_timeout_ms;
        let answerable_ms = self.resumed_ms.saturating_add(timeout);
        let peer = &mut self.peers[slot as usize];
        if !peer.is(BLOCKED) {
            mark("heartbeat");
            let beat = peer.place().map(|place| self.hub.heartbeat(place));
            peer.out_tail().extend_from_slice(&beat.unwrap_or_default());
            peer.hear(now);
            self.queue(slot);
        } else if !peer.is(PINGED) {
            peer.flags |= PINGED;
            peer.set_due(now.saturating_add(timeout));
        } else if now < answerable_ms {
            // We stood still in between: nothing could be taken.
            peer.set_due(answerable_ms);
        } else {
            mark("stream_silent");
            self.counters.refuse(Reason::Silent);
            self.doom_with_reset(slot, Reason::Silent);
        }
    }
}
