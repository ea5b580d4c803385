//! Event streams, read as the HTML standard says (9.2.6) by a reader of our own.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::*;

/// An event as a page gets it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Got {
    name: String,
    data: String,
    id: String,
}

fn got(name: &str, data: &str, id: &str) -> Got {
    let [name, data, id] = [name, data, id].map(str::to_owned);
    Got { name, data, id }
}

/// The lines of a stream, which CRLF, LF or CR end; an unfinished one is dropped.
fn lines(stream: &str) -> Vec<&str> {
    let (mut lines, mut rest) = (Vec::new(), stream);
    while let Some(at) = rest.find(['\r', '\n']) {
        lines.push(&rest[..at]);
        let end = if rest[at..].starts_with("\r\n") { 2 } else { 1 };
        rest = &rest[at + end..];
    }
    lines
}

/// What a page gets out of a stream.
fn read(stream: &[u8]) -> Vec<Got> {
    let text = std::str::from_utf8(stream).unwrap();
    let (mut events, mut name, mut data, mut id) = (Vec::new(), "", String::new(), "");
    for line in lines(text.strip_prefix('\u{feff}').unwrap_or(text)) {
        if line.is_empty() {
            if let Some(data) = data.strip_suffix('\n') {
                let name = if name.is_empty() { "message" } else { name };
                events.push(got(name, data, id));
            }
            (name, data) = ("", String::new());
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => name = value,
            "data" => data.extend([value, "\n"]),
            "id" if !value.contains('\0') => id = value,
            "" | "retry" => {}
            _ => panic!("a line of no field: {line:?}"),
        }
    }
    events
}

fn text(payload: &str) -> Item<'_> {
    Item {
        id: "1:2",
        binary: false,
        content_type: None,
        event: None,
        payload: payload.as_bytes(),
    }
}

fn written(item: &Item<'_>, events: bool, base64: bool) -> String {
    let mut out = Vec::new();
    append(item, events, base64, &mut out);
    String::from_utf8(out).unwrap()
}

/// The event line of a message, if it has one.
fn event_line(item: &Item<'_>) -> Option<String> {
    let written = written(item, true, false);
    let (line, _) = written.split_once("id: ").unwrap();
    (!line.is_empty()).then(|| line.to_owned())
}

#[test]
fn every_line_of_the_payload_is_one_of_the_stream() {
    let cases = [
        ("", "data: \n"),
        ("a", "data: a\n"),
        (" a", "data:  a\n"),
        ("a\nb", "data: a\ndata: b\n"),
        ("a\rb", "data: a\ndata: b\n"),
        ("a\r\nb", "data: a\ndata: b\n"),
        ("a\n\rb", "data: a\ndata: \ndata: b\n"),
        ("a\r\r\nb", "data: a\ndata: \ndata: b\n"),
        ("a\n", "data: a\ndata: \n"),
        ("\r", "data: \ndata: \n"),
        ("\r\n\r\n", "data: \ndata: \ndata: \n"),
        (
            "x\n\nid: 9:9\nevent: y",
            "data: x\ndata: \ndata: id: 9:9\ndata: event: y\n",
        ),
        (":comment", "data: :comment\n"),
        (
            "\u{feff}\0\u{2028}\u{85}",
            "data: \u{feff}\0\u{2028}\u{85}\n",
        ),
    ];
    for (payload, data) in cases {
        let expected = format!("id: 1:2\n{data}\n");
        assert_eq!(
            written(&text(payload), true, false),
            expected,
            "{payload:?}"
        );
    }
}

#[test]
fn a_stream_begins_with_a_comment_and_when_to_come_back() {
    let mut out = Vec::new();
    head(2500, None, &mut out);
    assert_eq!(out, b": longwave\nretry: 2500\n\n");
    assert!(out.starts_with(HEAD));
    assert_eq!(read(&[&out[..], HEARTBEAT].concat()), []);
}

#[test]
fn names_come_from_the_publisher_or_from_the_message() {
    let named = |name| Item {
        event: Some(name),
        ..text(r#"{"name":"json","data":1}"#)
    };
    assert_eq!(event_line(&named("tick")).as_deref(), Some("event: tick\n"));
    assert_eq!(event_line(&named(" ü:")).as_deref(), Some("event:  ü:\n"));
    let own = text(r#"{"name":"ti\u0063k","data":[1, 2.50]}"#);
    let expected = "event: tick\nid: 1:2\ndata: {\"name\":\"ti\\u0063k\",\"data\":[1, 2.50]}\n\n";
    assert_eq!(written(&own, true, false), expected);
    let off = written(&own, false, false);
    assert_eq!(off, expected.strip_prefix("event: tick\n").unwrap());
}

#[test]
fn names_with_a_meaning_of_their_own_go_out_as_any_message() {
    let long = "x".repeat(256);
    let reserved = ["open", "error", "gap", "message", "binary", "", &long];
    for name in reserved.into_iter().chain(["a\tb", "\u{1b}", "\u{85}"]) {
        let given = Item {
            event: Some(name),
            ..text("x")
        };
        assert_eq!(event_line(&given), None, "{name:?}");
        let json = format!(r#"{{"name":{},"data":1}}"#, serde_json::json!(name));
        assert_eq!(event_line(&text(&json)), None, "{json}");
    }
    // Line ends can come by an escape only.
    for escaped in [r"a\nid: 9:9", r"a\rb", r"\u0000", r"\u000aevent: error"] {
        let json = format!(r#"{{"data":1,"name":"{escaped}"}}"#);
        assert_eq!(
            written(&text(&json), true, false),
            format!("id: 1:2\ndata: {json}\n\n")
        );
    }
    for name in ["Open", "errors", "messages", &long[1..]] {
        let given = Item {
            event: Some(name),
            ..text("x")
        };
        assert_eq!(event_line(&given), Some(format!("event: {name}\n")));
    }
}

#[test]
fn bytes_are_base64_and_text_is_when_asked_for() {
    let bytes = Item {
        binary: true,
        event: Some("picture"),
        payload: b"\xff\0\n",
        ..text("")
    };
    let binary = "id: 1:2\ndata: /wAK\n\n";
    assert_eq!(
        written(&bytes, true, false),
        format!("event: binary\n{binary}")
    );
    assert_eq!(
        written(&bytes, true, true),
        format!("event: binary\n{binary}")
    );
    assert_eq!(written(&bytes, false, false), binary);
    assert_eq!(
        written(&text("a\nb"), true, true),
        "id: 1:2\ndata: YQpi\n\n"
    );
    let named = Item {
        event: Some("tick"),
        ..text("a")
    };
    assert_eq!(
        written(&named, true, true),
        "event: tick\nid: 1:2\ndata: YQ==\n\n"
    );
    assert_eq!(written(&text(""), true, true), "id: 1:2\ndata: \n\n");
}

#[test]
fn a_gap_is_an_event() {
    let mut out = Vec::new();
    let json = r#"{"after":"1:2","next":null,"missed":3}"#;
    gap("1:2", json, &mut out);
    assert_eq!(read(&out), [got("gap", json, "1:2")]);
}

/// Texts with much in them that a stream heeds.
fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        proptest::sample::select(vec![
            "\r", "\n", "\r\n", ":", " ", "data: ", "id: 9:9", "event: x", "\u{feff}", "\0", "ü"
        ])
        .prop_map(str::to_owned),
        any::<char>().prop_map(String::from),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn readers_get_what_was_sent(
        messages in proptest::collection::vec((texts(), any::<bool>(), proptest::option::of("[a-z :]{0,6}")), 0..6),
    ) {
        let mut out = Vec::new();
        head(1, Some("1:2"), &mut out);
        let mut expected = Vec::new();
        for (n, (payload, base64, name)) in messages.iter().enumerate() {
            let id = format!("7:{n}");
            let item = Item { id: &id, event: name.as_deref(), ..text(payload) };
            append(&item, true, *base64, &mut out);
            let data = match base64 {
                true => STANDARD.encode(payload),
                false => payload.replace("\r\n", "\n").replace('\r', "\n"),
            };
            let name = name.as_deref().filter(|name| !name.is_empty());
            expected.push(got(name.unwrap_or("message"), &data, &id));
            out.extend_from_slice(HEARTBEAT);
        }
        prop_assert_eq!(read(&out), expected);
    }
}
