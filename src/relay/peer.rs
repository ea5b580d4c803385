//! One connection as the relay keeps it: its protocol, its place in a channel, its deadline.
//!
//! At rest a peer is this struct and nothing else; what it needs for a while it owns in a box.

use std::net::IpAddr;

use crate::buf::Out;
use crate::close::Reason;
use crate::conn::{Conn, HttpConn};
use crate::hub::Place;
use crate::timers::NEVER;
use crate::wire::Token;
use crate::ws::Deflate;

/// How far a connection is on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// In use.
    Open,
    /// Our close frame is out or on its way; the peer's is awaited (RFC 6455 7.1.2).
    Closing,
    /// Private output is flushed, then comes our FIN. Input is discarded.
    Finishing,
    /// Our FIN is out; input is discarded until the peer's end of stream.
    Lingering,
    /// To be reaped at the end of this turn.
    Doomed,
}

/// In the list of slots to read.
pub const READY: u16 = 1;
/// In the list of slots to flush.
pub const QUEUED: u16 = 2;
/// The kernel takes no more; an edge will come.
pub const BLOCKED: u16 = 4;
/// Waits, unread, for its channel to resume.
pub const WAITING: u16 = 8;
/// Waits, unread, for its private output to be flushed.
pub const FULL_OUT: u16 = 16;
/// A ping is out.
pub const PINGED: u16 = 32;
/// Also hears its own messages, or echoes everything.
pub const ECHO: u16 = 64;
/// The peer has ended its direction.
pub const ENDED: u16 = 128;
/// The socket is to be reset rather than closed.
pub const RESET: u16 = 256;
/// Came by an admin listener.
pub const ADMIN: u16 = 512;
/// Came from this machine.
pub const LOCAL: u16 = 1024;
/// A WebSocket that takes gaps it cannot be told of.
pub const ACCEPTS_GAP: u16 = 4096;
/// A part of a session of Engine.IO.
pub const ENGINE: u16 = 8192;
/// There is no place for it: its request is refused for its reason.
pub const REFUSED: u16 = 2048;

/// See the top of the file.
#[derive(Debug)]
pub struct Peer {
    /// Tells the users of the slot apart.
    pub generation: u32,
    /// The bits above.
    pub flags: u16,
    /// How far it is on its way out.
    pub phase: Phase,
    /// When it came, in seconds of the loop's clock.
    pub begun_s: u32,
    /// Why it ends, once it does.
    pub reason: Reason,
    /// What it speaks.
    pub conn: Conn,
    /// Its place in a channel; `NOWHERE` if it has none.
    place: Place,
    /// Private output.
    pub out: Option<Box<Out>>,
    /// What few peers have.
    rare: Option<Box<Rare>>,
    /// Of a WebSocket or stream at rest (open, no ping out), when a sign of life came last; of any other, the
    /// deadline of its phase. See [`Peer::due`].
    clock_ms: u64,
    /// Time of its live timer entry.
    pub armed_ms: u64,
    /// Memory counted for it so far; no more than fits is counted.
    pub counted: u32,
}

/// No place in a channel: there are never so many streams.
const NOWHERE: Place = Place {
    stream: u32::MAX,
    member: u32::MAX,
};

/// What a peer at rest does not have, and pays 8 bytes for.
#[derive(Debug, Default)]
struct Rare {
    /// Input that could not be used yet.
    tail: Vec<u8>,
    /// Where it comes from, where that matters.
    address: Option<IpAddr>,
    /// The proxy that it comes by, while that speaks for `address`.
    proxy: Option<IpAddr>,
}

impl Peer {
    /// A connection just accepted.
    pub fn new(generation: u32, now: u64, due_ms: u64) -> Peer {
        Peer {
            generation,
            flags: 0,
            phase: Phase::Open,
            begun_s: u32::try_from(now / 1000).unwrap_or(u32::MAX),
            reason: Reason::Done,
            conn: Conn::Http(Box::<HttpConn>::default()),
            place: NOWHERE,
            out: None,
            rare: None,
            clock_ms: due_ms,
            armed_ms: NEVER,
            counted: 0,
        }
    }

    /// Its place in a channel.
    pub fn place(&self) -> Option<Place> {
        (self.place != NOWHERE).then_some(self.place)
    }

    /// It joined, left, or others have left and moved it.
    pub fn set_place(&mut self, place: Option<Place>) {
        self.place = place.unwrap_or(NOWHERE);
    }

    /// Whether a flag is set.
    pub fn is(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }

    /// Its token, given its slot.
    pub fn token(&self, slot: u32) -> Token {
        Token {
            slot,
            generation: self.generation,
        }
    }

    /// Whether it is an open WebSocket or stream: one that is asked for signs of life.
    pub fn stays_open(&self) -> bool {
        self.phase == Phase::Open && matches!(self.conn, Conn::Ws(_) | Conn::Stream)
    }

    /// The window to compress with for it; `None`: what it gets goes plain.
    pub fn window_bits(&self) -> Option<u8> {
        match &self.conn {
            Conn::Ws(conn) => conn.deflate().and_then(Deflate::window_bits),
            _ => None,
        }
    }

    /// When something has to happen unless the peer does something before.
    pub fn due(&self, ping_interval_ms: u64) -> u64 {
        if self.stays_open() && !self.is(PINGED) {
            return self.clock_ms.saturating_add(ping_interval_ms);
        }
        self.clock_ms
    }

    /// Sets the deadline of its phase. Of one that stays open: of the ping that is out.
    pub fn set_due(&mut self, due_ms: u64) {
        debug_assert!(
            !self.stays_open() || self.is(PINGED),
            "this clock is a sign of life"
        );
        self.clock_ms = due_ms;
    }

    /// A sign of life came, which matters to one that stays open.
    pub fn hear(&mut self, now: u64) {
        if self.stays_open() {
            self.clock_ms = now;
            self.flags &= !PINGED;
        }
    }

    /// When a sign of life came last, of a WebSocket or stream at rest; of any other, its deadline.
    pub fn heard_ms(&self) -> u64 {
        self.clock_ms
    }

    /// Input that could not be used yet.
    pub fn tail(&self) -> &[u8] {
        self.rare.as_ref().map_or(&[], |r| &r.tail)
    }

    /// Replaces the input that could not be used yet.
    pub fn set_tail(&mut self, tail: &[u8]) {
        match &mut self.rare {
            Some(rare) if tail.is_empty() && rare.address.is_none() => self.rare = None,
            Some(rare) => rare.tail = tail.to_vec(),
            None if tail.is_empty() => {}
            None => self.rare.get_or_insert_default().tail = tail.to_vec(),
        }
    }

    /// Where it comes from, where that matters.
    pub fn address(&self) -> Option<IpAddr> {
        self.rare.as_ref()?.address
    }

    /// Notes where it comes from.
    pub fn set_address(&mut self, address: IpAddr) {
        self.rare.get_or_insert_default().address = Some(address);
    }

    /// Its proxy speaks for this client, until [`Peer::take_client`].
    pub fn set_client(&mut self, client: IpAddr) {
        let rare = self.rare.get_or_insert_default();
        rare.proxy = rare.address.replace(client);
    }

    /// The client that its proxy spoke for; from now on it may speak for another.
    pub fn take_client(&mut self) -> Option<IpAddr> {
        let rare = self.rare.as_mut()?;
        let proxy = rare.proxy.take()?;
        rare.address.replace(proxy)
    }

    /// Bytes of private output not yet sent.
    pub fn out_len(&self) -> usize {
        self.out.as_ref().map_or(0, |o| o.len())
    }

    /// Where to append private output.
    pub fn out_tail(&mut self) -> &mut Vec<u8> {
        self.out.get_or_insert_default().tail()
    }

    /// Memory it owns in boxes.
    pub fn memory(&self) -> usize {
        let out = self.out.as_ref().map_or(0, |o| o.capacity());
        let tail = self.rare.as_ref().map_or(0, |r| r.tail.capacity());
        out + tail + self.conn.memory()
    }
}
