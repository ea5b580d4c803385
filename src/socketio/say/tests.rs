//! Messages as events, case by case; what no client may be given goes out as text.

use super::*;
use crate::limits::{EVENT_ARGUMENTS_MAX, EVENT_DEPTH_MAX};

fn spoken(said: Said<'_>, namespace: &str, with_id: bool) -> (String, Vec<Vec<u8>>) {
    let mut spoken = Spoken::default();
    say(&said, namespace, with_id, &mut spoken);
    let attachments = spoken.attachments().map(<[u8]>::to_vec).collect();
    (String::from_utf8(spoken.text).unwrap(), attachments)
}

fn text(payload: &str) -> Said<'_> {
    Said {
        id: "7:42",
        binary: false,
        event: None,
        payload: payload.as_bytes(),
    }
}

/// What is said of text, which has no attachments.
fn plain(payload: &str) -> String {
    let (packet, attachments) = spoken(text(payload), "/", false);
    assert!(attachments.is_empty(), "{payload}");
    packet
}

/// All of a payload, as the one argument of `message`.
fn as_text(payload: &str) -> String {
    format!("42[\"message\",{}]", serde_json::json!(payload))
}

#[test]
fn an_event_has_its_name_and_arguments_as_they_are_written() {
    let cases = [
        (r#"{"name":"msg","data":[12,5]}"#, r#"42["msg",12,5]"#),
        (r#"{"data":[12, 5 ],"name":"msg"}"#, r#"42["msg",12, 5]"#),
        (r#"{"name":"msg","data":[]}"#, r#"42["msg"]"#),
        (r#"{"name":"msg","data":[ ]}"#, r#"42["msg"]"#),
        (r#"{"name":"msg","data":[[]]}"#, r#"42["msg",[]]"#),
        (r#"{"name":"msg","data":5}"#, r#"42["msg",5]"#),
        (r#"{"name":"msg","data":null}"#, r#"42["msg",null]"#),
        (r#"{"name":"msg","data":"[1]"}"#, r#"42["msg","[1]"]"#),
        (
            r#"{"name":"msg","data":{"a":[1]}}"#,
            r#"42["msg",{"a":[1]}]"#,
        ),
        (
            r#"{"name":"msg","data":[1.0e+400,9007199254740993]}"#,
            r#"42["msg",1.0e+400,9007199254740993]"#,
        ),
        (
            r#"{"name":"A\u00e9\n\"\\","data":[{"z":1,"a":1,"z":2}]}"#,
            r#"42["Aé\n\"\\",{"z":1,"a":1,"z":2}]"#,
        ),
        (r#"{"name":"","data":1}"#, r#"42["",1]"#),
        (r#"{"name":"a","data":"\ud800"}"#, r#"42["a","\ud800"]"#),
        (
            "{\"name\":\"a\",\"data\":\"\u{2028}\"}",
            "42[\"a\",\"\u{2028}\"]",
        ),
        // Nothing looks for placeholders in a packet without attachments.
        (
            r#"{"name":"a","data":{"_placeholder":true,"num":9}}"#,
            r#"42["a",{"_placeholder":true,"num":9}]"#,
        ),
        (
            r#"{"name":"a","data":{"_placeholder":true,"num":0},"attachments":[]}"#,
            r#"42["a",{"_placeholder":true,"num":0}]"#,
        ),
    ];
    for (payload, packet) in cases {
        assert_eq!(plain(payload), packet, "{payload}");
    }
}

#[test]
fn other_text_is_a_message_and_ends_no_packet() {
    let cases = [
        ("", r#"42["message",""]"#),
        ("hello", r#"42["message","hello"]"#),
        (
            "a\u{1e}b\0\n\u{2028}\u{7f}\"\\",
            "42[\"message\",\"a\\u001eb\\u0000\\n\u{2028}\u{7f}\\\"\\\\\"]",
        ),
        (r#"["msg",1]"#, r#"42["message","[\"msg\",1]"]"#),
        (
            r#"{"name":"a","data":1,"more":2}"#,
            r#"42["message","{\"name\":\"a\",\"data\":1,\"more\":2}"]"#,
        ),
        (
            r#"{"name":"\ud800","data":1}"#,
            r#"42["message","{\"name\":\"\\ud800\",\"data\":1}"]"#,
        ),
    ];
    for (payload, packet) in cases {
        assert_eq!(plain(payload), packet, "{payload}");
    }
}

#[test]
fn reserved_names_are_never_those_of_events() {
    for name in RESERVED {
        let payload = format!(r#"{{"name":"{name}","data":[1]}}"#);
        assert_eq!(plain(&payload), as_text(&payload));
        let given = Said {
            event: Some(name),
            ..text("hello")
        };
        assert_eq!(spoken(given, "/", false).0, r#"42["message","hello"]"#);
    }
    let escaped = r#"{"name":"c\u006fnnect","data":[1]}"#;
    assert_eq!(plain(escaped), as_text(escaped));
    assert_eq!(
        plain(r#"{"name":"Connect","data":1}"#),
        r#"42["Connect",1]"#
    );
}

#[test]
fn a_name_beside_the_payload_is_that_of_what_names_nothing_itself() {
    let named = |payload, binary| Said {
        event: Some("tick\""),
        binary,
        ..text(payload)
    };
    let said = |payload, binary| spoken(named(payload, binary), "/", false).0;
    assert_eq!(said("5", false), r#"42["tick\"","5"]"#);
    assert_eq!(said(r#"{"name":"a","data":[]}"#, false), r#"42["a"]"#);
    let reserved = r#"{"name":"connect","data":[]}"#;
    assert_eq!(
        said(reserved, false),
        format!("42[\"tick\\\"\",{}]", serde_json::json!(reserved))
    );
    assert_eq!(
        said("5", true),
        r#"451-["tick\"",{"_placeholder":true,"num":0}]"#
    );
}

#[test]
fn bytes_are_an_attachment() {
    let bytes = Said {
        binary: true,
        payload: b"\xff\0\x1e",
        ..text("")
    };
    assert_eq!(
        spoken(bytes, "/news", true),
        (
            r#"451-/news,["message",{"_placeholder":true,"num":0},"7:42"]"#.to_owned(),
            vec![b"\xff\0\x1e".to_vec()]
        )
    );
    let none = Said {
        binary: true,
        ..text("")
    };
    assert_eq!(spoken(none, "/", false).1, [b""]);
    let broken = Said {
        payload: b"not UTF-8: \xff",
        ..text("")
    };
    assert_eq!(spoken(broken, "/", false).1, [b"not UTF-8: \xff"]);
}

#[test]
fn the_id_is_the_last_argument() {
    let said = |payload| spoken(text(payload), "/a b", true).0;
    assert_eq!(said("x"), r#"42/a b,["message","x","7:42"]"#);
    assert_eq!(said(r#"{"name":"a","data":[]}"#), r#"42/a b,["a","7:42"]"#);
    assert_eq!(
        said(r#"{"name":"a","data":[1]}"#),
        r#"42/a b,["a",1,"7:42"]"#
    );
}

#[test]
fn attachments_of_an_event_follow_it() {
    let payload = r#"{"name":"a","data":[1,{"b":{"num":1,"_placeholder":true}},[{"_placeholder":true,"num":0}]],"attachments":["AQI=", "" , "AQ","\/\u002b8="]}"#;
    let (packet, attachments) = spoken(text(payload), "/news", false);
    let data = r#"1,{"b":{"num":1,"_placeholder":true}},[{"_placeholder":true,"num":0}]"#;
    assert_eq!(packet, format!("454-/news,[\"a\",{data}]"));
    assert_eq!(attachments, [&[1u8, 2][..], &[], &[1], &[0xff, 0xef]]);
    // Nothing has to stand for an attachment.
    let unused = r#"{"attachments":["AQI="],"name":"a","data":7}"#;
    assert_eq!(
        spoken(text(unused), "/", false),
        (r#"451-["a",7]"#.to_owned(), vec![vec![1, 2]])
    );
}

#[test]
fn attachments_at_which_a_client_would_throw_make_it_text() {
    let event = |data: &str, attachments: &str| {
        format!(r#"{{"name":"a","data":{data},"attachments":{attachments}}}"#)
    };
    let one = r#"["AQI="]"#;
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let many = |count: usize| format!("[{}]", vec!["\"AQ==\""; count].join(","));
    let cases = [
        event(r#"{"_placeholder":true,"num":1}"#, one),
        event(r#"{"_placeholder":true,"num":-1}"#, one),
        event(r#"{"_placeholder":true,"num":0.0}"#, one),
        event(r#"{"_placeholder":1,"num":0}"#, one),
        event(r#"{"_placeholder":[1],"num":9}"#, one),
        event(r#"{"_placeholder":true,"num":0.5}"#, one),
        event(r#"{"_placeholder":true,"num":"0"}"#, one),
        event(r#"{"_placeholder":true,"num":[0]}"#, one),
        event(r#"{"_placeholder":true,"num":1e999}"#, one),
        event(r#"{"_placeholder":true}"#, one),
        event(r#"{"_placeholder":false,"num":9,"_placeholder":true}"#, one),
        event(r#"{"_placeholder":true,"num":0,"num":9}"#, one),
        event(r#"{"_pl\u0061ceholder":true,"num":9}"#, one),
        event(r#"[[{"x":[{"_placeholder":true,"num":9}]}]]"#, one),
        event("1", r#"["AQI=",5]"#),
        event("1", r#"["AQI=","%"]"#),
        event("1", r#"["A"]"#),
        event("1", r#"["AQI=",null]"#),
        event("1", r#"[["AQI="]]"#),
        event("1", r#"["\ud800"]"#),
        event("1", r#""AQI=""#),
        event("1", "null"),
        event("1", &many(SAID_ATTACHMENTS_MAX + 1)),
        event(&deep(EVENT_DEPTH_MAX + 1), one),
    ];
    for payload in cases {
        assert_eq!(plain(&payload), as_text(&payload));
    }
    let most = event("1", &many(SAID_ATTACHMENTS_MAX));
    assert_eq!(
        spoken(text(&most), "/", false).1.len(),
        SAID_ATTACHMENTS_MAX
    );
}

#[test]
fn what_is_too_deep_or_too_much_for_a_client_is_text() {
    let event = |data: &str| format!(r#"{{"name":"a","data":{data}}}"#);
    let deep = |levels: usize| event(&format!("{}{}", "[".repeat(levels), "]".repeat(levels)));
    let wide = |count: usize| event(&format!("[{}]", vec!["0"; count].join(",")));
    let pretty = |count: usize| event(&format!("[{}]", vec![" {\"a\":[1,2]}"; count].join(",")));
    for good in [
        deep(EVENT_DEPTH_MAX),
        wide(EVENT_ARGUMENTS_MAX),
        pretty(EVENT_ARGUMENTS_MAX),
    ] {
        assert!(plain(&good).starts_with("42[\"a\","), "{}", good.len());
    }
    for bad in [
        deep(EVENT_DEPTH_MAX + 1),
        deep(100_000),
        wide(EVENT_ARGUMENTS_MAX + 1),
        pretty(EVENT_ARGUMENTS_MAX + 1),
    ] {
        assert_eq!(plain(&bad), as_text(&bad));
    }
    // One argument may be as wide as it likes.
    let inner = event(&format!(
        "[[{}]]",
        vec!["0"; EVENT_ARGUMENTS_MAX + 1].join(",")
    ));
    assert!(plain(&inner).starts_with("42[\"a\","));
}

#[test]
fn nothing_is_left_of_what_was_said_before() {
    let mut spoken = Spoken::default();
    let bad = r#"{"name":"a","data":1,"attachments":["AQI=","%"]}"#;
    for payload in [r#"{"name":"a","data":1,"attachments":["AQI="]}"#, bad, "x"] {
        say(&text(payload), "/", false, &mut spoken);
    }
    assert_eq!(spoken.text, br#"42["message","x"]"#);
    assert_eq!(spoken.attachments().count(), 0);
    say(&text(&"x".repeat(10_000)), "/", false, &mut spoken);
    spoken.trim(100);
    assert!(spoken.text.is_empty() && spoken.text.capacity() < 200);
}
