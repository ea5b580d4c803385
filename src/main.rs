//! The `longwave` command: reads what it is told, then checks or serves.

use std::io::Write;
use std::process::ExitCode;

use longwave::config::{self, Command, logging};
use longwave::settings::Origins;
use longwave::{Config, Handle, Server};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

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
fn run(mut config: Config) -> ExitCode {
    // Held to the end: what waits to be written is written then.
    let logging = match logging::init(config.log_format, &config.log_filter) {
        Ok(logging) => logging,
        Err(line) => return fail(&line),
    };
    config.settings.log_lines_lost = logging.lost();
    let mut server = match Server::bind(&config) {
        Ok(server) => server,
        Err(error) => return fail(&error.to_string()),
    };
    if let Err(error) = stop_on_signals(server.handle()) {
        return fail(&format!("cannot handle signals: {error}"));
    }
    announce(&config, &server);
    server.run();
    ExitCode::SUCCESS
}

/// The first SIGTERM or SIGINT stops in order, a second one at once.
fn stop_on_signals(handle: Handle) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    let watch = move || {
        let mut signals = signals.forever();
        if signals.next().is_some() {
            handle.stop();
        }
        if let Some(signal) = signals.next() {
            std::process::exit(128 + signal);
        }
    };
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(watch)
        .map(drop)
}

/// Says what is served where, and what an operator should know.
fn announce(config: &Config, server: &Server) {
    for address in server.addresses() {
        tracing::info!("listening on http://{address}/");
    }
    for address in server.admin_addresses() {
        tracing::info!("for operators: http://{address}/metrics");
    }
    if cfg!(feature = "sim") {
        tracing::warn!(
            "built with the simulation's small bounds, as --workspace does: for tests only"
        );
    }
    let (connections, descriptors) = server.connections_max();
    let configured = config.settings.limits.connections_max;
    match descriptors {
        Some(open_files) if connections < configured => tracing::info!(
            connections,
            configured,
            open_files,
            "room for connections, as open files allow"
        ),
        _ => tracing::info!(connections, "room for connections"),
    }
    if config.settings.publish_key.is_none() && config.admin_listen.is_empty() {
        tracing::warn!(
            "whoever connects from this machine may list and delete channels: \
             behind a proxy set --publish-key or --admin-listen"
        );
    }
    if config.settings.origins == Origins::Any {
        tracing::info!("any origin is let in; --allow-origin restricts that");
    }
}
