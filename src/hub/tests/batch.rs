//! Messages that wait for more: until their time is over, or there are enough.

use super::*;
use crate::limits::BATCH_BYTES;

const BATCHED: HubLimits = HubLimits {
    batch_us: 300,
    unflushed_bytes_max: 200_000,
    ..LIMITS
};

fn hub_of(members: u32) -> (Hub, u32, Vec<Place>, Kernel) {
    let mut hub = Hub {
        limits: BATCHED,
        ..hub()
    };
    let channel = hub.open("a", 0).unwrap();
    let mut kernel = Kernel::default();
    let join = |slot| {
        kernel.room.insert(slot, 1 << 20);
        let generation = 1;
        hub.join(channel, Form::Plain, Token { slot, generation })
    };
    let places = (0..members).map(join).collect();
    (hub, channel, places, kernel)
}

fn publish(hub: &mut Hub, channel: u32, bytes: usize) {
    let message = Message {
        kind: Kind::Text,
        content_type: None,
        event: None,
        body: Body::Plain(&vec![b'x'; bytes]),
    };
    hub.submit(channel, message, None, 0).unwrap();
}

fn sweep_all(hub: &mut Hub, kernel: &mut Kernel) {
    let counters = &mut Counters::default();
    while hub.sweep(99, kernel, counters, &mut vec![], 0).is_some() {}
}

#[test]
fn messages_wait_for_more_and_go_out_together_in_time() {
    let (mut hub, channel, _, mut kernel) = hub_of(3);
    for (us, bytes) in [(100, 10), (250, 20), (399, 30)] {
        hub.turn_begins(us);
        publish(&mut hub, channel, bytes);
        assert!(!hub.is_dirty());
        assert_eq!(hub.next_batch_us(), Some(400));
    }
    hub.turn_begins(400);
    assert!(hub.is_dirty());
    assert_eq!(hub.next_batch_us(), None);
    sweep_all(&mut hub, &mut kernel);
    assert_eq!(kernel.sends, 3);
    assert!(kernel.got.values().all(|got| got.len() == 3 * 2 + 60));
    // The next one begins a batch of its own.
    hub.turn_begins(1000);
    publish(&mut hub, channel, 1);
    assert_eq!((hub.is_dirty(), hub.next_batch_us()), (false, Some(1300)));
}

#[test]
fn enough_bytes_wait_no_longer() {
    let (mut hub, channel, _, mut kernel) = hub_of(2);
    publish(&mut hub, channel, BATCH_BYTES as usize / 2);
    assert!(!hub.is_dirty());
    publish(&mut hub, channel, BATCH_BYTES as usize / 2);
    assert!(hub.is_dirty());
    sweep_all(&mut hub, &mut kernel);
    assert_eq!(kernel.got.len(), 2);
    // What its time would have been does no harm.
    hub.turn_begins(300);
    assert_eq!((hub.is_dirty(), hub.next_batch_us()), (false, None));
}

#[test]
fn a_paused_channel_waits_for_nothing() {
    let (mut hub, channel, _, _) = hub_of(1);
    hub.limits.unflushed_bytes_max = 100;
    publish(&mut hub, channel, 101);
    assert!(hub.paused(channel) && hub.is_dirty());
}

#[test]
fn a_stream_that_goes_while_it_gathers_is_forgotten() {
    let (mut hub, channel, places, mut kernel) = hub_of(1);
    publish(&mut hub, channel, 1);
    hub.leave(places[0], 0);
    sweep_all(&mut hub, &mut kernel);
    assert_eq!((hub.streams.len(), hub.log_bytes().0), (0, 0));
    hub.turn_begins(300);
    assert_eq!((hub.is_dirty(), hub.next_batch_us()), (false, None));
}
