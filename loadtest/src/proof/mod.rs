//! The delivery proof: what every receiver must get, against what it got.
//!
//! - [`Stream`] follows one publisher's messages at one receiver: a sequence from 0 without holes.
//! - [`Echoes`] follows each connection's own messages on their way back.
//! - [`Ledger`] follows all publishers at all receivers, and that all receivers saw one same order.
//! - [`Part`] follows all publishers at one receiver that comes and goes, or falls behind.
//! - `Announced` holds what a server says is missing: that is counted apart, and is not lost.
//! - [`Book`] knows what was sent.
//!
//! A message first seen after a later one of its publisher is *reordered*; seen again it is
//! *duplicated*; never seen, *lost*. Memory is one number per stream while nothing is wrong.

mod book;
mod echoes;
mod gaps;
mod part;

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::payload::Stamp;
use crate::random::mix;

pub use book::{Book, Read};
pub use echoes::Echoes;
use gaps::Announced;
pub use gaps::Gaps;
pub use part::Part;

/// What one delivery turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// The first time this receiver gets it; so many directly before it are missing, and were announced.
    Fresh(Stamp, u32),
    /// Anything else; counted already.
    Other,
}

/// What went wrong; all zero when nothing did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Faults {
    /// Deliveries that never came.
    pub lost: u64,
    /// Deliveries that came again.
    pub duplicated: u64,
    /// Deliveries that came after a later message of the same publisher.
    pub reordered: u64,
    /// Payloads whose checksum is wrong, or that came as the wrong kind of message.
    pub corrupted: u64,
    /// Messages of this run that were never sent, or not to this receiver.
    pub phantom: u64,
    /// Receivers that got everything once, but not in the order the others saw.
    pub order_differs: u64,
}

impl Faults {
    /// Whether anything is wrong.
    pub fn any(&self) -> bool {
        *self != Faults::default()
    }

    /// Counts a payload that is no message of ours.
    pub fn note(&mut self, read: Read) {
        match read {
            Read::Harmed => self.corrupted += 1,
            Read::Unsent => self.phantom += 1,
            Read::Ours(_) | Read::Foreign => {}
        }
    }

    /// Adds another's counts.
    pub fn add(&mut self, other: &Faults) {
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.reordered += other.reordered;
        self.corrupted += other.corrupted;
        self.phantom += other.phantom;
        self.order_differs += other.order_differs;
    }
}

/// One publisher's messages at one receiver.
#[derive(Debug, Clone, Default)]
pub struct Stream {
    /// One more than the newest sequence seen.
    next: u32,
    /// What was skipped and has not come since: first to one past the last.
    holes: BTreeMap<u32, u32>,
}

/// Where a sequence number falls in its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Newer than all before.
    New,
    /// Missing until now.
    Late,
    /// Seen before.
    Again,
}

impl From<u32> for Stream {
    /// A stream that begins with this sequence.
    fn from(first: u32) -> Stream {
        Stream {
            next: first,
            holes: BTreeMap::new(),
        }
    }
}

impl Stream {
    /// Notes a delivery.
    pub fn note(&mut self, sequence: u32) -> Place {
        if sequence < self.next {
            return self.fill(sequence);
        }
        if sequence > self.next {
            self.holes.insert(self.next, sequence);
        }
        self.next = sequence + 1;
        Place::New
    }

    /// How many would be skipped by this one; `None` when it is not newer than all before.
    pub fn ahead(&self, sequence: u32) -> Option<u32> {
        sequence.checked_sub(self.next)
    }

    /// How many of the first `sent` messages are behind the newest that came.
    pub fn behind(&self, sent: u32) -> u64 {
        u64::from(sent.saturating_sub(self.next))
    }

    /// How many of the first `sent` messages have not come.
    pub fn missing(&self, sent: u32) -> u64 {
        self.holes() + self.behind(sent)
    }

    /// How many were skipped and have not come since.
    pub fn holes(&self) -> u64 {
        let each = self.holes.iter();
        each.map(|(from, to)| u64::from(to - from)).sum()
    }

    fn fill(&mut self, sequence: u32) -> Place {
        let holes = &mut self.holes;
        let Some((&from, &to)) = holes.range(..=sequence).next_back() else {
            return Place::Again;
        };
        if sequence >= to {
            return Place::Again;
        }
        holes.remove(&from);
        if from < sequence {
            holes.insert(from, sequence);
        }
        if sequence + 1 < to {
            holes.insert(sequence + 1, to);
        }
        Place::Late
    }
}

/// One receiver: a stream per publisher, and the order over all of them.
#[derive(Debug, Clone)]
struct Receiver {
    streams: Box<[Stream]>,
    /// The publisher that this connection itself is and whose messages it does not get.
    own: Option<u32>,
    order: u64,
    /// Not a duplicate, not reordered, nothing harmed so far.
    clean: bool,
    /// What the server says is missing here.
    announced: Option<Box<Announced>>,
}

/// Every message of a fan-out, at every receiver.
#[derive(Debug)]
pub struct Ledger {
    book: Book,
    receivers: Vec<Receiver>,
    /// How many receivers get each publisher's messages.
    audience: Vec<u32>,
    /// The order that the first receiver saw, as one who does not get publisher `p`'s sees it.
    order_without: Vec<u64>,
    faults: Faults,
    foreign: u64,
    fresh: u64,
    /// Deliveries that turned out to be missing as announced.
    skipped: u64,
}

impl Ledger {
    /// Follows all publishers of `book` at one receiver for each of `own`, which tells whose
    /// messages that receiver does not get. The first receiver must get everyone's.
    pub fn new(book: Book, own: impl Iterator<Item = Option<u32>>) -> Ledger {
        let publishers = book.sent().len();
        let streams = vec![Stream::default(); publishers].into_boxed_slice();
        let receivers = own.map(|own| Receiver {
            streams: streams.clone(),
            own,
            order: 0,
            clean: true,
            announced: None,
        });
        let receivers: Vec<Receiver> = receivers.collect();
        let audience = (0..publishers as u32).map(|p| {
            let gets = |r: &&Receiver| r.own != Some(p);
            receivers.iter().filter(gets).count() as u32
        });
        Ledger {
            audience: audience.collect(),
            receivers,
            order_without: vec![0; publishers],
            book,
            faults: Faults::default(),
            foreign: 0,
            fresh: 0,
            skipped: 0,
        }
    }

    /// Notes that the server says messages are missing at a receiver.
    pub fn gap(&mut self, receiver: usize, missed: Option<u64>) {
        let r = &mut self.receivers[receiver];
        let announced = r.announced.get_or_insert_default();
        announced.announce(r.streams.len(), missed);
    }

    /// Notes that a publisher sends its next message; returns the sequence number of it.
    pub fn publish(&mut self, publisher: u32) -> u32 {
        self.book.publish(publisher)
    }

    /// What was sent.
    pub fn book(&self) -> &Book {
        &self.book
    }

    /// How many receivers get this publisher's messages.
    pub fn audience(&self, publisher: u32) -> u32 {
        self.audience[publisher as usize]
    }

    /// Checks one delivery.
    pub fn deliver(&mut self, receiver: usize, text: bool, payload: &[u8]) -> Seen {
        let r = &mut self.receivers[receiver];
        let read = match self.book.read(text, payload) {
            Read::Ours(stamp) if r.own == Some(stamp.publisher) => Read::Unsent,
            read => read,
        };
        let Read::Ours(stamp) = read else {
            self.foreign += u64::from(read == Read::Foreign);
            self.faults.note(read);
            r.clean &= read == Read::Foreign;
            return Seen::Other;
        };
        let publisher = stamp.publisher as usize;
        let stream = &mut r.streams[publisher];
        let skipped = match (&mut r.announced, stream.ahead(stamp.sequence)) {
            (Some(announced), Some(ahead)) => announced.next(publisher, ahead),
            _ => 0,
        };
        match stream.note(stamp.sequence) {
            Place::New => {}
            Place::Late => {
                self.faults.reordered += 1;
                r.clean = false;
            }
            Place::Again => {
                self.faults.duplicated += 1;
                r.clean = false;
                return Seen::Other;
            }
        }
        self.fresh += 1;
        self.skipped += u64::from(skipped);
        self.note_order(receiver, &stamp);
        Seen::Fresh(stamp, skipped)
    }

    fn note_order(&mut self, receiver: usize, stamp: &Stamp) {
        let id = u64::from(stamp.publisher) << 32 | u64::from(stamp.sequence);
        let r = &mut self.receivers[receiver];
        r.order = mix(r.order ^ id);
        if receiver == 0 {
            for (p, order) in self.order_without.iter_mut().enumerate() {
                if p as u32 != stamp.publisher {
                    *order = mix(*order ^ id);
                }
            }
        }
    }

    /// First-time deliveries so far.
    pub fn fresh(&self) -> u64 {
        self.fresh
    }

    /// First-time deliveries that there must be in the end, of all that were not announced to be missing.
    pub fn expected(&self) -> u64 {
        let each = self.book.sent().iter().zip(&self.audience);
        let all: u64 = each.map(|(&sent, &n)| u64::from(sent) * u64::from(n)).sum();
        all - self.skipped
    }

    /// Messages sent, over all publishers.
    pub fn messages(&self) -> u64 {
        self.book.messages()
    }

    /// Messages of other runs that came along: no fault, but good to know.
    pub fn foreign(&self) -> u64 {
        self.foreign
    }

    /// The verdict, once nothing more is to come.
    pub fn verdict(&self) -> Faults {
        let mut faults = self.faults;
        let mut whole = Vec::new();
        for (i, r) in self.receivers.iter().enumerate() {
            let missing = self.missing(r);
            faults.lost += missing.saturating_sub(self.gaps_of(r).skipped);
            if missing == 0 && r.clean {
                whole.push(i);
            }
        }
        faults.order_differs = self.order_differs(&whole);
        faults
    }

    /// What is missing and was announced, once nothing more is to come.
    pub fn gaps(&self) -> Gaps {
        let mut gaps = Gaps::default();
        self.receivers
            .iter()
            .for_each(|r| gaps.add(self.gaps_of(r)));
        gaps
    }

    fn gaps_of(&self, r: &Receiver) -> Gaps {
        let sent = self.book.sent();
        let behind = |p: usize| match r.own == Some(p as u32) {
            true => 0,
            false => r.streams[p].behind(sent[p]),
        };
        let announced = r.announced.as_ref();
        announced.map_or(Gaps::default(), |a| a.gaps(behind))
    }

    fn missing(&self, r: &Receiver) -> u64 {
        let each = r.streams.iter().zip(self.book.sent()).enumerate();
        each.filter(|(p, _)| r.own != Some(*p as u32))
            .map(|(_, (stream, &sent))| stream.missing(sent))
            .sum()
    }

    /// Of the receivers that got all, how many saw another order than most did. Those that do not
    /// get their own are compared with the first receiver's order, when that saw the usual one.
    fn order_differs(&self, whole: &[usize]) -> u64 {
        let all = || whole.iter().map(|&i| &self.receivers[i]);
        let mut seen: HashMap<u64, u64> = HashMap::new();
        for r in all().filter(|r| r.own.is_none()) {
            *seen.entry(r.order).or_default() += 1;
        }
        let most = seen
            .iter()
            .max_by_key(|(_, n)| **n)
            .map(|(order, _)| *order);
        let total: u64 = seen.values().sum();
        let mut differ = total - most.map_or(0, |order| seen[&order]);
        let first_is_usual = whole.first() == Some(&0) && Some(self.receivers[0].order) == most;
        if first_is_usual {
            let wrong = |r: &&Receiver| {
                r.own
                    .is_some_and(|p| r.order != self.order_without[p as usize])
            };
            differ += all().filter(wrong).count() as u64;
        }
        differ
    }
}

#[cfg(test)]
mod tests;
