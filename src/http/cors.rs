//! What pages of other origins are let do and read: the CORS headers of every answer (Fetch standard,
//! "HTTP responses to CORS requests").
//!
//! Rules:
//! - Which origins are let in is not decided here; one that is not is refused before, and not named.
//! - The exact origin is named, never `*`, which browsers do not take where credentials go with the
//!   request. So an answer depends on `Origin`, and says so (`Vary`) also where there was none.
//! - For the same reason lists are written out: `*` in them would be a name like others.
//! - Where no header means anything, as to Socket.IO, whose clients may be told to send any (`extraHeaders`),
//!   pages may send those that they ask for: their names are given back.
//! - `Access-Control-Request-Private-Network` gets no answer. No browser waits for one: Chromium gave
//!   the idea up for a question to the person in front of it, and a relay on a private network must not be
//!   opened to public pages by somebody who never was asked.

use super::response::is_field;

/// Methods that pages may use; a resource may know fewer.
const METHODS: &str = "GET, HEAD, POST, PUT, DELETE, OPTIONS";

/// Headers that pages may send: how subscribers say where they are, and what publishers tell of a
/// message. `Accept` needs no leave but for odd values.
pub const REQUEST_HEADERS: &str = "If-None-Match, If-Modified-Since, Last-Event-ID, Etag, Content-Type, \
    Authorization, X-EventSource-Event, Accept, Cache-Control";

/// Headers that pages may read beyond those that they always may.
const ANSWER_HEADERS: &str = "Last-Modified, Etag, Content-Type, X-EventSource-Event, Longwave-Gap";

/// How long a browser keeps the answer to a preflight, in seconds.
const MAX_AGE: &str = "600";

/// Whose pages may read an answer. `None`: the request has no origin, so it is no page's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Cors<'a> {
    /// Nothing is said of it: pages of the answer's own origin alone.
    #[default]
    Own,
    /// Pages of the request's origin too.
    Shared(Option<&'a str>),
    /// The same, of an answer that says what they may ask (a preflight), and which headers they may send.
    Preflight(Option<&'a str>, &'a str),
}

/// The headers that a preflight asks for, to be given back; those of [`REQUEST_HEADERS`] if it asks for
/// none, or for what are no names.
pub fn asked_headers(value: Option<&[u8]>) -> &str {
    let is_list = |list: &&str| {
        let mut names = list.split(',').map(|name| name.trim_matches([' ', '\t']));
        names.all(is_token)
    };
    value
        .and_then(|value| std::str::from_utf8(value).ok())
        .filter(is_list)
        .unwrap_or(REQUEST_HEADERS)
}

/// Whether it could be the name of a header (RFC 9110, 5.6.2).
fn is_token(name: &str) -> bool {
    let is_part = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !name.is_empty() && name.bytes().all(is_part)
}

impl Cors<'_> {
    /// Writes the header lines into a head that has its status line already and not its empty line.
    pub fn append(self, out: &mut Vec<u8>) {
        let (origin, lines) = match self {
            Cors::Own => return,
            Cors::Shared(origin) => (origin, &[("Expose-Headers", ANSWER_HEADERS)][..]),
            Cors::Preflight(origin, headers) => (
                origin,
                &[
                    ("Allow-Methods", METHODS),
                    ("Allow-Headers", headers),
                    ("Max-Age", MAX_AGE),
                ][..],
            ),
        };
        out.extend_from_slice(b"Vary: Origin\r\n");
        let Some(origin) = origin else { return };
        debug_assert!(is_field("Origin", origin), "not from a header: {origin:?}");
        let shared = [("Allow-Origin", origin), ("Allow-Credentials", "true")];
        for (name, value) in shared.iter().chain(lines) {
            for part in ["Access-Control-", name, ": ", value, "\r\n"] {
                out.extend_from_slice(part.as_bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(cors: Cors<'_>) -> String {
        let mut out = b"before".to_vec();
        cors.append(&mut out);
        let text = String::from_utf8(out).unwrap();
        text.strip_prefix("before").unwrap().to_owned()
    }

    #[test]
    fn the_exact_origin_is_named_with_what_it_may_read() {
        for origin in ["http://a.example:8080", "null", "file://"] {
            assert_eq!(
                text(Cors::Shared(Some(origin))),
                format!(
                    "Vary: Origin\r\n\
                     Access-Control-Allow-Origin: {origin}\r\n\
                     Access-Control-Allow-Credentials: true\r\n\
                     Access-Control-Expose-Headers: Last-Modified, Etag, Content-Type, X-EventSource-Event, Longwave-Gap\r\n"
                )
            );
        }
    }

    #[test]
    fn a_preflight_says_what_may_be_asked() {
        assert_eq!(
            text(Cors::Preflight(Some("https://a.example"), REQUEST_HEADERS)),
            "Vary: Origin\r\n\
             Access-Control-Allow-Origin: https://a.example\r\n\
             Access-Control-Allow-Credentials: true\r\n\
             Access-Control-Allow-Methods: GET, HEAD, POST, PUT, DELETE, OPTIONS\r\n\
             Access-Control-Allow-Headers: If-None-Match, If-Modified-Since, Last-Event-ID, Etag, \
             Content-Type, Authorization, X-EventSource-Event, Accept, Cache-Control\r\n\
             Access-Control-Max-Age: 600\r\n"
        );
    }

    #[test]
    fn the_headers_that_are_asked_for_are_given_back_if_they_are_names() {
        for asked in ["x-own", "authorization,x-own", "a, b ,\tc"] {
            assert_eq!(asked_headers(Some(asked.as_bytes())), asked);
        }
        for asked in ["", ",", "a,", "a b", "a\r\nb: c", "a:", "\u{e9}"] {
            assert_eq!(
                asked_headers(Some(asked.as_bytes())),
                REQUEST_HEADERS,
                "{asked:?}"
            );
        }
        assert_eq!(asked_headers(Some(b"\xff")), REQUEST_HEADERS);
        assert_eq!(asked_headers(None), REQUEST_HEADERS);
    }

    #[test]
    fn without_an_origin_caches_are_still_told_that_it_matters() {
        assert_eq!(text(Cors::Shared(None)), "Vary: Origin\r\n");
        assert_eq!(text(Cors::Preflight(None, "")), "Vary: Origin\r\n");
        assert_eq!(text(Cors::Own), "");
    }
}
