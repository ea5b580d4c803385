//! Everybody outside the server: the clients, the mailbox, and the accidents.
//!
//! Rules: what is done is chosen by chance from the seed, one operation at a time; after each,
//! every client moves what it can. The first failure is kept and nothing is done after it.

mod content;
mod guests;
mod operations;
mod readers;
mod requests;
mod speak;

use std::collections::BTreeMap;

use crate::client::deflate::Offer;
use crate::client::{Client, Ended, Pace, Role, Rules};
use crate::guest::{Guest, Terms};
use crate::kernel::Kernel;
use crate::ledger::{Ledger, View};
use crate::net::Outside;
use crate::reader::Reader;
use crate::rng::Rng;
pub use content::{content, size as content_size};
pub use operations::Operation;
use readers::Waiting;

/// The channels; each has a witness.
pub const CHANNELS: [&str; 3] = ["red", "green", "blue"];

/// The mailbox as a publisher.
const MAILBOX: u32 = 0;
/// Sessions have names as publishers above this one, clients below.
const FIRST_SESSION: u32 = 100_000;

/// Publishes from another thread, as a program that embeds the server does.
pub trait Mailbox {
    /// Whether the message was taken.
    fn publish(&self, channel: &str, text: bool, payload: Vec<u8>) -> bool;
}

/// What a seed says about its world.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Operations in all.
    pub operations: u32,
    /// Clients at once, witnesses included.
    pub clients: usize,
    /// `message_bytes_max` of the server.
    pub message_bytes_max: usize,
    /// Longest stall that must be survived, in milliseconds.
    pub stall_ms_max: u64,
    /// Time between two operations at most, in milliseconds.
    pub pause_ms_max: u64,
    /// There are readers, and the witnesses ask for ids.
    pub readers: bool,
    /// Nearly everybody listens to one channel in one form, with ids or without: many more than a
    /// sweep visits at a stretch.
    pub throng: Option<Throng>,
    /// There are guests, and this is what they know of the server.
    pub guests: Option<Terms>,
    /// After the operations nobody does anything for a while.
    pub night: bool,
    /// What half of the subscribers pick from to offer compression; empty: nobody does. Few, since
    /// each window in use costs the server a compression of every message.
    pub offers: Vec<Offer>,
}

/// See [`Plan::throng`].
#[derive(Debug, Clone, Copy)]
pub struct Throng {
    /// Where.
    pub channel: usize,
    /// Whether they ask for ids.
    pub ids: bool,
}

/// Everybody outside.
pub struct Crowd {
    /// All that ever were, the gone ones too.
    pub clients: Vec<Client>,
    active: Vec<usize>,
    /// The oracle's books.
    pub ledger: Ledger,
    /// What is true of the run now.
    pub rules: Rules,
    plan: Plan,
    rng: Rng,
    /// Operations still to come.
    pub left: u32,
    next_ms: u64,
    mailbox: Option<Box<dyn Mailbox>>,
    mailed: u32,
    /// Readers between two connections.
    waiting: Vec<Waiting>,
    guests: Vec<Guest>,
    /// The last session's name as a publisher.
    last_publisher: u32,
    /// The server stood still until then, or does.
    thaws_ms: u64,
    /// How often a guest's stay was recovered.
    pub recovered: u64,
    /// Readers that do not come back.
    retired: Vec<Reader>,
    /// Nobody comes back.
    closing: bool,
    /// Once nothing happens any more, everything owed must have been given.
    pub to_rest: bool,
    /// The first thing that was wrong.
    pub failure: Option<String>,
    /// How often each operation was done.
    pub done: BTreeMap<&'static str, u64>,
}

impl Crowd {
    /// Nobody yet.
    pub fn new(plan: Plan, rules: Rules, rng: Rng) -> Crowd {
        let mut ledger = Ledger::new(CHANNELS.len());
        ledger.each_alone(MAILBOX);
        ledger.events = plan.guests.as_ref().map(|_| BTreeMap::new());
        Crowd {
            clients: Vec::new(),
            active: Vec::new(),
            ledger,
            rules,
            left: plan.operations,
            plan,
            rng,
            next_ms: 0,
            mailbox: None,
            mailed: 0,
            waiting: Vec::new(),
            guests: Vec::new(),
            last_publisher: FIRST_SESSION,
            thaws_ms: 0,
            recovered: 0,
            retired: Vec::new(),
            closing: false,
            to_rest: false,
            failure: None,
            done: BTreeMap::new(),
        }
    }

    /// Gives it the mailbox of the server.
    pub fn attach(&mut self, mailbox: Box<dyn Mailbox>) {
        self.mailbox = Some(mailbox);
    }

    /// Keeps the first failure.
    pub fn judge(&mut self, verdict: Result<(), String>) {
        if let (Err(e), None) = (verdict, &self.failure) {
            self.failure = Some(e);
        }
    }

    /// Clients that are not gone.
    pub fn active(&self) -> usize {
        self.active.len()
    }

    /// Whether anybody has anything to do.
    pub fn busy(&self, kernel: &Kernel) -> bool {
        let guests = || self.guests.iter().any(|g| g.busy(kernel));
        self.left > 0 || self.active.iter().any(|&i| self.clients[i].busy(kernel)) || guests()
    }

    fn pump_one(&mut self, at: usize, kernel: &mut Kernel) {
        let client = &mut self.clients[at];
        let verdict = client.pump(kernel, &mut self.ledger, self.rules, &mut self.rng);
        self.judge(verdict);
    }

    fn pump(&mut self, kernel: &mut Kernel) {
        for at in 0..self.active.len() {
            let at = self.active[at];
            self.pump_one(at, kernel);
            let client = &mut self.clients[at];
            if let Some(how) = client.departs.filter(|_| client.departs_now) {
                client.departs = None;
                if client.may_speak() {
                    self.depart(at, how, kernel);
                    self.pump_one(at, kernel);
                }
            }
        }
        self.pump_guests(kernel);
        self.gather_readers(kernel);
        self.readers_go_on(kernel);
        let clients = &self.clients;
        self.active.retain(|&i| clients[i].ended.is_none());
    }

    /// Nobody is stalled any more, and nobody takes their time.
    pub fn wake_everybody(&mut self, now: u64) {
        self.guests.iter_mut().for_each(|g| g.wake(now));
        for &at in &self.active {
            self.clients[at].stalled_until_ms = 0;
            self.clients[at].outbox.pace = Pace::Whole;
        }
    }

    /// The next time nothing happens, everything owed must have been given.
    pub fn seek_rest(&mut self, now: u64) {
        self.wake_everybody(now);
        self.to_rest = true;
    }

    /// The newest client says a few things.
    pub fn last_speaks(&mut self) {
        let at = self.clients.len() - 1;
        (0..3).for_each(|_| self.speak(at));
    }

    /// All go, each in its own way.
    pub fn everybody_leaves(&mut self, kernel: &mut Kernel) {
        self.readers_retire();
        self.guests_leave(kernel);
        for at in self.active.clone() {
            let speaker = self.clients[at].may_speak();
            match self.rng.below(3) {
                0 if speaker => self.say_goodbye(at),
                1 => self.clients[at].leave(kernel, &mut self.ledger, true),
                _ => self.clients[at].leave(kernel, &mut self.ledger, false),
            }
        }
    }

    /// Who listens now.
    pub fn listeners(&self) -> Vec<usize> {
        let listens = |c: &Client| c.joined.is_some() && c.channel().is_some() && !c.fin;
        self.active
            .iter()
            .copied()
            .filter(|&i| listens(&self.clients[i]))
            .collect()
    }

    /// The server has gone: those who listened were told so.
    pub fn check_farewell(&self, listeners: &[usize]) -> Result<(), String> {
        let told =
            |c: &Client| c.closing().is_some() || c.excuses.silent || c.ended == Some(Ended::Left);
        match listeners
            .iter()
            .map(|&i| &self.clients[i])
            .find(|c| !told(c))
        {
            Some(c) => Err(format!(
                "client {} ({:?}) was not told that the server stops",
                c.id, c.role
            )),
            None => Ok(()),
        }
    }

    fn mail(&mut self) {
        let channel = self.rng.below(CHANNELS.len() as u64) as usize;
        let len = content::size(self.plan.message_bytes_max, &mut self.rng).max(8);
        let text = self.rng.chance(500);
        self.mailed += 1;
        let payload = content::content(MAILBOX, self.mailed, len, text, &mut self.rng);
        let Some(mailbox) = &self.mailbox else { return };
        if mailbox.publish(CHANNELS[channel], text, payload.clone()) {
            let id = self.ledger.add(channel, MAILBOX, text, &payload);
            self.ledger.sent(id);
        }
    }

    // -- verdicts at the end ----------------------------------------------------------------

    /// After everything has come to rest with everybody still there: nothing is owed to anybody.
    pub fn check_rest(&self) -> Result<(), String> {
        for channel in 0..CHANNELS.len() {
            self.ledger.check_complete(channel)?;
        }
        self.check_readers()?;
        self.check_guests()?;
        self.clients.iter().try_for_each(|c| self.check_client(c))
    }

    fn check_client(&self, c: &Client) -> Result<(), String> {
        let blame = |e: String| format!("client {} ({:?}, {:?}): {e}", c.id, c.role, c.ended);
        if let (Role::Witness(_), Some(Ended::Closed)) = (c.role, c.ended) {
            return Err(blame("the witness was closed".into()));
        }
        self.check_view(c).map_err(blame)?;
        // Who never finishes a request is owed nothing.
        let hoards = c.role == Role::Rude && self.rules.frugal;
        let there = c.ended.is_none() && !hoards;
        let owed = [
            ("answers", c.asked.len()),
            ("pongs", c.pings.len()),
            ("echoes", c.echoes.len()),
            ("bytes to send", c.outbox.len()),
            (
                "close frames or ends",
                usize::from(c.closing().is_some() || c.fin || c.last_answer),
            ),
        ];
        match owed.iter().find(|(_, n)| there && *n > 0) {
            Some((what, n)) => Err(blame(format!(
                "{n} {what} are owed at rest; asked {:?}",
                c.asked
            ))),
            None => Ok(()),
        }
    }

    fn check_view(&self, c: &Client) -> Result<(), String> {
        let (Role::Member { channel, echo }, Some(joined)) = (c.role, c.joined) else {
            return Ok(());
        };
        let view = View {
            channel,
            without: (!echo).then_some(c.id),
            seen: &c.seen,
            gaps: c.ids.as_ref().map_or(&[], |ids| &ids.gaps),
            not_before: c.not_before,
            joined,
            whole: c.ended.is_none(),
        };
        self.ledger.check_view(&view)?;
        let behind = self.ledger.bytes_behind(&view);
        if c.lagged && behind < self.rules.lag_bytes_max {
            return Err(format!(
                "closed for lag with {behind} of {} bytes behind it at the very most",
                self.rules.lag_bytes_max
            ));
        }
        Ok(())
    }
}

impl Outside for Crowd {
    fn next_ms(&self, kernel: &Kernel) -> Option<u64> {
        if self.failure.is_some() {
            return None;
        }
        if self.busy(kernel) {
            return Some(self.next_ms.max(kernel.now_ms()));
        }
        let guests = self.guests.iter().filter_map(|g| g.next_ms(kernel)).min();
        let next = self.readers_next_ms().into_iter().chain(guests).min()?;
        Some(next.max(self.next_ms).max(kernel.now_ms()))
    }

    fn act(&mut self, kernel: &mut Kernel) {
        if self.failure.is_some() {
            return;
        }
        if self.left > 0 {
            self.left -= 1;
            self.operate(kernel);
        }
        self.pump(kernel);
        // Once there is nothing to do but to wait for the stalled, time has to pass.
        let least = u64::from(self.left == 0);
        self.next_ms = kernel.now_ms() + least + self.rng.below(self.plan.pause_ms_max + 1);
    }

    fn settle(&mut self, kernel: &mut Kernel) {
        for _ in 0..1000 {
            self.pump(kernel);
            let guests = self.guests.iter().any(|g| g.busy(kernel));
            if !guests && !self.active.iter().any(|&i| self.clients[i].busy(kernel)) {
                break;
            }
        }
    }

    fn calm(&mut self, _: &mut Kernel) {
        if std::mem::take(&mut self.to_rest) {
            let verdict = self.check_rest();
            self.judge(verdict);
        }
    }
}
