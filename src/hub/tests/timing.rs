//! When a message counts as sent: once a pass has offered it to all that are not behind.

use super::*;
use crate::hub::sweep::Offered;

/// A hub with so many subscribers on one channel, and room for each of them in the kernel.
fn channel_of(members: u32) -> (Hub, u32, Kernel) {
    let mut hub = hub();
    let channel = hub.open("a", 0).unwrap();
    let mut kernel = Kernel::default();
    for slot in 0..members {
        let generation = 1;
        hub.join(channel, Form::Plain, Token { slot, generation });
        kernel.room.insert(slot, 1000);
    }
    (hub, channel, kernel)
}

fn publish(hub: &mut Hub, channel: u32) {
    let message = Message {
        kind: Kind::Text,
        content_type: None,
        event: None,
        body: Body::Plain(b"x"),
    };
    hub.submit(channel, message, None, 0).unwrap();
}

/// Visits so many members; the passes that ended.
fn sweep(hub: &mut Hub, kernel: &mut Kernel, visits: usize) -> Vec<Offered> {
    hub.sweep(visits, kernel, &mut Counters::default(), &mut vec![], 0);
    std::mem::take(hub.offered())
}

fn offered(us: u64, messages: u64, members: usize) -> Offered {
    Offered {
        swept: Since { us, messages },
        members,
    }
}

#[test]
fn messages_are_as_old_as_the_turn_that_read_the_oldest_and_wait_for_a_whole_pass() {
    let (mut hub, channel, mut kernel) = channel_of(5);
    hub.turn_begins(100);
    publish(&mut hub, channel);
    publish(&mut hub, channel);
    assert_eq!(hub.next_sweep(false), 5);
    assert_eq!(sweep(&mut hub, &mut kernel, 3), []);
    assert_eq!(hub.next_sweep(false), 2);
    // Read while the pass is under way: the next one offers it.
    hub.turn_begins(200);
    publish(&mut hub, channel);
    assert_eq!(sweep(&mut hub, &mut kernel, 3), [offered(100, 2, 5)]);
    hub.turn_begins(300);
    publish(&mut hub, channel);
    assert_eq!(sweep(&mut hub, &mut kernel, 9), [offered(200, 2, 5)]);
    assert!(!hub.is_dirty());
    assert_eq!(hub.next_sweep(false), 0);
}

#[test]
fn a_pass_that_offers_nothing_new_is_not_timed_nor_one_without_members() {
    let (mut hub, channel, mut kernel) = channel_of(2);
    publish(&mut hub, channel);
    // One takes nothing: it is behind, and the pass does not wait for it.
    kernel.room.insert(0, 0);
    assert_eq!(sweep(&mut hub, &mut kernel, 9), [offered(0, 1, 2)]);
    let all = [1, 0].map(|member| Place { stream: 0, member });
    hub.leave(all[1], 0);
    assert_eq!(sweep(&mut hub, &mut kernel, 9), []);
    publish(&mut hub, channel);
    hub.leave(all[1], 0);
    assert_eq!(sweep(&mut hub, &mut kernel, 9), []);
}

#[test]
fn a_stream_with_few_members_does_not_wait_for_one_with_many() {
    let (mut hub, large, mut kernel) = channel_of(BRIEF_MEMBERS as u32 + 1);
    let small = hub.open("small", 0).unwrap();
    let token = Token {
        slot: 1000,
        generation: 1,
    };
    hub.join(small, Form::Plain, token);
    kernel.room.insert(1000, 1000);
    publish(&mut hub, large);
    publish(&mut hub, small);
    assert_eq!(hub.next_sweep(true), 1);
    let (mut counters, mut reports) = (Counters::default(), vec![]);
    let mut brief = |hub: &mut Hub| hub.sweep_brief(9, &mut kernel, &mut counters, &mut reports, 0);
    assert_eq!((brief(&mut hub), brief(&mut hub)), (Some(1), None));
    assert_eq!(kernel.got.keys().collect::<Vec<_>>(), [&1000]);
    assert_eq!(hub.next_sweep(false), BRIEF_MEMBERS + 1);
}
