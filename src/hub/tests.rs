//! The hub under random operations, against a twin that keeps every member's bytes apart.

mod batch;
mod bounds;
mod delete;
mod forms;
mod history;
mod lag;
mod resume;
mod sets;
mod timing;
mod watch;

use std::collections::BTreeMap;
use std::io::IoSlice;

use proptest::prelude::*;

use super::*;
use crate::counters::Counters;
use crate::settings::{Settings, Slow};
use crate::wire::{Sent, Wire};
use crate::ws::Kind;

const LIMITS: HubLimits = HubLimits {
    channels_max: 4,
    unflushed_bytes_max: 8_000,
    linger_ms: 10,
    // Uncompressed, a form for compression has the bytes of the plain one.
    deflate: DeflateSettings {
        bytes_min: usize::MAX,
        level: 2,
    },
    batch_us: 0,
    history_memory_max: 64 << 20,
};

/// A kernel whose buffers hold a little: a send takes what there is room for.
#[derive(Default)]
struct Kernel {
    room: BTreeMap<u32, usize>,
    got: BTreeMap<u32, Vec<u8>>,
    sends: usize,
}

impl Wire for Kernel {
    fn send(&mut self, slot: u32, bytes: &[u8]) -> Sent {
        self.sends += 1;
        let room = self.room.get_mut(&slot).expect("a send to nobody");
        let n = bytes.len().min(*room);
        *room -= n;
        self.got
            .entry(slot)
            .or_default()
            .extend_from_slice(&bytes[..n]);
        if n == bytes.len() {
            Sent::All
        } else {
            Sent::Blocked(n)
        }
    }

    fn send_vectored(&mut self, slot: u32, slices: &[IoSlice<'_>]) -> Sent {
        let bytes: Vec<u8> = slices.iter().flat_map(|s| s.iter().copied()).collect();
        self.send(slot, &bytes)
    }
}

/// See `Policy`.
const LAG_BYTES_MAX: u64 = 20_000;

fn hub() -> Hub {
    hub_with(|_| {})
}

fn hub_with(set: impl Fn(&mut Settings)) -> Hub {
    let mut settings = Settings::default();
    settings.limits.lag_bytes_max = LAG_BYTES_MAX as usize;
    settings.limits.history_messages_max = 0;
    set(&mut settings);
    Hub::new(LIMITS, Policies::new(&settings))
}

/// A hub with one channel, its kernel, and what every member should have got.
struct Bed {
    hub: Hub,
    kernel: Kernel,
    channel: u32,
    places: BTreeMap<u32, Place>,
    owed: BTreeMap<u32, Vec<u8>>,
    /// Bytes of its own that lie in the log and are not for itself.
    own: BTreeMap<u32, usize>,
    queued: Vec<u32>,
    blocked: Vec<u32>,
    lagged: Vec<u32>,
    next_slot: u32,
}

impl Bed {
    fn new() -> Bed {
        let mut hub = hub();
        let channel = hub.open("news", 0).unwrap();
        Bed {
            hub,
            kernel: Kernel::default(),
            channel,
            places: BTreeMap::new(),
            owed: BTreeMap::new(),
            own: BTreeMap::new(),
            queued: Vec::new(),
            blocked: Vec::new(),
            lagged: Vec::new(),
            next_slot: 0,
        }
    }

    fn join(&mut self) {
        let slot = self.next_slot;
        self.next_slot += 1;
        let place = self.hub.join(
            self.channel,
            match slot % 4 {
                3 => Form::Deflated(9),
                2 => Form::Deflated(15),
                _ => Form::Plain,
            },
            Token {
                slot,
                generation: slot + 1,
            },
        );
        self.places.insert(slot, place);
        self.owed.insert(slot, Vec::new());
        self.kernel.room.insert(slot, 5_000);
    }

    fn nth(&self, n: usize) -> Option<u32> {
        let count = self.places.len().max(1);
        self.places.keys().nth(n % count).copied()
    }

    fn leave(&mut self, slot: u32) {
        let Some(place) = self.places.remove(&slot) else {
            return;
        };
        for (moved, member) in self.hub.leave(place, 0).into_iter().flatten() {
            self.places.get_mut(&moved).expect("a moved member").member = member;
        }
        let (got, owed) = (self.kernel.got.remove(&slot), self.owed.remove(&slot));
        let (got, owed) = (got.unwrap_or_default(), owed.unwrap_or_default());
        assert!(owed.starts_with(&got), "slot {slot} got what it should not");
        self.queued.retain(|s| *s != slot);
        self.blocked.retain(|s| *s != slot);
    }

    fn publish(&mut self, sender: Option<u32>, len: usize) {
        let payload: Vec<u8> = (0..len).map(|i| (i + len) as u8).collect();
        let message = Message {
            kind: Kind::Binary,
            content_type: None,
            event: None,
            body: Body::Plain(&payload),
        };
        let place = sender.map(|slot| Sender(self.places[&slot]));
        let submitted = self.hub.submit(self.channel, message, place, 0).unwrap();
        let mut frame = Vec::new();
        crate::ws::append_frame(&mut frame, Kind::Binary.opcode(), &payload);
        let others = self
            .owed
            .iter_mut()
            .filter(|(slot, _)| Some(**slot) != sender);
        let count = others
            .map(|(_, owed)| owed.extend_from_slice(&frame))
            .count();
        assert_eq!(submitted.subscribers, count);
        if let Some(slot) = sender {
            *self.own.entry(slot).or_default() += frame.len();
        }
    }

    fn sweep(&mut self, visits: usize) -> bool {
        let mut reports = Vec::new();
        let mut counters = Counters::default();
        let Bed { hub, kernel, .. } = self;
        let used = hub.sweep(visits, kernel, &mut counters, &mut reports, 0);
        for report in reports {
            match report {
                Report::Stuck(slot, Progress::More) => self.queued.push(slot),
                Report::Stuck(slot, Progress::Blocked) => self.blocked.push(slot),
                Report::Lagged(slot, Lag::Bytes) => self.lagged.push(slot),
                Report::Resume(_) | Report::Lagged(..) | Report::Missed(..) => {}
                Report::Stuck(slot, progress) => panic!("slot {slot}: {progress:?}"),
            }
        }
        for slot in std::mem::take(&mut self.lagged) {
            let (got, owed) = (&self.kernel.got[&slot], &self.owed[&slot]);
            let own = self.own.get(&slot).unwrap_or(&0);
            assert!(
                own + owed.len() - got.len() > LAG_BYTES_MAX as usize,
                "closed too early"
            );
            self.leave(slot);
        }
        used.is_some()
    }

    /// The kernel of this slot has room again, and what waits is pushed.
    fn make_room(&mut self, slot: u32, bytes: usize) {
        *self.kernel.room.entry(slot).or_default() += bytes;
        let stuck = [&self.queued, &self.blocked]
            .iter()
            .any(|list| list.contains(&slot));
        let Some(&place) = self.places.get(&slot).filter(|_| stuck) else {
            return;
        };
        self.queued.retain(|s| *s != slot);
        self.blocked.retain(|s| *s != slot);
        let to_border = self.hub.mid_message(place);
        let mut counters = Counters::default();
        match self
            .hub
            .push(place, to_border, &mut self.kernel, &mut counters)
        {
            Progress::All if self.hub.caught_up(place) => self.hub.release(place),
            Progress::Blocked => {
                self.blocked.push(slot);
                self.hub.hold(place, true, 0);
            }
            Progress::All | Progress::More => {
                self.queued.push(slot);
                self.hub.hold(place, false, 0);
            }
            progress => panic!("slot {slot}: {progress:?}"),
        }
    }

    /// Everybody reads everything.
    fn settle(&mut self) {
        for _ in 0..100 {
            while self.sweep(3) {}
            let stuck: Vec<u32> = self.queued.iter().chain(&self.blocked).copied().collect();
            stuck
                .into_iter()
                .for_each(|slot| self.make_room(slot, 1 << 20));
        }
        for (slot, owed) in &self.owed {
            let got = self.kernel.got.get(slot).map_or(&[][..], |g| g);
            assert!(
                got == owed,
                "slot {slot}: {} of {} bytes",
                got.len(),
                owed.len()
            );
        }
        assert_eq!(self.hub.log_bytes().0, 0);
        assert!(!self.hub.paused(self.channel));
    }
}

#[derive(Debug, Clone)]
enum Op {
    Join,
    Leave(usize),
    Publish(Option<usize>, usize),
    Sweep(usize),
    Room(usize, usize),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        2 => Just(Op::Join),
        1 => any::<usize>().prop_map(Op::Leave),
        6 => (any::<Option<usize>>(), 0usize..3_000).prop_map(|(s, n)| Op::Publish(s, n)),
        8 => (1usize..6).prop_map(Op::Sweep),
        4 => (any::<usize>(), 0usize..9_000).prop_map(|(s, n)| Op::Room(s, n)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn everyone_gets_everything_once_and_in_order(ops in prop::collection::vec(op(), 1..150)) {
        let mut bed = Bed::new();
        (0..3).for_each(|_| bed.join());
        for op in ops {
            match op {
                Op::Join if bed.places.len() < 9 => bed.join(),
                Op::Join => {}
                Op::Leave(n) => bed.nth(n).into_iter().for_each(|slot| bed.leave(slot)),
                // A paused channel's publishers are not read.
                Op::Publish(..) if bed.hub.paused(bed.channel) => {}
                Op::Publish(sender, len) => bed.publish(sender.and_then(|n| bed.nth(n)), len),
                Op::Sweep(visits) => drop(bed.sweep(visits)),
                Op::Room(n, bytes) => bed.nth(n).into_iter().for_each(|s| bed.make_room(s, bytes)),
            }
        }
        bed.settle();
    }
}

#[test]
fn messages_that_wait_go_out_in_one_send() {
    let mut bed = Bed::new();
    (0..10).for_each(|_| bed.join());
    (0..16).for_each(|_| bed.publish(None, 100));
    while bed.sweep(1000) {}
    assert_eq!(bed.kernel.sends, 10);
}

#[test]
fn a_sender_that_keeps_up_is_not_even_written_to() {
    let mut bed = Bed::new();
    (0..2).for_each(|_| bed.join());
    (0..5).for_each(|_| bed.publish(Some(0), 10));
    while bed.sweep(1000) {}
    assert_eq!(bed.kernel.sends, 1);
    bed.settle();
}

#[test]
fn publishers_are_paused_at_the_bound_and_resume_once_it_is_offered() {
    let mut bed = Bed::new();
    (0..100).for_each(|_| bed.join());
    while !bed.hub.paused(bed.channel) {
        bed.publish(None, 1_000);
    }
    let token = Token {
        slot: 77,
        generation: 1,
    };
    bed.hub.await_resume(bed.channel, token);
    let (mut reports, mut counters) = (Vec::new(), Counters::default());
    while bed
        .hub
        .sweep(10, &mut bed.kernel, &mut counters, &mut reports, 0)
        .is_some()
    {}
    assert!(reports.contains(&Report::Resume(token)));
    assert!(!bed.hub.paused(bed.channel));
    assert_eq!(bed.hub.pauses(), 1);
}

#[test]
fn one_message_of_any_size_never_violates_the_lag_bound() {
    let mut bed = Bed::new();
    bed.join();
    bed.publish(None, 100_000);
    while bed.sweep(10) {}
    assert_eq!(bed.blocked, [0]);
    bed.publish(None, LAG_BYTES_MAX as usize - 4);
    while bed.sweep(10) {}
    assert_eq!(bed.places.len(), 1, "exactly the bound passes");
    bed.publish(None, 0);
    while bed.sweep(10) {}
    assert_eq!(bed.places.len(), 0, "one byte more does not");
}

#[test]
fn a_channel_goes_a_while_after_its_last_use_and_not_before() {
    let mut hub = hub();
    let channel = hub.open("a", 0).unwrap();
    let message = |payload| Message {
        kind: Kind::Text,
        content_type: None,
        event: None,
        body: Body::Plain(payload),
    };
    hub.submit(channel, message(b"x"), None, 5).unwrap();
    hub.expire(14, &mut vec![]);
    assert_eq!(hub.channels(), 1);
    hub.expire(15, &mut vec![]);
    assert_eq!(hub.channels(), 0);
    assert_eq!(hub.next_linger(), None);
    let channel = hub.open("b", 20).unwrap();
    let place = hub.join(
        channel,
        Form::Plain,
        Token {
            slot: 1,
            generation: 1,
        },
    );
    hub.expire(1_000, &mut vec![]);
    assert_eq!(hub.channels(), 1, "a subscriber keeps it");
    hub.leave(place, 1_000);
    hub.expire(1_009, &mut vec![]);
    assert_eq!(hub.channels(), 1);
    hub.expire(1_010, &mut vec![]);
    assert_eq!(hub.channels(), 0);
}

#[test]
fn who_was_in_use_when_room_was_wanted_goes_once_it_is_not() {
    let mut hub = hub();
    for slot in 0..4 {
        let channel = hub.open(&slot.to_string(), 0).unwrap();
        let token = Token {
            slot,
            generation: 1,
        };
        let place = hub.join(channel, Form::Plain, token);
        if slot == 3 {
            assert_eq!(hub.open("more", 1), Err(Reason::FullChannels));
            hub.leave(place, 2);
        }
    }
    assert!(hub.open("more", 3).is_ok());
    assert_eq!(hub.find("3"), None);
}

#[test]
fn who_was_used_last_stays_longest_whenever_it_was_made_or_looked_at() {
    for history in [0, 10] {
        let mut hub = hub_with(|s| s.limits.history_messages_max = history);
        let publish = |hub: &mut Hub, name: &str, now| {
            let channel = hub.open(name, now).unwrap();
            let message = Message {
                kind: Kind::Text,
                content_type: None,
                event: None,
                body: Body::Plain(b"x"),
            };
            hub.submit(channel, message, None, now).unwrap();
            while hub
                .sweep(
                    9,
                    &mut Kernel::default(),
                    &mut Counters::default(),
                    &mut vec![],
                    now,
                )
                .is_some()
            {}
        };
        for (name, now) in [("a", 0), ("b", 1), ("c", 2), ("d", 3), ("a", 4), ("b", 5)] {
            publish(&mut hub, name, now);
        }
        hub.expire(6, &mut vec![]);
        let turns = [("e", "c"), ("f", "d"), ("g", "a"), ("h", "b"), ("i", "e")];
        for ((new, gone), now) in turns.into_iter().zip(7..) {
            assert!(hub.find(gone).is_some());
            publish(&mut hub, new, now);
            assert!(hub.find(gone).is_none(), "{gone} was idle for longest");
        }
        assert!(hub.idle.len() <= 4 + 64 + 4);
    }
}

#[test]
fn channels_are_bounded_and_the_longest_idle_goes_first() {
    let mut hub = hub();
    for i in 0..4 {
        let channel = hub.open(&format!("c{i}"), i).unwrap();
        if i != 1 {
            hub.join(
                channel,
                Form::Plain,
                Token {
                    slot: i as u32,
                    generation: 1,
                },
            );
        }
    }
    hub.open("new", 4).unwrap();
    assert_eq!((hub.channels(), hub.find("c1")), (4, None));
    let new = hub.find("new").unwrap();
    hub.join(
        new,
        Form::Plain,
        Token {
            slot: 9,
            generation: 1,
        },
    );
    assert_eq!(hub.open("one more", 5), Err(Reason::FullChannels));
    assert!(hub.open("c2", 5).is_ok());
}

fn token(slot: u32) -> Token {
    Token {
        slot,
        generation: 1,
    }
}
