//! A stream of chunks, one for each message (RFC 9112 7.1), as Nchan sends it to who asks with `TE: chunked`.
//!
//! Rules:
//! - A chunk is a message: a reader that sees chunks sees where one ends. It carries no id, so no gap
//!   can be told: who lags is closed.
//! - An empty chunk would end the stream, so an empty message is left out, as Nchan does.

use std::io::Write;

use super::Item;

/// What ends a stream.
pub const END: &[u8] = b"0\r\n\r\n";

/// Appends a message as a chunk; nothing for an empty one.
pub fn append(item: &Item<'_>, out: &mut Vec<u8>) {
    if item.payload.is_empty() {
        return;
    }
    out.reserve(item.payload.len() + 20);
    // Writing to a Vec cannot fail.
    let _ = write!(out, "{:x}\r\n", item.payload.len());
    out.extend_from_slice(item.payload);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests;
