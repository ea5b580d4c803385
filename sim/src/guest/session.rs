//! A session of Engine.IO from the client's side: its connections, what it has to send, and when it asks.
//!
//! Rules: whatever ends a session has to be excused, by what the guest did or by what is true of the run.
//! Where the guest did what ends a session, it has to end in time.

use std::collections::{BTreeMap, VecDeque};

use super::Around;
use super::line::{Duty, Line};
use super::stay::Stay;
use crate::client::Milestone;
use crate::kernel::Kernel;
use crate::ledger::MessageId;

/// How long a session may take to end beyond what is said, and a heartbeat to come.
pub const SLACK_MS: u64 = 2000;

/// How long a session is one that has just gone over to its WebSocket.
const FRESH_MS: u64 = 200;

/// Why a session has to end that sleeps.
pub const SILENT: &str = "it was silent";

/// Why a session has to end of which there were two polls.
pub const ASKED_TWICE: &str = "it asked twice";

/// How a guest connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// By requests only.
    Polling,
    /// By a WebSocket only.
    WebSocket,
    /// By requests first, then by a WebSocket.
    Upgrade,
}

/// How an upgrade goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trick {
    /// It does not.
    None,
    /// The WebSocket comes and says nothing.
    Mute,
    /// It probes and says nothing more.
    ProbeOnly,
    /// It probes and goes.
    ProbeAndGo,
    /// It says something else than a probe.
    Nonsense,
}

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Its handshake is under way.
    Begin,
    /// It polls.
    Polling,
    /// Its WebSocket was probed: it asks no more, and waits for its answers.
    Switching,
    /// It is a WebSocket.
    WebSocket,
}

/// Where a session stands in a namespace.
#[derive(Debug)]
pub enum Room {
    /// Not in it.
    Out,
    /// It asked to join, perhaps to go on with this stay, and got this meanwhile.
    Asked {
        not_before: usize,
        resumes: Option<usize>,
        early: Vec<(u64, Option<u64>)>,
        /// It was there before: what came before the answer is of that time.
        again: bool,
    },
    /// In it, with this stay.
    In(usize),
    /// It left this stay, and the server may not know.
    Left(usize),
}

/// Something to be sent.
#[derive(Debug)]
pub struct Out {
    /// A packet of Engine.IO.
    pub text: String,
    /// What comes with it.
    pub attachments: Vec<Vec<u8>>,
    /// What is true once all that has left.
    pub milestone: Option<Milestone>,
}

impl Out {
    /// A packet that is text alone.
    pub fn text(text: impl Into<String>) -> Out {
        Out {
            text: text.into(),
            attachments: Vec::new(),
            milestone: None,
        }
    }

    pub(super) fn len(&self) -> usize {
        let bytes = self.attachments.iter().map(|a| a.len() * 4 / 3 + 6);
        self.text.len() + 1 + bytes.sum::<usize>()
    }
}

/// An event whose attachments are still to come.
#[derive(Debug)]
pub struct Building {
    pub channel: usize,
    pub elements: Vec<String>,
    pub wanted: usize,
    pub attachments: Vec<Vec<u8>>,
}

/// One session.
#[derive(Debug)]
pub struct Session {
    /// Its name as a publisher.
    pub publisher: u32,
    /// Its id.
    pub sid: String,
    pub way: Way,
    pub state: State,
    pub lines: Vec<Line>,
    pub queue: VecDeque<Out>,
    pub rooms: [Room; 3],
    /// Answers due to events, by their numbers.
    pub asks: BTreeMap<u64, (usize, MessageId)>,
    pub asked: u64,
    /// Nobody waits for the answers up to this number that are not among them.
    pub forgotten: u64,
    pub building: Option<Building>,
    /// When it asks for packets next.
    pub poll_at_ms: u64,
    /// When its WebSocket comes.
    pub upgrade_at_ms: u64,
    pub trick: Trick,
    /// It does not answer pings.
    pub deaf: bool,
    /// It neither reads nor asks until then.
    pub stalled_until_ms: u64,
    /// When the server was last heard to live.
    pub pinged_ms: u64,
    /// Until then it may end for what happened to it.
    pub excused_until_ms: u64,
    /// A WebSocket that does not take over has to be closed by then.
    pub probe_by_ms: u64,
    /// Since when its WebSocket carries it: what waited for a poll goes out at once, and may be too much.
    pub switched_ms: u64,
    /// It was slow, and may have ended for that.
    pub lazy: bool,
    /// Why it has to end, and by when.
    pub must: Option<(&'static str, u64)>,
    /// It has said that it goes.
    pub leaving: bool,
    /// It is no more, and why.
    pub over: Option<String>,
}

impl Session {
    /// A session whose handshake begins; `None`: nobody listens.
    pub fn begin(publisher: u32, way: Way, around: &mut Around<'_>) -> Option<Session> {
        let now = around.kernel.now_ms();
        let duty = match way {
            Way::WebSocket => Duty::Socket,
            _ => Duty::Get,
        };
        let mut line = Line::connect(duty, around.kernel, around.rng)?;
        let target = around.terms.target(duty, "");
        match duty {
            Duty::Socket => line.upgrade(&target, around.rng),
            _ => line.get(&target),
        }
        let tricks = [
            Trick::Mute,
            Trick::ProbeOnly,
            Trick::ProbeAndGo,
            Trick::Nonsense,
        ];
        let trick = match around.rng.chance(300) {
            true => *around.rng.pick(&tricks),
            false => Trick::None,
        };
        Some(Session {
            publisher,
            sid: String::new(),
            way,
            state: State::Begin,
            lines: vec![line],
            queue: VecDeque::new(),
            rooms: [Room::Out, Room::Out, Room::Out],
            asks: BTreeMap::new(),
            asked: 0,
            forgotten: 0,
            building: None,
            poll_at_ms: 0,
            upgrade_at_ms: now + around.rng.below(400),
            trick,
            deaf: false,
            stalled_until_ms: 0,
            pinged_ms: around.start_ms(),
            excused_until_ms: 0,
            probe_by_ms: 0,
            switched_ms: 0,
            lazy: false,
            must: None,
            leaving: false,
            over: None,
        })
    }

    /// Its connection for this.
    pub fn line(&mut self, duty: Duty) -> Option<&mut Line> {
        self.lines.iter_mut().find(|l| l.duty == duty && !l.over)
    }

    /// Whether it may emit to this channel.
    pub fn may_emit(&self, channel: usize) -> bool {
        matches!(self.rooms[channel], Room::In(_)) && self.is_open()
    }

    /// Whether it stands, and is not about to go.
    pub fn is_open(&self) -> bool {
        let stands = self.over.is_none() && self.state != State::Begin;
        stands && !self.leaving && self.must.is_none()
    }

    /// Whether whatever is published reaches it.
    pub fn hears(&self) -> bool {
        let waits = |l: &Line| l.duty == Duty::Get && l.asked > 0;
        self.is_open()
            && match self.state {
                State::WebSocket => true,
                _ => self.lines.iter().any(waits),
            }
    }

    pub fn is_stalled(&self, now: u64) -> bool {
        now < self.stalled_until_ms
    }

    /// Whether it has anything to do now.
    pub fn busy(&self, kernel: &Kernel) -> bool {
        let reads = !self.is_stalled(kernel.now_ms());
        self.over.is_none() && self.lines.iter().any(|l| l.busy(kernel, reads))
    }

    /// When it next does something by itself.
    pub fn next_ms(&self, kernel: &Kernel) -> Option<u64> {
        if self.over.is_some() {
            return None;
        }
        let stalled = self.is_stalled(kernel.now_ms());
        let idle = |duty| !self.lines.iter().any(|l| l.duty == duty && l.asked > 0);
        let twice = self.lines.iter().any(|l| l.duty == Duty::Double);
        let polls = self.state == State::Polling && idle(Duty::Get) && !twice;
        let now = kernel.now_ms();
        let brings = match self.state {
            State::Polling => idle(Duty::Post),
            State::WebSocket => true,
            _ => false,
        };
        let brings = brings && !self.queue.is_empty();
        let upgrades = self.state == State::Polling && self.upgrades();
        let times = [
            stalled.then_some(self.stalled_until_ms),
            brings.then_some(now),
            polls.then_some(self.poll_at_ms.max(self.stalled_until_ms)),
            upgrades.then_some(self.upgrade_at_ms),
            self.must.map(|(_, by)| by + 1).filter(|by| *by >= now),
            Some(self.probe_by_ms.max(self.stalled_until_ms + SLACK_MS) + 1)
                .filter(|by| *by >= now),
        ];
        times.into_iter().flatten().min()
    }

    pub(super) fn upgrades(&self) -> bool {
        let socket = self.lines.iter().any(|l| l.duty == Duty::Socket && !l.over);
        self.way == Way::Upgrade && !socket && self.must.is_none() && !self.leaving
    }

    /// Whether it may end without having done anything.
    pub fn excused(&self, stays: &[Stay], around: &Around<'_>) -> bool {
        let blocked = |l: &Line| around.kernel.socket(l.socket).was_blocked;
        let now = around.kernel.now_ms();
        let fresh = self.switched_ms > 0 && now < self.switched_ms + FRESH_MS;
        let polls = self.state != State::WebSocket || fresh;
        around.is_short()
            || (polls && around.rules.lag_timed)
            || (polls && self.lags(stays, around))
            || self.comes_back()
            || self.lazy
            || around.kernel.now_ms() < self.excused_until_ms
            || self.lines.iter().any(blocked)
    }

    /// Whether it waits for what it missed, which may be gone by the time it is looked for.
    fn comes_back(&self) -> bool {
        let waits = |room: &Room| {
            matches!(
                room,
                Room::Asked {
                    resumes: Some(_),
                    ..
                }
            )
        };
        self.rooms.iter().any(waits)
    }

    /// Whether more waits for its next poll than may.
    fn lags(&self, stays: &[Stay], around: &Around<'_>) -> bool {
        let most = around.rules.lag_bytes_max;
        self.rooms
            .iter()
            .enumerate()
            .any(|(channel, room)| match room {
                Room::In(at) | Room::Left(at) => stays[*at].bytes_left(around.ledger) >= most,
                // It may be in it without knowing.
                Room::Asked {
                    not_before,
                    resumes,
                    ..
                } => {
                    let from = resumes.map_or(*not_before, |at| stays[at].not_before);
                    around
                        .ledger
                        .bytes_left(channel, &[self.publisher], from, 0)
                        >= most
                }
                Room::Out => false,
            })
    }

    /// It has ended, for this reason.
    pub fn end(
        &mut self,
        why: String,
        stays: &[Stay],
        around: &mut Around<'_>,
    ) -> Result<(), String> {
        around.tell(|| {
            format!(
                "{} ends: {why} {:?} of {}",
                self.publisher,
                stays
                    .iter()
                    .map(|s| s.bytes_left(around.ledger))
                    .collect::<Vec<_>>(),
                around.rules.lag_bytes_max
            )
        });
        if !self.excused(stays, around) && self.must.is_none() && !self.leaving {
            return Err(self.blame(&format!("ended without a reason: {why}")));
        }
        self.drop_all(why, around);
        Ok(())
    }

    /// Lets go of everything.
    pub fn drop_all(&mut self, why: String, around: &mut Around<'_>) {
        around
            .kernel
            .note("guest: session over", u64::from(self.publisher), 0);
        around.ledger.cut(self.publisher);
        for line in &mut self.lines {
            let reset = around.rng.chance(300);
            line.drop_it(around.kernel, reset);
        }
        self.over = Some(why);
    }

    pub fn blame(&self, error: &str) -> String {
        format!(
            "guest {} ({:?}, {:?}, {:?}): {error}",
            self.publisher, self.way, self.state, self.trick
        )
    }
}
