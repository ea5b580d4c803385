//! When to send in an open loop: by the clock, never by what came back.

/// Ticks at a fixed rate; each sends a batch, and what it sends was due at the tick.
#[derive(Debug, Clone)]
pub struct Pace {
    period_ns: f64,
    next: u64,
}

impl Pace {
    /// `rate` messages a second, `batch` of them a tick; both above 0.
    pub fn new(rate: f64, batch: u32) -> Pace {
        Pace {
            period_ns: f64::from(batch) * 1e9 / rate,
            next: 0,
        }
    }

    /// When the next tick is due, nanoseconds since the start.
    pub fn next_ns(&self) -> u64 {
        (self.next as f64 * self.period_ns) as u64
    }

    /// How many ticks are due before `end_ns` and not taken.
    pub fn left(&self, end_ns: u64) -> u64 {
        let all = (end_ns as f64 / self.period_ns).ceil() as u64;
        all.saturating_sub(self.next)
    }

    /// Takes the next tick if it is due: when it should have been.
    pub fn due(&mut self, now_ns: u64) -> Option<u64> {
        let at = self.next_ns();
        (at <= now_ns).then(|| {
            self.next += 1;
            at
        })
    }
}

/// How late sends were: what tells whether the client kept its own schedule.
#[derive(Debug, Clone, Default)]
pub struct Lateness {
    /// Later than this counts as late.
    pub threshold_ns: u64,
    /// Sends looked at.
    pub sends: u64,
    /// Sends that were late.
    pub late: u64,
    /// The latest.
    pub max_ns: u64,
}

impl Lateness {
    /// Notes one send.
    pub fn note(&mut self, late_ns: u64) {
        self.sends += 1;
        self.late += u64::from(late_ns > self.threshold_ns);
        self.max_ns = self.max_ns.max(late_ns);
    }

    /// Adds another's; the threshold becomes the other's.
    pub fn add(&mut self, other: &Lateness) {
        self.threshold_ns = other.threshold_ns;
        self.sends += other.sends;
        self.late += other.late;
        self.max_ns = self.max_ns.max(other.max_ns);
    }

    /// Which part of the sends was late, 0 to 1.
    pub fn share(&self) -> f64 {
        self.late as f64 / self.sends.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_come_at_their_time_and_none_is_forgotten() {
        let mut pace = Pace::new(1000.0, 4);
        assert_eq!(pace.due(0), Some(0));
        assert_eq!(pace.due(3_999_999), None);
        assert_eq!(pace.due(4_000_000), Some(4_000_000));
        // After a stall every missed tick is still due, at the time it was meant for.
        let missed: Vec<u64> = std::iter::from_fn(|| pace.due(20_000_000)).collect();
        assert_eq!(missed, [8_000_000, 12_000_000, 16_000_000, 20_000_000]);
        assert_eq!(pace.next_ns(), 24_000_000);
        let left = [24_000_000, 24_000_001, 28_000_000, 28_000_001].map(|ns| pace.left(ns));
        assert_eq!(left, [0, 1, 1, 2]);
    }

    #[test]
    fn an_hour_at_an_odd_rate_does_not_drift() {
        let mut pace = Pace::new(333.0, 1);
        let hour_ns = 3600 * 1_000_000_000;
        let ticks = std::iter::from_fn(|| pace.due(hour_ns)).count();
        assert_eq!(ticks, 333 * 3600 + 1);
    }

    #[test]
    fn only_what_is_over_the_threshold_is_late() {
        let mut lateness = Lateness {
            threshold_ns: 10,
            ..Lateness::default()
        };
        [3, 10, 11, 50].into_iter().for_each(|ns| lateness.note(ns));
        assert_eq!(
            (lateness.late, lateness.max_ns, lateness.share()),
            (2, 50, 0.5)
        );
    }
}
