//! Answers to polls, byte for byte.

use super::*;

const DATE: &str = "Thu, 01 Jan 1970 00:00:07 GMT";

fn written(item: &Item<'_>) -> String {
    let mut out = b"HTTP/1.1 200 OK\r\n".to_vec();
    append(item, DATE, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn an_answer_tells_type_length_id_and_name() {
    let item = Item {
        id: "7:123",
        binary: false,
        content_type: None,
        event: None,
        payload: "ü\r\n\r\nx".as_bytes(),
    };
    let fixed = "Vary: If-None-Match, If-Modified-Since, Accept\r\n\
        Cache-Control: no-store\r\n\
        X-Content-Type-Options: nosniff\r\n\
        Content-Security-Policy: sandbox\r\n\r\n";
    let head = |media_type: &str, len: usize, event: &str| {
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\nContent-Length: {len}\r\n\
             Last-Modified: {DATE}\r\nEtag: 123\r\n{event}{fixed}"
        )
    };
    let plain = head("text/plain; charset=utf-8", 7, "");
    assert_eq!(written(&item), format!("{plain}ü\r\n\r\nx"));
    let bytes = Item {
        binary: true,
        payload: b"",
        ..item
    };
    assert_eq!(written(&bytes), head("application/octet-stream", 0, ""));
    let typed = Item {
        content_type: Some("text/css"),
        event: Some("tick"),
        payload: b"a",
        ..bytes
    };
    let event = "X-EventSource-Event: tick\r\n";
    assert_eq!(written(&typed), format!("{}a", head("text/css", 1, event)));
}

#[test]
fn names_that_fit_no_header_are_left_out() {
    let item = |event| Item {
        id: "7:123",
        binary: false,
        content_type: None,
        event: Some(event),
        payload: b"x",
    };
    for name in ["", "\u{1}", "\u{7f}", "a\tb", &"x".repeat(256)] {
        assert!(
            !written(&item(name)).contains("X-EventSource-Event"),
            "{name:?}"
        );
    }
}
