//! The figures as tables: beside each picture, and for what has no picture.

use maud::{Markup, html};

use crate::latency::Summary;
use crate::report::units::{count, microseconds, named, number};
use crate::report::{Cost, Curve, Report, Timeline};

/// A value in the unit that the end of `name` tells.
pub fn value(name: &str, value: f64) -> String {
    named(name, value)
}

/// A figure's name in words: without its unit.
pub fn words(name: &str) -> String {
    if name == "at_s" {
        return "time".to_owned();
    }
    if let Some(each) = name.strip_suffix("_per_s") {
        return format!("{} a second", words(each));
    }
    let stem = ["_us", "_s", "_bytes", "_share"]
        .iter()
        .find_map(|unit| name.strip_suffix(unit));
    stem.unwrap_or(name).replace('_', " ")
}

/// Latencies at the usual percentiles.
pub fn latencies(entries: &[(String, &Summary)]) -> Markup {
    html! {
        div.scroll {
            table {
                thead {
                    tr {
                        th scope="col" { "latency" }
                        @for head in ["count", "mean", "p50", "p90", "p99", "p99.9", "p99.99", "max"] {
                            th scope="col" { (head) }
                        }
                    }
                }
                tbody {
                    @for (name, s) in entries {
                        tr {
                            th scope="row" { (name) }
                            td { (count(s.count)) }
                            @for us in [s.mean_us, s.p50_us, s.p90_us, s.p99_us, s.p99_9_us, s.p99_99_us, s.max_us] {
                                td { (microseconds(us)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The time line, slice by slice, folded away.
pub fn slices(timeline: &Timeline) -> Markup {
    let optional = |name: &str, v: Option<f64>| v.map_or("–".to_owned(), |v| named(name, v));
    html! {
        details {
            summary { "These figures as a table" }
            div.scroll {
                table {
                    thead {
                        tr {
                            @for head in ["at", "messages", "deliveries", "p50", "p99", "max", "server CPU", "memory"] {
                                th scope="col" { (head) }
                            }
                        }
                    }
                    tbody {
                        @for s in &timeline.slices {
                            tr {
                                th scope="row" { (format!("{:.2} s", s.at_s)) }
                                td { (count(s.messages)) }
                                td { (count(s.deliveries)) }
                                td { (optional("_us", s.p50_us)) }
                                td { (optional("_us", s.p99_us)) }
                                td { (optional("_us", s.max_us)) }
                                td { (optional("_share", s.server_cpu_share)) }
                                td { (optional("_bytes", s.server_rss_bytes.map(|b| b as f64))) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The points of a curve, folded away.
pub fn points(curve: &Curve) -> Markup {
    html! {
        details {
            summary { "These figures as a table" }
            table {
                thead { tr { th scope="col" { (words(&curve.x)) } th scope="col" { (words(&curve.y)) } } }
                tbody {
                    @for (x, y) in &curve.points {
                        tr { th scope="row" { (named(&curve.x, *x)) } td { (named(&curve.y, *y)) } }
                    }
                }
            }
        }
    }
}

/// Names and values, one a row.
pub fn pairs<'a>(rows: impl IntoIterator<Item = (&'a str, String)>) -> Markup {
    html! {
        table.pairs {
            tbody {
                @for (name, value) in rows {
                    tr { th scope="row" { (name) } td { (value) } }
                }
            }
        }
    }
}

/// What the server spent: every field of it, and why one is missing.
pub fn cost(cost: &Cost) -> Markup {
    let fields = serde_json::to_value(cost).expect("plain data");
    let fields = fields.as_object().cloned().unwrap_or_default();
    let texts = fields
        .iter()
        .filter_map(|(name, v)| Some((words(name), v.as_str()?)));
    let rows: Vec<(String, String)> = fields
        .iter()
        .filter(|(_, value)| !value.is_string())
        .map(|(name, value)| {
            let value = value.as_f64().map(|v| named(name, v));
            (
                words(name),
                value.unwrap_or_else(|| "not available".to_owned()),
            )
        })
        .collect();
    html! {
        (pairs(rows.iter().map(|(name, value)| (name.as_str(), value.clone()))))
        @for (name, text) in texts { p.note { (name) ": " (text) } }
    }
}

/// What was measured, and how the client fared.
pub fn measured(report: &Report) -> Markup {
    let (m, c) = (&report.measured, &report.client);
    let mut rows = vec![
        ("connections", count(m.connections)),
        ("time to open them", format!("{:.2} s", m.connect_s)),
    ];
    if m.messages > 0 {
        rows.extend([
            ("measured time", format!("{:.2} s", m.seconds)),
            ("messages", count(m.messages)),
            ("deliveries", count(m.deliveries)),
            ("deliveries a second", count(m.deliveries_per_s as u64)),
        ]);
    }
    if let Some(bytes) = m.payload_bytes_per_s {
        rows.push(("payload a second", format!("{} MB", number(bytes / 1e6))));
    }
    rows.push((
        "client CPU",
        format!("{:.0} % of a core", c.cpu_share * 100.0),
    ));
    if c.sends > 0 {
        let late = format!("{:.2} % of {}", c.late_share * 100.0, count(c.sends));
        rows.push(("late sends", late));
        rows.push(("latest send", microseconds(c.late_max_us)));
    }
    if c.unsent > 0 {
        rows.push(("due, never sent", count(c.unsent)));
    }
    pairs(rows)
}

/// Names and texts of any length, one a row.
pub fn long_pairs<'a>(rows: impl IntoIterator<Item = (&'a str, String)>) -> Markup {
    html! { div.long { (pairs(rows)) } }
}

/// What was delivered, and what went wrong.
pub fn verdict(report: &Report) -> Markup {
    let (v, x) = (&report.verdict, &report.verdict.faults);
    let mut rows = vec![
        ("expected", count(v.expected)),
        ("delivered", count(v.delivered)),
        ("lost", count(x.lost)),
        ("duplicated", count(x.duplicated)),
        ("reordered", count(x.reordered)),
        ("corrupted", count(x.corrupted)),
        ("never sent", count(x.phantom)),
        ("saw another order", count(x.order_differs)),
        ("ended early", count(v.ended.values().sum())),
    ];
    if v.gaps > 0 {
        rows.push(("gaps announced", count(v.gaps)));
        rows.push(("missing by them", count(v.skipped)));
    }
    if v.foreign > 0 {
        rows.push(("not of this run", count(v.foreign)));
    }
    pairs(rows)
}
