//! The command line: the list of scenarios, the options they share, and how values are read.
//! What belongs to one scenario is in its file.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::baseline::Baseline;
use crate::compare::Compare;
use crate::dialect::DialectOptions;
use crate::gate::Gate;
use crate::html::HtmlPage;
use crate::payload::HEADER_BYTES;
use crate::scenario::churn::Churning;
use crate::scenario::connect::Connecting;
use crate::scenario::echo::Echo;
use crate::scenario::fanout::Fanout;
use crate::scenario::flood::Flood;
use crate::scenario::idle::Idle;
use crate::scenario::inside::InsideOptions;
use crate::scenario::mixed::Mixed;
use crate::scenario::slow::Slow;
use crate::scenario::soak::Soak;
use crate::target::TargetOptions;
use crate::target::spawn::free_port;
use crate::url::Url;
use crate::versus::Versus;

/// Drives servers of WebSockets, event streams and long-polls and proves what they delivered.
///
/// Exit codes: 0 all is well, 1 deliveries were wrong, 2 the run could not be made,
/// 3 the client itself was too slow, so its figures mean nothing.
#[derive(Debug, Parser)]
#[command(name = "longwave-loadtest", version, max_term_width = 100)]
pub struct Cli {
    /// What to run.
    #[command(subcommand)]
    pub scenario: Scenario,
}

/// The scenarios.
#[derive(Debug, Subcommand)]
pub enum Scenario {
    /// Publishers to subscribers of one channel; every delivery is checked
    Fanout(Fanout),
    /// Every connection gets its own messages back
    Echo(Echo),
    /// Connections that do nothing: memory for each, and one message to all at the end
    Idle(Idle),
    /// How fast connections are taken, as a storm or at a rate, and what fails
    Connect(Connecting),
    /// Some subscribers stop reading or read a trickle: what the others notice, what becomes of the slow
    Slow(Slow),
    /// Subscribers come and go while messages flow; each is checked from its coming to its leaving
    Churn(Churning),
    /// More messages than fan-out can carry: nobody may be closed, memory must stay within bounds
    Flood(Flood),
    /// Several channels at once, out of a file, and what one notices of the others
    Mixed(Mixed),
    /// The same load for a long time: a verdict each interval, and memory must not grow
    Soak(Soak),
    /// Servers side by side: each is started, and all take turns under the same loads
    Versus(Versus),
    /// A bare server to compare with: reads a message, sends it to every other connection
    Baseline(Baseline),
    /// Make one page of one or several reports
    Html(HtmlPage),
    /// Compare two kinds of runs, figure by figure
    Compare(Compare),
    /// Hold a report against a budget: exit code 1 when it is broken
    Gate(Gate),
}

impl Scenario {
    /// What those that drive a server share.
    pub fn common_mut(&mut self) -> Option<&mut Common> {
        match self {
            Scenario::Fanout(o) => Some(&mut o.common),
            Scenario::Echo(o) => Some(&mut o.common),
            Scenario::Idle(o) => Some(&mut o.common),
            Scenario::Connect(o) => Some(&mut o.common),
            Scenario::Slow(o) => Some(&mut o.common),
            Scenario::Churn(o) => Some(&mut o.common),
            Scenario::Flood(o) => Some(&mut o.common),
            Scenario::Mixed(o) => Some(&mut o.common),
            Scenario::Soak(o) => Some(&mut o.common),
            Scenario::Versus(_)
            | Scenario::Baseline(_)
            | Scenario::Html(_)
            | Scenario::Compare(_)
            | Scenario::Gate(_) => None,
        }
    }

    /// Where the server's own latency is asked for, if it is.
    fn metrics_mut(&mut self) -> Option<&mut String> {
        let measuring = match self {
            Scenario::Fanout(o) => &mut o.sending.measuring,
            Scenario::Echo(o) => &mut o.sending.measuring,
            Scenario::Slow(o) => &mut o.sending.measuring,
            Scenario::Churn(o) => &mut o.sending.measuring,
            Scenario::Flood(o) => &mut o.sending.measuring,
            Scenario::Mixed(o) => &mut o.measuring,
            Scenario::Soak(o) => &mut o.sending.measuring,
            _ => return None,
        };
        measuring.inside.metrics.as_mut()
    }

    /// Puts a free port wherever the options leave it open (port 0) for a server that is to be started.
    ///
    /// # Errors
    /// A sentence: no port is free, or a URL is none.
    pub fn choose_port(&mut self) -> Result<(), String> {
        let Some(port) = self.common_mut().map_or(Ok(None), Common::choose_port)? else {
            return Ok(());
        };
        if let Some(url) = self.metrics_mut() {
            *url = Url::fill_port(url, port)?;
        }
        Ok(())
    }
}

/// What all scenarios share.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// The server, as ws://HOST:PORT/PATH or wss://…; for event streams and polls http:// or https://
    #[arg(long)]
    pub url: String,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub target: TargetOptions,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub dialect: DialectOptions,
    /// Also write the report as JSON into this file; "-" prints it instead of the table
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Also write the report as a page for a browser into this file
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Spread connections over 127.0.0.1 to 127.0.0.N; 0: when ports run out, over as many as it takes
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=254))]
    pub source_addresses: u8,
    /// The kernel's receive buffer of each connection, which it doubles for its own needs [default: as the
    /// kernel sees fit, up to some MiB]
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(1024..=1 << 30))]
    pub receive_buffer: Option<u32>,
    /// Connections being opened at once
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    pub in_flight: u32,
    /// Wait this long after the last delivery for those that are missing
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = duration)]
    pub grace: Duration,
    /// Give up after this long over all [default: what the run takes, and 60s]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub timeout: Option<Duration>,
    /// Everything random comes from this number
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

impl Common {
    /// Puts a free port in place of port 0 when the server is started by us, so that its report tells
    /// where it was.
    ///
    /// # Errors
    /// A sentence, for a bad URL, or when there is no free port.
    fn choose_port(&mut self) -> Result<Option<u16>, String> {
        let address = self.dialect.parse(&self.url)?.address;
        if self.target.spawn.is_none() || address.port() != 0 {
            return Ok(None);
        }
        let port = free_port(address.ip())?;
        let publish = self.dialect.publish_url.as_mut();
        for url in std::iter::once(&mut self.url).chain(publish) {
            *url = Url::fill_port(url, port)?;
        }
        Ok(Some(port))
    }
}

/// How messages are made and when they are sent.
#[derive(Debug, Clone, Args)]
pub struct Sending {
    /// Bytes of one message, at least 24
    #[arg(long, default_value = "128", value_parser = message_size)]
    pub size: usize,
    /// Messages a second over all senders, by the clock (open loop); 0: closed loop by --window
    #[arg(long, default_value_t = 0.0, value_parser = rate)]
    pub rate: f64,
    /// Closed loop: messages that one sender may have outstanding
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub window: u32,
    /// Messages that one sender sends in one write
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub batch: u32,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub measuring: Measuring,
}

/// What is measured, and when it means nothing.
#[derive(Debug, Clone, Args)]
pub struct Measuring {
    /// Measured time
    #[arg(long, default_value = "10s", value_parser = duration)]
    pub duration: Duration,
    /// Time before that, checked but not measured
    #[arg(long, default_value = "1s", value_parser = duration)]
    pub warmup: Duration,
    /// A send this much after its time is late; over 1 % late sends make the run INVALID
    #[arg(long, value_name = "TIME", default_value = "10ms", value_parser = duration)]
    pub late: Duration,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub inside: InsideOptions,
    /// Exit 0 although the client was saturated (server CPU per delivery is still sound then)
    #[arg(long)]
    pub allow_saturated: bool,
}

impl Sending {
    /// Refuses combinations that contradict each other.
    ///
    /// # Errors
    /// A sentence that names the options.
    pub fn check(&self) -> Result<(), String> {
        if self.rate == 0.0 && self.batch > self.window {
            return Err(format!(
                "--batch {} is over --window {}: a sender could never send",
                self.batch, self.window
            ));
        }
        self.measuring.check()
    }
}

impl Measuring {
    /// Refuses to measure nothing.
    ///
    /// # Errors
    /// A sentence that names the option.
    pub fn check(&self) -> Result<(), String> {
        match self.duration.is_zero() {
            true => Err("--duration is zero: nothing would be measured".to_owned()),
            false => Ok(()),
        }
    }

    /// Warm-up and measured time.
    pub fn whole(&self) -> Duration {
        self.warmup + self.duration
    }
}

/// A time: a number with `us`, `ms`, `s` or `m`.
///
/// # Errors
/// What was expected instead.
pub fn duration(text: &str) -> Result<Duration, String> {
    let units = [("us", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0)];
    let found = units
        .iter()
        .find_map(|(unit, s)| Some((text.strip_suffix(unit)?, s)));
    let (number, seconds) = found.ok_or("expected a time such as 500us, 250ms, 10s or 2m")?;
    let number: f64 = number
        .parse()
        .map_err(|_| "expected a time such as 250ms or 10s")?;
    match number * seconds {
        s if (0.0..=86_400.0).contains(&s) => Ok(Duration::from_secs_f64(s)),
        _ => Err("expected a time from 0 to a day".to_owned()),
    }
}

/// A size: plain bytes, or a number with `KiB` or `MiB`.
///
/// # Errors
/// What was expected instead.
pub fn message_size(text: &str) -> Result<usize, String> {
    let units = [("KiB", 1 << 10), ("MiB", 1 << 20), ("", 1)];
    let found = units
        .iter()
        .find_map(|(unit, n)| Some((text.strip_suffix(unit)?, n)));
    let (number, unit) = found.expect("the empty unit fits all");
    let number: usize = number
        .parse()
        .map_err(|_| "expected bytes, such as 128, 16KiB or 1MiB")?;
    match number.saturating_mul(*unit) {
        n if (HEADER_BYTES..=64 << 20).contains(&n) => Ok(n),
        _ => Err(format!(
            "expected {HEADER_BYTES} bytes to 64MiB: each message carries its own proof"
        )),
    }
}

/// Messages a second.
///
/// # Errors
/// What was expected instead.
pub fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.0..=1e7).contains(&rate) => Ok(rate),
        _ => Err("expected messages a second, 0 to 10000000".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn times_and_sizes() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("500us"), Ok(Duration::from_micros(500)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        for bad in ["10", "s", "-1s", "2d", "1e9s", "NaNs", ""] {
            assert!(duration(bad).is_err(), "{bad}");
        }
        assert_eq!(message_size("24"), Ok(24));
        assert_eq!(message_size("16KiB"), Ok(16384));
        for bad in ["23", "65MiB", "x", "", "-1", "99999999999999999999KiB"] {
            assert!(message_size(bad).is_err(), "{bad}");
        }
        assert!(rate("nan").is_err() && rate("-1").is_err() && rate("0.5").is_ok());
    }

    #[test]
    fn a_port_left_open_is_the_same_for_all_that_is_asked_of_the_server() {
        let words =
            "x mixed --file f --spawn s --url ws://127.0.0.1:0/a --metrics http://127.0.0.1:0/m";
        let mut scenario = Cli::try_parse_from(words.split(' ')).unwrap().scenario;
        scenario.choose_port().unwrap();
        let metrics = scenario.metrics_mut().unwrap().clone();
        let port = Url::parse(&scenario.common_mut().unwrap().url).unwrap();
        let port = port.address.port();
        assert_ne!(port, 0);
        assert_eq!(metrics, format!("http://127.0.0.1:{port}/m"));
    }

    #[test]
    fn a_batch_that_never_fits_is_refused() {
        let parse = |words: &str| {
            let cli = Cli::try_parse_from(words.split(' ')).unwrap();
            let Scenario::Fanout(fanout) = cli.scenario else {
                panic!("fanout");
            };
            fanout.sending.check()
        };
        let base = "x fanout --url ws://127.0.0.1:1/";
        assert!(
            parse(&format!("{base} --batch 4"))
                .unwrap_err()
                .contains("--window 1")
        );
        assert_eq!(parse(&format!("{base} --batch 4 --window 4")), Ok(()));
        assert_eq!(parse(&format!("{base} --batch 4 --rate 10")), Ok(()));
    }
}
