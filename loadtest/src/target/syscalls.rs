//! System calls of the server, counted by the kernel: the tracepoint `raw_syscalls:sys_enter` as a
//! perf event (perf_event_open(2)). That takes root or CAP_PERFMON, and tracefs for the event's number.
//!
//! While anybody counts, every system call of the machine takes some tenths of a microsecond
//! longer. So it is done in the second half of the warm-up, apart from what is measured.

use std::fs;
use std::io;

use perf_event::events::Tracepoint;
use perf_event::{Builder, Counter};

use super::process;

/// Where tracefs is mounted, as a rule and of old.
const TRACEFS: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

/// Counts from when it was made.
#[derive(Debug)]
pub struct Syscalls(Vec<Counter>);

impl Syscalls {
    /// Begins to count those of all threads that these processes have, and will start.
    ///
    /// # Errors
    /// Why they cannot be counted.
    pub fn count(pids: &[u32]) -> Result<Syscalls, String> {
        let id = event_id()?;
        let mut counters = Vec::new();
        for thread in pids.iter().flat_map(|&pid| process::threads(pid)) {
            let mut builder = Builder::new(Tracepoint::with_id(id));
            let builder = builder.observe_pid(thread as i32).any_cpu().inherit(true);
            let counter = builder.include_kernel().enabled(true).build();
            counters.push(counter.map_err(|e| why_not(&e))?);
        }
        Ok(Syscalls(counters))
    }

    /// How many there were so far.
    ///
    /// # Errors
    /// What the system said.
    pub fn read(&mut self) -> Result<u64, String> {
        let each = self.0.iter_mut().map(Counter::read);
        let sum: io::Result<u64> = each.sum();
        sum.map_err(|e| format!("cannot read the counter of system calls: {e}"))
    }
}

fn event_id() -> Result<u64, String> {
    let mut why = String::new();
    for root in TRACEFS {
        match fs::read_to_string(format!("{root}/events/raw_syscalls/sys_enter/id")) {
            Ok(text) => {
                let id = text.trim().parse();
                return id.map_err(|_| format!("cannot make sense of tracefs in {root}"));
            }
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
                why = "counting system calls takes root".to_owned();
            }
            Err(_) => {}
        }
    }
    Err(match why.is_empty() {
        true => "tracefs is not mounted (as root: mount -t tracefs nodev /sys/kernel/tracing)",
        false => &why,
    }
    .to_owned())
}

fn why_not(e: &io::Error) -> String {
    match e.kind() {
        io::ErrorKind::PermissionDenied => {
            "counting system calls takes root or CAP_PERFMON".to_owned()
        }
        _ => format!("the kernel does not count system calls: {e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_calls_are_counted_or_it_is_said_why_not() {
        let counted = Syscalls::count(&[std::process::id()]).and_then(|mut counters| {
            let before = counters.read()?;
            (0..1000).for_each(|_| {
                std::hint::black_box(rustix::process::getppid());
            });
            Ok(counters.read()? - before)
        });
        match counted {
            Ok(n) => assert!(n >= 1000, "{n}"),
            Err(why) => assert!(why.contains("root") || why.contains("kernel"), "{why}"),
        }
    }
}
