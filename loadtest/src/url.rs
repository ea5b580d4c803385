//! Where to: a URL taken apart and looked up.

use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

/// How long one of several addresses of a host is tried.
const TRY: Duration = Duration::from_secs(1);

/// A server and what to ask it for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// `host:port` as written, for the `Host` field.
    pub authority: String,
    /// The host alone, without brackets.
    pub host: String,
    /// The address it resolved to.
    pub address: SocketAddr,
    /// Path and query.
    pub path: String,
    /// TLS.
    pub secure: bool,
    /// Plain HTTP requests rather than a WebSocket.
    pub http: bool,
}

/// Schemes: TLS, HTTP, port.
const SCHEMES: [(&str, bool, bool, u16); 4] = [
    ("ws://", false, false, 80),
    ("wss://", true, false, 443),
    ("http://", false, true, 80),
    ("https://", true, true, 443),
];

impl Url {
    /// Takes `ws://host[:port][/path][?query]` or `wss://…` apart and looks the host up.
    ///
    /// # Errors
    /// A sentence for the person who typed it.
    pub fn parse(text: &str) -> Result<Url, String> {
        // Before the host is looked up: the scheme is what is wrong, whatever the host.
        match SCHEMES.iter().find(|scheme| text.starts_with(scheme.0)) {
            Some((_, _, true, _)) => Err(format!(
                "{text}: expected ws://HOST:PORT/PATH or wss://HOST:PORT/PATH"
            )),
            _ => Url::parse_any(text),
        }
    }

    /// Takes `http://host[:port][/path][?query]` or `https://…` apart and looks the host up.
    ///
    /// # Errors
    /// As [`Url::parse`].
    pub fn parse_http(text: &str) -> Result<Url, String> {
        match SCHEMES.iter().any(|s| s.2 && text.starts_with(s.0)) {
            true => Url::parse_any(text),
            false => Err(format!(
                "{text}: expected http://HOST:PORT/PATH or https://HOST:PORT/PATH"
            )),
        }
    }

    /// Any of them.
    ///
    /// # Errors
    /// As [`Url::parse`].
    pub fn parse_any(text: &str) -> Result<Url, String> {
        let known = SCHEMES
            .iter()
            .find_map(|scheme| Some((text.strip_prefix(scheme.0)?, scheme)));
        let (rest, (_, secure, http, port)) =
            known.ok_or(format!("{text}: expected ws://HOST:PORT/PATH"))?;
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
        let (host, port) = split_port(authority).unwrap_or((authority, Some(*port)));
        let port = port.ok_or(format!("{text}: the port is no number up to 65535"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Ok(Url {
            authority: authority.to_owned(),
            host: host.to_owned(),
            address: look_up(host, port).map_err(|e| format!("{text}: {e}"))?,
            path,
            secure: *secure,
            http: *http,
        })
    }

    /// The text of a URL with this port, where it has port 0.
    ///
    /// # Errors
    /// As [`Url::parse`].
    pub fn fill_port(text: &str, port: u16) -> Result<String, String> {
        let mut url = Url::parse_any(text)?;
        if url.address.port() != 0 {
            return Ok(text.to_owned());
        }
        let as_written = url.authority.clone();
        url.set_port(port);
        Ok(text.replacen(&as_written, &url.authority, 1))
    }

    /// The same place on another port.
    pub fn set_port(&mut self, port: u16) {
        let host = split_port(&self.authority).map_or(self.authority.as_str(), |(host, _)| host);
        self.authority = format!("{host}:{port}");
        self.address.set_port(port);
    }
}

/// Host and port, when there is a port; `None` for one that is no number.
fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let after_host = authority.rfind(']').map_or(0, |i| i + 1);
    let colon = after_host + authority[after_host..].find(':')?;
    Some((&authority[..colon], authority[colon + 1..].parse().ok()))
}

/// The first address of a host that takes connections, or its first when none does.
fn look_up(host: &str, port: u16) -> Result<SocketAddr, String> {
    if host.is_empty() {
        return Err("no host".to_owned());
    }
    let found = (host, port).to_socket_addrs().map_err(|e| e.to_string())?;
    let found: Vec<SocketAddr> = found.collect();
    let first = *found.first().ok_or("no address found")?;
    if found.len() == 1 {
        return Ok(first);
    }
    let answers = |address: &&SocketAddr| TcpStream::connect_timeout(address, TRY).is_ok();
    Ok(found.iter().find(answers).copied().unwrap_or(first))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn urls() {
        let url = Url::parse("ws://127.0.0.1:8080/channels/a?echo=true#x").unwrap();
        assert_eq!(url.authority, "127.0.0.1:8080");
        assert_eq!((url.host.as_str(), url.secure), ("127.0.0.1", false));
        assert_eq!(url.path, "/channels/a?echo=true");
        assert_eq!(Url::parse("ws://127.0.0.1").unwrap().address.port(), 80);
        let secure = Url::parse("wss://127.0.0.1/").unwrap();
        assert_eq!((secure.address.port(), secure.secure), (443, true));
        assert_eq!(Url::parse("ws://127.0.0.1?a").unwrap().path, "/?a");
        let six = Url::parse("ws://[::1]:9/x").unwrap();
        assert_eq!(
            (six.address, six.host.as_str()),
            ("[::1]:9".parse().unwrap(), "::1")
        );
        assert_eq!(Url::parse("ws://[::1]/x").unwrap().address.port(), 80);
        assert!(Url::parse_any("http://127.0.0.1:1/pub").unwrap().http);
        assert!(Url::parse_http("https://127.0.0.1:1/pub").unwrap().secure);
        let other = Url::parse_http("ws://127.0.0.1:1/pub").unwrap_err();
        assert!(other.contains("expected http://"), "{other}");
        for bad in [
            "http://127.0.0.1/",
            "http://no-such-host.invalid/",
            "ftp://127.0.0.1/",
            "ws://",
            "ws://127.0.0.1/a b",
            "ws://127.0.0.1:x/",
            "ws://127.0.0.1:65536/",
        ] {
            let error = Url::parse(bad).unwrap_err();
            assert!(error.starts_with(bad), "{error}");
            let scheme = !bad.starts_with("ws");
            assert_eq!(error.contains("expected ws://"), scheme, "{error}");
        }
    }

    #[test]
    fn another_port() {
        for (text, authority) in [
            ("[::1]", "[::1]:7"),
            ("[::1]:0", "[::1]:7"),
            ("127.0.0.1:0", "127.0.0.1:7"),
        ] {
            let mut url = Url::parse(&format!("ws://{text}/x")).unwrap();
            url.set_port(7);
            assert_eq!((url.authority.as_str(), url.address.port()), (authority, 7));
        }
        for (text, filled) in [
            ("ws://[::1]:0/a:0", "ws://[::1]:7/a:0"),
            ("http://127.0.0.1:0", "http://127.0.0.1:7"),
            ("ws://127.0.0.1:8/a", "ws://127.0.0.1:8/a"),
        ] {
            assert_eq!(Url::fill_port(text, 7).as_deref(), Ok(filled));
        }
    }

    #[test]
    fn a_name_goes_to_the_address_that_answers() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let url = Url::parse(&format!("ws://localhost:{}/", address.port())).unwrap();
        assert_eq!((url.address, url.host.as_str()), (address, "localhost"));
    }
}
