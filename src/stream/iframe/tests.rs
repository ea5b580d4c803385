//! Pages without end: names of functions, and payloads that would like to be more than strings.

use proptest::prelude::*;

use super::*;

fn text(payload: &str) -> Item<'_> {
    Item {
        id: "1:2",
        binary: false,
        content_type: None,
        event: None,
        payload: payload.as_bytes(),
    }
}

fn written(item: &Item<'_>) -> String {
    let mut out = Vec::new();
    append(item, &mut out);
    String::from_utf8(out).unwrap()
}

/// The arguments of each call, read as JSON, in a piece of page that has nothing but scripts.
fn calls(page: &str) -> Vec<Vec<String>> {
    let scripts = page.split_inclusive("</script>");
    let arguments = |script: &str| {
        let inside = script.strip_prefix("<script>m(").unwrap();
        let inside = inside.strip_suffix(")</script>").unwrap();
        let heeded = ['<', '>', '&', '\u{2028}', '\u{2029}'];
        assert!(
            !inside.contains(heeded) && !inside.contains(|c: char| c < ' '),
            "{inside}"
        );
        serde_json::from_str(&format!("[{inside}]")).unwrap()
    };
    scripts.map(arguments).collect()
}

#[test]
fn only_names_below_parent_pass() {
    let longest = format!("parent.{}", "x".repeat(121));
    for good in [
        "parent.onmessage",
        "parent.$a",
        "parent._a1",
        "parent.a.b.C$9",
        "parent.parent.x",
        &longest,
    ] {
        assert_eq!(check_callback(good), Some(good));
    }
    let over = format!("{longest}x");
    for bad in [
        "",
        "parent",
        "parent.",
        "parent..a",
        ".parent.a",
        "parent.a.",
        "Parent.a",
        "onmessage",
        "top.a",
        "xparent.a",
        "parent.1a",
        "parent.a-b",
        "parent.a b",
        " parent.a",
        "parent.a ",
        "parent.a\n",
        "parent.a()",
        "parent.a;b",
        "parent.a[0]",
        "parent[0]",
        "parent.a=b",
        "parent.<script>",
        "parent.a//",
        "parent.a/**/",
        "parent.\u{fc}",
        "parent.\\u0061",
        "parent.a\0",
        "parent.a\u{2028}",
        &over,
    ] {
        assert_eq!(check_callback(bad), None, "{bad:?}");
    }
}

#[test]
fn names_that_would_run_a_payload_do_not_pass() {
    for bad in [
        "$",
        "jQuery",
        "eval",
        "setTimeout",
        "window.eval",
        "Function",
        "a.constructor",
        "document.write",
        "location.assign",
        "self.open.call",
    ] {
        assert_eq!(check_callback(&format!("parent.{bad}")), None, "{bad}");
    }
    for good in ["parent.evaluate", "parent.chat.reopen"] {
        assert_eq!(check_callback(good), Some(good));
    }
}

#[test]
fn a_page_begins_with_the_function_and_enough_for_browsers_to_start() {
    let mut out = Vec::new();
    head("parent.chat.got", &mut out);
    let page = String::from_utf8(out).unwrap();
    assert!(page.starts_with("<!doctype html><html><head><meta charset=\"utf-8\">"));
    assert!(page.contains("<script>var f=parent===self?null:parent.chat.got;function m(d,i,e){"));
    assert!(page.ends_with(" -->\n") && page.len() > 2048);
}

#[test]
fn a_message_is_a_call() {
    let cases = [
        (text("a"), r#"<script>m("a","1:2")</script>"#),
        (text(""), r#"<script>m("","1:2")</script>"#),
        (
            text("\"\\\n\r\t\0"),
            r#"<script>m("\"\\\n\u000d\u0009\u0000","1:2")</script>"#,
        ),
        (
            text("</script>&\u{2028}\u{2029}\u{2027}\u{202a}ü"),
            "<script>m(\"\\u003c/script\\u003e\\u0026\\u2028\\u2029\u{2027}\u{202a}ü\",\"1:2\")</script>",
        ),
        (
            Item {
                event: Some("<a>"),
                ..text("a")
            },
            r#"<script>m("a","1:2","\u003ca\u003e")</script>"#,
        ),
        (
            Item {
                event: Some("error"),
                ..text("a")
            },
            r#"<script>m("a","1:2")</script>"#,
        ),
        (
            Item {
                binary: true,
                payload: b"\xff\0",
                ..text("")
            },
            r#"<script>m("/wA=","1:2","binary")</script>"#,
        ),
    ];
    for (item, expected) in cases {
        assert_eq!(written(&item), expected);
    }
    let own = written(&text(r#"{"name":"tick","data":1}"#));
    assert_eq!(
        own,
        r#"<script>m("{\"name\":\"tick\",\"data\":1}","1:2","tick")</script>"#
    );
}

#[test]
fn gaps_and_the_end_are_calls_too() {
    let mut out = Vec::new();
    gap("1:2", r#"{"missed":3}"#, &mut out);
    assert_eq!(
        calls(&String::from_utf8(out.clone()).unwrap()),
        [[r#"{"missed":3}"#, "1:2", "gap"]]
    );
    out.clear();
    end(&mut out);
    assert_eq!(
        out,
        b"<script>m(null,null,\"error\")</script></body></html>\n"
    );
}

proptest! {
    #[test]
    fn payloads_come_back_as_strings(messages in proptest::collection::vec(
        prop_oneof![any::<String>(), "[<>&\"'\\\\/!\u{2028}\u{2029}\u{2030}\r\n\0a-]{0,20}"], 0..4)) {
        let page: String = messages.iter().map(|payload| written(&text(payload))).collect();
        let expected: Vec<Vec<String>> = messages.into_iter().map(|payload| vec![payload, "1:2".into()]).collect();
        prop_assert_eq!(calls(&page), expected);
    }
}
