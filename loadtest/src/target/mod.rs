//! What the server under test spends, as the kernel counts it (Linux).
//!
//! | file | job |
//! |---|---|
//! | `process` | one process in `/proc`, and who descends from it |
//! | `machine` | soft interrupts, which are charged to nobody in particular |
//! | `cores` | who runs where |
//! | `spawn` | starting and ending the server |
//! | `syscalls` | its system calls |
//! | `own` | this process |

pub mod cores;
mod machine;
mod own;
mod process;
pub mod spawn;
mod syscalls;

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use crate::cli::duration;
use cores::Cores;
use machine::Machine;
use process::Stat;
use spawn::{Launch, Spawned};

pub use own::{own_cpu_ns, raise_descriptors, raise_descriptors_to};
pub use syscalls::Syscalls;

/// Which processes are the server.
#[derive(Debug, Clone, Default, Args)]
pub struct TargetOptions {
    /// Process of the server, for its CPU and memory and those of its children; repeat it for each of several
    #[arg(long)]
    pub pid: Vec<u32>,
    /// Start the server with this command, wait until it listens, and end it after the run;
    /// {port}, {host} and {address} stand for those of --url, port 0 there for any free one
    #[arg(long, value_name = "COMMAND", conflicts_with = "pid")]
    pub spawn: Option<String>,
    /// How long the server may take until it listens
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub spawn_patience: Duration,
    /// Keep the server on these cores and this process off them [default with --spawn: all but the last]
    #[arg(long, value_name = "LIST", value_parser = Cores::parse)]
    pub target_cores: Option<Cores>,
}

/// The processes that make up the server.
#[derive(Debug)]
pub struct Target {
    roots: Vec<u32>,
    spawned: Option<Spawned>,
    machine: Machine,
    tick_ns: u64,
}

/// What they have used so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Sample {
    /// CPU in user code and in the kernel together, nanoseconds, exact.
    pub cpu_ns: u64,
    /// CPU in user code, nanoseconds, in steps of a clock tick (10 ms as a rule).
    pub user_ns: u64,
    /// CPU in the kernel, likewise.
    pub system_ns: u64,
    /// Resident memory now; what processes share is counted for each.
    pub rss_bytes: u64,
    /// The most that it ever was, summed over the processes.
    pub rss_peak_bytes: u64,
    /// Times that a thread waited for something.
    pub voluntary_switches: u64,
    /// Times that a thread was made to let another run.
    pub involuntary_switches: u64,
    /// Processes looked at.
    pub processes: u32,
    /// The machine's CPU in soft interrupts, in steps of a clock tick; `None`: cannot be seen.
    pub softirq_ns: Option<u64>,
    /// The CPU of the kernel's threads for that, exact.
    pub ksoftirqd_ns: Option<u64>,
}

impl Sample {
    /// CPU since an earlier sample: user and system, nanoseconds. The sum is exact; it is divided
    /// as the clock ticks were, and is the kernel's when there was none.
    pub fn cpu_since(&self, earlier: &Sample) -> (u64, u64) {
        let all = self.cpu_ns.saturating_sub(earlier.cpu_ns);
        let user = self.user_ns.saturating_sub(earlier.user_ns);
        let ticks = user + self.system_ns.saturating_sub(earlier.system_ns);
        let user = u128::from(all) * u128::from(user) / u128::from(ticks.max(1));
        (user as u64, all - user as u64)
    }
}

impl Target {
    /// The server that these options name, or start at `address`; `None` for none.
    ///
    /// # Errors
    /// A sentence, when a process cannot be read, or the server does not come up.
    pub fn new(options: &TargetOptions, address: SocketAddr) -> Result<Option<Target>, String> {
        let cores = options.target_cores.as_ref();
        let Some(command) = &options.spawn else {
            return Target::of_pids(&options.pid, cores);
        };
        let launch = Launch {
            command,
            address,
            cores,
            environment: &[],
            directory: None,
            patience: options.spawn_patience,
        };
        Target::of_spawned(launch.start()?).map(Some)
    }

    /// The server with these process ids, kept on these cores from now on; `None` for none.
    ///
    /// # Errors
    /// A sentence, when one of them cannot be read.
    pub fn of_pids(pids: &[u32], cores: Option<&Cores>) -> Result<Option<Target>, String> {
        if pids.is_empty() {
            return match cores {
                Some(_) => Err("--target-cores needs --pid or --spawn".to_owned()),
                None => Ok(None),
            };
        }
        let target = Target::made(pids.to_vec(), None);
        target.sample()?;
        if let Some(cores) = cores {
            let mut members = target.members().into_iter();
            members.try_for_each(|pid| cores.pin_process(pid))?;
            if let Some(own) = Cores::at_start()?.without(cores) {
                own.pin_this_thread()?;
            }
        }
        Ok(Some(target))
    }

    /// The server that we started.
    ///
    /// # Errors
    /// A sentence, when it is gone already.
    pub fn of_spawned(spawned: Spawned) -> Result<Target, String> {
        let target = Target::made(vec![spawned.pid()], Some(spawned));
        target.sample()?;
        Ok(target)
    }

    fn made(roots: Vec<u32>, spawned: Option<Spawned>) -> Target {
        let tick_ns = 1_000_000_000 / rustix::param::clock_ticks_per_second();
        Target {
            roots,
            spawned,
            machine: Machine::new(tick_ns),
            tick_ns,
        }
    }

    /// All its processes at this moment.
    pub fn members(&self) -> Vec<u32> {
        process::tree(&self.roots, self.spawned.as_ref().map(Spawned::pid))
    }

    /// What all of them together have used.
    ///
    /// # Errors
    /// A sentence, when one that was named is gone, or all that was started.
    pub fn sample(&self) -> Result<Sample, String> {
        let mut sum = Sample {
            softirq_ns: self.machine.softirq_ns(),
            ksoftirqd_ns: self.machine.ksoftirqd_ns(),
            ..Sample::default()
        };
        for pid in self.members() {
            match self.add(pid, &mut sum) {
                Err(why) if self.spawned.is_none() && self.roots.contains(&pid) => return Err(why),
                // A child may end between being found and being read.
                _ => {}
            }
        }
        match (sum.processes, &self.spawned) {
            (0, Some(spawned)) => Err(spawned.quote("the server has ended".to_owned())),
            _ => Ok(sum),
        }
    }

    fn add(&self, pid: u32, sum: &mut Sample) -> Result<(), String> {
        let stat = Stat::read(pid)?;
        if !stat.lives() {
            return Err(format!("process {pid} has ended"));
        }
        let ticks = (stat.user + stat.system) * self.tick_ns;
        sum.cpu_ns += process::cpu_ns(pid).unwrap_or(ticks) + stat.children * self.tick_ns;
        sum.user_ns += stat.user * self.tick_ns;
        sum.system_ns += stat.system * self.tick_ns;
        let [rss, peak] = process::memory(pid).unwrap_or_default();
        sum.rss_bytes += rss;
        sum.rss_peak_bytes += peak;
        let [voluntary, involuntary] = process::switches(pid);
        sum.voluntary_switches += voluntary;
        sum.involuntary_switches += involuntary;
        sum.processes += 1;
        Ok(())
    }

    /// Why something failed, with the server's last words when it was started by us and has ended.
    pub fn explain(&mut self, why: String) -> String {
        match self.spawned.as_mut().and_then(Spawned::ended) {
            Some(ended) => format!("{why}: {ended}"),
            None => why,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn this() -> Target {
        Target::of_pids(&[std::process::id()], None)
            .unwrap()
            .unwrap()
    }

    #[test]
    fn the_cpu_of_this_process_is_exact_to_far_less_than_a_tick() {
        let target = this();
        let (own, before) = (own_cpu_ns(), target.sample().unwrap());
        let mut x = 0u64;
        while own_cpu_ns() - own < 60_000_000 {
            x = std::hint::black_box(x + 1);
        }
        let (after, spent) = (target.sample().unwrap(), own_cpu_ns() - own);
        let (user, system) = after.cpu_since(&before);
        assert!(user + system <= spent, "{user} + {system} of {spent} ns");
        assert!(
            user + system + 5_000_000 > spent,
            "{user} + {system} of {spent} ns"
        );
        assert!(before.rss_bytes > 100_000 && before.rss_peak_bytes >= before.rss_bytes);
        assert!(after.voluntary_switches >= before.voluntary_switches);
    }

    #[test]
    fn waiting_is_a_voluntary_switch() {
        let target = this();
        let before = target.sample().unwrap().voluntary_switches;
        (0..20).for_each(|_| std::thread::sleep(Duration::from_millis(1)));
        assert!(target.sample().unwrap().voluntary_switches >= before + 20);
    }

    #[test]
    fn cpu_is_divided_as_the_ticks_were() {
        let sample = |cpu_ns, user_ns, system_ns| Sample {
            cpu_ns,
            user_ns,
            system_ns,
            ..Sample::default()
        };
        let before = sample(1_000, 20, 30);
        assert_eq!(sample(1_900, 30, 50).cpu_since(&before), (300, 600));
        assert_eq!(sample(1_900, 20, 30).cpu_since(&before), (0, 900));
        assert_eq!(sample(0, 0, 0).cpu_since(&before), (0, 0));
    }

    #[test]
    fn a_process_that_is_not_there_is_named() {
        let error = Target::of_pids(&[u32::MAX], None).unwrap_err();
        assert!(error.contains("/proc/4294967295"), "{error}");
    }
}
