//! One channel under load: its publishers, those who must get everything, and those who come and
//! go or fall behind.

use super::senders::{Outlet, Pacing, Senders};
use crate::dialect::Talk;
use crate::drive::{Clock, Span};
use crate::latency::{Latency, Spread};
use crate::payload::Maker;
use crate::proof::{Book, Ledger, Part, Seen};
use crate::reactor::Reactor;

/// What a group is to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Its name in the report.
    pub name: String,
    /// The channel as a path; `None`: that of the URL.
    pub path: Option<String>,
    /// Connections that only listen and must get everything; at least 1.
    pub subscribers: u32,
    /// Connections that publish, and get what the other publishers send.
    pub publishers: u32,
    /// The server sends publishers their own messages too.
    pub own: bool,
    /// Bytes of a message.
    pub size: usize,
    /// How the server is spoken to.
    pub talk: Talk,
    /// How they are sent.
    pub pacing: Pacing,
}

impl Plan {
    /// Connections that stay for the whole run.
    pub fn connections(&self) -> usize {
        self.subscribers as usize + self.publishers as usize
    }
}

/// One channel.
#[derive(Debug)]
pub(super) struct Group {
    pub plan: Plan,
    pub senders: Senders,
    pub out: Outbox,
    /// Those who come and go or fall behind.
    pub parts: Vec<Part>,
    /// Every measured delivery to those who must get everything.
    pub all: Latency,
    span: Span,
}

impl Group {
    /// `first` is the connection of its first subscriber, `number` that of its first publisher
    /// over all groups.
    pub fn new(plan: Plan, run: u32, seed: u64, first: usize, number: u32, span: Span) -> Group {
        let publishers = plan.publishers;
        let subscribers = (0..plan.subscribers).map(|_| None);
        let listening = if plan.talk.publishers_listen {
            publishers
        } else {
            0
        };
        let own = (0..listening).map(|p| (!plan.own).then_some(p));
        let ledger = Ledger::new(Book::new(run, number, publishers), subscribers.chain(own));
        let audience = (0..publishers).map(|p| ledger.audience(p));
        Group {
            senders: Senders::new(plan.pacing, publishers as usize, span),
            out: Outbox {
                first_publisher: first + plan.subscribers as usize,
                batch: plan.pacing.batch,
                maker: Maker::of(plan.talk.form, run, plan.size, seed),
                spread: Spread::new(audience.collect()),
                sent: vec![0; publishers as usize],
                ledger,
            },
            parts: Vec::new(),
            all: Latency::default(),
            span,
            plan,
        }
    }

    /// Begins another measured span, with figures of its own.
    pub fn begin(&mut self, span: Span) {
        self.span = span;
        self.senders.begin(span);
        self.all = Latency::default();
        self.out.spread.begin();
    }

    /// Sends what is due; when to be asked again.
    pub fn send(&mut self, reactor: &mut Reactor, clock: &Clock) -> u64 {
        self.senders.send(&mut self.out, reactor, clock)
    }

    /// Takes a delivery to one who must get everything; its latency, when it is the first.
    pub fn take(
        &mut self,
        receiver: usize,
        text: bool,
        payload: &[u8],
        now_ns: u64,
    ) -> Option<u64> {
        let Seen::Fresh(stamp) = self.out.ledger.deliver(receiver, text, payload) else {
            return None;
        };
        let measured = self.span.latency(stamp.intended_ns, now_ns);
        let spread = &mut self.out.spread;
        if spread.deliver(stamp.publisher, stamp.sequence, measured) {
            self.senders.release(stamp.publisher as usize);
        }
        if let Some(ns) = measured {
            self.all.note(ns);
        }
        Some(now_ns.saturating_sub(stamp.intended_ns))
    }

    /// Takes a delivery to one who comes and goes or falls behind.
    pub fn take_part(&mut self, part: usize, text: bool, payload: &[u8]) {
        let book = self.out.ledger.book();
        self.parts[part].deliver(book, text, payload);
    }

    /// What was sent.
    pub fn book(&self) -> &Book {
        self.out.ledger.book()
    }
}

/// Where a group's publishers send.
#[derive(Debug)]
pub(super) struct Outbox {
    first_publisher: usize,
    batch: u32,
    maker: Maker,
    sent: Vec<u32>,
    pub ledger: Ledger,
    pub spread: Spread,
}

impl Outlet for Outbox {
    fn waiting_bytes(&self, sender: usize, reactor: &Reactor) -> usize {
        reactor.waiting_bytes(self.first_publisher + sender)
    }

    fn outstanding(&self, sender: usize) -> u32 {
        self.sent[sender] - self.spread.done(sender as u32)
    }

    fn publish(&mut self, sender: usize, intended_ns: u64, reactor: &mut Reactor) {
        let (connection, publisher) = (self.first_publisher + sender, sender as u32);
        let number = self.ledger.book().number(publisher);
        for _ in 0..self.batch {
            let sequence = self.ledger.publish(publisher);
            self.spread.publish(publisher);
            let payload = self.maker.make(number, sequence, intended_ns);
            reactor.queue(connection, payload);
        }
        self.sent[sender] += self.batch;
        reactor.flush(connection);
    }
}
