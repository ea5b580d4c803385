//! Paths of files, and who has one already.

use proptest::prelude::*;

use crate::http::{Header, file_path, has_already};

#[test]
fn paths_are_split_and_then_decoded_once() {
    for (path, want) in [
        ("/", ""),
        ("/a.js", "a.js"),
        ("/docs/", "docs/"),
        ("/docs/a%20b.html", "docs/a b.html"),
        ("/%C3%A4", "ä"),
        ("/a+b", "a+b"),
        ("/...", "..."),
        ("/.well-known/x", ".well-known/x"),
        ("/%252e%252e/a", "%2e%2e/a"),
        ("/a;v=1", "a;v=1"),
        ("/a:b", "a:b"),
    ] {
        assert_eq!(file_path(path).as_deref(), Some(want), "{path}");
    }
}

#[test]
fn tricks_lead_nowhere() {
    for path in [
        "",
        "*",
        "a",
        "//",
        "//a",
        "/a//b",
        "/a//",
        "/.",
        "/..",
        "/../a",
        "/a/../b",
        "/a/..",
        "/a/./b",
        "/%2e%2e/a",
        "/%2E./a",
        "/.%2e",
        "/a%2fb",
        "/..%2Fa",
        "/%2F",
        "/a\\b",
        "/..\\a",
        "/a%5Cb",
        "/a%00",
        "/%00",
        "/a%0Ab",
        "/a%7f",
        "/a%",
        "/a%2",
        "/a%zz",
        "/%FF",
        "/%C0%AF",
        "/%C0%AE%C0%AE/a",
    ] {
        assert_eq!(file_path(path), None, "{path}");
    }
}

#[test]
fn tags_compare_weakly_in_every_line() {
    let named = |values: &[&'static str]| {
        let line = |value: &&'static str| Header {
            name: "If-None-Match",
            value: value.as_bytes(),
        };
        let lines: Vec<Header<'_>> = values.iter().map(line).collect();
        has_already(&lines, "\"abc\"")
    };
    for values in [
        &["\"abc\""][..],
        &["W/\"abc\""],
        &["*"],
        &["\"x\", \"abc\""],
        &["\"x\"", "\"y\" ,W/\"abc\""],
    ] {
        assert!(named(values), "{values:?}");
    }
    for values in [
        &[][..],
        &[""],
        &["abc"],
        &["\"ABC\""],
        &["\"ab\""],
        &["w/\"abc\""],
        &["\"*\""],
    ] {
        assert!(!named(values), "{values:?}");
    }
}

proptest! {
    /// Joined to a directory, a path that leads somewhere stays below it.
    #[test]
    fn no_path_leads_above(path in "/([./%\\\\a-c]|%2e|%2E|%2f|%5c|%00|\\PC){0,24}") {
        if let Some(path) = file_path(&path) {
            let directories = path.strip_suffix('/').unwrap_or(&path);
            for name in directories.split('/').filter(|_| !directories.is_empty()) {
                prop_assert!(!matches!(name, "" | "." | ".."), "{}", path);
                prop_assert!(!name.contains(['\\', '\0']), "{}", path);
            }
        }
    }
}
