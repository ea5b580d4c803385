//! Two things side by side: timed in short blocks, in turn, so that what the machine does meanwhile
//! meets both; the ratio of each pair of blocks, and their median.

use std::time::{Duration, Instant};

/// Pairs of blocks.
const ROUNDS: usize = 201;
/// About how long one block takes.
const BLOCK: Duration = Duration::from_micros(500);

/// How long `runs` runs take.
fn time(runs: u32, f: &mut impl FnMut()) -> f64 {
    let begun = Instant::now();
    (0..runs).for_each(|_| f());
    begun.elapsed().as_secs_f64()
}

/// How many runs make a block.
fn runs(f: &mut impl FnMut()) -> u32 {
    let mut runs = 1;
    while time(runs, f) < BLOCK.as_secs_f64() && runs < 1 << 24 {
        runs *= 2;
    }
    runs
}

/// Prints how long `a` and `b` take (medians), and the median of `a` ÷ `b` with its quartiles.
pub fn compare(what: &str, mut a: impl FnMut(), mut b: impl FnMut()) {
    let (a_runs, b_runs) = (runs(&mut a), runs(&mut b));
    let mut rounds: Vec<[f64; 3]> = (0..ROUNDS)
        .map(|round| {
            // Each goes first as often as the other.
            let first = (round % 2 == 0).then(|| time(a_runs, &mut a));
            let b = time(b_runs, &mut b) / f64::from(b_runs);
            let a = first.unwrap_or_else(|| time(a_runs, &mut a)) / f64::from(a_runs);
            [a, b, a / b]
        })
        .collect();
    let mut nth = |column: usize, quarter: usize| {
        rounds.sort_by(|x, y| x[column].total_cmp(&y[column]));
        rounds[(ROUNDS - 1) * quarter / 4][column]
    };
    println!(
        "{what}: {:.3} µs, {:.3} µs, ratio {:.3} ({:.3} to {:.3})",
        nth(0, 2) * 1e6,
        nth(1, 2) * 1e6,
        nth(2, 2),
        nth(2, 1),
        nth(2, 3)
    );
}
