//! `gate`: a report against a budget, for CI. A line for each bound, and an exit code.

mod bound;

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Deserialize;

use crate::compare::differences;
use crate::report::{self, Outcome, Report, numbers};
use bound::{Against, Bound};

/// Options of `gate`.
#[derive(Debug, Clone, Args)]
pub struct Gate {
    /// Bounds, TOML: bounds = ["latency.p99_us <= 5000", "verdict.lost == 0", ...]
    #[arg(long, value_name = "FILE.toml")]
    pub budget: PathBuf,
    /// The report, written with --json
    #[arg(value_name = "RESULT.json")]
    pub report: PathBuf,
}

/// A budget file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Budget {
    bounds: Vec<String>,
}

/// Judges a report. Gives the exit code: 0 all bounds hold, 1 one is broken or the run was wrong, 3 the
/// client was too slow for its figures to mean anything.
///
/// # Errors
/// A sentence: a file cannot be read, a bound makes no sense, a figure is not there.
pub fn run(options: &Gate) -> Result<u8, String> {
    let report = report::read(&options.report)?;
    let bounds = read_budget(&options.budget)?;
    let folder = options.budget.parent().unwrap_or(Path::new("."));
    let judged: Result<Vec<(bool, String)>, String> = bounds
        .iter()
        .map(|bound| judge(bound, &report, folder))
        .collect();
    let judged = judged?;
    for (holds, line) in &judged {
        println!("{} {line}", if *holds { "ok    " } else { "BROKEN" });
    }
    let word = match report.outcome {
        Outcome::Ok => None,
        Outcome::Wrong => Some("WRONG"),
        Outcome::Invalid => Some("INVALID"),
    };
    if let Some(word) = word {
        println!("{word:<6} {}", report.reasons.join("; "));
    }
    match judged.iter().all(|(holds, _)| *holds) {
        true => Ok(report.exit_code()),
        false => Ok(1),
    }
}

fn read_budget(path: &Path) -> Result<Vec<Bound>, String> {
    let name = path.display();
    let text = std::fs::read_to_string(path).map_err(|e| format!("cannot read {name}: {e}"))?;
    let budget: Budget = toml::from_str(&text).map_err(|e| format!("{name}: {e}"))?;
    if budget.bounds.is_empty() {
        return Err(format!(
            "{name}: no bounds: such a gate would let everything through"
        ));
    }
    let parsed: Result<Vec<Bound>, String> = budget.bounds.iter().map(|b| b.parse()).collect();
    parsed.map_err(|why| format!("{name}: {why}"))
}

/// Whether a bound holds, and what to say of it. Other reports are looked for beside the budget.
fn judge(bound: &Bound, report: &Report, folder: &Path) -> Result<(bool, String), String> {
    let value = report::number(&numbers(report), &bound.figure)?;
    let (value, how) = match &bound.against {
        Against::Itself => (value, String::new()),
        Against::Ratio(file) => {
            let other = report::read(&folder.join(file))?;
            if other.exit_code() != 0 {
                let why = other.reasons.join("; ");
                return Err(format!(
                    "{file} is no yardstick, it was not all right itself: {why}"
                ));
            }
            let differ = differences(&[other.clone(), report.clone()]);
            if !differ.is_empty() {
                return Err(format!("{file} is of another load: {}", differ.join("; ")));
            }
            let base = report::number(&numbers(&other), &bound.figure)
                .map_err(|why| format!("{file}: {why}"))?;
            if base == 0.0 {
                return Err(format!("{file}: {} is 0: no ratio to it", bound.figure));
            }
            (
                value / base,
                format!(" ({} to {})", bound.show(value), bound.show(base)),
            )
        }
    };
    let shown = bound.show(value);
    Ok((bound.holds(value), format!("{bound}: it is {shown}{how}")))
}

#[cfg(test)]
mod tests;
