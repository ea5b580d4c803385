//! A stream of `multipart/mixed` parts (RFC 2046 5.1), one for each message, as Nchan sends it.
//!
//! Rules:
//! - A stream begins with [`HEAD`], the first delimiter, and each part ends with the next one: so a
//!   reader that looks for delimiters has a message at once, and not when the next one comes.
//! - The delimiter is the same for all, and known: so a payload that holds it goes out as base64,
//!   which says so (RFC 2045 6.1). No payload can end its part.
//! - A part tells its length too, and the message's whole id as `Etag`. Its type stands last: Nchan's
//!   own client reads only the line in front of the body.

use std::io::Write;

use memchr::memmem;

use super::{GAP_TYPE, Item, append_base64, append_event, append_header, is_one_line};

/// The boundary, written once.
macro_rules! boundary {
    () => {
        "longwave-part-3f9b27d1c6e84a50"
    };
}

/// What the media type of a stream says of it: `multipart/mixed; boundary=` and this.
pub const BOUNDARY: &str = boundary!();

/// What a stream, or an answer of several messages, begins with.
pub const HEAD: &[u8] = concat!("--", boundary!()).as_bytes();

/// What ends a stream, behind its [`HEAD`] and any parts.
pub const END: &[u8] = b"--\r\n";

/// Sent when nothing else was for a while: an empty part of a type of its own.
pub const HEARTBEAT: &[u8] = concat!(
    "\r\nContent-Type: application/vnd.longwave.heartbeat\r\nContent-Length: 0\r\n\r\n\r\n--",
    boundary!()
)
.as_bytes();

/// Appends a message as one part: headers, body and the delimiter that ends it.
pub fn append(item: &Item<'_>, out: &mut Vec<u8>) {
    debug_assert!(item.is_checked(), "not one line: {item:?}");
    out.reserve(item.payload.len() + 512);
    out.extend_from_slice(b"\r\n");
    append_header("Etag", item.id, out);
    append_event(item, out);
    append_body(item.media_type(), item.payload, out);
}

/// Appends the part that tells of a gap: JSON of the type [`GAP_TYPE`].
pub fn gap(id: &str, json: &str, out: &mut Vec<u8>) {
    debug_assert!(is_one_line(id), "{id:?}");
    out.extend_from_slice(b"\r\n");
    append_header("Etag", id, out);
    append_body(GAP_TYPE, json.as_bytes(), out);
}

/// Appends the last headers, an empty line, the body and the delimiter.
fn append_body(media_type: &str, body: &[u8], out: &mut Vec<u8>) {
    let holds_delimiter = memmem::find(body, HEAD).is_some();
    let len = match holds_delimiter {
        true => body.len().div_ceil(3) * 4,
        false => body.len(),
    };
    if holds_delimiter {
        append_header("Content-Transfer-Encoding", "base64", out);
    }
    // Writing to a Vec cannot fail.
    let _ = write!(
        out,
        "Content-Length: {len}\r\nContent-Type: {media_type}\r\n\r\n"
    );
    match holds_delimiter {
        true => append_base64(body, out),
        false => out.extend_from_slice(body),
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(HEAD);
}

#[cfg(test)]
mod tests;
