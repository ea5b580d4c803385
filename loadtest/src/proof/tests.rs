use proptest::prelude::*;

use super::*;
use crate::payload::Maker;

const RUN: u32 = 77;

/// Three subscribers, and two publishers that listen too: receivers 3 and 4.
struct Scene {
    ledger: Ledger,
    sent: Vec<(u32, Vec<u8>)>,
}

impl Scene {
    /// `n` messages, from both publishers in turn.
    fn new(n: u32) -> Scene {
        let own = [None, None, None, Some(0), Some(1)];
        let mut ledger = Ledger::new(Book::new(RUN, 0, 2), own.into_iter());
        let mut maker = Maker::new(RUN, 64, 1);
        let sent = (0..n).map(|i| {
            let sequence = ledger.publish(i % 2);
            (i % 2, maker.make(i % 2, sequence, u64::from(i)).to_vec())
        });
        let sent = sent.collect();
        Scene { ledger, sent }
    }

    /// What receiver `r` should get.
    fn due(&self, r: usize) -> Vec<Vec<u8>> {
        let own = [None, None, None, Some(0), Some(1)][r];
        let others = self.sent.iter().filter(|(p, _)| Some(*p) != own);
        others.map(|(_, m)| m.clone()).collect()
    }

    /// Delivers to all, with what receiver `r` gets changed by `harm`.
    fn run(mut self, r: usize, harm: impl Fn(&mut Vec<Vec<u8>>)) -> Faults {
        for receiver in 0..5 {
            let mut due = self.due(receiver);
            if receiver == r {
                harm(&mut due);
            }
            for message in due {
                self.ledger.deliver(receiver, false, &message);
            }
        }
        self.ledger.verdict()
    }
}

#[test]
fn a_right_delivery_has_no_faults() {
    let scene = Scene::new(20);
    assert_eq!(scene.ledger.expected(), 20 * 4);
    assert_eq!(scene.run(0, |_| {}), Faults::default());
}

#[test]
fn each_planted_fault_is_named_at_subscribers_and_publishers() {
    let none = Faults::default();
    for r in 0..5 {
        let lost = Faults { lost: 1, ..none };
        for at in [0, 4, 9] {
            assert_eq!(Scene::new(20).run(r, |due| drop(due.remove(at))), lost);
        }
        let again = |due: &mut Vec<Vec<u8>>| due.insert(7, due[3].clone());
        let duplicated = Faults {
            duplicated: 1,
            ..none
        };
        assert_eq!(Scene::new(20).run(r, again), duplicated);

        let harmed = Scene::new(20).run(r, |due| due[5][40] ^= 1);
        let corrupted = Faults {
            corrupted: 1,
            lost: 1,
            ..none
        };
        assert_eq!(harmed, corrupted);

        // Two apart is the same publisher for a subscriber.
        let swapped = Scene::new(20).run(r, |due| due.swap(4, 6));
        assert_eq!((swapped.reordered > 0, swapped.lost), (true, 0));
    }
}

#[test]
fn another_total_order_is_found_although_each_publisher_is_in_order() {
    let swapped = |r| Scene::new(20).run(r, |due| due.swap(4, 5));
    for r in 0..3 {
        let expected = Faults {
            order_differs: 1,
            ..Faults::default()
        };
        assert_eq!(swapped(r), expected, "receiver {r}");
    }
}

#[test]
fn another_total_order_at_a_publisher_is_found_too() {
    // Three publishers, so that a publisher sees two others.
    let own = [None, Some(0)];
    let mut ledger = Ledger::new(Book::new(RUN, 0, 3), own.into_iter());
    let mut maker = Maker::new(RUN, 24, 1);
    let mut made = Vec::new();
    for p in [1, 2] {
        let sequence = ledger.publish(p);
        made.push(maker.make(p, sequence, 0).to_vec());
    }
    for (receiver, order) in [(0, [0, 1]), (1, [1, 0])] {
        for i in order {
            ledger.deliver(receiver, false, &made[i]);
        }
    }
    assert_eq!(ledger.verdict().order_differs, 1);
}

#[test]
fn own_unsent_text_and_foreign_messages_are_told_apart() {
    let mut scene = Scene::new(4);
    let own = scene.sent[0].1.clone();
    let unsent = Maker::new(RUN, 64, 1).make(1, 99, 0).to_vec();
    let stranger = Maker::new(RUN, 64, 1).make(9, 0, 0).to_vec();
    let foreign = Maker::new(RUN + 1, 64, 1).make(0, 0, 0).to_vec();
    let ledger = &mut scene.ledger;
    for (receiver, text, message) in [
        (3, false, &own),
        (0, false, &unsent),
        (0, false, &stranger),
        (0, true, &own),
        (0, false, &foreign),
    ] {
        assert_eq!(ledger.deliver(receiver, text, message), Seen::Other);
    }
    let verdict = ledger.verdict();
    assert_eq!((verdict.phantom, verdict.corrupted), (3, 1));
    assert_eq!(ledger.foreign(), 1);
}

#[test]
fn what_is_announced_is_not_lost_and_nothing_else_is_excused() {
    let skipped = |r: usize, missed, harm: fn(&mut Vec<Vec<u8>>)| {
        let mut scene = Scene::new(20);
        for receiver in 0..5 {
            let mut due = scene.due(receiver);
            if receiver == r {
                harm(&mut due);
            }
            for (i, message) in due.iter().enumerate() {
                if receiver == r && i == 4 {
                    scene.ledger.gap(r, missed);
                }
                scene.ledger.deliver(receiver, false, message);
            }
        }
        let gaps = scene.ledger.gaps();
        assert_eq!(gaps.announced, 1);
        let faults = scene.ledger.verdict();
        assert_eq!(
            scene.ledger.fresh() + faults.lost + gaps.skipped,
            20 * 4,
            "each delivery is one of these"
        );
        (gaps.skipped, faults)
    };
    let lost = |lost| Faults {
        lost,
        ..Faults::default()
    };
    for r in 0..5 {
        let four = |due: &mut Vec<Vec<u8>>| drop(due.drain(4..8));
        assert_eq!(skipped(r, Some(4), four), (4, lost(0)), "receiver {r}");
        assert_eq!(skipped(r, None, four), (4, lost(0)));
        assert_eq!(skipped(r, Some(3), four), (3, lost(1)));
        assert_eq!(skipped(r, Some(4), |_| {}), (0, lost(0)));
        let later = |due: &mut Vec<Vec<u8>>| drop(due.remove(8));
        assert_eq!(skipped(r, Some(4), later), (0, lost(1)));
    }
    // One publisher's next message comes, of the other nothing does.
    let rest = |due: &mut Vec<Vec<u8>>| due.truncate(5);
    assert_eq!(skipped(0, Some(20), rest), (8, lost(7)));
    assert_eq!(skipped(0, Some(5), rest), (5, lost(10)));
}

#[test]
fn what_was_announced_and_comes_all_the_same_is_a_fault() {
    let mut scene = Scene::new(6);
    let due = scene.due(0);
    for (message, before_it) in [(0, 0), (4, 1), (2, 0)] {
        scene.ledger.gap(0, None);
        let seen = scene.ledger.deliver(0, false, &due[message]);
        assert!(matches!(seen, Seen::Fresh(_, n) if n == before_it));
    }
    assert_eq!(scene.ledger.verdict().reordered, 1);
}

proptest! {
    /// Against a twin that remembers everything.
    #[test]
    fn a_stream_counts_as_a_set_does(sequence in prop::collection::vec(0u32..40, 0..120)) {
        let (mut stream, mut set) = (Stream::default(), std::collections::BTreeSet::new());
        for s in sequence {
            let newest = set.last().is_none_or(|&n| s > n);
            let expected = match set.insert(s) {
                false => Place::Again,
                true if newest => Place::New,
                true => Place::Late,
            };
            prop_assert_eq!(stream.note(s), expected);
            prop_assert_eq!(stream.missing(40), 40 - set.len() as u64);
        }
    }
}
