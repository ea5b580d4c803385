//! Engine.IO v4 and Socket.IO v5: packets, and events as messages of a channel and back.
//!
//! Rules:
//! - Pure functions over slices that append to a `Vec`: no session, no socket, no clock.
//! - What a client sends is checked as strictly as the official server does it. A refusal is a
//!   [`Reason`](crate::close::Reason), with which the session ends.
//! - What goes to clients is such that none of them drops its connection for it, whatever a publisher
//!   put in: what cannot be said as an event is said as text.
//! - JSON values are passed on as they are written: a number keeps its digits.
//!
//! Sources: the protocol documents of the socket.io repository, its parsers and its server.

pub mod calls;
pub mod engine;
#[doc(hidden)]
pub mod fuzz;
mod json;
pub mod msgpack;
pub mod packet;
pub mod say;
mod string;

pub use calls::{append_message, name_and_args};
pub use engine::{
    EnginePacket, SEPARATOR, append_open, append_polled, append_polled_binary, packet, payload,
};
pub use json::is_modest;
pub use msgpack::{append_connect_error, connect_of};
pub use packet::{Packet, PacketKind, append_head, parse};
pub use say::{Said, Spoken, say};

use string::append_string;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Names that clients and servers keep for themselves: the official client takes an event under one of
/// them for a broken packet, and drops its connection.
pub const RESERVED: &[&str] = &[
    "connect",
    "connect_error",
    "disconnect",
    "disconnecting",
    "newListener",
    "removeListener",
];

/// Base64 that is written with padding, and read with it or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Appends bytes as base64, padded (RFC 4648 4).
fn append_base64(bytes: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    let written = BASE64.encode_slice(bytes, &mut out[start..]);
    debug_assert_eq!(written.ok(), Some(out.len() - start), "four for each three");
}

/// Appends the bytes of base64. `false`: it is not, and nothing was appended.
fn append_decoded(text: &str, out: &mut Vec<u8>) -> bool {
    let start = out.len();
    let read = BASE64.decode_vec(text, out).is_ok();
    if !read {
        out.truncate(start);
    }
    read
}
