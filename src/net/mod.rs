//! The network as the loop sees it: a type parameter, so that the same loop runs on epoll and on
//! a simulated network.
//!
//! Rules of an implementation:
//! - Readiness is edge-triggered: an event is given once, and may be spurious, merged or stale.
//! - `recv` tells what the loop must know and never lets it infer it from a count: [`Recv::More`]
//!   (read again), [`Recv::Drained`] (an event will come), [`Recv::Eof`], [`Recv::Gone`].
//! - `accept`, `recv` and `send` never wait and never return for EINTR.
//! - A slot belongs to a connection from `accept` to `close`.

pub mod descriptors;
pub mod diag;
pub mod epoll;
pub mod listen;

use std::net::IpAddr;
use std::sync::Arc;

use crate::wire::Wire;
pub use crate::wire::{Inspected, Role, TcpInfo, Token};

/// One readiness event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A listener has connections to accept.
    Accept(usize),
    /// Something changed on a connection.
    Ready {
        /// Which one; stale when the generation is not the slot's.
        token: Token,
        /// There may be bytes, or the end of the stream, to read.
        readable: bool,
        /// There may be room to write.
        writable: bool,
        /// Both directions are closed, or the connection was reset.
        hangup: bool,
    },
    /// Another thread put something into the mailbox.
    Wake,
}

/// What `accept` gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accept {
    /// A connection from this address, registered under the token given.
    Open(IpAddr),
    /// Nothing waits; an event will come.
    Drained,
    /// The connection was aborted before it was accepted, or could not be set up: try the next.
    Aborted,
    /// No descriptor or memory for it (EMFILE, ENFILE, ENOBUFS, ENOMEM): no event will come.
    Exhausted,
}

/// What `recv` gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recv {
    /// So many bytes, and there may be more: read again.
    More(usize),
    /// So many bytes (0 included), and an event will come for any more.
    Drained(usize),
    /// The peer has ended its direction; no bytes came with it.
    Eof,
    /// Reset or otherwise broken.
    Gone,
}

/// Wakes the loop out of its wait, from any thread.
pub type Waker = Arc<dyn Fn() + Send + Sync>;

/// A network with connections in slots.
pub trait Net: Wire {
    /// Waits for events, at most `timeout_us` microseconds (`None`: without end), and appends them.
    /// A wait of a whole number of milliseconds may be as exact as these are, and cheaper.
    fn wait(&mut self, events: &mut Vec<Event>, timeout_us: Option<u64>);

    /// Monotonic milliseconds.
    fn now_ms(&mut self) -> u64;

    /// Monotonic microseconds of the same clock.
    fn now_us(&mut self) -> u64;

    /// The system's time in nanoseconds since 1970, asked for once, when ids begin.
    fn unix_ns(&self) -> u64;

    /// Bytes that nobody can guess, asked for once, when ids begin.
    fn secret(&self) -> [u8; 32];

    /// How many listeners there are; an `Accept` event and `accept` name them by index.
    fn listeners(&self) -> usize;

    /// What a listener is for.
    fn role(&self, listener: usize) -> Role;

    /// Accepts one connection of a listener into `token.slot`, which is free.
    fn accept(&mut self, listener: usize, token: Token) -> Accept;

    /// Closes all listeners for good.
    fn stop_listening(&mut self);

    /// Reads into `into`, which is not empty.
    fn recv(&mut self, slot: u32, into: &mut [u8]) -> Recv;

    /// Ends our direction (FIN) and keeps reading.
    fn shutdown(&mut self, slot: u32);

    /// Closes and frees the slot.
    fn close(&mut self, slot: u32);

    /// Closes and frees the slot with a reset (RST) instead of a FIN.
    fn reset(&mut self, slot: u32);

    /// What the kernel tells of a connection; `None`: nothing, as when it has just gone. For a few
    /// connections when somebody asks, never in a turn's usual work.
    fn inspect(&mut self, slot: u32) -> Option<Inspected>;

    /// Something that wakes `wait` from another thread.
    fn waker(&self) -> Waker;
}
