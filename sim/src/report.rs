//! Many seeds together: what happened how often, and what never did.

use std::collections::BTreeMap;

use longwave::mark::take_marks;

use crate::fault::FAULTS;
use crate::marks::MARKS;
use crate::world::Outcome;

/// From so many seeds on everything must have happened: the rarest branch is taken in one of a hundred.
pub const SEEDS_FOR_ALL: u64 = 1000;

/// Counts over many seeds.
#[derive(Debug, Default)]
pub struct Report {
    /// Seeds run.
    pub seeds: u64,
    turns: u64,
    connections: usize,
    messages: usize,
    done: BTreeMap<&'static str, u64>,
    faults: BTreeMap<&'static str, u64>,
    marks: BTreeMap<&'static str, u64>,
}

impl Report {
    /// Everything that has to happen, at zero.
    pub fn new() -> Report {
        Report {
            faults: FAULTS.iter().map(|f| (f.word(), 0)).collect(),
            marks: MARKS.iter().map(|m| (*m, 0)).collect(),
            ..Report::default()
        }
    }

    /// Adds a seed, and the marks of this thread since the last.
    pub fn add(&mut self, outcome: &Outcome) {
        self.seeds += 1;
        self.turns += outcome.turns;
        self.connections += outcome.connections;
        self.messages += outcome.messages;
        for (fault, n) in FAULTS.iter().zip(outcome.faults) {
            *self.faults.entry(fault.word()).or_default() += n;
        }
        for (&name, n) in &outcome.done {
            *self.done.entry(name).or_default() += n;
        }
        for (name, n) in take_marks() {
            *self.marks.entry(name).or_default() += n;
        }
    }

    /// Faults, operations and marked branches that never happened.
    pub fn never(&self) -> Vec<&'static str> {
        let all = self.faults.iter().chain(&self.marks).chain(&self.done);
        all.filter(|(_, n)| **n == 0)
            .map(|(name, _)| *name)
            .collect()
    }

    /// For a person.
    pub fn print(&self) {
        println!(
            "{} seeds: {} turns, {} connections, {} messages",
            self.seeds, self.turns, self.connections, self.messages
        );
        for (title, table) in [
            ("operations", &self.done),
            ("faults", &self.faults),
            ("marks", &self.marks),
        ] {
            println!("{title}:");
            for (name, n) in table {
                println!("  {name:<34} {n:>10}");
            }
        }
    }
}
