//! One client: what it still has to send, what it has read, and what it expects.
//!
//! Rules: a client never waits; [`Client::pump`] moves what can be moved now. What comes back is
//! judged in `judge`, against what was asked and what the [`Ledger`] knows.

pub mod answers;
pub mod deflate;
pub mod frames;
mod judge;
mod listen;
pub mod meta;
mod outbox;

use std::collections::VecDeque;

use crate::crowd::Operation;
use crate::kernel::{Got, Kernel, SocketId};
use crate::ledger::{Ledger, MessageId};
use crate::reader::Reader;
use crate::rng::Rng;
pub use outbox::{Milestone, Outbox, Pace};

/// What a client is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Reads at once and publishes nothing: its view is the channel's order.
    Witness(usize),
    /// A member of a channel, which gets its own messages too or does not.
    Member { channel: usize, echo: bool },
    /// Listens, and comes back when its connection is cut.
    Reader,
    /// Sends to `/echo`.
    Echo,
    /// Sends requests.
    Http,
    /// Sends what nobody understands.
    Rude,
}

/// An answer that is due.
#[derive(Debug, Clone)]
pub enum Asked {
    /// 101 for this key of [`answers::KEYS`], with this subprotocol and these extensions.
    Upgrade {
        key: usize,
        protocol: Option<&'static str>,
        extensions: Option<&'static str>,
    },
    /// 201 or 202, or one of these and then nobody gets the message.
    Post {
        id: MessageId,
        refusals: &'static [u16],
    },
    /// One of these.
    Plain(&'static [u16]),
}

/// What may happen to a client without being anybody's mistake.
#[derive(Debug, Clone, Copy, Default)]
pub struct Excuses {
    /// It did not read for a while.
    pub stalled: bool,
    /// It did not answer for so long that it may be taken for dead.
    pub silent: bool,
    /// A deadline of its own (head, idle, close) may have passed.
    pub late: bool,
}

/// What is true of the whole run at the time of judging.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rules {
    /// Limits are so small that anybody may be refused.
    pub tight: bool,
    /// Memory is so small that members may be closed for it.
    pub frugal: bool,
    /// The server was told to stop.
    pub draining: bool,
    /// `lag_bytes_max`.
    pub lag_bytes_max: usize,
    /// Whether there is a `lag_timeout`.
    pub lag_timed: bool,
    /// In which channels whoever lags is told of a gap, if it asked for ids.
    pub skips: [bool; 3],
}

/// Why a client is no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It reset, or let go.
    Left,
    /// The server ended it, rightly.
    Closed,
}

/// One client.
#[derive(Debug)]
pub struct Client {
    /// Its name as a publisher.
    pub id: u32,
    /// Its connection.
    pub socket: SocketId,
    /// What it is there for.
    pub role: Role,
    /// What it has to send.
    pub outbox: Outbox,
    input: Vec<u8>,
    /// After 101.
    pub upgraded: bool,
    /// The bits of the server's window, if the offer to compress will be taken.
    pub window_bits: Option<u8>,
    /// Answers due, oldest first.
    pub asked: VecDeque<Asked>,
    /// Digests of the messages it got.
    pub seen: Vec<u64>,
    /// What it learnt from ids, if it asked for them.
    pub ids: Option<meta::Ids>,
    /// Digests of the echoes due, oldest first.
    pub echoes: VecDeque<u64>,
    /// Payloads of the pongs due, oldest first.
    pub pings: VecDeque<Vec<u8>>,
    /// How it goes when it gets the next message, and whether it has.
    pub departs: Option<Operation>,
    /// See `departs`.
    pub departs_now: bool,
    /// It does not read until then.
    pub stalled_until_ms: u64,
    /// What may happen to it.
    pub excuses: Excuses,
    /// It sent a close frame with this code; 0: without one.
    pub sent_close: Option<u16>,
    /// It broke the protocol: this is the code to come.
    pub due_close: Option<u16>,
    /// The server's close frame.
    pub got_close: Option<u16>,
    /// It ended its direction.
    pub fin: bool,
    /// The server announced the end of an HTTP connection.
    pub last_answer: bool,
    /// Length of the order when its upgrade left.
    pub not_before: usize,
    /// When it knew that it had joined.
    pub joined: Option<u64>,
    /// How many messages it has numbered.
    pub numbered: u32,
    /// When on the ledger's clock it was closed for lag.
    pub lagged: bool,
    /// Who listens, if it is a reader's connection.
    pub reader: Option<Box<Reader>>,
    /// It is no more.
    pub ended: Option<Ended>,
}

impl Client {
    /// A client on a fresh connection.
    pub fn new(id: u32, socket: SocketId, role: Role, pace: Pace) -> Client {
        Client {
            id,
            socket,
            role,
            outbox: Outbox::new(pace),
            input: Vec::new(),
            upgraded: false,
            window_bits: None,
            asked: VecDeque::new(),
            seen: Vec::new(),
            ids: None,
            echoes: VecDeque::new(),
            pings: VecDeque::new(),
            departs: None,
            departs_now: false,
            stalled_until_ms: 0,
            excuses: Excuses::default(),
            sent_close: None,
            due_close: None,
            got_close: None,
            fin: false,
            last_answer: false,
            not_before: 0,
            joined: None,
            numbered: 0,
            lagged: false,
            reader: None,
            ended: None,
        }
    }

    /// Whether it is a WebSocket that may still send messages.
    pub fn may_speak(&self) -> bool {
        let ws = matches!(self.role, Role::Member { .. } | Role::Echo);
        ws && self.ended.is_none() && !self.fin && self.closing().is_none()
    }

    /// The close code under way, whoever began.
    pub fn closing(&self) -> Option<u16> {
        self.sent_close.or(self.due_close).or(self.got_close)
    }

    /// Its channel, for those that have one.
    pub fn channel(&self) -> Option<usize> {
        match self.role {
            Role::Witness(c) | Role::Member { channel: c, .. } => Some(c),
            _ => None,
        }
    }

    /// Whether it has anything to do now.
    pub fn busy(&self, kernel: &Kernel) -> bool {
        if self.ended.is_some() {
            return false;
        }
        if self.excuses.silent && kernel.now_ms() < self.stalled_until_ms {
            return false;
        }
        let s = kernel.socket(self.socket);
        let can_send = !self.outbox.is_empty() && (s.up.room() > 0 || s.server_closed);
        let can_read = !s.down.is_empty() || s.down.ended || s.server_reset;
        can_send || can_read
    }

    /// Moves what can be moved now.
    pub fn pump(
        &mut self,
        kernel: &mut Kernel,
        ledger: &mut Ledger,
        rules: Rules,
        rng: &mut Rng,
    ) -> Result<(), String> {
        if self.ended.is_some() {
            return Ok(());
        }
        let stalled = kernel.now_ms() < self.stalled_until_ms;
        if stalled && self.excuses.silent {
            return Ok(());
        }
        if !stalled {
            self.read(kernel, ledger, rules, rng)?;
        }
        if self.ended.is_none() {
            self.write(kernel, ledger, rng)?;
        }
        Ok(())
    }

    fn read(
        &mut self,
        kernel: &mut Kernel,
        ledger: &mut Ledger,
        rules: Rules,
        rng: &mut Rng,
    ) -> Result<(), String> {
        let max = match self.role {
            Role::Witness(_) => usize::MAX,
            _ => {
                let top = 1 << rng.between(4, 17);
                rng.between(1, top)
            }
        };
        match kernel.client_recv(self.socket, &mut self.input, max) {
            Got::Bytes(n) => {
                kernel.note("  client read", u64::from(self.id), n as u64);
                self.judge(kernel, ledger, rules)
            }
            Got::Nothing => Ok(()),
            Got::End => self.judge_end(kernel, ledger, rules, false),
            Got::Reset => self.judge_end(kernel, ledger, rules, true),
        }
    }

    fn write(
        &mut self,
        kernel: &mut Kernel,
        ledger: &mut Ledger,
        rng: &mut Rng,
    ) -> Result<(), String> {
        let n = self.outbox.put(kernel, self.socket, rng);
        if n > 0 {
            kernel.note("  client sent", u64::from(self.id), n as u64);
        }
        while let Some(done) = self.outbox.reached() {
            match done {
                Milestone::Message(id) => ledger.sent(id),
                Milestone::Upgrade => {
                    self.not_before = self.channel().map_or(0, |c| ledger.order_len(c))
                }
                Milestone::Fin => kernel.client_fin(self.socket),
                Milestone::Connect(_) => {}
            }
        }
        Ok(())
    }

    /// It leaves without a word.
    pub fn leave(&mut self, kernel: &mut Kernel, ledger: &mut Ledger, reset: bool) {
        kernel.note(
            if reset {
                "client resets"
            } else {
                "client leaves"
            },
            u64::from(self.id),
            0,
        );
        if reset {
            kernel.client_reset(self.socket);
        } else {
            kernel.client_close(self.socket);
        }
        ledger.cut(self.id);
        self.end(Ended::Left);
    }

    fn end(&mut self, how: Ended) {
        self.ended = Some(how);
        self.outbox.clear();
        self.input = Vec::new();
    }
}
