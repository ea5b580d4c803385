//! What one message looks like to those who subscribe over HTTP: a form in each file.
//!
//! Rules:
//! - Pure functions that append to a `Vec`: no subscriber, no socket, no clock. What is written for a
//!   message is the same for everybody who takes that form, and means the same at any place of a
//!   stream: so it is written once, and a stream may begin at any message.
//! - Ids, media types and event names of publishers come here checked: none holds a CR, LF or NUL.
//!   What a payload holds is never trusted: it cannot end its line, its part or its script.
//! - Text goes out as it came where the form allows, bytes that a form cannot carry as base64.

pub mod chunked;
pub mod event;
pub mod gzip;
pub mod iframe;
pub mod mixed;
pub mod poll;
pub mod sse;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The media type of a record that tells of a gap. No publisher may use it.
pub const GAP_TYPE: &str = "application/vnd.longwave.gap+json";

/// A message as the formats see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item<'a> {
    /// `T:N`.
    pub id: &'a str,
    /// Bytes; else text.
    pub binary: bool,
    /// The media type that the publisher gave.
    pub content_type: Option<&'a str>,
    /// The event name that the publisher gave.
    pub event: Option<&'a str>,
    /// UTF-8, unless `binary`.
    pub payload: &'a [u8],
}

impl Item<'_> {
    /// The media type that is told where one has to be.
    fn media_type(&self) -> &str {
        let implied = match self.binary {
            true => "application/octet-stream",
            false => "text/plain; charset=utf-8",
        };
        self.content_type.unwrap_or(implied)
    }

    /// Whether id, media type and event name are one line each, as callers have to see to.
    fn is_checked(&self) -> bool {
        let given = [Some(self.id), self.content_type, self.event];
        given.into_iter().flatten().all(is_one_line)
    }
}

/// Whether a text may stand in a line of a header or of an event stream.
fn is_one_line(text: &str) -> bool {
    !text.contains(['\r', '\n', '\0'])
}

/// Appends the header that tells the event name a publisher gave, if there is one and it fits a header.
fn append_event(item: &Item<'_>, out: &mut Vec<u8>) {
    if let Some(name) = item.event.filter(|name| event::is_plain(name)) {
        append_header("X-EventSource-Event", name, out);
    }
}

/// Appends `name`, `: `, `value` and a CRLF.
fn append_header(name: &str, value: &str, out: &mut Vec<u8>) {
    for part in [name, ": ", value, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
}

/// Appends bytes as base64, padded (RFC 4648 4).
fn append_base64(bytes: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    let written = STANDARD.encode_slice(bytes, &mut out[start..]);
    debug_assert_eq!(written.ok(), Some(out.len() - start), "four for each three");
}
