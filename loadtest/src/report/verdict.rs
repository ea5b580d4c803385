//! Whether everything came as it had to.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::proof::Faults;
use crate::reactor::Ended;

/// Kinds of ended connections shown one by one.
const ENDED_LINES_MAX: usize = 8;

/// Whether everything came as it had to.
#[derive(Debug, Clone, Serialize)]
pub struct Verdict {
    /// Deliveries there had to be.
    pub expected: u64,
    /// Deliveries there were, each counted once.
    pub delivered: u64,
    /// What was wrong with them.
    pub faults: Faults,
    /// Messages of somebody else on the same channel.
    pub foreign: u64,
    /// Connections that ended before the run did, by why.
    pub ended: BTreeMap<String, u64>,
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
            foreign,
            ended: by_why,
        }
    }

    /// Whether nothing went wrong.
    pub fn is_good(&self) -> bool {
        !self.faults.any() && self.ended.is_empty()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.is_good() { "OK" } else { "WRONG" };
        let x = &self.faults;
        writeln!(
            f,
            "  delivery        {word}: {} of {} delivered, {} lost, {} duplicated, {} reordered, {} corrupted, {} never sent, {} in another order",
            self.delivered,
            self.expected,
            x.lost,
            x.duplicated,
            x.reordered,
            x.corrupted,
            x.phantom,
            x.order_differs
        )?;
        if self.foreign > 0 {
            writeln!(
                f,
                "  not ours        {} messages of somebody else",
                self.foreign
            )?;
        }
        for (why, n) in self.ended.iter().take(ENDED_LINES_MAX) {
            writeln!(f, "  ended early     {n} × {why}")?;
        }
        Ok(())
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
        assert!(
            verdict
                .to_string()
                .contains("2 × cut without a close frame")
        );
        let faults = Faults { lost: 1, ..none };
        assert!(!Verdict::new(5, 4, faults, 0, &[]).is_good());
    }
}
