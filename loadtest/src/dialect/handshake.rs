//! The opening handshake of a WebSocket (RFC 6455 4.1, 4.2.2): request, the server's answer.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

use crate::url::Url;

/// An answer's head over this many bytes is refused.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Header lines looked at in an answer.
const HEADERS_MAX: usize = 64;

/// The value of `Sec-WebSocket-Key` for 16 bytes of nonce.
pub fn key(nonce: [u64; 2]) -> String {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&nonce[0].to_le_bytes());
    bytes[8..].copy_from_slice(&nonce[1].to_le_bytes());
    STANDARD.encode(bytes)
}

/// The value of `Sec-WebSocket-Accept` that answers a key (RFC 6455 4.2.2, item 5.4).
pub fn accept(key: &str) -> String {
    let mut sha = Sha1::new();
    sha.update(key.as_bytes());
    sha.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    STANDARD.encode(sha.finalize())
}

/// The offer to compress, always without context takeover (RFC 7692 7.1.1).
const OFFER: &str = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; \
    client_no_context_takeover\r\n";

/// The request for an upgrade, which offers to compress or does not.
pub fn request(url: &Url, key: &str, deflate: bool) -> String {
    let offer = if deflate { OFFER } else { "" };
    format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n{offer}\r\n",
        url.path, url.authority
    )
}

/// Reads the answer to a request with `key` and, with `deflate`, an offer to compress: the bytes of its head once it is whole, `None`
/// before.
///
/// # Errors
/// Why this is no acceptance, as a sentence.
pub fn answer(bytes: &[u8], key: &str, deflate: bool) -> Result<Option<usize>, String> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let parsed = response.parse(bytes);
    let head = match parsed.map_err(|e| format!("the answer is not HTTP: {e}"))? {
        httparse::Status::Complete(head) => head,
        httparse::Status::Partial if bytes.len() > HEAD_BYTES_MAX => {
            return Err(format!("the answer's head is over {HEAD_BYTES_MAX} bytes"));
        }
        httparse::Status::Partial => return Ok(None),
    };
    let (code, reason) = (response.code.unwrap_or(0), response.reason.unwrap_or(""));
    if code != 101 {
        return Err(format!(
            "the server answered {code} {reason} instead of 101"
        ));
    }
    accepted(response.headers, key, deflate)?;
    Ok(Some(head))
}

/// Whether the fields of a 101 say what they must (RFC 6455 4.1, the client's list).
fn accepted(headers: &[httparse::Header<'_>], key: &str, deflate: bool) -> Result<(), String> {
    let values = |name: &'static str| {
        let named = headers
            .iter()
            .filter(move |h| h.name.eq_ignore_ascii_case(name));
        named.filter_map(|h| std::str::from_utf8(h.value).ok())
    };
    let token = |name, token: &str| {
        let mut tokens = values(name).flat_map(|v| v.split(','));
        tokens.any(|t| t.trim().eq_ignore_ascii_case(token))
    };
    if !token("upgrade", "websocket") || !token("connection", "upgrade") {
        return Err("the 101 lacks Upgrade: websocket or Connection: Upgrade".to_owned());
    }
    let mut keys = values("sec-websocket-accept");
    if (keys.next().map(str::trim), keys.next()) != (Some(accept(key).as_str()), None) {
        return Err("the 101 has no or a wrong Sec-WebSocket-Accept".to_owned());
    }
    let extensions: Vec<&str> = values("sec-websocket-extensions").collect();
    if deflate {
        let keeps_no_window = extensions.iter().any(|e| {
            e.starts_with("permessage-deflate") && e.contains("server_no_context_takeover")
        });
        if extensions.len() != 1 || !keeps_no_window {
            return Err(
                "the server does not take permessage-deflate with server_no_context_takeover"
                    .to_owned(),
            );
        }
    }
    for name in ["sec-websocket-extensions", "sec-websocket-protocol"] {
        let offered = deflate && name == "sec-websocket-extensions";
        if !offered && values(name).next().is_some() {
            return Err(format!("the 101 has {name}, which was not offered"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc() {
        assert_eq!(
            accept("dGhlIHNhbXBsZSBub25jZQ=="),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
    }

    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
    const GOOD: &str = "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\n\
        Connection: keep-alive, Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

    #[test]
    fn an_answer_cut_anywhere() {
        let with_frame = [GOOD.as_bytes(), b"\x82\x01x"].concat();
        for n in 0..=with_frame.len() {
            let expected = (n >= GOOD.len()).then_some(GOOD.len());
            assert_eq!(
                answer(&with_frame[..n], KEY, false),
                Ok(expected),
                "{n} bytes"
            );
        }
    }

    #[test]
    fn compression_is_agreed_upon_or_the_run_does_not_begin() {
        let with = |value: &str| {
            let line = format!("\r\nSec-WebSocket-Extensions: {value}\r\n\r\n");
            GOOD.replace("\r\n\r\n", &line)
        };
        let agreed = with("permessage-deflate; server_no_context_takeover");
        assert_eq!(answer(agreed.as_bytes(), KEY, true), Ok(Some(agreed.len())));
        for (text, deflate) in [
            (GOOD.to_owned(), true),
            (with("permessage-deflate"), true),
            (with("x; server_no_context_takeover"), true),
            (agreed, false),
        ] {
            assert!(answer(text.as_bytes(), KEY, deflate).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_acceptance() {
        let cases = [
            (GOOD.replace("101 Sw", "200 Sw"), "200"),
            (GOOD.replace("WebSocket", "h2c"), "Upgrade"),
            (GOOD.replace("keep-alive, Upgrade", "close"), "Upgrade"),
            (GOOD.replace("s3p", "S3p"), "Accept"),
            (
                GOOD.replace("\r\n\r\n", "\r\nSec-WebSocket-Protocol: x\r\n\r\n"),
                "not offered",
            ),
            ("nonsense\r\n\r\n".to_owned(), "not HTTP"),
            (
                format!("HTTP/1.1 101 X\r\na: {}", "b".repeat(70_000)),
                "over",
            ),
        ];
        for (text, word) in cases {
            let error = answer(text.as_bytes(), KEY, false).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }
}
