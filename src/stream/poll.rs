//! The answer to a poll: one message, its id in `Last-Modified` and `Etag` as Nchan has it.
//!
//! Rules:
//! - What stands here is the same for all who wait for the message; what differs from one to the
//!   next (the status line, the connection, who may read it from another origin) is written before.
//! - The `Etag` is not quoted, as the unchanged clients of Nchan send it back.
//! - The media type is the publisher's word. A browser that is led here shows the answer as a page
//!   of ours: without scripts, in an origin of its own (`sandbox`), and never guesses another type.

use std::io::Write;

use super::{Item, append_event, append_header, is_one_line};

/// Header lines of every answer.
const COMMON: &[u8] = b"Vary: If-None-Match, If-Modified-Since, Accept\r\n\
    Cache-Control: no-store\r\n\
    X-Content-Type-Options: nosniff\r\n\
    Content-Security-Policy: sandbox\r\n";

/// Appends header lines, an empty line and the body. `last_modified`: the first part of the id as
/// an HTTP date.
pub fn append(item: &Item<'_>, last_modified: &str, out: &mut Vec<u8>) {
    debug_assert!(item.is_checked(), "not one line: {item:?}");
    debug_assert!(is_one_line(last_modified), "{last_modified:?}");
    out.reserve(item.payload.len() + 512);
    append_header("Content-Type", item.media_type(), out);
    // Writing to a Vec cannot fail.
    let _ = write!(out, "Content-Length: {}\r\n", item.payload.len());
    append_header("Last-Modified", last_modified, out);
    append_header("Etag", tag(item.id), out);
    append_event(item, out);
    out.extend_from_slice(COMMON);
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(item.payload);
}

/// The second part of an id.
fn tag(id: &str) -> &str {
    id.split_once(':').map_or(id, |(_, tag)| tag)
}

#[cfg(test)]
mod tests;
