//! Progress is for terminals: there it is drawn and taken away again; in a pipe there is none of it.

mod common;

use std::fs::File;
use std::io::Read;
use std::process::{Command, Stdio};

use common::Bare;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

fn run(bare: &Bare, stderr: Stdio) -> std::process::Child {
    let url = format!("ws://{}/a", bare.address);
    Command::new(env!("CARGO_BIN_EXE_longwave-loadtest"))
        .args([
            "fanout",
            "--url",
            &url,
            "--subscribers",
            "20",
            "--rate",
            "50",
        ])
        .args([
            "--allow-saturated",
            "--late",
            "60s",
            "--warmup",
            "0s",
            "--duration",
            "1200ms",
        ])
        .stdout(Stdio::piped())
        .stderr(stderr)
        .spawn()
        .expect("the binary runs")
}

#[test]
fn a_pipe_gets_the_table_and_nothing_else() {
    let bare = Bare::start(&[]);
    let out = run(&bare, Stdio::piped()).wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&out.stderr), "");
    let table = String::from_utf8_lossy(&out.stdout);
    assert!(
        out.status.success() && table.starts_with("fanout ws://"),
        "{table}"
    );
    assert!(
        !table.contains('\x1b') && !table.contains('\r'),
        "{table:?}"
    );
}

#[test]
fn a_terminal_sees_the_run_go_by() {
    let bare = Bare::start(&[]);
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let slave = File::options()
        .read(true)
        .write(true)
        .open(name.to_str().unwrap())
        .unwrap();
    let child = run(&bare, slave.into());
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success());
    // The last holder of the other end is gone: a read gives what was written, then an error.
    let (mut master, mut seen, mut bytes) = (File::from(master), Vec::new(), [0; 4096]);
    while let Ok(n @ 1..) = master.read(&mut bytes) {
        seen.extend_from_slice(&bytes[..n]);
    }
    let seen = String::from_utf8_lossy(&seen);
    assert!(
        seen.contains("connect") && seen.contains("run") && seen.contains("of 1.2 s"),
        "{seen:?}"
    );
    let last = seen.rfind("of 1.2 s").unwrap();
    assert!(
        seen[last..].contains("\x1b[2K"),
        "the line is not taken away: {seen:?}"
    );
}
