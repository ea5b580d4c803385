//! `flood`: publishers send more than fan-out can carry, and every subscriber reads all it can.
//! Nobody may be closed or lose anything for that: the publishers are to be slowed, and memory is to
//! stay within bounds.
//!
//! What fan-out can carry is measured first, in a closed loop; then the clock asks for a multiple.

use std::time::Duration;

use clap::Args;

use super::crowd::Crowd;
use super::fanout::People;
use super::finish;
use super::inside::Inside;
use crate::cli::{Common, Sending, duration};
use crate::drive::{Span, Stage, connect, measure};
use crate::report::{Figures, Report};
use crate::timeline::{Look, Recorder};

/// Options of `flood`.
#[derive(Debug, Clone, Args)]
pub struct Flood {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub common: Common,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub sending: Sending,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub people: People,
    /// So many times what fan-out carried in a closed loop by --window (or --rate, when given)
    #[arg(long, value_name = "FACTOR", default_value_t = 2.0, value_parser = factor)]
    pub multiple: f64,
    /// How long it is measured what fan-out carries
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = duration)]
    pub calibrate: Duration,
}

fn factor(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(factor) if (0.1..=100.0).contains(&factor) => Ok(factor),
        _ => Err("expected a factor from 0.1 to 100".to_owned()),
    }
}

/// Runs it.
///
/// # Errors
/// A sentence, when the run could not be made.
pub fn run(options: &Flood) -> Result<Report, String> {
    let (common, sending) = (&options.common, &options.sending);
    sending.check()?;
    common.dialect.fits(sending.size)?;
    let measuring = &sending.measuring;
    let plan = options.people.plan(sending, common.dialect.talk());
    let connections = plan.connections();
    let takes = options.calibrate + measuring.whole() + 2 * common.grace;
    let mut stage = Stage::new(common, connections as u64, takes)?;
    let first = Span {
        from_ns: 0,
        to_ns: options.calibrate.as_nanos() as u64,
    };
    let mut crowd = Crowd::new(&[plan], stage.run, common.seed, first);
    let connected = connect(&mut stage, &mut crowd, connections)?;
    let before = stage.look()?;
    let carried = match sending.rate {
        0.0 => {
            let driven = measure(&mut stage, &mut crowd, &connected, first)?;
            driven.measured.messages as f64 / driven.measured.seconds.max(1e-9)
        }
        rate => rate,
    };
    if carried <= 0.0 {
        return Err("nothing came through in the closed loop: no rate to multiply".to_owned());
    }

    let span = Span::of(measuring);
    crowd.groups[0].senders.pace(carried * options.multiple);
    crowd.begin(span);
    crowd.recorder = Some(Recorder::new(measuring.warmup, measuring.whole()));
    let inside = Inside::begin(&measuring.inside)?;
    let driven = measure(&mut stage, &mut crowd, &connected, span)?;
    let recorder = crowd.recorder.as_ref();
    let (peaks, curves) = recorder
        .map(|r| (r.peaks(), r.curves()))
        .unwrap_or_default();
    let mut report = finish::report("flood", &stage, &mut crowd, driven);
    let sent = report.measured.messages as f64 / report.measured.seconds.max(1e-9);
    let figures = &mut report.figures;
    figures.add("carried", carried, "messages a second in the closed loop");
    figures.add(
        "asked",
        carried * options.multiple,
        "messages a second that the clock asked for",
    );
    let about = match sent >= 0.98 * carried * options.multiple {
        true => {
            "messages a second that were sent: all of them, so this was no flood (a larger --window finds out what fan-out carries)"
        }
        false => "messages a second that were sent",
    };
    figures.add("sent", sent, about);
    let closed = stage.reactor.ended().len() as f64;
    figures.add("closed", closed, "connections that ended");
    add_memory(figures, &before, peaks);
    report.curves = curves;
    inside.end(&mut report.figures)?;
    stage.reactor.close();
    Ok(report)
}

/// What the flood cost in memory.
fn add_memory(figures: &mut Figures, before: &Look, peaks: (Option<u64>, Option<u64>)) {
    let number = |n: Option<u64>| n.map(|n| n as f64);
    let rss_before = number(before.server.map(|s| s.rss_bytes));
    figures.add(
        "rss_before_bytes",
        rss_before,
        "server memory before the flood",
    );
    figures.add(
        "rss_peak_bytes",
        number(peaks.0),
        "at most, while it went on",
    );
    figures.add(
        "tcp_before_bytes",
        number(before.tcp_bytes),
        "TCP memory of the machine before",
    );
    figures.add(
        "tcp_peak_bytes",
        number(peaks.1),
        "at most, while it went on",
    );
}
