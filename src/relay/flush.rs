//! Everything that is sent is sent here, once a turn: private output first, then the sweep.

use super::Relay;
use super::peer::{BLOCKED, FULL_OUT, Peer, Phase, QUEUED, WAITING};
use crate::close::Reason;
use crate::conn::Conn;
use crate::counters::Counters;
use crate::hub::{Lag, Offered, Progress, Report};
use crate::limits::{UNTIMED_MAX, WRITES_PER_CHANNEL, WRITES_PER_TURN};
use crate::mark::{mark, planted};
use crate::wire::{Sent, Wire};

impl Relay {
    /// Sends what waits, to a bounded number of connections a turn. True: it stopped on the way, so
    /// that the caller tells the time ([`Relay::sent_at`]) before other channels are served, and
    /// then calls it again. The caller tells it at the end of each turn, too.
    pub fn flush<W: Wire>(&mut self, wire: &mut W, now: u64) -> bool {
        let mut left = match self.writes_left.take() {
            Some(left) => left,
            None => self.flush_private(wire, now),
        };
        // Visits since the first pass ended that has not been timed.
        let mut untimed = 0;
        while left > 0 {
            if !self.hub.offered().is_empty() && untimed + self.hub.next_sweep() > UNTIMED_MAX {
                self.writes_left = Some(left);
                return true;
            }
            let visits = left.min(WRITES_PER_CHANNEL);
            let Relay {
                hub,
                counters,
                reports,
                ..
            } = self;
            let Some(used) = hub.sweep(visits, wire, counters, reports, now) else {
                break;
            };
            left -= used.min(left);
            if !hub.offered().is_empty() {
                untimed += used;
            }
            self.act_on_reports(now);
        }
        let spent = left == 0 || self.queued.len() > WRITES_PER_TURN;
        self.counters.write_budget_spent += u64::from(spent);
        false
    }

    /// What was sent before is with everybody who is not behind.
    pub fn sent_at(&mut self, us: u64) {
        for Offered { swept, members } in self.hub.offered().drain(..) {
            let took = us.saturating_sub(swept.us);
            self.counters.fanned_out(members, swept.messages, took);
        }
    }

    /// Private output, and how many writes the turn has for the rest.
    fn flush_private<W: Wire>(&mut self, wire: &mut W, now: u64) -> usize {
        for _ in 0..self.queued.len().min(WRITES_PER_TURN) {
            if let Some(slot) = self.queued.pop_front() {
                self.flush_peer(slot, wire, now);
            }
        }
        WRITES_PER_TURN
    }

    pub(super) fn act_on_reports(&mut self, now: u64) {
        let mut reports = std::mem::take(&mut self.reports);
        for report in reports.drain(..) {
            match report {
                Report::Stuck(slot, progress) => self.stuck(slot, progress),
                Report::Lagged(slot, Lag::Bytes) => self.lagged(slot, Reason::Lagged, now),
                Report::Lagged(slot, Lag::Time) => self.lagged(slot, Reason::LaggedLong, now),
                Report::Resume(token) => {
                    if self.is_current(token) {
                        mark("publisher_resumed");
                        self.peer(token.slot).flags &= !WAITING;
                        self.make_ready(token.slot);
                    }
                }
            }
        }
        self.reports = reports;
    }

    /// A subscriber did not get everything; it is out of the sweep already.
    fn stuck(&mut self, slot: u32, progress: Progress) {
        match progress {
            Progress::All => {}
            Progress::More => self.queue(slot),
            Progress::Blocked => self.peer(slot).flags |= BLOCKED,
            Progress::Gone => self.broke(slot),
            Progress::Broken => self.broken(slot),
        }
    }

    /// Something of ours went wrong with its input, which the peer is told.
    pub fn broken_input(&mut self, slot: u32, now: u64) {
        match self.peer(slot).conn {
            Conn::Ws(_) => self.close_ws(slot, Reason::Internal, now),
            Conn::Http(_) => self.refuse_unfinished(slot, Reason::Internal, now),
        }
    }

    /// A cursor outside its log: ours to mend, and no reason to send a wrong byte. Where frames
    /// begin is not known any more, so nothing can be said.
    fn broken(&mut self, slot: u32) {
        self.counters.refuse(Reason::Internal);
        self.doom_with_reset(slot, Reason::Internal);
    }

    /// There is room to write again.
    pub fn writable(&mut self, slot: u32, now: u64) {
        let close_timeout_ms = self.settings.limits.close_timeout_ms;
        let peer = self.peer(slot);
        if peer.is(BLOCKED) {
            if peer.phase == Phase::Finishing && matches!(peer.conn, Conn::Http(_)) {
                // An answer that is still being taken is not cut.
                peer.set_due(now.saturating_add(close_timeout_ms));
            }
            peer.flags &= !BLOCKED;
            // The kernel made room because the peer took something: a sign of life.
            peer.hear(now);
            self.queue(slot);
        }
    }

    fn flush_peer<W: Wire>(&mut self, slot: u32, wire: &mut W, now: u64) {
        // A slot may have been freed, and even taken again, since it was queued.
        let Some(peer) = self.peers.get_mut(slot as usize) else {
            return;
        };
        if !peer.is(QUEUED) {
            return;
        }
        peer.flags &= !QUEUED;
        if peer.phase == Phase::Doomed || peer.is(BLOCKED) {
            return;
        }
        match self.drain_peer(slot, wire) {
            Progress::All => self.flushed(slot, now),
            Progress::More => {
                self.hold(slot, false, now);
                self.queue(slot);
            }
            Progress::Blocked => {
                self.peer(slot).flags |= BLOCKED;
                self.hold(slot, true, now);
            }
            Progress::Gone => self.broke(slot),
            Progress::Broken => self.broken(slot),
        }
        self.recount(slot);
    }

    fn hold(&mut self, slot: u32, blocked: bool, now: u64) {
        if let Some(place) = self.peer(slot).place() {
            self.hub.hold(place, blocked, now);
        }
    }

    /// Sends to one connection in the only order there is: the rest of the message that its cursor
    /// is in, private output, what it has to be told of a gap, the log.
    fn drain_peer<W: Wire>(&mut self, slot: u32, wire: &mut W) -> Progress {
        let Relay {
            peers,
            hub,
            counters,
            ..
        } = self;
        let peer = &mut peers[slot as usize];
        if let Some(place) = peer.place()
            && peer.out.is_some()
            && hub.mid_message(place)
        {
            mark("private_output_waits_for_border");
            if !planted("control_inside_frame") {
                match hub.push(place, true, wire, counters) {
                    Progress::All => {}
                    other => return other,
                }
            }
        }
        loop {
            match send_out(peer, slot, wire, counters) {
                Progress::All => {}
                other => return other,
            }
            match peer.place().and_then(|place| hub.take_gap(place)) {
                Some(gap) => peer.out_tail().extend_from_slice(&gap),
                None => break,
            }
        }
        match peer.place() {
            Some(place) => hub.push(place, false, wire, counters),
            None => Progress::All,
        }
    }

    /// The connection has everything.
    fn flushed(&mut self, slot: u32, now: u64) {
        let peer = &mut self.peers[slot as usize];
        if let Some(place) = peer.place() {
            self.hub.release(place);
        }
        if peer.phase == Phase::Finishing {
            return self.finished(slot);
        }
        if peer.is(FULL_OUT) {
            peer.flags &= !FULL_OUT;
            self.make_ready(slot);
        }
        if self.drain.is_some() {
            self.drain_peer_now(slot, now);
        }
    }
}

/// Sends the private output of one connection.
fn send_out<W: Wire>(
    peer: &mut Peer,
    slot: u32,
    wire: &mut W,
    counters: &mut Counters,
) -> Progress {
    while let Some(out) = &mut peer.out {
        if out.is_empty() {
            peer.out = None;
            break;
        }
        let sent = wire.send(slot, out.pending());
        let n = match sent {
            Sent::All => out.pending().len(),
            Sent::Blocked(n) => n,
            Sent::Gone => return Progress::Gone,
        };
        counters.bytes_out += n as u64;
        out.consume(n);
        if sent != Sent::All {
            return Progress::Blocked;
        }
    }
    Progress::All
}
