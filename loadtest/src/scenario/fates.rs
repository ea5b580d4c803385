//! What became of subscribers that were slow.

use std::collections::{BTreeMap, HashMap};

use super::crowd::Crowd;
use crate::proof::{Faults, Gaps, Part};
use crate::reactor::{Ended, Reactor};
use crate::report::Report;

/// Counts of ends, and what each had by then.
#[derive(Debug, Default)]
pub(super) struct Fates {
    count: u64,
    caught_up: u64,
    behind: u64,
    messages: u64,
    bytes: u64,
    gaps: u64,
    announced: Gaps,
    /// By the name of the figure: how many, and the first one's words.
    ended: BTreeMap<String, (u64, String)>,
    violations: u64,
    faults: Faults,
}

impl Fates {
    /// Notes all of them, and ends those that are still there.
    pub fn end(
        &mut self,
        slow: &[usize],
        reactor: &mut Reactor,
        crowd: &mut Crowd,
        gaps_allowed: bool,
    ) {
        let ends: HashMap<usize, Ended> = reactor.ended().iter().cloned().collect();
        for &id in slow {
            let (part, _) = crowd.part(id).expect("it has such a seat");
            self.note(part, ends.get(&id), gaps_allowed);
            reactor.vanish(id);
        }
    }

    /// Whether there were any.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Notes one that meant to leave, and how its connection ended, if it did. What is missing is a
    /// fault at one that is still connected; a gap is one unless allowed.
    pub fn note(&mut self, part: &Part, ended: Option<&Ended>, gaps_allowed: bool) {
        self.count += 1;
        self.messages += part.fresh();
        self.bytes += part.bytes();
        self.gaps += part.gaps();
        self.announced.add(part.announced());
        self.faults.add(&part.faults());
        if let Some(ended) = ended {
            let (name, words) = name(ended);
            self.violations += u64::from(matches!(ended, Ended::Violation(_)));
            let entry = self.ended.entry(name).or_insert((0, words));
            entry.0 += 1;
        } else if part.may_go() {
            self.caught_up += 1;
        } else {
            self.behind += 1;
        }
        self.faults.lost += match (ended, gaps_allowed) {
            (_, true) => 0,
            (Some(_), false) => part.unannounced(),
            (None, false) => part.verdict().lost,
        };
    }

    /// Adds figures and faults to a report.
    pub fn tell(&self, report: &mut Report) {
        let figures = &mut report.figures;
        let each = |n: u64| n as f64 / self.count.max(1) as f64;
        figures.add("slow_connections", self.count as f64, "were slow");
        figures.add(
            "slow_messages",
            each(self.messages),
            "each of them got, on average",
        );
        figures.add("slow_payload_bytes", each(self.bytes), "the same in bytes");
        figures.add(
            "slow_caught_up",
            self.caught_up as f64,
            "had everything in the end",
        );
        figures.add(
            "slow_behind",
            self.behind as f64,
            "still connected, and something missing",
        );
        figures.add(
            "slow_gaps",
            self.gaps as f64,
            "messages missing between those that came",
        );
        for (name, (count, words)) in &self.ended {
            figures.add(name, *count as f64, &format!("slow ones: {words}"));
        }
        report.verdict.faults.add(&self.faults);
        report.verdict.add_gaps(self.announced);
        if self.violations > 0 {
            let text = format!(
                "{} slow connections saw the protocol broken",
                self.violations
            );
            report.verdict.broken.push(text);
        }
    }
}

/// A figure's name for an end, and its words without what differs from one to the next.
fn name(ended: &Ended) -> (String, String) {
    let words = ended.to_string();
    let words = words.split(';').next().unwrap_or_default().to_owned();
    let name = match ended {
        Ended::Closed(code, _) => format!("slow_closed_{code}"),
        Ended::Cut(_) => "slow_cut".to_owned(),
        Ended::Violation(_) => "slow_violations".to_owned(),
        _ => "slow_other_ends".to_owned(),
    };
    (name, words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::Maker;
    use crate::proof::Book;
    use crate::report::{Client, Measured, Verdict};

    /// One that was sent ten and got these.
    fn part(got: impl Iterator<Item = u32>) -> Part {
        let mut book = Book::new(1, 0, 1);
        let mut part = Part::new(&book);
        part.join(&book);
        for _ in 0..10 {
            book.publish(0);
        }
        part.leave(&book);
        for sequence in got {
            let message = Maker::new(1, 40, 1).make(0, sequence, 0).to_vec();
            part.deliver(&book, false, &message);
        }
        part
    }

    #[test]
    fn one_that_was_closed_may_miss_the_end_but_nothing_in_between() {
        let closed = |id| Ended::Closed(1013, format!("lagged; last_event_id=1:{id}"));
        let mut fates = Fates::default();
        fates.note(&part(0..4), Some(&closed(4)), false);
        fates.note(&part(0..6), Some(&closed(6)), false);
        fates.note(&part(0..10), None, false);
        assert_eq!(fates.faults, Faults::default());
        let expected = (2, "closed by the server: 1013 lagged".to_owned());
        assert_eq!(fates.ended["slow_closed_1013"], expected);
        assert_eq!((fates.caught_up, fates.behind), (1, 0));

        fates.note(&part([0, 1, 3].into_iter()), Some(&closed(4)), false);
        fates.note(&part(0..9), None, false);
        assert_eq!((fates.faults.lost, fates.gaps, fates.behind), (2, 1, 1));
        let before = fates.faults;
        fates.note(&part([0, 1, 9].into_iter()), None, true);
        assert_eq!((fates.faults, fates.gaps), (before, 8));
    }

    #[test]
    fn a_report_has_the_counts_and_a_broken_protocol_is_a_fault() {
        let mut fates = Fates::default();
        let broken = Ended::Violation(crate::codec::Violation::ReservedBits);
        fates.note(&part(0..4), Some(&broken), false);
        let verdict = Verdict::new(1, 1, Faults::default(), 0, &[]);
        let mut report = Report::new("slow", Measured::default(), Client::default(), verdict);
        fates.tell(&mut report);
        assert!(!report.verdict.is_good());
        let value = |name: &str| report.figures.0[name].value;
        assert_eq!(value("slow_violations"), Some(1.0));
        assert_eq!(value("slow_messages"), Some(4.0));
        assert_eq!(value("slow_payload_bytes"), Some(160.0));
    }
}
