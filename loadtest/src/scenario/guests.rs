//! Subscribers that come and go: who is there, who means to leave, and what each must have by then.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use super::churn::Coming;
use super::crowd::Crowd;
use crate::dialect::Position;
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
    /// Who was cut and comes back: when, which connection it was, and how far it had got.
    away: BTreeMap<(u64, usize), Position>,
    /// Nobody comes any more, but for those who are away.
    over: bool,
    ends_seen: usize,
    joins: u64,
    returns: u64,
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
            away: BTreeMap::new(),
            over: false,
            ends_seen: 0,
            joins: 0,
            returns: 0,
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
            returns: self.returns,
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

    /// Everyone decides to leave at once, and nobody comes any more, but for those who are away.
    pub fn finish(&mut self) {
        (self.pace, self.over) = (None, true);
        self.leaves = self.leaves.iter().map(|&(_, id)| (0, id)).collect();
        let away = std::mem::take(&mut self.away).into_iter();
        self.away = away.map(|((_, id), after)| ((0, id), after)).collect();
        for guest in self.guests.values_mut() {
            guest.patience_ns = guest.patience_ns.map(|_| self.grace_ns);
        }
    }

    /// Whether nobody is left.
    pub fn is_empty(&self) -> bool {
        self.guests.is_empty() && self.away.is_empty()
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
        let next_ns = next_ns.min(self.come_back(crowd, reactor, now_ns));
        while let Some(&(at_ns, id)) = self.leaves.first()
            && at_ns <= now_ns
        {
            self.leaves.pop_first();
            self.leaving.push(id);
        }
        for id in std::mem::take(&mut self.leaving) {
            if !self.cut(id, reactor, now_ns) && !self.go(id, crowd, reactor, now_ns) {
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
            self.sit(id, now_ns);
        }
        now_ns
    }

    /// Those come back who have been away for long enough; when the next one does.
    fn come_back(&mut self, crowd: &mut Crowd, reactor: &mut Reactor, now_ns: u64) -> u64 {
        while let Some(next) = self.away.first_entry() {
            let at_ns = next.key().0;
            if at_ns > now_ns {
                return at_ns;
            }
            let ((_, before), after) = next.remove_entry();
            let id = reactor.begun();
            crowd.take_seat_of(before);
            let path = crowd.path(id).map(str::to_owned);
            let begun = reactor.connect_after(Role::Subscriber, path.as_deref(), Some(after));
            if let Err(why) = begun {
                crowd.drop_last_seat();
                self.failed = Some(format!("a return: cannot connect: {why}"));
                continue;
            }
            self.returns += 1;
            self.sit(id, now_ns);
        }
        u64::MAX
    }

    /// One has come, for a time that chance decides.
    fn sit(&mut self, id: usize, now_ns: u64) {
        let guest = Guest {
            open: false,
            going: false,
            patience_ns: None,
        };
        self.guests.insert(id, guest);
        let stay_ns = match self.over {
            true => 0,
            false => self.about(self.coming.stay),
        };
        self.leaves.insert((now_ns + stay_ns, id));
    }

    /// Half of this time to one and a half, nanoseconds.
    fn about(&mut self, time: Duration) -> u64 {
        let ns = time.as_nanos() as u64;
        ns / 2 + self.random.next_u64() % ns.max(1)
    }

    /// Cuts one that has just decided to leave, if chance wants it to come back instead and it knows
    /// how far it has got.
    fn cut(&mut self, id: usize, reactor: &mut Reactor, now_ns: u64) -> bool {
        let fresh = |guest: &Guest| guest.open && guest.patience_ns.is_none();
        let percent = u64::from(self.coming.returning);
        if self.over || percent == 0 || !self.guests.get(&id).is_some_and(fresh) {
            return false;
        }
        let Some(after) = reactor.position(id) else {
            return false;
        };
        if self.random.next_u64() % 100 >= percent {
            return false;
        }
        self.guests.remove(&id);
        reactor.vanish(id);
        let back_ns = now_ns + self.about(self.coming.away);
        self.away.insert((back_ns, id), after);
        true
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
        if self.coming.returning > 0 {
            let about = "were cut, and came back with the id of their last message";
            figures.add("returns", self.returns as f64, about);
        }
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
        parts
            .iter()
            .for_each(|part| report.verdict.add_gaps(part.announced()));
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
