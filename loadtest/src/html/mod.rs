//! Reports as one page that needs nothing else: no script, no other file, light and dark.
//!
//! Text is escaped by construction (maud); the page's own policy forbids scripts and outside resources.

mod axis;
mod chart;
mod pictures;
mod tables;

use std::path::PathBuf;

use clap::Args;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::Value;

use crate::latency::Summary;
use crate::report::units::{count, microseconds, named};
use crate::report::{self, Outcome, Report};

const STYLE: &str = include_str!("style.css");
/// Nothing from anywhere, and styles from the page alone.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// Options of `html`.
#[derive(Debug, Clone, Args)]
pub struct HtmlPage {
    /// Reports that were written with --json; several are shown side by side
    #[arg(required = true, value_name = "FILE.json")]
    pub reports: Vec<PathBuf>,
    /// Where to write the page
    #[arg(short, long, value_name = "FILE", default_value = "report.html")]
    pub output: PathBuf,
}

/// Reads the reports and writes the page.
///
/// # Errors
/// A sentence, when one is no report or the page cannot be written.
pub fn run(options: &HtmlPage) -> Result<(), String> {
    let read = |path: &PathBuf| {
        let name = path.file_stem().unwrap_or(path.as_os_str());
        Ok((name.to_string_lossy().into_owned(), report::read(path)?))
    };
    let reports: Result<Vec<_>, String> = options.reports.iter().map(read).collect();
    write(&options.output, &reports?)
}

/// Writes the page of these reports, each with its name.
///
/// # Errors
/// A sentence, when the file cannot be written.
pub fn write(path: &std::path::Path, reports: &[(String, Report)]) -> Result<(), String> {
    let written = std::fs::write(path, page(reports));
    written.map_err(|e| format!("cannot write {}: {e}", path.display()))
}

/// The whole page.
pub fn page(reports: &[(String, Report)]) -> String {
    let title = match reports {
        [(_, one)] => format!("{} {}", one.scenario, url(one)),
        many => format!("{} load tests", many.len()),
    };
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    @if reports.len() > 1 { (together(reports)) }
                    @for (i, (name, report)) in reports.iter().enumerate() {
                        (one(i, (reports.len() > 1).then_some(name), report))
                    }
                }
                footer {
                    p { "Made by longwave-loadtest " (env!("CARGO_PKG_VERSION"))
                        ". Latency counts from when a message was due (open loop) or sent (closed loop)." }
                }
            }
        }
    };
    markup.into_string()
}

fn url(report: &Report) -> &str {
    let url = report.options.get("url").and_then(Value::as_str);
    url.unwrap_or_default()
}

/// All runs side by side: one picture, one table.
fn together(reports: &[(String, Report)]) -> Markup {
    let all: Vec<(String, &Summary)> = reports
        .iter()
        .filter_map(|(name, r)| Some((name.clone(), main_latency(r)?)))
        .collect();
    let chart =
        pictures::latency_curve("together", "Latency of all deliveries, by percentile", &all);
    html! {
        header { h1 { (reports.len()) " runs side by side" } }
        section {
            @if let Some(chart) = chart { (chart.figure(html! {})) }
            div.scroll {
                table {
                    thead {
                        tr {
                            @for head in ["run", "outcome", "deliveries a second", "p50", "p99", "p99.9", "max",
                                "CPU per delivery", "memory per connection"] {
                                th scope="col" { (head) }
                            }
                        }
                    }
                    tbody {
                        @for (i, (name, report)) in reports.iter().enumerate() { (summary_row(i, name, report)) }
                    }
                }
            }
        }
    }
}

fn summary_row(i: usize, name: &str, report: &Report) -> Markup {
    let latency = main_latency(report);
    let at = |of: fn(&Summary) -> f64| latency.map_or("–".to_owned(), |s| microseconds(of(s)));
    let server = report.server.as_ref();
    let spent = |name: &str, v: Option<f64>| v.map_or("–".to_owned(), |v| named(name, v));
    html! {
        tr {
            th scope="row" { a href={ "#run" (i) } { (name) } }
            td { (badge(report.outcome)) }
            td { (count(report.measured.deliveries_per_s as u64)) }
            td { (at(|s| s.p50_us)) }
            td { (at(|s| s.p99_us)) }
            td { (at(|s| s.p99_9_us)) }
            td { (at(|s| s.max_us)) }
            td { (spent("_us", server.map(|c| c.cpu_per_delivery_us))) }
            td { (spent("_bytes", server.map(|c| c.rss_per_connection_bytes))) }
        }
    }
}

/// The latency that stands for a run: of all deliveries, or what the scenario names first.
fn main_latency(report: &Report) -> Option<&Summary> {
    let first = || report.latency.first().map(|(_, s)| s);
    report.latency.get("all").or_else(first)
}

fn badge(outcome: Outcome) -> Markup {
    let (class, word) = match outcome {
        Outcome::Ok => ("ok", "OK"),
        Outcome::Wrong => ("wrong", "WRONG"),
        Outcome::Invalid => ("invalid", "INVALID"),
    };
    html! { span class={ "badge " (class) } { (word) } }
}

/// One run.
fn one(i: usize, name: Option<&String>, report: &Report) -> Markup {
    let id = format!("run{i}");
    html! {
        article id=(id) {
            (head(name, report))
            (latency_section(&id, report))
            @if let Some(timeline) = &report.timeline {
                section {
                    h2 { "Over time" }
                    div.grid2 {
                        @for chart in pictures::time_line(&id, timeline) { (chart.small_figure()) }
                    }
                    (tables::slices(timeline))
                }
            }
            @for (n, curve) in report.curves.iter().enumerate() {
                @if let Some(figure) = pictures::curve(&id, n, curve) { section { (figure) } }
            }
            (figures_section(report))
            (environment_section(report))
        }
    }
}

fn head(name: Option<&String>, report: &Report) -> Markup {
    html! {
        header {
            @match name {
                Some(name) => h1 { (name) " " (badge(report.outcome)) },
                None => h1 { (report.scenario) " " (badge(report.outcome)) },
            }
            p.where {
                @if name.is_some() { (report.scenario) " " }
                code { (url(report)) } " " (report.environment.started)
            }
            @if !report.reasons.is_empty() {
                div class={ "reasons " @if report.outcome == Outcome::Wrong { "wrong" } @else { "invalid" } } {
                    @if report.outcome == Outcome::Invalid {
                        p { strong { "INVALID: " } "do not take these figures for the server's alone." }
                    } @else {
                        p { strong { "WRONG: " } "the server did not do what it has to." }
                    }
                    ul { @for why in &report.reasons { li { (why) } } }
                }
            }
            (cards(report))
        }
    }
}

/// The few numbers that one looks for first.
fn cards(report: &Report) -> Markup {
    let mut cards = Vec::new();
    if let Some(s) = main_latency(report) {
        cards.push(("median latency", microseconds(s.p50_us)));
        cards.push(("p99 latency", microseconds(s.p99_us)));
    }
    if report.measured.deliveries > 0 {
        let rate = count(report.measured.deliveries_per_s as u64);
        cards.push(("deliveries a second", rate));
    }
    if let Some(cost) = report
        .server
        .as_ref()
        .filter(|_| report.measured.deliveries > 0)
    {
        let cpu = format!("{:.2} µs", cost.cpu_per_delivery_us);
        cards.push(("server CPU per delivery", cpu));
    }
    cards.push(("connections", count(report.measured.connections)));
    html! {
        dl.cards {
            @for (what, value) in cards {
                div { dt { (what) } dd { (value) } }
            }
        }
    }
}

fn latency_section(id: &str, report: &Report) -> Markup {
    if report.latency.is_empty() {
        return html! {};
    }
    let entries: Vec<(String, &Summary)> =
        report.latency.iter().map(|(n, s)| (n.clone(), s)).collect();
    let curve = pictures::latency_curve(id, "Latency by percentile", &entries);
    html! {
        section {
            h2 { "Latency" }
            @if let Some(chart) = curve { (chart.figure(tables::latencies(&entries))) }
            @else { (tables::latencies(&entries)) }
            @if let Some(chart) = pictures::spread(id, report) { (chart.figure(html! {})) }
        }
    }
}

fn figures_section(report: &Report) -> Markup {
    let own = report.figures.0.iter().map(|(name, figure)| {
        let value = figure
            .value
            .map_or("not available".to_owned(), |v| named(name, v));
        (figure.about.as_str(), value)
    });
    html! {
        section.columns {
            div { h2 { "Delivery" } (tables::verdict(report)) }
            @if let Some(cost) = &report.server {
                div { h2 { "The server's cost" } (tables::cost(cost)) }
            }
            div { h2 { "The run" } (tables::measured(report)) }
            @if !report.figures.0.is_empty() {
                div { h2 { "This scenario" } (tables::pairs(own)) }
            }
        }
    }
}

fn environment_section(report: &Report) -> Markup {
    let e = &report.environment;
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
    let machine = [
        ("began", e.started.clone()),
        ("version", e.version.clone()),
        ("system", e.kernel.clone()),
        ("processor", or_dash(e.cpu.clone())),
        ("cores", e.cores.to_string()),
        ("governor", or_dash(e.governor.clone())),
        (
            "memory",
            or_dash(e.memory_bytes.map(|b| named("_bytes", b as f64))),
        ),
        (
            "load before",
            or_dash(e.load_before.map(|l| format!("{l:.2}"))),
        ),
    ];
    let options = report.options.iter().map(|(name, value)| {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        (name.as_str(), text)
    });
    html! {
        section {
            details {
                summary { "Machine, command and options" }
                pre { code { (e.command.join(" ")) } }
                div.columns {
                    div { h2 { "Machine" } (tables::long_pairs(machine)) }
                    div { h2 { "Options" } (tables::long_pairs(options)) }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
