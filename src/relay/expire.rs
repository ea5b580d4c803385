//! Deadlines: pings for the silent, answers for the slow, an end for those that will not end.

use super::Relay;
use super::peer::{BLOCKED, ENGINE, PINGED, Phase, WAITING};
use crate::close::Reason;
use crate::conn::Conn;
use crate::mark::mark;
use crate::timers::NEVER;
use crate::ws;

impl Relay {
    /// When something is due next.
    pub fn next_due(&self) -> Option<u64> {
        let drain = self.drain.as_ref().map(|d| d.next_look_ms);
        [
            self.timers.next(),
            self.sessions.next_due(),
            self.hub.next_linger(),
            self.hub.next_look(),
            self.hub.next_age(),
            self.hub.next_watch_look(),
            drain,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// The loop stood still until now: what it sent before counts as sent now.
    pub fn stalled(&mut self, now: u64) {
        self.resumed_ms = now;
        self.hub.stalled(now);
    }

    /// Does what is due.
    pub fn expire(&mut self, now: u64) {
        let interval = self.settings.limits.ping_interval_ms;
        while let Some((time, slot)) = self.timers.pop(now) {
            let Some(peer) = self.peers.get_mut(slot as usize) else {
                continue;
            };
            if peer.armed_ms != time {
                continue;
            }
            peer.armed_ms = NEVER;
            if peer.due(interval) <= now {
                self.expired(slot, now);
            }
            if self.peer(slot).phase != Phase::Doomed {
                self.arm(slot);
            }
        }
        self.expire_sessions(now);
        self.hub.expire(now, &mut self.reports);
        self.act_on_reports(now);
        self.look_at_drain(now);
    }

    fn expired(&mut self, slot: u32, now: u64) {
        let peer = self.peer(slot);
        match (peer.phase, &peer.conn) {
            (Phase::Doomed, _) => {}
            (Phase::Open, Conn::Ws(_)) => self.silent(slot, now),
            (Phase::Open, Conn::Stream) => self.beat(slot, now),
            (Phase::Open, Conn::Poll(_)) => self.poll_late(slot, now),
            (Phase::Open, Conn::Carry(_)) => self.carry_late(slot, now),
            (Phase::Open, Conn::Http(http)) => {
                let resting = http.resting;
                self.request_late(slot, resting, now);
            }
            _ => {
                mark("close_timeout");
                let (phase, reason) = (peer.phase, peer.reason);
                let normal = matches!(reason, Reason::Normal | Reason::Done);
                let reason = if normal { Reason::CloseTimeout } else { reason };
                if phase == Phase::Lingering && normal {
                    // The kernel has it all and may go on sending it.
                    return self.doom(slot, reason);
                }
                // A reset frees at once what the kernel still holds for it.
                self.doom_with_reset(slot, reason);
            }
        }
    }

    fn request_late(&mut self, slot: u32, resting: bool, now: u64) {
        if self.refuse_silent(slot, now)
            || self.answer_waiter(slot, now)
            || self.give_up_held(slot, Reason::Busy, now)
        {
            return;
        }
        if resting {
            return self.finish(slot, Reason::Idle, now);
        }
        mark("request_timeout");
        self.refuse_unfinished(slot, Reason::HeadTimeout, now);
    }

    /// Nothing was heard for `ping_interval`, or nothing since a ping for `ping_timeout`.
    fn silent(&mut self, slot: u32, now: u64) {
        let timeout = self.settings.limits.ping_timeout_ms;
        let answerable_ms = self.resumed_ms.saturating_add(timeout);
        let peer = &mut self.peers[slot as usize];
        if peer.is(ENGINE) {
            // Its session is pinged, not it. The next byte makes its clock that of signs of life again.
            peer.flags |= PINGED;
            peer.set_due(NEVER);
        } else if peer.is(WAITING) {
            // It is we who do not read: its clock stands still.
            peer.hear(now);
        } else if !peer.is(PINGED) {
            peer.flags |= PINGED;
            peer.set_due(now.saturating_add(timeout));
            // Behind a full kernel buffer a ping cannot leave; what the kernel takes is then the
            // sign of life that is waited for.
            if !peer.is(BLOCKED) {
                ws::append_frame(peer.out_tail(), ws::header::opcode::PING, &[]);
                self.counters.pings += 1;
                self.queue(slot);
            }
        } else if now < answerable_ms {
            // We stood still in between: the answer could not come.
            mark("stall_forgiven");
            peer.set_due(answerable_ms);
        } else if !peer.is(BLOCKED) && peer.out_len() > 0 {
            // The ping has not left: the clock starts when it has.
            peer.set_due(now.saturating_add(timeout));
        } else if peer.is(BLOCKED) {
            mark("silent_and_blocked");
            self.counters.refuse(Reason::Silent);
            self.doom_with_reset(slot, Reason::Silent);
        } else {
            mark("silent");
            self.counters.refuse(Reason::Silent);
            self.close_ws(slot, Reason::Silent, now);
        }
    }
}
