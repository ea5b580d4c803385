//! Packets of Socket.IO: those of the protocol document, what its parser refuses, and what comes back.

use proptest::prelude::*;

use super::*;

fn packet<'a>(
    kind: PacketKind,
    attachments: usize,
    namespace: &'a str,
    ack: Option<u64>,
    data: Option<&'a str>,
) -> Result<Packet<'a>, Reason> {
    Ok(Packet {
        kind,
        attachments,
        namespace,
        ack,
        data,
    })
}

#[test]
fn packets_have_their_parts() {
    use PacketKind::*;
    let cases = [
        ("0".to_owned(), packet(Connect, 0, "/", None, None)),
        (
            r#"0{"a":1}"#.into(),
            packet(Connect, 0, "/", None, Some(r#"{"a":1}"#)),
        ),
        ("0/admin".into(), packet(Connect, 0, "/admin", None, None)),
        ("0/admin,".into(), packet(Connect, 0, "/admin", None, None)),
        (
            r#"0/admin,{"t":"x"}"#.into(),
            packet(Connect, 0, "/admin", None, Some(r#"{"t":"x"}"#)),
        ),
        (
            "0/a?b=c,{}".into(),
            packet(Connect, 0, "/a?b=c", None, Some("{}")),
        ),
        ("1".into(), packet(Disconnect, 0, "/", None, None)),
        (
            "1/admin,".into(),
            packet(Disconnect, 0, "/admin", None, None),
        ),
        (
            r#"2["foo"]"#.into(),
            packet(Event, 0, "/", None, Some(r#"["foo"]"#)),
        ),
        (
            r#"2/,["foo"]"#.into(),
            packet(Event, 0, "/", None, Some(r#"["foo"]"#)),
        ),
        (
            r#"2/é,["foo"]"#.into(),
            packet(Event, 0, "/é", None, Some(r#"["foo"]"#)),
        ),
        (
            r#"212["foo"]"#.into(),
            packet(Event, 0, "/", Some(12), Some(r#"["foo"]"#)),
        ),
        (
            r#"2/admin,0[ 5 ]"#.into(),
            packet(Event, 0, "/admin", Some(0), Some("[ 5 ]")),
        ),
        (
            r#"2[-1.5]"#.into(),
            packet(Event, 0, "/", None, Some("[-1.5]")),
        ),
        (
            r#"2[""]"#.into(),
            packet(Event, 0, "/", None, Some(r#"[""]"#)),
        ),
        (
            r#"2["\ud800"]"#.into(),
            packet(Event, 0, "/", None, Some(r#"["\ud800"]"#)),
        ),
        (
            r#"2["Connect","connect"]"#.into(),
            packet(Event, 0, "/", None, Some(r#"["Connect","connect"]"#)),
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(parse(&text), expected, "{text}");
    }
}

#[test]
fn answers_and_packets_with_attachments_have_their_parts() {
    use PacketKind::*;
    let buffer = r#"["baz",{"_placeholder":true,"num":0}]"#;
    let cases = [
        // Without attachments nothing stands for one.
        (
            r#"2["a",{"_placeholder":true,"num":3}]"#.into(),
            packet(
                Event,
                0,
                "/",
                None,
                Some(r#"["a",{"_placeholder":true,"num":3}]"#),
            ),
        ),
        ("312[]".into(), packet(Ack, 0, "/", Some(12), Some("[]"))),
        (
            r#"3/admin,13["bar"]"#.into(),
            packet(Ack, 0, "/admin", Some(13), Some(r#"["bar"]"#)),
        ),
        (
            r#"4{"message":"x"}"#.into(),
            packet(ConnectError, 0, "/", None, Some(r#"{"message":"x"}"#)),
        ),
        (
            r#"4"x""#.into(),
            packet(ConnectError, 0, "/", None, Some(r#""x""#)),
        ),
        (
            format!("51-{buffer}"),
            packet(BinaryEvent, 1, "/", None, Some(buffer)),
        ),
        (
            format!("52-/admin,{buffer}"),
            packet(BinaryEvent, 2, "/admin", None, Some(buffer)),
        ),
        (
            format!("51024-/admin,7{buffer}"),
            packet(BinaryEvent, 1024, "/admin", Some(7), Some(buffer)),
        ),
        (
            format!("61-15{buffer}"),
            packet(BinaryAck, 1, "/", Some(15), Some(buffer)),
        ),
        (
            "3/admin,18446744073709551615[]".into(),
            packet(Ack, 0, "/admin", Some(u64::MAX), Some("[]")),
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(parse(&text), expected, "{text}");
    }
}

/// What is no packet.
const REFUSED: &[&str] = &[
    "",
    "7",
    "9",
    "999",
    "a",
    "é",
    "-1",
    " 2[\"a\"]",
    // Data of the wrong shape, or none.
    "2",
    "2{}",
    "2\"a\"",
    "2[]",
    "2[null]",
    "2[true,\"foo\"]",
    "2[null,\"bar\"]",
    "2[[\"a\"]]",
    "2[{\"toString\":\"foo\"}]",
    "3",
    "3{}",
    "31",
    "0[]",
    "0null",
    "0\"a\"",
    "0/admin,\"invalid\"",
    "1{}",
    "1[]",
    "1/admin,{}",
    "4",
    "4[]",
    "45",
    // No JSON, or not only.
    "2[\"a\"",
    "2[\"a\",]",
    "2[\"a\"]]",
    "2[\"a\"]x",
    "2/admin,\"invalid",
    "2[\"some\",\"data\"",
    "42[\"some\",\"data\"",
    "2['a']",
    "2[\"\t\"]",
    "0{\"a\":1",
    "2[\"a\",01]",
    "2[\"a\",NaN]",
    // Ids that are none.
    "2abc[\"a\"]",
    "21a[\"a\"]",
    "2 1[\"a\"]",
    "2-1[\"a\"]",
    "21.5[\"a\"]",
    "2+1[\"a\"]",
    "218446744073709551616[\"a\"]",
    // Counts that are none.
    "5",
    "51",
    "5a-",
    "51.23-",
    "5-[\"a\"]",
    "5-1-[\"a\"]",
    "5 1-[\"a\"]",
    "51e0-[\"a\"]",
    "5[\"a\"]",
    "51[\"a-b\"]",
    // A namespace that does not end.
    "2/admin[\"a\"]",
    "2admin,[\"a\"]",
];

#[test]
fn what_the_official_parser_refuses_is_refused() {
    for text in REFUSED {
        assert_eq!(parse(text), Err(Reason::BadPacket), "{text}");
    }
}

#[test]
fn reserved_names_are_refused_however_they_are_written() {
    for name in RESERVED {
        assert_eq!(parse(&format!("2[\"{name}\"]")), Err(Reason::ReservedEvent));
        assert_eq!(
            parse(&format!("2/a,1[ \"{name}\" , 1]")),
            Err(Reason::ReservedEvent)
        );
        assert_eq!(
            parse(&format!("51-[\"{name}\"]")),
            Err(Reason::ReservedEvent)
        );
        assert_eq!(
            parse(&format!("3[\"{name}\"]")).map(|p| p.kind),
            Ok(PacketKind::Ack)
        );
    }
    assert_eq!(parse(r#"2["conn\u0065ct"]"#), Err(Reason::ReservedEvent));
}

#[test]
fn attachments_are_counted_and_stood_for() {
    let cases = [
        r#"50-["a"]"#,
        r#"500-["a"]"#,
        r#"51025-["a"]"#,
        r#"599999999999999999999-["a"]"#,
        r#"51-["a",{"_placeholder":true,"num":1}]"#,
        r#"51-["a",{"_placeholder":true,"num":-1}]"#,
        r#"51-["a",{"_placeholder":true,"num":"0"}]"#,
        r#"51-["a",{"_placeholder":true}]"#,
        r#"51-["a",[{"b":{"_placeholder":true,"num":0}},{"b":{"_placeholder":true,"num":1}}]]"#,
        r#"61-1[{"_placeholder":true,"num":1}]"#,
    ];
    for text in cases {
        assert_eq!(parse(text), Err(Reason::BadAttachments), "{text}");
    }
    let deep = format!("51-[\"a\",{}{}]", "[".repeat(5000), "]".repeat(5000));
    assert_eq!(parse(&deep), Err(Reason::BadAttachments));
    let plain = deep.replacen("51-", "2", 1);
    assert!(parse(&plain).is_ok());
}

#[test]
fn heads_are_written_as_the_official_encoder_does() {
    use PacketKind::*;
    let head = |kind, attachments, namespace, ack| {
        let mut out = b"4".to_vec();
        append_head(kind, attachments, namespace, ack, &mut out);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(head(BinaryEvent, 1, "/news", Some(12)), "451-/news,12");
    assert_eq!(head(Event, 0, "/", None), "42");
    assert_eq!(head(Ack, 0, "/", Some(0)), "430");
    assert_eq!(head(Connect, 0, "/a b", None), "40/a b,");
    assert_eq!(head(BinaryAck, 12, "/", Some(3)), "4612-3");
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        namespace in "(/|/[^,/][^,]{0,9})", ack: Option<u64>, name: String, args in 0..4usize,
    ) {
        use PacketKind::*;
        for (kind, attachments) in [(Event, 0), (Ack, 0), (BinaryEvent, args.max(1)), (BinaryAck, args.max(1))] {
            let placeholders = (0..args).map(|num| serde_json::json!({"_placeholder": true, "num": num}));
            let all: Vec<_> = std::iter::once(serde_json::json!(name)).chain(placeholders).collect();
            let data = serde_json::to_string(&all).unwrap();
            let mut out = Vec::new();
            append_head(kind, attachments, &namespace, ack, &mut out);
            out.extend_from_slice(data.as_bytes());
            let text = String::from_utf8(out).unwrap();
            prop_assert_eq!(parse(&text), packet(kind, attachments, &namespace, ack, Some(&data)));
        }
    }

    #[test]
    fn nothing_makes_it_panic(text in "[0-7]{0,2}-?(/[a,]{0,2})?[0-9 ]{0,2}[\\[\\]{}\",:a0\\\\tru]{0,12}") {
        let _ = parse(&text);
    }
}
