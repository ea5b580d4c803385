//! Channel names and query parameters.

use std::borrow::Cow;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;

use super::*;

#[test]
fn names_are_decoded_once() {
    for (segment, name) in [
        ("news", "news"),
        ("a%20b", "a b"),
        ("a+b", "a+b"),
        ("a%2Cb", "a,b"),
        ("a%2cb%2Fc", "a,b/c"),
        ("%2541", "%41"),
        ("caf%C3%A9", "caf\u{e9}"),
        ("caf\u{e9}", "caf\u{e9}"),
        ("...", "..."),
        ("%F0%9F%98%80", "\u{1f600}"),
    ] {
        assert_eq!(channel_name(segment).as_deref(), Ok(name), "{segment}");
    }
    assert!(matches!(channel_name("news"), Ok(Cow::Borrowed(_))));
}

#[test]
fn names_outside_what_is_allowed_are_refused() {
    for segment in [
        "",
        ".",
        "..",
        "%2e",
        "%2E.",
        ".%2e",
        "a,b",
        ",",
        "a/b",
        "%",
        "a%",
        "%4",
        "%4g",
        "%g4",
        "%%41",
        "%4%31",
        "a%00",
        "%0A",
        "%1F",
        "%7F",
        "\u{7f}",
        "%C2%80",
        "%c2%9f",
        "\u{85}",
        "%FF",
        "%C3",
        "%C0%AF",
        "%ED%A0%80",
    ] {
        assert_eq!(
            channel_name(segment),
            Err(Reason::BadChannel),
            "{segment:?}"
        );
    }
}

#[test]
fn a_name_has_at_most_255_bytes_after_decoding() {
    let n = crate::limits::CHANNEL_NAME_BYTES_MAX;
    for (unit, bytes) in [("a", 1), ("%41", 1), ("%C3%A9x", 3)] {
        assert!(channel_name(&unit.repeat(n / bytes)).is_ok(), "{unit}");
        let over = unit.repeat(n / bytes + 1);
        assert_eq!(channel_name(&over), Err(Reason::BadChannel), "{unit}");
    }
}

#[test]
fn query_values_are_the_first_of_their_key() {
    let query = Some("a=1&b=x+y%20%2B&&c&a=2&%64=%e4&e==&f=%zz&g+h=i%2Bj");
    for (key, value) in [
        ("a", Some("1")),
        ("b", Some("x y +")),
        ("c", Some("")),
        ("d", Some("\u{fffd}")),
        ("e", Some("=")),
        ("f", Some("%zz")),
        ("g h", Some("i+j")),
        ("A", None),
        ("z", None),
    ] {
        assert_eq!(query_value(query, key).as_deref(), value, "{key}");
    }
    assert_eq!(query_value(None, "a"), None);
    assert_eq!(query_value(Some(""), "a"), None);
}

#[test]
fn flags_are_yes_or_no_and_nothing_else() {
    for (query, flag) in [
        (None, Ok(false)),
        (Some("x=1"), Ok(false)),
        (Some("echo"), Ok(true)),
        (Some("echo="), Ok(true)),
        (Some("echo=true"), Ok(true)),
        (Some("echo=1"), Ok(true)),
        (Some("echo=%31"), Ok(true)),
        (Some("echo=on"), Ok(true)),
        (Some("echo=false"), Ok(false)),
        (Some("echo=off"), Ok(false)),
        (Some("echo=0&echo=1"), Ok(false)),
        (Some("echo=TRUE"), Err(Reason::BadQuery)),
        (Some("echo=yes"), Err(Reason::BadQuery)),
        (Some("echo=+1"), Err(Reason::BadQuery)),
    ] {
        assert_eq!(query_flag(query, "echo"), flag, "{query:?}");
    }
}

proptest! {
    #[test]
    fn every_allowed_name_comes_back_from_its_encoding(name in "\\PC{1,60}") {
        let encoded = utf8_percent_encode(&name, NON_ALPHANUMERIC).to_string();
        match path::is_channel_name(&name) {
            true => prop_assert_eq!(channel_name(&encoded).unwrap(), name),
            false => prop_assert_eq!(channel_name(&encoded), Err(Reason::BadChannel)),
        }
    }

    #[test]
    fn query_values_come_back_from_their_encoding(
        pairs in prop::collection::vec(("\\PC{1,8}", "\\PC{0,8}"), 1..5),
    ) {
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string().replace("%20", "+");
        let query: Vec<_> = pairs.iter().map(|(k, v)| format!("{}={}", encode(k), encode(v))).collect();
        let query = query.join("&");
        for (key, _) in &pairs {
            let first = &pairs.iter().find(|(k, _)| k == key).unwrap().1;
            prop_assert_eq!(&query_value(Some(&query), key).unwrap(), first);
        }
    }
}
