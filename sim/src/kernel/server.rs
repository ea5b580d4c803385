//! The system calls of the server.

use std::io::IoSlice;

use longwave::net::{Accept, Inspected, Recv, TcpInfo, Token};
use longwave::wire::Sent;

use super::{Edge, Kernel, SocketId};
use crate::fault::Fault;

impl Kernel {
    /// How many listeners there are.
    pub fn listeners(&self) -> usize {
        self.listeners.len()
    }

    fn of_slot(&self, slot: u32) -> SocketId {
        let id = self.slots.get(slot as usize).copied().flatten();
        id.unwrap_or_else(|| {
            panic!("slot {slot} is used and not open: closed twice, or used after its close")
        })
    }

    /// Accepts one connection of a listener.
    pub fn accept(&mut self, listener: usize, token: Token) -> Accept {
        if self.listeners[listener].backlog.is_empty() {
            return Accept::Drained;
        }
        if self.now_ms() < self.emfile_until_ms {
            self.weather.count(Fault::Emfile);
            self.note("accept: EMFILE", u64::from(token.slot), 0);
            return Accept::Exhausted;
        }
        let id = self.listeners[listener]
            .backlog
            .pop_front()
            .expect("not empty");
        if self.sockets[id].client_reset && self.strikes(Fault::Aborted) {
            return Accept::Aborted;
        }
        self.bind(id, token);
        self.note("accept", u64::from(token.slot), id as u64);
        self.raise(
            id,
            Edge {
                readable: self.sockets[id].state().readable,
                ..Edge::WRITE
            },
        );
        Accept::Open(self.sockets[id].addr)
    }

    fn bind(&mut self, id: SocketId, token: Token) {
        let slot = token.slot as usize;
        if self.slots.len() <= slot {
            self.slots.resize(slot + 1, None);
            self.generations.resize(slot + 1, None);
        }
        assert!(
            self.slots[slot].is_none(),
            "accept into slot {slot}, which is taken"
        );
        assert!(
            self.generations[slot] != Some(token.generation),
            "slot {slot} has a new user under the generation of the last one"
        );
        self.slots[slot] = Some(id);
        self.generations[slot] = Some(token.generation);
        self.sockets[id].token = Some(token);
    }

    /// Closes the listeners; who waits in a backlog is reset.
    pub fn stop_listening(&mut self) {
        self.listening = false;
        for at in 0..self.listeners.len() {
            self.listeners[at].edge = false;
            for id in std::mem::take(&mut self.listeners[at].backlog) {
                self.sockets[id].server_closed = true;
                self.sockets[id].server_reset = true;
            }
        }
    }

    /// Reads.
    pub fn recv(&mut self, slot: u32, into: &mut [u8]) -> Recv {
        assert!(!into.is_empty(), "a read into nothing");
        let id = self.of_slot(slot);
        let s = &mut self.sockets[id];
        let there = s.up.len();
        let end = s.up.ended || s.client_reset;
        if there == 0 {
            s.armed = !end;
            return match s {
                s if s.client_reset => Recv::Gone,
                s if s.up.ended => Recv::Eof,
                _ => Recv::Drained(0),
            };
        }
        let n = self.how_much(there.min(into.len()));
        self.sockets[id].up.pull(&mut into[..n]);
        let recv = self.more_or_drained(id, n, there > n || end);
        self.note(
            if matches!(recv, Recv::More(_)) {
                "recv more"
            } else {
                "recv"
            },
            u64::from(slot),
            n as u64,
        );
        recv
    }

    fn how_much(&mut self, n: usize) -> usize {
        if n > 1 && self.strikes(Fault::ShortRead) {
            self.rng.between(1, n - 1)
        } else {
            n
        }
    }

    fn more_or_drained(&mut self, id: SocketId, n: usize, more: bool) -> Recv {
        let told_more = match more {
            true => !self.strikes(Fault::DrainedEarly),
            false => self.strikes(Fault::MoreAtEnd),
        };
        self.sockets[id].armed = !told_more;
        if told_more {
            return Recv::More(n);
        }
        if more {
            self.raise(id, Edge::READ);
        }
        Recv::Drained(n)
    }

    /// Sends.
    pub fn send(&mut self, slot: u32, slices: &[IoSlice<'_>]) -> Sent {
        let offered: usize = slices.iter().map(|s| s.len()).sum();
        assert!(offered > 0, "a send of nothing");
        let id = self.of_slot(slot);
        let s = &mut self.sockets[id];
        if s.client_reset || s.down.ended {
            return Sent::Gone;
        }
        if s.client_closed {
            s.client_reset = true;
            self.raise(id, Edge::ALL);
            return Sent::All;
        }
        self.sends_while_blocked += u64::from(s.blocked);
        let room = s.down.room();
        let short = !s.down.unbounded() && self.strikes(Fault::ShortWrite);
        let n = if short {
            self.rng.below(room.min(offered) as u64) as usize
        } else {
            room.min(offered)
        };
        self.push_down(id, slices, n);
        self.note("send", u64::from(slot), n as u64);
        if n == offered {
            return Sent::All;
        }
        self.block(id);
        Sent::Blocked(n)
    }

    fn push_down(&mut self, id: SocketId, slices: &[IoSlice<'_>], mut n: usize) {
        for slice in slices {
            let part = n.min(slice.len());
            self.sockets[id].down.push(&slice[..part]);
            n -= part;
        }
    }

    fn block(&mut self, id: SocketId) {
        let s = &mut self.sockets[id];
        s.was_blocked = true;
        s.blocked = !s.down.roomy();
        if !s.blocked {
            self.raise(id, Edge::WRITE);
        }
    }

    /// Ends the server's direction.
    pub fn shutdown(&mut self, slot: u32) {
        let id = self.of_slot(slot);
        self.note("shutdown", u64::from(slot), 0);
        let s = &mut self.sockets[id];
        s.down.ended = true;
        if s.up.ended {
            self.raise(id, Edge::ALL);
        }
    }

    /// Tells of a connection what Linux would: a peer that takes nothing has closed its window.
    pub fn inspect(&mut self, slot: u32) -> Option<Inspected> {
        let s = &self.sockets[self.of_slot(slot)];
        let tcp = TcpInfo {
            unsent_bytes: s.down.len() as u32,
            probing: s.blocked,
            ..TcpInfo::default()
        };
        Some(Inspected {
            address: (s.addr, 1).into(),
            tcp: (!s.client_reset).then_some(tcp),
        })
    }

    /// Closes a slot. Unread bytes make it a reset.
    pub fn close(&mut self, slot: u32) {
        let id = self.free(slot);
        self.note("close", u64::from(slot), 0);
        let s = &mut self.sockets[id];
        s.down.ended = true;
        if !s.up.is_empty() && !s.client_reset {
            self.reset_to_client(id);
        }
        self.sockets[id].up.free();
    }

    /// Resets a slot.
    pub fn reset(&mut self, slot: u32) {
        let id = self.free(slot);
        self.note("reset", u64::from(slot), 0);
        self.sockets[id].up.free();
        let s = &mut self.sockets[id];
        let kept = self.rng.below(s.down.len() as u64 + 1) as usize;
        s.down.lose(kept);
        s.server_reset = true;
    }

    fn free(&mut self, slot: u32) -> SocketId {
        let id = self.of_slot(slot);
        self.slots[slot as usize] = None;
        let token = self.sockets[id]
            .token
            .take()
            .expect("an open slot has a token");
        self.sockets[id].server_closed = true;
        self.stale.push(token);
        id
    }
}
