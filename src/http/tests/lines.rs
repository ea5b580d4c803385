//! A message a line.

use proptest::prelude::*;

use super::*;
use crate::http::{is_lines, lines};
use crate::limits::LINES_MAX;

fn all(body: &[u8]) -> Result<Vec<&str>, Reason> {
    lines(body).map(Iterator::collect)
}

#[test]
fn lines_are_messages_as_they_are_and_empty_ones_are_none() {
    for (body, messages) in [
        ("", &[][..]),
        ("\n\r\n\n", &[]),
        ("{\"a\":1}", &["{\"a\":1}"]),
        ("{\"a\":1}\n", &["{\"a\":1}"]),
        ("1\r\n2\n3", &["1", "2", "3"]),
        ("\n1\n\n\r\n2\r\n", &["1", "2"]),
        ("no json\n \n\t", &["no json", " ", "\t"]),
        ("a\rb\r\r\n\r", &["a\rb\r"]),
        ("caf\u{e9}\n\0\u{2028}", &["caf\u{e9}", "\0\u{2028}"]),
    ] {
        assert_eq!(all(body.as_bytes()).unwrap(), messages, "{body:?}");
    }
}

#[test]
fn a_body_is_refused_before_its_first_line_is_given() {
    assert_eq!(all(b"good\nbad \xff\n"), Err(Reason::BadUtf8));
    let most = "\n\r\nx".repeat(LINES_MAX);
    assert_eq!(all(most.as_bytes()).unwrap().len(), LINES_MAX);
    let over = most + "\nx";
    assert_eq!(all(over.as_bytes()), Err(Reason::TooManyLines));
    let told = format!("{LINES_MAX} lines at most");
    assert!(Reason::TooManyLines.text().ends_with(&told));
}

#[test]
fn the_media_type_says_so() {
    for yes in [
        "application/x-ndjson",
        "Application/X-NDJSON ; charset=utf-8",
    ] {
        assert!(is_lines(yes.as_bytes()), "{yes}");
    }
    for no in [
        "",
        "application/json",
        "application/x-ndjson2",
        "text/plain; application/x-ndjson",
    ] {
        assert!(!is_lines(no.as_bytes()), "{no}");
    }
}

proptest! {
    #[test]
    fn lines_come_back_from_a_body_of_them(
        sent in prop::collection::vec("[^\r\n]{1,9}", 0..20),
        ends in prop::collection::vec(prop_oneof![Just("\n"), Just("\r\n"), Just("\n\n"), Just("\r\n\n")], 20),
    ) {
        let body: String = sent.iter().zip(&ends).flat_map(|(line, end)| [line.as_str(), end]).collect();
        prop_assert_eq!(all(body.as_bytes()).unwrap(), sent);
    }
}
