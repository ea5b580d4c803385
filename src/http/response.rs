//! Answers, written into the connection's private output (RFC 9110, RFC 9112 4).
//!
//! Rules:
//! - An answer says how long it is: `Content-Length` always, but with 1xx, 204 and 304, which have
//!   no body (RFC 9110 8.6).
//! - It says whether the connection stays: `close` when not; `keep-alive` to HTTP/1.0 only.
//! - The status line always says HTTP/1.1 (RFC 9110 2.5).
//! - No `Date`: RFC 9110 6.6.1 asks it of servers that have a clock, and this layer has none; no
//!   answer here is stored by a cache, which is what a date serves.
//! - Nothing with a CR, LF or other control character gets into a header.

use std::io::Write;

use super::{Cors, Told, is_text_byte, is_token_byte};
use crate::close::Reason;

/// The interim answer that a client with `Expect: 100-continue` waits for.
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// How a client is to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reply {
    /// The client's minor version: 0 or 1.
    pub minor: u8,
    /// The connection stays open for a further request.
    pub keep_alive: bool,
    /// The request was HEAD: everything but the body.
    pub head_only: bool,
    /// How it is told why it is refused.
    pub told: Told,
}

impl Default for Reply {
    /// For a client whose request could not be read: answer and close.
    fn default() -> Reply {
        Reply {
            minor: 1,
            keep_alive: false,
            head_only: false,
            told: Told::Plain,
        }
    }
}

/// One answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Answer<'a> {
    /// The status code, 100 to 599.
    pub status: u16,
    /// The media type; empty for no `Content-Type`.
    pub content_type: &'a str,
    /// The body; dropped where the status allows none.
    pub body: &'a [u8],
    /// Further headers; not `Content-Length`, and `Connection` with 101 only.
    pub headers: &'a [(&'a str, &'a str)],
    /// Whose pages may read it.
    pub cors: Cors<'a>,
    /// How the client is to be answered.
    pub reply: Reply,
}

impl Answer<'_> {
    /// Writes the answer behind what `out` holds.
    pub fn append(&self, out: &mut Vec<u8>) {
        let written = has_body(self.status) && !self.reply.head_only;
        out.reserve(256 + if written { self.body.len() } else { 0 });
        let phrase = reason_phrase(self.status);
        // Writing to a Vec cannot fail.
        let _ = write!(out, "HTTP/1.1 {} {phrase}\r\n", self.status);
        if !self.content_type.is_empty() {
            append_header(out, "Content-Type", self.content_type);
        }
        if has_body(self.status) {
            let _ = write!(out, "Content-Length: {}\r\n", self.body.len());
        }
        for (name, value) in self.headers {
            append_header(out, name, value);
        }
        self.cors.append(out);
        self.append_connection(out);
        out.extend_from_slice(b"\r\n");
        if written {
            out.extend_from_slice(self.body);
        }
    }

    /// `Connection`, where the default does not say it. A 426 must list `Upgrade` too, which
    /// belongs to this hop (RFC 9110 7.8). A 1xx brings its own.
    fn append_connection(&self, out: &mut Vec<u8>) {
        let persistence = match self.reply {
            _ if self.status < 200 => return,
            Reply {
                keep_alive: false, ..
            } => "close",
            Reply { minor: 0, .. } => "keep-alive",
            _ => "",
        };
        match (persistence, self.status == 426) {
            ("", false) => {}
            ("", true) => append_header(out, "Connection", "Upgrade"),
            (word, false) => append_header(out, "Connection", word),
            (word, true) => append_header(out, "Connection", &format!("{word}, Upgrade")),
        }
    }
}

/// Writes the answer that a reason gives: its sentence as one line of text, or as JSON beside its
/// word, where that is asked for; and the headers that its status asks for. Returns whether the connection stays open, which [`ends_connection`] may
/// deny whatever `reply` says. A reason without a status writes nothing.
///
/// `also`: further headers, such as the `Allow` that a 405 needs (RFC 9110 15.5.6). `cors`: pages must
/// be let read why.
pub fn refusal(
    reason: Reason,
    reply: Reply,
    also: &[(&str, &str)],
    cors: Cors<'_>,
    out: &mut Vec<u8>,
) -> bool {
    let status = reason.status();
    if status == 0 {
        return false;
    }
    let keep_alive = reply.keep_alive && !ends_connection(reason);
    let body = refusal_body(reason, reply.told);
    let answer = Answer {
        status,
        content_type: match reply.told {
            Told::Plain => "text/plain; charset=utf-8",
            Told::Json => "application/json",
        },
        body: body.as_bytes(),
        headers: &[status_headers(status), also].concat(),
        cors,
        reply: Reply {
            keep_alive,
            ..reply
        },
    };
    answer.append(out);
    keep_alive
}

/// One line that says why. No sentence holds anything that JSON would have to escape.
fn refusal_body(reason: Reason, told: Told) -> String {
    let (word, text) = (reason.word(), reason.text());
    match told {
        Told::Plain => format!("{text}\n"),
        Told::Json => format!("{{\"error\":\"{word}\",\"message\":\"{text}\"}}\n"),
    }
}

/// Whether nothing behind this request may be read: its end is unknown, or unread, or the
/// connection is not wanted.
pub const fn ends_connection(reason: Reason) -> bool {
    use Reason::*;
    matches!(
        reason,
        BadRequest
            | BadFraming
            | BadChunk
            | UnknownCoding
            | HeadTooLarge
            | TooManyHeaders
            | BadVersion
            | HeadTimeout
            | MessageTooBig
            | BadExpect
            | BadUpgrade
            | NoLength
            | Drain
            | Full
            | FullAddress
            | Internal
    )
}

/// The headers that a refusal's status asks for.
fn status_headers(status: u16) -> &'static [(&'static str, &'static str)] {
    match status {
        401 => &[("WWW-Authenticate", "Bearer")],
        426 => &[("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")],
        429 | 503 => &[("Retry-After", "1")],
        _ => &[],
    }
}

/// Whether answers of this status have a body (RFC 9110 6.4.1).
const fn has_body(status: u16) -> bool {
    status >= 200 && status != 204 && status != 304
}

/// Writes one header line, or drops it when it would be more, or less, than one line.
fn append_header(out: &mut Vec<u8>, name: &str, value: &str) {
    let whole = is_field(name, value);
    debug_assert!(whole, "not a header line: {name:?}: {value:?}");
    if whole {
        for part in [name, ": ", value, "\r\n"] {
            out.extend_from_slice(part.as_bytes());
        }
    }
}

/// Whether this makes exactly one header line (RFC 9110 5.1, 5.5).
pub(crate) fn is_field(name: &str, value: &str) -> bool {
    !name.is_empty() && name.bytes().all(is_token_byte) && value.bytes().all(is_text_byte)
}

/// The phrase of a status line; for people, and empty where there is none.
const fn reason_phrase(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        301 => "Moved Permanently",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}
