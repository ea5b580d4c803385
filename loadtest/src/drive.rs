//! The phases of a measured run: connect, warm up, measure, wait for stragglers.
//!
//! A scenario is a [`Load`]; it never looks at the clock. The server's CPU is taken from the end
//! of the warm-up until the last delivery, and divided by the deliveries of the same span.

use std::time::{Duration, Instant};

use indicatif::ProgressBar;

use crate::cli::{Common, Measuring};
use crate::proof::Faults;
use crate::reactor::sockets::{Sockets, sources};
use crate::reactor::{Ended, Reactor, Role};
use crate::report::{Cost, Measured, OwnTurns};
use crate::storm::Storm;
use crate::target::spawn::free_port;
use crate::target::{self, Sample, Syscalls, Target};
use crate::timeline::{Look, Recorder};
use crate::url::Url;
use crate::{progress, random, sockstat};

/// After connecting: time for the server to finish joining the last connection.
const SETTLE: Duration = Duration::from_millis(200);
/// After the last delivery: time for what should not come at all.
const AFTERMATH: Duration = Duration::from_millis(100);
/// What a run takes beyond its own phases before it is given up.
const SPARE: Duration = Duration::from_secs(60);
/// The loop looks at its phases at least this often.
const LOOK: Duration = Duration::from_millis(50);
/// Descriptors that are not connections.
const DESCRIPTORS_RESERVE: u64 = 32;

/// What a scenario sends and takes. Times are nanoseconds since the run began.
pub trait Load {
    /// Sends what is due; returns when to be asked again.
    fn send(&mut self, reactor: &mut Reactor, clock: &Clock) -> u64;
    /// Takes one message that came.
    fn take(&mut self, id: usize, text: bool, payload: &[u8], now_ns: u64);
    /// First-time deliveries so far.
    fn delivered(&self) -> u64;
    /// First-time deliveries that there must be, of what was sent so far.
    fn expected(&self) -> u64;
    /// Messages sent so far.
    fn messages(&self) -> u64;
    /// Whether something due before `end_ns` has not been sent, by no fault of the server.
    fn owes(&self, end_ns: u64) -> bool;
    /// Whether one of the connections that ended makes it pointless to go on.
    fn is_cut(&mut self, ended: &[(usize, Ended)]) -> bool;
    /// What went wrong.
    fn verdict(&self) -> Faults;
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

/// The network side of a run.
#[derive(Debug)]
pub struct Stage {
    /// All connections.
    pub reactor: Reactor,
    /// The server's processes, if named.
    pub target: Option<Target>,
    /// The number that tells this run's messages from another's.
    pub run: u32,
    /// When everything is given up.
    pub deadline: Instant,
    in_flight: usize,
    grace: Duration,
}

impl Stage {
    /// Prepares a run of `connections` that takes about `takes`.
    ///
    /// # Errors
    /// A sentence: a bad URL, too few descriptors, an unreadable process.
    pub fn new(common: &Common, connections: u64, takes: Duration) -> Result<Stage, String> {
        let needed = connections + DESCRIPTORS_RESERVE;
        let descriptors = target::raise_descriptors_to(needed);
        if needed > descriptors {
            return Err(format!(
                "{connections} connections need {needed} descriptors, the limit is {descriptors}: see ulimit -Hn"
            ));
        }
        let mut url = Url::parse(&common.url)?;
        if common.target.spawn.is_some() && url.address.port() == 0 {
            url.set_port(free_port(url.address.ip())?);
        }
        let sockets = Sockets {
            sources: sources(common.source_addresses, connections, url.address)?,
            receive_buffer: common.receive_buffer,
        };
        let run = run_number(common.seed);
        let endpoints = common.dialect.endpoints(url)?;
        let target = Target::new(&common.target, endpoints.listen.url.address)?;
        let reactor = Reactor::new(endpoints, common.seed, sockets);
        Ok(Stage {
            reactor: reactor.map_err(|e| format!("cannot set up polling: {e}"))?,
            target,
            run,
            deadline: Instant::now() + common.timeout.unwrap_or(takes + SPARE),
            in_flight: common.in_flight as usize,
            grace: common.grace,
        })
    }

    /// Gives it this long from now on, and some to spare, before all is given up.
    pub fn allow(&mut self, time: Duration) {
        self.deadline = Instant::now() + time + SPARE;
    }

    /// Opens so many connections more.
    ///
    /// # Errors
    /// A sentence: the first that failed, or how far it got.
    pub fn open(&mut self, more: usize, load: &mut impl Load) -> Result<(), String> {
        let storm = Storm {
            in_flight: self.in_flight,
            deadline: self.deadline,
        };
        let bar = progress::bar("connect", more as u64);
        let first = self.reactor.begun();
        let seat = |id| (load.role(id), load.path(id).map(str::to_owned));
        let seats: Vec<(Role, Option<String>)> = (first..first + more).map(seat).collect();
        let mut begin = |reactor: &mut Reactor, nth: usize| {
            let (role, path) = &seats[nth];
            reactor.connect_as(*role, path.as_deref())
        };
        let mut sink = |id, text, payload: &[u8], _at| load.take(id, text, payload, 0);
        let opened = storm.open(&mut self.reactor, more, &mut begin, &mut sink, |open| {
            bar.set_position(open as u64)
        });
        bar.finish_and_clear();
        opened.map_err(|why| match &mut self.target {
            Some(target) => target.explain(why),
            None => why,
        })
    }

    /// Takes what comes for this long, sending nothing.
    ///
    /// # Errors
    /// When polling fails, or the time for everything is over.
    pub fn rest(
        &mut self,
        time: Duration,
        load: &mut impl Load,
        clock: &Clock,
    ) -> Result<(), String> {
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.in_time()?;
            self.turn(until.min(self.deadline), load, clock)?;
        }
        Ok(())
    }

    fn in_time(&self) -> Result<(), String> {
        match Instant::now() < self.deadline {
            true => Ok(()),
            false => Err("timed out before the run was over (--timeout)".to_owned()),
        }
    }

    /// Waits until all deliveries have come, or none for the grace period, and then a moment more
    /// for what should not come. Returns when the last delivery came.
    ///
    /// # Errors
    /// When polling fails.
    pub fn stragglers(&mut self, load: &mut impl Load, clock: &Clock) -> Result<Instant, String> {
        let (mut last, mut seen) = (Instant::now(), load.delivered());
        while load.delivered() < load.expected() {
            let until = (last + self.grace).min(self.deadline);
            if Instant::now() >= until {
                break;
            }
            self.turn(until, load, clock)?;
            if load.delivered() > seen {
                (last, seen) = (Instant::now(), load.delivered());
            }
        }
        Ok(last)
    }

    fn turn(&mut self, until: Instant, load: &mut impl Load, clock: &Clock) -> Result<(), String> {
        let mut sink = |id, text, payload: &[u8], at| load.take(id, text, payload, clock.at(at));
        let turned = self.reactor.turn(until, &mut sink);
        turned.map_err(|e| format!("polling failed: {e}"))?;
        let now_ns = clock.now_ns();
        if let Some(recorder) = load.recorder()
            && recorder.wants_look(now_ns)
        {
            recorder.look(self.look()?, now_ns);
        }
        Ok(())
    }

    /// The server and the machine at this moment.
    ///
    /// # Errors
    /// A sentence, when the server's process is gone.
    pub fn look(&self) -> Result<Look, String> {
        Ok(Look {
            server: self.sample()?,
            tcp_bytes: sockstat::tcp_bytes(),
        })
    }

    /// The server's CPU and memory at this moment.
    ///
    /// # Errors
    /// A sentence, when the process is gone.
    pub fn sample(&self) -> Result<Option<Sample>, String> {
        self.target.as_ref().map(Target::sample).transpose()
    }

    /// Takes what should not come at all, be the time for everything over or not.
    ///
    /// # Errors
    /// When polling fails.
    pub fn aftermath(&mut self, load: &mut impl Load, clock: &Clock) -> Result<(), String> {
        let until = Instant::now() + AFTERMATH;
        while Instant::now() < until {
            self.turn(until, load, clock)?;
        }
        Ok(())
    }

    /// Sends what is due before `end_ns`, and counts the server's system calls for each delivery in
    /// the second half of that.
    fn warm_up(
        &mut self,
        load: &mut impl Load,
        clock: &Clock,
        end_ns: u64,
        bar: &ProgressBar,
    ) -> Result<Result<f64, String>, String> {
        self.run(load, clock, end_ns / 2, bar)?;
        let delivered = load.delivered();
        let counting = match &self.target {
            Some(_) if end_ns == 0 => {
                Err("they are counted in the warm-up: there is none".to_owned())
            }
            Some(target) => Syscalls::count(&target.members()),
            None => Err("no process to look at".to_owned()),
        };
        self.run(load, clock, end_ns, bar)?;
        Ok(counting.and_then(|mut syscalls| {
            let (calls, deliveries) = (syscalls.read()?, load.delivered() - delivered);
            match deliveries {
                0 => Err("nothing was delivered in the second half of the warm-up".to_owned()),
                n => Ok(calls as f64 / n as f64),
            }
        }))
    }

    /// Sends what is due before `end_ns`, or until a connection ended that makes it pointless.
    fn run(
        &mut self,
        load: &mut impl Load,
        clock: &Clock,
        end_ns: u64,
        bar: &ProgressBar,
    ) -> Result<(), String> {
        loop {
            let now_ns = clock.now_ns();
            let cut = load.is_cut(self.reactor.ended());
            if (now_ns >= end_ns && !load.owes(end_ns)) || cut {
                return Ok(());
            }
            self.in_time()?;
            bar.set_position(now_ns / 1_000_000);
            let next_ns = load.send(&mut self.reactor, clock);
            let look_ns = clock.now_ns() + LOOK.as_nanos() as u64;
            let until = clock.0 + Duration::from_nanos(next_ns.min(end_ns).min(look_ns));
            self.turn(until, load, clock)?;
        }
    }
}

/// A run's own number: of its seed and its time, so that what an earlier run left behind in the
/// server is not taken for this one's.
fn run_number(seed: u64) -> u32 {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed();
    let now = since.map_or(0, |t| t.as_nanos() as u64);
    random::mix(seed ^ random::mix(now)) as u32
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
