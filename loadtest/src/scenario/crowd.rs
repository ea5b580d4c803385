//! All groups of a run as one load: who sits where, and what happens to whom.

use std::collections::VecDeque;
use std::time::Duration;

use super::group::{Group, Plan};
use super::guests::Churn;
use super::slow::Trickle;
use crate::drive::{Clock, Load, Span};
use crate::proof::{Book, Faults, Gaps, Part};
use crate::reactor::{Ended, Reactor, Role};
use crate::timeline::Recorder;

/// One that joins silently counts as in after this time.
const SETTLE: Duration = Duration::from_millis(200);

/// What a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seat {
    /// One who must get everything: group, receiver.
    Whole(usize, usize),
    /// One who comes and goes or falls behind: group, part.
    Part(usize, usize),
}

/// All groups.
#[derive(Debug)]
pub(super) struct Crowd {
    pub groups: Vec<Group>,
    seats: Vec<Seat>,
    /// Takes down the run over time, while one is measured.
    pub recorder: Option<Recorder>,
    /// Those who come and go.
    pub churn: Option<Churn>,
    /// Those who read a little at a time.
    pub trickles: Vec<Trickle>,
    /// Those who joined silently: from when on each counts as in.
    settling: VecDeque<(u64, usize)>,
    /// A connection ended that had to stay.
    cut: bool,
    /// How many ends were looked at.
    ends_seen: usize,
}

impl Crowd {
    /// Groups by plan; connections that stay have their seats in that order, from 0.
    pub fn new(plans: &[Plan], run: u32, seed: u64, span: Span) -> Crowd {
        let mut crowd = Crowd {
            groups: Vec::new(),
            seats: Vec::new(),
            recorder: None,
            churn: None,
            trickles: Vec::new(),
            settling: VecDeque::new(),
            cut: false,
            ends_seen: 0,
        };
        let mut number = 0;
        for (g, plan) in plans.iter().enumerate() {
            let first = crowd.seats.len();
            let seats = (0..plan.connections()).map(|receiver| Seat::Whole(g, receiver));
            crowd.seats.extend(seats);
            let group = Group::new(plan.clone(), run, seed, first, number, span);
            crowd.groups.push(group);
            number += plan.publishers;
        }
        crowd
    }

    /// Gives the next connection a seat as one that comes and goes or falls behind.
    pub fn add_part(&mut self, group: usize) {
        let g = &mut self.groups[group];
        self.seats.push(Seat::Part(group, g.parts.len()));
        g.parts.push(Part::new(g.book()));
    }

    /// Gives the next connection the seat of this one, which is gone and has such a seat.
    pub fn take_seat_of(&mut self, id: usize) {
        self.seats.push(self.seats[id]);
    }

    /// Takes that back: it did not come.
    pub fn drop_last_seat(&mut self) {
        self.seats.pop();
    }

    /// The part of a connection that has such a seat, and its group.
    pub fn part(&mut self, id: usize) -> Option<(&mut Part, &Book)> {
        let Seat::Part(g, p) = *self.seats.get(id)? else {
            return None;
        };
        let group = &mut self.groups[g];
        Some((&mut group.parts[p], group.out.ledger.book()))
    }

    /// Whether this connection must stay.
    pub fn must_stay(&self, id: usize) -> bool {
        matches!(self.seats.get(id), Some(Seat::Whole(..)))
    }

    /// Takes the last such seat back: nobody came.
    pub fn drop_last_part(&mut self, group: usize) {
        self.seats.pop();
        self.groups[group].parts.pop();
    }

    /// Begins another measured span.
    pub fn begin(&mut self, span: Span) {
        self.settling.clear();
        self.groups.iter_mut().for_each(|g| g.begin(span));
    }

    /// Messages of other runs.
    pub fn foreign(&self) -> u64 {
        let parts = |g: &Group| g.parts.iter().map(Part::foreign).sum::<u64>();
        let each = self.groups.iter();
        each.map(|g| g.out.ledger.foreign() + parts(g)).sum()
    }
}

impl Crowd {
    /// One is in, or will be.
    fn opened(&mut self, id: usize, clock: &Clock) {
        let Some(Seat::Part(g, _)) = self.seats.get(id) else {
            return;
        };
        if self.groups[*g].plan.talk.joins_silently {
            let in_ns = clock.now_ns() + SETTLE.as_nanos() as u64;
            self.settling.push_back((in_ns, id));
        } else if let Some((part, book)) = self.part(id) {
            part.join(book);
        }
    }

    /// Those who joined silently and have had their time are in.
    fn settle(&mut self, clock: &Clock) {
        while let Some(&(in_ns, id)) = self.settling.front()
            && in_ns <= clock.now_ns()
        {
            self.settling.pop_front();
            if let Some((part, book)) = self.part(id) {
                part.join(book);
            }
        }
    }
}

impl Load for Crowd {
    fn send(&mut self, reactor: &mut Reactor, clock: &Clock) -> u64 {
        let before = self.messages();
        let mut next_ns = u64::MAX;
        for opened in reactor.take_opened() {
            if let Some(churn) = &mut self.churn {
                churn.opened(&opened);
            }
            self.opened(opened.id, clock);
        }
        self.settle(clock);
        for trickle in &mut self.trickles {
            next_ns = next_ns.min(trickle.act(reactor, clock));
        }
        if let Some(mut churn) = self.churn.take() {
            next_ns = next_ns.min(churn.act(self, reactor, clock));
            self.churn = Some(churn);
        }
        for group in &mut self.groups {
            next_ns = next_ns.min(group.send(reactor, clock));
        }
        let sent = self.messages() - before;
        if let Some(recorder) = &mut self.recorder {
            recorder.sent(sent, clock.now_ns());
        }
        next_ns
    }

    fn take(&mut self, id: usize, text: bool, payload: &[u8], now_ns: u64) {
        match self.seats[id] {
            Seat::Part(g, p) => self.groups[g].take_part(p, text, payload),
            Seat::Whole(g, r) => {
                let latency = self.groups[g].take(r, text, payload, now_ns);
                if let (Some(ns), Some(recorder)) = (latency, &mut self.recorder) {
                    recorder.delivered(ns, now_ns);
                }
            }
        }
    }

    fn gap(&mut self, id: usize, missed: Option<u64>) {
        match self.seats[id] {
            Seat::Part(g, p) => self.groups[g].parts[p].gap(missed),
            Seat::Whole(g, r) => self.groups[g].out.ledger.gap(r, missed),
        }
    }

    fn delivered(&self) -> u64 {
        self.groups.iter().map(|g| g.out.ledger.fresh()).sum()
    }

    fn expected(&self) -> u64 {
        self.groups.iter().map(|g| g.out.ledger.expected()).sum()
    }

    fn messages(&self) -> u64 {
        self.groups.iter().map(|g| g.out.ledger.messages()).sum()
    }

    fn owes(&self, end_ns: u64) -> bool {
        self.groups.iter().any(|g| g.senders.owes(end_ns))
    }

    fn is_cut(&mut self, ended: &[(usize, Ended)]) -> bool {
        let new = &ended[self.ends_seen..];
        self.cut |= new.iter().any(|(id, _)| self.must_stay(*id));
        self.ends_seen = ended.len();
        let waits = |g: &Group| g.senders.is_closed_loop();
        self.cut && self.groups.iter().any(waits)
    }

    fn verdict(&self) -> Faults {
        let mut faults = Faults::default();
        for group in &self.groups {
            faults.add(&group.out.ledger.verdict());
        }
        faults
    }

    fn gaps(&self) -> Gaps {
        let mut gaps = Gaps::default();
        for group in &self.groups {
            gaps.add(group.out.ledger.gaps());
        }
        gaps
    }

    fn path(&self, id: usize) -> Option<&str> {
        let (Seat::Whole(g, _) | Seat::Part(g, _)) = *self.seats.get(id)?;
        let plan = &self.groups[g].plan;
        let publishes = self.role(id) == Role::Publisher;
        let own = plan.publish_path.as_deref().filter(|_| publishes);
        own.or(plan.path.as_deref())
    }

    fn role(&self, id: usize) -> Role {
        match self.seats.get(id) {
            Some(Seat::Whole(g, r)) if *r >= self.groups[*g].plan.subscribers as usize => {
                Role::Publisher
            }
            _ => Role::Subscriber,
        }
    }

    fn over(&mut self) {
        self.groups.iter_mut().for_each(Group::end);
    }

    fn recorder(&mut self) -> Option<&mut Recorder> {
        self.recorder.as_mut()
    }
}
