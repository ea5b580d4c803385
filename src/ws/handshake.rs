//! The opening handshake, server side (RFC 6455 4.2), as a function of the request head.
//!
//! Rules:
//! - One pass over the header lines, one pass over each list; nothing is parsed twice.
//! - Lists may be spread over several lines and hold empty elements (RFC 9110 5.6.1); tokens of
//!   `Upgrade` and `Connection` are compared without case, subprotocols byte for byte.
//! - What must be there once (`Host`, version, key) is refused when it is there twice.
//! - Extensions are declined by not being mentioned, whatever that header holds; one is known,
//!   see `ws/extension.rs`.
//! - Checks answer in this order: method, HTTP version, that it is an upgrade, that it has no body
//!   and one `Host`, WebSocket version, key, subprotocols.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use httparse::Header;
use sha1::{Digest, Sha1};

use crate::close::Reason;

use super::extension::{self, Deflate};
use super::list::{elements, token, trim};

/// What the key is hashed with (RFC 6455 1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// Bytes of a key: 16 bytes in base64.
const KEY_LEN: usize = 24;
/// Bytes of an accept value: a SHA-1 in base64.
const ACCEPT_LEN: usize = 28;

/// What the answer to a correct handshake says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted<'a> {
    /// The value of `Sec-WebSocket-Accept`.
    pub accept: [u8; ACCEPT_LEN],
    /// The subprotocol chosen, a token; `None`: none is named.
    pub subprotocol: Option<&'a str>,
    /// Whether [`META`] was offered, which is never chosen here: not every resource speaks it.
    pub meta: bool,
    /// The extension agreed upon.
    pub deflate: Option<Deflate>,
}

/// What may be agreed upon.
#[derive(Debug, Clone, Copy, Default)]
pub struct Terms<'s> {
    /// Subprotocols that may be chosen, of which the first one in the client's order is; empty: the
    /// first one that the client offers.
    pub subprotocols: &'s [String],
    /// Whether permessage-deflate may be.
    pub deflate: bool,
}

/// The subprotocol in which a message carries its id and media type (of Nchan).
pub const META: &str = "ws+meta.nchan";

/// Whether a request tries to become a WebSocket, so that [`check`] should answer it.
///
/// That is: `Upgrade` names `websocket`, or there is a `Sec-WebSocket-Key`. The second is what is
/// left when a proxy drops the hop-by-hop headers: such a request deserves a 426, not a page. An
/// upgrade to anything else (`h2c`) may be ignored (RFC 9110 7.8) and is a plain request.
pub fn is_upgrade(headers: &[Header<'_>]) -> bool {
    headers.iter().any(|h| {
        h.name.eq_ignore_ascii_case("sec-websocket-key")
            || h.name.eq_ignore_ascii_case("upgrade") && lists(h.value, b"websocket")
    })
}

/// Checks a handshake. `minor`: of HTTP/1.x.
///
/// # Errors
/// [`Reason::BadMethod`], [`Reason::UpgradeRequired`] (HTTP/1.0 too), [`Reason::BadUpgrade`],
/// [`Reason::WebSocketVersion`] and [`Reason::BadKey`].
pub fn check<'a>(
    method: &str,
    minor: u8,
    headers: &[Header<'a>],
    terms: Terms<'_>,
) -> Result<Accepted<'a>, Reason> {
    if method != "GET" {
        return Err(Reason::BadMethod);
    }
    let mut seen = Seen::default();
    for header in headers {
        seen.note(header, terms);
    }
    if minor != 1 || !seen.upgrade || !seen.connection {
        return Err(Reason::UpgradeRequired);
    }
    if seen.body || !matches!(seen.host, Field::Once(_)) {
        return Err(Reason::BadUpgrade);
    }
    if seen.version != Field::Once(b"13") {
        return Err(Reason::WebSocketVersion);
    }
    let accept = accept(seen.key)?;
    let subprotocol = seen.subprotocol?;
    Ok(Accepted {
        accept,
        subprotocol,
        meta: seen.meta,
        deflate: seen.deflate,
    })
}

/// Appends the 101 that opens the WebSocket.
pub fn append_answer(out: &mut Vec<u8>, accepted: &Accepted<'_>) {
    out.extend_from_slice(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ",
    );
    out.extend_from_slice(&accepted.accept);
    if let Some(subprotocol) = accepted.subprotocol {
        out.extend_from_slice(b"\r\nSec-WebSocket-Protocol: ");
        out.extend_from_slice(subprotocol.as_bytes());
    }
    if let Some(deflate) = accepted.deflate {
        out.extend_from_slice(b"\r\nSec-WebSocket-Extensions: ");
        deflate.append_answer(out);
    }
    out.extend_from_slice(b"\r\n\r\n");
}

/// A field that must be there exactly once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Field<'a> {
    #[default]
    Missing,
    Once(&'a [u8]),
    Repeated,
}

impl<'a> Field<'a> {
    fn note(&mut self, value: &'a [u8]) {
        *self = match self {
            Field::Missing => Field::Once(trim(value)),
            Field::Once(_) | Field::Repeated => Field::Repeated,
        };
    }
}

/// What one pass over the header lines found.
struct Seen<'a> {
    host: Field<'a>,
    key: Field<'a>,
    version: Field<'a>,
    upgrade: bool,
    connection: bool,
    body: bool,
    subprotocol: Result<Option<&'a str>, Reason>,
    meta: bool,
    deflate: Option<Deflate>,
}

impl Default for Seen<'_> {
    fn default() -> Self {
        Seen {
            host: Field::Missing,
            key: Field::Missing,
            version: Field::Missing,
            upgrade: false,
            connection: false,
            body: false,
            subprotocol: Ok(None),
            meta: false,
            deflate: None,
        }
    }
}

impl<'a> Seen<'a> {
    fn note(&mut self, header: &Header<'a>, terms: Terms<'_>) {
        let is = |name| header.name.eq_ignore_ascii_case(name);
        let value = header.value;
        if is("host") {
            self.host.note(value);
        } else if is("upgrade") {
            self.upgrade |= lists(value, b"websocket");
        } else if is("connection") {
            self.connection |= lists(value, b"upgrade");
        } else if is("sec-websocket-key") {
            self.key.note(value);
        } else if is("sec-websocket-version") {
            self.version.note(value);
        } else if is("sec-websocket-protocol") {
            self.choose(value, terms.subprotocols);
        } else if is("sec-websocket-extensions") {
            if terms.deflate && self.deflate.is_none() {
                self.deflate = extension::choose(value);
            }
        } else if is("transfer-encoding") {
            self.body = true;
        } else if is("content-length") {
            self.body |= trim(value) != b"0";
        }
    }

    /// Every element offered must be a token (RFC 6455 4.1), chosen or not.
    fn choose(&mut self, value: &'a [u8], subprotocols: &[String]) {
        for offered in elements(value) {
            let Some(offered) = token(offered) else {
                self.subprotocol = Err(Reason::BadUpgrade);
                return;
            };
            if offered == META {
                self.meta = true;
                continue;
            }
            let allowed = subprotocols.is_empty() || subprotocols.iter().any(|s| s == offered);
            if allowed && self.subprotocol == Ok(None) {
                self.subprotocol = Ok(Some(offered));
            }
        }
    }
}

/// The accept value for a key that is there once and is canonical base64 of 16 bytes.
fn accept(key: Field<'_>) -> Result<[u8; ACCEPT_LEN], Reason> {
    let Field::Once(key) = key else {
        return Err(Reason::BadKey);
    };
    let mut nonce = [0; KEY_LEN / 4 * 3];
    if key.len() != KEY_LEN || STANDARD.decode_slice(key, &mut nonce) != Ok(16) {
        return Err(Reason::BadKey);
    }
    let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    let mut accept = [0; ACCEPT_LEN];
    let written = STANDARD.encode_slice(digest, &mut accept);
    assert_eq!(
        written,
        Ok(ACCEPT_LEN),
        "a SHA-1 is 28 characters of base64"
    );
    Ok(accept)
}

/// Whether a list names `wanted`, in any case.
fn lists(value: &[u8], wanted: &[u8]) -> bool {
    elements(value).any(|element| element.eq_ignore_ascii_case(wanted))
}

#[cfg(test)]
mod tests;
