//! How connections end: close handshake, lingering close, reset; and the one place that frees.
//!
//! A close frame must survive: it is flushed, then comes our FIN, then input is discarded until
//! the peer's end of stream or `close_timeout`. Closing a socket with unread input would send a
//! reset that can overtake the frame (RFC 6455 7.1.1, "lingering close").

use std::borrow::Cow;

use super::Relay;
use super::peer::{ADMIN, BLOCKED, ENDED, ENGINE, FULL_OUT, Phase, QUEUED, RESET, WAITING};
use crate::close::Reason;
use crate::conn::Conn;
use crate::hub::Id;
use crate::mark::mark;
use crate::ws;

/// A slot that was freed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reaped {
    /// Which one.
    pub slot: u32,
    /// Reset the socket rather than close it.
    pub reset: bool,
}

impl Relay {
    /// Ends a WebSocket from our side. A reason that is the peer's fault ends it at once after the
    /// close frame; for the others its close frame is awaited.
    pub(super) fn close_ws(&mut self, slot: u32, reason: Reason, now: u64) {
        if self.peer(slot).phase != Phase::Open {
            return;
        }
        let text = self.close_text(slot, reason);
        if !self.leave_at_border(slot, reason, now) {
            return;
        }
        let peer = self.peer(slot);
        ws::append_close(peer.out_tail(), Some(reason.close_code()), &text);
        let waits = matches!(
            reason,
            Reason::Drain
                | Reason::Lagged
                | Reason::LaggedLong
                | Reason::Memory
                | Reason::Internal
                | Reason::Deleted
                | Reason::GapOnResume
        );
        let phase = if waits {
            Phase::Closing
        } else {
            Phase::Finishing
        };
        self.begin_end(slot, phase, reason, now);
    }

    /// A WebSocket that has just been opened cannot be told of what it has missed: it is closed, and
    /// told from where on it can have everything.
    pub(super) fn close_for_gap(&mut self, slot: u32, from: Id, now: u64) {
        mark("closed_for_gap");
        let reason = Reason::GapOnResume;
        let text = format!("{}; last_event_id={from}", reason.text());
        ws::append_close(self.peer(slot).out_tail(), Some(reason.close_code()), &text);
        self.begin_end(slot, Phase::Closing, reason, now);
    }

    /// What a close frame says. Who may come back is told where it stands: a plain WebSocket carries no
    /// ids.
    fn close_text(&self, slot: u32, reason: Reason) -> Cow<'static, str> {
        let place = self.peers[slot as usize].place().filter(|_| {
            matches!(
                reason,
                Reason::Drain | Reason::Lagged | Reason::LaggedLong | Reason::Memory
            )
        });
        match place {
            Some(place) => {
                let at = self.hub.position(place);
                format!("{}; last_event_id={at}", reason.text()).into()
            }
            None => reason.text().into(),
        }
    }

    /// Answers the peer's close frame with the same code.
    pub(super) fn answer_close(&mut self, slot: u32, code: Option<u16>, now: u64) {
        if self.peer(slot).phase == Phase::Closing {
            // Ours went first: both directions are done.
            let reason = self.peer(slot).reason;
            return self.begin_end(slot, Phase::Finishing, reason, now);
        }
        if self.leave_at_border(slot, Reason::Normal, now) {
            ws::append_close(self.peer(slot).out_tail(), code, "");
            self.begin_end(slot, Phase::Finishing, Reason::Normal, now);
        }
    }

    /// Leaves the channel so that nothing but private output follows. What a message still lacks
    /// goes in front of that. Returns false where the connection was reset instead: a subscriber
    /// closed for lag inside a message holds its log no longer.
    pub(super) fn leave_at_border(&mut self, slot: u32, reason: Reason, now: u64) -> bool {
        if self.peer(slot).is(ENGINE) {
            self.carrier_ends(slot, reason, now);
            if self.peer(slot).phase == Phase::Doomed {
                return false;
            }
        }
        let Some(place) = self.peer(slot).place() else {
            return true;
        };
        if self.hub.mid_message(place) {
            if matches!(reason, Reason::Lagged | Reason::LaggedLong | Reason::Memory) {
                mark("lag_reset_mid_frame");
                self.doom_with_reset(slot, reason);
                return false;
            }
            mark("rest_copied_to_private_output");
            let rest = self.hub.rest_of_message(place);
            self.peer(slot)
                .out
                .get_or_insert_default()
                .push_front(&rest);
        }
        self.leave(slot, now);
        true
    }

    pub(super) fn leave(&mut self, slot: u32, now: u64) {
        let Some(place) = self.peer(slot).place() else {
            return;
        };
        self.peer(slot).set_place(None);
        let moves = self.hub.leave(place, now);
        self.note_moves(moves);
    }

    /// Enters a phase on the way out, with its deadline.
    fn begin_end(&mut self, slot: u32, phase: Phase, reason: Reason, now: u64) {
        let due = now.saturating_add(self.settings.limits.close_timeout_ms);
        let peer = self.peer(slot);
        let begins = peer.phase != Phase::Closing;
        (peer.phase, peer.reason) = (phase, reason);
        if begins {
            // The deadline counts from our close frame; nothing extends it.
            peer.set_due(due);
        }
        match &mut peer.conn {
            Conn::Ws(conn) => conn.forget(),
            Conn::Http(http) => http.forget(),
            Conn::Stream | Conn::Poll(_) | Conn::Carry(_) => {}
        }
        let wake = peer.is(WAITING | FULL_OUT);
        peer.flags &= !(WAITING | FULL_OUT);
        self.arm(slot);
        self.queue(slot);
        if wake {
            self.make_ready(slot);
        }
    }

    /// Ends an HTTP connection once its output is flushed.
    pub(super) fn finish(&mut self, slot: u32, reason: Reason, now: u64) {
        if matches!(self.peer(slot).phase, Phase::Open) {
            self.begin_end(slot, Phase::Finishing, reason, now);
        }
    }

    /// Private output is flushed while finishing: our FIN goes out.
    pub(super) fn finished(&mut self, slot: u32) {
        let peer = self.peer(slot);
        if peer.is(ENDED) {
            let reason = peer.reason;
            return self.doom(slot, reason);
        }
        peer.phase = Phase::Lingering;
        self.finished.push(slot);
    }

    /// The slots whose output has ended since the last call.
    pub fn take_finished(&mut self, into: &mut Vec<u32>) {
        into.append(&mut self.finished);
    }

    /// The connection is to be freed at the end of this turn.
    pub(super) fn doom(&mut self, slot: u32, reason: Reason) {
        let peer = self.peer(slot);
        if peer.phase == Phase::Doomed {
            return;
        }
        peer.reason = reason;
        peer.phase = Phase::Doomed;
        peer.flags &= !BLOCKED;
        let place = peer.place();
        self.doomed.push(slot);
        if let Some(place) = place {
            // The sweep passes it by: the log must not go out ahead of private output.
            self.hub.set_aside(place);
        }
    }

    pub(super) fn doom_with_reset(&mut self, slot: u32, reason: Reason) {
        self.peer(slot).flags |= RESET;
        self.doom(slot, reason);
    }

    /// The peer ended its direction.
    pub fn ended(&mut self, slot: u32, now: u64) {
        let peer = self.peer(slot);
        peer.flags |= ENDED;
        match (peer.phase, &peer.conn) {
            (Phase::Doomed, _) => {}
            (Phase::Lingering, _) => {
                let reason = peer.reason;
                self.doom(slot, reason);
            }
            (Phase::Finishing, _) => {}
            // An ordinary request is answered first (RFC 9112 9.6).
            (Phase::Open, Conn::Http(http)) if peer.out.is_some() || http.held.is_some() => {
                mark("half_closed_request");
                if http.held.is_none() {
                    self.finish(slot, Reason::Done, now);
                }
            }
            (Phase::Open, Conn::Http(_)) => self.doom(slot, Reason::Done),
            // Not yet looked at, or behind an answer that is being taken, or one itself.
            (Phase::Open, Conn::Poll(poll)) if poll.is_begun() || peer.is(QUEUED | BLOCKED) => {}
            (Phase::Open, Conn::Carry(carry)) if carry.is_begun() || peer.is(QUEUED | BLOCKED) => {}
            // The peer's close frame is missing, but it may still read ours, which says why.
            (Phase::Closing, _) => {
                let reason = peer.reason;
                self.begin_end(slot, Phase::Finishing, reason, now);
            }
            // A WebSocket that ends without a close frame is gone (close code 1006).
            _ => self.doom(slot, Reason::Gone),
        }
    }

    /// Both directions are closed, or the connection was reset. Whoever is not read now would not
    /// learn of it otherwise.
    pub fn hung_up(&mut self, slot: u32) {
        if self.peer(slot).is(WAITING | FULL_OUT) {
            mark("hangup_while_waiting");
            self.broke(slot);
        } else {
            self.make_ready(slot);
        }
    }

    /// The connection broke.
    pub fn broke(&mut self, slot: u32) {
        let peer = self.peer(slot);
        let reason = if peer.phase == Phase::Open {
            Reason::Gone
        } else {
            peer.reason
        };
        self.doom(slot, reason);
    }

    /// Frees one doomed connection, if there is one.
    pub fn reap(&mut self, now: u64) -> Option<Reaped> {
        let slot = self.doomed.pop()?;
        if self.peer(slot).is(ENGINE) {
            let reason = self.peer(slot).reason;
            self.carrier_ends(slot, reason, now);
        }
        self.leave(slot, now);
        self.forget_waiter(slot);
        let peer = self.peers.remove(slot as usize);
        let reset = peer.is(RESET);
        self.counters.close(peer.reason);
        *self.held_by(peer.is(ADMIN)) -= peer.counted as usize;
        self.admins -= usize::from(peer.is(ADMIN));
        self.forget_address(peer.address());
        Some(Reaped { slot, reset })
    }
}
