//! What histories and resuming are bounded by: what is counted, and what is not anybody's lag.

use super::resume::{SSE, Scale, fill, keeping, publish, resume, sweep};
use super::*;
use crate::settings::ChannelRule;

#[test]
fn who_resumes_does_not_lag_by_what_it_is_given() {
    for form in [SSE, Form::Meta] {
        let (mut hub, a) = keeping(9, |_| {});
        let set = hub.open_set(&["a", "b", "c"], 0).unwrap();
        let before = hub.newest();
        let parts = [a, hub.find("b").unwrap(), hub.find("c").unwrap()];
        for part in parts {
            publish(
                &mut hub,
                part,
                &vec![b'x'; 3 * LAG_BYTES_MAX as usize / 4],
                0,
            );
            publish(&mut hub, part, b"x", 0);
        }
        let place = resume(&mut hub, set, form, Start::After(before), 7, 0);
        publish(&mut hub, a, b"meanwhile", 0);
        fill(&mut hub);
        hub.hold(place, true, 0);
        let lagged = [Report::Lagged(7, Lag::Bytes)];
        let mut publish = |len: usize| {
            publish(&mut hub, a, &vec![b'x'; len], 0);
            sweep(&mut hub, &mut Scale::default(), 0)
        };
        assert_eq!(publish(LAG_BYTES_MAX as usize / 2), []);
        // What comes afterwards counts as ever.
        assert_eq!(publish(LAG_BYTES_MAX as usize), lagged);
    }
}

#[test]
fn what_goes_concerns_only_the_logs_that_get_it() {
    let (mut hub, a) = keeping(9, |_| {});
    hub.limits.channels_max = 100;
    let before = hub.newest();
    let set = hub.open_set(&["a", "b"], 0).unwrap();
    let others: Vec<u32> = (0..50)
        .map(|i| hub.open(&format!("c{i}"), 0).unwrap())
        .collect();
    for &channel in [a].iter().chain(&others) {
        publish(&mut hub, channel, b"x", 0);
    }
    let channels = [a, set].into_iter().chain(others);
    let streams: Vec<u32> = channels
        .zip(0..)
        .map(|(channel, slot)| {
            let place = resume(&mut hub, channel, SSE, Start::After(before), slot, 0);
            assert!(hub.is_waiting(place));
            place.stream
        })
        .collect();
    assert_eq!(hub.filling_with(a), streams[..2]);
    fill(&mut hub);
    assert!(hub.filling_with(a).is_empty());
}

/// Publishes a message of one byte with these labels.
fn publish_labelled(hub: &mut Hub, channel: u32, content_type: Option<&str>, event: Option<&str>) {
    let message = Message {
        kind: Kind::Text,
        content_type,
        event,
        body: Body::Plain(b"x"),
    };
    hub.submit(channel, message, None, 0).unwrap();
}

#[test]
fn labels_are_counted_once_for_those_that_share_them() {
    let (mut hub, channel) = keeping(8, |_| {});
    let (frame, entry, labels) = (3, 48, 48);
    let media = "a/".repeat(50);
    for i in 1..=3 {
        publish_labelled(&mut hub, channel, Some(&media), Some("tick"));
        let expected = i * (frame + entry) + labels + 104;
        assert_eq!(hub.history_counts().0, expected);
    }
    publish_labelled(&mut hub, channel, None, Some("tick"));
    let rest = frame + entry + labels + 4;
    let before = hub.log_bytes().0;
    assert_eq!(
        hub.history_counts().0,
        3 * (frame + entry) + labels + 104 + rest
    );
    // They go with the last that has them.
    assert_eq!(hub.give_up_history(1), frame + entry);
    assert_eq!(hub.give_up_history(60), 2 * (frame + entry) + labels + 104);
    assert_eq!(hub.history_counts().0, rest);
    assert_eq!(before - hub.log_bytes().0, 48 + 104);
    hub.give_up_history(1);
    assert_eq!(hub.history_counts().0, 0);
}

#[test]
fn long_labels_keep_to_the_bytes_of_a_history_and_of_all() {
    let (mut hub, channel) = keeping(1_000, |s| s.limits.history_bytes_max = 10_000);
    hub.limits.history_memory_max = 15_000;
    let other = hub.open("b", 0).unwrap();
    for i in 0..200 {
        let event = format!("{i:>200}");
        publish_labelled(&mut hub, channel, None, Some(&event));
        publish_labelled(&mut hub, other, None, Some(&event));
        sweep(&mut hub, &mut Scale::default(), 0);
        let kept = |channel: u32| hub.channels[channel as usize].history.bytes();
        assert!(kept(channel) <= 10_000 && kept(other) <= 10_000);
        assert!(hub.history_counts().0 <= 15_000);
    }
    let entries: usize = [channel, other]
        .map(|id| hub.channels[id as usize].history.entries.len())
        .iter()
        .sum();
    assert!((40..60).contains(&entries), "{entries}");
    assert!(hub.log_bytes().0 > entries * (200 + 48));
}

#[test]
fn a_set_has_the_policy_of_its_parts_or_of_each_bound_the_strictest() {
    let rule = |pattern: &str, lag| ChannelRule {
        pattern: pattern.into(),
        slow: Some(Slow::Skip),
        lag_bytes_max: Some(lag),
        ..ChannelRule::default()
    };
    let (mut hub, _) = keeping(9, |s| {
        s.channels = vec![rule("near*", 9_000), rule("far*", 7_000)];
    });
    hub.limits.channels_max = 100;
    let mut policy = |names: &[&str]| {
        let set = hub.open_set(names, 0).unwrap();
        let policy = hub.policy(set);
        (policy.slow, policy.lag_bytes_max)
    };
    assert_eq!(policy(&["near1", "near2"]), (Slow::Skip, 9_000));
    assert_eq!(policy(&["near1", "far1"]), (Slow::Skip, 7_000));
    let strictest = policy(&["near1", "a", "far1"]);
    assert_eq!(strictest, (Slow::Close, 7_000));
    assert_eq!(policy(&["a", "b"]), (Slow::Close, LAG_BYTES_MAX));
}
