//! Comparisons of reports with known differences.

use super::*;
use crate::random::Random;
use crate::report::tests::full;

/// A run that is `factor` times as fast as another, and off by up to 3 %.
fn run_of(factor: f64, random: &mut Random) -> Report {
    let mut report = full();
    let noise = 0.97 + random.below(61) as f64 / 1000.0;
    report.measured.deliveries_per_s *= factor * noise;
    report.latency["all"].p99_us *= noise;
    report
}

fn rounds(n: usize, factor: f64) -> Vec<Report> {
    let mut random = Random::new(7);
    (0..n)
        .flat_map(|_| [run_of(1.0, &mut random), run_of(factor, &mut random)])
        .collect()
}

fn row_of<'a>(comparison: &'a Comparison, name: &str) -> &'a Row {
    let row = comparison.rows.iter().find(|r| r.name == name);
    row.unwrap_or_else(|| panic!("no row {name} in {:?}", comparison.rows))
}

#[test]
fn a_difference_is_told_from_noise_over_rounds() {
    let comparison = Comparison::new(&rounds(12, 1.3), false).unwrap();
    let faster = row_of(&comparison, "measured.deliveries_per_s");
    let interval = faster.interval.unwrap();
    assert!(
        (1.25..1.35).contains(&faster.ratio.unwrap()) && interval.holds(1.3),
        "{faster:?}"
    );
    assert_eq!(faster.word(12), "more");
    assert_eq!(row_of(&comparison, "latency.all.p99_us").word(12), "noise");
    assert_eq!(row_of(&comparison, "latency.first.p99_us").word(12), "same");
    // Two ratios on one side of 1 happen every other time by chance.
    let few = Comparison::new(&rounds(2, 1.3), false).unwrap();
    assert_eq!(row_of(&few, "measured.deliveries_per_s").word(2), "differs");
    assert!(few.to_string().contains("2 rounds: an interval is from"));
    // What is 0 everywhere, asked for, or not measured is no row.
    let names: Vec<&str> = comparison.rows.iter().map(|r| r.name.as_str()).collect();
    for absent in [
        "verdict.lost",
        "measured.connections",
        "figures.nothing_us",
        "options.size",
    ] {
        assert!(!names.contains(&absent), "{absent}");
    }
    let text = comparison.to_string();
    let wide = text.lines().find(|l| l.chars().count() > 96);
    assert_eq!(wide, None, "{text}");
}

#[test]
fn equal_medians_of_rounds_that_differ_are_not_the_same() {
    let row = |ratio, interval| Row {
        name: "server.user_us".to_owned(),
        a: 0.0,
        b: 0.0,
        ratio: Some(ratio),
        interval,
    };
    let (low, mid, high) = (0.6, 1.0, 1.7);
    let wide = stats::Interval { low, mid, high };
    assert_eq!(row(1.0, Some(wide)).word(12), "noise");
    assert_eq!(row(0.3, None).word(12), "");
    assert_eq!(row(1.0, None).word(12), "same");
}

#[test]
fn one_run_each_has_only_the_swings_within_them() {
    let mut pair = rounds(1, 1.0);
    let comparison = Comparison::new(&pair, false).unwrap();
    let row = row_of(&comparison, "latency.all.p99_us");
    assert_eq!(row.word(1), "noise");
    assert!(row_of(&comparison, "latency.all.p90_us").interval.is_none());
    assert!(comparison.to_string().contains("One run each"));
    for slice in &mut pair[1].timeline.as_mut().unwrap().slices {
        slice.p99_us = slice.p99_us.map(|us| us * 2.0);
    }
    let comparison = Comparison::new(&pair, false).unwrap();
    // The whole runs' ratio is near 1 all the same, and is in the interval.
    let interval = row_of(&comparison, "latency.all.p99_us").interval.unwrap();
    assert!(interval.low < 1.1 && interval.high > 1.9, "{interval:?}");
    for slice in &mut pair[1].timeline.as_mut().unwrap().slices {
        slice.server_cpu_share = Some(1.8);
    }
    pair[1].server.as_mut().unwrap().cpu_per_delivery_us *= 2.0;
    let comparison = Comparison::new(&pair, false).unwrap();
    assert_eq!(
        row_of(&comparison, "server.cpu_per_delivery_us").word(1),
        "differs"
    );
}

#[test]
fn unlike_runs_are_refused_unless_forced() {
    let mut storms = rounds(1, 1.0);
    storms[1].options.insert("in-flight".to_owned(), 9.into());
    assert!(differences(&storms).is_empty());
    storms
        .iter_mut()
        .for_each(|r| r.scenario = "connect".to_owned());
    assert_eq!(differences(&storms).len(), 1);
    let mut pair = rounds(1, 1.0);
    pair[1].options.insert("size".to_owned(), 256.into());
    pair[1]
        .options
        .insert("url".to_owned(), "ws://elsewhere/".into());
    let refused = Comparison::new(&pair, false).unwrap_err();
    assert!(
        refused.contains("--size: 128, 256") && !refused.contains("url"),
        "{refused}"
    );
    let forced = Comparison::new(&pair, true).unwrap();
    assert!(forced.to_string().contains("note: --size: 128, 256"));
    pair[1].scenario = "echo".to_owned();
    let refused = Comparison::new(&pair, false).unwrap_err();
    assert!(refused.contains("scenario: fanout, echo"), "{refused}");
    assert!(
        Comparison::new(&pair[..1], false)
            .unwrap_err()
            .contains("pairs")
    );
}

#[test]
fn doubtful_runs_are_named() {
    let mut pair = rounds(1, 1.0);
    pair[1].outcome = Outcome::Invalid;
    pair[1].reasons = vec!["the client used 99 % of a core".to_owned()];
    pair[1].environment.kernel = "Linux 1.0 other".to_owned();
    let text = Comparison::new(&pair, false).unwrap().to_string();
    assert!(
        text.contains("note: B1 is INVALID: the client used 99 % of a core"),
        "{text}"
    );
    assert!(text.contains("same machine"), "{text}");
}
