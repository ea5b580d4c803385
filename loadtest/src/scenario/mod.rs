//! One file per scenario. Each takes its options and gives a report, or a sentence why the run
//! could not be made.

pub mod echo;
pub mod fanout;
pub mod idle;

use crate::cli::{Common, Sending};
use crate::drive::{Load, Stage};
use crate::pace::Lateness;
use crate::report::{Client, Latencies, Measured, Report, Verdict};

/// A sender whose output waits with more than this is not given more: the server pushes back.
const HELD_BYTES: usize = 1 << 20;
/// Ticks sent before what came is read again.
const TICKS_PER_TURN: u32 = 64;

/// What a scenario has in the end, as a report.
struct Finished<'a> {
    scenario: &'static str,
    common: &'a Common,
    sending: &'a Sending,
    measured: Measured,
    latency: Latencies,
    lateness: &'a Lateness,
    foreign: u64,
}

impl Finished<'_> {
    fn report(self, stage: &mut Stage, load: &impl Load) -> Report {
        let ended = stage.reactor.ended();
        let (expected, delivered) = (load.expected(), load.delivered());
        let verdict = Verdict::new(expected, delivered, load.verdict(), self.foreign, ended);
        stage.reactor.close();
        let measured = self.measured;
        Report {
            scenario: self.scenario,
            url: self.common.url.clone(),
            seed: self.common.seed,
            size: self.sending.size,
            rate: self.sending.rate,
            window: self.sending.window,
            batch: self.sending.batch,
            deliveries_per_s: measured.deliveries as f64 / measured.seconds.max(1e-9),
            latency: self.latency,
            client: Client::new(measured.own_cpu_share, self.lateness),
            verdict,
            allow_saturated: self.sending.allow_saturated,
            measured,
        }
    }
}

fn lateness_of(sending: &Sending) -> Lateness {
    Lateness {
        threshold_ns: sending.late.as_nanos() as u64,
        ..Lateness::default()
    }
}
