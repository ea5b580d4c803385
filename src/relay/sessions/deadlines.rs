//! When sessions are pinged, and when they have been silent for too long.

use super::session::{Carrier, Session};
use crate::close::Reason;
use crate::mark::{mark, planted};
use crate::relay::Relay;
use crate::relay::peer::{BLOCKED, FULL_OUT, PINGED, WAITING};
use crate::timers::NEVER;

impl Relay {
    /// Sees to it that a session's timer comes up in time.
    pub(super) fn arm_session(&mut self, index: u32) {
        let session = &mut self.sessions.table[index as usize];
        let due = session.due();
        self.sessions.timers.arm(&mut session.armed_ms, due, index);
    }

    /// Does what is due for sessions.
    pub(in crate::relay) fn expire_sessions(&mut self, now: u64) {
        while let Some((time, index)) = self.sessions.timers.pop(now) {
            let Some(session) = self.sessions.table.get_mut(index as usize) else {
                continue;
            };
            if session.armed_ms != time {
                continue;
            }
            session.armed_ms = NEVER;
            let sid = session.sid;
            self.session_due(index, now);
            if self.sessions.is(index, sid) {
                self.arm_session(index);
            }
        }
    }

    fn session_due(&mut self, index: u32, now: u64) {
        let session = &self.sessions.table[index as usize];
        if session.connect_ms <= now {
            mark("session_without_namespace");
            self.counters.refuse(Reason::ConnectTimeout);
            return self.end_session(index, Reason::ConnectTimeout, now);
        }
        if session.probe.is_some_and(|probe| probe.due_ms <= now) {
            self.give_up_probe(index, Reason::ConnectTimeout, now);
        }
        if self.sessions.table[index as usize].beat_ms <= now {
            self.beat_session(index, now);
        }
    }

    /// Whether a session is there still for who polls it. One whose time to answer a ping is over is not,
    /// though deadlines come behind what is read: a poll is no answer.
    pub(super) fn is_in_time(&mut self, index: u32, now: u64) -> bool {
        let session = &self.sessions.table[index as usize];
        let sid = session.sid;
        if session.pinged && session.beat_ms <= now {
            self.beat_session(index, now);
            if self.sessions.is(index, sid) {
                self.arm_session(index);
            }
        }
        self.sessions.is(index, sid)
    }

    /// The session answered a ping.
    pub(super) fn pong(&mut self, index: u32, now: u64) {
        let interval = self.settings.limits.ping_interval_ms;
        let session = &mut self.sessions.table[index as usize];
        session.pinged = false;
        session.beat_ms = now.saturating_add(interval);
        self.arm_session(index);
    }

    fn beat_session(&mut self, index: u32, now: u64) {
        let timeout = self.settings.limits.ping_timeout_ms;
        let answerable_ms = self.resumed_ms.saturating_add(timeout);
        let excused = self.is_excused(&self.sessions.table[index as usize], now);
        let session = &mut self.sessions.table[index as usize];
        if !session.pinged {
            session.pinged = true;
            // A ping that is a little late moves no deadline: its client counts from when the session began.
            let late = now.saturating_sub(session.beat_ms).min(timeout / 8);
            session.beat_ms = now.saturating_add(timeout - late);
            self.counters.pings += 1;
            self.send_text(index, b"2");
        } else if now < answerable_ms {
            // We stood still in between: the answer could not come.
            mark("session_stall_forgiven");
            session.beat_ms = answerable_ms;
        } else if excused || planted("session_never_silent") {
            session.beat_ms = now.saturating_add(timeout);
        } else {
            mark("session_silent");
            self.counters.refuse(Reason::Silent);
            self.end_session(index, Reason::Silent, now);
        }
    }

    /// Whether the answer to a ping could not come: the ping has not left, while the peer takes what is
    /// before it, or it is we who do not read.
    fn is_excused(&self, session: &Session, now: u64) -> bool {
        let timeout = self.settings.limits.ping_timeout_ms;
        match session.carrier {
            Carrier::WebSocket(slot) => {
                let peer = &self.peers[slot as usize];
                let heard = !peer.is(PINGED) && peer.heard_ms() <= now;
                let takes = heard && peer.heard_ms().saturating_add(timeout) > now;
                peer.is(WAITING | FULL_OUT) || (takes && (peer.is(BLOCKED) || peer.out_len() > 0))
            }
            Carrier::Polling { get, post } => {
                let takes = get.is_some_and(|slot| {
                    let peer = &self.peers[slot as usize];
                    peer.is(BLOCKED) && peer.heard_ms() > now
                });
                takes || post.is_some_and(|slot| self.peers[slot as usize].is(WAITING))
            }
        }
    }
}
