//! Every known way to make two readers disagree about where a request ends.

use super::*;

/// Heads whose framing is refused outright: the lines of a POST.
const BAD_FRAMING: &[&[&str]] = &[
    // Both headers, in either order and whatever they say.
    &["Content-Length: 5", "Transfer-Encoding: chunked"],
    &["Transfer-Encoding: chunked", "Content-Length: 0"],
    &["Transfer-Encoding: identity", "Content-Length: 5"],
    &["Transfer-Encoding:", "Content-Length: 5"],
    // More than one length, even if equal.
    &["Content-Length: 5", "Content-Length: 5"],
    &["Content-Length: 5", "content-length: 6"],
    &["Content-Length: 5, 5"],
    &["Content-Length: 5,"],
    // Lengths that are not 1 to 19 digits.
    &["Content-Length:"],
    &["Content-Length: +5"],
    &["Content-Length: -5"],
    &["Content-Length: -0"],
    &["Content-Length: 0x5"],
    &["Content-Length: 5 5"],
    &["Content-Length: 5."],
    &["Content-Length: 5e1"],
    &["Content-Length: 5;"],
    &["Content-Length: \"5\""],
    &["Content-Length: five"],
    &["Content-Length: \u{664}"],
    &["Content-Length: 00000000000000000005"],
    &["Content-Length: 18446744073709551616"],
    &["Content-Length: 18446744073709551621"],
    // Codings: chunked is once, and last.
    &["Transfer-Encoding:"],
    &["Transfer-Encoding: chunked,"],
    &["Transfer-Encoding: ,chunked"],
    &["Transfer-Encoding: chunked, chunked"],
    &["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
    &["Transfer-Encoding: chunked", "Transfer-Encoding: identity"],
    &["Transfer-Encoding: chunked, gzip"],
    &["Transfer-Encoding: gzip, chunked, chunked"],
];

/// Codings that are not ours.
const UNKNOWN_CODING: &[&[&str]] = &[
    &["Transfer-Encoding: gzip"],
    &["Transfer-Encoding: identity"],
    &["Transfer-Encoding: gzip, chunked"],
    &["Transfer-Encoding: gzip", "Transfer-Encoding: chunked"],
    &["Transfer-Encoding: xchunked"],
    &["Transfer-Encoding: chunkedx"],
    &["Transfer-Encoding: chunked;q=1"],
    &["Transfer-Encoding: \"chunked\""],
    &["Transfer-Encoding: 'chunked'"],
    &["Transfer-Encoding: chunk ed"],
    &["Transfer-Encoding: chun\u{212a}ed"],
    &["Transfer-Encoding: \u{a0}chunked"],
];

/// Lines that are no header lines.
const BAD_REQUEST: &[&[&str]] = &[
    // Space before the colon, or before the name.
    &["Content-Length : 5"],
    &["Transfer-Encoding\t: chunked"],
    &["X: y", " Transfer-Encoding: chunked"],
    // Folded lines (RFC 9112 5.2).
    &["Transfer-Encoding:", " chunked"],
    &["X: y", "\tz"],
    // Control characters in names and values.
    &["Transfer-Encoding: chunked\0"],
    &["Transfer-Encoding: \u{b}chunked"],
    &["Transfer-Encoding: \u{c}chunked"],
    &["Transfer-Encoding: chunked\rX: y"],
    &["X: y\r", "Transfer-Encoding: chunked"],
    &["X: y\rTransfer-Encoding: chunked"],
    &["X\0: y"],
    &["X: \u{7f}"],
    // No name, no colon, and bytes that no name has.
    &[": y"],
    &["X"],
    &["Content Length: 5"],
    &["Content-Length\u{e9}: 5"],
    &["X(: y"],
];

/// All of them and some good ones, for the fuzz bodies.
pub fn corpus() -> Vec<String> {
    let lists = [BAD_FRAMING, UNKNOWN_CODING, BAD_REQUEST];
    let mut heads: Vec<_> = lists.concat().into_iter().map(post).collect();
    heads.extend([
        String::from_utf8_lossy(BROWSER).into_owned(),
        post(&["Content-Length: 5"]) + "helloGET / HTTP/1.1\r\n\r\n",
        post(&["Transfer-Encoding: chunked"]) + "0\r\n\r\n",
        "\r\n\nOPTIONS * HTTP/1.0\n\n".to_owned(),
        "GET /channels/%00%2C?echo=%31&a+b=%zz HTTP/1.1\r\nhost:\r\n\r\n".to_owned(),
        "GET /channels/a,b,%61?transport=eventsource&last_event_id=-3 HTTP/1.1\r\nhost:\r\nAccept-Encoding: gzip\r\nIf-None-Match: W/\"1:2\"\r\n\r\n".to_owned(),
        "\r\n\r\n\r\n\r\n\r\n\r\n".to_owned(),
    ]);
    heads
}

fn all_give(cases: &[&[&str]], reason: Reason) {
    for lines in cases {
        assert_eq!(judge(post(lines)), Err(reason), "{lines:?}");
    }
}

#[test]
fn contradictory_or_odd_framing_is_refused() {
    all_give(BAD_FRAMING, Reason::BadFraming);
}

#[test]
fn other_codings_are_not_implemented() {
    all_give(UNKNOWN_CODING, Reason::UnknownCoding);
}

#[test]
fn lines_that_are_no_header_lines_are_refused() {
    all_give(BAD_REQUEST, Reason::BadRequest);
}

#[test]
fn good_framing_is_read() {
    let cases: &[(&[&str], BodyKind)] = &[
        (&[], BodyKind::None),
        (&["Content-Length: 0"], BodyKind::None),
        (&["Content-Length: 5"], BodyKind::Length(5)),
        (&["content-length:\t005 "], BodyKind::Length(5)),
        (
            &["Content-Length: 9999999999999999999"],
            BodyKind::Length(9_999_999_999_999_999_999),
        ),
        (&["Transfer-Encoding: chunked"], BodyKind::Chunked),
        (&["TRANSFER-ENCODING: \tChunKED\t"], BodyKind::Chunked),
        (&["TE: trailers", "X-Content-Length: 5"], BodyKind::None),
    ];
    for (lines, body) in cases {
        assert_eq!(judge(post(lines)), Ok(*body), "{lines:?}");
    }
}

#[test]
fn http_1_0_has_lengths_but_no_codings() {
    let old = |line: &str| judge(format!("POST / HTTP/1.0\r\n{line}\r\n\r\n"));
    assert_eq!(old("Content-Length: 5"), Ok(BodyKind::Length(5)));
    assert_eq!(old("Transfer-Encoding: chunked"), Err(Reason::BadFraming));
    assert_eq!(old("Transfer-Encoding: gzip"), Err(Reason::BadFraming));
}

#[test]
fn exactly_the_bytes_that_may_stand_in_names_and_values_pass() {
    for byte in 0..=255u8 {
        let value = [
            b"GET / HTTP/1.1\r\nHost: h\r\nX: a",
            &[byte][..],
            b"b\r\n\r\n",
        ]
        .concat();
        if byte != b'\n' {
            assert_eq!(judge(value).is_ok(), is_text_byte(byte), "value {byte:#x}");
        }
        let name = [
            b"GET / HTTP/1.1\r\nHost: h\r\nX",
            &[byte][..],
            b"b: a\r\n\r\n",
        ]
        .concat();
        if !matches!(byte, b':' | b'\n') {
            assert_eq!(judge(name).is_ok(), is_token_byte(byte), "name {byte:#x}");
        }
    }
}

#[test]
fn a_head_with_anything_behind_it_is_refused() {
    let mut slots = [EMPTY_HEADER; HEADERS_MAX];
    let two = b"GET / HTTP/1.1\r\nHost: h\r\n\r\nGET /b HTTP/1.1\r\n\r\n";
    assert_eq!(parse(two, &mut slots).err(), Some(Reason::BadRequest));
    let mut slots = [EMPTY_HEADER; HEADERS_MAX];
    assert_eq!(
        parse(b"GET / H", &mut slots).err(),
        Some(Reason::BadRequest)
    );
}

#[test]
fn nothing_is_read_behind_any_of_these() {
    for reason in [
        Reason::BadRequest,
        Reason::BadFraming,
        Reason::BadChunk,
        Reason::UnknownCoding,
        Reason::TooManyHeaders,
        Reason::BadVersion,
        Reason::BadExpect,
        Reason::HeadTooLarge,
    ] {
        let reply = Reply {
            keep_alive: true,
            ..Reply::default()
        };
        let mut out = Vec::new();
        assert!(
            !refusal(reason, reply, &[], Cors::Own, &mut out),
            "{reason:?}"
        );
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("\r\nConnection: close\r\n"), "{text}");
    }
}
