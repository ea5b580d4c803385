//! `echo`: every connection gets its own messages back, each once and in order.

use clap::Args;

use super::finish::Finished;
use super::senders::{Outlet, Senders};
use crate::cli::{Common, Sending};
use crate::drive::{Clock, Load, Span, Stage, connect, measure};
use crate::latency::Latency;
use crate::payload::Maker;
use crate::proof::{Echoes, Faults, Seen};
use crate::reactor::{Ended, Reactor};
use crate::report::{Latencies, Report};
use crate::timeline::Recorder;

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
    common.dialect.fits(sending.size)?;
    if common.dialect.dialect.is_http() {
        return Err("--dialect: sse and poll only listen, there is no echo".to_owned());
    }
    if !common.dialect.talk().publishers_listen {
        return Err("--publish-url: nothing comes back to who sends there".to_owned());
    }
    let (connections, span) = (options.connections as usize, Span::of(&sending.measuring));
    let takes = sending.measuring.whole() + common.grace;
    let mut stage = Stage::new(common, connections as u64, takes)?;
    let mut load = EchoLoad::new(options, stage.run);
    let connected = connect(&mut stage, &mut load, connections)?;
    let driven = measure(&mut stage, &mut load, &connected, span)?;
    let recorder = load.recorder.take();
    let finished = Finished {
        scenario: "echo",
        size: Some(sending.size),
        driven,
        latency: Latencies::from([("all".to_owned(), load.all.summary())]),
        senders: vec![&load.senders],
        foreign: load.out.echoes.foreign(),
        ended: stage.reactor.ended().to_vec(),
    };
    let mut report = finished.report(&load);
    report.timeline = recorder.map(Recorder::finish);
    stage.reactor.close();
    Ok(report)
}

struct EchoLoad {
    senders: Senders,
    out: Lines,
    span: Span,
    all: Latency,
    recorder: Option<Recorder>,
}

/// Where the messages go, and come from.
struct Lines {
    batch: u32,
    maker: Maker,
    echoes: Echoes,
}

impl EchoLoad {
    fn new(options: &Echo, run: u32) -> EchoLoad {
        let (sending, connections) = (&options.sending, options.connections as usize);
        let (measuring, span) = (&sending.measuring, Span::of(&sending.measuring));
        EchoLoad {
            senders: Senders::new(sending.into(), connections, span),
            out: Lines {
                batch: sending.batch,
                maker: Maker::of(
                    options.common.dialect.form(),
                    run,
                    sending.size,
                    options.common.seed,
                ),
                echoes: Echoes::new(run, connections),
            },
            span,
            all: Latency::default(),
            recorder: Some(Recorder::new(measuring.warmup, measuring.whole())),
        }
    }
}

impl Outlet for Lines {
    fn waiting_bytes(&self, sender: usize, reactor: &Reactor) -> usize {
        reactor.waiting_bytes(sender)
    }

    fn outstanding(&self, sender: usize) -> u32 {
        self.echoes.outstanding(sender)
    }

    fn publish(&mut self, sender: usize, intended_ns: u64, reactor: &mut Reactor) {
        for _ in 0..self.batch {
            let sequence = self.echoes.publish(sender);
            let payload = self.maker.make(sender as u32, sequence, intended_ns);
            reactor.queue(sender, payload);
        }
        reactor.flush(sender);
    }
}

impl Load for EchoLoad {
    fn send(&mut self, reactor: &mut Reactor, clock: &Clock) -> u64 {
        let before = self.messages();
        let next_ns = self.senders.send(&mut self.out, reactor, clock);
        let sent = self.messages() - before;
        if let Some(recorder) = &mut self.recorder {
            recorder.sent(sent, clock.now_ns());
        }
        next_ns
    }

    fn take(&mut self, id: usize, text: bool, payload: &[u8], now_ns: u64) {
        let Seen::Fresh(stamp, _) = self.out.echoes.deliver(id, text, payload) else {
            return;
        };
        self.senders.release(id);
        if let Some(ns) = self.span.latency(stamp.intended_ns, now_ns) {
            self.all.note(ns);
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.delivered(now_ns.saturating_sub(stamp.intended_ns), now_ns);
        }
    }

    fn delivered(&self) -> u64 {
        self.out.echoes.fresh()
    }

    fn expected(&self) -> u64 {
        self.out.echoes.messages()
    }

    fn messages(&self) -> u64 {
        self.out.echoes.messages()
    }

    fn owes(&self, end_ns: u64) -> bool {
        self.senders.owes(end_ns)
    }

    fn is_cut(&mut self, ended: &[(usize, Ended)]) -> bool {
        self.senders.is_closed_loop() && !ended.is_empty()
    }

    fn verdict(&self) -> Faults {
        self.out.echoes.verdict()
    }

    fn recorder(&mut self) -> Option<&mut Recorder> {
        self.recorder.as_mut()
    }
}
