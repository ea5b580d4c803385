//! The network side of a run: its server, its connections, and turns of the loop until something is over.

use std::time::{Duration, Instant};

use indicatif::ProgressBar;

use super::{Clock, Load};
use crate::cli::Common;
use crate::dialect::Heard;
use crate::reactor::sockets::{Sockets, sources};
use crate::reactor::{Reactor, Role};
use crate::storm::Storm;
use crate::target::spawn::free_port;
use crate::target::{self, Sample, Syscalls, Target};
use crate::timeline::Look;
use crate::{progress, random, sockstat};

/// After the last delivery: time for what should not come at all.
const AFTERMATH: Duration = Duration::from_millis(100);
/// What a run takes beyond its own phases before it is given up.
const SPARE: Duration = Duration::from_secs(60);
/// The loop looks at its phases at least this often.
const LOOK: Duration = Duration::from_millis(50);
/// Descriptors that are not connections.
const DESCRIPTORS_RESERVE: u64 = 32;

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
        let mut url = common.dialect.parse(&common.url)?;
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
        let mut sink = |id, heard: Heard<'_>, _at| tell(load, id, heard, 0);
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
        let mut sink = |id, heard: Heard<'_>, at| tell(load, id, heard, clock.at(at));
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
    pub(super) fn warm_up(
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
    pub(super) fn run(
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

fn tell(load: &mut impl Load, id: usize, heard: Heard<'_>, now_ns: u64) {
    match heard {
        Heard::Payload { odd, bytes } => load.take(id, odd, bytes, now_ns),
        Heard::Gap(missed) => load.gap(id, missed),
    }
}

/// A run's own number: of its seed and its time, so that what an earlier run left behind in the
/// server is not taken for this one's.
fn run_number(seed: u64) -> u32 {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed();
    let now = since.map_or(0, |t| t.as_nanos() as u64);
    random::mix(seed ^ random::mix(now)) as u32
}
