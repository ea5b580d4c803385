//! Readers: they come, are cut, and come back on another transport with their last id.

use super::{CHANNELS, Crowd};
use crate::client::{Client, Excuses, Milestone, Pace, Role};
use crate::kernel::Kernel;
use crate::reader::{Kind, Reader};

/// A reader without a connection, and when it wants the next.
#[derive(Debug)]
pub(super) struct Waiting {
    reader: Box<Reader>,
    due_ms: u64,
    /// How often it may still ask for its place.
    tries: u32,
}

/// A reader whose place is not known so often has seen what is wrong, and the books will say it.
const TRIES: u32 = 200;

impl Crowd {
    /// Somebody new begins to read.
    pub(super) fn read_somewhere(&mut self, kernel: &mut Kernel) -> bool {
        let all = (1u8 << CHANNELS.len()) - 1;
        let one = match self.plan.throng {
            Some(throng) => throng.channel,
            None => self.rng.below(CHANNELS.len() as u64) as usize,
        };
        let more = self.rng.bits() as u8;
        let channels = match self.rng.chance(700) {
            true => 1 << one,
            false => (1 << one | more) & all,
        };
        let reader = Box::new(Reader::new(channels, &mut self.rng));
        self.connect_reader(reader, kernel)
    }

    /// Cuts a reader's connection.
    pub(super) fn cut(&mut self, kernel: &mut Kernel) -> bool {
        let Some(at) = self.somebody(|c| c.reader.is_some()) else {
            return false;
        };
        let reset = self.rng.chance(500);
        self.clients[at].leave(kernel, &mut self.ledger, reset);
        true
    }

    /// Takes the readers from connections that are no more.
    pub(super) fn gather_readers(&mut self, kernel: &Kernel) {
        for at in 0..self.active.len() {
            let client = &mut self.clients[self.active[at]];
            if client.ended.is_none() {
                continue;
            }
            let Some(reader) = client.reader.take() else {
                continue;
            };
            let pause = self.rng.below(if reader.refused { 300 } else { 30 });
            // Whoever is turned away while nothing changes any more would be so for ever.
            let short = self.rules.tight || self.rules.frugal;
            let hopeless = self.left == 0 && (reader.refused || short);
            if self.closing || hopeless {
                self.retired.push(*reader);
            } else {
                self.waiting.push(Waiting {
                    reader,
                    due_ms: kernel.now_ms() + pause,
                    tries: TRIES,
                });
            }
        }
    }

    /// Readers whose time has come connect, or ask again where they still are.
    pub(super) fn readers_go_on(&mut self, kernel: &mut Kernel) {
        let now = kernel.now_ms();
        for at in (0..self.waiting.len()).rev() {
            if self.waiting[at].due_ms > now {
                continue;
            }
            let waiting = &mut self.waiting[at];
            let knows = waiting.reader.turn(&self.ledger, &mut self.rng);
            if !knows && waiting.tries > 0 {
                (waiting.due_ms, waiting.tries) = (now + 5, waiting.tries - 1);
                continue;
            }
            let reader = self.waiting.swap_remove(at).reader;
            match knows {
                true => drop(self.connect_reader(reader, kernel)),
                false => self.retired.push(*reader),
            }
        }
        for at in 0..self.active.len() {
            self.poll_again(self.active[at], kernel);
        }
    }

    fn poll_again(&mut self, at: usize, kernel: &mut Kernel) {
        let now = kernel.now_ms();
        let client = &mut self.clients[at];
        let Some(reader) = &mut client.reader else {
            return;
        };
        match reader.asks_at_ms {
            // Just answered: those who do not wait for messages come back after a while.
            Some(0) => {
                let wait = matches!(reader.kind, Kind::Poll { wait: true, .. });
                let pause = if wait && !reader.refused { 1 } else { 150 };
                reader.asks_at_ms = Some(now.max(1) + self.rng.below(pause));
            }
            // See `gather_readers`.
            Some(_) if reader.refused && self.left == 0 => {
                client.leave(kernel, &mut self.ledger, false);
            }
            Some(due) if due <= now => {
                reader.ask_again(self.left == 0);
                self.ask(at);
            }
            _ => {}
        }
    }

    /// When a reader next has something to do by itself.
    pub(super) fn readers_next_ms(&self) -> Option<u64> {
        let waiting = self.waiting.iter().map(|w| w.due_ms);
        let asking = self.active.iter().filter_map(|&at| {
            let reader = self.clients[at].reader.as_ref()?;
            reader.asks_at_ms
        });
        waiting.chain(asking).min()
    }

    /// A reader gets a connection, and asks. False: nobody listens any more.
    fn connect_reader(&mut self, reader: Box<Reader>, kernel: &mut Kernel) -> bool {
        let (addr, id) = (self.address(), self.clients.len() as u32 + 1);
        let window = [2000, 8000, 30_000, 100_000, 400_000];
        let down = *self.rng.pick(&window);
        let Some(socket) = kernel.connect(addr, 2000, down) else {
            self.retired.push(*reader);
            return false;
        };
        let pace = self.pace(false, kernel);
        let mut client = Client::new(id, socket, Role::Reader, pace);
        client.excuses = Excuses {
            late: pace == Pace::Dribble,
            ..Excuses::default()
        };
        client.reader = Some(reader);
        kernel.note("reader connects", u64::from(id), socket as u64);
        let at = self.clients.len();
        self.clients.push(client);
        self.active.push(at);
        self.ask(at);
        true
    }

    /// Sends the request of a reader.
    fn ask(&mut self, at: usize) {
        let Crowd {
            clients,
            ledger,
            rng,
            ..
        } = self;
        let client = &mut clients[at];
        let Some(reader) = &mut client.reader else {
            return;
        };
        reader.refused = false;
        let mut head = reader.request(ledger, rng);
        if let Kind::WebSocket { ids } = reader.kind {
            let (lines, asked) = super::requests::handshake(ids, rng);
            head.push_str(&lines);
            client.asked.push_back(asked);
            client.ids = ids.then(Default::default);
        }
        head.push_str("\r\n");
        client.outbox.push(head.as_bytes());
        if client
            .reader
            .as_ref()
            .is_some_and(|r| r.kind.is_web_socket())
        {
            client.outbox.milestone(Milestone::Upgrade);
        }
    }

    /// After everything has come to rest: every reader has all that there is.
    pub(super) fn check_readers(&self) -> Result<(), String> {
        for client in self.clients.iter() {
            let Some(reader) = &client.reader else {
                continue;
            };
            let listens = match reader.kind.is_web_socket() {
                true => client.upgraded && client.closing().is_none(),
                false => reader.listens(),
            };
            let whole = listens && client.ended.is_none();
            let blame = |e| format!("client {}: {e}", client.id);
            reader.check(&self.ledger, whole).map_err(blame)?;
        }
        let gone = self.waiting.iter().map(|w| &*w.reader);
        gone.chain(&self.retired)
            .try_for_each(|reader| reader.check(&self.ledger, false))
    }

    /// Everything is at rest: whoever polls has to be answered once more.
    pub fn polls_are_due(&mut self) {
        for client in self.clients.iter_mut().filter(|c| c.ended.is_none()) {
            if let Some(reader) = client.reader.as_mut().filter(|r| r.kind.is_poll()) {
                reader.is_due_all(&self.ledger);
            }
        }
    }

    /// Whether they have been.
    pub fn polls_are_answered(&self) -> bool {
        let waits =
            |c: &Client| c.ended.is_none() && c.reader.as_ref().is_some_and(|r| r.unanswered);
        !self.active.iter().any(|&at| waits(&self.clients[at]))
    }

    /// How often readers came back.
    pub fn resumes(&self) -> u64 {
        let there = self.clients.iter().filter_map(|c| c.reader.as_deref());
        let gone = self.waiting.iter().map(|w| &*w.reader);
        let all = there.chain(gone).chain(&self.retired);
        all.map(|reader| u64::from(reader.resumes)).sum()
    }

    /// Nobody comes back from now on.
    pub fn readers_retire(&mut self) {
        self.closing = true;
        let waiting = std::mem::take(&mut self.waiting);
        self.retired.extend(waiting.into_iter().map(|w| *w.reader));
    }
}
