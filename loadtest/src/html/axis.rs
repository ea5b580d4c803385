//! Axes: where a value lies between 0 and 1, and which values are labelled.

use crate::report::units::{microseconds, number};

/// How values are laid out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scale {
    /// From one value to another.
    Linear(f64, f64),
    /// By orders of magnitude; both ends above 0.
    Log(f64, f64),
}

/// One direction of a picture.
#[derive(Debug, Clone)]
pub struct Axis {
    scale: Scale,
    /// What it is, with the unit.
    pub label: String,
    /// Values with their labels.
    pub ticks: Vec<(f64, String)>,
}

impl Axis {
    /// An axis with ticks of one's own.
    pub fn new(scale: Scale, label: &str, ticks: Vec<(f64, String)>) -> Axis {
        Axis {
            scale,
            label: label.to_owned(),
            ticks,
        }
    }

    /// From 0 to a little above the largest value, in steps of 1, 2 or 5. `name` tells the unit.
    pub fn from_zero(name: &str, label: &str, values: impl Iterator<Item = f64>) -> Axis {
        let max = values.filter(|v| v.is_finite()).fold(0.0, f64::max);
        let unit = Unit::of(name, if max > 0.0 { max } else { 1.0 });
        let max = if max > 0.0 { max / unit.size } else { 1.0 };
        let step = nice_step(max / 4.0);
        let steps = (max / step - 1e-9).ceil().max(1.0);
        let ticks = (0..=steps as u32).map(|i| {
            let value = f64::from(i) * step;
            (value * unit.size, tidy(value, step))
        });
        Axis {
            ticks: ticks.collect(),
            scale: Scale::Linear(0.0, steps * step * unit.size),
            label: unit.label(label),
        }
    }

    /// From one value to another in steps of 1, 2 or 5, the ends as they are.
    pub fn between(name: &str, label: &str, from: f64, to: f64) -> Axis {
        let to = if to > from { to } else { from + 1.0 };
        let unit = Unit::of(name, from.abs().max(to.abs()));
        let (low, high) = (from / unit.size, to / unit.size);
        let step = nice_step((high - low) / 5.0);
        let first = (low / step - 1e-9).ceil() as i64;
        let last = (high / step + 1e-9).floor() as i64;
        let ticks = (first..=last).map(|i| {
            let value = i as f64 * step;
            (value * unit.size, tidy(value, step))
        });
        Axis {
            ticks: ticks.collect(),
            scale: Scale::Linear(from, to),
            label: unit.label(label),
        }
    }

    /// Latencies, microseconds: by orders of magnitude when they differ much, else from 0.
    pub fn latency(label: &str, values: impl Iterator<Item = f64> + Clone) -> Axis {
        let fine = values.filter(|v| v.is_finite() && *v > 0.0);
        let low = fine.clone().fold(f64::INFINITY, f64::min);
        let high = fine.clone().fold(0.0, f64::max);
        if !low.is_finite() || high / low < 8.0 {
            return Axis::from_zero("_us", label, fine);
        }
        let marks = logarithmic(low, high);
        let (first, last) = (marks[0], marks[marks.len() - 1]);
        // Three marks a decade are many over several decades.
        let sparse = (last / first).log10() > 2.5;
        let labelled = |v: &f64| !sparse || is_power(*v);
        let ticks = marks.iter().copied().filter(labelled);
        Axis {
            ticks: ticks.map(|v| (v, microseconds(v))).collect(),
            scale: Scale::Log(first, last),
            label: format!("{label}, logarithmic"),
        }
    }

    /// Where a value lies, 0 to 1; what is outside lies on the border.
    pub fn at(&self, value: f64) -> f64 {
        let part = match self.scale {
            Scale::Linear(from, to) => (value - from) / (to - from),
            Scale::Log(from, to) => (value.max(from) / from).ln() / (to / from).ln(),
        };
        part.clamp(0.0, 1.0)
    }
}

/// One unit for a whole axis.
struct Unit {
    size: f64,
    name: &'static str,
}

impl Unit {
    fn of(name: &str, max: f64) -> Unit {
        let unit = |size: f64, name| Unit { size, name };
        let name = if name.ends_with("_per_s") { "" } else { name };
        match name.rsplit('_').next() {
            Some("us") if max < 1e3 => unit(1.0, "µs"),
            Some("us") if max < 1e6 => unit(1e3, "ms"),
            Some("us") => unit(1e6, "s"),
            Some("s") => unit(1.0, "s"),
            Some("bytes") if max < 1024.0 => unit(1.0, "bytes"),
            Some("bytes") if max < f64::from(1 << 20) => unit(1024.0, "KiB"),
            Some("bytes") if max < f64::from(1 << 30) => unit(f64::from(1 << 20), "MiB"),
            Some("bytes") => unit(f64::from(1 << 30), "GiB"),
            Some("share") => unit(0.01, "%"),
            _ if max < 1e6 => unit(1.0, ""),
            _ => unit(1e6, "millions"),
        }
    }

    fn label(&self, what: &str) -> String {
        match self.name {
            "" => what.to_owned(),
            name => format!("{what}, {name}"),
        }
    }
}

/// 1, 2 or 5 times a power of ten, not below `rough`.
fn nice_step(rough: f64) -> f64 {
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .find(|s| s * power >= rough * (1.0 - 1e-9));
    step.unwrap_or(10.0) * power
}

/// A tick's value with as many decimals as its step has.
fn tidy(value: f64, step: f64) -> String {
    let decimals = (-step.log10().floor()).max(0.0) as usize;
    if decimals == 0 {
        return number_whole(value);
    }
    format!("{value:.decimals$}")
}

fn number_whole(value: f64) -> String {
    let value = value.round();
    if value.abs() < 100.0 {
        format!("{value:.0}")
    } else {
        number(value)
    }
}

/// 1, 2 and 5 times powers of ten, from below `low` to above `high`.
fn logarithmic(low: f64, high: f64) -> Vec<f64> {
    let first = low.log10().floor() as i32;
    let last = high.log10().ceil() as i32;
    let all: Vec<f64> = (first..=last)
        .flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10f64.powi(power)))
        .collect();
    let from = all.iter().rposition(|v| *v <= low).unwrap_or(0);
    let to = all.iter().position(|v| *v >= high).unwrap_or(all.len() - 1);
    all[from..=to].to_vec()
}

fn is_power(value: f64) -> bool {
    let log = value.log10();
    (log - log.round()).abs() < 1e-6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn ticks_are_round_and_hold_the_largest_value() {
        for (name, max, expected, label) in [
            (
                "_us",
                1700.0,
                vec!["0.0", "0.5", "1.0", "1.5", "2.0"],
                "x, ms",
            ),
            ("_bytes", 5.2e6, vec!["0", "2", "4", "6"], "x, MiB"),
            ("_share", 0.93, vec!["0", "50", "100"], "x, %"),
            (
                "",
                512_000.0,
                vec!["0", "200,000", "400,000", "600,000"],
                "x",
            ),
            ("", 0.0, vec!["0.0", "0.5", "1.0"], "x"),
        ] {
            let axis = Axis::from_zero(name, "x", [max].into_iter());
            assert_eq!((axis.label.as_str(), axis.at(0.0)), (label, 0.0), "{name}");
            assert!(axis.at(max) <= 1.0 && labels(&axis).len() <= 6, "{axis:?}");
            if max > 1.0 {
                assert_eq!(labels(&axis), expected, "{name}");
            }
        }
    }

    #[test]
    fn an_axis_between_two_values_starts_where_they_do() {
        let axis = Axis::between("_s", "time", -1.0, 9.5);
        assert_eq!(labels(&axis), ["0", "5"]);
        assert_eq!(
            (axis.at(-1.0), axis.at(9.5), axis.at(99.0)),
            (0.0, 1.0, 1.0)
        );
        let axis = Axis::between("", "n", 3.0, 3.0);
        assert!(!axis.ticks.is_empty());
    }

    #[test]
    fn latencies_far_apart_are_laid_out_by_magnitude() {
        let axis = Axis::latency("latency", [120.0, 9000.0].into_iter());
        assert_eq!(
            labels(&axis),
            [
                "100 µs", "200 µs", "500 µs", "1 ms", "2 ms", "5 ms", "10 ms"
            ]
        );
        assert!(axis.label.contains("logarithmic"));
        let axis = Axis::latency("latency", [1.0, 900_000.0].into_iter());
        assert_eq!(
            labels(&axis),
            ["1 µs", "10 µs", "100 µs", "1 ms", "10 ms", "100 ms", "1 s"]
        );
        let near = Axis::latency("latency", [120.0, 300.0].into_iter());
        assert_eq!(labels(&near)[0], "0");
        assert!(
            !Axis::latency("latency", std::iter::empty())
                .ticks
                .is_empty()
        );
    }
}
