//! The same load twice, with something and without it, in turn within one run: the ratio of the
//! two says what that something does, whatever else the machine is doing.

use crate::drive::Driven;
use crate::latency::Latency;
use crate::report::{Report, units};
use crate::stats;

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// The load alone.
    Without,
    /// The load with what is asked about.
    With,
}

/// One span of one side.
pub(super) struct Round {
    pub driven: Driven,
    pub latency: Latency,
    /// The p99 as the server itself saw it, if it was asked.
    pub inside_p99: Option<f64>,
}

/// All rounds so far.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    /// Without and with: each round's p50 and p99, and all rounds together.
    sides: [Rounds; 2],
}

#[derive(Debug, Default)]
struct Rounds {
    p50: Vec<f64>,
    p99: Vec<f64>,
    /// The server's own p99.
    inside: Vec<f64>,
    all: Latency,
}

impl Pairs {
    /// Runs both sides so many times, in an order that is fair to both. What was measured is of
    /// all of them together.
    pub fn run(
        &mut self,
        rounds: u32,
        seed: u64,
        mut one: impl FnMut(Side) -> Result<Round, String>,
    ) -> Result<Driven, String> {
        let mut whole: Option<Driven> = None;
        for round in 0..rounds as usize {
            for side in stats::order(2, round, seed) {
                let round = one([Side::Without, Side::With][side])?;
                let (driven, latency) = (round.driven, round.latency);
                let rounds = &mut self.sides[side];
                rounds.inside.extend(round.inside_p99);
                rounds.p50.push(latency.at_us(0.5));
                rounds.p99.push(latency.at_us(0.99));
                rounds.all.add(&latency);
                whole = Some(match whole {
                    None => driven,
                    Some(before) => before.and(driven),
                });
            }
        }
        whole.ok_or_else(|| "no rounds".to_owned())
    }

    /// Adds latencies of both sides and the ratios, if there were rounds at all.
    pub fn tell(&self, report: &mut Report, what: &str, seed: u64) {
        let [without, with] = &self.sides;
        if with.p99.is_empty() {
            return;
        }
        // Those are of the last round only.
        report.latency.clear();
        for (side, rounds) in [("without", without), ("with", with)] {
            let name = format!("{side} {what}");
            report.latency.insert(name, rounds.all.summary());
        }
        let mut ratio = |name: &str, of: &str, with: &[f64], without: &[f64]| {
            let ratios = stats::ratios(with, without);
            let median = stats::median_interval(&ratios, seed);
            let about = median.map_or_else(
                || format!("{of} with {what} ÷ without: no round gave a ratio"),
                |m| {
                    format!(
                        "{of} with {what} ÷ without, median of {} ({:.2} to {:.2})",
                        units::some(ratios.len() as u64, "round"),
                        m.low,
                        m.high
                    )
                },
            );
            report.figures.add(name, median.map(|m| m.mid), &about);
        };
        ratio("p50_ratio", "p50", &with.p50, &without.p50);
        ratio("p99_ratio", "p99", &with.p99, &without.p99);
        if !with.inside.is_empty() {
            let of = "the server's own p99";
            ratio("inside_p99_ratio", of, &with.inside, &without.inside);
        }
    }
}
