//! WebSocket: frames, masking, UTF-8, the opening handshake (RFC 6455), compression (RFC 7692). Knows nothing of HTTP connections.
//!
//! Rules:
//! - Bytes in, events out: a parser returns an event, "need more", or the peer's violation as a
//!   [`Reason`](crate::close::Reason). Nothing here waits, owns a socket or asks the time.
//! - Payloads are borrowed from the input and stay masked, so that whoever stores one unmasks while
//!   copying: one pass over the bytes ([`unmask_into`]).
//! - How the input was cut never shows in what comes out.

mod decoder;
mod deflate;
mod extension;
#[doc(hidden)]
pub mod fuzz;
pub mod handshake;
pub mod header;
mod inflate;
mod list;
pub mod mask;
pub mod text;
pub mod utf8;

pub use decoder::{DecodeLimits, Decoder, Event, TAIL_MAX};
pub use deflate::{DeflateCounts, DeflateSettings, Deflater};
pub use extension::Deflate;
pub use header::{
    HEADER_ROOM, Kind, append_close, append_frame, encode_header, header_len, payload_of,
};
pub use inflate::Inflater;
pub use mask::{rotate, unmask, unmask_into};
pub use text::unmask_into_valid;
pub use utf8::Utf8;
