//! The `longwave` command: reads what it is told, then checks or serves.

use std::io::Write;
use std::process::ExitCode;

use longwave::config::{self, Command, Config, logging};

fn main() -> ExitCode {
    match config::command(std::env::args_os(), std::env::vars_os()) {
        Ok(Command::Run(config)) => run(*config),
        Ok(Command::Check(text)) => print(&text),
        Err(error) => ExitCode::from(error.report()),
    }
}

/// Writes to standard output; a reader that went away early (`| head`) is no error.
fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => fail(&e.to_string()),
        _ => ExitCode::SUCCESS,
    }
}

/// One clear line and exit code 1.
fn fail(line: &str) -> ExitCode {
    eprintln!("longwave: {line}");
    ExitCode::FAILURE
}

/// Serves until told to stop.
fn run(config: Config) -> ExitCode {
    if let Err(line) = logging::init(config.log_format, &config.log_filter) {
        return fail(&line);
    }
    fail("this build has no server")
}
