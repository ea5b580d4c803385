//! Answers to polls that are taken slowly, and what polls own.

use super::*;
use crate::conn::{Conn, PollConn};
use crate::http::Reply;

/// A world in which a poll has waited nearly for its time when a message of 1000 bytes came, of whose
/// answer a part was taken.
fn begun_late() -> (World, u32) {
    let mut world = World::new(|_| {});
    let poll = world.connect([127, 0, 0, 1]);
    assert_eq!(world.ask(poll, &get("/channels/a", "")), "");
    world.now = world.relay.settings.limits.poll_hold_ms - 100;
    world.kernel.room.insert(poll, 400);
    world.publish("a", &"x".repeat(1000));
    world.turn();
    assert_eq!(world.got(poll).len(), 400);
    (world, poll)
}

#[test]
fn an_answer_that_begins_late_in_the_hold_is_not_cut() {
    let (mut world, poll) = begun_late();
    let idle_ms = world.relay.settings.limits.idle_timeout_ms;
    // As long as the reader takes something, however little, in each such time.
    for _ in 0..5 {
        world.now += idle_ms - 1;
        world.turn();
        assert!(world.relay.is_slot(poll));
        world.room(poll, 10);
        world.turn();
    }
    assert_eq!(world.got(poll).len(), 450);
    world.room(poll, usize::MAX);
    world.turn();
    assert!(world.got(poll).ends_with(&"x".repeat(1000)));
    // Its connection is one of HTTP again.
    assert_eq!(status(&world.ask(poll, &get("/channels/a", ""))), 0);
    world.publish("a", "next");
    world.turn();
    assert!(world.got(poll).ends_with("\r\n\r\nnext"));
}

#[test]
fn an_answer_that_is_not_taken_is_reset_after_a_while() {
    let (mut world, poll) = begun_late();
    world.now += world.relay.settings.limits.idle_timeout_ms - 1;
    world.turn();
    assert!(world.relay.is_slot(poll));
    world.now += 1;
    world.turn();
    assert!(!world.relay.is_slot(poll));
}

#[test]
fn who_ends_its_direction_behind_two_requests_gets_both_answers() {
    let mut world = World::new(|_| {});
    let peer = world.connect([127, 0, 0, 1]);
    world.kernel.room.insert(peer, 10);
    world.receive(peer, &get("/", ""));
    world.turn();
    world.publish("a", "kept");
    world.receive(peer, &get("/channels/a?wait=0&last_event_id=oldest", ""));
    world.turn();
    assert_eq!(world.got(peer).len(), 10);
    world.relay.ended(peer, world.now);
    world.room(peer, usize::MAX);
    world.turn();
    let got = world.got(peer);
    assert!(got.contains("</html>") && got.ends_with("\r\n\r\nkept"));
}

#[test]
fn a_poll_counts_all_that_it_owns() {
    let bare = Conn::Poll(Box::new(PollConn::new(Reply::default(), None, false)));
    let gap = "{\"after\":\"5:5\"}".to_owned();
    let (origin, len) = ("https://page.example", gap.len());
    let mut poll = PollConn::new(Reply::default(), Some(origin), false);
    poll.gap = Some(gap.into());
    let memory = Conn::Poll(Box::new(poll)).memory();
    assert_eq!(memory, bare.memory() + origin.len() + len);
}
