//! Where to, and the opening handshake (RFC 6455 4.1, 4.2.2): URL, request, the server's answer.

use std::net::{SocketAddr, ToSocketAddrs};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// An answer's head over this many bytes is refused.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Header lines looked at in an answer.
const HEADERS_MAX: usize = 64;

/// A server and what to ask it for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// `host:port` as written, for the `Host` field.
    pub authority: String,
    /// The address it resolved to.
    pub address: SocketAddr,
    /// Path and query.
    pub path: String,
}

impl Url {
    /// Takes `ws://host[:port][/path][?query]` apart and looks the host up.
    ///
    /// # Errors
    /// A sentence for the person who typed it.
    pub fn parse(text: &str) -> Result<Url, String> {
        let Some(rest) = text.strip_prefix("ws://") else {
            return Err(match text.starts_with("wss://") {
                true => format!("{text}: wss:// is not supported, use ws://"),
                false => format!("{text}: expected ws://HOST:PORT/PATH"),
            });
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let path = match path.starts_with('/') {
            true => path.to_owned(),
            false => format!("/{path}"),
        };
        if path.bytes().any(|b| b <= b' ' || b == 0x7f) {
            return Err(format!(
                "{text}: the path may not hold spaces or control characters"
            ));
        }
        let after_host = authority.rfind(']').map_or(0, |i| i + 1);
        let with_port = match authority[after_host..].contains(':') {
            true => authority.to_owned(),
            false => format!("{authority}:80"),
        };
        let mut found = with_port
            .to_socket_addrs()
            .map_err(|e| format!("{text}: {e}"))?;
        let address = found.next().ok_or(format!("{text}: no address found"))?;
        Ok(Url {
            authority: authority.to_owned(),
            address,
            path,
        })
    }
}

impl Url {
    /// The same place on another port.
    pub fn set_port(&mut self, port: u16) {
        let host = match self.authority.rfind(':') {
            Some(colon) if !self.authority[colon..].contains(']') => &self.authority[..colon],
            _ => &self.authority,
        };
        self.authority = format!("{host}:{port}");
        self.address.set_port(port);
    }
}

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

/// The request for an upgrade.
pub fn request(url: &Url, key: &str) -> String {
    format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n",
        url.path, url.authority
    )
}

/// Reads the answer to a request with `key`: the bytes of its head once it is whole, `None`
/// before.
///
/// # Errors
/// Why this is no acceptance, as a sentence.
pub fn answer(bytes: &[u8], key: &str) -> Result<Option<usize>, String> {
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
    accepted(response.headers, key)?;
    Ok(Some(head))
}

/// Whether the fields of a 101 say what they must (RFC 6455 4.1, the client's list).
fn accepted(headers: &[httparse::Header<'_>], key: &str) -> Result<(), String> {
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
    for name in ["sec-websocket-extensions", "sec-websocket-protocol"] {
        if values(name).next().is_some() {
            return Err(format!("the 101 has {name}, which was not offered"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let url = Url::parse("ws://127.0.0.1:8080/channels/a?echo=true#x").unwrap();
        assert_eq!(url.authority, "127.0.0.1:8080");
        assert_eq!(url.path, "/channels/a?echo=true");
        assert_eq!(Url::parse("ws://127.0.0.1").unwrap().address.port(), 80);
        assert_eq!(Url::parse("ws://127.0.0.1?a").unwrap().path, "/?a");
        let six = Url::parse("ws://[::1]:9/x").unwrap();
        assert_eq!(six.address, "[::1]:9".parse().unwrap());
        assert_eq!(Url::parse("ws://[::1]/x").unwrap().address.port(), 80);
        for (text, authority) in [
            ("[::1]", "[::1]:7"),
            ("[::1]:0", "[::1]:7"),
            ("127.0.0.1:0", "127.0.0.1:7"),
        ] {
            let mut url = Url::parse(&format!("ws://{text}/x")).unwrap();
            url.set_port(7);
            assert_eq!((url.authority.as_str(), url.address.port()), (authority, 7));
        }
        for bad in [
            "http://a/",
            "wss://127.0.0.1/",
            "ws://",
            "ws://127.0.0.1/a b",
        ] {
            let error = Url::parse(bad).unwrap_err();
            assert!(error.starts_with(bad), "{error}");
        }
    }

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
            assert_eq!(answer(&with_frame[..n], KEY), Ok(expected), "{n} bytes");
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
            let error = answer(text.as_bytes(), KEY).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }
}
