//! Everything that is sent is sent here, a bounded amount a turn: what many wait for comes last.

use super::Relay;
use super::peer::{BLOCKED, ENDED, ENGINE, FULL_OUT, Peer, Phase, QUEUED, WAITING};
use super::polls::drain_poll;
use crate::close::Reason;
use crate::conn::{Conn, Spares};
use crate::counters::Counters;
use crate::hub::{Lag, Offered, Progress, Report};
use crate::limits::{
    BYTES_PER_WRITE, SEAT_BIT, SEND_BYTES_PER_TURN, UNTIMED_MAX, WRITES_PER_CHANNEL,
    WRITES_PER_TURN,
};
use crate::mark::{mark, planted};
use crate::wire::{Sent, Token, Wire};

/// How far the flush of a turn has come.
#[derive(Debug, Default)]
pub(super) enum Stage {
    /// The first: logs are filled from the history, a bounded amount a turn.
    #[default]
    Fill,
    /// Channels with few subscribers; so many writes are left to them.
    Brief(usize),
    /// Private output.
    Private,
    /// All other channels; so many writes are left to them.
    Rest(usize),
}

impl Relay {
    /// Sends what waits, a bounded amount a turn: channels with few subscribers, private output, all
    /// other channels. True: it stopped on the way, so that the caller tells the time
    /// ([`Relay::sent_at`]) before others are served, and then calls it again. The caller tells it
    /// at the end of each turn, too.
    pub fn flush<W: Wire>(&mut self, wire: &mut W, now: u64) -> bool {
        loop {
            match std::mem::take(&mut self.stage) {
                Stage::Fill => {
                    self.go_on_posting(now);
                    self.run_commands(Vec::new(), now);
                    self.fill(now);
                    self.stage = Stage::Brief(WRITES_PER_TURN / 2);
                }
                Stage::Brief(left) => {
                    let (stopped, left) = self.sweep(wire, now, left, true);
                    if stopped {
                        self.stage = Stage::Brief(left);
                        return true;
                    }
                    self.stage = Stage::Private;
                    if !self.hub.offered().is_empty() && !self.queued.is_empty() {
                        return true;
                    }
                }
                Stage::Private => {
                    self.flush_private(wire, now);
                    self.stage = Stage::Rest(WRITES_PER_TURN);
                }
                Stage::Rest(left) => {
                    let (stopped, left) = self.sweep(wire, now, left, false);
                    if stopped {
                        self.stage = Stage::Rest(left);
                        return true;
                    }
                    let spent = left == 0 || !self.queued.is_empty();
                    self.counters.write_budget_spent += u64::from(spent);
                    return false;
                }
            }
        }
    }

    fn fill(&mut self, now: u64) {
        if self.hub.is_filling() {
            self.hub.fill(&mut self.reports);
            self.act_on_reports(now);
        }
    }

    /// Sweeps while writes are left; tells how many are. True: the time has to be told first.
    fn sweep<W: Wire>(
        &mut self,
        wire: &mut W,
        now: u64,
        mut left: usize,
        brief: bool,
    ) -> (bool, usize) {
        // Visits since the first pass ended that has not been timed.
        let mut untimed = 0;
        while left > 0 {
            let next = self.hub.next_sweep(brief);
            if !self.hub.offered().is_empty() && untimed + next > UNTIMED_MAX {
                return (true, left);
            }
            let visits = left.min(WRITES_PER_CHANNEL);
            let Relay {
                hub,
                counters,
                reports,
                ..
            } = self;
            let bytes = counters.bytes_out;
            let used = if brief {
                hub.sweep_brief(visits, wire, counters, reports, now)
            } else {
                hub.sweep(visits, wire, counters, reports, now)
            };
            let Some(used) = used else {
                break;
            };
            left = left.saturating_sub(used + self.large_writes(bytes));
            if !self.hub.offered().is_empty() {
                untimed += used;
            }
            self.act_on_reports(now);
        }
        (false, left)
    }

    /// For how many writes more the bytes count that were sent since there were `bytes`.
    fn large_writes(&self, bytes: u64) -> usize {
        ((self.counters.bytes_out - bytes) / BYTES_PER_WRITE) as usize
    }

    /// What was sent before is with everybody who is not behind.
    pub fn sent_at(&mut self, us: u64) {
        for Offered { swept, members } in self.hub.offered().drain(..) {
            let took = us.saturating_sub(swept.us);
            self.counters.fanned_out(members, swept.messages, took);
        }
    }

    /// Private output, and the rest of those who are behind.
    fn flush_private<W: Wire>(&mut self, wire: &mut W, now: u64) {
        let mut left = WRITES_PER_TURN;
        // Who is queued again meanwhile has had its part of the turn.
        for _ in 0..self.queued.len() {
            let bytes = self.counters.bytes_out;
            if let Some(slot) = self.queued.pop_front() {
                self.flush_peer(slot, wire, now);
            }
            left = left.saturating_sub(1 + self.large_writes(bytes));
            if left == 0 {
                break;
            }
        }
    }

    pub(super) fn act_on_reports(&mut self, now: u64) {
        let mut reports = std::mem::take(&mut self.reports);
        for report in reports.drain(..) {
            match report {
                Report::Stuck(slot, progress) => self.stuck(slot, progress, now),
                Report::Lagged(slot, Lag::Bytes) => self.lagged(slot, Reason::Lagged, now),
                Report::Lagged(slot, Lag::Time) => self.lagged(slot, Reason::LaggedLong, now),
                Report::Missed(slot, told) => self.missed(slot, told, now),
                Report::Resume(token) => self.resumed(token),
            }
        }
        self.reports = reports;
    }

    /// A channel has resumed that this connection waited for.
    fn resumed(&mut self, token: Token) {
        // Who has given up since may wait for something else, which is not over.
        if self.is_current(token) && !self.awaits_flush(token.slot) {
            mark("publisher_resumed");
            self.peer(token.slot).flags &= !WAITING;
            self.make_ready(token.slot);
        }
    }

    /// A subscriber did not get everything; it is out of the sweep already.
    fn stuck(&mut self, slot: u32, progress: Progress, now: u64) {
        if slot & SEAT_BIT != 0 {
            return self.seat_stuck(slot, progress, now);
        }
        match progress {
            Progress::All => {}
            Progress::More => self.queue(slot),
            Progress::Blocked => {
                let peer = self.peer(slot);
                peer.flags |= BLOCKED;
                if peer.is(ENGINE) {
                    self.hold_session(slot, true, now);
                }
            }
            Progress::Gone => self.broke(slot),
            Progress::Broken => self.broken(slot),
        }
    }

    /// Something of ours went wrong with its input, which the peer is told.
    pub fn broken_input(&mut self, slot: u32, now: u64) {
        match self.peer(slot).conn {
            Conn::Ws(_) => self.close_ws(slot, Reason::Internal, now),
            Conn::Http(_) => self.refuse_unfinished(slot, Reason::Internal, now),
            Conn::Stream | Conn::Poll(_) | Conn::Carry(_) => self.broken(slot),
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
            self.poll_goes_on(slot, now);
            self.carry_goes_on(slot, now);
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
        self.poll_goes_on(slot, now);
        // Also of a session that has ended since.
        self.carry_goes_on(slot, now);
        if self.peer(slot).is(ENGINE) {
            self.hold_session(slot, blocked, now);
        } else if let Some(place) = self.peer(slot).place() {
            self.hub.hold(place, blocked, now);
        }
    }

    /// Sends to one connection in the only order there is: the rest of the message that its cursor
    /// is in, private output, what it has to be told of a gap, the log.
    fn drain_peer<W: Wire>(&mut self, slot: u32, wire: &mut W) -> Progress {
        match &self.peers[slot as usize].conn {
            Conn::Carry(_) => return self.drain_carry(slot, wire),
            Conn::Ws(_) if self.peers[slot as usize].is(ENGINE) => {
                return self.drain_session(slot, wire);
            }
            _ => {}
        }
        let Relay {
            peers,
            hub,
            counters,
            spares,
            ..
        } = self;
        let peer = &mut peers[slot as usize];
        if let Conn::Poll(poll) = &peer.conn {
            // The answer to a request before it does not wait for its message.
            if !poll.is_begun() {
                match send_out(peer, slot, wire, counters, spares) {
                    Progress::All => {}
                    other => return other,
                }
            }
            return drain_poll(peer, hub, wire, counters);
        }
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
            match send_out(peer, slot, wire, counters, spares) {
                Progress::All => {}
                other => return other,
            }
            match peer.place().and_then(|place| hub.take_gap(place)) {
                Some(gap) => peer.out_tail().extend_from_slice(&gap),
                None => break,
            }
        }
        match peer.place() {
            Some(place) if hub.is_waiting(place) => Progress::All,
            Some(place) => hub.push(place, false, wire, counters),
            None => Progress::All,
        }
    }

    /// The connection has everything.
    fn flushed(&mut self, slot: u32, now: u64) {
        let peer = &mut self.peers[slot as usize];
        if let Conn::Poll(poll) = &peer.conn {
            match (poll.is_ended(), peer.is(ENDED)) {
                (true, _) => return self.poll_answered(slot, now),
                // Who polls and ends its direction gets what is there, and does not wait for more.
                (false, true) if peer.place().is_some_and(|p| self.hub.is_waiting(p)) => return,
                (false, true) => return self.doom(slot, Reason::Gone),
                (false, false) => {}
            }
        }
        if let Conn::Carry(carry) = &peer.conn {
            match (carry.is_ended(), peer.is(ENDED)) {
                (true, _) => return self.carry_answered(slot, now),
                (false, true) => return self.doom(slot, Reason::Gone),
                // It waits for packets.
                (false, false) => return self.session_polled(slot, now),
            }
        }
        if peer.is(ENGINE) {
            self.session_flushed(slot, now);
        } else if let Some(place) = peer.place() {
            if self.hub.is_waiting(place) {
                // It may have been blocked, and is no longer: it is not the one who lags.
                return self.hub.hold(place, false, now);
            }
            self.hub.release(place);
        }
        let peer = &mut self.peers[slot as usize];
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
pub(super) fn send_out<W: Wire>(
    peer: &mut Peer,
    slot: u32,
    wire: &mut W,
    counters: &mut Counters,
    spares: &mut Spares,
) -> Progress {
    let mut offered = 0;
    while let Some(out) = &mut peer.out {
        if out.is_empty() {
            peer.out
                .take()
                .into_iter()
                .for_each(|out| spares.keep_out(out));
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
        offered += n;
        if offered >= SEND_BYTES_PER_TURN && !out.is_empty() {
            return Progress::More;
        }
    }
    Progress::All
}

#[cfg(test)]
mod tests {
    use std::io::IoSlice;

    use super::*;
    use crate::hub::{Body, Message};
    use crate::limits::FILL_BYTES_PER_TURN;
    use crate::settings::Settings;
    use crate::wire::Role;
    use crate::ws::Kind;

    /// Takes everything.
    struct Sink;

    impl Wire for Sink {
        fn send(&mut self, _: u32, _: &[u8]) -> Sent {
            Sent::All
        }

        fn send_vectored(&mut self, _: u32, _: &[IoSlice<'_>]) -> Sent {
            Sent::All
        }
    }

    fn listen(relay: &mut Relay, path: &str) {
        let slot = relay.next_token().slot;
        relay.accepted(Role::Public, [127, 0, 0, 1].into(), 0);
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n\r\n");
        let mut request = request.into_bytes();
        assert_eq!(relay.input(slot, &mut request, false, 0), request.len());
    }

    fn publish(relay: &mut Relay, name: &str, payload: &[u8]) {
        let channel = relay.hub.open(name, 0).unwrap();
        let message = Message {
            kind: Kind::Text,
            content_type: None,
            event: None,
            body: Body::Plain(payload),
        };
        relay.hub.submit(channel, message, None, 0).unwrap();
    }

    /// Flushes until nothing waits but what is to be filled; in how many calls.
    fn turn(relay: &mut Relay) -> usize {
        let mut calls = 1;
        while relay.flush(&mut Sink, 0) {
            relay.sent_at(0);
            calls += 1;
        }
        relay.sent_at(0);
        calls
    }

    #[test]
    fn logs_are_filled_once_a_turn_in_however_many_parts_it_is_flushed() {
        const TURNS: usize = 3;
        let mut relay = Relay::new(Settings::default());
        let piece = vec![b'x'; FILL_BYTES_PER_TURN / 4];
        // A turn fills four of these.
        (0..4 * TURNS).for_each(|_| publish(&mut relay, "kept", &piece));
        listen(&mut relay, "/channels/busy");
        while relay.is_busy() {
            turn(&mut relay);
        }
        listen(&mut relay, "/channels/kept?last_event_id=oldest");
        for _ in 0..TURNS {
            assert!(relay.hub.is_filling());
            publish(&mut relay, "busy", b"x");
            // Somebody has private output, so the time is told before it is sent.
            listen(&mut relay, "/channels/other");
            assert_eq!(turn(&mut relay), 2);
        }
        assert!(!relay.hub.is_filling());
    }
}
