//! The phases of a measured run: connect, warm up, measure, wait for stragglers.
//!
//! A scenario is a [`Load`]; it never looks at the clock. The server's CPU is taken from the end
//! of the warm-up until the last delivery, and divided by the deliveries of the same span.

mod stage;

use std::time::{Duration, Instant};

use crate::cli::Measuring;
use crate::progress;
use crate::proof::{Faults, Gaps};
use crate::reactor::{Ended, Reactor, Role};
use crate::report::{Cost, Measured, OwnTurns};
use crate::target::{self, Sample};
use crate::timeline::Recorder;

pub use stage::Stage;

/// After connecting: time for the server to finish joining the last connection.
const SETTLE: Duration = Duration::from_millis(200);

/// What a scenario sends and takes. Times are nanoseconds since the run began.
pub trait Load {
    /// Sends what is due; returns when to be asked again.
    fn send(&mut self, reactor: &mut Reactor, clock: &Clock) -> u64;
    /// Takes one message that came.
    fn take(&mut self, id: usize, text: bool, payload: &[u8], now_ns: u64);
    /// Notes that the server says messages are missing at a connection, and how many if it says that.
    fn gap(&mut self, _id: usize, _missed: Option<u64>) {}
    /// First-time deliveries so far.
    fn delivered(&self) -> u64;
    /// First-time deliveries that there must be, of what was sent so far, but for what was announced
    /// to be missing.
    fn expected(&self) -> u64;
    /// Messages sent so far.
    fn messages(&self) -> u64;
    /// Whether something due before `end_ns` has not been sent, by no fault of the server.
    fn owes(&self, end_ns: u64) -> bool;
    /// Whether one of the connections that ended makes it pointless to go on.
    fn is_cut(&mut self, ended: &[(usize, Ended)]) -> bool;
    /// What went wrong.
    fn verdict(&self) -> Faults;
    /// What is missing and was announced.
    fn gaps(&self) -> Gaps {
        Gaps::default()
    }
    /// Which channel a connection is for, as a path; `None`: that of the URL.
    fn path(&self, _id: usize) -> Option<&str> {
        None
    }
    /// What a connection is for.
    fn role(&self, _id: usize) -> Role {
        Role::Subscriber
    }
    /// The measured time is over, and what is still missing has been given up.
    fn over(&mut self) {}
    /// What takes the run down over time, if anything does.
    fn recorder(&mut self) -> Option<&mut Recorder> {
        None
    }
}

/// Time since the run began.
#[derive(Debug, Clone, Copy)]
pub struct Clock(pub Instant);

impl Clock {
    /// Nanoseconds at this moment.
    pub fn now_ns(&self) -> u64 {
        self.at(Instant::now())
    }

    /// Nanoseconds at that moment; 0 before the run began.
    pub fn at(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.0).as_nanos() as u64
    }
}

/// Which messages are measured: those that were due in this span.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// From here, nanoseconds.
    pub from_ns: u64,
    /// To here, exclusive.
    pub to_ns: u64,
}

impl Span {
    /// The measured span of these options.
    pub fn of(measuring: &Measuring) -> Span {
        Span {
            from_ns: measuring.warmup.as_nanos() as u64,
            to_ns: measuring.whole().as_nanos() as u64,
        }
    }

    /// A message's latency, if it is measured.
    pub fn latency(&self, intended_ns: u64, now_ns: u64) -> Option<u64> {
        let inside = (self.from_ns..self.to_ns).contains(&intended_ns);
        inside.then(|| now_ns.saturating_sub(intended_ns))
    }
}

/// What a whole measured run gave.
#[derive(Debug, Clone)]
pub struct Driven {
    #[allow(missing_docs)]
    pub measured: Measured,
    /// This process's CPU as a share of one core, while it was sending.
    pub own_cpu_share: f64,
    /// How long this process was busy between two waits.
    pub turns: OwnTurns,
    /// What the server spent, when its process is known.
    pub server: Option<Cost>,
}

impl Driven {
    /// This and another, made on the same connections, as one; without the server's cost, which is
    /// not the same in both.
    #[must_use]
    pub fn and(self, other: Driven) -> Driven {
        let (a, b) = (self.measured, other.measured);
        let (seconds, deliveries) = (a.seconds + b.seconds, a.deliveries + b.deliveries);
        Driven {
            measured: Measured {
                seconds,
                messages: a.messages + b.messages,
                deliveries,
                deliveries_per_s: deliveries as f64 / seconds.max(1e-9),
                ..a
            },
            own_cpu_share: self.own_cpu_share.max(other.own_cpu_share),
            turns: self.turns.worse(other.turns),
            server: None,
        }
    }
}

/// What opening the connections gave.
#[derive(Debug, Clone, Copy)]
pub struct Connected {
    connections: usize,
    seconds: f64,
    /// The server before the first and after the last of them.
    pub samples: [Option<Sample>; 2],
}

/// The first phase: opens so many connections, and gives the server a moment to finish joining
/// the last.
///
/// # Errors
/// A sentence, when one failed.
pub fn connect(
    stage: &mut Stage,
    load: &mut impl Load,
    connections: usize,
) -> Result<Connected, String> {
    let before = stage.sample()?;
    let connecting = Instant::now();
    stage.open(connections, load)?;
    let seconds = connecting.elapsed().as_secs_f64();
    stage.rest(SETTLE, load, &Clock(Instant::now()))?;
    Ok(Connected {
        connections,
        seconds,
        samples: [before, stage.sample()?],
    })
}

/// The other phases, over connections that are open: warms up, measures, waits for stragglers.
///
/// # Errors
/// A sentence, when the run could not be made. Wrong deliveries are no error but a result.
pub fn measure(
    stage: &mut Stage,
    load: &mut impl Load,
    connected: &Connected,
    span: Span,
) -> Result<Driven, String> {
    let clock = Clock(Instant::now());
    let bar = progress::time("run", Duration::from_nanos(span.to_ns));
    let syscalls = stage.warm_up(load, &clock, span.from_ns, &bar)?;
    stage.reactor.take_turns();
    let (from, own_cpu) = (Instant::now(), target::own_cpu_ns());
    let start = (stage.sample()?, load.delivered(), load.messages());
    stage.run(load, &clock, span.to_ns, &bar)?;
    let own_cpu_ns = target::own_cpu_ns() - own_cpu;
    let own_wall_ns = from.elapsed().as_nanos() as u64;
    let turns = stage.reactor.take_turns();
    bar.finish_and_clear();
    let last = stage.stragglers(load, &clock)?;
    let end = stage.sample()?;
    let deliveries = load.delivered() - start.1;
    stage.aftermath(load, &clock)?;
    load.over();
    let seconds = last.duration_since(from).as_secs_f64();
    Ok(Driven {
        measured: Measured {
            connections: connected.connections as u64,
            connect_s: connected.seconds,
            seconds,
            messages: load.messages() - start.2,
            deliveries,
            deliveries_per_s: deliveries as f64 / seconds.max(1e-9),
            payload_bytes_per_s: None,
        },
        own_cpu_share: own_cpu_ns as f64 / own_wall_ns.max(1) as f64,
        turns: OwnTurns {
            turn_p99_us: turns.busy.summary().p99_us,
            turn_max_us: turns.busy.summary().max_us,
            long_turns_share: turns.long.as_nanos() as f64 / own_wall_ns.max(1) as f64,
        },
        server: match (connected.samples, start.0, end) {
            ([Some(before), Some(after)], Some(start), Some(end)) => Some(
                Cost::new(
                    [before, after, start, end],
                    connected.connections as u64,
                    deliveries,
                )
                .with_syscalls(syscalls),
            ),
            _ => None,
        },
    })
}
