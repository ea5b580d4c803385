//! The binary: options in, report out, exit code.

use std::process::ExitCode;

use clap::Parser;
use longwave_loadtest::cli::{Cli, Common, Scenario};
use longwave_loadtest::report::{Outcome, write_out};
use longwave_loadtest::{baseline, scenario};

/// The run could not be made.
const FAILED: u8 = 2;

fn main() -> ExitCode {
    let code = match Cli::parse().scenario {
        Scenario::Fanout(o) => scenario::fanout::run(&o).and_then(|r| finish(&r, &o.common)),
        Scenario::Echo(o) => scenario::echo::run(&o).and_then(|r| finish(&r, &o.common)),
        Scenario::Idle(o) => scenario::idle::run(&o).and_then(|r| finish(&r, &o.common)),
        Scenario::Baseline(o) => baseline::run(&o).map(|()| 0),
    };
    let code = code.unwrap_or_else(|why| {
        eprintln!("longwave-loadtest: {why}");
        FAILED
    });
    ExitCode::from(code)
}

fn finish(report: &impl Outcome, common: &Common) -> Result<u8, String> {
    write_out(report, common.json.as_deref())?;
    Ok(report.exit_code())
}
