//! One value of each option that is not a number: read, checked, and refused with what is allowed.
//!
//! Rules: what could never match or work is refused here rather than found out in production (an
//! origin with a path, a key with a space), and the error says what to write instead.

use std::net::{SocketAddr, ToSocketAddrs};

use ipnet::IpNet;

use crate::settings::{Begin, Slow};

/// A value that is refused. Shown as `VALUE PROBLEM; allowed: ALLOWED`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bad {
    /// The value as it was given. Whoever shows it asks first whether the option is a secret.
    pub value: String,
    /// What is wrong with it: a verb phrase.
    pub problem: String,
    /// What would be right.
    pub allowed: String,
}

impl Bad {
    /// Refuses `value`.
    pub fn new(value: &str, problem: impl Into<String>, allowed: impl Into<String>) -> Bad {
        Bad {
            value: value.to_owned(),
            problem: problem.into(),
            allowed: allowed.into(),
        }
    }
}

/// The socket addresses of `HOST:PORT`, `[IPV6]:PORT` or `:PORT` (every IPv4 address). A host
/// name may have several; port 0 is any free one.
pub fn addresses(text: &str) -> Result<Vec<SocketAddr>, Bad> {
    if let Ok(address) = text.parse() {
        return Ok(vec![address]);
    }
    let bad = |problem: &str| {
        let allowed = "HOST:PORT such as 127.0.0.1:8080, localhost:8080, [::1]:8080 or :8080";
        Bad::new(text, problem, allowed)
    };
    let (host, port) = text.rsplit_once(':').ok_or(bad("has no port"))?;
    if host.contains(['/', ':', '[', ' ']) || port.starts_with('+') {
        return Err(bad("is not an address"));
    }
    let port: u16 = port
        .parse()
        .map_err(|_| bad("has a port that is not 0 to 65535"))?;
    let host = if host.is_empty() { "0.0.0.0" } else { host };
    let found = (host, port)
        .to_socket_addrs()
        .map_err(|e| bad(&format!("cannot be resolved ({e})")))?;
    let mut all: Vec<SocketAddr> = Vec::new();
    for address in found {
        if !all.contains(&address) {
            all.push(address);
        }
    }
    Ok(all)
}

/// As [`all_addresses`], of which there must be one.
pub fn listen(texts: &[String]) -> Result<Vec<SocketAddr>, Bad> {
    let all = all_addresses(texts)?;
    if all.is_empty() {
        return Err(Bad::new("", "names no address", "at least one HOST:PORT"));
    }
    Ok(all)
}

/// The addresses of all of `texts`; one that is named twice counts once, unless its port is 0.
pub fn all_addresses(texts: &[String]) -> Result<Vec<SocketAddr>, Bad> {
    let mut all: Vec<SocketAddr> = Vec::new();
    for text in texts {
        for address in addresses(text)? {
            if address.port() == 0 || !all.contains(&address) {
                all.push(address);
            }
        }
    }
    Ok(all)
}

/// Checks that `text` is a host name without a port, as `Host` has it (RFC 3986 3.2.2, the
/// characters that are in use in names).
pub fn host_name(text: &str) -> Result<(), Bad> {
    let good = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    if !text.is_empty() && text.bytes().all(good) {
        return Ok(());
    }
    Err(Bad::new(
        text,
        "is not a host name",
        "a name without scheme and port such as relay.internal",
    ))
}

/// Checks that a browser could send `text` as `Origin` (RFC 6454 7), since it is compared byte
/// for byte: `SCHEME://HOST[:PORT]` as browsers write it, `null` or `file://`.
pub fn origin(text: &str) -> Result<(), Bad> {
    match origin_problem(text) {
        None => Ok(()),
        Some(problem) => Err(Bad::new(
            text,
            problem,
            "SCHEME://HOST or SCHEME://HOST:PORT such as https://chat.example, null, file://, or * alone for any",
        )),
    }
}

fn origin_problem(text: &str) -> Option<&'static str> {
    if matches!(text, "null" | "file://") {
        return None;
    }
    let Some((scheme, host)) = text.split_once("://") else {
        return Some("has no scheme");
    };
    let port = match host.rsplit_once(':') {
        Some((_, port)) if !port.ends_with(']') => Some(port),
        _ => None,
    };
    if scheme.is_empty() || host.is_empty() || host.starts_with(':') {
        Some("has no scheme or no host")
    } else if host.contains(['/', '?', '#', '@']) {
        Some("has more than scheme, host and port: browsers send nothing else, not even a last /")
    } else if !text.bytes().all(|b| b.is_ascii_graphic()) || text.contains(['*', ',']) {
        Some("has a character that no origin has (names beyond ASCII are sent as xn--…)")
    } else if text.bytes().any(|b| b.is_ascii_uppercase()) {
        Some("has capital letters: browsers send small ones")
    } else if matches!(
        (scheme, port),
        ("http", Some("80")) | ("https", Some("443"))
    ) {
        Some("names the port that browsers leave out")
    } else if port.is_some_and(|p| p.is_empty() || p.parse::<u16>().is_err()) {
        Some("has a port that is not a number")
    } else {
        None
    }
}

/// Checks that `text` is a token (RFC 9110 5.6.2), as a subprotocol must be (RFC 6455 4.1).
pub fn token(text: &str) -> Result<(), Bad> {
    let good = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if !text.is_empty() && text.bytes().all(good) {
        return Ok(());
    }
    Err(Bad::new(
        text,
        "is not a subprotocol name",
        "letters, digits and !#$%&'*+-.^_`|~",
    ))
}

/// Checks that `text` can be sent as `Authorization: Bearer KEY`.
pub fn key(text: &str) -> Result<(), Bad> {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(());
    }
    let problem = if text.is_empty() {
        "is empty"
    } else {
        "has a character that cannot be sent"
    };
    Err(Bad::new(
        text,
        problem,
        "visible ASCII characters without spaces; leave the option out to let everyone publish",
    ))
}

/// A network such as `10.0.0.0/8`; a single address is a network of one.
pub fn network(text: &str) -> Result<IpNet, Bad> {
    text.parse()
        .or_else(|_| text.parse().map(|address: std::net::IpAddr| address.into()))
        .map(|net: IpNet| net.trunc())
        .map_err(|_| {
            let allowed = "CIDR such as 10.0.0.0/8 or fd00::/8, or one IP address";
            Bad::new(text, "is not a network", allowed)
        })
}

/// Yes or no.
pub fn switch(text: &str) -> Result<bool, Bad> {
    match text {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(Bad::new(text, "is neither yes nor no", "true or false")),
    }
}

/// What becomes of subscribers that lag.
pub fn slow(text: &str) -> Result<Slow, Bad> {
    let policies = [Slow::Close, Slow::Skip];
    let found = policies.into_iter().find(|slow| slow_word(*slow) == text);
    found.ok_or_else(|| Bad::new(text, "is not a policy", "close, skip"))
}

/// The word for it.
pub fn slow_word(slow: Slow) -> &'static str {
    match slow {
        Slow::Close => "close",
        Slow::Skip => "skip",
    }
}

/// Where a subscriber begins that names no message.
pub fn start(text: &str) -> Result<Begin, Bad> {
    let places = [Begin::Newest, Begin::Oldest];
    let found = places.into_iter().find(|begin| start_word(*begin) == text);
    found.ok_or_else(|| Bad::new(text, "is not a place to start", "newest, oldest"))
}

/// The word for it.
pub fn start_word(begin: Begin) -> &'static str {
    match begin {
        Begin::Newest => "newest",
        Begin::Oldest => "oldest",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_of_every_form() {
        let one = |text: &str| addresses(text).unwrap()[0].to_string();
        assert_eq!(one("127.0.0.1:8080"), "127.0.0.1:8080");
        assert_eq!(one("[::1]:0"), "[::1]:0");
        assert_eq!(one(":8080"), "0.0.0.0:8080");
        let local = addresses("localhost:8080").unwrap();
        assert!(!local.is_empty());
        assert!(
            local
                .iter()
                .all(|a| a.ip().is_loopback() && a.port() == 8080)
        );
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let cases = [
            ("8080", "has no port"),
            ("localhost", "has no port"),
            ("localhost:", "port that is not"),
            ("localhost:65536", "port that is not"),
            ("localhost:+80", "is not an address"),
            ("::1:8080x", "is not an address"),
            ("http://localhost:80", "is not an address"),
            ("", "has no port"),
        ];
        for (text, word) in cases {
            let bad = addresses(text).unwrap_err();
            assert!(bad.problem.contains(word), "{text}: {}", bad.problem);
            assert_eq!(bad.value, text);
        }
    }

    #[test]
    fn an_address_named_twice_counts_once_but_two_free_ports_are_two() {
        let texts = |list: &[&str]| list.iter().map(|s| s.to_string()).collect::<Vec<_>>();
        let count = |list: &[&str]| listen(&texts(list)).unwrap().len();
        assert_eq!(count(&["127.0.0.1:80", "127.0.0.1:80", "[::1]:80"]), 2);
        assert_eq!(count(&["127.0.0.1:0", "127.0.0.1:0"]), 2);
        assert!(listen(&[]).is_err());
    }

    #[test]
    fn origins_that_browsers_send() {
        for text in [
            "https://chat.example",
            "http://localhost:3000",
            "http://[::1]:8080",
            "http://[::1]",
            "null",
            "file://",
            "capacitor://localhost",
            "moz-extension://0b3c-11",
        ] {
            assert_eq!(origin(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn origins_that_never_match_are_refused() {
        let cases = [
            ("https://chat.example/", "not even a last /"),
            ("https://chat.example/app", "scheme, host and port"),
            ("https://me@chat.example", "scheme, host and port"),
            ("chat.example", "no scheme"),
            ("://chat.example", "no scheme or no host"),
            ("https://", "no host"),
            ("http://:80", "no host"),
            ("https://Chat.example", "capital"),
            ("https://chat.example:443", "leave out"),
            ("http://chat.example:80", "leave out"),
            ("http://chat.example:", "not a number"),
            ("http://chat.example:http", "not a number"),
            ("https://chät.example", "xn--"),
            ("https://*.example", "no origin has"),
            ("https://a.example,https", "no origin has"),
            ("*", "no scheme"),
            ("", "no scheme"),
        ];
        for (text, word) in cases {
            let problem = origin(text).unwrap_err().problem;
            assert!(problem.contains(word), "{text}: {problem}");
        }
    }

    #[test]
    fn networks() {
        let show = |text: &str| network(text).unwrap().to_string();
        assert_eq!(show("10.1.2.3/8"), "10.0.0.0/8");
        assert_eq!(show("127.0.0.1"), "127.0.0.1/32");
        assert_eq!(show("::1"), "::1/128");
        for text in ["", "10.0.0.0/33", "10.0.0/8", "localhost", "10.0.0.1:80"] {
            assert!(network(text).is_err(), "{text}");
        }
    }

    #[test]
    fn host_names() {
        for text in ["relay.internal", "relay-1", "a_b"] {
            assert_eq!(host_name(text), Ok(()));
        }
        for text in ["", "relay:80", "http://relay", "[::1]", "*.internal"] {
            assert!(host_name(text).is_err(), "{text}");
        }
    }

    #[test]
    fn tokens_and_keys() {
        for text in ["chat", "ws+meta.nchan", "v1.mqtt"] {
            assert_eq!(token(text), Ok(()));
        }
        for text in ["", "a b", "a,b", "a/b", "ä", "a\r\n"] {
            assert!(token(text).is_err(), "{text}");
        }
        assert_eq!(key("s3cret/+=!"), Ok(()));
        for text in ["", "two words", "new\nline", "schlüssel"] {
            assert!(key(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_a_reader(text in "\\PC{0,24}") {
            let _ = (origin(&text), token(&text), key(&text), network(&text), switch(&text));
        }

        #[test]
        fn a_numeric_address_is_itself(ip: std::net::IpAddr, port: u16) {
            let address = SocketAddr::new(ip, port);
            prop_assert_eq!(addresses(&address.to_string()), Ok(vec![address]));
        }
    }
}
