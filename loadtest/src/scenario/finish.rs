//! What a scenario has in the end, as a report.

use super::crowd::Crowd;
use super::group::Group;
use super::senders::Senders;
use crate::drive::{Driven, Load, Stage};
use crate::pace::Lateness;
use crate::reactor::Ended;
use crate::report::{Client, Latencies, Report, Verdict};
use crate::timeline::Recorder;

/// Everything but the load itself.
pub(super) struct Finished<'a> {
    pub scenario: &'static str,
    /// Bytes of a message, where all have one size.
    pub size: Option<usize>,
    pub driven: Driven,
    pub latency: Latencies,
    pub senders: Vec<&'a Senders>,
    pub foreign: u64,
    /// Connections that ended and should not have.
    pub ended: Vec<(usize, Ended)>,
}

impl Finished<'_> {
    /// The report.
    pub fn report(self, load: &impl Load) -> Report {
        let (expected, delivered) = (load.expected(), load.delivered());
        let faults = load.verdict();
        let verdict = Verdict::new(expected, delivered, faults, self.foreign, &self.ended);
        let verdict = verdict.with_gaps(load.gaps());
        let mut measured = self.driven.measured;
        let bytes = |size: usize| measured.deliveries_per_s * size as f64;
        measured.payload_bytes_per_s = self.size.map(bytes);
        let mut lateness = Lateness::default();
        for senders in &self.senders {
            lateness.add(&senders.lateness);
        }
        let unsent = self.senders.iter().map(|s| s.unsent()).sum();
        let mut client =
            Client::new(self.driven.own_cpu_share, &lateness, unsent).with_turns(self.driven.turns);
        // These ask for more than goes through, and say what did.
        if !matches!(self.scenario, "flood" | "mixed") {
            client = client.with_unsent(measured.messages);
        }
        Report {
            server: self.driven.server,
            latency: self.latency,
            ..Report::new(self.scenario, measured, client, verdict)
        }
    }
}

/// A crowd's report: of the connections that had to stay, and with the run over time.
pub(super) fn report(
    scenario: &'static str,
    stage: &Stage,
    crowd: &mut Crowd,
    driven: Driven,
) -> Report {
    let recorder = crowd.recorder.take();
    let stayed = |(id, _): &&(usize, Ended)| crowd.must_stay(*id);
    let ended = stage.reactor.ended().iter().filter(stayed);
    let sizes: Vec<usize> = crowd.groups.iter().map(|g| g.plan.size).collect();
    let one_size = sizes.windows(2).all(|two| two[0] == two[1]);
    let finished = Finished {
        scenario,
        size: sizes.first().copied().filter(|_| one_size),
        driven,
        latency: latencies(&crowd.groups),
        senders: crowd.groups.iter().map(|g| &g.senders).collect(),
        foreign: crowd.foreign(),
        ended: ended.cloned().collect(),
    };
    let mut report = finished.report(crowd);
    let overdue: u64 = crowd.groups.iter().map(|g| g.overdue).sum();
    if overdue > 0 {
        let text = format!("{overdue} deliveries came only after they were given up (--grace)");
        report.verdict.broken.push(text);
    }
    report.timeline = recorder.map(Recorder::finish);
    report
}

/// The client judged anew, by the sends of all spans rather than of the last.
pub(super) fn rejudge(report: &mut Report, lateness: &Lateness) {
    let old = &report.client;
    let client = Client::new(old.cpu_share, lateness, old.unsent);
    let client = client.with_turns(old.turns);
    report.client = match report.scenario.as_str() {
        "mixed" => client,
        _ => client.with_unsent(report.measured.messages),
    };
}

/// Every delivery, and the first, median and last of each message; by group where there are
/// several.
fn latencies(groups: &[Group]) -> Latencies {
    let mut latencies = Latencies::new();
    for group in groups {
        let spread = &group.out.spread;
        let of = |word: &str| match groups.len() {
            1 => word.to_owned(),
            _ => format!("{} {word}", group.plan.name),
        };
        for (word, latency) in [
            ("all", &group.all),
            ("first", &spread.first),
            ("median", &spread.median),
            ("last", &spread.last),
        ] {
            latencies.insert(of(word), latency.summary());
        }
    }
    latencies
}
