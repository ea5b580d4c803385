//! `slow`: some subscribers stop reading, or read a trickle. What do the others notice, what does it
//! cost, and what becomes of the slow?
//!
//! The slow join with the others and read nothing more (or so many bytes a second) while messages
//! flow. Then they read all that is there: one that is still connected must get everything, one
//! that was closed must have had no gap before its end.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use clap::Args;

use super::crowd::Crowd;
use super::fanout::People;
use super::fates::Fates;
use super::finish;
use super::inside::Inside;
use super::pairs::{Pairs, Round, Side};
use crate::cli::{Common, Sending, duration};
use crate::drive::{Clock, Connected, Driven, Span, Stage, connect, measure};
use crate::pace::Lateness;
use crate::reactor::Reactor;
use crate::report::{Curve, Figures, Report};
use crate::timeline::{Look, Recorder};

/// A trickling subscriber reads so often.
const SIP_APART_NS: u64 = 100_000_000;
/// After the slow are gone, before memory is looked at again.
const SETTLE: Duration = Duration::from_millis(500);
/// While the slow catch up, it is looked at so often whether they have.
const LOOK: Duration = Duration::from_millis(20);

/// Options of `slow`.
#[derive(Debug, Clone, Args)]
pub struct Slow {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub common: Common,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub sending: Sending,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub people: People,
    /// Subscribers beside these that never read while messages flow
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub stalled: u32,
    /// Subscribers beside these that read only --trickle bytes a second
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub trickling: u32,
    /// Bytes a second that a trickling subscriber reads
    #[arg(long, value_name = "BYTES", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(10..))]
    pub trickle: u32,
    /// So many times without the slow and with them, in turn: prints the ratio of the others' p99
    #[arg(long, value_name = "ROUNDS", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub paired: u32,
    /// Messages missing between others are no fault at a slow subscriber (a server may skip)
    #[arg(long)]
    pub gaps_allowed: bool,
    /// How long the slow may take to read what is left for them, once they read again
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub catch_up: Duration,
}

/// Those who read a little at a time.
#[derive(Debug)]
pub(super) struct Trickle {
    ids: Vec<usize>,
    sip: usize,
    next_ns: u64,
}

impl Trickle {
    /// Lets each have its next sip when it is due; when to be asked again.
    pub fn act(&mut self, reactor: &mut Reactor, clock: &Clock) -> u64 {
        let now_ns = clock.now_ns();
        if now_ns >= self.next_ns {
            self.next_ns = now_ns + SIP_APART_NS;
            for &id in &self.ids {
                reactor.allow(id, Some(self.sip));
            }
        }
        self.next_ns
    }
}

/// Runs it.
///
/// # Errors
/// A sentence, when the run could not be made.
pub fn run(options: &Slow) -> Result<Report, String> {
    let (common, sending) = (&options.common, &options.sending);
    sending.check()?;
    common.dialect.fits(sending.size)?;
    if options.count() == 0 {
        return Err("--stalled and --trickling are both 0: nobody is slow".to_owned());
    }
    let plan = options.people.plan(sending, common.dialect.talk());
    let stay = plan.connections();
    let each = sending.measuring.whole() + options.catch_up + common.grace + 2 * SETTLE;
    let takes = each * (2 * options.paired).max(1);
    let mut stage = Stage::new(common, (stay + options.count()) as u64, takes)?;
    let span = Span::of(&sending.measuring);
    let mut crowd = Crowd::new(&[plan], stage.run, common.seed, span);
    let connected = connect(&mut stage, &mut crowd, stay)?;
    let mut scene = Scene {
        options,
        stage,
        crowd,
        connected,
        span,
        fates: Fates::default(),
        lateness: Lateness::default(),
        memory: Memory::default(),
    };
    scene.memory.before = scene.stage.look()?;
    let inside = Inside::begin(&sending.measuring.inside)?;
    let mut pairs = Pairs::default();
    let driven = match options.paired {
        0 => scene.with_slow()?,
        rounds => pairs.run(rounds, common.seed, |side| {
            let inside = Inside::begin(&sending.measuring.inside)?;
            let driven = match side {
                Side::With => scene.with_slow()?,
                Side::Without => scene.without()?,
            };
            Ok(Round {
                driven,
                latency: scene.crowd.groups[0].all.clone(),
                inside_p99: inside.p99()?,
            })
        })?,
    };
    scene
        .stage
        .rest(SETTLE, &mut scene.crowd, &Clock(Instant::now()))?;
    scene.memory.after = scene.stage.look()?;
    let mut report = scene.report(driven);
    pairs.tell(&mut report, "slow", common.seed);
    inside.end(&mut report.figures)?;
    Ok(report)
}

impl Slow {
    fn count(&self) -> usize {
        self.stalled as usize + self.trickling as usize
    }
}

/// How many are slow, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    pub stalled: usize,
    pub trickling: usize,
    /// Bytes a second of the trickling ones.
    pub trickle: u32,
}

/// The slow join a group and stop reading; which connections they are.
pub(super) fn come(
    stage: &mut Stage,
    crowd: &mut Crowd,
    group: usize,
    kind: Kind,
) -> Result<Vec<usize>, String> {
    let (first, count) = (stage.reactor.begun(), kind.stalled + kind.trickling);
    (0..count).for_each(|_| crowd.add_part(group));
    stage.open(count, crowd)?;
    let slow: Vec<usize> = (first..first + count).collect();
    for &id in &slow {
        stage.reactor.allow(id, Some(0));
    }
    let sip = u64::from(kind.trickle) * SIP_APART_NS / 1_000_000_000;
    crowd.trickles.push(Trickle {
        ids: slow[kind.stalled..].to_vec(),
        sip: sip as usize,
        next_ns: 0,
    });
    Ok(slow)
}

/// All slow ones read what is left for them, each until it has everything, or its end.
pub(super) fn catch_up(
    stage: &mut Stage,
    crowd: &mut Crowd,
    slow: &[usize],
    patience: Duration,
) -> Result<(), String> {
    crowd.trickles.clear();
    for &id in slow {
        stage.reactor.allow(id, None);
        let (part, book) = crowd.part(id).expect("it has such a seat");
        part.leave(book);
    }
    let clock = Clock(Instant::now());
    let until = clock.0 + patience;
    let mut waits: Vec<usize> = slow.to_vec();
    while !waits.is_empty() && Instant::now() < until {
        stage.rest(LOOK, crowd, &clock)?;
        let ended: HashSet<usize> = stage.reactor.ended().iter().map(|(id, _)| *id).collect();
        waits.retain(|&id| {
            let has_all = crowd.part(id).is_some_and(|(part, _)| part.may_go());
            !has_all && !ended.contains(&id)
        });
    }
    Ok(())
}

/// A run under way.
struct Scene<'a> {
    options: &'a Slow,
    stage: Stage,
    crowd: Crowd,
    connected: Connected,
    span: Span,
    fates: Fates,
    lateness: Lateness,
    memory: Memory,
}

impl Scene<'_> {
    /// One span in which nobody is slow, because the slow are not there.
    fn without(&mut self) -> Result<Driven, String> {
        let measuring = &self.options.sending.measuring;
        self.crowd.begin(self.span);
        self.crowd.recorder = Some(Recorder::new(measuring.warmup, measuring.whole()));
        let driven = measure(&mut self.stage, &mut self.crowd, &self.connected, self.span)?;
        self.lateness.add(&self.crowd.groups[0].senders.lateness);
        Ok(driven)
    }

    /// One span with slow subscribers, from their coming to their end.
    fn with_slow(&mut self) -> Result<Driven, String> {
        let options = self.options;
        let kind = Kind {
            stalled: options.stalled as usize,
            trickling: options.trickling as usize,
            trickle: options.trickle,
        };
        let slow = come(&mut self.stage, &mut self.crowd, 0, kind)?;
        let driven = self.without()?;
        self.memory
            .during(self.crowd.recorder.as_ref(), self.stage.look()?);
        catch_up(&mut self.stage, &mut self.crowd, &slow, options.catch_up)?;
        let gaps_allowed = options.gaps_allowed;
        self.fates.end(
            &slow,
            &mut self.stage.reactor,
            &mut self.crowd,
            gaps_allowed,
        );
        Ok(driven)
    }

    fn report(mut self, driven: Driven) -> Report {
        let mut report = finish::report("slow", &self.stage, &mut self.crowd, driven);
        finish::rejudge(&mut report, &self.lateness);
        self.fates.tell(&mut report);
        self.memory.tell(&mut report.figures, self.options.count());
        report.curves.append(&mut self.memory.curves);
        self.stage.reactor.close();
        report
    }
}

/// The server's memory and the machine's TCP memory.
#[derive(Debug, Default)]
struct Memory {
    before: Look,
    after: Look,
    /// The most that was seen.
    rss_bytes: Option<u64>,
    tcp_bytes: Option<u64>,
    curves: Vec<Curve>,
}

impl Memory {
    /// Takes what the recorder saw in a span, and what is now.
    fn during(&mut self, recorder: Option<&Recorder>, now: Look) {
        let peaks = recorder.map(Recorder::peaks).unwrap_or_default();
        let now_rss = now.server.map(|s| s.rss_bytes);
        self.rss_bytes = self.rss_bytes.max(peaks.0).max(now_rss);
        self.tcp_bytes = self.tcp_bytes.max(peaks.1).max(now.tcp_bytes);
        self.curves = recorder.map(Recorder::curves).unwrap_or_default();
    }

    fn tell(&self, figures: &mut Figures, slow: usize) {
        let number = |n: Option<u64>| n.map(|n| n as f64);
        let rss = |look: &Look| number(look.server.map(|s| s.rss_bytes));
        let (rss_before, rss_after) = (rss(&self.before), rss(&self.after));
        figures.add(
            "rss_before_bytes",
            rss_before,
            "server memory before the slow came",
        );
        figures.add(
            "rss_peak_bytes",
            number(self.rss_bytes),
            "at most, while they were slow",
        );
        figures.add("rss_after_bytes", rss_after, "after they were gone");
        let tcp_before = number(self.before.tcp_bytes);
        figures.add(
            "tcp_before_bytes",
            tcp_before,
            "TCP memory of the machine before the slow came",
        );
        figures.add(
            "tcp_peak_bytes",
            number(self.tcp_bytes),
            "at most, while they were slow",
        );
        let tcp_after = number(self.after.tcp_bytes);
        figures.add("tcp_after_bytes", tcp_after, "after they were gone");
        let grew = |peak: Option<u64>, before: Option<f64>| {
            Some((peak? as f64 - before?).max(0.0) / slow as f64)
        };
        figures.add(
            "rss_per_slow_bytes",
            grew(self.rss_bytes, rss_before),
            "server memory that each slow one cost",
        );
        figures.add(
            "tcp_per_slow_bytes",
            grew(self.tcp_bytes, tcp_before),
            "TCP memory that each slow one cost, both ends where they are on this machine",
        );
    }
}
