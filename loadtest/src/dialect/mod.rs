//! How a server wants to be spoken to. A dialect is an [`Endpoint`] (where, and what to say there)
//! and the [`Session`] that a connection has with it.
//!
//! | file | job |
//! |---|---|
//! | `options` | the options, and the endpoints they mean |
//! | `websocket` | frames, and the speeches over them: raw, a subscribe frame, Socket.IO |
//! | `socketio` | packets of Engine.IO and Socket.IO |
//! | `post` | publishing by HTTP |
//! | `sse`, `poll` | listening by HTTP: an event stream, long-polls |
//! | `handshake` | the upgrade to a WebSocket |
//! | `tls` | whom TLS trusts |
//!
//! A session has no socket and no clock: bytes in, bytes out. A further kind of connection is a
//! further session.

pub mod handshake;
mod options;
mod poll;
mod post;
mod socketio;
mod sse;
#[cfg(test)]
mod tests;
mod tls;
mod websocket;

use std::rc::Rc;

use crate::payload::Form;
use crate::random::Random;
use crate::reactor::Ended;
use crate::url::Url;

pub use options::{Dialect, DialectOptions, Endpoints, Talk};
use poll::Poll;
use post::Post;
use sse::Sse;
pub use tls::{Tls, TlsOptions};
use websocket::WebSocket;

/// Stands for the payload in a template.
pub const PAYLOAD: &str = "{payload}";

/// What is said over a WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Speech {
    /// Payloads as they are.
    Raw,
    /// Payloads inside what the server's own protocol puts around them.
    Wrapped {
        /// Sent first, as text.
        subscribe: Option<String>,
        /// Waits for a message that contains this before it counts as open.
        subscribed: Option<String>,
        /// What is before and after a payload that is published.
        template: Option<(String, String)>,
    },
    /// Events of Socket.IO.
    SocketIo {
        /// With `/`; the main one is `/`.
        namespace: String,
        /// The event that carries payloads.
        event: String,
        /// A packet sent once the namespace is joined, as text.
        subscribe: Option<String>,
    },
}

/// What kind of connection it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// A WebSocket, to listen and to publish.
    WebSocket,
    /// Publishes only: each payload is the body of a POST.
    Post,
    /// Listens only: an event stream.
    Sse,
    /// Listens only: a long-poll for each payload.
    Poll,
}

/// Where connections go and what they say there.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Where.
    pub url: Url,
    /// TLS, if the URL asks for it.
    pub tls: Option<Tls>,
    /// How.
    pub via: Via,
    /// What is said over a WebSocket.
    pub speech: Speech,
    /// What payloads look like.
    pub form: Form,
    /// Whether compression is offered, and has to be agreed upon.
    pub deflate: bool,
    /// Whether payloads come back on these connections; what comes all the same is passed over.
    pub listens: bool,
}

/// What a session sends with.
#[derive(Debug)]
pub struct Wire<'a> {
    /// Bytes for the server.
    pub out: &'a mut Vec<u8>,
    /// For keys.
    pub random: &'a mut Random,
}

/// One thing that a session heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard<'a> {
    /// A payload.
    Payload {
        /// It came as the wrong kind of message: as text for bytes, under a name of its own.
        odd: bool,
        #[allow(missing_docs)]
        bytes: &'a [u8],
    },
    /// The server says that messages are missing here; how many, if it says that too.
    Gap(Option<u64>),
}

/// Takes what was heard, in order.
pub trait Hear: FnMut(Heard<'_>) {}
impl<F: FnMut(Heard<'_>)> Hear for F {}

/// How many messages an announcement says are missing: the number behind `missed`, as in
/// `{"after":"1:5","next":"1:9","missed":3}`.
fn missed(announcement: &[u8]) -> Option<u64> {
    let word = memchr::memmem::find(announcement, b"missed")?;
    let rest = std::str::from_utf8(&announcement[word + b"missed".len()..]).ok()?;
    let rest = rest.trim_start_matches(['"', ' ', ':', '=']);
    let end = rest.find(|c: char| !c.is_ascii_digit());
    rest[..end.unwrap_or(rest.len())].parse().ok()
}

/// How far a subscriber has got, as the header lines that ask for what follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position(Vec<u8>);

impl Position {
    fn new(fields: &[(&str, &[u8])]) -> Position {
        let mut lines = Vec::with_capacity(96);
        for (name, value) in fields {
            for piece in [name.as_bytes(), b": ", value, b"\r\n"] {
                lines.extend_from_slice(piece);
            }
        }
        Position(lines)
    }

    fn lines(&self) -> &[u8] {
        &self.0
    }
}

/// One connection's talk with its server.
#[derive(Debug)]
pub enum Session {
    /// Over a WebSocket.
    WebSocket(WebSocket),
    /// Publishing by HTTP.
    Post(Post),
    /// Listening to an event stream.
    Sse(Sse),
    /// Listening by long-poll.
    Poll(Poll),
}

impl Session {
    /// One that has not begun. One that can, goes on after this position.
    pub fn new(endpoint: &Rc<Endpoint>, after: Option<Position>) -> Session {
        match endpoint.via {
            Via::WebSocket => Session::WebSocket(WebSocket::new(endpoint.clone())),
            Via::Post => Session::Post(Post::new(endpoint.clone())),
            Via::Sse => Session::Sse(Sse::new(endpoint.clone(), after)),
            Via::Poll => Session::Poll(Poll::new(endpoint.clone(), after)),
        }
    }

    /// The connection is there.
    pub fn begin(&mut self, wire: &mut Wire<'_>) {
        match self {
            Session::WebSocket(session) => session.begin(wire),
            Session::Post(_) => {}
            Session::Sse(session) => session.begin(wire),
            Session::Poll(session) => session.begin(wire),
        }
    }

    /// Whether it may publish, and gets what others publish.
    pub fn is_open(&self) -> bool {
        match self {
            Session::WebSocket(session) => session.is_open(),
            Session::Post(_) => true,
            Session::Sse(session) => session.is_open(),
            Session::Poll(session) => session.is_open(),
        }
    }

    /// What asks for all that follows what came; `None` while nobody knows, and where there is no such thing.
    pub fn position(&self) -> Option<Position> {
        match self {
            Session::WebSocket(_) | Session::Post(_) => None,
            Session::Sse(session) => session.position(),
            Session::Poll(session) => session.position(),
        }
    }

    /// Takes the next bytes of the server's.
    ///
    /// # Errors
    /// Why this is the connection's end.
    pub fn take(
        &mut self,
        bytes: &[u8],
        wire: &mut Wire<'_>,
        hear: &mut impl Hear,
    ) -> Result<(), Ended> {
        match self {
            Session::WebSocket(session) => session.take(bytes, wire, hear),
            Session::Post(session) => session.take(bytes),
            Session::Sse(session) => session.take(bytes, hear),
            Session::Poll(session) => session.take(bytes, wire, hear),
        }
    }

    /// Publishes a payload.
    pub fn publish(&mut self, payload: &[u8], wire: &mut Wire<'_>) {
        match self {
            Session::WebSocket(session) => session.publish(payload, wire),
            Session::Post(session) => session.publish(payload, wire),
            // Nobody publishes there: it has endpoints of its own.
            Session::Sse(_) | Session::Poll(_) => {}
        }
    }

    /// Says goodbye; whether the server will say it too.
    pub fn goodbye(&mut self, wire: &mut Wire<'_>) -> bool {
        match self {
            Session::WebSocket(session) => session.close(1000, wire),
            Session::Post(_) | Session::Sse(_) | Session::Poll(_) => false,
        }
    }

    /// Gives back its buffers.
    pub fn forget(&mut self) {
        if let Session::WebSocket(session) = self {
            session.forget();
        }
    }

    /// Answers the server's goodbye; 0: it gave no code.
    pub fn answer_close(&mut self, code: u16, wire: &mut Wire<'_>) {
        if let Session::WebSocket(session) = self {
            session.close(code, wire);
        }
    }
}
