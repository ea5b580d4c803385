//! One peer's protocol: bytes in, events out. Knows neither channels nor sockets.
//!
//! A connection begins as HTTP and may become a WebSocket, a stream that only listens, or, until it
//! is answered, a poll. At rest none owns a buffer.

mod carry;
mod http;
mod poll;
mod spares;
mod ws;

pub use carry::{CarryConn, CarryPart};
pub use http::{HttpConn, HttpEvent, Shape, Upload};
pub use poll::PollConn;
pub use spares::Spares;
pub use ws::{WsConn, WsEvent};

/// The protocol that a connection speaks now.
#[derive(Debug)]
pub enum Conn {
    /// Requests and answers.
    Http(Box<HttpConn>),
    /// After the opening handshake.
    Ws(WsConn),
    /// An answer whose body does not end; nothing further is read.
    Stream,
    /// A request whose answer waits for a message, or is being sent.
    Poll(Box<PollConn>),
    /// A poll of an Engine.IO session.
    Carry(Box<CarryConn>),
}

impl Conn {
    /// Memory held by messages under way.
    pub fn memory(&self) -> usize {
        match self {
            Conn::Http(http) => http.memory(),
            Conn::Ws(ws) => ws.memory(),
            Conn::Stream => 0,
            Conn::Poll(poll) => poll.memory(),
            Conn::Carry(carry) => carry.memory(),
        }
    }
}
