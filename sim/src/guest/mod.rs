//! Guests: clients of Socket.IO, over requests, a WebSocket, or the one and then the other. Cut at any
//! time, they come back, and where there is recovery they ask for what they missed.
//!
//! Rules: nothing here shares code with the server. What a guest got in a namespace is a `Stay`, which
//! is judged against what the channel's witness saw.

mod acts;
mod engine;
mod errand;
mod hears;
mod json;
mod line;
mod moves;
mod packets;
mod session;
pub mod spoken;
mod stay;
mod told;

pub use acts::{ACTS, Act};
use errand::Errand;
use line::Duty;
use session::{Out, Room, SILENT, Session, State, Way};
use stay::Stay;

use crate::client::{Milestone, Rules};
use crate::crowd::CHANNELS;
use crate::kernel::Kernel;
use crate::ledger::Ledger;
use crate::rng::Rng;

/// What guests know of the server.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Their namespaces, in the order of the channels.
    pub namespaces: [&'static str; 3],
    /// Whether connections are recovered.
    pub recovery: bool,
    /// `payload_bytes_max`.
    pub payload_bytes_max: usize,
    /// `message_bytes_max`.
    pub message_bytes_max: usize,
    /// `ping_interval_ms`.
    pub ping_interval_ms: u64,
    /// `ping_timeout_ms`.
    pub ping_timeout_ms: u64,
    /// `upgrade_timeout_ms`.
    pub upgrade_timeout_ms: u64,
}

impl Terms {
    /// Where a connection for this asks.
    fn target(&self, duty: Duty, sid: &str) -> String {
        let transport = match duty {
            Duty::Socket => "websocket",
            _ => "polling",
        };
        let sid = match sid {
            "" => String::new(),
            sid => format!("&sid={sid}"),
        };
        format!("/socket.io/?EIO=4&transport={transport}{sid}&t=x")
    }

    fn channel(&self, namespace: &str) -> Option<usize> {
        self.namespaces.iter().position(|n| *n == namespace)
    }

    /// What a packet for this channel's namespace begins with, behind its type.
    fn prefix(&self, channel: usize) -> String {
        match self.namespaces[channel] {
            "/" => String::new(),
            namespace => format!("{namespace},"),
        }
    }

    /// How long whoever says nothing may stay.
    fn patience_ms(&self) -> u64 {
        self.ping_interval_ms + self.ping_timeout_ms + session::SLACK_MS
    }
}

/// What a guest acts upon.
#[derive(Debug)]
pub struct Around<'a> {
    pub kernel: &'a mut Kernel,
    pub ledger: &'a mut Ledger,
    pub rng: &'a mut Rng,
    pub rules: Rules,
    pub terms: &'a Terms,
    /// The server stands still until then, if it does.
    pub thaws_ms: u64,
    /// How long a guest may take between two polls.
    pub pause_ms: u64,
    /// The name of the next session as a publisher.
    pub next_publisher: &'a mut u32,
    /// How often a stay was recovered.
    pub recovered: &'a mut u64,
    /// Nobody comes back who is turned away.
    pub hopeless: bool,
    /// Nobody comes back.
    pub closing: bool,
}

impl Around<'_> {
    /// From when on a time counts: the server may stand still.
    fn start_ms(&self) -> u64 {
        self.kernel.now_ms().max(self.thaws_ms)
    }

    /// For a person who looks at one seed.
    fn tell(&self, what: impl FnOnce() -> String) {
        if self.kernel.trace.verbose {
            eprintln!("                                 {}", what());
        }
    }

    /// Whether anybody may be turned away, or sent away.
    fn is_short(&self) -> bool {
        self.rules.tight || self.rules.frugal || self.rules.draining
    }
}

/// One guest.
#[derive(Debug)]
pub struct Guest {
    way: Way,
    session: Option<Session>,
    stays: Vec<Stay>,
    /// The stay to come back to, by channel.
    places: [Option<usize>; 3],
    /// Which namespaces it joins.
    wants: Vec<usize>,
    errand: Option<Errand>,
    /// When it connects.
    due_ms: u64,
    /// It does not come back.
    pub gone: bool,
    numbered: u32,
}

impl Guest {
    /// Somebody who connects at once.
    pub fn new(rng: &mut Rng) -> Guest {
        let way = *rng.pick(&[Way::Polling, Way::WebSocket, Way::Upgrade, Way::Upgrade]);
        let mut wants: Vec<usize> = (0..CHANNELS.len()).filter(|_| rng.chance(500)).collect();
        if wants.is_empty() {
            wants.push(rng.below(CHANNELS.len() as u64) as usize);
        }
        Guest {
            way,
            session: None,
            stays: Vec::new(),
            places: [None; 3],
            wants,
            errand: None,
            due_ms: 0,
            gone: false,
            numbered: 0,
        }
    }

    /// Whether it has anything to do now.
    pub fn busy(&self, kernel: &Kernel) -> bool {
        let session = self.session.as_ref().is_some_and(|s| s.busy(kernel));
        session || self.errand.as_ref().is_some_and(|e| e.busy(kernel))
    }

    /// When it next does something by itself.
    pub fn next_ms(&self, kernel: &Kernel) -> Option<u64> {
        let session = match &self.session {
            Some(session) => session.next_ms(kernel),
            None => (!self.gone).then_some(self.due_ms),
        };
        let errand = self.errand.as_ref().and_then(Errand::next_ms);
        session.into_iter().chain(errand).min()
    }

    /// Moves what can be moved now.
    pub fn pump(&mut self, around: &mut Around<'_>) -> Result<(), String> {
        if let Some(errand) = &mut self.errand {
            errand.pump(around)?;
            if errand.done {
                self.errand = None;
            }
        }
        let Some(session) = &mut self.session else {
            return self.come(around);
        };
        let begun = session.state == State::Begin;
        session.pump(&mut self.stays, around)?;
        if begun && session.state != State::Begin {
            self.join_all(around);
        }
        self.part(around);
        Ok(())
    }

    /// Connects if it is time.
    fn come(&mut self, around: &mut Around<'_>) -> Result<(), String> {
        self.gone |= around.closing;
        if self.gone || around.kernel.now_ms() < self.due_ms {
            return Ok(());
        }
        *around.next_publisher += 1;
        self.session = Session::begin(*around.next_publisher, self.way, around);
        self.gone = self.session.is_none();
        Ok(())
    }

    /// Asks to join where it wants to be.
    fn join_all(&mut self, around: &mut Around<'_>) {
        for channel in self.wants.clone() {
            self.join(channel, around);
        }
    }

    fn join(&mut self, channel: usize, around: &mut Around<'_>) {
        let Some(session) = &mut self.session else {
            return;
        };
        let again = matches!(session.rooms[channel], Room::Left(_));
        let resumes = self.places[channel].filter(|_| !again && around.rng.chance(900));
        let stay = resumes.map(|at| &self.stays[at]);
        let memory = stay.and_then(|stay| {
            let pid = stay.pid.as_ref()?;
            let offset = stay.last.map(|n| format!(",\"offset\":\"1700000000:{n}\""));
            Some(format!(
                "{{\"pid\":\"{pid}\"{}}}",
                offset.unwrap_or_default()
            ))
        });
        let resumes = resumes.filter(|_| memory.is_some());
        let auth = memory.unwrap_or_else(|| {
            let auth = ["", "{}", "{\"token\":\"x\",\"n\":[1,2]}"];
            (*around.rng.pick(&auth)).to_owned()
        });
        session.queue.push_back(Out {
            text: format!("40{}{auth}", around.terms.prefix(channel)),
            attachments: Vec::new(),
            milestone: Some(Milestone::Connect(channel)),
        });
        session.rooms[channel] = Room::Asked {
            not_before: around.ledger.order_len(channel),
            resumes,
            early: Vec::new(),
            again,
        };
    }

    /// Sees to a session that is over: it may make sure of that, and comes back later.
    fn part(&mut self, around: &mut Around<'_>) {
        let Some(session) = self.session.take_if(|s| s.over.is_some()) else {
            return;
        };
        let now = around.start_ms();
        for (channel, room) in session.rooms.iter().enumerate() {
            match room {
                Room::In(at) => self.places[channel] = Some(*at),
                Room::Left(_) => self.places[channel] = None,
                Room::Asked { .. } | Room::Out => {}
            }
        }
        let known = !session.sid.is_empty() && !around.closing;
        let sure = session.must.is_some() || around.rng.chance(300);
        if known && sure && !around.is_short() && self.errand.is_none() {
            let target = around.terms.target(Duty::Get, &session.sid);
            self.errand = Some(Errand::that_it_ended(target, now, around.terms));
        }
        self.due_ms = now + around.rng.below(300);
        self.gone |= around.hopeless || around.rng.chance(50);
    }

    /// After everything has come to rest: it has all that it is owed.
    pub fn check_rest(&self, ledger: &Ledger, short: bool) -> Result<(), String> {
        let mut whole = Vec::new();
        if let Some(session) = &self.session {
            session.check_rest(short)?;
            if session.hears() {
                let stays = session.rooms.iter().filter_map(|room| match room {
                    Room::In(at) => Some(*at),
                    _ => None,
                });
                whole.extend(stays);
            }
        }
        for (at, stay) in self.stays.iter().enumerate() {
            let blame = |e| format!("guest {:?} ({:?}): {e}", stay.publishers, self.way);
            stay.check(ledger, whole.contains(&at)).map_err(blame)?;
        }
        Ok(())
    }

    /// Whether the server has to tell it that it stops.
    pub fn listens(&self) -> bool {
        self.session.as_ref().is_some_and(Session::hears)
    }

    /// Nothing happens to it any more that it would have to be excused for.
    pub fn wake(&mut self, now: u64) {
        if let Some(session) = &mut self.session {
            session.stalled_until_ms = 0;
            session.must = session.must.filter(|(why, _)| *why != SILENT);
            session.poll_at_ms = session.poll_at_ms.min(now);
        }
    }

    /// The server stands still until then.
    pub fn excuse(&mut self, until_ms: u64, terms: &Terms) {
        let until = until_ms + terms.patience_ms();
        if let Some(session) = &mut self.session {
            session.excused_until_ms = session.excused_until_ms.max(until);
            session.pinged_ms = session.pinged_ms.max(until_ms);
            if session.probe_by_ms > 0 {
                session.probe_by_ms = session.probe_by_ms.max(until);
            }
            if let Some((why, by)) = &mut session.must {
                *by = until.max(*by);
                if *why == SILENT {
                    session.stalled_until_ms = until + terms.patience_ms();
                    *by = until + 2 * terms.patience_ms();
                }
            }
        }
        if let Some(errand) = &mut self.errand {
            errand.until_ms = errand.until_ms.max(until);
        }
    }
}

impl Session {
    fn check_rest(&self, short: bool) -> Result<(), String> {
        if short || self.must.is_some() || self.leaving || self.over.is_some() {
            return Ok(());
        }
        let asked = self
            .rooms
            .iter()
            .filter(|r| matches!(r, Room::Asked { .. }));
        let double = self.lines.iter().filter(|l| l.duty == Duty::Double);
        let owed = [
            ("handshakes", usize::from(self.state == State::Begin)),
            ("upgrades", usize::from(self.state == State::Switching)),
            ("answers to events", self.asks.len()),
            ("answers to CONNECT", asked.count()),
            ("attachments", usize::from(self.building.is_some())),
            ("packets to send", self.queue.len()),
            ("ends of second connections", double.count()),
        ];
        match owed.iter().find(|(_, n)| *n > 0) {
            Some((what, n)) => Err(self.blame(&format!("{n} {what} are owed at rest"))),
            None => Ok(()),
        }
    }
}
