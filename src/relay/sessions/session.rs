//! One session of Engine.IO: who carries it now, which namespaces it is in, and what waits for it.

use std::collections::VecDeque;

use super::ids::Sid;
use crate::timers::NEVER;

/// About what a socket takes elsewhere: where it is found by its id, its seat, its member.
const SOCKET_BYTES: usize = 96;

/// So many sockets of a session are not counted, as connections at rest are not: `sessions_max` bounds them.
const UNCOUNTED_SPACES: usize = 4;

/// What carries a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// Requests that come and go: slots of those under way.
    Polling {
        /// The one that waits for packets.
        get: Option<u32>,
        /// The one that brings some.
        post: Option<u32>,
    },
    /// A WebSocket in this slot.
    WebSocket(u32),
}

/// A WebSocket that wants to become the carrier of a session that polls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// Its slot.
    pub slot: u32,
    /// It has been probed: polls are answered at once, so that the client can pause.
    pub probed: bool,
    /// It has until then.
    pub due_ms: u64,
}

/// Which connection of its session a slot is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A poll that waits for packets.
    Get,
    /// A request that brings some.
    Post,
    /// The WebSocket that carries it.
    WebSocket,
    /// The WebSocket that wants to.
    Probe,
}

/// Where a socket stands in its channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stand {
    /// Where its WebSocket does.
    Direct,
    /// In this seat.
    Seat(u32),
}

/// A session's place in one namespace: a socket.
#[derive(Debug)]
pub struct Space {
    /// Its id.
    pub socket: Sid,
    /// `/`, or `/NAME`.
    pub namespace: Box<str>,
    pub stand: Stand,
    /// It came back: what it missed goes before the answer to its CONNECT.
    pub owed: Option<Box<Owed>>,
    pub recovered: bool,
}

/// The answer to a CONNECT that waits for what was missed.
#[derive(Debug)]
pub struct Owed {
    /// What was missed ends there in the log.
    pub at: u64,
    /// The packet, without Engine.IO's type.
    pub packet: String,
    /// Numbers of what it published itself, which are left out.
    pub own: VecDeque<u64>,
}

/// A packet whose attachments are still to come.
#[derive(Debug)]
pub struct Incoming {
    /// The packet.
    pub text: String,
    /// How many attachments it has.
    pub wanted: usize,
    pub attachments: Vec<Vec<u8>>,
    /// Bytes of all that.
    pub bytes: usize,
}

/// See the top of the file.
#[derive(Debug)]
pub struct Session {
    pub sid: Sid,
    /// It came by the path of bare Engine.IO.
    pub bare: bool,
    pub carrier: Carrier,
    pub probe: Option<Probe>,
    pub spaces: Vec<Space>,
    /// Which of them is served first.
    pub first: usize,
    /// Packets for this session alone that wait for a poll, a separator in front of each.
    pub out: Vec<u8>,
    pub incoming: Option<Box<Incoming>>,
    /// A ping is out.
    pub pinged: bool,
    /// When it is pinged next, or, with a ping out, when it is taken for gone.
    pub beat_ms: u64,
    /// Until then it has to be in a namespace.
    pub connect_ms: u64,
    /// Time of its live timer entry.
    pub armed_ms: u64,
    /// Memory counted for it so far.
    pub counted: usize,
}

impl Session {
    /// A session that has just begun.
    pub fn new(sid: Sid, bare: bool, carrier: Carrier, beat_ms: u64, connect_ms: u64) -> Session {
        Session {
            sid,
            bare,
            carrier,
            probe: None,
            spaces: Vec::new(),
            first: 0,
            out: Vec::new(),
            incoming: None,
            pinged: false,
            beat_ms,
            connect_ms: if bare { NEVER } else { connect_ms },
            armed_ms: NEVER,
            counted: 0,
        }
    }

    /// When something has to happen.
    pub fn due(&self) -> u64 {
        let probe = self.probe.map_or(NEVER, |probe| probe.due_ms);
        self.beat_ms.min(self.connect_ms).min(probe)
    }

    /// Which of its namespaces this is.
    pub fn space(&self, namespace: &str) -> Option<usize> {
        self.spaces.iter().position(|s| *s.namespace == *namespace)
    }

    /// The poll that waits for packets.
    pub fn get(&self) -> Option<u32> {
        match self.carrier {
            Carrier::Polling { get, .. } => get,
            Carrier::WebSocket(_) => None,
        }
    }

    /// What it holds in memory beside itself.
    pub fn memory(&self) -> usize {
        let incoming = self.incoming.as_ref().map_or(0, |i| {
            let attachments = i.attachments.iter().map(Vec::capacity);
            i.text.capacity() + attachments.sum::<usize>()
        });
        let owed = self.spaces.iter().filter_map(|s| s.owed.as_ref());
        let owed: usize = owed.map(|o| 256 + 8 * o.own.capacity()).sum();
        let spaces = self.spaces.iter().skip(UNCOUNTED_SPACES);
        let spaces = spaces.map(|s| size_of::<Space>() + SOCKET_BYTES + s.namespace.len());
        let spaces: usize = spaces.sum();
        self.out.capacity() + incoming + owed + spaces
    }
}
