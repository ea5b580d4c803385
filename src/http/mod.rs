//! HTTP/1.1, the server's side: request heads, bodies and answers (RFC 9110, RFC 9112).
//!
//! Rules:
//! - Pure functions and small state machines over byte slices: no socket, no clock, no waiting.
//! - The order of a request: [`head_end`] until it finds one, [`parse`], then a [`Body`] of the
//!   request's [`BodyKind`]; what follows the body is the next request.
//! - Strict where two readers could disagree about where a message ends (request smuggling),
//!   lenient nowhere that matters. After [`Reason::BadRequest`](crate::close::Reason), a framing or
//!   a chunk error nothing behind it may be read: [`refusal`] then says `Connection: close`.
//! - Knows nothing of WebSocket but its name, which the 426 answer must give.

pub mod body;
pub mod cors;
pub mod date;
pub mod fields;
pub mod files;
pub mod form_data;
pub mod framing;
#[doc(hidden)]
pub mod fuzz;
pub mod head;
pub mod lines;
pub mod path;
pub mod published;
pub mod request;
pub mod response;
pub mod subscribe;

#[cfg(test)]
mod tests;

pub use body::{Body, Piece};
pub use cors::{Cors, REQUEST_HEADERS, asked_headers};
pub use date::{http_date, unix_seconds};
pub use fields::{has_token, header, header_once};
pub use files::{file_path, has_already, is_file_name};
pub use form_data::{Part, Parts, form_boundary};
pub use framing::BodyKind;
pub use head::head_end;
pub use httparse::{EMPTY_HEADER, Header};
pub use lines::{is_lines, lines};
pub use path::{channel_name, is_channel_name, query_flag, query_pairs, query_value};
pub use published::{PUBLISHED_BYTES_MAX, Published, Told};
pub use request::{Request, parse};
pub use response::{Answer, CONTINUE, Reply, refusal};
pub use subscribe::{Start, Subscribe, Transport, channel_names, subscribe};

pub use crate::limits::{
    CHUNK_EXTENSION_BYTES_MAX, CHUNK_EXTENSIONS_EXCESS_MAX, LEADING_LINES_MAX, TRAILER_BYTES_MAX,
    TRAILER_LINES_MAX,
};

/// Whether a byte may stand in a token (`tchar`, RFC 9110 5.6.2).
pub(crate) const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

/// Whether a byte may stand in a field value (RFC 9110 5.5): no control character but HTAB.
pub(crate) const fn is_text_byte(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}
