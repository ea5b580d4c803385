//! `fanout`: publishers to every subscriber of one channel.
//!
//! Subscribers are connections 0 to S − 1, publishers S to S + P − 1. Each message must come once
//! to every subscriber and to every *other* publisher (`--own`: to its own too), in one order.

use clap::Args;

use super::crowd::Crowd;
use super::finish;
use super::group::Plan;
use super::inside::Inside;
use crate::cli::{Common, Sending};
use crate::dialect::Talk;
use crate::drive::{Connected, Span, Stage, connect, measure};
use crate::report::Report;
use crate::timeline::Recorder;

/// Options of `fanout`.
#[derive(Debug, Clone, Args)]
pub struct Fanout {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub common: Common,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub sending: Sending,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub people: People,
}

/// Who is on the one channel.
#[derive(Debug, Clone, Args)]
pub struct People {
    /// Connections that only listen
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub subscribers: u32,
    /// Connections that publish, and get what the other publishers send
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub publishers: u32,
    /// The server sends publishers their own messages too
    #[arg(long)]
    pub own: bool,
}

impl People {
    /// The channel of the URL with these people.
    pub fn plan(&self, sending: &Sending, talk: Talk) -> Plan {
        Plan {
            name: "all".to_owned(),
            path: None,
            publish_path: None,
            subscribers: self.subscribers,
            publishers: self.publishers,
            own: self.own,
            size: sending.size,
            talk,
            pacing: sending.into(),
        }
    }
}

/// Runs it.
///
/// # Errors
/// A sentence, when the run could not be made.
pub fn run(options: &Fanout) -> Result<Report, String> {
    let (mut stage, connected) = open(options)?;
    let report = round(&mut stage, &connected, options)?;
    stage.reactor.close();
    Ok(report)
}

/// Opens all connections, for one round or for many.
///
/// # Errors
/// A sentence: what contradicts itself, or which connection failed.
pub fn open(options: &Fanout) -> Result<(Stage, Connected), String> {
    let (common, sending) = (&options.common, &options.sending);
    sending.check()?;
    common.dialect.fits(sending.size)?;
    let plan = options.people.plan(sending, options.common.dialect.talk());
    let connections = plan.connections();
    let takes = sending.measuring.whole() + common.grace;
    let mut stage = Stage::new(common, connections as u64, takes)?;
    let span = Span::of(&sending.measuring);
    let mut crowd = Crowd::new(&[plan], stage.run, common.seed, span);
    let connected = connect(&mut stage, &mut crowd, connections)?;
    Ok((stage, connected))
}

/// Runs it once over open connections, and leaves them open. The options may be others than those
/// it was opened with, but for the connections.
///
/// # Errors
/// A sentence, when the run could not be made.
pub fn round(stage: &mut Stage, connected: &Connected, options: &Fanout) -> Result<Report, String> {
    let (sending, measuring) = (&options.sending, &options.sending.measuring);
    // What is left of an earlier round must not pass for this one's.
    stage.run = stage.run.wrapping_add(1);
    let span = Span::of(measuring);
    let plan = options.people.plan(sending, options.common.dialect.talk());
    let mut crowd = Crowd::new(&[plan], stage.run, options.common.seed, span);
    crowd.recorder = Some(Recorder::new(measuring.warmup, measuring.whole()));
    let inside = Inside::begin(&measuring.inside)?;
    let driven = measure(stage, &mut crowd, connected, span)?;
    let mut report = finish::report("fanout", stage, &mut crowd, driven);
    inside.end(&mut report.figures)?;
    Ok(report)
}
