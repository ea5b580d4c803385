//! Whether everything came as it had to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::proof::{Faults, Gaps};
use crate::reactor::Ended;

/// Kinds of ended connections shown one by one.
const ENDED_LINES_MAX: usize = 8;

/// Whether everything came as it had to.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Verdict {
    /// Deliveries there had to be; what was announced to be missing is none of them.
    pub expected: u64,
    /// Deliveries there were, each counted once.
    pub delivered: u64,
    /// What was wrong with them.
    #[serde(flatten)]
    pub faults: Faults,
    /// Gaps that the server announced.
    #[serde(default)]
    pub gaps: u64,
    /// Deliveries that are missing by these.
    #[serde(default)]
    pub skipped: u64,
    /// Messages of somebody else on the same channel.
    pub foreign: u64,
    /// Connections that ended before the run did, by why.
    pub ended: BTreeMap<String, u64>,
    /// Other promises of the scenario that were broken, as sentences.
    #[serde(default)]
    pub broken: Vec<String>,
}

impl Verdict {
    /// Puts the ends of connections beside the faults.
    pub fn new(
        expected: u64,
        delivered: u64,
        faults: Faults,
        foreign: u64,
        ended: &[(usize, Ended)],
    ) -> Verdict {
        let mut by_why = BTreeMap::new();
        for (_, why) in ended {
            *by_why.entry(why.to_string()).or_default() += 1;
        }
        Verdict {
            expected,
            delivered,
            faults,
            gaps: 0,
            skipped: 0,
            foreign,
            ended: by_why,
            broken: Vec::new(),
        }
    }

    /// Adds what the server said is missing.
    #[must_use]
    pub fn with_gaps(mut self, gaps: Gaps) -> Verdict {
        self.add_gaps(gaps);
        // What was announced behind the last that came turns out only now.
        if gaps.skipped > 0 {
            self.expected = self.delivered + self.faults.lost;
        }
        self
    }

    /// The same, of receivers whose deliveries are not yet counted here.
    pub fn add_gaps(&mut self, gaps: Gaps) {
        self.gaps += gaps.announced;
        self.skipped += gaps.skipped;
    }

    /// Whether nothing went wrong.
    pub fn is_good(&self) -> bool {
        !self.faults.any() && self.ended.is_empty() && self.broken.is_empty()
    }

    /// Ends of connections by why, as many as are worth showing.
    pub fn ended_shown(&self) -> impl Iterator<Item = (&String, &u64)> {
        self.ended.iter().take(ENDED_LINES_MAX)
    }

    /// What went wrong, as sentences; empty when nothing did.
    pub fn reasons(&self) -> Vec<String> {
        let x = &self.faults;
        let kinds = [
            (x.lost, "lost"),
            (x.duplicated, "duplicated"),
            (x.reordered, "reordered"),
            (x.corrupted, "corrupted"),
            (x.phantom, "never sent"),
        ];
        let deliveries = kinds
            .iter()
            .filter(|(n, _)| *n > 0)
            .map(|(n, what)| format!("{n} of {} deliveries {what}", self.expected));
        let order = (x.order_differs > 0)
            .then(|| format!("{} subscribers saw another order", x.order_differs));
        let ended = self
            .ended_shown()
            .map(|(why, n)| format!("{n} connections ended early: {why}"));
        deliveries
            .chain(order)
            .chain(ended)
            .chain(self.broken.iter().cloned())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_ended_is_wrong_although_nothing_was_lost() {
        let none = Faults::default();
        let good = Verdict::new(5, 5, none, 3, &[]);
        assert!(good.is_good());
        let cut = (7, Ended::Cut("end of stream".to_owned()));
        let verdict = Verdict::new(5, 5, none, 0, &[cut.clone(), cut]);
        assert!(!verdict.is_good());
        assert!(verdict.reasons()[0].starts_with("2 connections ended early: cut without"));
        let faults = Faults { lost: 1, ..none };
        assert!(!Verdict::new(5, 4, faults, 0, &[]).is_good());
    }
}
