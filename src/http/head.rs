//! Where a request head ends.
//!
//! Rules:
//! - A head ends behind its first empty line. A line ends with CRLF or a lone LF (RFC 9112 2.2),
//!   which is what `httparse` accepts too: both must see the same end.
//! - Empty lines before the request line are part of the head and skipped, at most
//!   [`LEADING_LINES_MAX`]; one more counts as the end, and a head of empty lines is refused.
//! - Scanning resumes where it stopped: a head that comes byte by byte costs linear time in total.

use memchr::memchr_iter;

use super::LEADING_LINES_MAX;

/// Finds the end of the head at the start of `buf`: the index behind its empty line, or `None`
/// when more bytes are needed.
///
/// `scanned` is 0 for a new head, and else what the last call on a prefix of these bytes left. The
/// caller bounds the length of `buf` (`head_bytes_max`).
pub fn head_end(buf: &[u8], scanned: &mut usize) -> Option<usize> {
    let start = skip_leading(buf);
    if let Some(end) = behind_empty_line(buf, start) {
        return Some(end);
    }
    let from = start.max(*scanned).min(buf.len());
    for lf in memchr_iter(b'\n', &buf[from..]) {
        let line = from + lf + 1;
        if let Some(end) = behind_empty_line(buf, line) {
            return Some(end);
        }
        if matches!(buf[line..], [] | [b'\r']) {
            *scanned = line - 1;
            return None;
        }
    }
    *scanned = buf.len();
    None
}

/// The index behind the empty lines at the start, at most [`LEADING_LINES_MAX`] of them.
fn skip_leading(buf: &[u8]) -> usize {
    let mut at = 0;
    for _ in 0..LEADING_LINES_MAX {
        match behind_empty_line(buf, at) {
            Some(end) => at = end,
            None => break,
        }
    }
    at
}

/// The index behind the empty line that starts at `at`, if a whole one does.
fn behind_empty_line(buf: &[u8], at: usize) -> Option<usize> {
    match buf[at..] {
        [b'\n', ..] => Some(at + 1),
        [b'\r', b'\n', ..] => Some(at + 2),
        _ => None,
    }
}
