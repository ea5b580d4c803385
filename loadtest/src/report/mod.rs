//! What comes out of a run: one [`Report`] for every scenario, as a table, as JSON, as a page.
//!
//! The JSON is this struct, field by field (schema 1; loadtest/README.md tells it for its readers). Rules:
//! - A figure's name is its path: `latency.all.p99_us`, `verdict.lost`, `server.cpu_per_delivery_us`. Its unit
//!   is the end of its name (`_us`, `_s`, `_bytes`, `_share`: 0 to 1); without one it is a count.
//! - What was not measured is `null` or absent, never 0.
//! - What one scenario alone measures goes into `figures`, `curves` and named `latency` entries: table,
//!   page, `compare` and `gate` know these without knowing the scenario.
//! - A field may be added within a schema; one that changes its meaning makes a new schema.

mod client;
mod cost;
mod environment;
mod figures;
mod json;
mod numbers;
mod table;
mod timeline;
pub mod units;
mod verdict;

use std::path::Path;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::latency::Summary;

pub use client::{Client, LATE_SHARE_MAX, LONG_TURNS_SHARE_MAX, OWN_CPU_SHARE_MAX, OwnTurns};
pub use cost::Cost;
pub use environment::{Environment, Options, options};
pub use figures::{Curve, Figure, Figures};
pub use json::{read, to_json};
pub use numbers::{number, numbers};
pub use timeline::{Slice, Timeline};
pub use verdict::Verdict;

/// The version of the JSON form.
pub const SCHEMA: u32 = 1;

/// What the phases of a run measured.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Measured {
    /// Connections that were opened.
    pub connections: u64,
    /// How long that took.
    pub connect_s: f64,
    /// From the end of the warm-up to the last delivery.
    pub seconds: f64,
    /// Messages sent in that time.
    pub messages: u64,
    /// Deliveries in that time.
    pub deliveries: u64,
    /// The same for one second.
    pub deliveries_per_s: f64,
    /// Payload bytes delivered a second, where all messages have one size.
    pub payload_bytes_per_s: Option<f64>,
}

/// Latencies by name, in the order in which they are shown.
pub type Latencies = IndexMap<String, Summary>;

/// What became of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// All was right, and the figures mean something.
    #[default]
    Ok,
    /// Deliveries were wrong, or another promise was broken.
    Wrong,
    /// Deliveries were right, but the client was too slow for the figures to mean anything.
    Invalid,
}

/// One finished run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Which scenario.
    pub scenario: String,
    /// What became of it.
    pub outcome: Outcome,
    /// Why its figures mean nothing, or what was wrong: sentences; empty when all is well.
    pub reasons: Vec<String>,
    /// Where and when.
    pub environment: Environment,
    /// Every option by its long name, as given or by default.
    pub options: Options,
    #[allow(missing_docs)]
    pub measured: Measured,
    /// What the server spent, when its process is known.
    pub server: Option<Cost>,
    #[allow(missing_docs)]
    pub client: Client,
    #[allow(missing_docs)]
    pub verdict: Verdict,
    /// Every delivery (`all`), the `first`, `median` and `last` of each message, and what the scenario adds.
    pub latency: Latencies,
    /// What this scenario alone measures.
    #[serde(default)]
    pub figures: Figures,
    /// One thing as it grows with another.
    #[serde(default)]
    pub curves: Vec<Curve>,
    /// The run over time.
    #[serde(default)]
    pub timeline: Option<Timeline>,
}

impl Report {
    /// A report with what every scenario has; the rest is empty and set by who has more.
    pub fn new(scenario: &str, measured: Measured, client: Client, verdict: Verdict) -> Report {
        Report {
            schema: SCHEMA,
            scenario: scenario.to_owned(),
            outcome: Outcome::default(),
            reasons: Vec::new(),
            environment: Environment::default(),
            options: Options::default(),
            measured,
            server: None,
            client,
            verdict,
            latency: Latencies::default(),
            figures: Figures::default(),
            curves: Vec::new(),
            timeline: None,
        }
    }

    /// Adds where it ran and with which options, and judges it.
    pub fn seal(&mut self, environment: Environment, options: Options) {
        self.environment = environment;
        self.options = options;
        // Percentiles of nothing are no figures.
        self.latency.retain(|_, summary| summary.count > 0);
        let wrong = self.verdict.reasons();
        self.outcome = match (wrong.is_empty(), self.client.invalid.is_empty()) {
            (false, _) => Outcome::Wrong,
            (true, false) => Outcome::Invalid,
            (true, true) => Outcome::Ok,
        };
        self.reasons = wrong;
        self.reasons.extend(self.client.invalid.iter().cloned());
    }

    /// Refuses, before it is sealed, figures that say nothing of the server although nothing was wrong.
    ///
    /// # Errors
    /// A sentence: nothing was measured, or another process than the server.
    pub fn check_sense(&self) -> Result<(), String> {
        if !self.verdict.is_good() {
            return Ok(());
        }
        let all = |name: &str| name == "all" || name.ends_with(" all");
        let mut empty = self
            .latency
            .iter()
            .filter(|(name, s)| all(name) && s.count == 0);
        if let Some((name, _)) = empty.next() {
            return Err(format!(
                "nothing that was sent in the measured time came ({name}): a longer --duration or a higher --rate is needed"
            ));
        }
        let used_none = |cost: &Cost| cost.user_us + cost.system_us == 0.0;
        if self.measured.deliveries > 0 && self.server.as_ref().is_some_and(used_none) {
            return Err("the process that should be the server used no CPU at all: it is another (--pid, --spawn)".to_owned());
        }
        Ok(())
    }

    /// 0 good, 1 wrong, 3 the client was too slow (unless `--allow-saturated`).
    pub fn exit_code(&self) -> u8 {
        let allowed = self
            .options
            .get("allow-saturated")
            .is_some_and(|v| v == true);
        match self.outcome {
            Outcome::Wrong => 1,
            Outcome::Invalid if !allowed => 3,
            _ => 0,
        }
    }
}

/// Prints a report as a table, and writes it as JSON where that is wanted ("-": instead of the table).
///
/// # Errors
/// A sentence, when the file cannot be written.
pub fn write_out(report: &Report, json: Option<&Path>) -> Result<(), String> {
    if json == Some(Path::new("-")) {
        print!("{}", to_json(report));
        return Ok(());
    }
    print!("{report}");
    let Some(path) = json else { return Ok(()) };
    let written = std::fs::write(path, to_json(report));
    written.map_err(|e| format!("cannot write {}: {e}", path.display()))
}

/// Whether there is a place for such a file, as far as one can tell without making it.
///
/// # Errors
/// A sentence: why not.
pub fn can_write(path: &Path) -> Result<(), String> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    match (path.is_dir(), folder.is_dir()) {
        (true, _) => Err(format!("{} is a folder", path.display())),
        (false, false) => Err(format!("there is no folder {}", folder.display())),
        (false, true) => Ok(()),
    }
}

#[cfg(test)]
pub(crate) mod tests;
