//! Subscribers that come and go: who is there, who means to leave, and what each must have by then.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use super::churn::Coming;
use super::crowd::Crowd;
use crate::drive::{Clock, Load, Span};
use crate::latency::Latency;
use crate::pace::Pace;
use crate::proof::Faults;
use crate::random::Random;
use crate::reactor::{Ended, Opened, Reactor, Role};
use crate::report::{Report, Verdict};

/// Connections begun before what came is read again.
const JOINS_PER_TURN: u32 = 16;

/// One who is there.
#[derive(Debug, Clone, Copy)]
struct Guest {
    open: bool,
    /// It has said goodbye and waits for the server's.
    going: bool,
    /// What it waits for has to come by then.
    patience_ns: Option<u64>,
}

/// Those who come and go.
#[derive(Debug)]
pub(super) struct Churn {
    coming: Coming,
    pace: Option<Pace>,
    to_ns: u64,
    grace_ns: u64,
    random: Random,
    guests: HashMap<usize, Guest>,
    /// When each decides to leave.
    leaves: BTreeSet<(u64, usize)>,
    /// Who has decided and waits for what it must have.
    leaving: Vec<usize>,
    ends_seen: usize,
    joins: u64,
    vanished: u64,
    said_goodbye: u64,
    /// Goodbyes that the server did not answer.
    unanswered: u64,
    /// Handshakes that it did not answer.
    never_in: u64,
    handshakes: Latency,
    /// Why no more could come.
    failed: Option<String>,
}

impl Churn {
    /// They come in this span's time.
    pub fn new(coming: Coming, span: Span, grace: Duration, seed: u64) -> Churn {
        Churn {
            coming,
            pace: (coming.joins > 0.0).then(|| Pace::new(coming.joins, 1)),
            to_ns: span.to_ns,
            grace_ns: grace.as_nanos() as u64,
            random: Random::new(seed),
            guests: HashMap::new(),
            leaves: BTreeSet::new(),
            leaving: Vec::new(),
            ends_seen: 0,
            joins: 0,
            vanished: 0,
            said_goodbye: 0,
            unanswered: 0,
            never_in: 0,
            handshakes: Latency::default(),
            failed: None,
        }
    }

    /// The next span's, which goes on with what was counted in this one; nobody is left of it.
    #[must_use]
    pub fn again(self, next: Churn) -> Churn {
        Churn {
            ends_seen: self.ends_seen,
            joins: self.joins,
            vanished: self.vanished,
            said_goodbye: self.said_goodbye,
            unanswered: self.unanswered,
            never_in: self.never_in,
            handshakes: self.handshakes,
            ..next
        }
    }

    /// Why no more could come, if that is so.
    pub fn failure(&mut self) -> Option<String> {
        self.failed.take()
    }

    /// Everyone decides to leave at once, and nobody comes any more.
    pub fn finish(&mut self) {
        self.pace = None;
        self.leaves = self.leaves.iter().map(|&(_, id)| (0, id)).collect();
        for guest in self.guests.values_mut() {
            guest.patience_ns = guest.patience_ns.map(|_| self.grace_ns);
        }
    }

    /// Whether nobody is left.
    pub fn is_empty(&self) -> bool {
        self.guests.is_empty()
    }

    /// One has its answer to the handshake.
    pub fn opened(&mut self, opened: &Opened) {
        if let Some(guest) = self.guests.get_mut(&opened.id) {
            guest.open = true;
            let both = opened.connect + opened.handshake;
            self.handshakes.note(both.as_nanos() as u64);
        }
    }

    /// Lets come and go who is due; when to be asked again.
    pub fn act(&mut self, crowd: &mut Crowd, reactor: &mut Reactor, clock: &Clock) -> u64 {
        let now_ns = clock.now_ns();
        self.forget_ended(reactor);
        let next_ns = self.come(crowd, reactor, now_ns);
        while let Some(&(at_ns, id)) = self.leaves.first()
            && at_ns <= now_ns
        {
            self.leaves.pop_first();
            self.leaving.push(id);
        }
        for id in std::mem::take(&mut self.leaving) {
            if !self.go(id, crowd, reactor, now_ns) {
                self.leaving.push(id);
            }
        }
        let leave_ns = self.leaves.first().map_or(u64::MAX, |(at_ns, _)| *at_ns);
        next_ns.min(leave_ns)
    }

    fn forget_ended(&mut self, reactor: &Reactor) {
        for (id, _) in &reactor.ended()[self.ends_seen..] {
            self.guests.remove(id);
        }
        self.ends_seen = reactor.ended().len();
        let guests = &self.guests;
        self.leaving.retain(|id| guests.contains_key(id));
    }

    fn come(&mut self, crowd: &mut Crowd, reactor: &mut Reactor, now_ns: u64) -> u64 {
        for _ in 0..JOINS_PER_TURN {
            let Some(pace) = &mut self.pace else {
                return u64::MAX;
            };
            if pace.due(now_ns.min(self.to_ns - 1)).is_none() {
                return pace.next_ns();
            }
            let id = reactor.begun();
            crowd.add_part(0);
            let path = crowd.path(id).map(str::to_owned);
            if let Err(why) = reactor.connect_as(Role::Subscriber, path.as_deref()) {
                crowd.drop_last_part(0);
                self.failed = Some(format!("join {}: cannot connect: {why}", self.joins + 1));
                self.pace = None;
                return u64::MAX;
            }
            self.joins += 1;
            let guest = Guest {
                open: false,
                going: false,
                patience_ns: None,
            };
            self.guests.insert(id, guest);
            let stay = self.coming.stay.as_nanos() as u64;
            let stay = stay / 2 + self.random.next_u64() % stay.max(1);
            self.leaves.insert((now_ns + stay, id));
        }
        now_ns
    }

    /// Lets one go that has decided to, once it has all it must have, or has waited long enough.
    /// Whether it needs no more looking at.
    fn go(&mut self, id: usize, crowd: &mut Crowd, reactor: &mut Reactor, now_ns: u64) -> bool {
        let Some(guest) = self.guests.get_mut(&id) else {
            return true;
        };
        let patience_ns = *guest.patience_ns.get_or_insert(now_ns + self.grace_ns);
        let patient = now_ns < patience_ns;
        if guest.going {
            if !patient {
                self.unanswered += 1;
                reactor.vanish(id);
            }
            return !patient;
        }
        if !guest.open {
            if !patient {
                self.never_in += 1;
                reactor.vanish(id);
            }
            return !patient;
        }
        let (part, book) = crowd.part(id).expect("a guest has such a seat");
        part.leave(book);
        if !part.may_go() && patient {
            return false;
        }
        guest.going = true;
        let vanishes = self.random.next_u64() % 100 < u64::from(self.coming.vanishing);
        if vanishes || !patient {
            self.vanished += 1;
            reactor.vanish(id);
        } else {
            self.said_goodbye += 1;
            guest.patience_ns = Some(now_ns + self.grace_ns);
            reactor.leave(id);
        }
        vanishes || !patient
    }

    /// Adds figures and faults to a report.
    pub fn tell(&self, report: &mut Report, crowd: &mut Crowd, ended: &[(usize, Ended)]) {
        let parts = &crowd.groups[0].parts;
        let mut faults = Faults::default();
        parts.iter().for_each(|part| faults.add(&part.verdict()));
        let deliveries: u64 = parts.iter().map(|part| part.fresh()).sum();
        let figures = &mut report.figures;
        figures.add("joins", self.joins as f64, "subscribers came");
        figures.add("goodbyes", self.said_goodbye as f64, "said goodbye");
        figures.add("vanished", self.vanished as f64, "left without a word");
        figures.add("guest_deliveries", deliveries as f64, "messages they got");
        figures.add(
            "guest_lost",
            faults.lost as f64,
            "messages that they should have got",
        );
        if self.unanswered > 0 {
            let text = format!("{} goodbyes were not answered", self.unanswered);
            report.verdict.broken.push(text);
        }
        if self.never_in > 0 {
            let text = format!("{} handshakes were not answered", self.never_in);
            report.verdict.broken.push(text);
        }
        let name = "connect and handshake".to_owned();
        report.latency.insert(name, self.handshakes.summary());
        report.verdict.faults.add(&faults);
        report.verdict.delivered += deliveries;
        report.verdict.expected += deliveries + faults.lost;
        let theirs = |(id, why): &&(usize, Ended)| !crowd.must_stay(*id) && *why != Ended::Left;
        let ends = ended.iter().filter(theirs);
        let ends: Vec<(usize, Ended)> = ends.cloned().collect();
        let theirs = Verdict::new(0, 0, Faults::default(), 0, &ends).ended;
        for (why, n) in theirs {
            *report.verdict.ended.entry(why).or_default() += n;
        }
    }
}
