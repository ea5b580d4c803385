//! Heads: their end, the request line, `Host`, persistence and `Expect`.

use proptest::prelude::*;

use super::*;
use crate::http::fuzz::fuzz_request;

/// Feeds a head in the given prefixes and returns the end and how far scanning got.
fn fed(data: &[u8], ends: impl IntoIterator<Item = usize>) -> Option<usize> {
    let mut scanned = 0;
    ends.into_iter()
        .find_map(|n| head_end(&data[..n], &mut scanned))
}

#[test]
fn a_head_ends_behind_its_empty_line_however_it_is_cut() {
    let rest = [BROWSER, b"\x81\x85rest\r\n\r\n"].concat();
    let end = Some(BROWSER.len());
    assert_eq!(fed(&rest, 1..=rest.len()), end);
    for cut in 0..=rest.len() {
        assert_eq!(fed(&rest, [cut, rest.len()]), end, "cut at {cut}");
    }
    for n in 0..BROWSER.len() {
        assert_eq!(head_end(&BROWSER[..n], &mut 0), None, "{n} bytes");
    }
}

#[test]
fn lines_may_end_with_lf_alone_but_not_with_cr_alone() {
    let cases: [(&[u8], Option<usize>); 7] = [
        (b"GET / HTTP/1.1\n\nx", Some(16)),
        (b"GET / HTTP/1.1\r\n\nx", Some(17)),
        (b"GET / HTTP/1.1\n\r\nx", Some(17)),
        (b"GET / HTTP/1.1\r\n\r\r\n", None),
        (b"GET / HTTP/1.1\r\r", None),
        (b"GET / HTTP/1.1\n \n", None),
        (b"", None),
    ];
    for (data, end) in cases {
        assert_eq!(head_end(data, &mut 0), end, "{data:?}");
        assert_eq!(fed(data, 1..=data.len()), end, "{data:?} byte by byte");
    }
    assert_eq!(judge("GET / HTTP/1.1\nHost: h\n\n"), Ok(BodyKind::None));
}

#[test]
fn scanning_resumes_where_it_stopped() {
    let mut scanned = 0;
    let mut data = vec![b'a'; 10_000];
    assert_eq!(head_end(&data, &mut scanned), None);
    assert_eq!(scanned, 10_000);
    // What was scanned is not looked at again: an end put there goes unnoticed.
    data[500..504].copy_from_slice(b"\r\n\r\n");
    data.push(b'a');
    assert_eq!(head_end(&data, &mut scanned), None);
    data.extend_from_slice(b"\r\n\r");
    assert_eq!(head_end(&data, &mut scanned), None);
    assert_eq!(scanned, 10_002, "the last LF may still begin the end");
    data.push(b'\n');
    assert_eq!(head_end(&data, &mut scanned), Some(data.len()));
    assert_eq!(head_end(b"a", &mut 7), None, "a shorter buffer is no panic");
}

#[test]
fn a_few_empty_lines_before_a_request_are_skipped_and_more_are_refused() {
    let request = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    for line in ["\r\n", "\n"] {
        let most = line.repeat(LEADING_LINES_MAX) + request;
        assert_eq!(judge(&most), Ok(BodyKind::None));
        assert_eq!(fed(most.as_bytes(), 1..=most.len()), Some(most.len()));
        let over = line.repeat(LEADING_LINES_MAX + 1);
        assert_eq!(judge(&over), Err(Reason::BadRequest));
        let head = over.clone() + request;
        assert_eq!(fed(head.as_bytes(), 1..=head.len()), Some(over.len()));
    }
}

#[test]
fn a_browsers_request_is_read_whole() {
    with(BROWSER, |r| {
        let r = r.unwrap();
        assert_eq!((r.method, r.path, r.minor), ("GET", "/channels/news", 1));
        assert_eq!(r.query, Some("echo=true"));
        assert_eq!(r.headers.len(), 12);
        assert_eq!(r.body, BodyKind::None);
        assert!(r.keep_alive && !r.expect_continue);
        assert!(r.has_token("connection", "upgrade") && r.has_token("upgrade", "WebSocket"));
        assert_eq!(r.header("ORIGIN"), Some(&b"http://localhost:8080"[..]));
        let key = r.header_once("sec-websocket-key");
        assert_eq!(key, Ok(Some(&b"dGhlIHNhbXBsZSBub25jZQ=="[..])));
        assert_eq!(
            r.reply(),
            Reply {
                minor: 1,
                keep_alive: true,
                head_only: false,
                told: Told::Plain,
            }
        );
    });
}

/// Path and query of `method target`, or why it is refused.
fn target(method: &str, target: &str) -> Result<(String, Option<String>), Reason> {
    let head = format!("{method} {target} HTTP/1.1\r\nHost: h\r\n\r\n");
    with(head.as_bytes(), |r| {
        r.map(|r| (r.path.to_owned(), r.query.map(str::to_owned)))
    })
}

#[test]
fn targets_are_origin_form_absolute_form_or_an_asterisk() {
    let cases = [
        ("/", "/", None),
        ("/a%2Fb?x=1&y", "/a%2Fb", Some("x=1&y")),
        ("/a??b", "/a", Some("?b")),
        ("/a?", "/a", Some("")),
        ("//a", "//a", None),
        ("/caf\u{e9}", "/caf\u{e9}", None),
        ("http://host:80/a?b", "/a", Some("b")),
        ("HTTPS://[::1]", "/", None),
        ("http://host?b/c", "/", Some("b/c")),
    ];
    for (raw, path, query) in cases {
        let want = (path.to_owned(), query.map(str::to_owned));
        assert_eq!(target("GET", raw), Ok(want), "{raw}");
    }
    assert_eq!(target("OPTIONS", "*"), Ok(("*".to_owned(), None)));
    let refused = [
        ("GET", "*"),
        ("GET", "a"),
        ("GET", "?a"),
        ("GET", "/a#b"),
        ("GET", "ftp://host/"),
        ("GET", "http:///a"),
        ("GET", "http://?a"),
        ("GET", "http://user@host/"),
        ("CONNECT", "host:80"),
    ];
    for (method, raw) in refused {
        assert_eq!(target(method, raw), Err(Reason::BadRequest), "{raw}");
    }
}

#[test]
fn other_versions_are_told_from_what_is_no_http() {
    let judge_line = |line: &str| judge(format!("{line}\r\nHost: h\r\n\r\n"));
    for version in ["HTTP/2.0", "HTTP/1.2", "HTTP/0.9", "HTTP/3.0"] {
        let line = format!("GET / {version}");
        assert_eq!(judge_line(&line), Err(Reason::BadVersion), "{version}");
    }
    assert_eq!(judge("PRI * HTTP/2.0\r\n\r\n"), Err(Reason::BadVersion));
    assert_eq!(judge("\r\nGET / HTTP/2.0\n\n"), Err(Reason::BadVersion));
    for line in [
        "GET /",
        "GET / ",
        "GET / HTTP/1.",
        "GET / HTTP/1.12",
        "GET / http/1.1",
        "GET / HTTP/2",
        "GET / HTTP/1.1 ",
        "GET  / HTTP/1.1",
        " GET / HTTP/1.1",
        "GET / x HTTP/2.0",
        "G\u{e9}T / HTTP/1.1",
        "GET /\u{7f} HTTP/1.1",
        "GET /\0 HTTP/1.1",
        "GET\t/\tHTTP/1.1",
        "\u{16}\u{3}\u{1}\u{2}",
    ] {
        assert_eq!(judge_line(line), Err(Reason::BadRequest), "{line:?}");
    }
}

#[test]
fn a_hundred_header_lines_pass_and_one_more_does_not() {
    let lines = |n: usize| -> String { (1..n).map(|i| format!("X-{i}: v\r\n")).collect() };
    let head = |n| format!("GET / HTTP/1.1\r\nHost: h\r\n{}\r\n", lines(n));
    assert_eq!(judge(head(HEADERS_MAX)), Ok(BodyKind::None));
    assert_eq!(judge(head(HEADERS_MAX + 1)), Err(Reason::TooManyHeaders));
}

#[test]
fn one_host_is_required_and_must_be_one() {
    let hosts = |minor: u8, lines: &[&str]| {
        let lines: String = lines.iter().map(|v| format!("Host:{v}\r\n")).collect();
        judge(format!("GET / HTTP/1.{minor}\r\n{lines}\r\n"))
    };
    for good in [" h", "h:80", " [::1]:8080", "", " 127.0.0.1", " a_b.c"] {
        assert_eq!(hosts(1, &[good]), Ok(BodyKind::None), "{good:?}");
    }
    assert_eq!(hosts(0, &[]), Ok(BodyKind::None));
    assert_eq!(hosts(0, &["h"]), Ok(BodyKind::None));
    assert_eq!(hosts(1, &[]), Err(Reason::BadRequest));
    for minor in [0, 1] {
        assert_eq!(hosts(minor, &["h", "h"]), Err(Reason::BadRequest));
        for bad in ["a b", "a/b", "u@h", "a?b", "a\\b", "\u{e9}", "a\tb", "<a>"] {
            assert_eq!(hosts(minor, &[bad]), Err(Reason::BadRequest), "{bad:?}");
        }
    }
}

#[test]
fn persistence_follows_the_version_and_close_wins() {
    let keeps = |minor: u8, lines: &str| {
        let head = format!("GET / HTTP/1.{minor}\r\nHost: h\r\n{lines}\r\n");
        with(head.as_bytes(), |r| r.unwrap().keep_alive)
    };
    assert!(keeps(1, "") && !keeps(0, ""));
    assert!(keeps(1, "Connection: upgrade\r\n"));
    assert!(keeps(0, "connection: x, Keep-Alive\r\n"));
    for close in [
        "Connection: close\r\n",
        "CONNECTION: x ,CLOSE\r\n",
        "Connection: keep-alive\r\nConnection: close\r\n",
    ] {
        assert!(!keeps(1, close) && !keeps(0, close), "{close:?}");
    }
    assert!(keeps(1, "X-Connection: close\r\nConnection: closed\r\n"));
}

#[test]
fn only_100_continue_may_be_expected() {
    let expect = |minor: u8, lines: &str| {
        let head = format!("PUT / HTTP/1.{minor}\r\nHost: h\r\n{lines}\r\n");
        with(head.as_bytes(), |r| r.map(|r| r.expect_continue))
    };
    let body = "Content-Length: 3\r\n";
    assert_eq!(expect(1, body), Ok(false));
    let waits = format!("{body}Expect: 100-Continue\r\n");
    assert_eq!(expect(1, &waits), Ok(true));
    assert_eq!(expect(0, &waits), Ok(false), "HTTP/1.0 knows none");
    assert_eq!(expect(1, "Expect: 100-continue\r\n"), Ok(false), "no body");
    assert_eq!(expect(1, &format!("{body}Expect:\r\n")), Ok(false));
    let other = format!("{waits}Expect: tea\r\n");
    assert_eq!(expect(1, &other), Err(Reason::BadExpect));
    assert_eq!(expect(0, &other), Ok(false));
    assert_eq!(
        expect(1, "Expect: 100-continue, x\r\n"),
        Err(Reason::BadExpect)
    );
}

#[test]
fn the_fuzz_body_holds_on_a_corpus_and_on_its_mutations() {
    fuzz_request(b"");
    let mut seed = 0x9e37_79b9_7f4a_7c15u64;
    for head in smuggling::corpus() {
        fuzz_request(head.as_bytes());
        for _ in 0..4 {
            let mut bytes = head.clone().into_bytes();
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let at = seed as usize % bytes.len();
            bytes[at] = b"\r\n :,\0\t%?/1a\xff"[(seed >> 32) as usize % 13];
            fuzz_request(&bytes);
        }
    }
}

proptest! {
    #[test]
    fn any_mixture_of_line_ends_is_read_as_the_naive_reader_does(
        parts in prop::collection::vec(
            prop_oneof![Just("\r"), Just("\n"), Just("\r\n"), Just("a"), Just("GET / HTTP/1.1"), Just("Host: h")],
            0..24,
        )
    ) {
        fuzz_request(parts.concat().as_bytes());
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(data in prop::collection::vec(any::<u8>(), 0..200)) {
        fuzz_request(&data);
        fuzz_request(&[b"GET /", &data[..], b" HTTP/1.1\r\nHost: h\r\n\r\n"].concat());
        fuzz_request(&[b"GET / HTTP/1.1\r\nHost: h\r\nX:", &data[..], b"\r\n\r\n"].concat());
    }
}
