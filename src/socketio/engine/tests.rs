//! Packets and payloads of Engine.IO: those of the protocol document, and what is none.

use proptest::prelude::*;

use super::EnginePacket::*;
use super::*;

#[test]
fn packets_are_told_by_their_first_character() {
    let cases = [
        ("1", Close),
        ("1x", Close),
        ("2", Ping("")),
        ("2probe", Ping("probe")),
        ("3", Pong("")),
        ("3probe", Pong("probe")),
        ("4", Message("")),
        ("4hellö", Message("hellö")),
        ("442[]", Message("42[]")),
        ("5", Upgrade),
        ("6", Noop),
        ("b", Binary(Cow::Borrowed(b""))),
        ("bAQIDBA==", Binary(Cow::Borrowed(&[1, 2, 3, 4]))),
        ("bAQIDBA", Binary(Cow::Borrowed(&[1, 2, 3, 4]))),
        ("b+/8=", Binary(Cow::Borrowed(&[0xfb, 0xff]))),
    ];
    for (text, expected) in cases {
        assert_eq!(packet(text), Ok(expected), "{text}");
    }
}

#[test]
fn what_no_client_sends_is_refused() {
    for text in [
        "",
        "0",
        "0{}",
        "7",
        "abc",
        "é",
        " 4",
        "-4",
        "\u{1e}",
        "b%",
        "bA",
        "b-_8=",
        "bAQI=AQI=",
        "bé",
    ] {
        assert_eq!(packet(text), Err(Reason::BadEnginePacket), "{text}");
    }
}

#[test]
fn payloads_are_parted_at_their_separator() {
    let all = |body| payload(body).collect::<Vec<_>>();
    assert_eq!(
        all("4a\u{1e}2\u{1e}bAQ=="),
        [
            Ok(Message("a")),
            Ok(Ping("")),
            Ok(Binary(Cow::Borrowed(&[1])))
        ]
    );
    let bad = || Err(Reason::BadEnginePacket);
    assert_eq!(all(""), [bad()]);
    assert_eq!(all("4a\u{1e}"), [Ok(Message("a")), bad()]);
    assert_eq!(all("\u{1e}4a"), [bad(), Ok(Message("a"))]);
    assert_eq!(all("abc"), [bad()]);
}

#[test]
fn the_open_packet_has_the_five_members() {
    let open = |upgrades| {
        let mut out = b"0".to_vec();
        append_open(
            "lv_VI97HAXpY6yYWAAAB",
            upgrades,
            25_000,
            20_000,
            1_000_000,
            &mut out,
        );
        String::from_utf8(out).unwrap()
    };
    let sid = r#""sid":"lv_VI97HAXpY6yYWAAAB""#;
    let times = r#""pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000"#;
    assert_eq!(
        open(true),
        format!(r#"0{{{sid},"upgrades":["websocket"],{times}}}"#)
    );
    assert_eq!(open(false), format!(r#"0{{{sid},"upgrades":[],{times}}}"#));
}

proptest! {
    #[test]
    fn a_payload_comes_back(packets in proptest::collection::vec(
        prop_oneof![
            "[^\u{1e}]{0,20}".prop_map(Ok),
            proptest::collection::vec(any::<u8>(), 0..20).prop_map(Err),
        ], 1..6,
    )) {
        let mut out = Vec::new();
        for packet in &packets {
            match packet {
                Ok(text) => append_polled(b'4', text.as_bytes(), &mut out),
                Err(bytes) => append_polled_binary(bytes, &mut out),
            }
        }
        let body = String::from_utf8(out).unwrap();
        let read: Vec<_> = payload(body.strip_prefix('\u{1e}').unwrap()).collect();
        let sent: Vec<_> = packets.iter().map(|packet| Ok(match packet {
            Ok(text) => Message(text),
            Err(bytes) => Binary(Cow::Borrowed(bytes)),
        })).collect();
        prop_assert_eq!(read, sent);
    }
}
