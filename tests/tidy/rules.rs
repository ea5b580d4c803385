//! The rules about single files, apart from layering.

use crate::code::{Token, functions};
use crate::files::File;

/// Lines that a file may have.
pub const FILE_LINES_MAX: usize = 500;
/// Lines that a function may have, signature and braces included.
pub const FUNCTION_LINES_MAX: usize = 70;

/// The one file that may name a crate of the outside world.
const OUTSIDE: &[(&str, &str)] = &[
    ("mio", "src/net/epoll.rs"),
    ("socket2", "src/net/listen.rs"),
];

/// Names of clocks and threads.
const CLOCKS: &[&str] = &["Instant", "SystemTime", "thread"];
/// Where these may be named: files whose paths start so.
const LOOP: &[&str] = &["src/net/", "src/link", "src/server", "src/main.rs"];

/// Macros that must not be committed.
const UNFINISHED: &[&str] = &["todo", "unimplemented", "dbg"];

/// Complaints about each token that a test picks out.
fn each(file: &File, text: impl Fn(&[Token]) -> Option<String>) -> Vec<String> {
    let tokens = file.tokens();
    let complain = |i: usize| Some(file.complain(tokens[i].line, &text(&tokens[i..])?));
    (0..tokens.len()).filter_map(complain).collect()
}

/// Only one file names mio, only one names socket2.
pub fn outside_worlds(file: &File) -> Vec<String> {
    each(file, |tokens| {
        let (name, home) = OUTSIDE.iter().find(|(name, _)| tokens[0].text == *name)?;
        let text = || format!("only {home} names {name}: use what src/net/ offers, or extend it");
        (file.path != *home).then(text)
    })
}

/// Layers below the loop have no clock and no thread.
pub fn clocks_and_threads(file: &File) -> Vec<String> {
    if LOOP.iter().any(|start| file.path.starts_with(start)) {
        return Vec::new();
    }
    each(file, |tokens| {
        let name = CLOCKS.iter().find(|name| tokens[0].text == **name)?;
        Some(format!(
            "`{name}` below the loop: take the time as an argument (`now_ms`), leave threads to the loop and its mailbox"
        ))
    })
}

/// A file has at most [`FILE_LINES_MAX`] lines.
pub fn file_length(file: &File) -> Vec<String> {
    let lines = file.text.lines().count();
    let text = format!(
        "{lines} lines, {FILE_LINES_MAX} are the most (about 200 is good): split it by job, or move its tests to a tests.rs"
    );
    let long = (lines > FILE_LINES_MAX).then(|| file.complain(lines, &text));
    long.into_iter().collect()
}

/// A function has at most [`FUNCTION_LINES_MAX`] lines.
pub fn function_length(file: &File) -> Vec<String> {
    let complain = |f: crate::code::Function| {
        let lines = f.last - f.first + 1;
        let text = format!(
            "`{}` has {lines} lines, {FUNCTION_LINES_MAX} are the most (10 are good): push ifs up and loops down, give steps names",
            f.name
        );
        (lines > FUNCTION_LINES_MAX).then(|| file.complain(f.first, &text))
    };
    functions(&file.tokens())
        .into_iter()
        .filter_map(complain)
        .collect()
}

/// A file opens with `//!`.
pub fn opens_with_docs(file: &File) -> Vec<String> {
    let text = "opens without `//!`: say first what the file is for, then its rules";
    let bare = (!file.text.starts_with("//!")).then(|| file.complain(1, text));
    bare.into_iter().collect()
}

/// No `todo!`, `unimplemented!` or `dbg!`.
pub fn unfinished(file: &File) -> Vec<String> {
    each(file, |tokens| {
        let name = UNFINISHED.iter().find(|name| tokens[0].text == **name)?;
        let called = tokens.get(1).is_some_and(|t| t.text == "!");
        called.then(|| {
            format!(
                "`{name}!`: finish it, return an error, or leave it out and say so in the README"
            )
        })
    })
}

/// A test that is ignored says what it needs.
pub fn ignored_without_reason(file: &File) -> Vec<String> {
    each(file, |tokens| {
        let is = |i: usize, text: &str| tokens.get(i).is_some_and(|t| t.text == text);
        let bare = is(0, "[") && is(1, "ignore") && is(2, "]");
        bare.then(|| {
            "`ignore` without a reason: name the runtime, as in `ignore = \"needs node\"`"
                .to_owned()
        })
    })
}

/// No path of the machine that something was written on.
pub fn machine_paths(file: &File) -> Vec<String> {
    // In pieces, so that this file does not hold what it looks for.
    const ROOTS: [&str; 4] = [
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
        concat!("/wo", "rk/"),
        concat!("/tm", "p/"),
    ];
    let complain = |(i, line): (usize, &str)| {
        let root = ROOTS.iter().find(|root| starts_a_path(line, root))?;
        let text = format!(
            "a path of one machine (`{root}…`): make it relative to the project, or take it from the environment"
        );
        Some(file.complain(i + 1, &text))
    };
    file.text.lines().enumerate().filter_map(complain).collect()
}

/// Whether `root` occurs in the line as the start of a path and not inside a longer one.
fn starts_a_path(line: &str, root: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '}' | '>');
    line.match_indices(root)
        .any(|(at, _)| !line[..at].ends_with(inside))
}

/// The tour of files names this one, by its path below `src/`.
pub fn named_in_tour(file: &File, tour: &str) -> Vec<String> {
    let below = file.path.strip_prefix("src/").unwrap_or(&file.path);
    let part_of_path = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '/');
    let mut words = tour.split(|c| !part_of_path(c));
    let named = words.any(|word| word.trim_end_matches('.').trim_start_matches("src/") == below);
    let text = format!(
        "ARCHITECTURE.md does not name `{below}`: add it to the tour of files, written out"
    );
    (!named)
        .then(|| file.complain(1, &text))
        .into_iter()
        .collect()
}
