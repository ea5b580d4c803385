//! The operations: which there are, how often each is chosen, and what it does.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{CHANNELS, Crowd};
use crate::client::{Client, Excuses, Milestone, Pace, Role};
use crate::fault::Fault;
use crate::kernel::Kernel;

/// Something that somebody outside does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Speak,
    Ping,
    Post,
    Mail,
    Join,
    Stall,
    Reset,
    Leave,
    HalfClose,
    Goodbye,
    Violate,
    Emfile,
    Jump,
    Abort,
    Burst,
    Exodus,
    Read,
    Cut,
}

use Operation as Op;

/// Each with its weight and its name in reports.
const TABLE: &[(Op, u64, &str)] = &[
    (Op::Speak, 480, "message"),
    (Op::Ping, 60, "ping"),
    (Op::Post, 40, "post"),
    (Op::Mail, 30, "mailbox"),
    (Op::Join, 60, "connect"),
    (Op::Stall, 40, "stall"),
    (Op::Reset, 10, "reset"),
    (Op::Leave, 5, "leave"),
    (Op::HalfClose, 8, "half_close"),
    (Op::Goodbye, 14, "goodbye"),
    (Op::Violate, 12, "violation"),
    (Op::Emfile, 3, "emfile"),
    (Op::Jump, 1, "clock_jump"),
    (Op::Abort, 4, "abort"),
    (Op::Burst, 6, "burst"),
    (Op::Exodus, 12, "exodus"),
    (Op::Read, 25, "reader"),
    (Op::Cut, 30, "cut"),
];

impl Crowd {
    pub(super) fn operate(&mut self, kernel: &mut Kernel) {
        if self.plan.guests.is_some() && self.rng.chance(300) {
            return self.operate_guests(kernel);
        }
        let total = TABLE.iter().map(|t| t.1).sum();
        let mut at = self.rng.below(total);
        let (op, _, name) = TABLE
            .iter()
            .find(|(_, weight, _)| {
                let here = at < *weight;
                at = at.saturating_sub(*weight);
                here
            })
            .expect("below the total");
        if self.operation(*op, kernel) {
            *self.done.entry(name).or_default() += 1;
        }
    }

    /// Does it, if there is somebody to do it.
    fn operation(&mut self, op: Op, kernel: &mut Kernel) -> bool {
        match op {
            Op::Join => return self.arrive(kernel),
            Op::Mail => self.mail(),
            Op::Emfile => kernel.emfile_until_ms = kernel.now_ms() + 20 + self.rng.below(300),
            Op::Jump => self.jump(kernel),
            Op::Abort => return self.abort(kernel),
            Op::Exodus => return self.exodus(),
            Op::Read => return self.plan.readers && self.room() && self.read_somewhere(kernel),
            Op::Cut => return self.cut(kernel),
            Op::Post => {
                return self
                    .somebody(|c| c.role == Role::Http && c.may_ask())
                    .map(|at| self.post(at))
                    .is_some();
            }
            Op::Stall => return self.stall(kernel),
            Op::Speak | Op::Ping | Op::Burst | Op::HalfClose | Op::Goodbye | Op::Violate => {
                return self.speaker(op, kernel);
            }
            Op::Reset | Op::Leave => return self.part(op == Op::Reset, kernel),
        }
        true
    }

    pub(super) fn somebody(&mut self, who: impl Fn(&Client) -> bool) -> Option<usize> {
        let fit: Vec<usize> = self
            .active
            .iter()
            .copied()
            .filter(|&i| who(&self.clients[i]))
            .collect();
        (!fit.is_empty()).then(|| *self.rng.pick(&fit))
    }

    fn speaker(&mut self, op: Op, kernel: &mut Kernel) -> bool {
        let room = 4 * self.plan.message_bytes_max;
        let quiet = matches!(op, Op::HalfClose);
        let who = |c: &Client| {
            (c.may_speak() && c.outbox.len() < room)
                || (quiet && c.role == Role::Http && c.may_ask())
        };
        let Some(at) = self.somebody(who) else {
            return false;
        };
        match op {
            Op::Speak => self.speak(at),
            Op::Ping => self.ping(at),
            Op::Burst => (0..self.rng.between(5, 40)).for_each(|_| self.speak(at)),
            Op::Goodbye => self.say_goodbye(at),
            Op::Violate => self.break_protocol(at, kernel),
            _ => self.half_close(at, kernel),
        }
        true
    }

    fn part(&mut self, reset: bool, kernel: &mut Kernel) -> bool {
        let Some(at) = self.somebody(|c| !matches!(c.role, Role::Witness(_))) else {
            return false;
        };
        self.clients[at].leave(kernel, &mut self.ledger, reset);
        true
    }

    /// Somebody speaks, and as soon as some of those who listen have got that, or whatever comes
    /// before it, they go: while others are still to be served.
    fn exodus(&mut self) -> bool {
        let fit = |c: &Client| c.channel().is_some() && c.may_speak() && c.outbox.is_empty();
        let Some(speaker) = self.somebody(fit) else {
            return false;
        };
        let channel = self.clients[speaker].channel();
        for _ in 0..self.rng.between(1, 4) {
            let goes = |c: &Client| c.channel() == channel && c.may_speak() && c.joined.is_some();
            if let Some(at) = self.somebody(goes).filter(|&at| at != speaker) {
                let how = [Op::Reset, Op::Leave, Op::HalfClose, Op::Goodbye];
                self.clients[at].departs = Some(*self.rng.pick(&how));
            }
        }
        self.speak(speaker);
        true
    }

    /// What the client was to do when it got a message.
    pub(super) fn depart(&mut self, at: usize, how: Op, kernel: &mut Kernel) {
        match how {
            Op::Goodbye => self.say_goodbye(at),
            Op::HalfClose => self.half_close(at, kernel),
            _ => self.clients[at].leave(kernel, &mut self.ledger, how == Op::Reset),
        }
    }

    fn half_close(&mut self, at: usize, kernel: &mut Kernel) {
        kernel.weather.count(Fault::HalfClose);
        self.clients[at].outbox.milestone(Milestone::Fin);
        self.clients[at].fin = true;
    }

    fn stall(&mut self, kernel: &mut Kernel) -> bool {
        let awake = kernel.now_ms().saturating_sub(2 * self.plan.stall_ms_max);
        let who = |c: &Client| !matches!(c.role, Role::Witness(_)) && c.stalled_until_ms <= awake;
        let Some(at) = self.somebody(who) else {
            return false;
        };
        let long = self.rng.chance(30);
        let ms = if long {
            600_000
        } else {
            self.rng.below(self.plan.stall_ms_max)
        };
        let client = &mut self.clients[at];
        client.stalled_until_ms = kernel.now_ms() + ms;
        client.excuses.stalled = true;
        client.excuses.silent |= long;
        client.excuses.late |= long;
        kernel.weather.count(Fault::Stall);
        kernel.note("client stalls", u64::from(client.id), ms);
        true
    }

    fn jump(&mut self, kernel: &mut Kernel) {
        kernel.frozen_until_ms = kernel.now_ms() + 1000 + self.rng.below(120_000);
        self.excuse_everybody();
        self.excuse_guests(kernel.frozen_until_ms);
    }

    /// Deadlines pass: whoever is inside a request or a handshake may miss it.
    pub(super) fn excuse_everybody(&mut self) {
        for &at in &self.active {
            let c = &mut self.clients[at];
            let within = !c.upgraded || c.closing().is_some();
            c.excuses.late |= within;
        }
    }

    fn abort(&mut self, kernel: &mut Kernel) -> bool {
        let addr = self.address();
        let Some(socket) = kernel.connect(addr, 1000, 1000) else {
            return false;
        };
        if self.rng.chance(500) {
            kernel.client_send(socket, b"GET / HT");
        }
        kernel.client_reset(socket);
        true
    }

    pub(super) fn address(&mut self) -> IpAddr {
        let host = self.rng.below(8) as u8;
        if self.rng.chance(500) {
            Ipv4Addr::new(10, 0, 0, host).into()
        } else {
            Ipv6Addr::from([host; 16]).into()
        }
    }

    /// Whether there may be more clients.
    fn room(&self) -> bool {
        self.active.len() + self.waiting.len() < self.plan.clients
    }

    /// One comes, or where there is a throng, several at once.
    fn arrive(&mut self, kernel: &mut Kernel) -> bool {
        let most = self.plan.throng.map_or(1, |_| 6);
        let many = self.rng.between(1, most);
        (0..many).fold(false, |any, _| self.join_somehow(kernel) | any)
    }

    fn join_somehow(&mut self, kernel: &mut Kernel) -> bool {
        if !self.room() {
            return false;
        }
        let channel = match self.plan.throng {
            Some(throng) if self.rng.chance(900) => throng.channel,
            _ => self.rng.below(CHANNELS.len() as u64) as usize,
        };
        let role = match self.rng.below(20) {
            0..=12 => Role::Member {
                channel,
                echo: self.rng.chance(250),
            },
            13..=14 => Role::Echo,
            15..=18 => Role::Http,
            _ => Role::Rude,
        };
        let hoards = self.rules.frugal && self.rng.chance(600);
        let role = if hoards { Role::Rude } else { role };
        self.join(role, kernel).is_some()
    }

    /// A new client connects and begins as its role does.
    pub fn join(&mut self, role: Role, kernel: &mut Kernel) -> Option<usize> {
        let (addr, id) = (self.address(), self.clients.len() as u32 + 1);
        let witness = matches!(role, Role::Witness(_));
        let window = [2000, 8000, 30_000, 100_000, 400_000];
        let (up, down) = match witness {
            true => (usize::MAX, usize::MAX),
            false => (*self.rng.pick(&window), *self.rng.pick(&window)),
        };
        let socket = kernel.connect(addr, up, down)?;
        let mut client = Client::new(id, socket, role, self.pace(witness, kernel));
        client.excuses = Excuses {
            late: client.outbox.pace == Pace::Dribble,
            ..Excuses::default()
        };
        kernel.note("client connects", u64::from(id), socket as u64);
        let at = self.clients.len();
        self.clients.push(client);
        self.active.push(at);
        match role {
            Role::Http => {
                self.ledger.each_alone(id);
                self.post(at);
            }
            Role::Rude if self.rules.frugal => self.hoard(at),
            Role::Rude => self.be_rude(at),
            _ => self.upgrade(at),
        }
        if self.clients[at].may_speak() {
            (0..self.rng.below(3)).for_each(|_| self.speak(at));
        }
        Some(at)
    }

    pub(super) fn pace(&mut self, witness: bool, kernel: &mut Kernel) -> Pace {
        match self.rng.below(10) {
            0..=4 => Pace::Whole,
            _ if witness => Pace::Whole,
            5 if self.rng.chance(300) => {
                kernel.weather.count(Fault::Dribble);
                Pace::Dribble
            }
            _ => Pace::Pieces,
        }
    }
}

impl Client {
    /// Whether it may send a further request.
    fn may_ask(&self) -> bool {
        !self.fin && !self.last_answer && self.asked.len() < 12
    }
}
