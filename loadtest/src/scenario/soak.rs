//! `soak`: the same load for a long time, with subscribers that come and go. Each interval has a
//! verdict of its own; the server's memory and descriptors must not grow.

use std::time::{Duration, Instant};

use clap::Args;

use super::churn::{Coming, all_leave};
use super::crowd::Crowd;
use super::fanout::People;
use super::finish;
use super::growth::growth;
use super::guests::Churn;
use super::inside::Inside;
use crate::cli::{Common, Sending, duration};
use crate::drive::{Connected, Driven, Load, Span, Stage, connect, measure};
use crate::latency::Latency;
use crate::pace::Lateness;
use crate::report::{Curve, Latencies, Report, units};

/// The most intervals, so that a report stays a report.
const INTERVALS_MAX: u128 = 10_000;

/// Options of `soak`.
#[derive(Debug, Clone, Args)]
pub struct Soak {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub common: Common,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub sending: Sending,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub people: People,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub coming: Coming,
    /// How long an interval is
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub every: Duration,
    /// By how much the server's memory may grow after the first quarter, MiB
    #[arg(long, value_name = "MIB", default_value_t = 16, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub growth_max: u32,
    /// By how many the server's open descriptors may grow after the first quarter
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub descriptors_growth_max: u32,
}

/// Runs it.
///
/// # Errors
/// A sentence, when the run could not be made.
pub fn run(options: &Soak) -> Result<Report, String> {
    let (common, sending) = (&options.common, &options.sending);
    sending.check()?;
    common.dialect.fits(sending.size)?;
    let whole = sending.measuring.whole();
    let intervals = sending.measuring.duration.as_nanos() / options.every.as_nanos().max(1);
    if !(2..=INTERVALS_MAX).contains(&intervals) {
        return Err(format!(
            "--duration is {intervals} times --every: 2 to {INTERVALS_MAX} are sensible"
        ));
    }
    let guests = options.coming.check(whole, common.dialect.dialect)?;
    let plan = options.people.plan(sending, common.dialect.talk());
    let stay = plan.connections();
    let after_each = common.grace + 2 * options.coming.stay;
    let takes = whole + after_each * intervals as u32;
    let mut stage = Stage::new(common, (stay + guests) as u64, takes)?;
    let mut crowd = Crowd::new(
        &[plan],
        stage.run,
        common.seed,
        Span::of(&sending.measuring),
    );
    let connected = connect(&mut stage, &mut crowd, stay)?;
    let inside = Inside::begin(&sending.measuring.inside)?;
    let mut watch = Watch::new();
    let mut whole: Option<Driven> = None;
    for interval in 0..intervals as u64 {
        let driven = watch.interval(options, &mut stage, &mut crowd, &connected, interval)?;
        whole = Some(match whole {
            None => driven,
            Some(before) => before.and(driven),
        });
        if watch.stop {
            break;
        }
    }
    let driven = whole.ok_or("no interval was run")?;
    let mut report = watch.report(options, &stage, &mut crowd, driven);
    inside.end(&mut report.figures)?;
    stage.reactor.close();
    Ok(report)
}

/// What was seen from interval to interval.
struct Watch {
    begun: Instant,
    /// The churn of all intervals so far.
    churn: Option<Churn>,
    lateness: Lateness,
    latencies: [(&'static str, Latency); 4],
    /// Over time, seconds: p99 of the interval, deliveries a second, memory, descriptors.
    p99: Vec<(f64, f64)>,
    rate: Vec<(f64, f64)>,
    rss: Vec<(f64, f64)>,
    descriptors: Vec<(f64, f64)>,
    wrong_intervals: u64,
    faulty: u64,
    stop: bool,
}

impl Watch {
    fn new() -> Watch {
        Watch {
            begun: Instant::now(),
            churn: None,
            lateness: Lateness::default(),
            latencies: ["all", "first", "median", "last"].map(|name| (name, Latency::default())),
            p99: Vec::new(),
            rate: Vec::new(),
            rss: Vec::new(),
            descriptors: Vec::new(),
            wrong_intervals: 0,
            faulty: 0,
            stop: false,
        }
    }

    /// One interval, with everything proved by its end.
    fn interval(
        &mut self,
        options: &Soak,
        stage: &mut Stage,
        crowd: &mut Crowd,
        connected: &Connected,
        interval: u64,
    ) -> Result<Driven, String> {
        let (common, measuring) = (&options.common, &options.sending.measuring);
        let warmup = if interval == 0 {
            measuring.warmup
        } else {
            Duration::ZERO
        };
        let span = Span {
            from_ns: warmup.as_nanos() as u64,
            to_ns: (warmup + options.every).as_nanos() as u64,
        };
        crowd.begin(span);
        let seed = common.seed.wrapping_add(interval);
        let churn = Churn::new(options.coming, span, common.grace, seed);
        crowd.churn = Some(match self.churn.take() {
            None => churn,
            Some(before) => before.again(churn),
        });
        let driven = measure(stage, crowd, connected, span)?;
        all_leave(stage, crowd)?;
        self.churn = crowd.churn.take();
        if let Some(why) = self.churn.as_mut().and_then(Churn::failure) {
            return Err(why);
        }
        self.note(stage, crowd, &driven)?;
        Ok(driven)
    }

    fn note(&mut self, stage: &Stage, crowd: &mut Crowd, driven: &Driven) -> Result<(), String> {
        let at_s = self.begun.elapsed().as_secs_f64();
        let group = &crowd.groups[0];
        let spread = &group.out.spread;
        let each = [&group.all, &spread.first, &spread.median, &spread.last];
        for ((_, sum), latency) in self.latencies.iter_mut().zip(each) {
            sum.add(latency);
        }
        self.lateness.add(&group.senders.lateness);
        let p99_us = group.all.at_us(0.99);
        self.p99.push((at_s, p99_us));
        self.rate.push((at_s, driven.measured.deliveries_per_s));
        if let Some(sample) = stage.sample()? {
            self.rss.push((at_s, sample.rss_bytes as f64));
        }
        if let Some(n) = descriptors(stage) {
            self.descriptors.push((at_s, n as f64));
        }
        let faults = crowd.verdict();
        let parts: u64 = group_faults(crowd);
        let faulty = faults.lost + faults.duplicated + faults.reordered + faults.corrupted;
        let faulty = faulty + faults.phantom + faults.order_differs + parts;
        let wrong = faulty > self.faulty;
        self.wrong_intervals += u64::from(wrong);
        self.faulty = faulty;
        let cut = crowd.is_cut(stage.reactor.ended());
        self.stop = cut;
        eprintln!(
            "soak {at_s:>8.0} s  {}  {:>9.0} deliveries/s  p99 {:>9}  memory {:>10}  descriptors {}",
            if wrong || cut { "WRONG" } else { "ok   " },
            driven.measured.deliveries_per_s,
            units::microseconds(p99_us),
            self.rss
                .last()
                .map_or("?".to_owned(), |(_, rss)| units::bytes(*rss)),
            self.descriptors
                .last()
                .map_or("?".to_owned(), |(_, n)| n.to_string()),
        );
        Ok(())
    }

    fn report(
        mut self,
        options: &Soak,
        stage: &Stage,
        crowd: &mut Crowd,
        driven: Driven,
    ) -> Report {
        let mut report = finish::report("soak", stage, crowd, driven);
        finish::rejudge(&mut report, &self.lateness);
        let latencies = self.latencies.iter();
        let summaries = latencies.map(|(name, all)| ((*name).to_owned(), all.summary()));
        report.latency = summaries.collect::<Latencies>();
        if let Some(churn) = self.churn.take() {
            churn.tell(&mut report, crowd, stage.reactor.ended());
        }
        let figures = &mut report.figures;
        figures.add("intervals", self.p99.len() as f64, "intervals");
        figures.add(
            "wrong_intervals",
            self.wrong_intervals as f64,
            "of them with faults",
        );
        let rss = growth(&self.rss);
        figures.add(
            "rss_growth_bytes",
            rss,
            "by which the server's memory grew after the first quarter",
        );
        let descriptors = growth(&self.descriptors);
        figures.add(
            "descriptors_growth",
            descriptors,
            "by which its open descriptors grew",
        );
        let most = f64::from(options.growth_max) * 1024.0 * 1024.0;
        if let Some(rss) = rss.filter(|rss| *rss > most) {
            let text = format!("the server's memory grew by {}", units::bytes(rss));
            report.verdict.broken.push(text);
        }
        let most = f64::from(options.descriptors_growth_max);
        if let Some(n) = descriptors.filter(|n| *n > most) {
            let text = format!("the server's open descriptors grew by {n:.0}");
            report.verdict.broken.push(text);
        }
        for (name, y, points) in [
            ("p99 over time", "p99_us", self.p99),
            ("deliveries over time", "deliveries_per_s", self.rate),
            ("server memory", "server_rss_bytes", self.rss),
            ("server descriptors", "descriptors", self.descriptors),
        ] {
            report.curves.push(Curve {
                name: name.to_owned(),
                x: "at_s".to_owned(),
                y: y.to_owned(),
                points,
            });
        }
        report.curves.retain(|curve| !curve.points.is_empty());
        report
    }
}

/// What went wrong with those who come and go.
fn group_faults(crowd: &Crowd) -> u64 {
    let parts = crowd.groups.iter().flat_map(|g| &g.parts);
    let each = parts.map(|part| part.verdict());
    each.map(|f| f.lost + f.duplicated + f.reordered + f.corrupted + f.phantom)
        .sum()
}

/// Descriptors that the server has open; `None` when its process is not known or not ours to see.
fn descriptors(stage: &Stage) -> Option<usize> {
    let members = stage.target.as_ref()?.members();
    let open = |pid: u32| Some(std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count());
    members.into_iter().map(open).sum()
}
