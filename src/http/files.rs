//! What a request for a file asks for: which one, and whether it has changed.
//!
//! Rules:
//! - Segments are split before they are decoded, and decoded once: a name never holds a slash, so
//!   `%2F` leads nowhere, and `%252e` is the name `%2e`.
//! - `.` and `..`, empty segments, backslashes, control characters and broken escapes lead nowhere,
//!   decoded or not. Nothing is resolved: what is not a name as it stands is not found.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::Header;
use super::fields::members;
use super::path::escapes_are_whole;

/// The path of a file, decoded and relative; with a slash at its end that of a directory, of which
/// the root is empty. `None`: no file can have it.
pub fn file_path(path: &str) -> Option<String> {
    let mut rest = path.strip_prefix('/')?;
    let mut decoded = String::with_capacity(rest.len());
    while let Some((segment, after)) = rest.split_once('/') {
        decoded.push_str(&file_name(segment)?);
        decoded.push('/');
        rest = after;
    }
    if !rest.is_empty() {
        decoded.push_str(&file_name(rest)?);
    }
    Some(decoded)
}

fn file_name(segment: &str) -> Option<Cow<'_, str>> {
    if !escapes_are_whole(segment) {
        return None;
    }
    let name = percent_decode_str(segment).decode_utf8().ok()?;
    is_file_name(&name).then_some(name)
}

/// Whether a decoded name may be that of a file or directory that is served.
pub fn is_file_name(name: &str) -> bool {
    let names_none = |c: char| matches!(c, '/' | '\\') || c.is_control();
    !matches!(name, "" | "." | "..") && !name.contains(names_none)
}

/// Whether `If-None-Match` names the entity tag, so that the client has what it asks for (RFC 9110
/// 13.1.2: compared weakly; `*` is whatever there is).
pub fn has_already(headers: &[Header<'_>], etag: &str) -> bool {
    let same = |member: &[u8]| {
        member == b"*" || member.strip_prefix(b"W/").unwrap_or(member) == etag.as_bytes()
    };
    members(headers, "if-none-match").any(same)
}
