//! Runs the tests that need another runtime against this build of the binary.
//!
//! They are ignored so that `cargo test` passes with Rust alone; `.ci/run` installs the runtimes and
//! runs them too. Here nothing passes by being skipped: a runtime that is missing, a test file that
//! is gone, and a test that its own runner skipped are all failures. Nothing runs without end either.
//!
//! `LONGWAVE_BIN` names another binary, such as the release build.

#[path = "clients/bounded.rs"]
mod bounded;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Each runner takes two or three minutes on a quiet machine; their own tests have bounds that are tighter.
const LIMIT: Duration = Duration::from_secs(600);
/// Most of this suite's time is its own, and it has a bound of its own too.
const AUTOBAHN_LIMIT: Duration = Duration::from_secs(900);

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A program named by a variable, or where `.ci/run` puts it.
fn program(variable: &str, usual: PathBuf) -> PathBuf {
    std::env::var_os(variable).map_or(usual, PathBuf::from)
}

fn binary() -> PathBuf {
    program("LONGWAVE_BIN", env!("CARGO_BIN_EXE_longwave").into())
}

/// Runs a command at the root of the project and gives what it printed; panics unless it succeeds in time.
fn run(program: &Path, arguments: &[&OsStr], limit: Duration) -> String {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(root())
        .env("LONGWAVE_BIN", binary())
        .env_remove("NODE_TEST_CONTEXT");
    let name = program.display();
    let ended = bounded::run(&mut command, limit).unwrap_or_else(|e| {
        panic!("cannot start {name}: {e}; `.ci/run ignored` installs what is missing")
    });
    println!("{}", ended.text);
    let status = ended
        .status
        .unwrap_or_else(|| panic!("{name} was killed, for it had not ended after {limit:?}"));
    assert!(status.success(), "{name} failed: {status}");
    ended.text
}

/// The files of a directory whose names end so, sorted; panics when there is none.
fn files(directory: &str, end: &str) -> Vec<PathBuf> {
    let entries =
        std::fs::read_dir(root().join(directory)).unwrap_or_else(|e| panic!("{directory}: {e}"));
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_str().is_some_and(|p| p.ends_with(end)))
        .collect();
    found.sort();
    assert!(!found.is_empty(), "no *{end} in {directory}");
    found
}

/// The number behind a word in the summary of node's test runner.
fn summary(text: &str, word: &str) -> Option<u32> {
    text.lines()
        .filter_map(|line| line.trim_start_matches(['#', 'ℹ', ' ']).strip_prefix(word))
        .find_map(|rest| rest.trim().parse().ok())
}

fn node(directory: &str) {
    let files = files(directory, ".test.mjs");
    let mut arguments = vec![OsStr::new("--test"), OsStr::new("--test-reporter=spec")];
    arguments.extend(files.iter().map(|path| path.as_os_str()));
    let text = run(&program("NODE", "node".into()), &arguments, LIMIT);
    assert!(
        summary(&text, "pass").is_some_and(|n| n > 0),
        "no test passed in {directory}"
    );
    for word in ["skipped", "todo", "cancelled"] {
        assert_eq!(summary(&text, word), Some(0), "{word} tests in {directory}");
    }
}

#[test]
#[ignore = "needs node"]
fn npm_clients() {
    node("tests/clients");
}

#[test]
#[ignore = "needs chromium"]
fn browser() {
    node("tests/browser");
}

#[test]
#[ignore = "needs python"]
fn python_clients() {
    let python = program("LONGWAVE_PYTHON", root().join("target/python/bin/python"));
    let arguments = ["-m", "unittest", "discover", "-v", "-s", "tests/clients"].map(OsStr::new);
    let text = run(&python, &arguments, LIMIT);
    assert!(!text.contains("Ran 0 tests"), "no test ran");
    assert!(!text.contains("(skipped="), "skipped tests");
}

#[test]
#[ignore = "needs autobahn"]
fn autobahn() {
    let script = root().join("tests/autobahn/ci.sh");
    run(&script, &[binary().as_os_str()], AUTOBAHN_LIMIT);
}

#[test]
fn what_does_not_end_is_killed_with_all_that_it_started() {
    let began = Instant::now();
    let mut command = Command::new("sh");
    // One that leaves the process group, and one that goes on when its parent has ended.
    command.args(["-c", "echo begun; setsid sleep 300 & sleep 301 & sleep 302"]);
    let ended = bounded::run(&mut command, Duration::from_secs(2)).unwrap();
    assert!(ended.status.is_none());
    assert_eq!(ended.text, "begun\n");
    let mut command = Command::new("sh");
    command.args([
        "-c",
        "setsid sleep 300 & sleep 0.1; echo $LONGWAVE_TEST_RUN",
    ]);
    let ended = bounded::run(&mut command, Duration::from_secs(60)).unwrap();
    assert!(ended.status.unwrap().success());
    assert!(
        began.elapsed() < Duration::from_secs(60),
        "it waited for what was left"
    );
    assert_eq!(bounded::marked(ended.text.trim()), []);
}

#[test]
fn the_summary_of_node_is_read_in_both_of_its_forms() {
    assert_eq!(summary("ℹ pass 3\nℹ skipped 1\n", "skipped"), Some(1));
    assert_eq!(summary("# tests 3\n# skipped 0\n", "skipped"), Some(0));
    assert_eq!(summary("a test that skipped 7 lines", "skipped"), None);
}
