//! An event stream, which `EventSource` reads (HTML standard, 9.2).
//!
//! Rules:
//! - A message is at most one `event:`, an `id:`, a `data:` for each line of the payload, and an empty
//!   line. CR, LF and CRLF end a line of the payload, and readers join lines with LF: of these three
//!   a reader sees LF, and everything else unchanged.
//! - An event name is that of [`event::name_of`]. Who does not want names gets no `event:` line, so
//!   that all arrives as `message`.
//! - Bytes are base64, named `binary`; who asks for it gets text as base64 too.
//! - A payload of line ends alone grows seven times; others hardly grow.

use std::io::Write;

use memchr::memchr2;

use super::{Item, append_base64, event, is_one_line};

/// How a stream begins: with a comment, so that something arrives at once.
pub const HEAD: &[u8] = b": longwave\n";

/// Sent when nothing else was for a while: a comment, which means nothing.
pub const HEARTBEAT: &[u8] = b":\n\n";

/// Appends how a stream begins: [`HEAD`], after how long a reader whose connection is cut comes back,
/// and the id that it comes back with if it has got nothing yet.
pub fn head(retry_ms: u64, position: Option<&str>, out: &mut Vec<u8>) {
    out.extend_from_slice(HEAD);
    let _ = writeln!(out, "retry: {retry_ms}");
    if let Some(id) = position {
        append_field("id", id.as_bytes(), out);
    }
    out.push(b'\n');
}

/// Appends a message. `events`: with its name; `base64`: as base64 even if it is text.
pub fn append(item: &Item<'_>, events: bool, base64: bool, out: &mut Vec<u8>) {
    debug_assert!(item.is_checked(), "not one line: {item:?}");
    out.reserve(item.payload.len() + 64);
    let name = if events { event::name_of(item) } else { None };
    if let Some(name) = name {
        append_field("event", name.as_bytes(), out);
    }
    append_field("id", item.id.as_bytes(), out);
    if base64 || item.binary {
        out.extend_from_slice(b"data: ");
        append_base64(item.payload, out);
        out.push(b'\n');
    } else {
        append_lines(item.payload, out);
    }
    out.push(b'\n');
}

/// Appends the event that tells of a gap. `id`: who resumes from it gets what was missed, as far as
/// it is still there.
pub fn gap(id: &str, json: &str, out: &mut Vec<u8>) {
    debug_assert!(is_one_line(id) && is_one_line(json), "{id:?} {json:?}");
    append_field("event", b"gap", out);
    append_field("id", id.as_bytes(), out);
    append_field("data", json.as_bytes(), out);
    out.push(b'\n');
}

/// Appends one line: a field and its value. Readers drop the blank.
fn append_field(field: &str, value: &[u8], out: &mut Vec<u8>) {
    for part in [field.as_bytes(), b": ", value, b"\n"] {
        out.extend_from_slice(part);
    }
}

/// Appends a `data:` for each line of the payload; an empty payload is one empty line.
fn append_lines(payload: &[u8], out: &mut Vec<u8>) {
    let mut rest = payload;
    while let Some(at) = memchr2(b'\r', b'\n', rest) {
        append_field("data", &rest[..at], out);
        let end = if rest[at..].starts_with(b"\r\n") {
            2
        } else {
            1
        };
        rest = &rest[at + end..];
    }
    append_field("data", rest, out);
}

#[cfg(test)]
mod tests;
