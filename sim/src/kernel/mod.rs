//! The simulated kernel: a virtual clock, listeners with their backlog, and connections with
//! bounded buffers in both directions.
//!
//! Rules:
//! - Edges are those of epoll, edge-triggered, registered once for both directions: an edge when
//!   bytes or an end arrive, when room comes back after a send that fell short, and once after
//!   accept. An event shows the state at the time of the wait, so edges merge.
//! - A close with unread bytes, or bytes after a close, makes a reset, and a reset loses bytes.
//! - The server's misuse (a slot closed twice, a send of nothing …) is our bug: it panics.

mod server;
mod socket;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use longwave::net::{Event, Token};

use crate::fault::{Fault, Weather};
use crate::rng::Rng;
use crate::trace::Trace;
pub use socket::{Edge, Pipe, Socket};

/// Names a connection for its client.
pub type SocketId = usize;

/// What a client's read gave.
#[derive(Debug, PartialEq, Eq)]
pub enum Got {
    /// Bytes were appended.
    Bytes(usize),
    /// Nothing now.
    Nothing,
    /// The server ended its direction.
    End,
    /// The server reset the connection.
    Reset,
}

#[derive(Debug, Default)]
struct Listener {
    backlog: VecDeque<SocketId>,
    edge: bool,
}

/// The machine that server and clients share.
#[derive(Debug)]
pub struct Kernel {
    now_us: u64,
    /// The server's process is stopped until then, in milliseconds.
    pub frozen_until_ms: u64,
    /// The process was stopped: everything that came meanwhile is announced at once.
    pub thawed: bool,
    /// No descriptors until then, in milliseconds.
    pub emfile_until_ms: u64,
    sockets: Vec<Socket>,
    slots: Vec<Option<SocketId>>,
    generations: Vec<Option<u32>>,
    listeners: Vec<Listener>,
    listening: bool,
    ready: Vec<SocketId>,
    stale: Vec<Token>,
    woken: Arc<AtomicBool>,
    /// Chance of the network's own.
    pub rng: Rng,
    /// Faults and their counts.
    pub weather: Weather,
    /// What happened.
    pub trace: Trace,
    /// Sends tried on a blocked connection to which no edge had come.
    pub sends_while_blocked: u64,
}

impl Kernel {
    /// An empty machine.
    pub fn new(listeners: usize, weather: Weather, rng: Rng) -> Kernel {
        Kernel {
            now_us: 1_000_000,
            frozen_until_ms: 0,
            thawed: false,
            emfile_until_ms: 0,
            sockets: Vec::new(),
            slots: Vec::new(),
            generations: Vec::new(),
            listeners: (0..listeners).map(|_| Listener::default()).collect(),
            listening: true,
            ready: Vec::new(),
            stale: Vec::new(),
            woken: Arc::default(),
            rng,
            weather,
            trace: Trace::default(),
            sends_while_blocked: 0,
        }
    }

    /// Virtual microseconds.
    pub fn now_us(&self) -> u64 {
        self.now_us
    }

    /// Virtual milliseconds.
    pub fn now_ms(&self) -> u64 {
        self.now_us / 1000
    }

    /// Lets time pass up to a moment; never back.
    pub fn advance_to_ms(&mut self, ms: u64) {
        self.advance_to_us(ms.saturating_mul(1000));
    }

    /// The same in microseconds.
    pub fn advance_to_us(&mut self, us: u64) {
        self.now_us = self.now_us.max(us);
    }

    /// Lets a little time pass.
    pub fn advance_us(&mut self, us: u64) {
        self.now_us += us;
    }

    /// Notes a line of the trace.
    pub fn note(&mut self, what: &'static str, who: u64, n: u64) {
        self.trace.note(self.now_us, what, who, n);
    }

    /// Whether a fault happens now.
    pub fn strikes(&mut self, fault: Fault) -> bool {
        self.weather.strikes(fault, &mut self.rng)
    }

    /// What another thread sets to wake the server.
    pub fn woken(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.woken)
    }

    /// A connection as it stands.
    pub fn socket(&self, id: SocketId) -> &Socket {
        &self.sockets[id]
    }

    /// Slots the server holds.
    pub fn open_slots(&self) -> usize {
        self.slots.iter().flatten().count()
    }

    // -- the client's side ------------------------------------------------------------------

    /// Connects; `up` and `down` are what the buffers hold. `None`: nobody listens.
    pub fn connect(&mut self, addr: IpAddr, up: usize, down: usize) -> Option<SocketId> {
        if !self.listening {
            return None;
        }
        let id = self.sockets.len();
        self.sockets.push(Socket::new(addr, up, down));
        let at = self.rng.below(self.listeners.len() as u64) as usize;
        self.listeners[at].backlog.push_back(id);
        self.listeners[at].edge = true;
        Some(id)
    }

    /// Sends what fits, and says how much that was.
    pub fn client_send(&mut self, id: SocketId, bytes: &[u8]) -> usize {
        let s = &mut self.sockets[id];
        assert!(
            !s.client_closed && !s.up.ended,
            "a client sends after its end"
        );
        if s.server_reset || s.client_reset {
            return bytes.len();
        }
        if s.server_closed {
            self.reset_to_client(id);
            return bytes.len();
        }
        let n = s.up.room().min(bytes.len());
        if n == 0 {
            return 0;
        }
        s.up.push(&bytes[..n]);
        let armed = s.armed;
        if armed || !self.strikes(Fault::EdgeWithheld) {
            self.raise(id, Edge::READ);
        }
        n
    }

    /// Reads up to `max` bytes, which are appended.
    pub fn client_recv(&mut self, id: SocketId, into: &mut Vec<u8>, max: usize) -> Got {
        let s = &mut self.sockets[id];
        let n = s.down.len().min(max);
        if n > 0 {
            let from = into.len();
            into.resize(from + n, 0);
            s.down.pull(&mut into[from..]);
            self.room_came_back(id);
            return Got::Bytes(n);
        }
        match s {
            Socket {
                server_reset: true, ..
            } => Got::Reset,
            s if s.down.ended && s.down.is_empty() => Got::End,
            _ => Got::Nothing,
        }
    }

    fn room_came_back(&mut self, id: SocketId) {
        let s = &mut self.sockets[id];
        if s.blocked && s.down.roomy() {
            s.blocked = false;
            self.raise(id, Edge::WRITE);
        }
    }

    /// Ends the client's direction.
    pub fn client_fin(&mut self, id: SocketId) {
        let s = &mut self.sockets[id];
        if !s.up.ended {
            s.up.ended = true;
            let hangup = s.down.ended;
            self.raise(
                id,
                Edge {
                    hangup,
                    ..Edge::READ
                },
            );
        }
    }

    /// Lets go of the connection: a FIN, or a reset when bytes are unread.
    pub fn client_close(&mut self, id: SocketId) {
        let s = &self.sockets[id];
        if s.client_closed {
            return;
        }
        if s.down.is_empty() {
            self.client_fin(id);
        } else {
            self.client_reset(id);
        }
        self.sockets[id].client_closed = true;
    }

    /// Resets the connection; what the server has not read may be lost with it.
    pub fn client_reset(&mut self, id: SocketId) {
        self.weather.count(Fault::Reset);
        let overtakes = !self.sockets[id].up.is_empty() && self.strikes(Fault::ResetOvertakes);
        let s = &mut self.sockets[id];
        if overtakes {
            s.up.free();
        }
        s.down.free();
        s.client_reset = true;
        s.client_closed = true;
        self.raise(id, Edge::ALL);
    }

    // -- events -----------------------------------------------------------------------------

    /// Something is to be announced about a connection.
    fn raise(&mut self, id: SocketId, edge: Edge) {
        let s = &mut self.sockets[id];
        if s.token.is_none() {
            return;
        }
        if s.queued {
            self.weather.count(Fault::MergedEdge);
        } else {
            s.queued = true;
            self.ready.push(id);
        }
        s.edge = s.edge.and(edge);
    }

    /// Whether a wait would return now.
    pub fn has_events(&self) -> bool {
        !self.ready.is_empty()
            || self.listeners.iter().any(|l| l.edge)
            || self.woken.load(Ordering::Relaxed)
    }

    /// Gives what is to be announced, with chance in its order and company.
    pub fn take_events(&mut self, events: &mut Vec<Event>) {
        let thawed = std::mem::take(&mut self.thawed);
        for (at, listener) in self.listeners.iter_mut().enumerate() {
            if std::mem::take(&mut listener.edge) {
                events.push(Event::Accept(at));
            }
        }
        if self.woken.swap(false, Ordering::Relaxed) {
            events.push(Event::Wake);
        }
        let ready = std::mem::take(&mut self.ready);
        for id in ready {
            self.announce(id, thawed, events);
        }
        self.add_spurious(events);
        self.add_stale(events);
        self.rng.shuffle(events);
        self.note("events", events.len() as u64, 0);
    }

    fn announce(&mut self, id: SocketId, at_once: bool, events: &mut Vec<Event>) {
        if self.sockets[id].token.is_none() {
            return;
        }
        if !at_once && self.strikes(Fault::EdgeDelayed) {
            self.ready.push(id);
            return;
        }
        let full = self.rng.chance(700);
        let spurious = self.rng.chance(200);
        let s = &mut self.sockets[id];
        s.queued = false;
        let (edge, state) = (std::mem::take(&mut s.edge), s.state());
        let edge = if full { edge.and(state) } else { edge };
        let edge = if spurious {
            edge
        } else {
            Edge {
                readable: edge.readable && state.readable,
                writable: edge.writable && state.writable,
                hangup: edge.hangup,
            }
        };
        if !edge.is_none() {
            self.push_event(id, edge, events);
        }
    }

    fn push_event(&mut self, id: SocketId, edge: Edge, events: &mut Vec<Event>) {
        let s = &mut self.sockets[id];
        let Some(token) = s.token else { return };
        s.armed &= !edge.readable;
        let Edge {
            readable,
            writable,
            hangup,
        } = edge;
        self.note(
            "event",
            u64::from(token.slot),
            u64::from(readable) + 2 * u64::from(writable) + 4 * u64::from(hangup),
        );
        events.push(Event::Ready {
            token,
            readable,
            writable,
            hangup,
        });
    }

    fn add_spurious(&mut self, events: &mut Vec<Event>) {
        if self.slots.is_empty() || !self.strikes(Fault::SpuriousEdge) {
            return;
        }
        let slot = self.rng.below(self.slots.len() as u64) as usize;
        let readable = self.rng.chance(500);
        if let Some(id) = self.slots[slot] {
            self.push_event(
                id,
                Edge {
                    readable,
                    writable: !readable,
                    hangup: false,
                },
                events,
            );
        }
    }

    fn add_stale(&mut self, events: &mut Vec<Event>) {
        for token in std::mem::take(&mut self.stale) {
            if self.rng.chance(500) {
                self.stale.push(token);
                continue;
            }
            if !self.strikes(Fault::StaleEvent) {
                continue;
            }
            if self.slots[token.slot as usize].is_some() {
                self.weather.count(Fault::StaleReused);
            }
            let hangup = self.rng.chance(900);
            self.note(
                "stale event",
                u64::from(token.slot),
                u64::from(token.generation),
            );
            events.push(Event::Ready {
                token,
                readable: true,
                writable: true,
                hangup,
            });
        }
    }

    /// The server's end reset: what was under way to the client may be lost.
    fn reset_to_client(&mut self, id: SocketId) {
        let s = &mut self.sockets[id];
        let kept = self.rng.below(s.down.len() as u64 + 1) as usize;
        s.down.lose(kept);
        s.server_reset = true;
    }
}
