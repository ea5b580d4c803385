//! How a server wants to be spoken to. A dialect is an [`Endpoint`] (where, and what to say there)
//! and the [`Session`] that a connection has with it.
//!
//! | file | job |
//! |---|---|
//! | `options` | the options, and the endpoints they mean |
//! | `websocket` | frames, and the speeches over them: raw, a subscribe frame, Socket.IO |
//! | `socketio` | packets of Engine.IO and Socket.IO |
//! | `post` | publishing by HTTP |
//! | `handshake` | the upgrade to a WebSocket |
//! | `tls` | whom TLS trusts |
//!
//! A session has no socket and no clock: bytes in, bytes out. A further kind of connection (an event
//! stream, a poll) is a further session.

pub mod handshake;
mod options;
mod post;
mod socketio;
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
use post::Post;
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

/// Where connections go and what they say there.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Where.
    pub url: Url,
    /// TLS, if the URL asks for it.
    pub tls: Option<Tls>,
    /// What is said there; not by HTTP, where each payload is the body of a POST.
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

/// Takes each payload: whether it came as the wrong kind of message, and its bytes.
pub trait Hear: FnMut(bool, &[u8]) {}
impl<F: FnMut(bool, &[u8])> Hear for F {}

/// One connection's talk with its server.
#[derive(Debug)]
pub enum Session {
    /// Over a WebSocket.
    WebSocket(WebSocket),
    /// Publishing by HTTP.
    Post(Post),
}

impl Session {
    /// One that has not begun.
    pub fn new(endpoint: &Rc<Endpoint>) -> Session {
        match endpoint.url.http {
            true => Session::Post(Post::new(endpoint.clone())),
            false => Session::WebSocket(WebSocket::new(endpoint.clone())),
        }
    }

    /// The connection is there.
    pub fn begin(&mut self, wire: &mut Wire<'_>) {
        match self {
            Session::WebSocket(session) => session.begin(wire),
            Session::Post(_) => {}
        }
    }

    /// Whether it may publish, and gets what others publish.
    pub fn is_open(&self) -> bool {
        match self {
            Session::WebSocket(session) => session.is_open(),
            Session::Post(_) => true,
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
        }
    }

    /// Publishes a payload.
    pub fn publish(&mut self, payload: &[u8], wire: &mut Wire<'_>) {
        match self {
            Session::WebSocket(session) => session.publish(payload, wire),
            Session::Post(session) => session.publish(payload, wire),
        }
    }

    /// Says goodbye; whether the server will say it too.
    pub fn goodbye(&mut self, wire: &mut Wire<'_>) -> bool {
        match self {
            Session::WebSocket(session) => session.close(1000, wire),
            Session::Post(_) => false,
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
