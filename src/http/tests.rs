//! Tests that need more than one file of this module, or much room.

mod answers;
mod bodies;
mod files;
mod forms;
mod heads;
mod lines;
mod paths;
mod published;
mod smuggling;
mod subscribe;

use super::*;
use crate::close::Reason;
use crate::limits::HEADERS_MAX;

/// Parses a head that must be whole, and gives it to `look`.
fn with<T>(head: &[u8], look: impl FnOnce(Result<Request<'_, '_>, Reason>) -> T) -> T {
    assert_eq!(
        head_end(head, &mut 0),
        Some(head.len()),
        "not one head: {:?}",
        String::from_utf8_lossy(head)
    );
    let mut slots = [EMPTY_HEADER; HEADERS_MAX];
    look(parse(head, &mut slots))
}

/// Why a head is refused, or its body when it is not.
fn judge(head: impl AsRef<[u8]>) -> Result<BodyKind, Reason> {
    with(head.as_ref(), |r| r.map(|r| r.body))
}

/// A POST with a `Host` and these lines, each without its CRLF.
fn post(lines: &[&str]) -> String {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    format!("POST /a HTTP/1.1\r\nHost: h\r\n{lines}\r\n")
}

/// A browser's request for an upgrade.
const BROWSER: &[u8] = b"GET /channels/news?echo=true HTTP/1.1\r\n\
    Host: localhost:8080\r\n\
    Connection: Upgrade\r\n\
    Pragma: no-cache\r\n\
    Cache-Control: no-cache\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n\
    Upgrade: websocket\r\n\
    Origin: http://localhost:8080\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-US,en;q=0.9\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";
