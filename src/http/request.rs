//! A request head, read once and whole (RFC 9112 2 to 6).
//!
//! Rules:
//! - [`parse`] gets exactly what [`head_end`](super::head_end) found, and borrows from it.
//! - `httparse` reads lines, as strict as it comes: no space before a colon, no folded lines, no
//!   control character in a value. What it leaves open is decided here: the target's form, `Host`,
//!   framing, persistence and `Expect`.
//! - A target is origin-form, absolute-form of `http` or `https`, or `*` with OPTIONS; the rest,
//!   CONNECT's authority-form included, is refused.

use httparse::{Error, Header, Status};

use super::fields::{has_token, header, header_once, members, values};
use super::{BodyKind, Reply, Told};
use crate::close::Reason;
use crate::limits::HEADERS_MAX;

/// A request head. `'b`: the bytes it was read from; `'h`: the slots that hold its header lines.
#[derive(Debug, Clone, Copy)]
pub struct Request<'h, 'b> {
    /// The method as sent (methods are case-sensitive, RFC 9110 9.1).
    pub method: &'b str,
    /// The raw path, before any `?`, not percent-decoded: starts with `/`, or is `*`.
    pub path: &'b str,
    /// What follows the first `?`, raw.
    pub query: Option<&'b str>,
    /// 0 for HTTP/1.0, 1 for HTTP/1.1.
    pub minor: u8,
    /// The header lines in order; values are trimmed and free of control characters but HTAB.
    pub headers: &'h [Header<'b>],
    /// How the body is framed.
    pub body: BodyKind,
    /// Whether the client keeps the connection for a further request (RFC 9112 9.3).
    pub keep_alive: bool,
    /// Whether the client waits for [`CONTINUE`](super::CONTINUE) before it sends the body; never
    /// without a body or from HTTP/1.0 (RFC 9110 10.1.1).
    pub expect_continue: bool,
}

/// Reads a whole head.
///
/// # Errors
/// [`Reason::TooManyHeaders`], [`Reason::BadVersion`], [`Reason::BadFraming`],
/// [`Reason::UnknownCoding`], [`Reason::BadExpect`], and [`Reason::BadRequest`] for the rest. The
/// body's extent is unknown or unwanted after each of them: answer and close.
pub fn parse<'h, 'b>(
    head: &'b [u8],
    slots: &'h mut [Header<'b>; HEADERS_MAX],
) -> Result<Request<'h, 'b>, Reason> {
    let mut raw = httparse::Request::new(slots);
    let status = raw.parse(head).map_err(|error| refused(error, head))?;
    let (Some(method), Some(target), Some(minor)) = (raw.method, raw.path, raw.version) else {
        return Err(Reason::BadRequest);
    };
    if status != Status::Complete(head.len()) {
        return Err(Reason::BadRequest);
    }
    let headers: &'h [Header<'b>] = raw.headers;
    let (path, query) = split_target(method, target).ok_or(Reason::BadRequest)?;
    check_host(headers, minor)?;
    let body = BodyKind::of(headers, minor)?;
    let expect = minor >= 1 && expects_continue(headers)?;
    Ok(Request {
        method,
        path,
        query,
        minor,
        headers,
        body,
        keep_alive: keeps_alive(headers, minor),
        expect_continue: expect && body != BodyKind::None,
    })
}

impl<'b> Request<'_, 'b> {
    /// The value of the first line of this name.
    pub fn header(&self, name: &str) -> Option<&'b [u8]> {
        header(self.headers, name)
    }

    /// The value of the only line of this name.
    ///
    /// # Errors
    /// [`Reason::BadRequest`] when there is more than one.
    pub fn header_once(&self, name: &str) -> Result<Option<&'b [u8]>, Reason> {
        header_once(self.headers, name)
    }

    /// Whether the list of this name has this member, compared without case.
    pub fn has_token(&self, name: &str, token: &str) -> bool {
        has_token(self.headers, name, token)
    }

    /// Whether `Accept` names this media type, whatever its weight (RFC 9110 12.5.1).
    pub fn accepts(&self, media_type: &str) -> bool {
        let named = |member: &[u8]| {
            let end = member.iter().position(|&b| b == b';');
            let name = member[..end.unwrap_or(member.len())].trim_ascii_end();
            name.eq_ignore_ascii_case(media_type.as_bytes())
        };
        members(self.headers, "accept").any(named)
    }

    /// How this client is to be answered.
    pub fn reply(&self) -> Reply {
        Reply {
            minor: self.minor,
            keep_alive: self.keep_alive,
            head_only: self.method == "HEAD",
            told: Told::of(self),
        }
    }
}

fn refused(error: Error, head: &[u8]) -> Reason {
    match error {
        Error::TooManyHeaders => Reason::TooManyHeaders,
        Error::Version if names_a_version(head) => Reason::BadVersion,
        _ => Reason::BadRequest,
    }
}

/// Whether the request line ends with something of the form `HTTP/2.0`: another version rather
/// than no HTTP at all.
fn names_a_version(head: &[u8]) -> bool {
    let mut lines = head.split(|&b| b == b'\n').map(<[u8]>::trim_ascii_end);
    let line = lines.find(|line| !line.is_empty()).unwrap_or_default();
    let version = line.splitn(3, |&b| b == b' ').nth(2).unwrap_or_default();
    matches!(version, [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
        if major.is_ascii_digit() && minor.is_ascii_digit())
}

/// Path and query of a target (RFC 9112 3.2). A fragment is never part of one.
fn split_target<'b>(method: &str, target: &'b str) -> Option<(&'b str, Option<&'b str>)> {
    if target.contains('#') {
        return None;
    }
    if target == "*" {
        return (method == "OPTIONS").then_some((target, None));
    }
    let local = match target.starts_with('/') {
        true => target,
        false => behind_authority(target)?,
    };
    let (path, query) = match local.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (local, None),
    };
    Some((if path.is_empty() { "/" } else { path }, query))
}

/// What follows `http://authority`: empty, or a path, or a query. Which host is named does not
/// matter here, but there must be one, and no user information (RFC 9110 4.2.4).
fn behind_authority(target: &str) -> Option<&str> {
    let (scheme, rest) = target.split_once("://")?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return None;
    }
    let (authority, local) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    (!authority.is_empty() && is_host(authority.as_bytes())).then_some(local)
}

/// Exactly one `Host` in HTTP/1.1, at most one before, and nothing in it that a host has not
/// (RFC 9112 3.2). An empty one is a host too.
fn check_host(headers: &[Header<'_>], minor: u8) -> Result<(), Reason> {
    match header_once(headers, "host")? {
        Some(host) if is_host(host) => Ok(()),
        None if minor == 0 => Ok(()),
        _ => Err(Reason::BadRequest),
    }
}

/// Whether all bytes may stand in `uri-host [":" port]` (RFC 3986 3.2.2).
fn is_host(host: &[u8]) -> bool {
    let allowed = |b: &u8| b.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:[]".contains(b);
    host.iter().all(allowed)
}

/// RFC 9112 9.3: `close` wins, then HTTP/1.1 keeps by default and HTTP/1.0 only when asked.
fn keeps_alive(headers: &[Header<'_>], minor: u8) -> bool {
    let option = |token| has_token(headers, "connection", token);
    !option("close") && (minor >= 1 || option("keep-alive"))
}

/// Whether there is an `Expect: 100-continue`; any other expectation is refused.
fn expects_continue(headers: &[Header<'_>]) -> Result<bool, Reason> {
    let known = |m: &[u8]| m.is_empty() || m.eq_ignore_ascii_case(b"100-continue");
    match members(headers, "expect").all(known) {
        true => Ok(values(headers, "expect").any(|value| !value.is_empty())),
        false => Err(Reason::BadExpect),
    }
}
