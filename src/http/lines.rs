//! Several messages in one body, a line each: `application/x-ndjson`.
//!
//! Rules:
//! - A line is one message as it is. That it is JSON is not checked: messages are passed on unchanged,
//!   and what JSON allows differs among those who read it.
//! - A line ends with LF or CRLF, the last one also with the body. Empty lines are no messages.
//! - All or nothing: that the body is UTF-8 and how many lines it has is known before the first line is given.

use crate::close::Reason;
use crate::limits::LINES_MAX;

/// Whether a `Content-Type` says that each line is a message.
pub fn is_lines(content_type: &[u8]) -> bool {
    let essence = content_type.split(|&b| b == b';').next();
    let essence = essence.unwrap_or_default().trim_ascii();
    essence.eq_ignore_ascii_case(b"application/x-ndjson")
}

/// The messages of a complete body, in order.
///
/// # Errors
/// [`Reason::BadUtf8`], [`Reason::TooManyLines`]
pub fn lines(body: &[u8]) -> Result<impl Iterator<Item = &str> + Clone, Reason> {
    let text = simdutf8::basic::from_utf8(body).map_err(|_| Reason::BadUtf8)?;
    let lines = text.split('\n');
    let lines = lines.map(|line| line.strip_suffix('\r').unwrap_or(line));
    let messages = lines.filter(|line| !line.is_empty());
    match messages.clone().nth(LINES_MAX) {
        Some(_) => Err(Reason::TooManyLines),
        None => Ok(messages),
    }
}
