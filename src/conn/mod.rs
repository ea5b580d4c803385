//! One peer's protocol: bytes in, events out. Knows neither channels nor sockets.
//!
//! A connection begins as HTTP and may become a WebSocket. At rest either owns no buffer.

mod http;
mod spares;
mod ws;

pub use http::{HttpConn, HttpEvent, Upload};
pub use spares::Spares;
pub use ws::{WsConn, WsEvent};

/// The protocol that a connection speaks now.
#[derive(Debug)]
pub enum Conn {
    /// Requests and answers.
    Http(Box<HttpConn>),
    /// After the opening handshake.
    Ws(WsConn),
}

impl Conn {
    /// Memory held by messages under way.
    pub fn memory(&self) -> usize {
        match self {
            Conn::Http(http) => http.memory(),
            Conn::Ws(ws) => ws.memory(),
        }
    }
}
