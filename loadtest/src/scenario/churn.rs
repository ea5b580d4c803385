//! `churn`: subscribers come and go at a rate while messages flow. From when one has its answer to
//! the handshake until it decides to leave, nothing may be missing, twice or out of order; and those
//! who stay must notice nothing.

use std::time::{Duration, Instant};

use clap::Args;

use super::crowd::Crowd;
use super::fanout::People;
use super::finish;
use super::guests::Churn;
use super::inside::Inside;
use crate::cli::{Common, Sending, duration, rate};
use crate::dialect::Dialect;
use crate::drive::{Clock, Load, Span, Stage, connect, measure};
use crate::report::Report;
use crate::timeline::Recorder;

/// The most that may come in one run: each keeps its place.
const JOINS_MAX: f64 = 1e6;
/// After the last has left: it is looked at so often whether all are gone.
const LOOK: Duration = Duration::from_millis(20);

/// Options of `churn`.
#[derive(Debug, Clone, Args)]
pub struct Churning {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub common: Common,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub sending: Sending,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub people: People,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub coming: Coming,
}

/// How subscribers come and go.
#[derive(Debug, Clone, Copy, Args)]
pub struct Coming {
    /// Subscribers that come each second, beside those that stay
    #[arg(long, value_name = "RATE", default_value_t = 50.0, value_parser = rate)]
    pub joins: f64,
    /// How long each stays, half of it to one and a half
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration)]
    pub stay: Duration,
    /// Of a hundred, so many vanish without a goodbye
    #[arg(long, value_name = "PERCENT", default_value_t = 20, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub vanishing: u8,
    /// Of a hundred that are due to leave, so many are cut instead and come back with the id of their
    /// last message: nothing may be missing in between (--dialect sse or poll)
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub returning: u8,
    /// How long these are away, half of it to one and a half
    #[arg(long, value_name = "TIME", default_value = "200ms", value_parser = duration)]
    pub away: Duration,
}

impl Coming {
    /// Connections that may be open at once, and refuses what is unbounded or cannot be.
    ///
    /// # Errors
    /// A sentence that names the options.
    pub fn check(&self, whole: Duration, dialect: Dialect) -> Result<usize, String> {
        if self.returning > 0 && !dialect.is_http() {
            return Err(
                "--returning needs --dialect sse or poll: other messages have no id".to_owned(),
            );
        }
        let visits = match self.returning {
            100 => return Err("--returning 100: nobody would ever leave".to_owned()),
            percent => 1.0 / (1.0 - f64::from(percent) / 100.0),
        };
        if self.joins * whole.as_secs_f64() * visits > JOINS_MAX {
            return Err(format!(
                "--joins {} over {} s are more than {JOINS_MAX} connections",
                self.joins,
                whole.as_secs_f64()
            ));
        }
        let at_once = self.joins * (1.5 * self.stay.as_secs_f64() + 1.0) * visits;
        Ok(at_once.ceil() as usize)
    }
}

/// Runs it.
///
/// # Errors
/// A sentence, when the run could not be made.
pub fn run(options: &Churning) -> Result<Report, String> {
    let (common, sending) = (&options.common, &options.sending);
    sending.check()?;
    common.dialect.fits(sending.size)?;
    let measuring = &sending.measuring;
    let guests = options
        .coming
        .check(measuring.whole(), common.dialect.dialect)?;
    let plan = options.people.plan(sending, common.dialect.talk());
    let stay = plan.connections();
    let takes = measuring.whole() + options.coming.stay * 2 + common.grace;
    let mut stage = Stage::new(common, (stay + guests) as u64, takes)?;
    let span = Span::of(measuring);
    let mut crowd = Crowd::new(&[plan], stage.run, common.seed, span);
    let connected = connect(&mut stage, &mut crowd, stay)?;
    let inside = Inside::begin(&measuring.inside)?;
    crowd.recorder = Some(Recorder::new(measuring.warmup, measuring.whole()));
    crowd.churn = Some(Churn::new(options.coming, span, common.grace, common.seed));
    let driven = measure(&mut stage, &mut crowd, &connected, span)?;
    let recorder = crowd.recorder.take();
    all_leave(&mut stage, &mut crowd)?;
    crowd.recorder = recorder;
    let mut report = finish::report("churn", &stage, &mut crowd, driven);
    let mut churn = crowd.churn.take().expect("it was put there");
    churn.tell(&mut report, &mut crowd, stage.reactor.ended());
    inside.end(&mut report.figures)?;
    stage.reactor.close();
    match churn.failure() {
        Some(why) => Err(why),
        None => Ok(report),
    }
}

/// Nobody comes any more, and those who are there leave.
pub(super) fn all_leave(stage: &mut Stage, crowd: &mut Crowd) -> Result<(), String> {
    let clock = Clock(Instant::now());
    if let Some(churn) = &mut crowd.churn {
        churn.finish();
    }
    crowd.groups.iter_mut().for_each(|g| g.senders.silence());
    while crowd.churn.as_ref().is_some_and(|churn| !churn.is_empty()) {
        crowd.send(&mut stage.reactor, &clock);
        stage.rest(LOOK, crowd, &clock)?;
    }
    Ok(())
}
