//! What the server spent.

use serde::{Deserialize, Serialize};

use crate::target::Sample;

/// What the server spent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Cost {
    /// CPU in user code over all deliveries, microseconds.
    pub user_us: f64,
    /// CPU in the kernel.
    pub system_us: f64,
    /// Both for one delivery.
    pub cpu_per_delivery_us: f64,
    /// Times for each delivery that one of its threads waited for something.
    pub voluntary_switches_per_delivery: f64,
    /// Times that one was made to let another run.
    pub involuntary_switches_per_delivery: f64,
    /// System calls for each delivery, counted in the second half of the warm-up; `None`: see
    /// [`Cost::syscalls_missing`].
    #[serde(default)]
    pub syscalls_per_delivery: Option<f64>,
    /// Why they were not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub syscalls_missing: Option<String>,
    /// The machine's CPU in soft interrupts meanwhile, the client's part of it too, microseconds;
    /// `None`: cannot be seen.
    pub softirq_us: Option<f64>,
    /// That of the kernel's threads `ksoftirqd`.
    pub ksoftirqd_us: Option<f64>,
    /// Resident memory before the first connection.
    pub rss_before_bytes: u64,
    /// After the last connection.
    pub rss_connected_bytes: u64,
    /// At the end.
    pub rss_end_bytes: u64,
    /// The most that it ever was.
    pub rss_peak_bytes: u64,
    /// What it grew by while connecting, for each connection.
    pub rss_per_connection_bytes: f64,
}

impl Cost {
    /// From samples before connecting, after it, at the start and at the end of the measured time.
    pub fn new(samples: [Sample; 4], connections: u64, deliveries: u64) -> Cost {
        let [before, connected, start, end] = samples;
        let (user, system) = end.cpu_since(&start);
        let each = deliveries.max(1) as f64;
        let grew = |count: fn(&Sample) -> u64| count(&end).saturating_sub(count(&start)) as f64;
        let machine = |ns: fn(&Sample) -> Option<u64>| {
            let spent = ns(&end)?.saturating_sub(ns(&start)?);
            Some(spent as f64 / 1e3)
        };
        let grown = connected.rss_bytes as f64 - before.rss_bytes as f64;
        Cost {
            user_us: user as f64 / 1e3,
            system_us: system as f64 / 1e3,
            cpu_per_delivery_us: (user + system) as f64 / 1e3 / each,
            voluntary_switches_per_delivery: grew(|s| s.voluntary_switches) / each,
            involuntary_switches_per_delivery: grew(|s| s.involuntary_switches) / each,
            syscalls_per_delivery: None,
            syscalls_missing: Some("they were not counted".to_owned()),
            softirq_us: machine(|s| s.softirq_ns),
            ksoftirqd_us: machine(|s| s.ksoftirqd_ns),
            rss_before_bytes: before.rss_bytes,
            rss_connected_bytes: connected.rss_bytes,
            rss_end_bytes: end.rss_bytes,
            rss_peak_bytes: end.rss_peak_bytes,
            rss_per_connection_bytes: grown / connections.max(1) as f64,
        }
    }

    /// The same with its system calls for each delivery, or why there are none.
    #[must_use]
    pub fn with_syscalls(self, each: Result<f64, String>) -> Cost {
        Cost {
            syscalls_per_delivery: each.as_ref().ok().copied(),
            syscalls_missing: each.err(),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cost_is_the_cpu_of_the_measured_span_and_the_memory_of_connecting() {
        let sample = |user_us: u64, system_us: u64, rss_bytes| Sample {
            user_ns: user_us * 1000,
            system_ns: system_us * 1000,
            cpu_ns: (user_us + system_us) * 1000,
            rss_bytes,
            voluntary_switches: user_us,
            softirq_ns: Some(system_us * 1000),
            ..Sample::default()
        };
        let samples = [
            sample(0, 0, 1_000_000),
            sample(50, 50, 1_020_000),
            sample(100, 200, 1_020_000),
            sample(400, 900, 1_100_000),
        ];
        let cost = Cost::new(samples, 100, 500);
        assert_eq!((cost.user_us, cost.system_us), (300.0, 700.0));
        assert_eq!(
            (cost.cpu_per_delivery_us, cost.rss_per_connection_bytes),
            (2.0, 200.0)
        );
        assert_eq!(cost.voluntary_switches_per_delivery, 0.6);
        assert_eq!((cost.softirq_us, cost.ksoftirqd_us), (Some(700.0), None));
    }
}
