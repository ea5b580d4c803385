//! `echo`: every connection gets its own messages back, each once and in order.

use clap::Args;

use super::{Due, Finished, OpenLoop, TICKS_PER_TURN, lateness_of};
use crate::cli::{Common, Sending};
use crate::drive::{Clock, Load, Span, Stage, drive};
use crate::latency::Latency;
use crate::pace::Lateness;
use crate::payload::Maker;
use crate::proof::{Echoes, Faults, Seen};
use crate::reactor::Reactor;
use crate::report::{Latencies, Report};

/// Options of `echo`.
#[derive(Debug, Clone, Args)]
pub struct Echo {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub common: Common,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub sending: Sending,
    /// Connections
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub connections: u32,
}

/// Runs it.
///
/// # Errors
/// A sentence, when the run could not be made.
pub fn run(options: &Echo) -> Result<Report, String> {
    let (common, sending) = (&options.common, &options.sending);
    sending.check()?;
    let connections = options.connections as usize;
    let takes = sending.warmup + sending.duration + common.grace;
    let mut stage = Stage::new(common, connections as u64, takes)?;
    let mut load = EchoLoad::new(options, stage.run);
    let driven = drive(&mut stage, &mut load, connections, Span::of(sending))?;
    let finished = Finished {
        scenario: "echo",
        sending,
        driven,
        latency: Latencies::from([("all".to_owned(), load.all.summary())]),
        lateness: &load.lateness,
        foreign: load.echoes.foreign(),
        unsent: load.pace.as_ref().map_or(0, OpenLoop::unsent),
    };
    let report = finished.report(&stage, &load);
    stage.reactor.close();
    Ok(report)
}

struct EchoLoad {
    batch: u32,
    window: u32,
    /// `None`: closed loop.
    pace: Option<OpenLoop>,
    /// Closed loop: who may have room in its window.
    room: Vec<usize>,
    span: Span,
    maker: Maker,
    echoes: Echoes,
    all: Latency,
    lateness: Lateness,
}

impl EchoLoad {
    fn new(options: &Echo, run: u32) -> EchoLoad {
        let (sending, connections) = (&options.sending, options.connections as usize);
        EchoLoad {
            batch: sending.batch,
            window: sending.window,
            pace: OpenLoop::of(sending, connections),
            room: (0..connections).collect(),
            span: Span::of(sending),
            maker: Maker::new(run, sending.size, options.common.seed),
            echoes: Echoes::new(run, connections),
            all: Latency::default(),
            lateness: lateness_of(sending),
        }
    }

    fn publish(&mut self, id: usize, intended_ns: u64, reactor: &mut Reactor) {
        for _ in 0..self.batch {
            let sequence = self.echoes.publish(id);
            reactor.queue(id, self.maker.make(id as u32, sequence, intended_ns));
        }
        reactor.flush(id);
    }

    /// Sends what is due by the clock; when to be asked again, or `None` in a closed loop.
    fn send_open(&mut self, reactor: &mut Reactor, clock: &Clock) -> Option<u64> {
        for _ in 0..TICKS_PER_TURN {
            let pace = self.pace.as_mut()?;
            let waiting = |id| reactor.waiting_bytes(id);
            match pace.next(waiting, clock.now_ns(), &mut self.lateness) {
                Due::Wait(until_ns) => return Some(until_ns),
                Due::Send {
                    sender,
                    intended_ns,
                } => self.publish(sender, intended_ns, reactor),
            }
        }
        Some(clock.now_ns())
    }

    fn send_closed(&mut self, reactor: &mut Reactor, clock: &Clock) {
        for id in std::mem::take(&mut self.room) {
            while self.echoes.outstanding(id) + self.batch <= self.window {
                self.publish(id, clock.now_ns(), reactor);
            }
        }
    }
}

impl Load for EchoLoad {
    fn send(&mut self, reactor: &mut Reactor, clock: &Clock) -> u64 {
        if let Some(next_ns) = self.send_open(reactor, clock) {
            return next_ns;
        }
        self.send_closed(reactor, clock);
        u64::MAX
    }

    fn take(&mut self, id: usize, text: bool, payload: &[u8], now_ns: u64) {
        let Seen::Fresh(stamp) = self.echoes.deliver(id, text, payload) else {
            return;
        };
        if self.pace.is_none() {
            self.room.push(id);
        }
        if let Some(ns) = self.span.latency(stamp.intended_ns, now_ns) {
            self.all.note(ns);
        }
    }

    fn delivered(&self) -> u64 {
        self.echoes.fresh()
    }

    fn expected(&self) -> u64 {
        self.echoes.messages()
    }

    fn messages(&self) -> u64 {
        self.echoes.messages()
    }

    fn owes(&self, end_ns: u64) -> bool {
        self.pace.as_ref().is_some_and(|pace| pace.owes(end_ns))
    }

    fn stops_when_cut(&self) -> bool {
        self.pace.is_none()
    }

    fn verdict(&self) -> Faults {
        self.echoes.verdict()
    }
}
