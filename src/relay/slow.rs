//! Slow subscribers: moved past what they miss where they can be told of it, else closed.

use super::Relay;
use super::peer::{ACCEPTS_GAP, BLOCKED, ENGINE, Phase};
use crate::close::Reason;
use crate::conn::Conn;
use crate::hub::Place;
use crate::limits::{SEAT_BIT, SKIP_REST_BYTES_MAX};
use crate::mark::mark;

impl Relay {
    /// A subscriber that has passed a limit meets its channel's policy.
    pub(super) fn lagged(&mut self, slot: u32, reason: Reason, now: u64) {
        if slot & SEAT_BIT != 0 {
            mark("seat_lagged");
            self.counters.refuse(reason);
            return self.end_listener(slot, reason, now);
        }
        let peer = &self.peers[slot as usize];
        if reason == Reason::LaggedLong && !peer.is(BLOCKED) {
            // It has just made room, and gets what waits in this turn.
            mark("lag_forgiven");
            return;
        }
        let place = peer.place().filter(|_| peer.phase == Phase::Open);
        if place.is_some_and(|place| self.skip(slot, place)) {
            return;
        }
        mark("lag_close");
        self.end_subscriber(slot, reason, now);
    }

    /// What a subscriber came for has gone before it could be encoded for it. Where it cannot be told
    /// of that, and did not say that it need not be, it is ended: it comes back, and learns of it then.
    pub(super) fn missed(&mut self, slot: u32, told: bool, now: u64) {
        self.counters.gaps += 1;
        if slot & SEAT_BIT != 0 || self.peers[slot as usize].is(ENGINE) {
            mark("session_promise_not_kept");
            return self.end_listener(slot, Reason::GapOnResume, now);
        }
        let peer = &self.peers[slot as usize];
        let place = peer.place().filter(|_| peer.phase == Phase::Open);
        let Some(place) = place.filter(|_| !told) else {
            return;
        };
        if peer.is(ACCEPTS_GAP) {
            mark("gap_accepted");
            self.hub.place_waited(place);
            return self.queue(slot);
        }
        mark("promise_not_kept");
        if let Conn::Ws(_) = peer.conn {
            let from = self.hub.reaches_back_to(self.hub.channel_of(place));
            self.leave(slot, now);
            self.close_for_gap(slot, from, now);
        } else {
            self.end_stream(slot, Reason::GapOnResume, now);
        }
    }

    /// Moves a subscriber to the newest message, if its channel and its form allow that. What the
    /// message under way still lacks goes in front of its private output; false where that is too
    /// much to keep for it.
    fn skip(&mut self, slot: u32, place: Place) -> bool {
        if !self.hub.may_skip(place) {
            return false;
        }
        if self.hub.mid_message(place) {
            if self.hub.rest_len(place) > SKIP_REST_BYTES_MAX {
                mark("skip_rest_too_long");
                return false;
            }
            mark("skip_rest_copied");
            let rest = self.hub.rest_of_message(place);
            let out = &mut self.peers[slot as usize].out;
            out.get_or_insert_default().push_front(&rest);
        }
        let skipped = self.hub.skip(place);
        self.counters.skipped += skipped.missed;
        self.counters.gaps += u64::from(skipped.begins);
        if !self.peers[slot as usize].is(BLOCKED) {
            // No edge will come for it.
            mark("skipped_unblocked");
            self.queue(slot);
        }
        self.recount(slot);
        true
    }
}
