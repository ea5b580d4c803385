//! Runs the binary and reads its report.
#![allow(dead_code)] // each test file is its own crate and uses its part

pub mod faulty;
pub mod history;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_longwave-loadtest");

/// What a run left.
pub struct Ran {
    pub code: i32,
    /// The report; null when there is none.
    pub report: Value,
    pub stderr: String,
}

impl Ran {
    /// A number in the report, by path.
    pub fn number(&self, path: &str) -> f64 {
        let value = self.report.pointer(path).and_then(Value::as_f64);
        value.unwrap_or_else(|| panic!("no number at {path} in {:#}", self.report))
    }

    /// The counts of what went wrong: lost, duplicated, reordered, corrupted, phantom, other order.
    pub fn faults(&self) -> [u64; 6] {
        [
            "lost",
            "duplicated",
            "reordered",
            "corrupted",
            "phantom",
            "order_differs",
        ]
        .map(|name| self.number(&format!("/verdict/{name}")) as u64)
    }
}

/// Runs it with these words and `--json -`.
pub fn run(words: &str) -> Ran {
    let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
    run_words(&words)
}

/// The same, where a word may hold spaces.
pub fn run_words(words: &[String]) -> Ran {
    let mut command = Command::new(BINARY);
    command.args(words).args(["--json", "-"]);
    let out = command.output().expect("the binary runs");
    Ran {
        code: out.status.code().expect("it exits by itself"),
        report: serde_json::from_slice(&out.stdout).unwrap_or_default(),
        stderr: String::from_utf8_lossy(&out.stderr).into_owned(),
    }
}

/// Runs it with these words and gives what people see.
pub fn table(words: &str) -> String {
    let mut command = Command::new(BINARY);
    let out = command.args(words.split_whitespace()).output();
    String::from_utf8_lossy(&out.expect("the binary runs").stdout).into_owned()
}

/// The bare server in a process of its own, killed in the end.
pub struct Bare {
    child: Child,
    pub address: String,
    pub pid: u32,
}

impl Bare {
    pub fn start(words: &[&str]) -> Bare {
        let mut command = Command::new(BINARY);
        command.arg("baseline").args(words).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the binary runs");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let address = line.trim().strip_prefix("listening on ");
        let address = address.expect("it says where").to_owned();
        let pid = child.id();
        Bare {
            child,
            address,
            pid,
        }
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
