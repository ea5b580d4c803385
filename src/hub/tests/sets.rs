//! Many sets that hear one channel: bounded, encoded for once, and each of them slows its publishers.

use super::*;
use crate::limits::SETS_PER_CHANNEL_MAX;

const SSE: Form = Form::Sse(Sse {
    events: true,
    base64: false,
    gzip: true,
});

fn token(slot: u32) -> Token {
    Token {
        slot,
        generation: 1,
    }
}

fn publish(hub: &mut Hub, channel: u32, payload: &[u8]) {
    let message = Message {
        kind: Kind::Text,
        content_type: None,
        event: None,
        body: Body::Plain(payload),
    };
    hub.submit(channel, message, None, 0).unwrap();
}

/// A hub in which so many members, each of another set, hear the channel `a` and one of its own.
fn crowd(sets: u32) -> (Hub, Vec<Place>) {
    let mut hub = Hub {
        limits: HubLimits {
            channels_max: 10_000,
            ..LIMITS
        },
        tools: Tools::new(Deflater::new(DeflateSettings {
            bytes_min: 1,
            level: 2,
        })),
        ..hub_with(|s| s.limits.history_messages_max = 10)
    };
    let join = |slot| {
        let set = hub.open_set(&["a", &format!("u{slot}")], 0).unwrap();
        hub.join(set, SSE, token(slot))
    };
    let places = (0..sets).map(join).collect();
    (hub, places)
}

#[test]
fn a_message_is_compressed_once_for_all_sets_and_each_member_gets_it() {
    let sets = SETS_PER_CHANNEL_MAX as u32;
    let (mut hub, _) = crowd(sets);
    let a = hub.find("a").unwrap();
    assert_eq!(hub.listeners(a), sets as usize);
    publish(&mut hub, a, &[b'x'; 3000]);
    assert_eq!(hub.deflate_counts().messages, 1);
    let mut kernel = Kernel::default();
    kernel.room.extend((0..sets).map(|slot| (slot, 1 << 20)));
    let mut counters = Counters::default();
    while hub
        .sweep(9, &mut kernel, &mut counters, &mut vec![], 0)
        .is_some()
    {}
    assert_eq!(kernel.got.len(), sets as usize);
    assert!(kernel.got.values().all(|got| *got == kernel.got[&0]));
    assert!(kernel.got[&0].len() > 20);
}

#[test]
fn a_channel_is_part_of_a_bounded_number_of_sets() {
    let (mut hub, mut places) = crowd(SETS_PER_CHANNEL_MAX as u32);
    let more = ["a", "more"];
    assert_eq!(hub.open_set(&more, 0), Err(Reason::FullSets));
    // Who asks for a set that is there needs no room.
    assert!(hub.open_set(&["u1", "a"], 0).is_ok());
    hub.leave(places.remove(0), 0);
    assert!(hub.open_set(&more, 0).is_ok());
}

#[test]
fn each_of_several_sets_slows_the_publishers_of_its_parts_until_it_has_caught_up() {
    let (mut hub, places) = crowd(2);
    let [a, u0, u1] = ["a", "u0", "u1"].map(|name| hub.find(name).unwrap());
    for &place in &places {
        hub.hold(place, false, 0);
    }
    // Noise, which does not shrink.
    let mut state = 1u32;
    let noise = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b' ' + (state >> 24) as u8 % 90)
    };
    let text: String = (0..2 * LIMITS.unflushed_bytes_max).map(noise).collect();
    publish(&mut hub, a, text.as_bytes());
    let mut kernel = Kernel::default();
    kernel.room.extend([(0, 1 << 20), (1, 1 << 20)]);
    let paused = |hub: &Hub| [a, u0, u1].map(|channel| hub.paused(channel));
    let mut settle = |hub: &mut Hub, place: Option<Place>| {
        if let Some(place) = place {
            hub.push(place, false, &mut kernel, &mut Counters::default());
            hub.release(place);
        }
        let mut counters = Counters::default();
        while hub
            .sweep(9, &mut kernel, &mut counters, &mut vec![], 0)
            .is_some()
        {}
    };
    assert_eq!(paused(&hub), [true; 3]);
    settle(&mut hub, None);
    assert_eq!(
        paused(&hub),
        [true; 3],
        "its own log is offered, those of its sets not"
    );
    settle(&mut hub, Some(places[0]));
    assert_eq!(paused(&hub), [true, false, true]);
    settle(&mut hub, Some(places[1]));
    assert_eq!(paused(&hub), [false; 3]);
}
