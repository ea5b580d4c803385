//! What comes out: a table for people, the same as JSON, and an exit code.

mod client;
mod cost;
mod table;
mod verdict;

use std::fmt::{self, Write};
use std::path::Path;

use serde::{Serialize, Serializer};

use crate::latency::Summary;

pub use client::{Client, LATE_SHARE_MAX, OWN_CPU_SHARE_MAX};
pub use cost::Cost;
pub use verdict::Verdict;

/// What the phases of a run measured.
#[derive(Debug, Clone, Serialize)]
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
    /// This process's CPU as a share of one core, while it was sending.
    pub own_cpu_share: f64,
    /// What the server spent, when its process is known.
    pub server: Option<Cost>,
}

/// Summaries by name, in the order in which they are shown.
#[derive(Debug, Clone)]
pub struct Latencies(pub Vec<(&'static str, Summary)>);

impl Serialize for Latencies {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|(name, summary)| (name, summary)))
    }
}

/// One finished run.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Which scenario.
    pub scenario: &'static str,
    /// The server.
    pub url: String,
    /// What reproduces it.
    pub seed: u64,
    /// Connections that send.
    pub senders: u32,
    /// Bytes of a message.
    pub size: usize,
    /// Messages a second; 0 for a closed loop.
    pub rate: f64,
    /// Outstanding messages of a sender in a closed loop.
    pub window: u32,
    /// Messages in one write.
    pub batch: u32,
    #[allow(missing_docs)]
    pub measured: Measured,
    /// Deliveries a second.
    pub deliveries_per_s: f64,
    /// Every delivery, and the first, median and last of each message.
    pub latency: Latencies,
    #[allow(missing_docs)]
    pub client: Client,
    #[allow(missing_docs)]
    pub verdict: Verdict,
    /// Exit 0 although the client was saturated.
    #[serde(skip)]
    pub allow_saturated: bool,
}

/// What `main` needs of any report.
pub trait Outcome: Serialize + fmt::Display {
    /// 0 good, 1 wrong deliveries, 3 the client was too slow.
    fn exit_code(&self) -> u8;
}

impl Outcome for Report {
    fn exit_code(&self) -> u8 {
        match (self.verdict.is_good(), self.client.invalid.is_empty()) {
            (false, _) => 1,
            (true, false) if !self.allow_saturated => 3,
            _ => 0,
        }
    }
}

/// Writes a report where it is wanted.
///
/// # Errors
/// A sentence, when the file cannot be written.
pub fn write_out(report: &impl Outcome, json: Option<&Path>) -> Result<(), String> {
    let mut text = serde_json::to_string_pretty(report).expect("a report is plain data");
    text.push('\n');
    let mut out = String::new();
    match json {
        Some(path) if path == Path::new("-") => out = text,
        Some(path) => {
            let written = std::fs::write(path, text);
            written.map_err(|e| format!("cannot write {}: {e}", path.display()))?;
            write!(out, "{report}").expect("a string takes everything");
        }
        None => write!(out, "{report}").expect("a string takes everything"),
    }
    print!("{out}");
    Ok(())
}
