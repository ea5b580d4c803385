//! Thousands of client connections on one thread, edge-triggered.
//!
//! Rules:
//! - A connection's index is its id for the whole run; a connection that ended keeps its place,
//!   and why it ended is kept in [`Reactor::ended`].
//! - Messages go to a callback with the time at which their bytes were read; sending is done by the
//!   caller between turns, so that what belongs together leaves in one write.
//! - Waiting ends on time to some microseconds (a timer descriptor; `epoll_wait` knows only
//!   milliseconds), because a late send is a wrong measurement.

mod connection;
pub mod sockets;
mod timer;
mod transport;

use std::fmt;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

use crate::codec::Violation;
use crate::dialect::{Endpoint, Endpoints, Heard, Position, Session};
use crate::latency::Latency;
use crate::random::Random;
use crate::url::Url;
use connection::Connection;
use sockets::Sockets;
use timer::Timer;
use transport::Transport;

/// The most that one read takes; little in tests, so that one connection fills its turn.
const SCRATCH_BYTES: usize = if cfg!(test) { 1024 } else { 256 * 1024 };
/// Readiness events taken in one turn.
const EVENTS_PER_TURN: usize = 1024;
/// A turn over this makes what it measures late.
pub const LONG_TURN: Duration = Duration::from_millis(10);
/// The token of the timer; connections have their index.
const TIMER: Token = Token(usize::MAX);

/// Why a connection ended.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ended {
    /// No TCP connection.
    Unreachable(String),
    /// No WebSocket or stream: what the server answered instead.
    Refused(String),
    /// The server sent a close frame: code (0: none) and reason.
    Closed(u16, String),
    /// The server ended the connection without a close frame, or it broke.
    Cut(String),
    /// The server broke RFC 6455.
    Violation(Violation),
    /// The server broke HTTP, or answered a poll with something that is neither a message nor a wait.
    Http(String),
    /// The server refused what was published.
    Rejected(String),
    /// We left, and it went as it should.
    Left,
}

/// One connection whose handshake is done, and how long that took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    /// Which connection.
    pub id: usize,
    /// From the first SYN to the TCP connection.
    pub connect: Duration,
    /// From there to the whole answer of the handshake.
    pub handshake: Duration,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ended::Unreachable(why) => write!(f, "cannot connect: {why}"),
            Ended::Refused(why) => write!(f, "handshake failed: {why}"),
            Ended::Closed(code, reason) => write!(f, "closed by the server: {code} {reason}"),
            Ended::Cut(why) => write!(f, "cut without a close frame: {why}"),
            Ended::Violation(v) => write!(f, "protocol violation: {v}"),
            Ended::Http(why) => write!(f, "HTTP failed: {why}"),
            Ended::Rejected(why) => write!(f, "publishing failed: {why}"),
            Ended::Left => write!(f, "left"),
        }
    }
}

/// What every connection uses in its turn.
#[derive(Debug)]
struct Shared {
    scratch: Vec<u8>,
    random: Random,
    /// Connections that were left still readable: no edge will come for them.
    again: Vec<usize>,
    open: usize,
    opened_ever: usize,
    opened: Vec<Opened>,
    ended: Vec<(usize, Ended)>,
}

/// What a connection is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Role {
    /// To listen.
    #[default]
    Subscriber,
    /// To publish; where the dialect has one place for both, it listens too.
    Publisher,
}

/// All connections to one server.
#[derive(Debug)]
pub struct Reactor {
    poll: Poll,
    events: Events,
    timer: Timer,
    endpoints: Endpoints,
    sockets: Sockets,
    connections: Vec<Connection>,
    shared: Shared,
    turns: Turns,
}

/// How long this process was busy between two waits. What is readable meanwhile is seen that much
/// later at most.
#[derive(Debug, Default)]
pub struct Turns {
    /// When it last came back from waiting.
    woke: Option<Instant>,
    /// Each turn.
    pub busy: Latency,
    /// Time spent in turns over [`LONG_TURN`].
    pub long: Duration,
}

impl Turns {
    /// About to wait.
    fn end(&mut self, now: Instant) {
        let Some(woke) = self.woke.take() else { return };
        let busy = now.saturating_duration_since(woke);
        self.busy.note(busy.as_nanos() as u64);
        if busy > LONG_TURN {
            self.long += busy;
        }
    }
}

/// Takes what a connection heard, and when that was read.
pub trait Sink: FnMut(usize, Heard<'_>, Instant) {}
impl<F: FnMut(usize, Heard<'_>, Instant)> Sink for F {}

impl Reactor {
    /// No connection yet.
    ///
    /// # Errors
    /// When the system gives no poll or timer.
    pub fn new(endpoints: Endpoints, seed: u64, sockets: Sockets) -> io::Result<Reactor> {
        let poll = Poll::new()?;
        let timer = Timer::new(&poll, TIMER)?;
        Ok(Reactor {
            poll,
            events: Events::with_capacity(EVENTS_PER_TURN),
            timer,
            endpoints,
            sockets,
            connections: Vec::new(),
            turns: Turns::default(),
            shared: Shared {
                scratch: vec![0; SCRATCH_BYTES],
                random: Random::new(seed),
                again: Vec::new(),
                open: 0,
                opened_ever: 0,
                opened: Vec::new(),
                ended: Vec::new(),
            },
        })
    }

    /// How many connections were ever begun.
    pub fn begun(&self) -> usize {
        self.connections.len()
    }

    /// How many have finished their handshake and not ended.
    pub fn open(&self) -> usize {
        self.shared.open
    }

    /// How many have ever finished their handshake.
    pub fn opened_ever(&self) -> usize {
        self.shared.opened_ever
    }

    /// Which ended, and why, in that order.
    pub fn ended(&self) -> &[(usize, Ended)] {
        &self.shared.ended
    }

    /// Which have opened since this was last asked, in that order.
    pub fn take_opened(&mut self) -> Vec<Opened> {
        std::mem::take(&mut self.shared.opened)
    }

    /// Begins one more connection, a subscriber's.
    ///
    /// # Errors
    /// What the system said; a refused connection may also show later, in [`Reactor::ended`].
    pub fn connect(&mut self) -> io::Result<()> {
        self.connect_as(Role::Subscriber, None)
    }

    /// Begins one more connection, for this, and to another path of the server than its URL's.
    ///
    /// # Errors
    /// As [`Reactor::connect`].
    pub fn connect_as(&mut self, role: Role, path: Option<&str>) -> io::Result<()> {
        self.connect_after(role, path, None)
    }

    /// The same, to go on after a position, where the dialect has such a thing.
    ///
    /// # Errors
    /// As [`Reactor::connect`].
    pub fn connect_after(
        &mut self,
        role: Role,
        path: Option<&str>,
        after: Option<Position>,
    ) -> io::Result<()> {
        let own = self.endpoints.publish.as_ref();
        let endpoint = own.filter(|_| role == Role::Publisher);
        let mut endpoint = endpoint.unwrap_or(&self.endpoints.listen).clone();
        if let Some(path) = path {
            let url = Url {
                path: path.to_owned(),
                ..endpoint.url.clone()
            };
            endpoint = Rc::new(Endpoint {
                url,
                ..(*endpoint).clone()
            });
        }
        let id = self.connections.len();
        let socket = self.sockets.begin(id, endpoint.url.address)?;
        let mut socket = mio::net::TcpStream::from_std(socket.into());
        let both = Interest::READABLE | Interest::WRITABLE;
        self.poll
            .registry()
            .register(&mut socket, Token(id), both)?;
        let transport = Transport::new(socket, endpoint.tls.as_ref())?;
        let session = Session::new(&endpoint, after);
        self.connections.push(Connection::new(transport, session));
        Ok(())
    }

    /// How far a connection has got; `None` where the dialect has no such thing, and before it is known.
    pub fn position(&self, id: usize) -> Option<Position> {
        self.connections[id].position()
    }

    /// How the sockets of further connections are made.
    pub fn set_sockets(&mut self, sockets: Sockets) {
        self.sockets = sockets;
    }

    /// Waits for something to happen, at most until `until`, and handles it.
    ///
    /// # Errors
    /// When the system's poll fails.
    pub fn turn(&mut self, until: Instant, sink: &mut impl Sink) -> io::Result<()> {
        let now = Instant::now();
        self.turns.end(now);
        let left = until.saturating_duration_since(now);
        let wait = if self.shared.again.is_empty() {
            self.timer.arm(until, left)?;
            left
        } else {
            Duration::ZERO
        };
        match self.poll.poll(&mut self.events, Some(wait)) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        self.turns.woke = Some(Instant::now());
        for id in std::mem::take(&mut self.shared.again) {
            self.connections[id].read(id, true, &mut self.shared, sink);
        }
        for event in &self.events {
            let Token(id) = event.token();
            if let Some(connection) = self.connections.get_mut(id) {
                connection.ready(id, event, &mut self.shared, sink);
            }
        }
        Ok(())
    }

    /// How long turns were since this was last asked.
    pub fn take_turns(&mut self) -> Turns {
        std::mem::take(&mut self.turns)
    }

    /// Publishes one payload into a connection's output; [`Reactor::flush`] sends it.
    pub fn queue(&mut self, id: usize, payload: &[u8]) {
        self.connections[id].publish(payload, &mut self.shared);
    }

    /// Sends a connection's output, as far as the system takes it.
    pub fn flush(&mut self, id: usize) {
        self.connections[id].flush(id, &mut self.shared);
    }

    /// Bytes of a connection's output that the system has not taken yet.
    pub fn waiting_bytes(&self, id: usize) -> usize {
        self.connections[id].waiting_bytes()
    }

    /// How many more bytes this connection may read: `Some(0)` stalls it, `None` sets it free.
    pub fn allow(&mut self, id: usize, bytes: Option<usize>) {
        self.connections[id].allow(bytes);
        if bytes != Some(0) {
            self.shared.again.push(id);
        }
    }

    /// Leaves: says goodbye (1000), and reads on until the server has said it too.
    pub fn leave(&mut self, id: usize) {
        self.connections[id].leave(id, &mut self.shared);
    }

    /// Leaves without a word.
    pub fn vanish(&mut self, id: usize) {
        self.connections[id].vanish(id, &mut self.shared);
    }

    /// Says goodbye to the server (1000) and closes everything.
    pub fn close(&mut self) {
        for (id, connection) in self.connections.iter_mut().enumerate() {
            connection.close(id, &mut self.shared);
        }
    }
}

#[cfg(test)]
mod tests;
