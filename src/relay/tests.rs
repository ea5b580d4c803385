//! A relay below a kernel that takes what the test lets it: rules that sockets show late or never.

mod addresses;
mod counts;
mod order;
mod polls;
mod posts;
mod resuming;
mod sessions;
mod waiting;

use std::collections::HashMap;
use std::io::IoSlice;
use std::net::IpAddr;

use super::Relay;
use super::inbox::Letter;
use crate::limits::SCRATCH_BYTES;
use crate::settings::Settings;
use crate::wire::{Role, Sent, Wire};
use crate::ws::Kind;

/// Keeps what it takes; of slots that are named only so much.
#[derive(Default)]
struct Kernel {
    room: HashMap<u32, usize>,
    got: HashMap<u32, Vec<u8>>,
}

impl Wire for Kernel {
    fn send(&mut self, slot: u32, bytes: &[u8]) -> Sent {
        let room = self.room.entry(slot).or_insert(usize::MAX);
        let n = bytes.len().min(*room);
        *room -= n;
        self.got.entry(slot).or_default().extend(&bytes[..n]);
        match n == bytes.len() {
            true => Sent::All,
            false => Sent::Blocked(n),
        }
    }

    fn send_vectored(&mut self, slot: u32, slices: &[IoSlice<'_>]) -> Sent {
        let bytes: Vec<u8> = slices.iter().flat_map(|s| s.iter().copied()).collect();
        self.send(slot, &bytes)
    }
}

/// A relay, its kernel and its clock.
struct World {
    relay: Relay,
    kernel: Kernel,
    now: u64,
}

impl World {
    fn new(change: impl FnOnce(&mut Settings)) -> World {
        let mut settings = Settings::default();
        change(&mut settings);
        let mut relay = Relay::new(settings);
        relay.start_ids(1_700_000_000_000_000_000);
        World {
            relay,
            kernel: Kernel::default(),
            now: 0,
        }
    }

    fn connect(&mut self, address: [u8; 4]) -> u32 {
        let slot = self.relay.next_token().slot;
        let address = IpAddr::from(address);
        self.relay.accepted(Role::Public, address, self.now);
        slot
    }

    /// This comes from a peer, as the loop would show it; nothing is sent yet.
    fn receive(&mut self, slot: u32, text: &str) {
        self.receive_bytes(slot, text.as_bytes());
    }

    fn receive_bytes(&mut self, slot: u32, bytes: &[u8]) {
        let (relay, now) = (&mut self.relay, self.now);
        let mut scratch = vec![0; SCRATCH_BYTES];
        let kept = relay.restore(slot, &mut scratch, now);
        let fill = kept + bytes.len();
        scratch[kept..fill].copy_from_slice(bytes);
        let used = match relay.may_read(slot) {
            true => relay.input(slot, &mut scratch[..fill], false, now),
            false => 0,
        };
        relay.keep(slot, &scratch[used..fill], now);
    }

    fn turn(&mut self) {
        let mut ready = Vec::new();
        self.relay.turn_begins(self.now * 1000);
        self.relay.take_ready(&mut ready);
        for slot in ready {
            if self.relay.is_ready(slot) {
                self.receive(slot, "");
            }
        }
        self.relay.expire(self.now);
        while self.relay.flush(&mut self.kernel, self.now) {
            self.relay.sent_at(self.now * 1000);
        }
        self.relay.keep_budget(self.now);
        while self.relay.reap(self.now).is_some() {}
        self.relay.answer_waiters(self.now);
    }

    /// What a peer is sent until nothing happens any more.
    fn ask(&mut self, slot: u32, text: &str) -> String {
        self.ask_bytes(slot, text.as_bytes())
    }

    fn ask_bytes(&mut self, slot: u32, bytes: &[u8]) -> String {
        self.kernel.got.remove(&slot);
        self.receive_bytes(slot, bytes);
        for _ in 0..4 {
            self.turn();
        }
        self.got(slot)
    }

    /// What a peer was sent since the last question.
    fn got(&self, slot: u32) -> String {
        let got = self.kernel.got.get(&slot);
        String::from_utf8_lossy(got.map_or(&[][..], |got| got)).into_owned()
    }

    /// The kernel takes so many bytes more of a peer, and says so.
    fn room(&mut self, slot: u32, bytes: usize) {
        self.kernel.room.insert(slot, bytes);
        self.relay.writable(slot, self.now);
    }

    fn publish(&mut self, channel: &str, text: &str) {
        self.relay.take_letter(Letter::Publish {
            channel: channel.into(),
            kind: Kind::Text,
            payload: text.as_bytes().into(),
        });
        self.relay.read_letters(self.now);
    }
}

fn get(path: &str, further: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\n{further}\r\n")
}

fn upgrade(path: &str, further: &str) -> String {
    let lines = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    get(path, &[lines, further].concat())
}

/// The status of the first answer in this; 0: none.
fn status(answer: &str) -> u16 {
    let status = answer.split(' ').nth(1);
    status.map_or(0, |status| status.parse().unwrap())
}

/// The value of a header line.
fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let value = answer.lines().find_map(|line| line.strip_prefix(name));
    value?.strip_prefix(": ")
}
