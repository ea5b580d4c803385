//! What the whole machine spends on the network beside the server: soft interrupts.
//!
//! The kernel's work on packets is done in soft interrupts, in whichever process happens to run
//! or in the threads `ksoftirqd/N`, and is not charged to the server alone.

use std::fs;

use super::process;

/// The kernel's threads for soft interrupts.
#[derive(Debug, Clone)]
pub struct Machine {
    ksoftirqd: Vec<u32>,
    tick_ns: u64,
}

impl Machine {
    /// Looks them up.
    pub fn new(tick_ns: u64) -> Machine {
        let named = |pid: &u32| {
            let name = fs::read_to_string(format!("/proc/{pid}/comm"));
            name.is_ok_and(|name| name.starts_with("ksoftirqd/"))
        };
        let mut ksoftirqd = process::numbers_in("/proc");
        ksoftirqd.retain(named);
        Machine { ksoftirqd, tick_ns }
    }

    /// CPU of the threads `ksoftirqd/N`; `None` where they cannot be seen (in a container).
    pub fn ksoftirqd_ns(&self) -> Option<u64> {
        let each = self.ksoftirqd.iter().map(|&pid| process::cpu_ns(pid));
        let sum = each.sum::<Option<u64>>();
        sum.filter(|_| !self.ksoftirqd.is_empty())
    }

    /// Time of all cores in soft interrupts, in steps of a clock tick.
    pub fn softirq_ns(&self) -> Option<u64> {
        let text = fs::read_to_string("/proc/stat").ok()?;
        Some(parse_softirq(&text)? * self.tick_ns)
    }
}

/// The seventh number of the line `cpu` (proc_stat(5)).
fn parse_softirq(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|l| l.strip_prefix("cpu "))?;
    line.split_ascii_whitespace().nth(6)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn soft_interrupts_are_the_seventh_number() {
        let text = "cpu  1 2 3 4 5 6 77 8 0 0\ncpu0 1 2 3 4 5 6 7 8 0 0\n";
        assert_eq!(parse_softirq(text), Some(77));
        assert_eq!(parse_softirq("cpu 1"), None);
        assert!(Machine::new(1).softirq_ns().is_some());
    }
}
