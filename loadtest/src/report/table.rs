//! A report as people read it, in 80 columns.

use std::fmt::{self, Display, Write};

use serde_json::Value;

use super::units::{count, microseconds, named, number};
use super::{Client, Cost, Curve, Measured, Options, Outcome, Report, Verdict};
use crate::latency::Summary;

const WIDTH: usize = 80;
/// Where values begin.
const INDENT: usize = 16;
/// Points of a curve shown.
const POINTS_MAX: usize = 12;

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.options.get("url").and_then(Value::as_str);
        writeln!(f, "{} {}\n", self.scenario, url.unwrap_or_default())?;
        if let Some(load) = load(&self.options) {
            row(f, "load", &load)?;
        }
        measured(f, &self.measured)?;
        if !self.latency.is_empty() {
            latencies(f, self)?;
        }
        self.curves.iter().try_for_each(|c| curve(f, c))?;
        for (name, figure) in &self.figures.0 {
            let value = match figure.value {
                Some(value) => named(name, value),
                None => "not available".to_owned(),
            };
            row(f, &value, &figure.about)?;
        }
        if !(self.figures.0.is_empty() && self.curves.is_empty()) {
            writeln!(f)?;
        }
        if let Some(cost) = &self.server {
            server(f, cost)?;
        }
        client(f, &self.client)?;
        writeln!(f)?;
        verdict(f, &self.verdict)?;
        for why in &self.client.invalid {
            let text = format!("{why}: these figures are not the server's alone");
            row(f, "INVALID", &text)?;
        }
        if self.outcome == Outcome::Invalid && self.exit_code() == 0 {
            row(f, "", "taken all the same: --allow-saturated")?;
        }
        Ok(())
    }
}

/// A label, and text broken between words.
fn row(f: &mut impl Write, label: &str, text: &str) -> fmt::Result {
    write!(f, "  {label:<0$}", INDENT - 2)?;
    let mut column = 2 + label.chars().count().max(INDENT - 2);
    if column > INDENT {
        f.write_str("  ")?;
        column += 2;
    }
    let start = column;
    for word in text.split(' ') {
        let wide = word.chars().count();
        if column > start && column + 1 + wide > WIDTH {
            write!(f, "\n{:INDENT$}", "")?;
            column = INDENT;
        } else if column > start {
            f.write_char(' ')?;
            column += 1;
        }
        f.write_str(word)?;
        column += wide;
    }
    writeln!(f)
}

/// The options that say what was sent, if this scenario has them.
fn load(options: &Options) -> Option<String> {
    let text = |name| options.get(name).map(|v: &Value| v.to_string());
    let size = options.get("size")?;
    let rate = text("rate")?;
    let pace = match rate.trim_matches('"').parse() {
        Ok(0.0) => format!("closed loop, window {}", text("window")?),
        _ => format!("open loop, {} messages/s", rate.trim_matches('"')),
    };
    let size = size
        .as_str()
        .map_or_else(|| format!("{size} bytes"), str::to_owned);
    let (batch, seed) = (text("batch")?, text("seed")?);
    Some(format!("{pace}, batch {batch}, {size}, seed {seed}"))
}

fn measured(f: &mut impl Write, m: &Measured) -> fmt::Result {
    let connections = format!("{} in {:.2} s", count(m.connections), m.connect_s);
    row(f, "connections", &connections)?;
    if m.messages > 0 {
        let mut text = format!(
            "{} messages, {} deliveries in {:.2} s: {} deliveries/s",
            count(m.messages),
            count(m.deliveries),
            m.seconds,
            count(m.deliveries_per_s as u64)
        );
        if let Some(bytes) = m.payload_bytes_per_s {
            let _ = write!(text, ", {:.1} MB/s", bytes / 1e6);
        }
        row(f, "measured", &text)?;
    }
    writeln!(f)
}

fn latencies(f: &mut impl Write, report: &Report) -> fmt::Result {
    let wide = report.latency.keys().map(|k| k.chars().count() + 4).max();
    let wide = wide.unwrap_or(0).max(INDENT);
    write!(f, "{:<wide$}", "  latency")?;
    for head in ["p50", "p90", "p99", "p99.9", "p99.99", "max"] {
        write!(f, "{head:>10}")?;
    }
    writeln!(f)?;
    for (name, s) in &report.latency {
        write!(f, "{:<wide$}", format!("    {name}"))?;
        for us in quantiles(s) {
            write!(f, "{:>10}", microseconds(us))?;
        }
        writeln!(f)?;
    }
    writeln!(f)
}

fn quantiles(s: &Summary) -> [f64; 6] {
    [
        s.p50_us,
        s.p90_us,
        s.p99_us,
        s.p99_9_us,
        s.p99_99_us,
        s.max_us,
    ]
}

fn curve(f: &mut impl Write, curve: &Curve) -> fmt::Result {
    writeln!(f, "  {}", curve.name)?;
    let step = curve.points.len().div_ceil(POINTS_MAX).max(1);
    for (i, (x, y)) in curve.points.iter().enumerate() {
        if i % step == 0 || i + 1 == curve.points.len() {
            let (x, y) = (coordinate(&curve.x, *x), coordinate(&curve.y, *y));
            writeln!(f, "    {x:>24} {y:>24}")?;
        }
    }
    Ok(())
}

/// A value with its unit, or with what it counts.
fn coordinate(name: &str, value: f64) -> String {
    let text = named(name, value);
    match text == number(value) {
        true => format!("{text} {name}"),
        false => text,
    }
}

fn server(f: &mut impl Write, cost: &Cost) -> fmt::Result {
    let cpu = format!(
        "{:.3} µs per delivery ({:.2} s user, {:.2} s system)",
        cost.cpu_per_delivery_us,
        cost.user_us / 1e6,
        cost.system_us / 1e6
    );
    row(f, "server CPU", &cpu)?;
    let waits = format!(
        "{:.4} per delivery, made to wait {:.4}",
        cost.voluntary_switches_per_delivery, cost.involuntary_switches_per_delivery
    );
    row(f, "server waits", &waits)?;
    let calls = match (cost.syscalls_per_delivery, &cost.syscalls_missing) {
        (Some(n), _) => format!("{n:.4} per delivery (in the warm-up)"),
        (None, why) => format!("not available: {}", why.as_deref().unwrap_or("not counted")),
    };
    row(f, "system calls", &calls)?;
    let seconds = |us: Option<f64>| match us {
        Some(us) => format!("{:.2} s", us / 1e6),
        None => "not available".to_owned(),
    };
    let machine = format!(
        "soft interrupts {}, ksoftirqd {}",
        seconds(cost.softirq_us),
        seconds(cost.ksoftirqd_us)
    );
    row(f, "machine", &machine)?;
    let kib = |bytes: u64| count(bytes / 1024);
    let memory = format!(
        "{} KiB before, {} KiB connected ({:.0} bytes a connection), {} KiB at the end, {} KiB at most",
        kib(cost.rss_before_bytes),
        kib(cost.rss_connected_bytes),
        cost.rss_per_connection_bytes,
        kib(cost.rss_end_bytes),
        kib(cost.rss_peak_bytes)
    );
    row(f, "server memory", &memory)
}

fn client(f: &mut impl Write, c: &Client) -> fmt::Result {
    let mut text = format!("{:.0} % of a core", c.cpu_share * 100.0);
    if c.sends > 0 {
        let _ = write!(
            text,
            "; {:.2} % of {} sends late, the latest by {}",
            c.late_share * 100.0,
            count(c.sends),
            microseconds(c.late_max_us)
        );
    }
    if c.turns.turn_max_us > 0.0 {
        let _ = write!(
            text,
            "; busy at a time for {} (p99), {} at most",
            microseconds(c.turns.turn_p99_us),
            microseconds(c.turns.turn_max_us)
        );
    }
    row(f, "client", &text)?;
    if c.unsent > 0 {
        let text = format!(
            "{} messages were due and not sent: the server took no more",
            count(c.unsent)
        );
        row(f, "held back", &text)?;
    }
    Ok(())
}

fn verdict(f: &mut impl Write, v: &Verdict) -> fmt::Result {
    let delivered = format!("{} of {} delivered", count(v.delivered), count(v.expected));
    if v.is_good() {
        row(
            f,
            "OK",
            &format!("{delivered}, each once, whole and in order"),
        )?;
    } else {
        let x = &v.faults;
        let faults = format!(
            "{delivered}; {} lost, {} duplicated, {} reordered, {} corrupted, {} never sent, {} in another order",
            x.lost, x.duplicated, x.reordered, x.corrupted, x.phantom, x.order_differs
        );
        row(f, "WRONG", &faults)?;
    }
    if v.gaps > 0 {
        let text = format!(
            "{} announced by the server, {} deliveries missing by them",
            count(v.gaps),
            count(v.skipped)
        );
        row(f, "gaps", &text)?;
    }
    for (why, n) in v.ended_shown() {
        row(f, "ended early", &format!("{n} × {why}"))?;
    }
    for why in &v.broken {
        row(f, "broken", why)?;
    }
    if v.foreign > 0 {
        let text = format!("{} messages of somebody else", count(v.foreign));
        row(f, "not ours", &text)?;
    }
    Ok(())
}
