//! What many short rounds say together: medians, ratios of pairs, bootstrap intervals, fair orders.
//!
//! A round on a shared machine is off by tens of percent, and its neighbours are off with it. So
//! what is compared is taken in turn ([`order`]), each round gives a ratio of its own ([`ratios`]),
//! and what counts is the ratios' median with the interval that resampling them gives
//! ([`median_interval`]; percentile bootstrap: Efron and Tibshirani, An Introduction to the
//! Bootstrap, 1993, chapter 13).

use serde::{Deserialize, Serialize};

use crate::random::{Random, mix};

/// How sure an interval is meant to be.
pub const CONFIDENCE: f64 = 0.95;
/// Times that a sample is drawn again.
const RESAMPLES: usize = 2000;
/// Values that a 95 % interval of their median takes at least.
pub const SURE: usize = 6;

/// An estimate and where it may as well lie.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The estimate itself, of the sample as it is.
    pub mid: f64,
    /// The upper end.
    pub high: f64,
}

impl Interval {
    /// Whether this value cannot be told from the estimate.
    pub fn holds(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

/// The value in the middle, or between the two in the middle; `None` of nothing.
pub fn median(values: &[f64]) -> Option<f64> {
    median_in_place(&mut values.to_vec())
}

fn median_in_place(values: &mut [f64]) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    let odd = values.len() % 2 == 1;
    let half = values.len() / 2;
    let (below, &mut upper, _) = values.select_nth_unstable_by(half, f64::total_cmp);
    if odd {
        return Some(upper);
    }
    let lower = below.iter().copied().max_by(f64::total_cmp);
    lower.map(|lower| f64::midpoint(lower, upper))
}

/// The mean of ratios: the n-th root of their product; `None` of nothing, or when one is not above 0.
pub fn geometric_mean(values: &[f64]) -> Option<f64> {
    let fine = !values.is_empty() && values.iter().all(|v| *v > 0.0 && v.is_finite());
    fine.then(|| {
        let logarithms: f64 = values.iter().map(|v| v.ln()).sum();
        (logarithms / values.len() as f64).exp()
    })
}

/// Each round's ratio. A round with nothing to divide by, or without a figure, gives none.
pub fn ratios(ours: &[f64], theirs: &[f64]) -> Vec<f64> {
    let pairs = ours.iter().zip(theirs);
    let each = pairs.map(|(ours, theirs)| ours / theirs);
    each.filter(|ratio| ratio.is_finite()).collect()
}

/// The median and its 95 % interval; `None` of nothing. The extremes of fewer than six values hold
/// the median less often than that (1 − 2 × 2⁻ⁿ), and no interval inside them can do better: so
/// their interval is from end to end.
pub fn median_interval(values: &[f64], seed: u64) -> Option<Interval> {
    let mid = median(values)?;
    let mut again = values.to_vec();
    let (low, high) = if values.len() < SURE {
        again.sort_unstable_by(f64::total_cmp);
        (again[0], again[again.len() - 1])
    } else {
        let mut random = Random::new(seed);
        let draws = (0..RESAMPLES).filter_map(|_| {
            draw(values, &mut again, &mut random);
            median_in_place(&mut again)
        });
        percentiles(draws.collect())
    };
    Some(Interval { low, mid, high })
}

/// The geometric mean of the samples' medians and its 95 % interval: each sample is drawn again on
/// its own. `None` when a sample is empty or has a median that is not above 0.
pub fn mean_of_medians(samples: &[Vec<f64>], seed: u64) -> Option<Interval> {
    let medians: Option<Vec<f64>> = samples.iter().map(|s| median(s)).collect();
    let mid = geometric_mean(&medians?)?;
    let mut random = Random::new(seed);
    let mut buffers: Vec<Vec<f64>> = samples.to_vec();
    let draws = (0..RESAMPLES).filter_map(|_| {
        let each = samples.iter().zip(&mut buffers).map(|(sample, again)| {
            draw(sample, again, &mut random);
            median_in_place(again)
        });
        geometric_mean(&each.flatten().collect::<Vec<f64>>())
    });
    let (mut low, mut high) = percentiles(draws.collect());
    if samples.iter().any(|sample| sample.len() < SURE) {
        // As in `median_interval`: from end to end.
        let end = |of: fn(f64, f64) -> f64| {
            let each = samples.iter().filter_map(|s| s.iter().copied().reduce(of));
            geometric_mean(&each.collect::<Vec<f64>>())
        };
        (low, high) = (end(f64::min)?, end(f64::max)?);
    }
    Some(Interval { low, mid, high })
}

/// Draws as many values as there are, each time out of all of them.
fn draw(values: &[f64], into: &mut [f64], random: &mut Random) {
    for place in into {
        *place = values[random.below(values.len())];
    }
}

/// The values between which [`CONFIDENCE`] of them lie.
fn percentiles(mut draws: Vec<f64>) -> (f64, f64) {
    draws.sort_unstable_by(f64::total_cmp);
    let outside = (draws.len() as f64 * (1.0 - CONFIDENCE) / 2.0) as usize;
    (draws[outside], draws[draws.len() - 1 - outside])
}

/// In which order `n` things take their turn in this round: shuffled by the seed in even rounds,
/// and the same backwards in the odd round that follows, so that over each two rounds everyone
/// comes as early as late.
pub fn order(n: usize, round: usize, seed: u64) -> Vec<usize> {
    let mut random = Random::new(mix(seed) ^ (round / 2) as u64);
    let mut order: Vec<usize> = (0..n).collect();
    for i in (1..n).rev() {
        order.swap(i, random.below(i + 1));
    }
    if round % 2 == 1 {
        order.reverse();
    }
    order
}

#[cfg(test)]
#[path = "stats_tests.rs"]
mod tests;
