//! What the server under test spends, read from `/proc/PID` (Linux).

use std::fs;

use serde::Serialize;

/// The processes that make up the server.
#[derive(Debug, Clone)]
pub struct Target {
    pids: Vec<u32>,
    tick_ns: u64,
    page_bytes: u64,
}

/// What they have used so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Sample {
    /// CPU in user code, nanoseconds (in steps of a clock tick, 10 ms as a rule).
    pub user_ns: u64,
    /// CPU in the kernel, nanoseconds.
    pub system_ns: u64,
    /// Resident memory now.
    pub rss_bytes: u64,
}

impl Sample {
    /// CPU since an earlier sample: user and system, nanoseconds.
    pub fn cpu_since(&self, earlier: &Sample) -> (u64, u64) {
        (
            self.user_ns.saturating_sub(earlier.user_ns),
            self.system_ns.saturating_sub(earlier.system_ns),
        )
    }
}

impl Target {
    /// The server with these process ids; `None` for none.
    ///
    /// # Errors
    /// A sentence, when one of them cannot be read.
    pub fn new(pids: &[u32]) -> Result<Option<Target>, String> {
        if pids.is_empty() {
            return Ok(None);
        }
        let target = Target {
            pids: pids.to_vec(),
            tick_ns: 1_000_000_000 / rustix::param::clock_ticks_per_second(),
            page_bytes: rustix::param::page_size() as u64,
        };
        target.sample()?;
        Ok(Some(target))
    }

    /// What all of them together have used.
    ///
    /// # Errors
    /// A sentence, when one of them is gone.
    pub fn sample(&self) -> Result<Sample, String> {
        let mut sum = Sample::default();
        for pid in &self.pids {
            let read = |file: &str| {
                let path = format!("/proc/{pid}/{file}");
                fs::read_to_string(&path).map_err(|e| format!("cannot read {path}: {e}"))
            };
            let odd = || format!("cannot make sense of /proc/{pid}/stat");
            let (user, system) = parse_stat(&read("stat")?).ok_or_else(odd)?;
            sum.user_ns += user * self.tick_ns;
            sum.system_ns += system * self.tick_ns;
            let pages = parse_statm(&read("statm")?).ok_or_else(odd)?;
            sum.rss_bytes += pages * self.page_bytes;
        }
        Ok(sum)
    }
}

/// User and system ticks of `/proc/PID/stat`: fields 14 and 15, counted behind the name, which may
/// itself hold spaces and parentheses.
fn parse_stat(text: &str) -> Option<(u64, u64)> {
    let (_, behind) = text.rsplit_once(')')?;
    let mut fields = behind.split_ascii_whitespace().skip(11);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// Resident pages of `/proc/PID/statm`.
fn parse_statm(text: &str) -> Option<u64> {
    text.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// CPU that this process itself has used, nanoseconds.
pub fn own_cpu_ns() -> u64 {
    let t = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64
}

/// Raises this process's descriptor limit as far as it goes; returns it.
pub fn raise_descriptors() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let hard = getrlimit(Resource::Nofile).maximum;
    let all = Rlimit {
        current: hard,
        maximum: hard,
    };
    let _ = setrlimit(Resource::Nofile, all);
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 10 11 12 13 140 150 16 17 20 0 1 0 100 200";
        assert_eq!(parse_stat(stat), Some((140, 150)));
        assert_eq!(parse_stat("7 (a) S 1"), None);
        assert_eq!(parse_statm("1000 345 20 1 0 1 0"), Some(345));
    }

    #[test]
    fn this_process_can_be_read() {
        let target = Target::new(&[std::process::id()]).unwrap().unwrap();
        let before = target.sample().unwrap();
        let own = own_cpu_ns();
        let mut x = 0u64;
        while own_cpu_ns() - own < 60_000_000 {
            x = std::hint::black_box(x + 1);
        }
        let (user, system) = target.sample().unwrap().cpu_since(&before);
        assert!(user + system >= 40_000_000, "{user} + {system} ns");
        assert!(before.rss_bytes > 100_000);
        assert!(Target::new(&[u32::MAX]).unwrap_err().contains("/proc/"));
    }
}
