//! All groups of a run as one load: who sits where, and what happens to whom.

use super::group::{Group, Plan};
use crate::drive::{Clock, Load, Span};
use crate::proof::Faults;
use crate::reactor::{Ended, Reactor, Role};
use crate::timeline::Recorder;

/// What a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seat {
    /// One who must get everything: group, receiver.
    Whole(usize, usize),
}

/// All groups.
#[derive(Debug)]
pub(super) struct Crowd {
    pub groups: Vec<Group>,
    seats: Vec<Seat>,
    /// Takes down the run over time, while one is measured.
    pub recorder: Option<Recorder>,
    /// A connection ended that had to stay, or this many of the ends were looked at.
    cut: bool,
    ends_seen: usize,
}

impl Crowd {
    /// Groups by plan; connections that stay have their seats in that order, from 0.
    pub fn new(plans: &[Plan], run: u32, seed: u64, span: Span) -> Crowd {
        let mut crowd = Crowd {
            groups: Vec::new(),
            seats: Vec::new(),
            recorder: None,
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

    /// Whether this connection must stay.
    pub fn must_stay(&self, id: usize) -> bool {
        matches!(self.seats.get(id), Some(Seat::Whole(..)))
    }

    /// Messages of other runs.
    pub fn foreign(&self) -> u64 {
        let each = self.groups.iter();
        each.map(|g| g.out.ledger.foreign()).sum()
    }
}

impl Load for Crowd {
    fn send(&mut self, reactor: &mut Reactor, clock: &Clock) -> u64 {
        let before = self.messages();
        let mut next_ns = u64::MAX;
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
            Seat::Whole(g, r) => {
                let latency = self.groups[g].take(r, text, payload, now_ns);
                if let (Some(ns), Some(recorder)) = (latency, &mut self.recorder) {
                    recorder.delivered(ns, now_ns);
                }
            }
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

    fn path(&self, id: usize) -> Option<&str> {
        let Seat::Whole(g, _) = *self.seats.get(id)?;
        self.groups[g].plan.path.as_deref()
    }

    fn role(&self, id: usize) -> Role {
        match self.seats.get(id) {
            Some(Seat::Whole(g, r)) if *r >= self.groups[*g].plan.subscribers as usize => {
                Role::Publisher
            }
            _ => Role::Subscriber,
        }
    }

    fn recorder(&mut self) -> Option<&mut Recorder> {
        self.recorder.as_mut()
    }
}
