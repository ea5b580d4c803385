//! `fanout`: publishers to every subscriber of one channel.
//!
//! Subscribers are connections 0 to S − 1, publishers S to S + P − 1. Each message must come once
//! to every subscriber and to every *other* publisher (`--own`: to its own too), in one order.

use clap::Args;

use super::{Due, Finished, OpenLoop, TICKS_PER_TURN, lateness_of};
use crate::cli::{Common, Sending};
use crate::drive::{Clock, Connected, Load, Span, Stage, connect, measure};
use crate::latency::{Latency, Spread};
use crate::pace::Lateness;
use crate::payload::Maker;
use crate::proof::{Book, Faults, Ledger, Seen};
use crate::reactor::Reactor;
use crate::report::{Latencies, Report};

/// Options of `fanout`.
#[derive(Debug, Clone, Args)]
pub struct Fanout {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub common: Common,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub sending: Sending,
    /// Connections that only listen
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub subscribers: u32,
    /// Connections that publish, and get what the other publishers send
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub publishers: u32,
    /// The server sends publishers their own messages too
    #[arg(long)]
    pub own: bool,
}

/// Runs it.
///
/// # Errors
/// A sentence, when the run could not be made.
pub fn run(options: &Fanout) -> Result<Report, String> {
    let (mut stage, connected) = open(options)?;
    let report = round(&mut stage, &connected, options)?;
    stage.reactor.close();
    Ok(report)
}

/// Opens all connections, for one round or for many.
///
/// # Errors
/// A sentence: what contradicts itself, or which connection failed.
pub fn open(options: &Fanout) -> Result<(Stage, Connected), String> {
    let (common, sending) = (&options.common, &options.sending);
    sending.check()?;
    let connections = options.subscribers as usize + options.publishers as usize;
    let takes = sending.warmup + sending.duration + common.grace;
    let mut stage = Stage::new(common, connections as u64, takes)?;
    let mut load = FanoutLoad::new(options, stage.run);
    let connected = connect(&mut stage, &mut load, connections)?;
    Ok((stage, connected))
}

/// Runs it once over open connections, and leaves them open. The options may be others than those
/// it was opened with, but for the connections.
///
/// # Errors
/// A sentence, when the run could not be made.
pub fn round(stage: &mut Stage, connected: &Connected, options: &Fanout) -> Result<Report, String> {
    let sending = &options.sending;
    // What is left of an earlier round must not pass for this one's.
    stage.run = stage.run.wrapping_add(1);
    let mut load = FanoutLoad::new(options, stage.run);
    let driven = measure(stage, &mut load, connected, Span::of(sending))?;
    let latency = Latencies::from([
        ("all".to_owned(), load.all.summary()),
        ("first".to_owned(), load.spread.first.summary()),
        ("median".to_owned(), load.spread.median.summary()),
        ("last".to_owned(), load.spread.last.summary()),
    ]);
    let finished = Finished {
        scenario: "fanout",
        sending,
        driven,
        latency,
        lateness: &load.lateness,
        foreign: load.ledger.foreign(),
        unsent: load.pace.as_ref().map_or(0, OpenLoop::unsent),
    };
    Ok(finished.report(stage, &load))
}

struct FanoutLoad {
    subscribers: usize,
    publishers: u32,
    batch: u32,
    window: u32,
    /// `None`: closed loop.
    pace: Option<OpenLoop>,
    span: Span,
    maker: Maker,
    ledger: Ledger,
    spread: Spread,
    all: Latency,
    lateness: Lateness,
    sent: Vec<u32>,
}

impl FanoutLoad {
    fn new(options: &Fanout, run: u32) -> FanoutLoad {
        let (sending, publishers) = (&options.sending, options.publishers);
        let subscribers = (0..options.subscribers).map(|_| None);
        let own = (0..publishers).map(|p| (!options.own).then_some(p));
        let ledger = Ledger::new(Book::new(run, 0, publishers), subscribers.chain(own));
        let audience = (0..publishers).map(|p| ledger.audience(p));
        FanoutLoad {
            subscribers: options.subscribers as usize,
            publishers,
            batch: sending.batch,
            window: sending.window,
            pace: OpenLoop::of(sending, publishers as usize),
            span: Span::of(sending),
            maker: Maker::new(run, sending.size, options.common.seed),
            spread: Spread::new(audience.collect()),
            ledger,
            all: Latency::default(),
            lateness: lateness_of(sending),
            sent: vec![0; publishers as usize],
        }
    }

    fn publish(&mut self, publisher: u32, intended_ns: u64, reactor: &mut Reactor) {
        let connection = self.subscribers + publisher as usize;
        for _ in 0..self.batch {
            let sequence = self.ledger.publish(publisher);
            self.spread.publish(publisher);
            reactor.queue(
                connection,
                self.maker.make(publisher, sequence, intended_ns),
            );
        }
        self.sent[publisher as usize] += self.batch;
        reactor.flush(connection);
    }

    /// Sends what is due by the clock; when to be asked again, or `None` in a closed loop.
    fn send_open(&mut self, reactor: &mut Reactor, clock: &Clock) -> Option<u64> {
        for _ in 0..TICKS_PER_TURN {
            let pace = self.pace.as_mut()?;
            let subscribers = self.subscribers;
            let waiting = |s| reactor.waiting_bytes(subscribers + s);
            match pace.next(waiting, clock.now_ns(), &mut self.lateness) {
                Due::Wait(until_ns) => return Some(until_ns),
                Due::Send {
                    sender,
                    intended_ns,
                } => self.publish(sender as u32, intended_ns, reactor),
            }
        }
        Some(clock.now_ns())
    }

    fn send_closed(&mut self, reactor: &mut Reactor, clock: &Clock) {
        for publisher in 0..self.publishers {
            let outstanding =
                |load: &FanoutLoad| load.sent[publisher as usize] - load.spread.done(publisher);
            while outstanding(self) + self.batch <= self.window {
                self.publish(publisher, clock.now_ns(), reactor);
            }
        }
    }
}

impl Load for FanoutLoad {
    fn send(&mut self, reactor: &mut Reactor, clock: &Clock) -> u64 {
        if let Some(next_ns) = self.send_open(reactor, clock) {
            return next_ns;
        }
        self.send_closed(reactor, clock);
        u64::MAX
    }

    fn take(&mut self, id: usize, text: bool, payload: &[u8], now_ns: u64) {
        let Seen::Fresh(stamp) = self.ledger.deliver(id, text, payload) else {
            return;
        };
        let latency = self.span.latency(stamp.intended_ns, now_ns);
        self.spread
            .deliver(stamp.publisher, stamp.sequence, latency);
        if let Some(ns) = latency {
            self.all.note(ns);
        }
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

    fn owes(&self, end_ns: u64) -> bool {
        self.pace.as_ref().is_some_and(|pace| pace.owes(end_ns))
    }

    fn stops_when_cut(&self) -> bool {
        self.pace.is_none()
    }

    fn verdict(&self) -> Faults {
        self.ledger.verdict()
    }
}
