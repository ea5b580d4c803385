//! The memory budget: counted by capacity, kept by closing who holds most.

use super::Relay;
use super::peer::{ADMIN, Phase};
use crate::close::Reason;
use crate::conn::Conn;
use crate::mark::mark;

impl Relay {
    /// Logs, gathered messages, private output, kept input and letters, by capacity.
    pub fn memory_bytes(&self) -> usize {
        self.hub.log_bytes().0 + self.private_bytes + self.letter_bytes
    }

    /// Counts anew what a connection owns.
    pub(super) fn recount(&mut self, slot: u32) {
        let peer = &mut self.peers[slot as usize];
        let memory = u32::try_from(peer.memory()).unwrap_or(u32::MAX);
        let (admin, before) = (peer.is(ADMIN), peer.counted);
        peer.counted = memory;
        let sum = self.held_by(admin);
        *sum = *sum - before as usize + memory as usize;
    }

    /// The sum that a connection's private memory counts in. What operators are answered is
    /// bounded by their number and counts apart: nobody is closed for it, and they for nobody.
    pub(super) fn held_by(&mut self, admin: bool) -> &mut usize {
        match admin {
            true => &mut self.admin_bytes,
            false => &mut self.private_bytes,
        }
    }

    /// Closes who holds most while there is too much: subscribers that lag most behind the
    /// largest log, or the connection with the most private memory, whichever sum is larger.
    pub fn keep_budget(&mut self, now: u64) {
        let max = self.settings.limits.memory_bytes_max;
        if self.memory_bytes() <= max {
            return;
        }
        // What is kept for those who come back goes first, the oldest of it; and those closed in the
        // last turn have left: what only they held can go.
        let over = self.memory_bytes() - max;
        if self.hub.give_up_history(over as u64) > 0 {
            mark("memory_takes_history");
        }
        self.hub.trim();
        if self.memory_bytes() <= max {
            return;
        }
        let lagging = self.hub.most_lagging();
        if !lagging.is_empty() && self.hub.log_bytes().0 >= self.private_bytes {
            mark("memory_closes_lagging");
            for slot in lagging {
                self.counters.refuse(Reason::Memory);
                self.lagged(slot, Reason::Memory, now);
            }
        } else if self.private_bytes > 0 {
            self.close_largest(now);
        }
    }

    fn close_largest(&mut self, now: u64) {
        let open = self.peers.iter();
        let open = open.filter(|(_, p)| p.phase != Phase::Doomed && !p.is(ADMIN));
        let largest = open.max_by_key(|(_, p)| p.counted);
        let counted = largest.map_or(0, |(_, p)| p.counted as usize);
        if let Some(session) = self.sessions.larger_than(counted) {
            mark("memory_ends_session");
            self.counters.refuse(Reason::Memory);
            return self.end_session(session, Reason::Memory, now);
        }
        let Some((slot, peer)) = largest else {
            return;
        };
        let slot = slot as u32;
        if peer.counted == 0 {
            return;
        }
        mark("memory_closes_largest");
        self.counters.refuse(Reason::Memory);
        let gathers = peer.phase == Phase::Open && peer.conn.memory() > peer.counted as usize / 2;
        match &peer.conn {
            Conn::Ws(_) if gathers => self.close_ws(slot, Reason::Memory, now),
            Conn::Http(_) if gathers => {
                if !self.give_up_held(slot, Reason::Memory, now) {
                    self.refuse_unfinished(slot, Reason::Memory, now);
                }
            }
            _ => self.doom_with_reset(slot, Reason::Memory),
        }
        self.recount(slot);
    }
}
