//! What a program emits to one socket among what goes to all: below a kernel that takes as little as it likes
//! everything comes once and whole, and in order; and where it takes all, in one order.

use super::*;
use crate::relay::app::{Command, Target};

/// A small generator of numbers (Marsaglia's xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }
}

/// Emits the event `n` with a number and something to make it long, and sometimes with bytes.
fn emit(to: Target, name: &str, n: usize, dice: &mut Dice) -> Command {
    let long = "x".repeat(dice.roll(300));
    let (place, attachments) = match dice.roll(4) {
        0 => (
            ",{\"_placeholder\":true,\"num\":0}",
            vec![vec![1; dice.roll(300)]],
        ),
        _ => ("", vec![]),
    };
    Command::Emit {
        to,
        data: format!("[\"{name}\",{n},\"{long}\"{place}]"),
        attachments,
    }
}

/// A socket in the namespace `/a`, carried by a WebSocket or by polls.
struct Socket {
    slot: u32,
    id: String,
    /// Of its polls.
    path: Option<String>,
    /// Packets of text so far; bytes are checked to be whole only.
    heard: Vec<String>,
    input: Vec<u8>,
}

impl Socket {
    /// First in `/b`, so that the place in `/a` is a seat, or not.
    fn new(world: &mut World, polls: bool, seat: bool) -> Socket {
        let spaces = if seat { &["/b", "/a"][..] } else { &["/a"] };
        let (slot, path) = match polls {
            true => {
                let (path, slot) = world.polling(&[]);
                (slot, Some(path))
            }
            false => (world.engine_socket(&[]), None),
        };
        let mut joined = String::new();
        for space in spaces {
            let packet = format!("40{space},");
            joined = match &path {
                Some(path) => {
                    world.post(slot, path, &packet);
                    world.ask(slot, &get(path, ""))
                }
                None => {
                    world.say(slot, &[&packet]);
                    world.got(slot)
                }
            };
        }
        let id = joined.rsplit("\"sid\":\"").next().unwrap()[..20].to_owned();
        world.kernel.got.remove(&slot);
        Socket {
            slot,
            id,
            path,
            heard: Vec::new(),
            input: Vec::new(),
        }
    }

    /// Takes what the kernel has; polls again where the last answer is whole.
    fn listen(&mut self, world: &mut World, waits: &mut bool) {
        let got = world.kernel.got.remove(&self.slot).unwrap_or_default();
        self.input.extend(got);
        let Some(path) = self.path.clone() else {
            return self.take_frames();
        };
        while let Some(head) = self.input.windows(4).position(|w| w == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&self.input[..head]).into_owned();
            let (_, length) = text.split_once("Content-Length: ").unwrap();
            let length: usize = length.lines().next().unwrap().parse().unwrap();
            if self.input.len() < head + 4 + length {
                break;
            }
            let body = self.input.drain(..head + 4 + length).skip(head + 4);
            let body = String::from_utf8(body.collect()).unwrap();
            let packets = body.split('\x1e').filter(|p| !p.starts_with('b'));
            self.heard.extend(packets.map(str::to_owned));
            *waits = false;
        }
        if !std::mem::replace(waits, true) {
            world.receive(self.slot, &get(&path, ""));
        }
    }

    fn take_frames(&mut self) {
        while self.input.len() > 3 {
            let (head, length) = match self.input[1] {
                126 => (
                    4,
                    usize::from(self.input[2]) << 8 | usize::from(self.input[3]),
                ),
                length => (2, usize::from(length)),
            };
            if self.input.len() < head + length {
                return;
            }
            let frame: Vec<u8> = self.input.drain(..head + length).collect();
            match frame[0] {
                0x81 => self
                    .heard
                    .push(String::from_utf8(frame[head..].to_vec()).unwrap()),
                first => assert_eq!(first, 0x82),
            }
        }
    }

    /// The numbers of its events of this name, or of all.
    fn numbers(&self, names: &[&str]) -> Vec<usize> {
        let number = |packet: &String| {
            let (_, event) = packet.split_once("/a,[\"")?;
            let (name, rest) = event.split_once("\",")?;
            names
                .contains(&name)
                .then(|| rest.split(',').next()?.parse().ok())?
        };
        self.heard.iter().filter_map(number).collect()
    }
}

fn run(seed: u64) {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let (polls, seat, narrow) = (dice.roll(2) == 0, dice.roll(2) == 0, dice.roll(2) == 0);
    let mut world = World::new(|_| {});
    let mut socket = Socket::new(&mut world, polls, seat);
    let (mut all, mut one, mut waits) = (Vec::new(), Vec::new(), false);
    for n in 0..40 {
        let command = match dice.roll(2) {
            0 => {
                all.push(n);
                emit(Target::Channel("a".into()), "all", n, &mut dice)
            }
            _ => {
                one.push(n);
                emit(Target::One(socket.id.as_str().into()), "one", n, &mut dice)
            }
        };
        world.relay.run_commands(vec![command], world.now);
        if narrow && dice.roll(2) == 0 {
            world.room(socket.slot, dice.roll(900));
        }
        if dice.roll(3) == 0 {
            world.turn();
            socket.listen(&mut world, &mut waits);
        }
    }
    for _ in 0..200 {
        world.room(socket.slot, usize::MAX);
        world.turn();
        socket.listen(&mut world, &mut waits);
    }
    let case = format!("seed {seed}: polls {polls} seat {seat} narrow {narrow}");
    assert_eq!(socket.numbers(&["all"]), all, "{case}");
    assert_eq!(socket.numbers(&["one"]), one, "{case}");
    if !narrow {
        let both: Vec<usize> = (0..40).collect();
        assert_eq!(socket.numbers(&["all", "one"]), both, "{case}");
    }
    assert!(socket.input.is_empty(), "{case}");
    world.assert_empty();
}

#[test]
fn one_and_all_come_once_whole_and_in_order() {
    (1..400).for_each(run);
}
