//! The binary: options in, report out, exit code.

use std::path::Path;
use std::process::ExitCode;

use clap::{Command, FromArgMatches};
use longwave_loadtest::cli::{Cli, Common, Scenario};
use longwave_loadtest::report::{self, Environment, Options, Report, write_out};
use longwave_loadtest::{baseline, compare, gate, help, html, scenario, versus};

/// The run could not be made.
const FAILED: u8 = 2;

fn main() -> ExitCode {
    let code = run().unwrap_or_else(|why| {
        eprintln!("longwave-loadtest: {why}");
        FAILED
    });
    ExitCode::from(code)
}

fn run() -> Result<u8, String> {
    let command = help::command();
    let matches = command.clone().get_matches();
    let mut cli = Cli::from_arg_matches(&matches).unwrap_or_else(|e| e.exit());
    let place = Place::new(&command, &matches)?;
    cli.scenario.choose_port()?;
    match cli.scenario {
        Scenario::Fanout(o) => place.finish(scenario::fanout::run(&o)?, &o.common),
        Scenario::Echo(o) => place.finish(scenario::echo::run(&o)?, &o.common),
        Scenario::Idle(o) => place.finish(scenario::idle::run(&o)?, &o.common),
        Scenario::Connect(o) => place.finish(scenario::connect::run(&o)?, &o.common),
        Scenario::Slow(o) => place.finish(scenario::slow::run(&o)?, &o.common),
        Scenario::Churn(o) => place.finish(scenario::churn::run(&o)?, &o.common),
        Scenario::Flood(o) => place.finish(scenario::flood::run(&o)?, &o.common),
        Scenario::Mixed(o) => place.finish(scenario::mixed::run(&o)?, &o.common),
        Scenario::Soak(o) => place.finish(scenario::soak::run(&o)?, &o.common),
        Scenario::Versus(o) => versus::run(&o),
        Scenario::Baseline(o) => baseline::run(&o).map(|()| 0),
        Scenario::Html(o) => html::run(&o).map(|()| 0),
        Scenario::Compare(o) => compare::run(&o).map(|()| 0),
        Scenario::Gate(o) => gate::run(&o),
    }
}

/// Where a run is made, looked up before it begins.
struct Place {
    environment: Environment,
    options: Options,
}

impl Place {
    fn new(command: &Command, matches: &clap::ArgMatches) -> Result<Place, String> {
        let options = matches.subcommand().and_then(|(name, matches)| {
            Some(report::options(command.find_subcommand(name)?, matches))
        });
        let options = options.unwrap_or_default();
        // A long run is not to end with a report that cannot be written.
        for name in ["json", "html"] {
            if let Some(path) = options.get(name).and_then(|v| v.as_str()) {
                report::can_write(Path::new(path)).map_err(|why| format!("--{name}: {why}"))?;
            }
        }
        Ok(Place {
            environment: Environment::gather(),
            options,
        })
    }

    fn finish(mut self, mut report: Report, common: &Common) -> Result<u8, String> {
        let publish = common.dialect.publish_url.as_ref();
        for (name, url) in [("url", Some(&common.url)), ("publish-url", publish)] {
            if let Some(url) = url {
                self.options.insert(name.to_owned(), url.as_str().into());
            }
        }
        report.check_sense()?;
        report.seal(self.environment, self.options);
        write_out(&report, common.json.as_deref())?;
        let code = report.exit_code();
        if let Some(path) = &common.html {
            html::write(path, &[(report.scenario.clone(), report)])?;
        }
        Ok(code)
    }
}
