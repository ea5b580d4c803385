//! Parts, read by their delimiters alone as RFC 2046 5.1.1 says.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::*;

type Part = (HashMap<String, String>, Vec<u8>);

fn item(payload: &[u8]) -> Item<'_> {
    Item {
        id: "1:2",
        binary: true,
        content_type: None,
        event: None,
        payload,
    }
}

/// Splits at each delimiter; what stands behind it on its line begins the next piece.
fn split<'a>(mut rest: &'a [u8], delimiter: &[u8]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    while let Some(at) = rest.windows(delimiter.len()).position(|w| w == delimiter) {
        pieces.push(&rest[..at]);
        rest = &rest[at + delimiter.len()..];
    }
    pieces.push(rest);
    pieces
}

/// The parts of a stream that must be whole.
fn read(stream: &[u8]) -> Vec<Part> {
    let delimiter = format!("\r\n--{BOUNDARY}");
    let stream = [b"\r\n", stream].concat();
    let pieces = split(&stream, delimiter.as_bytes());
    let [preamble, parts @ .., end] = &pieces[..] else {
        panic!("no delimiter");
    };
    assert_eq!((*preamble, *end), (&b""[..], END));
    parts.iter().map(|part| read_part(part)).collect()
}

fn read_part(part: &[u8]) -> Part {
    let part = part
        .strip_prefix(b"\r\n")
        .expect("a line end behind the delimiter");
    let at = memmem::find(part, b"\r\n\r\n").expect("an empty line");
    let head = std::str::from_utf8(&part[..at]).unwrap();
    let pair = |line: &str| {
        line.split_once(": ")
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
    };
    let headers: HashMap<_, _> = head.split("\r\n").map(|line| pair(line).unwrap()).collect();
    let body = &part[at + 4..];
    assert_eq!(headers["Content-Length"], body.len().to_string());
    match headers.get("Content-Transfer-Encoding").map(String::as_str) {
        Some("base64") => (headers, STANDARD.decode(body).unwrap()),
        other => {
            assert_eq!(other, None);
            (headers, body.to_vec())
        }
    }
}

#[test]
fn a_part_tells_type_id_name_and_length() {
    let mut out = HEAD.to_vec();
    append(
        &Item {
            binary: false,
            event: Some("tick"),
            ..item(b"a\r\n")
        },
        &mut out,
    );
    out.extend_from_slice(HEARTBEAT);
    gap("1:3", "{}", &mut out);
    out.extend_from_slice(END);
    let expected = "--B\r\nEtag: 1:2\r\nX-EventSource-Event: tick\r\n\
        Content-Length: 3\r\nContent-Type: text/plain; charset=utf-8\r\n\r\na\r\n\r\n--B\r\n\
        Content-Type: application/vnd.longwave.heartbeat\r\nContent-Length: 0\r\n\r\n\r\n--B\r\n\
        Etag: 1:3\r\nContent-Length: 2\r\nContent-Type: application/vnd.longwave.gap+json\r\n\r\n{}\r\n--B--\r\n";
    assert_eq!(
        String::from_utf8(out.clone()).unwrap(),
        expected.replace("--B", &format!("--{BOUNDARY}"))
    );
    assert_eq!(read(&out).len(), 3);
}

#[test]
fn the_boundary_needs_no_quotes_and_is_not_too_long() {
    assert!(BOUNDARY.len() <= 70);
    assert!(
        BOUNDARY
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    );
}

#[test]
fn a_payload_cannot_end_its_part() {
    let forged = format!("\r\n--{BOUNDARY}\r\nEtag: 9:9\r\n\r\nforged\r\n--{BOUNDARY}--\r\n");
    for payload in [&forged[..], &forged[2..], &format!("x--{BOUNDARY}")] {
        let mut out = HEAD.to_vec();
        append(&item(payload.as_bytes()), &mut out);
        out.extend_from_slice(END);
        let parts = read(&out);
        assert_eq!(parts.len(), 1);
        assert_eq!(parts[0].0["Content-Transfer-Encoding"], "base64");
        assert_eq!(parts[0].1, payload.as_bytes());
    }
}

proptest! {
    #[test]
    fn readers_get_each_message(
        messages in proptest::collection::vec(proptest::collection::vec(
            proptest::sample::select(vec!["\r\n", "\r", "\n", "--", BOUNDARY, "a", ""]), 0..8), 0..5),
    ) {
        let messages: Vec<String> = messages.iter().map(|pieces| pieces.concat()).collect();
        let mut out = HEAD.to_vec();
        for message in &messages {
            append(&item(message.as_bytes()), &mut out);
        }
        out.extend_from_slice(END);
        let bodies: Vec<Vec<u8>> = read(&out).into_iter().map(|part| part.1).collect();
        let expected: Vec<Vec<u8>> = messages.into_iter().map(String::into_bytes).collect();
        prop_assert_eq!(bodies, expected);
    }
}
