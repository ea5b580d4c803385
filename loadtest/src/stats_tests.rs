//! Intervals against what is known in closed form, and against how often they should be right.

use super::*;

/// Roughly normal: the sum of twelve even ones, less six.
fn bell(random: &mut Random) -> f64 {
    let even = |random: &mut Random| random.below(1 << 30) as f64 / f64::from(1 << 30);
    (0..12).map(|_| even(random)).sum::<f64>() - 6.0
}

#[test]
fn medians_and_means() {
    assert_eq!(median(&[]), None);
    assert_eq!(median(&[3.0]), Some(3.0));
    assert_eq!(median(&[9.0, 1.0, 2.0]), Some(2.0));
    assert_eq!(median(&[9.0, 1.0, 2.0, 3.0]), Some(2.5));
    assert_eq!(geometric_mean(&[]), None);
    assert_eq!(geometric_mean(&[1.0, 0.0]), None);
    assert_eq!(geometric_mean(&[1.0, f64::NAN]), None);
    assert!((geometric_mean(&[0.5, 2.0, 8.0]).unwrap() - 2.0).abs() < 1e-12);
}

#[test]
fn ratios_are_taken_pair_by_pair_and_nothing_is_divided_by_zero() {
    assert_eq!(ratios(&[2.0, 3.0, 1.0], &[1.0, 2.0, 0.0]), [2.0, 1.5]);
    assert_eq!(ratios(&[0.0, f64::NAN], &[0.0, 1.0]), [] as [f64; 0]);
}

/// P(median of n draws ≤ the k-th of n values) = P(Binomial(n, k/n) ≥ (n + 1) / 2), n odd.
fn below_or_at(n: u32, k: u32) -> f64 {
    let p = f64::from(k) / f64::from(n);
    let choose = |r: u32| (0..r).fold(1.0, |c, i| c * f64::from(n - i) / f64::from(i + 1));
    let term = |r: u32| choose(r) * p.powi(r as i32) * (1.0 - p).powi((n - r) as i32);
    (n.div_ceil(2)..=n).map(term).sum()
}

#[test]
fn the_interval_is_where_the_bootstrap_of_a_median_has_it_in_closed_form() {
    let n = 31;
    let values: Vec<f64> = (1..=n).map(f64::from).collect();
    let at = |share: f64| (1..=n).find(|k| below_or_at(n, *k) >= share).unwrap();
    let (low, high) = (f64::from(at(0.025)), f64::from(at(0.975)));
    for seed in 0..20 {
        let found = median_interval(&values, seed).unwrap();
        assert_eq!(found.mid, 16.0);
        // The values are whole numbers; chance moves an end to the next at most.
        assert!((found.low - low).abs() <= 1.0, "{found:?}, not {low}");
        assert!((found.high - high).abs() <= 1.0, "{found:?}, not {high}");
    }
}

#[test]
fn the_interval_holds_the_truth_about_as_often_as_it_says() {
    let mut random = Random::new(7);
    // By the closed form above it is 93 % for 31 values; a bootstrap is a little too sure of itself.
    let trials = 400;
    let right = (0..trials).filter(|&trial| {
        let sample: Vec<f64> = (0..31).map(|_| 3.0 + bell(&mut random)).collect();
        median_interval(&sample, trial).unwrap().holds(3.0)
    });
    let share = right.count() as f64 / trials as f64;
    assert!((0.90..=0.97).contains(&share), "{share}");
}

#[test]
fn few_values_give_their_ends_and_one_gives_itself() {
    let of = |values: &[f64]| median_interval(values, 1).unwrap();
    let interval = |low, mid, high| Interval { low, mid, high };
    assert_eq!(of(&[2.0]), interval(2.0, 2.0, 2.0));
    assert_eq!(of(&[5.0, 1.0, 2.0]), interval(1.0, 2.0, 5.0));
    assert_eq!(median_interval(&[], 1), None);
    assert_eq!(of(&[4.0; 31]), interval(4.0, 4.0, 4.0));
}

#[test]
fn the_same_seed_gives_the_same_interval() {
    let mut random = Random::new(3);
    let values: Vec<f64> = (0..40).map(|_| bell(&mut random)).collect();
    assert_eq!(median_interval(&values, 5), median_interval(&values, 5));
    let other = |seed| median_interval(&values, 5) != median_interval(&values, seed);
    assert!((6..40).any(other), "the seed does matter");
}

#[test]
fn pairs_see_a_difference_that_the_noise_of_the_machine_hides() {
    let mut random = Random::new(11);
    // Blocks differ by a factor of four, the two of a pair by five percent and a little noise.
    let pairs: Vec<(f64, f64)> = (0..31)
        .map(|_| {
            let block = bell(&mut random).exp2();
            let noise = 1.0 + 0.02 * bell(&mut random);
            (block * 1.05 * noise, block)
        })
        .collect();
    let (ours, theirs): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
    let paired = median_interval(&ratios(&ours, &theirs), 1).unwrap();
    assert!((paired.mid - 1.05).abs() < 0.01, "{paired:?}");
    assert!(paired.low > 1.03 && paired.high < 1.07, "{paired:?}");
    let apart = median_interval(&ours, 1).unwrap();
    assert!(apart.holds(median(&theirs).unwrap()), "{apart:?}");
}

#[test]
fn a_mean_over_samples_narrows_with_their_number() {
    let mut random = Random::new(5);
    let mut sample = || -> Vec<f64> {
        let each = (0..21).map(|_| 0.5 * (0.1 * bell(&mut random)).exp());
        each.collect()
    };
    let one = mean_of_medians(&[sample()], 1).unwrap();
    let many: Vec<Vec<f64>> = (0..16).map(|_| sample()).collect();
    let all = mean_of_medians(&many, 1).unwrap();
    assert!(one.holds(0.5) && all.holds(0.5), "{one:?} {all:?}");
    assert!(all.high - all.low < 0.5 * (one.high - one.low));
    let few = mean_of_medians(&[vec![1.0, 2.0, 4.0], vec![1.0, 2.0, 9.0]], 1).unwrap();
    assert_eq!(
        (few.low, few.mid.round(), few.high.round()),
        (1.0, 2.0, 6.0)
    );
    assert_eq!(mean_of_medians(&[vec![1.0], vec![]], 1), None);
    assert_eq!(mean_of_medians(&[], 1), None);
}

#[test]
fn every_order_is_whole_and_two_rounds_are_fair_to_all() {
    for n in 1..7 {
        for round in (0..20).step_by(2) {
            let (there, back) = (order(n, round, 9), order(n, round + 1, 9));
            let mut sorted = there.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..n).collect::<Vec<_>>());
            assert!(there.iter().eq(back.iter().rev()));
        }
    }
    let firsts: Vec<usize> = (0..40).map(|round| order(2, round, 9)[0]).collect();
    assert!(firsts[..].iter().filter(|f| **f == 0).count() == 20);
    assert!(firsts.windows(2).any(|w| w[0] == w[1]), "not in lock step");
    assert_ne!(order(6, 0, 1), order(6, 0, 2));
}
