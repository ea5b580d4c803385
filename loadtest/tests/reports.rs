//! From a run to its report as JSON and as a page, and what is made of reports afterwards.

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::Bare;

/// A folder of its own that is removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        let path = std::env::temp_dir().join(format!("loadtest-reports-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn run(&self, words: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_longwave-loadtest"));
        let out = command
            .args(words.split_whitespace())
            .current_dir(&self.0)
            .output();
        out.expect("the binary runs")
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.join(name)).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(Path::new(&self.0));
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_run_is_kept_shown_compared_and_judged() {
    let (bare, folder) = (Bare::start(&[]), Folder::new());
    let fanout = |name: &str, size: u32| {
        let out = folder.run(&format!(
            "fanout --url ws://{}/a --subscribers 10 --rate 100 --size {size} --warmup 100ms --duration 900ms \
             --allow-saturated --late 60s --pid {} --json {name}.json --html {name}.html",
            bare.address, bare.pid
        ));
        assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
        assert!(text(&out.stdout).contains("  OK "), "{}", text(&out.stdout));
    };
    fanout("one", 128);
    fanout("two", 128);
    fanout("other", 256);

    let page = folder.read("one.html");
    assert!(page.contains("Latency by percentile") && page.contains("Deliveries over time"));
    let both = folder.run("html one.json two.json -o both.html");
    assert_eq!(both.status.code(), Some(0), "{}", text(&both.stderr));
    assert!(folder.read("both.html").contains("2 runs side by side"));

    let alike = folder.run("compare one.json two.json");
    assert_eq!(alike.status.code(), Some(0), "{}", text(&alike.stderr));
    assert!(text(&alike.stdout).contains("latency.all.p99_us"));
    let unlike = folder.run("compare one.json other.json");
    assert_eq!(unlike.status.code(), Some(2));
    assert!(text(&unlike.stderr).contains("--size: 128, 256"));

    for (bound, code) in [
        ("verdict.lost == 0", 0),
        ("server.cpu_per_delivery_us ratio to two.json <= 1000", 0),
        ("verdict.delivered <= 3", 1),
        ("verdict.mislaid == 0", 2),
    ] {
        std::fs::write(
            folder.0.join("budget.toml"),
            format!("bounds = ['{bound}']"),
        )
        .unwrap();
        let gate = folder.run("gate --budget budget.toml one.json");
        assert_eq!(
            gate.status.code(),
            Some(code),
            "{bound}: {}",
            text(&gate.stderr)
        );
    }
}
