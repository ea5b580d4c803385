//! Whether the client kept up with its own plan.

use serde::{Deserialize, Serialize};

use crate::pace::Lateness;

/// Above this share of one core the client counts as saturated.
pub const OWN_CPU_SHARE_MAX: f64 = 0.95;
/// Above this share of late sends too.
pub const LATE_SHARE_MAX: f64 = 0.01;
/// Above this share of the time in turns of the loop over 10 ms too.
pub const LONG_TURNS_SHARE_MAX: f64 = 0.05;

/// Above this share of messages that were due and never sent too: the figures lack the worst.
pub const UNSENT_SHARE_MAX: f64 = 0.01;

/// How long the client's loop was busy between two waits: what comes meanwhile is seen late.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct OwnTurns {
    /// 99 of 100 turns took less.
    pub turn_p99_us: f64,
    /// The longest.
    pub turn_max_us: f64,
    /// The share of the time that was spent in turns over 10 ms.
    pub long_turns_share: f64,
}

impl OwnTurns {
    /// The worse of these and others, figure by figure.
    #[must_use]
    pub fn worse(self, other: OwnTurns) -> OwnTurns {
        OwnTurns {
            turn_p99_us: self.turn_p99_us.max(other.turn_p99_us),
            turn_max_us: self.turn_max_us.max(other.turn_max_us),
            long_turns_share: self.long_turns_share.max(other.long_turns_share),
        }
    }
}

/// Whether the client kept up with its own plan.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Client {
    /// CPU as a share of one core.
    pub cpu_share: f64,
    /// Sends looked at (open loop).
    pub sends: u64,
    /// The share of them that was late.
    pub late_share: f64,
    /// The latest, microseconds.
    pub late_max_us: f64,
    /// How long its loop was busy between two waits.
    #[serde(default)]
    pub turns: OwnTurns,
    /// Messages that were due and never sent, because the server took no more.
    pub unsent: u64,
    /// Why the figures mean nothing; empty when they do mean something.
    pub invalid: Vec<String>,
}

impl Client {
    /// Judges the client.
    pub fn new(cpu_share: f64, lateness: &Lateness, unsent: u64) -> Client {
        let mut invalid = Vec::new();
        if cpu_share > OWN_CPU_SHARE_MAX {
            invalid.push(format!(
                "the client used {:.0} % of a core",
                cpu_share * 100.0
            ));
        }
        if lateness.share() > LATE_SHARE_MAX {
            invalid.push(format!(
                "{:.1} % of sends were over {} ms late",
                lateness.share() * 100.0,
                lateness.threshold_ns as f64 / 1e6
            ));
        }
        Client {
            cpu_share,
            sends: lateness.sends,
            late_share: lateness.share(),
            late_max_us: lateness.max_ns as f64 / 1e3,
            turns: OwnTurns::default(),
            unsent,
            invalid,
        }
    }

    /// The same judged by what the server did not take: of `messages` sent and these unsent ones.
    #[must_use]
    pub fn with_unsent(mut self, messages: u64) -> Client {
        let share = self.unsent as f64 / (messages + self.unsent).max(1) as f64;
        if share > UNSENT_SHARE_MAX {
            self.invalid.push(format!(
                "{:.0} % of the messages that were due were never sent, because the server took no more: \
                 their latencies are missing",
                share * 100.0
            ));
        }
        self
    }

    /// The same judged by the turns of its loop too.
    #[must_use]
    pub fn with_turns(mut self, turns: OwnTurns) -> Client {
        if turns.long_turns_share > LONG_TURNS_SHARE_MAX {
            self.invalid.push(format!(
                "the client was busy for over 10 ms at a time in {:.0} % of the time, so that it saw deliveries late",
                turns.long_turns_share * 100.0
            ));
        }
        Client { turns, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_is_judged_by_its_cpu_and_its_late_sends() {
        let lateness = |late| Lateness {
            threshold_ns: 10,
            sends: 1000,
            late,
            max_ns: 0,
        };
        assert!(Client::new(0.95, &lateness(10), 0).invalid.is_empty());
        assert_eq!(Client::new(0.96, &lateness(10), 0).invalid.len(), 1);
        assert_eq!(Client::new(0.96, &lateness(11), 0).invalid.len(), 2);
        let turns = |long_turns_share| OwnTurns {
            long_turns_share,
            ..OwnTurns::default()
        };
        let judged = |share| Client::new(0.1, &lateness(0), 0).with_turns(turns(share));
        assert!(judged(0.05).invalid.is_empty());
        assert_eq!(judged(0.06).invalid.len(), 1);
        let unsent = |messages| Client::new(0.1, &lateness(0), 10).with_unsent(messages);
        assert!(unsent(990).invalid.is_empty());
        assert_eq!(unsent(989).invalid.len(), 1);
    }
}
