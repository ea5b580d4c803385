//! Channels that are deleted while something waits for them.

use super::*;

fn token(slot: u32) -> Token {
    Token {
        slot,
        generation: 1,
    }
}

fn publish(hub: &mut Hub, channel: u32, len: usize) -> Id {
    let payload = vec![b'x'; len];
    let message = Message {
        kind: Kind::Text,
        content_type: None,
        event: None,
        body: Body::Plain(&payload),
    };
    hub.submit(channel, message, None, 0).unwrap().id
}

/// Those who could not publish to it, or to a set that it is part of, for fan-out had to catch up.
#[test]
fn publishers_that_wait_for_a_deleted_channel_go_on() {
    let mut hub = hub_with(|settings| settings.limits.history_messages_max = 100);
    let channel = hub.open("a", 0).unwrap();
    let set = hub.open_set(&["a", "b"], 0).unwrap();
    let other = hub.find("b").unwrap();
    let alone = hub.join(channel, Form::Plain, token(1));
    let both = hub.join(set, Form::Meta, token(2));
    publish(&mut hub, channel, 9_000);
    assert!(hub.paused(channel) && hub.paused(other));
    hub.await_resume(channel, token(3));
    hub.await_resume(other, token(4));
    let mut slots = hub.hearers(channel);
    slots.sort_unstable();
    assert_eq!(slots, [1, 2]);
    hub.leave(alone, 0);
    hub.leave(both, 0);
    let mut reports = Vec::new();
    hub.delete(channel, &mut reports, 0);
    reports.sort_by_key(|report| format!("{report:?}"));
    assert_eq!(reports, [3, 4].map(|slot| Report::Resume(token(slot))));
    assert!(!hub.paused(other) && !hub.is_dirty());
    assert_eq!((hub.log_bytes().0, hub.history_counts().0), (0, 0));
    assert_eq!((hub.channels(), hub.named()), (1, 1));
}

#[test]
fn who_resumes_from_before_a_deletion_is_told_of_the_gap() {
    let mut hub = hub_with(|settings| settings.limits.history_messages_max = 100);
    let channel = hub.open("a", 0).unwrap();
    let ids = [(); 3].map(|()| publish(&mut hub, channel, 10));
    let other = hub.open("other", 0).unwrap();
    let last = publish(&mut hub, other, 10);
    hub.delete(channel, &mut Vec::new(), 0);
    let channel = hub.open("a", 0).unwrap();
    let next = publish(&mut hub, channel, 10);
    for id in ids {
        let missed = hub.reach(channel, Start::After(id), 0).missed;
        assert_eq!(missed.is_some(), id != ids[2], "{id}");
    }
    // Nothing was published here since.
    assert_eq!(hub.reach(channel, Start::After(last), 0).missed, None);
    assert_eq!(hub.facts(channel, 0).last, Some(next));
    assert_eq!(hub.facts(channel, 0).messages, 1);
}
