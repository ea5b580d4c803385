//! `idle`: what a connection that does nothing costs, and one message to all of them at the end.

use std::time::{Duration, Instant};

use clap::Args;

use super::growth::slope;
use crate::cli::{Common, duration};
use crate::drive::{Clock, Load, Stage};
use crate::latency::{Latency, Spread};
use crate::payload::{HEADER_BYTES, Maker};
use crate::proof::{Book, Faults, Ledger, Seen};
use crate::reactor::{Ended, Reactor, Role};
use crate::report::{Client, Curve, Figures, Measured, Report, Verdict};
use crate::target::Sample;

/// After each step, before the server's memory is read.
const SETTLE: Duration = Duration::from_millis(300);

/// Options of `idle`.
#[derive(Debug, Clone, Args)]
pub struct Idle {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub common: Common,
    /// Connections
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(2..))]
    pub connections: u32,
    /// Open so many, then look at the server's memory
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    pub step: u32,
    /// Hold all of them open for this long
    #[arg(long, default_value = "5s", value_parser = duration)]
    pub hold: Duration,
}

/// The server's memory with so many connections.
#[derive(Debug, Clone, Copy)]
pub struct Point {
    /// Connections open.
    pub connections: u64,
    /// Resident memory.
    pub rss_bytes: u64,
}

/// Runs it.
///
/// # Errors
/// A sentence, when the run could not be made.
pub fn run(options: &Idle) -> Result<Report, String> {
    let (common, total) = (&options.common, options.connections as usize);
    let steps = total.div_ceil(options.step as usize) as u32;
    let takes = options.hold + common.grace + SETTLE * steps;
    let mut stage = Stage::new(common, total as u64, takes)?;
    let mut load = OneMessage::new(total, stage.run, common);
    let idle = Clock(Instant::now());
    let (points, connect_s) = open(&mut stage, &mut load, options, &idle)?;

    let before = stage.sample()?;
    stage.rest(options.hold, &mut load, &idle)?;
    let after = stage.sample()?;

    let clock = Clock(Instant::now());
    load.send(&mut stage.reactor, &clock);
    stage.stragglers(&mut load, &clock)?;
    stage.aftermath(&mut load, &clock)?;
    let ended = stage.reactor.ended();
    let (expected, delivered) = (load.expected(), load.delivered());
    let verdict = Verdict::new(
        expected,
        delivered,
        load.verdict(),
        load.ledger.foreign(),
        ended,
    )
    .with_gaps(load.ledger.gaps());
    stage.reactor.close();
    let measured = Measured {
        connections: total as u64,
        connect_s,
        ..Measured::default()
    };
    let mut report = Report::new("idle", measured, Client::default(), verdict);
    report.figures = figures(&points, &load.spread, before.zip(after), options.hold);
    if !points.is_empty() {
        report.curves.push(Curve {
            name: "server memory".to_owned(),
            x: "connections".to_owned(),
            y: "rss_bytes".to_owned(),
            points: points
                .iter()
                .map(|p| (p.connections as f64, p.rss_bytes as f64))
                .collect(),
        });
    }
    Ok(report)
}

fn figures(
    points: &[Point],
    spread: &Spread,
    held: Option<(Sample, Sample)>,
    hold: Duration,
) -> Figures {
    let mut figures = Figures::default();
    if !points.is_empty() {
        let rest = points.get(1..).unwrap_or_default();
        let rest: Vec<(f64, f64)> = rest
            .iter()
            .map(|p| (p.connections as f64, p.rss_bytes as f64))
            .collect();
        let slope = slope(&rest);
        figures.add(
            "connection_bytes",
            slope,
            "server memory for a connection (slope)",
        );
    }
    if let Some((before, after)) = held {
        let (user, system) = after.cpu_since(&before);
        let share = (user + system) as f64 / 1e9 / hold.as_secs_f64();
        figures.add(
            "hold_cpu_share",
            share,
            "of a core, the server while all were held",
        );
    }
    let reached = |latency: &Latency| latency.summary().max_us;
    figures.add(
        "first_us",
        reached(&spread.first),
        "one message: its first receiver",
    );
    figures.add("median_us", reached(&spread.median), "half of them had it");
    figures.add("last_us", reached(&spread.last), "all of them had it");
    figures
}

/// Opens all connections in steps, and reads the server's memory before and after each.
fn open(
    stage: &mut Stage,
    load: &mut OneMessage,
    options: &Idle,
    clock: &Clock,
) -> Result<(Vec<Point>, f64), String> {
    let (total, step) = (options.connections as usize, options.step as usize);
    let (mut points, mut connecting) = (Vec::new(), Duration::ZERO);
    let mut look = |stage: &Stage, open| -> Result<(), String> {
        let sample = stage.sample()?;
        points.extend(sample.map(|s| Point {
            connections: open as u64,
            rss_bytes: s.rss_bytes,
        }));
        Ok(())
    };
    look(stage, 0)?;
    for from in (0..total).step_by(step) {
        let n = (from + step).min(total);
        let begun = Instant::now();
        stage.open(n - from, load)?;
        connecting += begun.elapsed();
        stage.rest(SETTLE, load, clock)?;
        look(stage, n)?;
    }
    Ok((points, connecting.as_secs_f64()))
}

/// One message from the last connection to all others.
struct OneMessage {
    publisher: usize,
    maker: Maker,
    ledger: Ledger,
    spread: Spread,
}

impl OneMessage {
    fn new(total: usize, run: u32, common: &Common) -> OneMessage {
        let own = (0..total).map(|id| (id + 1 == total).then_some(0));
        let ledger = Ledger::new(Book::new(run, 0, 1), own);
        OneMessage {
            publisher: total - 1,
            maker: Maker::of(common.dialect.form(), run, 4 * HEADER_BYTES, common.seed),
            spread: Spread::new(vec![ledger.audience(0)]),
            ledger,
        }
    }
}

impl Load for OneMessage {
    fn send(&mut self, reactor: &mut Reactor, clock: &Clock) -> u64 {
        let sequence = self.ledger.publish(0);
        self.spread.publish(0);
        let payload = self.maker.make(0, sequence, clock.now_ns());
        reactor.queue(self.publisher, payload);
        reactor.flush(self.publisher);
        u64::MAX
    }

    fn take(&mut self, id: usize, text: bool, payload: &[u8], now_ns: u64) {
        if let Seen::Fresh(stamp, _) = self.ledger.deliver(id, text, payload) {
            let latency = now_ns.saturating_sub(stamp.intended_ns);
            self.spread.deliver(0, stamp.sequence, Some(latency));
        }
    }

    fn gap(&mut self, id: usize, missed: Option<u64>) {
        self.ledger.gap(id, missed);
    }

    fn delivered(&self) -> u64 {
        self.ledger.fresh()
    }

    fn expected(&self) -> u64 {
        self.ledger.expected()
    }

    fn messages(&self) -> u64 {
        self.ledger.messages()
    }

    fn owes(&self, _end_ns: u64) -> bool {
        false
    }

    fn is_cut(&mut self, _: &[(usize, Ended)]) -> bool {
        false
    }

    fn role(&self, id: usize) -> Role {
        match id == self.publisher {
            true => Role::Publisher,
            false => Role::Subscriber,
        }
    }

    fn verdict(&self) -> Faults {
        self.ledger.verdict()
    }
}
