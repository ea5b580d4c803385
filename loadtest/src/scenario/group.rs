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
    /// The path where publishers go instead, when they have a URL of their own.
    pub publish_path: Option<String>,
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
    /// What each publisher had sent when a span was over: what comes of that later was given up.
    over: Vec<u32>,
    /// How much came all the same.
    pub overdue: u64,
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
            over: vec![0; publishers as usize],
            overdue: 0,
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

    /// The span is over: nothing more is waited for.
    pub fn end(&mut self) {
        self.over = self.book().sent().to_vec();
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
        let Seen::Fresh(stamp, skipped) = self.out.ledger.deliver(receiver, text, payload) else {
            return None;
        };
        // What was announced to be missing is not waited for.
        for sequence in stamp.sequence - skipped..stamp.sequence {
            if self.out.spread.deliver(stamp.publisher, sequence, None) {
                self.senders.release(stamp.publisher as usize);
            }
        }
        // Its time is of a clock that has stopped, perhaps of another span.
        let overdue = stamp.sequence < self.over[stamp.publisher as usize];
        self.overdue += u64::from(overdue);
        let measured = self.span.latency(stamp.intended_ns, now_ns);
        let measured = measured.filter(|_| !overdue);
        let spread = &mut self.out.spread;
        if spread.deliver(stamp.publisher, stamp.sequence, measured) {
            self.senders.release(stamp.publisher as usize);
        }
        if let Some(ns) = measured {
            self.all.note(ns);
        }
        (!overdue).then(|| now_ns.saturating_sub(stamp.intended_ns))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_after_it_was_given_up_is_overdue_and_no_latency() {
        let pacing = Pacing {
            rate: 0.0,
            window: 1,
            batch: 1,
            late_ns: 0,
        };
        let plan = Plan {
            name: "all".to_owned(),
            path: None,
            publish_path: None,
            subscribers: 2,
            publishers: 1,
            own: false,
            size: 64,
            talk: Talk::default(),
            pacing,
        };
        let span = Span {
            from_ns: 0,
            to_ns: 1000,
        };
        let mut group = Group::new(plan, 1, 1, 0, 0, span);
        let sequence = group.out.ledger.publish(0);
        group.out.spread.publish(0);
        let message = group.out.maker.make(0, sequence, 10).to_vec();
        assert_eq!(group.take(0, false, &message, 60), Some(50));
        group.end();
        group.begin(span);
        // The clock of the next span is at 0 again: 990 ns late would look like 5.
        assert_eq!(group.take(1, false, &message, 15), None);
        assert_eq!((group.overdue, group.all.count()), (1, 0));
        assert_eq!(group.out.ledger.verdict().lost, 0);
    }
}
