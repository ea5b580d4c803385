//! What may be emitted, and what may not.

use super::*;
use crate::limits::{EVENT_ARGUMENTS_MAX, EVENT_DEPTH_MAX};

fn emitted(name: &str, json: &str, attachments: &[Vec<u8>]) -> Result<String, BadEvent> {
    let args = Args { json, attachments };
    match Command::emit(To::One("x"), name, args, 100)? {
        Command::Emit { data, .. } => Ok(data),
        other => panic!("{other:?}"),
    }
}

fn answered(json: &str, attachments: &[Vec<u8>]) -> Result<String, BadEvent> {
    let ack = Ack {
        socket: "x".to_owned(),
        id: 1,
    };
    match Command::ack(&ack, Args { json, attachments }, 100)? {
        Command::Ack { data, .. } => Ok(data),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_name_and_arguments_are_one_array_as_they_were_written() {
    for (name, json, data) in [
        ("a", "[]", r#"["a"]"#),
        ("a", " [ ] ", r#"["a"]"#),
        (
            "a",
            "[1.50,\"x\",{\"b\":1,\"a\":[]}]",
            "[\"a\",1.50,\"x\",{\"b\":1,\"a\":[]}]",
        ),
        ("a\"b", "[[1],[2]]", r#"["a\"b",[1],[2]]"#),
        ("", "[null]", r#"["",null]"#),
    ] {
        assert_eq!(emitted(name, json, &[]).as_deref(), Ok(data), "{json}");
    }
}

#[test]
fn what_is_no_array_is_not_emitted() {
    let bad = [
        "",
        "[",
        "]",
        "{}",
        "1",
        "\"[]\"",
        "[1",
        "1]",
        "[1,]",
        "[,1]",
        "[,]",
        "[1][2]",
        "[1],[2]",
        "[],\"x\",[]",
        "[01]",
        "[\"\n\"]",
        "[nul]",
        "[{]}",
    ];
    for json in bad {
        assert_eq!(emitted("a", json, &[]), Err(BadEvent::Arguments), "{json}");
        assert_eq!(answered(json, &[]), Err(BadEvent::Arguments), "{json}");
    }
    assert_eq!(answered(" [1] ", &[]).as_deref(), Ok("[1]"));
}

#[test]
fn names_that_clients_keep_for_themselves_are_refused() {
    for name in ["connect", "connect_error", "disconnect", "newListener"] {
        assert_eq!(emitted(name, "[]", &[]), Err(BadEvent::Name), "{name}");
    }
    assert!(emitted("Connect", "[]", &[]).is_ok());
}

#[test]
fn placeholders_fit_the_attachments() {
    let place = |n: &str| format!(r#"[{{"_placeholder":true,"num":{n}}}]"#);
    let one = [vec![1]];
    assert!(emitted("a", &place("0"), &one).is_ok());
    assert!(answered(&place("0"), &one).is_ok());
    for bad in ["1", "-1", "\"0\"", "0.5"] {
        let json = place(bad);
        assert_eq!(emitted("a", &json, &one), Err(BadEvent::Attachments));
        assert_eq!(answered(&json, &one), Err(BadEvent::Attachments));
    }
    // Without attachments it is an object like any other.
    assert!(emitted("a", &place("7"), &[]).is_ok());
}

#[test]
fn sizes_and_channel_names_are_bounded() {
    let most = vec![vec![0; 100 - r#"["a",1]"#.len()]];
    assert!(emitted("a", "[1]", &most).is_ok());
    assert_eq!(emitted("a", "[10]", &most), Err(BadEvent::TooBig));
    assert_eq!(answered("[1]", &[vec![0; 98]]), Err(BadEvent::TooBig));
    let text = "x".repeat(101);
    assert!(Command::send("s", Data::Text(&text[1..]), 100).is_ok());
    let sent = Command::send("s", Data::Text(&text), 100);
    assert_eq!(sent, Err(BadEvent::TooBig));
    let sent = Command::send("s", Data::Binary(text.as_bytes()), 100);
    assert_eq!(sent, Err(BadEvent::TooBig));
    let sent = Command::emit(To::Channel(".."), "a", "[]".into(), 100);
    assert_eq!(sent, Err(BadEvent::Channel));
    let sent = Command::emit(To::Channel("news"), "a", "[]".into(), 100).unwrap();
    assert_eq!(sent.bytes(), 5);
}

/// A client calls a function with the arguments and walks what lies in them: there is an end to both.
#[test]
fn what_is_more_than_clients_take_is_refused() {
    let emit = |json: &str, attachments: &[Vec<u8>]| {
        let args = Args { json, attachments };
        Command::emit(To::One("x"), "a", args, 1_000_000).map(|_| ())
    };
    let nested = |depth| [&*"[".repeat(depth), &*"]".repeat(depth)].concat();
    assert_eq!(emit(&nested(EVENT_DEPTH_MAX), &[]), Ok(()));
    assert_eq!(
        emit(&nested(EVENT_DEPTH_MAX + 1), &[]),
        Err(BadEvent::Arguments)
    );
    let many = |count| format!("[{}]", vec!["1"; count].join(","));
    assert_eq!(emit(&many(EVENT_ARGUMENTS_MAX - 1), &[]), Ok(()));
    assert_eq!(
        emit(&many(EVENT_ARGUMENTS_MAX), &[]),
        Err(BadEvent::Arguments)
    );
    let most = vec![vec![]; SAID_ATTACHMENTS_MAX + 1];
    assert_eq!(emit("[]", &most[1..]), Ok(()));
    assert_eq!(emit("[]", &most), Err(BadEvent::Attachments));
}
