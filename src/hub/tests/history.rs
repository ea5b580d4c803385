//! History and resuming under random operations, against a twin that keeps every message and knows
//! what each member was promised.

mod sending;
mod world;

use std::collections::BTreeSet;

use super::*;
use crate::limits::{AGE_LOOK_MS, RESUME_LINGER_MS};

const NAMES: [&str; 3] = ["a", "b", "c"];
const MESSAGES_MAX: usize = 5;
const BYTES_MAX: u64 = 1_500;
const AGE_MS: u64 = 400;
const MEMORY_MAX: u64 = 2_500;

/// What the hub counts an entry for, beside its frame, and labels, beside their bytes.
const ENTRY_BYTES: u64 = 48;

const fn sse(gzip: bool) -> Form {
    Form::Sse(Sse {
        events: true,
        base64: false,
        gzip,
    })
}

const FORMS: [Form; 11] = [
    Form::Plain,
    Form::Deflated(15),
    Form::Meta,
    sse(false),
    sse(true),
    Form::Chunked,
    Form::Raw,
    Form::Mixed,
    Form::Iframe,
    Form::Poll,
    Form::Polls,
];

/// A message as it was published.
#[derive(Debug, Clone)]
struct Record {
    number: u64,
    name: &'static str,
    ms: u64,
    kind: Kind,
    content_type: Option<&'static str>,
    event: Option<&'static str>,
    payload: Vec<u8>,
}

impl Record {
    /// What it counts for as history.
    fn weight(&self) -> u64 {
        let len = self.payload.len();
        (crate::ws::header_len(len) + len) as u64 + ENTRY_BYTES
    }

    /// What its labels count for.
    fn labels_weight(&self) -> u64 {
        let labels = self.content_type.into_iter().chain(self.event);
        let bytes = labels.map(|l| l.len() as u64).reduce(|a, b| a + b);
        bytes.map_or(0, |bytes| bytes + ENTRY_BYTES)
    }
}

/// A member, and what it is to get.
#[derive(Debug)]
struct Listener {
    place: Place,
    names: Vec<&'static str>,
    form: Form,
    /// Numbers of all that it is to get, from its start on.
    owed: Vec<u64>,
    /// What it is still to be told of a gap: behind which message, and how many where that is known.
    gap: Option<(Id, Option<u64>)>,
    /// Of a poll, where its answer ends.
    end: Option<u64>,
}

struct World {
    hub: Hub,
    kernel: Kernel,
    now: u64,
    records: BTreeMap<u64, Record>,
    /// By channel, the numbers that are kept.
    kept: BTreeMap<&'static str, VecDeque<u64>>,
    listeners: BTreeMap<u32, Listener>,
    queued: BTreeSet<u32>,
    blocked: BTreeSet<u32>,
    /// Some channel was forgotten: gaps may be told needlessly.
    forgotten: bool,
    next_slot: u32,
    tools: Tools,
}

/// Whether the log that a member reads holds the message of this number.
fn is_held(hub: &Hub, place: Place, number: u64) -> bool {
    let log = &hub.streams[place.stream as usize].log;
    log.position_after(number - 1) < log.position_after(number)
}

impl World {
    /// What holds after everything that happens.
    fn check_all(&self) {
        let hub = &self.hub;
        for (_, s) in &hub.streams {
            let held = s.log.start()..=s.log.end();
            assert!(s.members.iter().all(|m| held.contains(&m.cursor)));
            assert_eq!(
                s.behind as usize,
                s.members.iter().filter(|m| m.is_behind()).count()
            );
        }
        for (&slot, listener) in &self.listeners {
            let s = &hub.streams[listener.place.stream as usize];
            assert_eq!(s.members[listener.place.member as usize].slot, slot);
        }
        for name in NAMES {
            let channel = hub.find(name).map(|id| &hub.channels[id as usize].history);
            let entries =
                channel.map(|h| h.entries.iter().map(|e| e.number).collect::<VecDeque<_>>());
            let kept = self.kept.get(name).cloned().unwrap_or_default();
            assert_eq!(entries.unwrap_or_default(), kept, "{name}");
        }
        assert_eq!(hub.history_counts().0, self.weight_of_all());
        assert!(self.weight_of_all() <= MEMORY_MAX);
        assert!(hub.oldest.len() <= 2 * hub.channels.len() + 65);
    }

    /// Everybody reads everything.
    fn settle(&mut self) {
        for _ in 0..200 {
            while self.sweep(3) {}
            self.fill(700);
            self.push_queued();
            for slot in self.blocked.clone() {
                self.make_room(slot, 1 << 16);
            }
        }
        let slots: Vec<u32> = self.listeners.keys().copied().collect();
        for slot in slots {
            let whole = self.check(slot);
            let listener = &self.listeners[&slot];
            let lacking = &listener.owed[whole..];
            assert!(
                lacking.is_empty(),
                "slot {slot} {:?} lacks {lacking:?}",
                listener.form
            );
            // A poll is told with its answer, a stream as soon as there is one.
            assert!(
                listener.gap.is_none() || listener.form.is_poll(),
                "a gap not told"
            );
        }
        let mut channels = self.hub.channels.iter();
        assert!(channels.all(|(_, c)| !c.paused && c.waiting.is_empty()));
    }

    /// Nobody is left, and time passes: so goes everything else.
    fn end(&mut self) {
        let slots: Vec<u32> = self.listeners.keys().copied().collect();
        slots.into_iter().for_each(|slot| self.leave(slot));
        for _ in 0..4 {
            while self.sweep(3) {}
            self.fill(700);
            self.tick(RESUME_LINGER_MS + AGE_MS + LIMITS.linger_ms + 1);
        }
        let hub = &self.hub;
        assert_eq!(
            (hub.log_bytes().0, hub.streams.len(), hub.channels()),
            (0, 0, 0)
        );
        assert!(hub.resumed.is_empty() && hub.waiting.is_empty() && hub.gaps.is_empty());
        assert!(hub.set_ids.is_empty() && hub.filling.is_empty() && hub.kept.is_empty());
        assert!(hub.ages.is_empty() && hub.names.is_empty() && hub.linger.is_empty());
        assert_eq!((hub.history_counts().0, hub.is_dirty()), (0, false));
    }
}

#[derive(Debug, Clone)]
enum Step {
    Join(Vec<&'static str>, Form, (u8, u64), usize),
    Leave(usize),
    Publish(&'static str, Option<usize>, Record),
    Sweep(usize),
    Fill(usize),
    Push,
    Room(usize, usize),
    Skip(usize),
    Tick(u64),
    GiveUp(u64),
    Delete(&'static str),
}

fn record() -> impl Strategy<Value = Record> {
    let event = prop_oneof![3 => Just(None), 1 => Just(Some("tick"))];
    let media = prop_oneof![3 => Just(None), 1 => Just(Some("text/x-a")), 1 => Just(Some("b/c"))];
    let payload = prop_oneof![
        1 => Just(Vec::new()),
        8 => prop::collection::vec(32u8..127, 1..300),
        2 => (300usize..2_000).prop_map(|len| vec![b'x'; len]),
        1 => Just(b"{\"name\":\"n\",\"data\":1}".to_vec()),
    ];
    (any::<bool>(), event, media, payload).prop_map(|(text, event, content_type, payload)| Record {
        number: 0,
        name: "",
        ms: 0,
        kind: if text { Kind::Text } else { Kind::Binary },
        content_type,
        event,
        payload,
    })
}

fn step() -> impl Strategy<Value = Step> {
    let names = prop_oneof![
        4 => prop::sample::subsequence(&NAMES[..], 1),
        2 => prop::sample::subsequence(&NAMES[..], 2..=3),
    ];
    let form = prop::sample::select(&FORMS[..]);
    let room = prop_oneof![Just(0usize), 0usize..600, Just(1 << 20)];
    prop_oneof![
        6 => (names, form, (any::<u8>(), 0u64..20), room)
            .prop_map(|(names, form, start, room)| Step::Join(names, form, start, room)),
        2 => any::<usize>().prop_map(Step::Leave),
        8 => (prop::sample::select(&NAMES[..]), any::<Option<usize>>(), record())
            .prop_map(|(name, sender, record)| Step::Publish(name, sender, record)),
        5 => (1usize..5).prop_map(Step::Sweep),
        3 => (1usize..900).prop_map(Step::Fill),
        3 => Just(Step::Push),
        4 => (any::<usize>(), 0usize..2_000).prop_map(|(n, bytes)| Step::Room(n, bytes)),
        1 => any::<usize>().prop_map(Step::Skip),
        2 => prop_oneof![0u64..50, 50u64..500, 500u64..3_000].prop_map(Step::Tick),
        1 => (1u64..1_000).prop_map(Step::GiveUp),
        1 => prop::sample::select(&NAMES[..]).prop_map(Step::Delete),
    ]
}

impl World {
    fn nth(&self, n: usize) -> Option<u32> {
        let count = self.listeners.len().max(1);
        self.listeners.keys().nth(n % count).copied()
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Join(names, form, start, room) if self.listeners.len() < 12 => {
                self.join(names, form, start, room);
            }
            Step::Join(..) => {}
            Step::Leave(n) => self.nth(n).into_iter().for_each(|slot| self.leave(slot)),
            Step::Publish(name, sender, record) => {
                let sender = sender.and_then(|n| self.nth(n));
                self.publish((name, sender), record);
            }
            Step::Sweep(visits) => drop(self.sweep(visits)),
            Step::Fill(bytes) => self.fill(bytes),
            Step::Push => self.push_queued(),
            Step::Room(n, bytes) => {
                let slot = self.nth(n);
                slot.into_iter()
                    .for_each(|slot| self.make_room(slot, bytes));
            }
            Step::Skip(n) => self.nth(n).into_iter().for_each(|slot| self.skip(slot)),
            Step::Tick(ms) => self.tick(ms),
            Step::GiveUp(bytes) => self.give_up(bytes),
            Step::Delete(name) => self.delete(name),
        }
        self.check_all();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn who_resumes_gets_what_it_was_promised_or_is_told(
        steps in prop::collection::vec(step(), 1..200)
    ) {
        let mut world = World::new();
        steps.into_iter().for_each(|step| world.take(step));
        world.settle();
        world.end();
    }
}
