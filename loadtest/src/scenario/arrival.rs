//! Connections that arrive: when each was begun and opened, which failed, and one message to all.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use super::connect::Connecting;
use crate::drive::{Clock, Load, Stage};
use crate::latency::Latency;
use crate::pace::{Lateness, Pace};
use crate::payload::{HEADER_BYTES, Maker};
use crate::proof::{Book, Faults, Part, Seen};
use crate::reactor::{Ended, Reactor, Role};
use crate::report::{Client, Curve, Figures, Measured, Report, Verdict};

/// Connections begun before what came is read again.
const BEGUN_PER_TURN: usize = 64;
/// It is looked at this often whether all are in.
const LOOK: Duration = Duration::from_millis(5);
/// Points of the curve of connections over time.
const POINTS: usize = 100;

/// Connections that arrive.
pub(super) struct Arrival {
    count: usize,
    in_flight: usize,
    pace: Option<Pace>,
    patience_ns: u64,
    begun_ns: Vec<u64>,
    pub opened: usize,
    /// When the last one opened.
    pub last_ns: u64,
    /// Which have opened or failed, and how many.
    settled: Vec<bool>,
    settled_count: usize,
    /// Which have opened.
    came: Vec<bool>,
    /// All before this one have.
    oldest: usize,
    ends_seen: usize,
    lateness: Lateness,
    connects: Latency,
    handshakes: Latency,
    both: Latency,
    curve: Vec<(f64, f64)>,
    book: Book,
    maker: Maker,
    parts: Vec<Part>,
    failed_to_begin: Option<String>,
    gave_up: u64,
    expected: u64,
    fresh: u64,
    /// The message came back to who sent it.
    returned: u64,
    /// Who sent the message to all; `None`: nobody could.
    publisher: Option<usize>,
    /// Whether every connection could send it.
    all_publish: bool,
}

impl Arrival {
    pub fn new(options: &Connecting, run: u32) -> Arrival {
        let (common, book) = (&options.common, Book::new(run, 0, 1));
        let count = options.connections as usize;
        Arrival {
            count,
            in_flight: common.in_flight as usize,
            pace: (options.ramp > 0.0).then(|| Pace::new(options.ramp, 1)),
            patience_ns: options.patience.as_nanos() as u64,
            begun_ns: Vec::new(),
            opened: 0,
            last_ns: 0,
            settled: vec![false; count],
            came: vec![false; count],
            settled_count: 0,
            oldest: 0,
            ends_seen: 0,
            lateness: Lateness {
                threshold_ns: options.late.as_nanos() as u64,
                ..Lateness::default()
            },
            connects: Latency::default(),
            handshakes: Latency::default(),
            both: Latency::default(),
            curve: Vec::new(),
            parts: vec![Part::new(&book); count],
            maker: Maker::of(common.dialect.form(), run, 4 * HEADER_BYTES, common.seed),
            book,
            failed_to_begin: None,
            gave_up: 0,
            expected: 0,
            fresh: 0,
            returned: 0,
            publisher: None,
            all_publish: common.dialect.talk().publishers_listen,
        }
    }

    /// How long it may rest before more is to be begun.
    pub fn rest(&self) -> Duration {
        match self.pace.is_some() || self.begun_ns.len() < self.count {
            true => LOOK.min(Duration::from_millis(1)),
            false => LOOK,
        }
    }

    /// Whether each has opened, failed, or run out of patience.
    pub fn is_over(&self) -> bool {
        let begun = self.begun_ns.len();
        let whole = begun == self.count || self.failed_to_begin.is_some();
        whole && begun == self.settled_count
    }

    fn begin(&mut self, reactor: &mut Reactor, due_ns: u64, now_ns: u64) {
        let role = match self.begun_ns.is_empty() {
            true => Role::Publisher,
            false => Role::Subscriber,
        };
        if self.pace.is_some() {
            self.lateness.note(now_ns - due_ns);
        }
        match reactor.connect_as(role, None) {
            Ok(()) => self.begun_ns.push(now_ns),
            Err(why) => self.failed_to_begin = Some(why.to_string()),
        }
    }

    fn note_opened(&mut self, reactor: &mut Reactor, now_ns: u64) {
        for opened in reactor.take_opened() {
            self.opened += 1;
            self.came[opened.id] = true;
            self.settle(opened.id);
            self.last_ns = now_ns;
            let both = opened.connect + opened.handshake;
            self.connects.note(opened.connect.as_nanos() as u64);
            self.handshakes.note(opened.handshake.as_nanos() as u64);
            self.both.note(both.as_nanos() as u64);
            self.parts[opened.id].join(&self.book);
            if self.opened.is_multiple_of((self.count / POINTS).max(1)) {
                self.curve.push((now_ns as f64 / 1e9, self.opened as f64));
            }
        }
        for (id, _) in &reactor.ended()[self.ends_seen..] {
            self.settle(*id);
        }
        self.ends_seen = reactor.ended().len();
    }

    fn settle(&mut self, id: usize) {
        self.settled_count += usize::from(!self.settled[id]);
        self.settled[id] = true;
    }

    /// Gives up those that have had their time.
    fn give_up(&mut self, reactor: &mut Reactor, now_ns: u64) {
        while let Some(&begun_ns) = self.begun_ns.get(self.oldest)
            && (self.settled[self.oldest] || now_ns > begun_ns + self.patience_ns)
        {
            if !self.settled[self.oldest] {
                self.gave_up += 1;
                reactor.vanish(self.oldest);
            }
            self.oldest += 1;
        }
    }

    /// One message from the first connection that is in to all the others.
    pub fn one_message(&mut self, reactor: &mut Reactor, failed: &[(usize, Ended)]) {
        let out: HashSet<usize> = failed.iter().map(|(id, _)| *id).collect();
        let mut there = (0..self.begun_ns.len()).filter(|id| !out.contains(id));
        // Where publishers have a place of their own, only the first connection is there.
        self.publisher = there.next().filter(|id| *id == 0 || self.all_publish);
        let Some(publisher) = self.publisher else {
            return;
        };
        self.expected = there.count() as u64;
        let sequence = self.book.publish(0);
        reactor.queue(publisher, self.maker.make(0, sequence, 0));
        reactor.flush(publisher);
    }

    /// What is counted here alone; why connections failed, when they may.
    fn tell(
        &self,
        figures: &mut Figures,
        took_ns: u64,
        failures: &BTreeMap<String, u64>,
        allowed: bool,
    ) {
        let failed = self.count - self.opened;
        let per_s = self.opened as f64 / (took_ns as f64 / 1e9);
        figures.add("opened", self.opened as f64, "connections opened");
        figures.add(
            "opened_rate",
            per_s,
            "connections a second, until the last was open",
        );
        figures.add("failed", failed as f64, "failed");
        figures.add(
            "gave_up",
            self.gave_up as f64,
            "of them were not open in time (--patience)",
        );
        for (n, (why, count)) in failures.iter().enumerate().filter(|_| allowed) {
            figures.add(
                &format!("failed_{}", n + 1),
                *count as f64,
                &format!("failed: {why}"),
            );
        }
        if let Some(why) = &self.failed_to_begin {
            let not_begun = (self.count - self.begun_ns.len()) as f64;
            figures.add("not_begun", not_begun, &format!("not begun: {why}"));
        }
    }

    pub fn report(
        &self,
        stage: &Stage,
        options: &Connecting,
        took_ns: u64,
        own_share: f64,
    ) -> Report {
        let ended = stage.reactor.ended().iter();
        let ended: Vec<(usize, Ended)> = ended
            .filter(|(_, why)| *why != Ended::Left)
            .cloned()
            .collect();
        let failed = self.count - self.opened;
        let allowed = failed as f64 * 100.0 <= options.failures_allowed * self.count as f64;
        let (left, never_in): (Vec<_>, Vec<_>) =
            ended.iter().cloned().partition(|e| self.came[e.0]);
        // One that was in and did not stay is a fault, however many may fail to come in.
        let faulty = if allowed { &left } else { &ended };
        let mut verdict = Verdict::new(self.expected, self.fresh, self.verdict(), 0, faulty);
        if !allowed {
            let text = format!("{failed} of {} connections failed", self.count);
            verdict.broken.push(text);
        }
        if self.publisher.is_none() {
            let text = "nobody could send the message that proves who is in".to_owned();
            verdict.broken.push(text);
        }
        let failures = Verdict::new(0, 0, Faults::default(), 0, &never_in).ended;
        let measured = Measured {
            connections: self.opened as u64,
            connect_s: took_ns as f64 / 1e9,
            ..Measured::default()
        };
        let client = Client::new(own_share, &self.lateness, 0);
        let mut report = Report::new("connect", measured, client, verdict);
        for (name, latency) in [
            ("TCP connect", &self.connects),
            ("handshake", &self.handshakes),
            ("both", &self.both),
        ] {
            report.latency.insert(name.to_owned(), latency.summary());
        }
        self.tell(&mut report.figures, took_ns, &failures, allowed);
        report.curves.push(Curve {
            name: "connections over time".to_owned(),
            x: "at_s".to_owned(),
            y: "connections".to_owned(),
            points: self.curve.clone(),
        });
        report
    }
}

impl Load for Arrival {
    fn send(&mut self, reactor: &mut Reactor, clock: &Clock) -> u64 {
        let now_ns = clock.now_ns();
        self.note_opened(reactor, now_ns);
        self.give_up(reactor, now_ns);
        for _ in 0..BEGUN_PER_TURN {
            let waiting = self.begun_ns.len() - self.settled_count;
            let full = self.pace.is_none() && waiting >= self.in_flight;
            if self.begun_ns.len() == self.count || self.failed_to_begin.is_some() || full {
                break;
            }
            let due_ns = match &mut self.pace {
                None => now_ns,
                Some(pace) => match pace.due(now_ns) {
                    Some(due_ns) => due_ns,
                    None => break,
                },
            };
            self.begin(reactor, due_ns, now_ns);
        }
        u64::MAX
    }

    fn take(&mut self, id: usize, text: bool, payload: &[u8], _now_ns: u64) {
        let seen = self.parts[id].deliver(&self.book, text, payload);
        if let Seen::Fresh(..) = seen {
            // Its own message must not stand for one that another did not get.
            let own = self.publisher == Some(id);
            self.returned += u64::from(own);
            self.fresh += u64::from(!own);
        }
    }

    fn delivered(&self) -> u64 {
        self.fresh
    }

    fn expected(&self) -> u64 {
        self.expected
    }

    fn messages(&self) -> u64 {
        self.book.messages()
    }

    fn owes(&self, _end_ns: u64) -> bool {
        false
    }

    fn is_cut(&mut self, _ended: &[(usize, Ended)]) -> bool {
        false
    }

    fn verdict(&self) -> Faults {
        let mut faults = Faults::default();
        self.parts
            .iter()
            .for_each(|part| faults.add(&part.faults()));
        faults.phantom += self.returned;
        faults.lost += self.expected.saturating_sub(self.fresh);
        faults
    }
}
