//! One TCP connection as both ends and the kernel between them see it.
//!
//! Rules: each direction is a bounded queue of bytes with an end behind it. What is written here
//! is state; when an edge is due is for [`super::Kernel`] to say.

use std::collections::VecDeque;
use std::net::IpAddr;

use longwave::net::Token;

/// One direction.
#[derive(Debug)]
pub struct Pipe {
    bytes: VecDeque<u8>,
    cap: usize,
    /// No byte follows those that are there.
    pub ended: bool,
}

impl Pipe {
    fn new(cap: usize) -> Pipe {
        Pipe {
            bytes: VecDeque::new(),
            cap,
            ended: false,
        }
    }

    /// Bytes under way.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing is under way.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Bytes that still fit.
    pub fn room(&self) -> usize {
        self.cap.saturating_sub(self.bytes.len())
    }

    /// Whether there is room enough for the kernel to say so: a third.
    pub fn roomy(&self) -> bool {
        self.room() >= self.cap / 3
    }

    /// Whether it takes whatever comes.
    pub fn unbounded(&self) -> bool {
        self.cap == usize::MAX
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    /// Moves the oldest bytes out, as many as `into` takes; there are enough.
    pub(super) fn pull(&mut self, into: &mut [u8]) {
        let (a, b) = self.bytes.as_slices();
        let n = a.len().min(into.len());
        into[..n].copy_from_slice(&a[..n]);
        let rest = into.len() - n;
        into[n..].copy_from_slice(&b[..rest]);
        self.bytes.drain(..into.len());
    }

    /// Loses the newest bytes and keeps `kept`.
    pub(super) fn lose(&mut self, kept: usize) {
        self.bytes.truncate(kept);
    }

    pub(super) fn free(&mut self) {
        self.bytes = VecDeque::new();
    }
}

/// What an event would tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Edge {
    /// Bytes or an end came.
    pub readable: bool,
    /// Room came back.
    pub writable: bool,
    /// Both directions ended, or a reset.
    pub hangup: bool,
}

impl Edge {
    /// Bytes or an end came.
    pub const READ: Edge = Edge {
        readable: true,
        writable: false,
        hangup: false,
    };
    /// Room came back.
    pub const WRITE: Edge = Edge {
        readable: false,
        writable: true,
        hangup: false,
    };
    /// Everything at once, as after a reset.
    pub const ALL: Edge = Edge {
        readable: true,
        writable: true,
        hangup: true,
    };

    /// Whether it tells nothing.
    pub fn is_none(self) -> bool {
        self == Edge::default()
    }

    /// Both together.
    pub fn and(self, other: Edge) -> Edge {
        Edge {
            readable: self.readable | other.readable,
            writable: self.writable | other.writable,
            hangup: self.hangup | other.hangup,
        }
    }
}

/// A connection.
#[derive(Debug)]
pub struct Socket {
    /// Who connects.
    pub addr: IpAddr,
    /// Client to server.
    pub up: Pipe,
    /// Server to client.
    pub down: Pipe,
    /// The server's name for it, from accept to close.
    pub token: Option<Token>,
    /// The client's process let go of it: whatever the server still sends is answered by a reset.
    pub client_closed: bool,
    /// The client reset it.
    pub client_reset: bool,
    /// The server let go of it.
    pub server_closed: bool,
    /// The server, or its kernel, reset it.
    pub server_reset: bool,
    /// The server was last told that nothing is left to read: more must be announced.
    pub armed: bool,
    /// A send fell short: room must be announced.
    pub blocked: bool,
    /// A send fell short at some time.
    pub was_blocked: bool,
    /// What is to be announced.
    pub edge: Edge,
    /// It stands in the ready queue.
    pub queued: bool,
}

impl Socket {
    /// A connection under way to a listener; capacities in bytes, `usize::MAX` for no bound.
    pub fn new(addr: IpAddr, up: usize, down: usize) -> Socket {
        Socket {
            addr,
            up: Pipe::new(up),
            down: Pipe::new(down),
            token: None,
            client_closed: false,
            client_reset: false,
            server_closed: false,
            server_reset: false,
            armed: true,
            blocked: false,
            was_blocked: false,
            edge: Edge::default(),
            queued: false,
        }
    }

    /// What is so now, whatever was announced.
    pub fn state(&self) -> Edge {
        Edge {
            readable: !self.up.is_empty() || self.up.ended || self.client_reset,
            writable: self.down.roomy() || self.client_reset || self.down.ended,
            hangup: self.client_reset || (self.up.ended && self.down.ended),
        }
    }
}
