//! `compare`: two kinds of runs, figure by figure, as ratios; and which differences are noise.
//!
//! Runs come in the order in which they were taken, A and B in turn. Each pair is a round; from several
//! rounds a figure's ratio gets a bootstrap interval. One round has no interval of its own: then the time
//! line's slices say how much a figure swings *within* a run, which is the least that it can be off by.

mod alike;

use std::fmt::{self, Write};
use std::path::PathBuf;

use clap::Args;

use crate::report::units::{named, number};
use crate::report::{self, Outcome, Report, Slice, numbers};
use crate::stats::{self, Interval, SURE};

pub use alike::differences;

/// Options of `compare`.
#[derive(Debug, Clone, Args)]
pub struct Compare {
    /// Reports that were written with --json, in turn: A.json B.json [A2.json B2.json ...]
    #[arg(required = true, num_args = 2.., value_name = "FILE.json")]
    pub reports: Vec<PathBuf>,
    /// Compare runs that were made with other options too
    #[arg(long)]
    pub force: bool,
}

/// One figure on both sides.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    name: String,
    /// The median of A's runs, and of B's.
    a: f64,
    b: f64,
    /// B ÷ A, the median of all rounds.
    ratio: Option<f64>,
    /// Where the ratio may as well lie.
    interval: Option<Interval>,
}

/// Parts whose numbers are compared, in this order.
const COMPARED: [&str; 6] = [
    "measured.",
    "latency.",
    "server.",
    "figures.",
    "client.",
    "verdict.",
];
/// What was asked for rather than measured, or says nothing as a ratio.
const LEFT_OUT: [&str; 4] = [
    "measured.connections",
    "measured.seconds",
    "client.sends",
    "count",
];

/// Reads the reports and prints the table.
///
/// # Errors
/// A sentence: a file is no report, they do not come in pairs, or the runs are not alike.
pub fn run(options: &Compare) -> Result<(), String> {
    let reports: Result<Vec<Report>, String> = options
        .reports
        .iter()
        .map(|path| report::read(path))
        .collect();
    let comparison = Comparison::new(&reports?, options.force)?;
    for (side, path) in ["A", "B"].iter().zip(&options.reports) {
        let more = match comparison.rounds - 1 {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        println!("{side}: {}{more}", path.display());
    }
    println!();
    print!("{comparison}");
    Ok(())
}

/// All figures of both sides.
#[derive(Debug)]
pub struct Comparison {
    rounds: usize,
    rows: Vec<Row>,
    notes: Vec<String>,
}

impl Comparison {
    /// Compares reports that come in pairs: A and B in turn.
    ///
    /// # Errors
    /// A sentence: an odd number of them, or runs that are not alike (unless `force`).
    pub fn new(reports: &[Report], force: bool) -> Result<Comparison, String> {
        if !reports.len().is_multiple_of(2) {
            return Err(format!(
                "{} reports do not come in pairs: give A and B in turn",
                reports.len()
            ));
        }
        let differ: Vec<String> = differences(reports);
        if !differ.is_empty() && !force {
            return Err(format!(
                "these runs are not alike (--force compares them all the same):\n  {}",
                differ.join("\n  ")
            ));
        }
        let mut notes: Vec<String> = differ;
        notes.extend(doubts(reports));
        let pairs: Vec<(&Report, &Report)> = reports.chunks(2).map(|p| (&p[0], &p[1])).collect();
        Ok(Comparison {
            rounds: pairs.len(),
            rows: rows(&pairs),
            notes,
        })
    }
}

/// What makes one careful with these figures.
fn doubts(reports: &[Report]) -> Vec<String> {
    let mut doubts = Vec::new();
    for (i, report) in reports.iter().enumerate() {
        let which = format!("{}{}", if i % 2 == 0 { "A" } else { "B" }, i / 2 + 1);
        let word = match report.outcome {
            Outcome::Ok => continue,
            Outcome::Wrong => "WRONG",
            Outcome::Invalid => "INVALID",
        };
        doubts.push(format!("{which} is {word}: {}", report.reasons.join("; ")));
    }
    let machine = |r: &Report| (r.environment.kernel.clone(), r.environment.cpu.clone());
    if reports.iter().any(|r| machine(r) != machine(&reports[0])) {
        doubts.push("not all of them were made on the same machine".to_owned());
    }
    doubts
}

fn rows(pairs: &[(&Report, &Report)]) -> Vec<Row> {
    let sides: Vec<_> = pairs
        .iter()
        .map(|(a, b)| (numbers(a), numbers(b)))
        .collect();
    let first = &sides[0].0;
    let mut rows = Vec::new();
    for part in COMPARED {
        for name in first.keys().filter(|name| name.starts_with(part)) {
            if LEFT_OUT
                .iter()
                .any(|out| name == out || name.ends_with(&format!(".{out}")))
            {
                continue;
            }
            let values: Option<Vec<(f64, f64)>> = sides
                .iter()
                .map(|(a, b)| Some(((*a.get(name)?)?, (*b.get(name)?)?)))
                .collect();
            let row = values.and_then(|values| row(name, &values, pairs));
            rows.extend(row);
        }
    }
    rows
}

/// One figure; `None` when it is 0 everywhere.
fn row(name: &str, values: &[(f64, f64)], pairs: &[(&Report, &Report)]) -> Option<Row> {
    let (a, b): (Vec<f64>, Vec<f64>) = values.iter().copied().unzip();
    if a.iter().chain(&b).all(|v| *v == 0.0) {
        return None;
    }
    let ratios = stats::ratios(&b, &a);
    let interval = match pairs {
        [(a, b)] => ratios.first().and_then(|ratio| within(name, *ratio, a, b)),
        _ => stats::median_interval(&ratios, 1).filter(|_| ratios.len() == pairs.len()),
    };
    Some(Row {
        name: name.to_owned(),
        a: stats::median(&a)?,
        b: stats::median(&b)?,
        ratio: stats::median(&ratios),
        interval,
    })
}

/// How far the ratio of one run to another swings over their time lines, slice by slice; for the figures
/// that a time line tells. The ratio itself is never outside.
fn within(name: &str, ratio: f64, a: &Report, b: &Report) -> Option<Interval> {
    let of: fn(&Slice) -> Option<f64> = match name {
        "measured.deliveries_per_s" | "measured.payload_bytes_per_s" => {
            |s| Some(s.deliveries as f64)
        }
        "latency.all.p50_us" => |s| s.p50_us,
        "latency.all.p99_us" => |s| s.p99_us,
        "server.cpu_per_delivery_us" => |s| Some(s.server_cpu_share? / s.deliveries as f64),
        _ => return None,
    };
    let slices = |r: &Report| r.timeline.as_ref().map(|t| t.slices.clone());
    let (a, b) = (slices(a)?, slices(b)?);
    // Slices without a delivery have no latency: both sides of such a place are left out.
    let both = a.iter().zip(&b).filter_map(|(a, b)| Some((of(a)?, of(b)?)));
    let (a, b): (Vec<f64>, Vec<f64>) = both.unzip();
    let mut interval = stats::median_interval(&stats::ratios(&b, &a), 1)?;
    interval.low = interval.low.min(ratio);
    interval.high = interval.high.max(ratio);
    Some(interval)
}

/// A ratio, to three digits.
fn times(ratio: f64) -> String {
    match ratio {
        r if r >= 9.995 => number(r),
        r if r >= 0.9995 => format!("{r:.2}"),
        r => format!("{r:.3}"),
    }
}

impl Row {
    /// What the difference is worth.
    fn word(&self, rounds: usize) -> &'static str {
        match (self.interval, self.ratio) {
            (Some(interval), _) if interval.holds(1.0) && interval.low < interval.high => "noise",
            (_, Some(1.0)) if self.a == self.b => "same",
            (Some(_), Some(ratio)) if rounds >= SURE => {
                if ratio > 1.0 {
                    "more"
                } else {
                    "less"
                }
            }
            (Some(_), _) => "differs",
            (None, _) => "",
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.rows.iter().map(|r| short(&r.name).chars().count());
        let wide = names.max().unwrap_or(0).max("figure".len());
        writeln!(
            f,
            "{:<wide$}{:>11}{:>11}{:>8}{:>16}",
            "figure", "A", "B", "B ÷ A", "95 %"
        )?;
        for row in &self.rows {
            let ratio = row.ratio.map_or("–".to_owned(), times);
            let interval = row.interval.map_or(String::new(), |i| {
                format!("{} to {}", times(i.low), times(i.high))
            });
            let mut line = format!("{:<wide$}", short(&row.name));
            for value in [row.a, row.b] {
                let _ = write!(line, "{:>11}", named(&row.name, value));
            }
            let _ = write!(line, "{ratio:>8}{interval:>16} {}", row.word(self.rounds));
            writeln!(f, "{}", line.trim_end())?;
        }
        writeln!(f)?;
        self.notes
            .iter()
            .try_for_each(|note| writeln!(f, "note: {note}"))?;
        match self.rounds {
            1 => writeln!(
                f,
                "One run each: an interval is of the swings within them. Only rounds taken in turn\n\
                 (A1 B1 A2 B2 ..., six or more) tell a difference from the machine's mood."
            ),
            n @ 2..SURE => writeln!(
                f,
                "{n} rounds: an interval is from the least ratio to the most. {SURE} or more tell a difference from\n\
                 the machine's mood."
            ),
            n => writeln!(
                f,
                "{n} rounds; noise: 95 % of the resampled medians have 1 among them."
            ),
        }
    }
}

/// A name that fits its column: percentiles without the part that all share.
fn short(name: &str) -> &str {
    name.strip_prefix("measured.").unwrap_or(name)
}

#[cfg(test)]
mod tests;
