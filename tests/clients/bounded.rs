//! Runs a command that has to end, and takes with it whatever it started.
//!
//! What it prints goes to a file: of a pipe everyone who inherits it would have to let go before it
//! ends. All that comes of the command is known by a variable in its environment, for a browser or a
//! script's child has a process group of its own.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

const MARK: &str = "LONGWAVE_TEST_RUN";
const STEP: Duration = Duration::from_millis(20);
/// How often is looked for what is left: killing may meet a process that is just starting another.
const ROUNDS: usize = 50;

/// How a command ended.
pub struct Ended {
    /// All that it printed, whichever way.
    pub text: String,
    /// Its status, if it ended in time.
    pub status: Option<ExitStatus>,
}

/// Runs a command without input, at most so long. Gives an error if it cannot be started.
pub fn run(command: &mut Command, limit: Duration) -> std::io::Result<Ended> {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    let run = RUNS.fetch_add(1, Ordering::Relaxed);
    let mark = format!("{}-{run}", std::process::id());
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("run-{mark}"));
    let file = File::create(&path)?;
    let mut child = command
        .env(MARK, &mark)
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .spawn()?;
    let end = Instant::now() + limit;
    let mut status = child.try_wait()?;
    while status.is_none() && Instant::now() < end {
        std::thread::sleep(STEP);
        status = child.try_wait()?;
    }
    kill_marked(&mark);
    child.wait()?;
    let text = String::from_utf8_lossy(&std::fs::read(&path)?).into_owned();
    std::fs::remove_file(&path)?;
    Ok(Ended { text, status })
}

/// Kills what has the mark until nothing has it.
fn kill_marked(mark: &str) {
    for _ in 0..ROUNDS {
        let left = marked(mark);
        if left.is_empty() {
            return;
        }
        for pid in left {
            // It may be gone by now.
            let _ = kill_process(pid, Signal::KILL);
        }
        std::thread::sleep(STEP);
    }
}

/// The processes that have the mark in their environment.
pub fn marked(mark: &str) -> Vec<Pid> {
    let wanted = format!("{MARK}={mark}");
    let has_it = |pid: &Pid| {
        let path = format!("/proc/{}/environ", pid.as_raw_nonzero());
        let environment = std::fs::read(path).unwrap_or_default();
        environment
            .split(|byte| *byte == 0)
            .any(|entry| entry == wanted.as_bytes())
    };
    let entries = std::fs::read_dir("/proc").expect("/proc");
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(Pid::from_raw)
        .filter(has_it)
        .collect()
}
