//! What happened, in order: the last lines for a person, and one hash over all of them, so that
//! two runs of a seed can be compared.

use std::collections::VecDeque;
use std::fmt::Write;

/// Lines kept for a failure.
const KEPT: usize = 60;

#[derive(Debug, Clone, Copy)]
struct Line {
    at_us: u64,
    what: &'static str,
    who: u64,
    n: u64,
}

/// The lines of one run.
#[derive(Debug, Default)]
pub struct Trace {
    kept: VecDeque<Line>,
    hash: u64,
    count: u64,
    /// Print each line as it is noted.
    pub verbose: bool,
}

impl Trace {
    /// Notes one thing: what, to which slot or client, and a number that says how much.
    pub fn note(&mut self, at_us: u64, what: &'static str, who: u64, n: u64) {
        let line = Line {
            at_us,
            what,
            who,
            n,
        };
        self.mix(line);
        self.count += 1;
        if self.verbose {
            eprintln!("{}", line.text());
        }
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(line);
    }

    fn mix(&mut self, line: Line) {
        let word = line
            .what
            .bytes()
            .fold(0u64, |h, b| h.wrapping_mul(31).wrapping_add(u64::from(b)));
        for v in [line.at_us, word, line.who, line.n] {
            self.hash = (self.hash.rotate_left(23) ^ v).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
    }

    /// A number that two runs share only if they did the same things at the same times.
    pub fn hash(&self) -> u64 {
        self.hash ^ self.count
    }

    /// The last lines, oldest first.
    pub fn tail(&self) -> String {
        self.kept.iter().fold(String::new(), |mut out, l| {
            let _ = writeln!(out, "  {}", l.text());
            out
        })
    }
}

impl Line {
    fn text(&self) -> String {
        let ms = self.at_us / 1000;
        format!(
            "{ms:>8}.{:03} {:<24} {:>5} {}",
            self.at_us % 1000,
            self.what,
            self.who,
            self.n
        )
    }
}
