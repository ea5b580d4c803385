//! Which pictures a report gives: latency by percentile, the spread over subscribers, the time line,
//! and a scenario's own curves.

use maud::{Markup, html};

use super::axis::{Axis, Scale};
use super::chart::{Chart, Line};
use super::tables;
use crate::latency::{Latency, Summary};
use crate::report::{Curve, Report, Slice, Timeline};

/// Points of a latency curve.
const CURVE_POINTS: u32 = 160;
/// Orders of magnitude below 1 to which a latency curve goes: p99.999.
const NINES_MAX: f64 = 5.0;
/// How far right of the last percentile the maximum stands.
const MAX_APART: f64 = 0.4;
/// Lines of one picture.
const LINES_MAX: usize = 6;

/// Latency by percentile, one line for each entry; the axis grows by nines, as in HDR plots.
pub fn latency_curve(id: &str, title: &str, entries: &[(String, &Summary)]) -> Option<Chart> {
    let decoded: Vec<(&String, Latency)> = entries
        .iter()
        .filter(|(_, s)| s.count > 0)
        .filter_map(|(name, s)| Some((name, Latency::decode(s)?)))
        .take(LINES_MAX)
        .collect();
    let most = decoded.iter().map(|(_, l)| l.count()).max()?;
    let end = (most as f64).log10().clamp(2.0, NINES_MAX);
    let lines: Vec<Line> = decoded
        .iter()
        .map(|(name, latency)| Line {
            name: (*name).clone(),
            points: curve_points(latency, end),
            dots: false,
        })
        .collect();
    let mut ticks: Vec<(f64, String)> = [
        (0.5, "p50"),
        (0.9, "p90"),
        (0.99, "p99"),
        (0.999, "p99.9"),
        (0.9999, "p99.99"),
        (0.99999, "p99.999"),
    ]
    .map(|(part, name)| (nines(part), name.to_owned()))
    .into_iter()
    .filter(|(at, _)| *at <= end + 1e-9)
    .collect();
    ticks.push((end + MAX_APART, "max".to_owned()));
    let x = Axis::new(Scale::Linear(0.0, end + MAX_APART), "percentile", ticks);
    Some(Chart {
        id: format!("{id}-latency"),
        title: title.to_owned(),
        description: describe(entries),
        y: Axis::latency("latency", values(&lines)),
        x,
        lines,
    })
}

/// Where a part of all lies on the axis: 0.9 at 1, 0.99 at 2.
fn nines(part: f64) -> f64 {
    -(1.0 - part).log10()
}

/// From the fastest to the last percentile that so many messages can tell; from there on level at the maximum.
fn curve_points(latency: &Latency, end: f64) -> Vec<(f64, Option<f64>)> {
    let last = (latency.count() as f64).log10().min(end);
    let steps = (0..=CURVE_POINTS).map(|i| last * f64::from(i) / f64::from(CURVE_POINTS));
    let points = steps.map(|at| (at, Some(latency.at_us(1.0 - 10f64.powf(-at)))));
    let max = Some(latency.at_us(1.0));
    let from = if last < end { last } else { end + MAX_APART };
    points
        .chain([(from, max), (end + MAX_APART, max)])
        .collect()
}

fn describe(entries: &[(String, &Summary)]) -> String {
    let one = |(name, s): &(String, &Summary)| {
        let us = crate::report::units::microseconds;
        format!(
            "{name}: half within {}, 99 % within {}, all within {}",
            us(s.p50_us),
            us(s.p99_us),
            us(s.max_us)
        )
    };
    let all: Vec<String> = entries.iter().take(LINES_MAX).map(one).collect();
    format!("{}.", all.join("; "))
}

fn values(lines: &[Line]) -> impl Iterator<Item = f64> + Clone {
    lines
        .iter()
        .flat_map(|line| line.points.iter().filter_map(|p| p.1))
}

/// The first, the median and the last subscriber of each message, at the usual percentiles.
pub fn spread(id: &str, report: &Report) -> Option<Chart> {
    let kinds = ["first", "median", "last"];
    let found: Vec<&Summary> = kinds
        .iter()
        .filter_map(|name| report.latency.get(*name).filter(|s| s.count > 0))
        .collect();
    if found.len() < kinds.len() {
        return None;
    }
    let at = |of: fn(&Summary) -> f64, name: &str| Line {
        name: name.to_owned(),
        points: (0..)
            .zip(&found)
            .map(|(i, s)| (f64::from(i), Some(of(s))))
            .collect(),
        dots: true,
    };
    let lines = vec![
        at(|s| s.p50_us, "half of the messages (p50)"),
        at(|s| s.p99_us, "99 % (p99)"),
        at(|s| s.p99_9_us, "99.9 % (p99.9)"),
        at(|s| s.max_us, "all (max)"),
    ];
    let ticks = [
        (0.0, "its first".to_owned()),
        (1.0, "half of them".to_owned()),
        (2.0, "its last".to_owned()),
    ];
    let us = crate::report::units::microseconds;
    Some(Chart {
        id: format!("{id}-spread"),
        title: "When a message had reached its subscribers".to_owned(),
        description: format!(
            "In the median, the first subscriber had a message after {}, half of them after {}, the last after {}.",
            us(found[0].p50_us),
            us(found[1].p50_us),
            us(found[2].p50_us)
        ),
        x: Axis::new(
            Scale::Linear(-0.25, 2.25),
            "subscriber of each message",
            ticks.into(),
        ),
        y: Axis::latency("latency", values(&lines)),
        lines,
    })
}

/// The run over time: throughput, latency, and the server's CPU and memory as far as they are known.
pub fn time_line(id: &str, timeline: &Timeline) -> Vec<Chart> {
    let line = |name: &str, of: &dyn Fn(&Slice) -> Option<f64>| Line {
        name: name.to_owned(),
        points: timeline
            .slices
            .iter()
            .map(|s| (s.at_s + timeline.slice_s / 2.0, of(s)))
            .collect(),
        dots: false,
    };
    let rate = |s: &Slice| Some(s.deliveries as f64 / timeline.slice_s);
    let latency = vec![
        line("p50", &|s| s.p50_us),
        line("p99", &|s| s.p99_us),
        line("max", &|s| s.max_us),
    ];
    let memory = |s: &Slice| s.server_rss_bytes.map(|b| b as f64);
    let over_time = |kind, title, unit, label, lines| {
        let names = OverTime {
            kind,
            title,
            unit,
            label,
        };
        names.chart(id, timeline, lines)
    };
    let charts = [
        over_time(
            "throughput",
            "Deliveries over time",
            "",
            "deliveries a second",
            vec![line("deliveries", &rate)],
        ),
        over_time("over-time", "Latency over time", "_us", "latency", latency),
        over_time(
            "cpu",
            "Server CPU over time",
            "_share",
            "of one core",
            vec![line("CPU", &|s| s.server_cpu_share)],
        ),
        over_time(
            "memory",
            "Server memory over time",
            "_bytes",
            "resident memory",
            vec![line("memory", &memory)],
        ),
    ];
    charts.into_iter().flatten().collect()
}

/// What one picture over time is called.
struct OverTime<'a> {
    kind: &'a str,
    title: &'a str,
    unit: &'a str,
    label: &'a str,
}

impl OverTime<'_> {
    /// The picture; `None` when there is nothing to draw.
    fn chart(&self, id: &str, timeline: &Timeline, lines: Vec<Line>) -> Option<Chart> {
        let (first, last) = timeline.slices.first().zip(timeline.slices.last())?;
        values(&lines).next()?;
        let y = match self.unit {
            "_us" => Axis::latency(self.label, values(&lines)),
            unit => Axis::from_zero(unit, self.label, values(&lines)),
        };
        let low = values(&lines).fold(f64::INFINITY, f64::min);
        let high = values(&lines).fold(0.0, f64::max);
        Some(Chart {
            id: format!("{id}-{}", self.kind),
            title: self.title.to_owned(),
            description: format!(
                "Between {} and {}, over {} slices of time.",
                tables::value(self.unit, low),
                tables::value(self.unit, high),
                timeline.slices.len()
            ),
            x: Axis::between(
                "_s",
                "time since the warm-up",
                first.at_s,
                last.at_s + timeline.slice_s,
            ),
            y,
            lines,
        })
    }
}

/// A scenario's own curve.
pub fn curve(id: &str, number: usize, curve: &Curve) -> Option<Markup> {
    let (first, last) = curve.points.first().zip(curve.points.last())?;
    let ys = curve.points.iter().map(|p| p.1);
    let words = |name: &str| tables::words(name);
    let chart = Chart {
        id: format!("{id}-curve{number}"),
        title: curve.name.clone(),
        description: format!(
            "From {} at {} to {} at {}.",
            tables::value(&curve.y, first.1),
            tables::value(&curve.x, first.0),
            tables::value(&curve.y, last.1),
            tables::value(&curve.x, last.0)
        ),
        x: Axis::between(&curve.x, &words(&curve.x), first.0, last.0),
        y: Axis::from_zero(&curve.y, &words(&curve.y), ys),
        lines: vec![Line {
            name: curve.name.clone(),
            points: curve.points.iter().map(|(x, y)| (*x, Some(*y))).collect(),
            dots: curve.points.len() <= 40,
        }],
    };
    let table = tables::points(curve);
    Some(html! { (chart.figure(table)) })
}
