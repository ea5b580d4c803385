//! Engine.IO v4: packets, as one message of a WebSocket or as parts of a polled payload.
//!
//! Rules:
//! - The first character is the type: 1 close, 2 ping, 3 pong, 4 message, 5 upgrade, 6 noop; 0, open, is
//!   sent by servers only. What follows belongs to ping, pong and message; others ignore it.
//! - In a payload a byte 0x1e stands between two packets, and bytes are `b` and base64. A WebSocket has a
//!   packet a message, bytes as they are; text with `b` is read there too.
//! - What is written of a payload is its packets each with a 0x1e in front: the first byte of a payload
//!   is left out when it is sent.

use std::borrow::Cow;
use std::io::Write;

use super::{append_base64, append_decoded};
use crate::close::Reason;

/// Stands between two packets of a payload.
pub const SEPARATOR: u8 = 0x1e;

/// A packet of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnginePacket<'a> {
    /// The session ends.
    Close,
    /// With `probe`, a transport is tried out.
    Ping(&'a str),
    /// The answer to a ping.
    Pong(&'a str),
    /// Text for the layer above.
    Message(&'a str),
    /// Bytes for the layer above.
    Binary(Cow<'a, [u8]>),
    /// The session moves to the transport that this came on.
    Upgrade,
    /// Nothing.
    Noop,
}

/// Reads a packet: a text message of a WebSocket, or one of a payload.
///
/// # Errors
/// No type that a client sends, or bytes that are not base64.
pub fn packet(text: &str) -> Result<EnginePacket<'_>, Reason> {
    let mut rest = text.chars();
    let packet = match rest.next() {
        Some('1') => EnginePacket::Close,
        Some('2') => EnginePacket::Ping(rest.as_str()),
        Some('3') => EnginePacket::Pong(rest.as_str()),
        Some('4') => EnginePacket::Message(rest.as_str()),
        Some('5') => EnginePacket::Upgrade,
        Some('6') => EnginePacket::Noop,
        Some('b') => EnginePacket::Binary(bytes(rest.as_str())?),
        _ => return Err(Reason::BadEnginePacket),
    };
    Ok(packet)
}

fn bytes(base64: &str) -> Result<Cow<'_, [u8]>, Reason> {
    let mut bytes = Vec::new();
    let read = append_decoded(base64, &mut bytes);
    read.then_some(Cow::Owned(bytes))
        .ok_or(Reason::BadEnginePacket)
}

/// The packets of a payload. An empty one is malformed, and so is an empty payload.
pub fn payload(body: &str) -> impl Iterator<Item = Result<EnginePacket<'_>, Reason>> {
    body.split(char::from(SEPARATOR)).map(packet)
}

/// Appends the JSON of an open packet, without its type: exactly the five members that the protocol has.
pub fn append_open(
    sid: &str,
    upgrades: bool,
    ping_interval_ms: u64,
    ping_timeout_ms: u64,
    max_payload: usize,
    out: &mut Vec<u8>,
) {
    let upgrades = if upgrades { "\"websocket\"" } else { "" };
    let written = write!(
        out,
        "{{\"sid\":\"{sid}\",\"upgrades\":[{upgrades}],\"pingInterval\":{ping_interval_ms},\
         \"pingTimeout\":{ping_timeout_ms},\"maxPayload\":{max_payload}}}"
    );
    debug_assert!(written.is_ok(), "a Vec takes all");
}

/// Appends a packet of a payload, of the type that the character `kind` is.
pub fn append_polled(kind: u8, data: &[u8], out: &mut Vec<u8>) {
    debug_assert!(!data.contains(&SEPARATOR), "it would end the packet");
    out.reserve(data.len() + 2);
    out.extend_from_slice(&[SEPARATOR, kind]);
    out.extend_from_slice(data);
}

/// Appends a packet of a payload that is a message of bytes.
pub fn append_polled_binary(data: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&[SEPARATOR, b'b']);
    append_base64(data, out);
}

#[cfg(test)]
mod tests;
