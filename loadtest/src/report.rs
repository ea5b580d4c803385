//! What comes out: a table for people, the same as JSON, and an exit code.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::path::Path;

use serde::{Serialize, Serializer};

use crate::latency::Summary;
use crate::pace::Lateness;
use crate::proof::Faults;
use crate::reactor::Ended;
use crate::target::Sample;

/// Above this share of one core the client counts as saturated.
pub const OWN_CPU_SHARE_MAX: f64 = 0.95;
/// Above this share of late sends too.
pub const LATE_SHARE_MAX: f64 = 0.01;
/// Kinds of ended connections shown one by one.
const ENDED_LINES_MAX: usize = 8;

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

/// What the server spent.
#[derive(Debug, Clone, Serialize)]
pub struct Cost {
    /// CPU over all deliveries, user and kernel, microseconds.
    pub user_us: f64,
    #[allow(missing_docs)]
    pub system_us: f64,
    /// The same for one delivery.
    pub cpu_per_delivery_us: f64,
    /// Resident memory before the first connection, after the last, and at the end, bytes.
    pub rss_before: u64,
    #[allow(missing_docs)]
    pub rss_connected: u64,
    #[allow(missing_docs)]
    pub rss_end: u64,
    /// What it grew by while connecting, for each connection, bytes.
    pub rss_per_connection: f64,
}

impl Cost {
    /// From samples before connecting, after it, at the start and at the end of the measured time.
    pub fn new(samples: [Sample; 4], connections: u64, deliveries: u64) -> Cost {
        let [before, connected, start, end] = samples;
        let (user, system) = end.cpu_since(&start);
        let grown = connected.rss_bytes as f64 - before.rss_bytes as f64;
        Cost {
            user_us: user as f64 / 1e3,
            system_us: system as f64 / 1e3,
            cpu_per_delivery_us: (user + system) as f64 / 1e3 / deliveries.max(1) as f64,
            rss_before: before.rss_bytes,
            rss_connected: connected.rss_bytes,
            rss_end: end.rss_bytes,
            rss_per_connection: grown / connections.max(1) as f64,
        }
    }
}

/// Whether everything came as it had to.
#[derive(Debug, Clone, Serialize)]
pub struct Verdict {
    /// Deliveries there had to be.
    pub expected: u64,
    /// Deliveries there were, each counted once.
    pub delivered: u64,
    /// What was wrong with them.
    pub faults: Faults,
    /// Messages of somebody else on the same channel.
    pub foreign: u64,
    /// Connections that ended before the run did, by why.
    pub ended: BTreeMap<String, u64>,
}

impl Verdict {
    /// Puts the ends of connections beside the faults.
    pub fn new(
        expected: u64,
        delivered: u64,
        faults: Faults,
        foreign: u64,
        ended: &[(usize, Ended)],
    ) -> Verdict {
        let mut by_why = BTreeMap::new();
        for (_, why) in ended {
            *by_why.entry(why.to_string()).or_default() += 1;
        }
        Verdict {
            expected,
            delivered,
            faults,
            foreign,
            ended: by_why,
        }
    }

    /// Whether nothing went wrong.
    pub fn is_good(&self) -> bool {
        !self.faults.any() && self.ended.is_empty()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.is_good() { "OK" } else { "WRONG" };
        let x = &self.faults;
        writeln!(
            f,
            "  delivery        {word}: {} of {} delivered, {} lost, {} duplicated, {} reordered, {} corrupted, {} never sent, {} in another order",
            self.delivered,
            self.expected,
            x.lost,
            x.duplicated,
            x.reordered,
            x.corrupted,
            x.phantom,
            x.order_differs
        )?;
        if self.foreign > 0 {
            writeln!(
                f,
                "  not ours        {} messages of somebody else",
                self.foreign
            )?;
        }
        for (why, n) in self.ended.iter().take(ENDED_LINES_MAX) {
            writeln!(f, "  ended early     {n} × {why}")?;
        }
        Ok(())
    }
}

/// Whether the client kept up with its own plan.
#[derive(Debug, Clone, Serialize)]
pub struct Client {
    /// CPU as a share of one core.
    pub cpu_share: f64,
    /// Sends looked at (open loop).
    pub sends: u64,
    /// The share of them that was late.
    pub late_share: f64,
    /// The latest, microseconds.
    pub late_max_us: f64,
    /// Messages that were due and never sent, because the server took no more.
    pub unsent: u64,
    /// Why the figures mean nothing; empty when they do mean something.
    pub invalid: Vec<String>,
}

impl Client {
    /// Judges the client.
    pub fn new(cpu_share: f64, lateness: &Lateness, unsent: u64) -> Client {
        let mut invalid = Vec::new();
        if cpu_share > OWN_CPU_SHARE_MAX {
            invalid.push(format!(
                "the client used {:.0} % of a core",
                cpu_share * 100.0
            ));
        }
        if lateness.share() > LATE_SHARE_MAX {
            invalid.push(format!(
                "{:.1} % of sends were over {} ms late",
                lateness.share() * 100.0,
                lateness.threshold_ns as f64 / 1e6
            ));
        }
        Client {
            cpu_share,
            sends: lateness.sends,
            late_share: lateness.share(),
            late_max_us: lateness.max_ns as f64 / 1e3,
            unsent,
            invalid,
        }
    }
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

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let m = &self.measured;
        writeln!(f, "{} {}", self.scenario, self.url)?;
        let pace = match self.rate {
            0.0 => format!("closed loop, window {}", self.window),
            rate => format!("open loop, {rate} messages/s"),
        };
        writeln!(
            f,
            "  load            {pace}, batch {}, {} bytes, seed {}",
            self.batch, self.size, self.seed
        )?;
        writeln!(
            f,
            "  connections     {} in {:.2} s",
            m.connections, m.connect_s
        )?;
        writeln!(
            f,
            "  measured        {} messages, {} deliveries in {:.2} s: {:.0} deliveries/s, {:.1} MB/s",
            m.messages,
            m.deliveries,
            m.seconds,
            self.deliveries_per_s,
            self.deliveries_per_s * self.size as f64 / 1e6
        )?;
        latency_table(f, &self.latency)?;
        if let Some(cost) = &m.server {
            write!(f, "{cost}")?;
        }
        let c = &self.client;
        let late = c.late_share * 100.0;
        writeln!(
            f,
            "  client          {:.0} % of a core, {late:.2} % of {} sends late, latest by {:.0} µs",
            c.cpu_share * 100.0,
            c.sends,
            c.late_max_us
        )?;
        if c.unsent > 0 {
            writeln!(
                f,
                "  held back       {} messages were due and not sent: the server took no more",
                c.unsent
            )?;
        }
        write!(f, "{}", self.verdict)?;
        for why in &c.invalid {
            writeln!(
                f,
                "  INVALID         {why}: these figures are not the server's alone"
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kib = |bytes: u64| bytes / 1024;
        writeln!(
            f,
            "  server CPU      {:.3} µs per delivery ({:.2} s user, {:.2} s system)",
            self.cpu_per_delivery_us,
            self.user_us / 1e6,
            self.system_us / 1e6
        )?;
        writeln!(
            f,
            "  server memory   {} KiB before, {} KiB connected ({:.0} bytes a connection), {} KiB at the end",
            kib(self.rss_before),
            kib(self.rss_connected),
            self.rss_per_connection,
            kib(self.rss_end)
        )
    }
}

fn latency_table(f: &mut fmt::Formatter<'_>, Latencies(rows): &Latencies) -> fmt::Result {
    let heads = ["p50", "p90", "p99", "p99.9", "max"];
    write!(f, "  latency, µs    ")?;
    heads.iter().try_for_each(|head| write!(f, "{head:>11}"))?;
    writeln!(f)?;
    for (name, s) in rows {
        write!(f, "    {name:<13}")?;
        let values = [s.p50_us, s.p90_us, s.p99_us, s.p99_9_us, s.max_us];
        values.iter().try_for_each(|v| write!(f, "{v:>11.1}"))?;
        writeln!(f)?;
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_ended_is_wrong_although_nothing_was_lost() {
        let none = Faults::default();
        let good = Verdict::new(5, 5, none, 3, &[]);
        assert!(good.is_good());
        let cut = (7, Ended::Cut("end of stream".to_owned()));
        let verdict = Verdict::new(5, 5, none, 0, &[cut.clone(), cut]);
        assert!(!verdict.is_good());
        assert!(
            verdict
                .to_string()
                .contains("2 × cut without a close frame")
        );
        let faults = Faults { lost: 1, ..none };
        assert!(!Verdict::new(5, 4, faults, 0, &[]).is_good());
    }

    #[test]
    fn the_client_is_judged_by_its_cpu_and_its_late_sends() {
        let lateness = |late| Lateness {
            threshold_ns: 10,
            sends: 1000,
            late,
            max_ns: 0,
        };
        assert!(Client::new(0.95, &lateness(10), 0).invalid.is_empty());
        assert_eq!(Client::new(0.96, &lateness(10), 0).invalid.len(), 1);
        assert_eq!(Client::new(0.96, &lateness(11), 0).invalid.len(), 2);
    }

    #[test]
    fn cost_is_the_cpu_of_the_measured_span_and_the_memory_of_connecting() {
        let sample = |user_us: u64, system_us: u64, rss_bytes| Sample {
            user_ns: user_us * 1000,
            system_ns: system_us * 1000,
            rss_bytes,
        };
        let samples = [
            sample(0, 0, 1_000_000),
            sample(50, 50, 1_020_000),
            sample(100, 200, 1_020_000),
            sample(400, 900, 1_100_000),
        ];
        let cost = Cost::new(samples, 100, 500);
        assert_eq!((cost.user_us, cost.system_us), (300.0, 700.0));
        assert_eq!(
            (cost.cpu_per_delivery_us, cost.rss_per_connection),
            (2.0, 200.0)
        );
    }
}
