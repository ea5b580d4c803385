//! Stopping: what is under way is finished, everybody is told 1001, and it takes `drain_ms` at most.

use super::Relay;
use super::peer::Phase;
use crate::close::Reason;
use crate::conn::Conn;
use crate::limits::DRAIN_LOOK_MS;

/// A stop under way.
#[derive(Debug)]
pub(super) struct Drain {
    /// Everything ends then.
    deadline_ms: u64,
    /// From then on nobody is waited for: half of the time is left for the close handshake.
    hurry_ms: u64,
    /// See `LOOK_MS`.
    pub next_look_ms: u64,
}

impl Relay {
    /// Begins to stop. The caller accepts no more.
    pub fn begin_drain(&mut self, now: u64) {
        if self.drain.is_none() {
            let ms = self.settings.limits.drain_ms;
            self.drain = Some(Drain {
                deadline_ms: now.saturating_add(ms),
                hurry_ms: now.saturating_add(ms / 2),
                next_look_ms: now,
            });
        }
    }

    /// Whether a stop has come to its end.
    pub fn is_drained(&self, now: u64) -> bool {
        self.drain
            .as_ref()
            .is_some_and(|d| self.peers.is_empty() || now >= d.deadline_ms)
    }

    pub(super) fn look_at_drain(&mut self, now: u64) {
        let Some(drain) = &mut self.drain else { return };
        if now < drain.next_look_ms {
            return;
        }
        drain.next_look_ms = now + DRAIN_LOOK_MS;
        for slot in 0..self.peers.capacity() as u32 {
            if self.peers.contains(slot as usize) {
                self.drain_peer_now(slot, now);
            }
        }
    }

    /// Ends one connection if it has nothing more to get, or there is no more time.
    pub(super) fn drain_peer_now(&mut self, slot: u32, now: u64) {
        let Some(drain) = &self.drain else { return };
        let hurry = now >= drain.hurry_ms;
        let peer = &self.peers[slot as usize];
        if peer.phase != Phase::Open {
            return;
        }
        match &peer.conn {
            Conn::Ws(_) => {
                let has_all =
                    self.letters.is_empty() && peer.place().is_none_or(|p| self.hub.caught_up(p));
                if hurry || (has_all && peer.out_len() == 0) {
                    self.close_ws(slot, Reason::Drain, now);
                }
            }
            Conn::Http(http) => {
                let resting = http.resting || (http.is_idle() && peer.tail().is_empty());
                if !self.give_up_held(slot, Reason::Drain, now) && (resting || hurry) {
                    self.finish(slot, Reason::Drain, now);
                }
            }
        }
    }
}
