//! Runs seeds of the simulation and says what happened.

use std::process::ExitCode;
use std::time::Instant;

use longwave_sim::planted::{PLANTED, notice};
use longwave_sim::report::{Report, SEEDS_FOR_ALL};
use longwave_sim::world;

const USAGE: &str =
    "longwave-sim [--seeds N] [--start S] [--ops N] [--planted | --fault NAME] [--verbose SEED]";

struct Options {
    seeds: u64,
    start: u64,
    operations: u32,
    planted: bool,
    /// Of the planted faults only this one.
    fault: Option<String>,
    verbose: Option<u64>,
}

fn main() -> ExitCode {
    let options = match options() {
        Ok(options) => options,
        Err(e) => {
            eprintln!("{e}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    // A panic is a verdict like any other; where it came from is all that has to be said.
    let loud = !options.planted;
    std::panic::set_hook(Box::new(move |info| {
        if loud {
            eprintln!("{info}");
        }
    }));
    let ok = match options.verbose {
        Some(seed) => one(seed, &options),
        None if options.planted => planted(&options),
        None => many(&options),
    };
    if ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn options() -> Result<Options, String> {
    let mut options = Options {
        seeds: 200,
        start: 0,
        operations: 2000,
        planted: false,
        fault: None,
        verbose: None,
    };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut number = || {
            args.next()
                .and_then(|v| v.parse().ok())
                .ok_or(format!("{arg} needs a number"))
        };
        match arg.as_str() {
            "--seeds" => options.seeds = number()?,
            "--start" => options.start = number()?,
            "--ops" => options.operations = number()? as u32,
            "--verbose" => options.verbose = Some(number()?),
            "--planted" => options.planted = true,
            "--fault" => {
                options.planted = true;
                options.fault = args.next();
                let known = |name: &String| PLANTED.iter().any(|(n, _)| n == name);
                if !options.fault.as_ref().is_some_and(known) {
                    return Err("--fault needs the name of a planted fault".into());
                }
            }
            _ => return Err(format!("unknown option {arg}")),
        }
    }
    Ok(options)
}

fn one(seed: u64, options: &Options) -> bool {
    let outcome = world::run(seed, options.operations, true);
    complain(seed, &outcome.failure)
}

fn complain(seed: u64, failure: &Option<(String, String)>) -> bool {
    if let Some((what, trace)) = failure {
        println!("seed {seed}: {what}\nthe last lines of its trace:\n{trace}");
    }
    failure.is_none()
}

fn many(options: &Options) -> bool {
    let begun = Instant::now();
    let mut report = Report::new();
    for seed in options.start..options.start + options.seeds {
        let outcome = world::run(seed, options.operations, false);
        report.add(&outcome);
        if !complain(seed, &outcome.failure) {
            return false;
        }
    }
    report.print();
    println!(
        "{:.1} seeds a second",
        options.seeds as f64 / begun.elapsed().as_secs_f64()
    );
    let never = report.never();
    if options.seeds >= SEEDS_FOR_ALL && !never.is_empty() {
        println!("never happened: {}", never.join(", "));
        return false;
    }
    true
}

fn planted(options: &Options) -> bool {
    let mut ok = true;
    let asked = |name: &str| options.fault.as_ref().is_none_or(|only| only == name);
    for (name, wrong) in PLANTED.iter().filter(|(name, _)| asked(name)) {
        match notice(name, options.start, options.seeds, options.operations) {
            Some((seed, what)) => println!("{name} ({wrong}): noticed by seed {seed}: {what}"),
            None => {
                println!("{name} ({wrong}): NOT NOTICED by {} seeds", options.seeds);
                ok = false;
            }
        }
    }
    ok
}
