//! `connect`: how fast a server takes connections, as a storm or at a rate; what TCP and the
//! handshake take, what fails and why. In the end one message must reach everyone who is in.

use std::time::{Duration, Instant};

use clap::Args;

use super::arrival::Arrival;
use crate::cli::{Common, duration, rate};
use crate::drive::{Clock, Load, Stage};
use crate::reactor::Ended;
use crate::report::Report;
use crate::target::own_cpu_ns;

/// Time for the server to finish joining the last connection.
const SETTLE: Duration = Duration::from_millis(200);

/// Options of `connect`.
#[derive(Debug, Clone, Args)]
pub struct Connecting {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub common: Common,
    /// Connections
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(2..))]
    pub connections: u32,
    /// Begin so many a second by the clock; 0: as many as --in-flight allows
    #[arg(long, value_name = "RATE", default_value_t = 0.0, value_parser = rate)]
    pub ramp: f64,
    /// A connection that takes longer has failed
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub patience: Duration,
    /// Of a hundred, so many may fail
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0, value_parser = percent)]
    pub failures_allowed: f64,
    /// One that begins this much after its time is late; over 1 % late ones make the run INVALID
    #[arg(long, value_name = "TIME", default_value = "10ms", value_parser = duration)]
    pub late: Duration,
    /// Exit 0 although the client was saturated
    #[arg(long)]
    pub allow_saturated: bool,
}

fn percent(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(percent),
        _ => Err("expected 0 to 100".to_owned()),
    }
}

/// Runs it.
///
/// # Errors
/// A sentence, when the run could not be made.
pub fn run(options: &Connecting) -> Result<Report, String> {
    let (common, count) = (&options.common, options.connections as usize);
    let ramp_s = match options.ramp {
        0.0 => 0.0,
        rate => count as f64 / rate,
    };
    let takes = Duration::from_secs_f64(ramp_s) + 2 * options.patience + common.grace;
    let mut stage = Stage::new(common, count as u64, takes)?;
    let mut arrival = Arrival::new(options, stage.run);
    let clock = Clock(Instant::now());
    let before = stage.sample()?;
    let own_cpu = own_cpu_ns();
    while !arrival.is_over() {
        arrival.send(&mut stage.reactor, &clock);
        stage.rest(arrival.rest(), &mut arrival, &clock)?;
    }
    let took_ns = arrival.last_ns.max(1);
    let own_share = (own_cpu_ns() - own_cpu) as f64 / clock.now_ns().max(1) as f64;
    stage.rest(SETTLE, &mut arrival, &clock)?;
    let after = stage.sample()?;

    let failed: Vec<(usize, Ended)> = stage.reactor.ended().to_vec();
    arrival.one_message(&mut stage.reactor, &failed);
    let clock = Clock(Instant::now());
    stage.stragglers(&mut arrival, &clock)?;
    stage.aftermath(&mut arrival, &clock)?;
    let mut report = arrival.report(&stage, options, took_ns, own_share);
    if let Some((before, after)) = before.zip(after) {
        let (user, system) = after.cpu_since(&before);
        let each = (user + system) as f64 / 1e3 / arrival.opened.max(1) as f64;
        let figures = &mut report.figures;
        figures.add(
            "server_cpu_per_connection_us",
            each,
            "server CPU for each connection",
        );
        let grew = after.rss_bytes as f64 - before.rss_bytes as f64;
        let grew = grew / arrival.opened.max(1) as f64;
        figures.add(
            "rss_per_connection_bytes",
            grew,
            "server memory for each connection",
        );
    }
    stage.reactor.close();
    Ok(report)
}
