//! Where a request's body ends, by the letter of RFC 9112 6.1 to 6.3.
//!
//! Rules, each against a known way to smuggle one request inside another:
//! - `Content-Length` and `Transfer-Encoding` together: refused, whatever they say.
//! - `Content-Length` twice or as a list, even of equal numbers, or not 1 to 19 digits: refused.
//! - `Transfer-Encoding` is `chunked`, once and last. Another coding before it, or alone, is 501;
//!   `chunked` twice or not last, an empty member, or any of it on HTTP/1.0: refused.
//! - Neither header: no body.

use httparse::Header;

use super::fields::{members, values};
use crate::close::Reason;

/// Digits of a `Content-Length`: so many always fit 64 bits.
const LENGTH_DIGITS_MAX: usize = 19;

/// How a request's body is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BodyKind {
    /// No byte of a body follows (`Content-Length: 0` included).
    #[default]
    None,
    /// Exactly so many bytes follow, at least 1. Any number: compare it with a limit, never add.
    Length(u64),
    /// The chunked transfer coding (RFC 9112 7.1).
    Chunked,
}

impl BodyKind {
    /// Reads the framing headers of an HTTP/1.`minor` request.
    ///
    /// # Errors
    /// [`Reason::BadFraming`] or [`Reason::UnknownCoding`]; the connection must end after either.
    pub fn of(headers: &[Header<'_>], minor: u8) -> Result<BodyKind, Reason> {
        let length = content_length(headers)?;
        let coded = values(headers, "transfer-encoding").next().is_some();
        match (length, coded) {
            (None | Some(0), false) => Ok(BodyKind::None),
            (Some(n), false) => Ok(BodyKind::Length(n)),
            (None, true) if minor >= 1 => transfer_encoding(headers),
            _ => Err(Reason::BadFraming),
        }
    }
}

fn content_length(headers: &[Header<'_>]) -> Result<Option<u64>, Reason> {
    let mut lines = values(headers, "content-length");
    match (lines.next(), lines.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => digits(value).map(Some).ok_or(Reason::BadFraming),
        (Some(_), Some(_)) => Err(Reason::BadFraming),
    }
}

/// 1 to 19 decimal digits and nothing else, so that the sum cannot overflow.
fn digits(value: &[u8]) -> Option<u64> {
    if value.is_empty() || value.len() > LENGTH_DIGITS_MAX {
        return None;
    }
    value.iter().try_fold(0u64, |n, b| {
        b.is_ascii_digit().then(|| n * 10 + u64::from(b - b'0'))
    })
}

/// Called when there is a `Transfer-Encoding`.
fn transfer_encoding(headers: &[Header<'_>]) -> Result<BodyKind, Reason> {
    let (mut chunked, mut other) = (false, false);
    for member in members(headers, "transfer-encoding") {
        if member.is_empty() || chunked {
            return Err(Reason::BadFraming);
        }
        chunked = member.eq_ignore_ascii_case(b"chunked");
        other |= !chunked;
    }
    match other {
        true => Err(Reason::UnknownCoding),
        false => Ok(BodyKind::Chunked),
    }
}
