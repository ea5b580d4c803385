//! Who waits for a message to leave is told of each member rightly, whatever happens meanwhile.

use super::*;
use crate::hub::watch::Left;

/// A watch, and for each member that counts, how many bytes it has once it has the message.
struct Watched {
    watch: u32,
    token: Token,
    needs: BTreeMap<u32, usize>,
    left: Left,
    over: bool,
}

struct Watching {
    bed: Bed,
    watched: Vec<Watched>,
    now: u64,
    count: u32,
}

impl Watching {
    fn new() -> Watching {
        Watching {
            bed: Bed::new(),
            watched: Vec::new(),
            now: 0,
            count: 0,
        }
    }

    fn has(&self, slot: u32) -> usize {
        self.bed.kernel.got.get(&slot).map_or(0, Vec::len)
    }

    fn publish(&mut self, len: usize) {
        self.bed.publish(None, len);
        self.count += 1;
        let token = Token {
            slot: 1000 + self.count,
            generation: 1,
        };
        let needs: BTreeMap<u32, usize> =
            self.bed.owed.iter().map(|(&s, o)| (s, o.len())).collect();
        self.watched.push(Watched {
            watch: self.bed.hub.watch(self.bed.channel, token),
            token,
            left: Left {
                subscribers: needs.len(),
                ..Left::default()
            },
            needs,
            over: false,
        });
    }

    fn leave(&mut self, slot: u32) {
        let has = self.has(slot);
        for watched in &mut self.watched {
            match watched.needs.remove(&slot) {
                Some(needs) if has >= needs => watched.left.flushed += 1,
                Some(_) => watched.left.closed += 1,
                None => {}
            }
        }
        self.bed.leave(slot);
    }

    /// Nobody is told too early, nor twice.
    fn settle(&mut self) {
        self.now += 3;
        let mut over = Vec::new();
        self.bed.hub.settle_watches(self.now, &mut over);
        for token in over {
            let at = self.watched.iter().position(|w| w.token == token).unwrap();
            assert!(!std::mem::replace(&mut self.watched[at].over, true));
            assert_eq!(self.expected(at).behind, 0);
        }
    }

    fn expected(&self, at: usize) -> Left {
        let Watched { needs, left, .. } = &self.watched[at];
        let has = needs.iter().filter(|&(&s, &needs)| self.has(s) >= needs);
        let has = has.count();
        Left {
            flushed: left.flushed + has,
            behind: needs.len() - has,
            ..*left
        }
    }

    fn unwatch(&mut self, at: usize) {
        let expected = self.expected(at);
        let watched = self.watched.remove(at);
        assert_eq!(self.bed.hub.unwatch(watched.watch), expected);
    }
}

#[derive(Debug, Clone)]
enum Step {
    Bed(Op),
    Publish(usize),
    Settle,
    Unwatch(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let room = (any::<usize>(), 0usize..400).prop_map(|(s, n)| Op::Room(s, n));
    let own = (any::<Option<usize>>(), 0usize..200).prop_map(|(s, n)| Op::Publish(s, n));
    let dry = any::<usize>().prop_map(|n| Op::Room(n, 0));
    prop_oneof![
        2 => Just(Step::Bed(Op::Join)),
        2 => any::<usize>().prop_map(|n| Step::Bed(Op::Leave(n))),
        2 => own.prop_map(Step::Bed),
        4 => (0usize..200).prop_map(Step::Publish),
        8 => (1usize..6).prop_map(|n| Step::Bed(Op::Sweep(n))),
        5 => room.prop_map(Step::Bed),
        1 => dry.prop_map(Step::Bed),
        5 => Just(Step::Settle),
        2 => any::<usize>().prop_map(Step::Unwatch),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn every_watch_tells_what_became_of_each_member(steps in prop::collection::vec(step(), 1..150)) {
        let mut w = Watching::new();
        (0..3).for_each(|_| w.bed.join());
        for step in steps {
            match step {
                Step::Bed(Op::Join) if w.bed.places.len() < 9 => {
                    w.bed.join();
                    // So little room that some of them block.
                    *w.bed.kernel.room.values_mut().last().unwrap() = 300;
                }
                Step::Bed(Op::Join) => {}
                Step::Bed(Op::Leave(n)) => w.bed.nth(n).into_iter().for_each(|s| w.leave(s)),
                Step::Bed(Op::Publish(sender, len)) => {
                    w.bed.publish(sender.and_then(|n| w.bed.nth(n)), len);
                }
                Step::Bed(Op::Sweep(visits)) => drop(w.bed.sweep(visits)),
                Step::Bed(Op::Room(n, bytes)) => {
                    w.bed.nth(n).into_iter().for_each(|s| w.bed.make_room(s, bytes));
                }
                Step::Publish(len) => w.publish(len),
                Step::Settle => w.settle(),
                Step::Unwatch(_) if w.watched.is_empty() => {}
                Step::Unwatch(n) => w.unwatch(n % w.watched.len()),
            }
        }
        // Once everybody has everything, every watch is over.
        w.bed.settle();
        w.now += 100;
        w.settle();
        prop_assert!(w.watched.iter().all(|watched| watched.over));
        while !w.watched.is_empty() {
            w.unwatch(0);
        }
        prop_assert!(!w.bed.hub.is_watching());
        prop_assert!(w.bed.hub.watches.is_clear());
    }
}

#[test]
fn members_of_sets_and_polls_count_and_who_comes_later_does_not() {
    let mut hub = hub_with(|settings| settings.limits.history_messages_max = 10);
    let a = hub.open("a", 0).unwrap();
    let set = hub.open_set(&["a", "b"], 0).unwrap();
    let token = |slot| Token {
        slot,
        generation: 1,
    };
    let mut kernel = Kernel::default();
    kernel.room.extend((0..9).map(|slot| (slot, 1000)));
    let poll = hub.join(a, Form::Poll, token(0));
    hub.join(set, Form::Meta, token(1));
    hub.join(a, Form::Plain, token(2));
    let message = Message {
        kind: Kind::Text,
        content_type: None,
        event: None,
        body: Body::Plain(b"x"),
    };
    let submitted = hub.submit(a, message, None, 0).unwrap();
    let watch = hub.watch(a, token(9));
    assert_eq!(submitted.subscribers, 3);
    // One that has come since, and has to get what is kept first.
    hub.join_from(a, Form::Meta, 0, token(3), 0);
    let (mut reports, mut over) = (Vec::new(), Vec::new());
    let mut counters = Counters::default();
    while hub
        .sweep(9, &mut kernel, &mut counters, &mut reports, 0)
        .is_some()
    {}
    hub.settle_watches(0, &mut over);
    assert_eq!(over, []);
    let piece = hub.answer(poll, false).unwrap();
    hub.push_behind(poll, b"head", piece.end, &mut kernel, &mut counters);
    hub.leave(poll, 0);
    // The poll is back before anybody looks.
    hub.join(a, Form::Poll, token(0));
    hub.settle_watches(0, &mut over);
    assert_eq!(over, [token(9)]);
    let left = Left {
        subscribers: 3,
        flushed: 3,
        ..Left::default()
    };
    assert_eq!(hub.unwatch(watch), left);
}

/// Members are looked at now and then only, and somebody sees to it that they are.
#[test]
fn where_somebody_is_behind_looks_are_rationed() {
    let mut w = Watching::new();
    (0..2).for_each(|_| w.bed.join());
    *w.bed.kernel.room.get_mut(&0).unwrap() = 1;
    w.publish(100);
    while w.bed.sweep(9) {}
    let mut over = Vec::new();
    w.bed.hub.settle_watches(100, &mut over);
    assert_eq!(w.bed.hub.next_watch_look(), None);
    w.bed.hub.settle_watches(101, &mut over);
    assert_eq!(
        w.bed.hub.next_watch_look(),
        Some(100 + crate::limits::WATCH_LOOK_MS)
    );
    assert_eq!(over, []);
    w.bed.make_room(0, 1000);
    w.bed.hub.settle_watches(102, &mut over);
    assert_eq!((over.len(), w.bed.hub.next_watch_look()), (1, None));
}
