//! The simulated network as the server's loop sees it: a [`Kernel`] and everybody [`Outside`].
//!
//! Rules: time passes only in `wait`, up to the next thing anybody does or the end that was asked
//! for, so a loop that waits too long really sleeps too long. Between two system calls of a turn
//! the outside may act too ([`Fault::Meddle`]).

use std::io::IoSlice;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use longwave::limits::ACCEPT_RETRY_MS;
use longwave::net::{Accept, Event, Inspected, Net, Recv, Role, Token, Waker};
use longwave::wire::{Sent, Wire};

use crate::fault::Fault;
use crate::kernel::Kernel;

/// All clients together, and whoever else acts on the server from outside.
pub trait Outside {
    /// When they act next, in virtual milliseconds; `None`: not before something happens to them.
    fn next_ms(&self, kernel: &Kernel) -> Option<u64>;

    /// They act once.
    fn act(&mut self, kernel: &mut Kernel);

    /// The server was stopped for a while and wakes now: everybody has done by then what they
    /// would have done meanwhile.
    fn settle(&mut self, kernel: &mut Kernel);

    /// The server sleeps, and for [`CALM_MS`] nothing has happened to anybody.
    fn calm(&mut self, _kernel: &mut Kernel) {}
}

/// How long nothing may happen before the run is said to be at rest: less than what lies between
/// two pings, more than any delay of the network's own.
pub const CALM_MS: u64 = 40;

/// The network of one run.
#[derive(Debug)]
pub struct SimNet<O> {
    /// Sockets and clock.
    pub kernel: Kernel,
    /// Clients.
    pub outside: O,
    /// A wait returns then at the latest, in virtual milliseconds.
    pub until_ms: u64,
    /// Waits so far.
    pub waits: u64,
    /// Since when nothing has happened, in virtual milliseconds.
    calm_since_ms: u64,
}

impl<O: Outside> SimNet<O> {
    /// A network in which nothing has happened.
    pub fn new(kernel: Kernel, outside: O) -> SimNet<O> {
        SimNet {
            kernel,
            outside,
            until_ms: u64::MAX,
            waits: 0,
            calm_since_ms: 0,
        }
    }

    fn meddle(&mut self) {
        if self.kernel.strikes(Fault::Meddle) {
            self.outside.act(&mut self.kernel);
        }
    }

    /// Lets the outside act once if it is due by `deadline`, in microseconds.
    fn step(&mut self, deadline: u64) -> bool {
        match self.outside.next_ms(&self.kernel) {
            Some(at) if at <= deadline / 1000 => {
                self.kernel.advance_to_ms(at);
                self.outside.act(&mut self.kernel);
                self.calm_since_ms = self.kernel.now_ms();
                true
            }
            _ => false,
        }
    }

    /// Nothing happens up to `deadline`, in microseconds.
    fn sleep(&mut self, deadline: u64) {
        if deadline != u64::MAX {
            self.kernel.advance_to_us(deadline);
        }
        // A server that found no descriptors has its own time to try again.
        let since = self
            .calm_since_ms
            .max(self.kernel.emfile_until_ms + 2 * ACCEPT_RETRY_MS);
        if self.kernel.now_ms() >= since + CALM_MS || deadline == u64::MAX {
            self.outside.calm(&mut self.kernel);
        }
    }

    /// The process is stopped, the world is not.
    fn freeze(&mut self) {
        let until = std::mem::take(&mut self.kernel.frozen_until_ms);
        if until <= self.kernel.now_ms() {
            return;
        }
        self.kernel.weather.count(Fault::ClockJump);
        let left = until - self.kernel.now_ms();
        for part in 1..=8 {
            self.kernel.advance_to_ms(until - left + left * part / 8);
            self.outside.act(&mut self.kernel);
        }
        self.outside.settle(&mut self.kernel);
        self.kernel.thawed = true;
        self.kernel.note("clock jump", left, 0);
    }
}

impl<O: Outside> Wire for SimNet<O> {
    fn send(&mut self, slot: u32, bytes: &[u8]) -> Sent {
        self.send_vectored(slot, &[IoSlice::new(bytes)])
    }

    fn send_vectored(&mut self, slot: u32, slices: &[IoSlice<'_>]) -> Sent {
        self.meddle();
        self.kernel.send(slot, slices)
    }
}

impl<O: Outside> Net for SimNet<O> {
    fn wait(&mut self, events: &mut Vec<Event>, timeout_us: Option<u64>) {
        self.waits += 1;
        let elapsed = self.kernel.rng.below(200);
        self.kernel.advance_us(elapsed);
        let now = self.kernel.now_us();
        let until = self.until_ms.saturating_mul(1000);
        let deadline = timeout_us
            .map_or(u64::MAX, |t| now.saturating_add(t))
            .min(until.max(now));
        loop {
            self.freeze();
            if self.kernel.has_events() && self.kernel.rng.chance(600) {
                break;
            }
            if !self.step(deadline) {
                break;
            }
        }
        if self.kernel.has_events() {
            self.calm_since_ms = self.kernel.now_ms();
        } else {
            self.sleep(deadline);
        }
        self.kernel.take_events(events);
    }

    fn now_ms(&mut self) -> u64 {
        self.kernel.now_ms()
    }

    fn now_us(&mut self) -> u64 {
        self.kernel.now_us()
    }

    fn unix_ns(&self) -> u64 {
        1_700_000_000_000_000_123
    }

    fn secret(&self) -> [u8; 32] {
        [7; 32]
    }

    fn listeners(&self) -> usize {
        self.kernel.listeners()
    }

    fn role(&self, _listener: usize) -> Role {
        Role::Public
    }

    fn accept(&mut self, listener: usize, token: Token) -> Accept {
        self.meddle();
        self.kernel.accept(listener, token)
    }

    fn stop_listening(&mut self) {
        self.kernel.stop_listening();
    }

    fn recv(&mut self, slot: u32, into: &mut [u8]) -> Recv {
        self.meddle();
        self.kernel.recv(slot, into)
    }

    fn shutdown(&mut self, slot: u32) {
        self.kernel.shutdown(slot);
    }

    fn close(&mut self, slot: u32) {
        self.kernel.close(slot);
    }

    fn reset(&mut self, slot: u32) {
        self.kernel.reset(slot);
    }

    fn inspect(&mut self, slot: u32) -> Option<Inspected> {
        self.kernel.inspect(slot)
    }

    fn waker(&self) -> Waker {
        let woken = self.kernel.woken();
        Arc::new(move || woken.store(true, Ordering::Relaxed))
    }
}
