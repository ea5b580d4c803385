//! The rules bite: for each, a bad snippet that is caught and a good one that is not.

use crate::code::{functions, tokens};
use crate::files::File;
use crate::{layers, rules};

fn file(path: &str, text: &str) -> File {
    File {
        path: path.to_owned(),
        text: text.to_owned(),
    }
}

/// The lines that a rule complains about in a file of this path and text.
fn lines(rule: impl Fn(&File) -> Vec<String>, path: &str, text: &str) -> Vec<usize> {
    let complaints = rule(&file(path, text));
    let line = |c: &String| c.split(':').nth(1).and_then(|n| n.parse().ok());
    complaints
        .iter()
        .map(|c| line(c).expect("path:line: text"))
        .collect()
}

#[test]
fn comments_and_literals_are_not_code() {
    let text = r##"a /* b /* c */ d */ "e \" f" r#"g " h"# 'i' '\'' b"j" b'\'' 'k: l // m"##;
    let found: Vec<String> = tokens(text).into_iter().map(|t| t.text).collect();
    let want = [
        "a", "\"\"", "\"\"", "\"\"", "\"\"", "\"\"", "\"\"", "'", "k", ":", "l",
    ];
    assert_eq!(found, want);
    let token_lines: Vec<usize> = tokens("a\n\"b\nc\"\nd").iter().map(|t| t.line).collect();
    assert_eq!(token_lines, [1, 2, 4]);
}

#[test]
fn functions_are_measured_from_their_signature_to_their_brace() {
    let text = "fn a(x: [u8; 4]) -> u8 {\n let c = '{';\n // }\n fn b() {}\n 0\n}\ntrait T { fn c(); }\ntype F = fn(u8);";
    let found = functions(&tokens(text));
    let found: Vec<_> = found
        .iter()
        .map(|f| (f.name.as_str(), f.first, f.last))
        .collect();
    assert_eq!(found, [("a", 1, 6), ("b", 4, 4)]);
}

#[test]
fn an_unknown_module_is_caught() {
    assert_eq!(lines(layers::has_a_layer, "src/novel.rs", ""), [1]);
    assert_eq!(lines(layers::has_a_layer, "src/novel/part.rs", ""), [1]);
    for known in [
        "src/hub/part.rs",
        "src/lib.rs",
        "src/main.rs",
        "src/ws/mod.rs",
    ] {
        assert_eq!(lines(layers::has_a_layer, known, ""), [0; 0], "{known}");
    }
}

#[test]
fn an_import_from_above_is_caught_in_every_form() {
    let check = |path, text| lines(layers::imports_downwards, path, text);
    assert_eq!(
        check("src/hub/mod.rs", "//!\nuse crate::relay::Relay;"),
        [2]
    );
    assert_eq!(
        check(
            "src/hub.rs",
            "use crate::{\nlimits, buf::{Log, relay},\nconn::{A, B}, net};"
        ),
        [3, 3]
    );
    assert_eq!(
        check("src/buf/log.rs", "fn f() { crate::ws::decode() }"),
        [1]
    );
    assert_eq!(
        check(
            "src/buf/log.rs",
            "macro_rules! m { () => { $crate::server::x() } }"
        ),
        [1]
    );
    assert_eq!(
        check("src/limits.rs", "use crate::settings::Settings;"),
        [1]
    );
}

#[test]
fn strangers_and_the_root_are_not_imported() {
    let check = |path, text| lines(layers::imports_downwards, path, text);
    assert_eq!(check("src/http/mod.rs", "use crate::ws::Frame;"), [1]);
    assert_eq!(check("src/ws/mod.rs", "use crate::http::Request;"), [1]);
    assert_eq!(check("src/conn/mod.rs", "use crate::hub::Hub;"), [1]);
    assert_eq!(check("src/relay/mod.rs", "use crate::Config;"), [1]);
}

#[test]
fn an_import_from_below_or_from_oneself_passes() {
    let check = |path, text| lines(layers::imports_downwards, path, text);
    let good = "use crate::{limits::Limits, buf::{Log, Cursor}};\nuse crate::hub::Hub; // crate::server\npub(crate) fn f() {}";
    assert_eq!(check("src/relay/mod.rs", good), [0; 0]);
    assert_eq!(
        check("src/settings.rs", "use crate::limits::Limits;"),
        [0; 0]
    );
    assert_eq!(check("src/hub/mod.rs", "use crate::hub::log::Log;"), [0; 0]);
    assert_eq!(
        check("src/lib.rs", "pub use crate::server::Server;"),
        [0; 0]
    );
}

#[test]
fn super_that_leaves_its_module_is_caught() {
    let check = |path, text| lines(layers::super_stays_inside, path, text);
    assert_eq!(check("src/hub/mod.rs", "use super::relay::Relay;"), [1]);
    assert_eq!(
        check(
            "src/hub/log.rs",
            "use super::Hub;\nuse super::super::relay;"
        ),
        [2]
    );
    let inline = "mod tests { use super::*; fn f() { if true {} } }\nuse super::x;";
    assert_eq!(check("src/limits.rs", inline), [2]);
    assert_eq!(
        check(
            "src/limits.rs",
            "mod a { mod b { use super::super::*; } use super::super::x; }"
        ),
        [1]
    );
}

#[test]
fn outside_worlds_clocks_and_threads_are_caught() {
    assert_eq!(
        lines(
            rules::outside_worlds,
            "src/server.rs",
            "use mio::Poll; // mio"
        ),
        [1]
    );
    assert_eq!(
        lines(
            rules::outside_worlds,
            "src/net/epoll.rs",
            "use mio::Poll;\nuse socket2::Socket;"
        ),
        [2]
    );
    let text = "//! Instant\nuse std::time::Instant;\nfn f() { std::thread::yield_now() }\nthread_local! {}";
    assert_eq!(
        lines(rules::clocks_and_threads, "src/hub/mod.rs", text),
        [2, 3]
    );
    for home in [
        "src/net/epoll.rs",
        "src/link.rs",
        "src/server/turn.rs",
        "src/main.rs",
    ] {
        assert_eq!(
            lines(rules::clocks_and_threads, home, text),
            [0; 0],
            "{home}"
        );
    }
}

#[test]
fn long_files_and_functions_are_caught() {
    let function = |body: usize| format!("fn f() {{\n{}}}", "    x;\n".repeat(body));
    let most = rules::FUNCTION_LINES_MAX - 2;
    assert_eq!(
        lines(rules::function_length, "src/a.rs", &function(most)),
        [0; 0]
    );
    assert_eq!(
        lines(rules::function_length, "src/a.rs", &function(most + 1)),
        [1]
    );
    let most = "\n".repeat(rules::FILE_LINES_MAX);
    assert_eq!(lines(rules::file_length, "src/a.rs", &most), [0; 0]);
    assert_eq!(
        lines(rules::file_length, "src/a.rs", &(most + "\n")),
        [rules::FILE_LINES_MAX + 1]
    );
}

#[test]
fn undone_and_unexplained_things_are_caught() {
    let text = "fn f() { todo!() }\nfn g() { unimplemented!(\"\") }\nfn h() { dbg!(1); }\nlet todo = 1; // todo!()";
    assert_eq!(lines(rules::unfinished, "src/a.rs", text), [1, 2, 3]);
    let text = "#[ignore]\nfn a() {}\n#[ignore = \"needs node\"]\nfn b() {}";
    assert_eq!(
        lines(rules::ignored_without_reason, "tests/a.rs", text),
        [1]
    );
    assert_eq!(
        lines(rules::opens_with_docs, "src/a.rs", "use std::io;\n//! late"),
        [1]
    );
    assert_eq!(
        lines(rules::opens_with_docs, "src/a.rs", "//! early"),
        [0; 0]
    );
}

#[test]
fn paths_of_one_machine_are_caught() {
    for halves in [["ro", "ot"], ["ho", "me"], ["wo", "rk"], ["tm", "p"]] {
        let path = format!("/{}/", halves.concat());
        let text = format!("see `{path}x`\nand docs{path}x");
        assert_eq!(
            lines(rules::machine_paths, "README.md", &text),
            [1],
            "{path}"
        );
    }
}

#[test]
fn a_file_missing_from_the_tour_is_caught() {
    let tour = "| `hub/mod.rs` | channels |\n`src/limits.rs`, buf/log.rs.";
    let check = |path| lines(|f| rules::named_in_tour(f, tour), path, "");
    assert_eq!(check("src/hub/order.rs"), [1]);
    assert_eq!(
        check("src/log.rs"),
        [1],
        "the end of another path is not a name"
    );
    for named in ["src/hub/mod.rs", "src/limits.rs", "src/buf/log.rs"] {
        assert_eq!(check(named), [0; 0], "{named}");
    }
}
