//! Channel names and query parameters out of a request target.
//!
//! Rules:
//! - A channel name is one path segment, percent-decoded once: 1 to
//!   [`CHANNEL_NAME_BYTES_MAX`] bytes of UTF-8 without control characters, not `.` or `..`.
//! - A literal comma separates channels (see `http/subscribe.rs`) and is refused in a name; `%2C` is
//!   part of one. Just so a literal `/` would end the segment, and `%2F` is part of a name: decoding
//!   comes after splitting, so `a%2Fb` is one channel whose name has a slash.
//! - A query is `application/x-www-form-urlencoded` as the URL standard reads it: nothing in it is
//!   an error, bytes that are not UTF-8 become U+FFFD. What a value means is judged by its reader.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::close::Reason;
use crate::limits::CHANNEL_NAME_BYTES_MAX;

/// The name of the channel that a raw path segment names.
///
/// # Errors
/// [`Reason::BadChannel`]
pub fn channel_name(segment: &str) -> Result<Cow<'_, str>, Reason> {
    if segment.contains([',', '/']) || !escapes_are_whole(segment) {
        return Err(Reason::BadChannel);
    }
    let name = percent_decode_str(segment).decode_utf8();
    name.ok()
        .filter(|name| is_channel_name(name))
        .ok_or(Reason::BadChannel)
}

/// Whether a decoded name may name a channel.
pub fn is_channel_name(name: &str) -> bool {
    (1..=CHANNEL_NAME_BYTES_MAX).contains(&name.len())
        && name != "."
        && name != ".."
        && !name.contains(char::is_control)
}

/// Whether every `%` is followed by two hexadecimal digits.
pub(super) fn escapes_are_whole(segment: &str) -> bool {
    let hex = |b: &u8| b.is_ascii_hexdigit();
    let mut parts = segment.split('%').map(str::as_bytes);
    parts.next();
    parts.all(|part| part.iter().take(2).filter(|b| hex(b)).count() == 2)
}

/// Every key with its value, in order.
pub fn query_pairs(query: Option<&str>) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    let pairs = query.into_iter().flat_map(|query| query.split('&'));
    pairs.filter(|pair| !pair.is_empty()).map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (form_decode(key), form_decode(value))
    })
}

/// The first value of a key; of a key without `=`, the empty string.
pub fn query_value<'q>(query: Option<&'q str>, key: &str) -> Option<Cow<'q, str>> {
    query?
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .find(|(name, _)| form_decode(name) == key)
        .map(|(_, value)| form_decode(value))
}

/// A yes or no by `flag`; no key at all is no.
///
/// # Errors
/// [`Reason::BadQuery`] for any other value.
pub fn query_flag(query: Option<&str>, key: &str) -> Result<bool, Reason> {
    Ok(flag(query_value(query, key).as_deref())?.unwrap_or(false))
}

/// A value that says yes or no: `true`, `1`, `on` and a bare key are yes, `false`, `0` and `off` are no.
///
/// # Errors
/// [`Reason::BadQuery`] for any other value.
pub(crate) fn flag(value: Option<&str>) -> Result<Option<bool>, Reason> {
    match value {
        None => Ok(None),
        Some("true" | "1" | "on" | "") => Ok(Some(true)),
        Some("false" | "0" | "off") => Ok(Some(false)),
        Some(_) => Err(Reason::BadQuery),
    }
}

/// `+` is a space, then percent-decoding; borrowed when there is nothing to decode.
fn form_decode(text: &str) -> Cow<'_, str> {
    if !text.contains('+') {
        return percent_decode_str(text).decode_utf8_lossy();
    }
    let spaced = text.replace('+', " ");
    Cow::Owned(percent_decode_str(&spaced).decode_utf8_lossy().into_owned())
}
