//! The simulated network itself, under an echo loop so simple that it can be seen to be right:
//! whoever keeps the contract of `Net` loses nothing, and each way of breaking it is noticed.

use std::collections::{BTreeMap, VecDeque};

use longwave::net::{Accept, Event, Net, Recv, Token};
use longwave::wire::{Sent, Wire};
use longwave_sim::fault::{FAULTS, Fault, Weather};
use longwave_sim::kernel::{Got, Kernel, SocketId};
use longwave_sim::net::{Outside, SimNet};
use longwave_sim::rng::Rng;

/// One way of getting it wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mistake {
    None,
    StopAtMore,
    ForgetRest,
    WaitForAcceptEdge,
    TrustStaleEvents,
}

#[derive(Default)]
struct Peer {
    generation: u32,
    open: bool,
    back: VecDeque<u8>,
    blocked: bool,
    eof: bool,
}

struct Echo {
    net: SimNet<Senders>,
    peers: Vec<Peer>,
    retry: bool,
    mistake: Mistake,
}

impl Echo {
    fn turn(&mut self) {
        let mut events = Vec::new();
        let timeout = if self.retry { 20 } else { 1000 };
        self.net.wait(&mut events, Some(timeout));
        if std::mem::take(&mut self.retry) {
            (0..self.net.listeners()).for_each(|l| self.accept(l));
        }
        for event in events {
            match event {
                Event::Accept(l) => self.accept(l),
                Event::Ready {
                    token,
                    readable,
                    writable,
                    ..
                } => self.ready(token, readable, writable),
                Event::Wake => {}
            }
        }
    }

    fn accept(&mut self, listener: usize) {
        loop {
            let slot = self
                .peers
                .iter()
                .position(|p| !p.open)
                .unwrap_or(self.peers.len());
            if slot == self.peers.len() {
                self.peers.push(Peer::default());
            }
            let generation = self.peers[slot].generation + 1;
            match self.net.accept(
                listener,
                Token {
                    slot: slot as u32,
                    generation,
                },
            ) {
                Accept::Open(_) => {
                    self.peers[slot] = Peer {
                        generation,
                        open: true,
                        ..Peer::default()
                    }
                }
                Accept::Aborted => {}
                Accept::Drained => return,
                Accept::Exhausted => {
                    self.retry = self.mistake != Mistake::WaitForAcceptEdge;
                    return;
                }
            }
        }
    }

    fn ready(&mut self, token: Token, readable: bool, writable: bool) {
        let peer = &mut self.peers[token.slot as usize];
        let stale = peer.generation != token.generation || !peer.open;
        if stale && self.mistake != Mistake::TrustStaleEvents {
            return;
        }
        peer.blocked &= !writable;
        if readable {
            self.read(token.slot);
        }
        if self.peers[token.slot as usize].open {
            self.write(token.slot);
        }
    }

    fn read(&mut self, slot: u32) {
        let mut scratch = [0; 600];
        loop {
            let (n, more) = match self.net.recv(slot, &mut scratch) {
                Recv::More(n) => (n, true),
                Recv::Drained(n) => (n, false),
                Recv::Eof => {
                    self.peers[slot as usize].eof = true;
                    return;
                }
                Recv::Gone => return self.close(slot),
            };
            self.peers[slot as usize].back.extend(&scratch[..n]);
            if !more || self.mistake == Mistake::StopAtMore {
                return;
            }
        }
    }

    fn write(&mut self, slot: u32) {
        let peer = &mut self.peers[slot as usize];
        while !peer.back.is_empty() && !peer.blocked {
            let run = peer.back.make_contiguous();
            let n = match self.net.send(slot, run) {
                Sent::All => run.len(),
                Sent::Blocked(n) => {
                    peer.blocked = true;
                    if self.mistake == Mistake::ForgetRest {
                        run.len()
                    } else {
                        n
                    }
                }
                Sent::Gone => return self.close(slot),
            };
            peer.back.drain(..n);
        }
        if peer.eof && peer.back.is_empty() {
            self.close(slot);
        }
    }

    fn close(&mut self, slot: u32) {
        self.net.close(slot);
        self.peers[slot as usize].open = false;
    }
}

struct Sender {
    socket: SocketId,
    sent: Vec<u8>,
    got: Vec<u8>,
    left: usize,
    done: bool,
    reset: bool,
}

/// Clients that send, end, read back and compare.
struct Senders {
    rng: Rng,
    to_come: usize,
    senders: Vec<Sender>,
    next_ms: u64,
    wrong: Option<String>,
}

impl Senders {
    fn connect(&mut self, kernel: &mut Kernel) {
        let window = [700, 5000, 50_000];
        let (up, down) = (*self.rng.pick(&window), *self.rng.pick(&window));
        if self.rng.chance(100) {
            kernel.emfile_until_ms = kernel.now_ms() + 30;
        }
        let socket = kernel
            .connect([10, 0, 0, 1].into(), up, down)
            .expect("somebody listens");
        let left = self.rng.between(0, 30_000);
        self.senders.push(Sender {
            socket,
            sent: vec![],
            got: vec![],
            left,
            done: false,
            reset: false,
        });
        self.to_come -= 1;
    }

    fn each(&mut self, kernel: &mut Kernel) {
        for s in self.senders.iter_mut().filter(|s| !s.done) {
            if kernel.now_ms() < 1300 && self.rng.chance(3) {
                kernel.client_reset(s.socket);
                (s.done, s.reset) = (true, true);
                continue;
            }
            if s.left > 0 {
                let n = self.rng.between(1, s.left);
                let bytes: Vec<u8> = (0..n).map(|_| self.rng.bits() as u8).collect();
                let n = kernel.client_send(s.socket, &bytes);
                s.sent.extend(&bytes[..n]);
                s.left -= n;
            } else {
                kernel.client_fin(s.socket);
            }
            let max = self.rng.between(1, 4000);
            match kernel.client_recv(s.socket, &mut s.got, max) {
                Got::Bytes(_) | Got::Nothing => {}
                Got::End => s.done = true,
                Got::Reset => self.wrong = Some("reset".into()),
            }
            if !s.sent.starts_with(&s.got) || (s.done && s.got != s.sent) {
                self.wrong = Some("other bytes came back".into());
            }
        }
    }
}

impl Outside for Senders {
    fn next_ms(&self, kernel: &Kernel) -> Option<u64> {
        let idle = self.to_come == 0 && self.senders.iter().all(|s| s.done);
        (!idle && self.wrong.is_none()).then(|| self.next_ms.max(kernel.now_ms()))
    }

    fn act(&mut self, kernel: &mut Kernel) {
        if self.to_come > 0 && self.rng.chance(300) {
            self.connect(kernel);
        }
        self.each(kernel);
        self.next_ms = kernel.now_ms() + self.rng.between(0, 3) as u64;
    }

    fn settle(&mut self, _: &mut Kernel) {}
}

/// What was wrong, and how often each fault was committed.
fn run(seed: u64, mistake: Mistake) -> (Option<String>, Vec<u64>, u64) {
    let mut rng = Rng::new(seed);
    let mut weather = Weather::of(&mut rng);
    weather.set(Fault::StaleEvent, 500);
    let kernel = Kernel::new(2, weather, rng.fork());
    let outside = Senders {
        rng,
        to_come: 20,
        senders: vec![],
        next_ms: 0,
        wrong: None,
    };
    let mut echo = Echo {
        net: SimNet::new(kernel, outside),
        peers: vec![],
        retry: false,
        mistake,
    };
    for _ in 0..20_000 {
        echo.turn();
        let out = &echo.net.outside;
        if echo.net.kernel.now_ms() > 20_000
            || out.wrong.is_some()
            || (out.to_come == 0 && out.senders.iter().all(|s| s.done))
        {
            break;
        }
    }
    (0..20).for_each(|_| echo.turn());
    let out = &echo.net.outside;
    let stuck = out.senders.iter().filter(|s| !s.done).count() + out.to_come;
    let open = echo.net.kernel.open_slots();
    let wrong = out
        .wrong
        .clone()
        .or_else(|| (stuck + open > 0).then(|| format!("{stuck} stuck, {open} open")));
    (
        wrong,
        echo.net.kernel.weather.counts().to_vec(),
        echo.net.kernel.trace.hash(),
    )
}

#[test]
fn who_keeps_the_contract_loses_nothing() {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for seed in 0..80 {
        let (wrong, found, _) = run(seed, Mistake::None);
        assert_eq!(wrong, None, "seed {seed}");
        for (fault, n) in FAULTS.iter().zip(found) {
            *counts.entry(fault.word()).or_default() += n;
        }
    }
    let beyond_this_loop = ["half_close", "stall", "clock_jump", "dribble", "aborted"];
    let missing: Vec<_> = counts
        .iter()
        .filter(|(w, n)| **n == 0 && !beyond_this_loop.contains(w))
        .collect();
    assert!(missing.is_empty(), "never happened: {missing:?}");
}

#[test]
fn each_mistake_is_noticed() {
    let mistakes = [
        (Mistake::StopAtMore, "stop at more"),
        (Mistake::ForgetRest, "forget the rest"),
        (Mistake::WaitForAcceptEdge, "wait for an edge to accept"),
    ];
    for (mistake, name) in mistakes {
        assert!(
            (0..60).any(|seed| run(seed, mistake).0.is_some()),
            "{name} went unnoticed"
        );
    }
}

#[test]
#[should_panic(expected = "used and not open")]
fn a_slot_used_after_its_close_is_noticed() {
    for seed in 0..60 {
        run(seed, Mistake::TrustStaleEvents);
    }
}

#[test]
fn a_seed_is_a_run() {
    assert_eq!(run(7, Mistake::None).2, run(7, Mistake::None).2);
    assert_ne!(run(7, Mistake::None).2, run(8, Mistake::None).2);
}
