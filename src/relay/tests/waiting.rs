//! Publishers that wait: for their channel, or for their message to leave.

use super::*;

fn post(path: &str, body: &str) -> String {
    let len = body.len();
    format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len}\r\n\r\n{body}")
}

/// A publisher gave up waiting for a channel that was paused, and waits for something else when that
/// channel resumes.
#[test]
fn a_channel_that_resumes_wakes_nobody_who_waits_for_a_flush() {
    let mut world = World::new(|settings| settings.limits.unflushed_bytes_max = 1000);
    let (reader, stuck) = (world.connect([127, 0, 0, 1]), world.connect([127, 0, 0, 1]));
    let publisher = world.connect([127, 0, 0, 1]);
    assert_eq!(status(&world.ask(reader, &upgrade("/channels/a", ""))), 101);
    assert_eq!(status(&world.ask(stuck, &upgrade("/channels/b", ""))), 101);
    world.kernel.room.insert(stuck, 0);

    // Nothing is flushed until the publisher has given up.
    world.publish("a", &"x".repeat(2000));
    world.receive(publisher, &post("/channels/a", "held"));
    assert!(world.relay.peers[publisher as usize].is(super::super::peer::WAITING));
    world.now += world.relay.settings.limits.head_timeout_ms;
    world.relay.expire(world.now);
    world.receive(publisher, &post("/channels/b?wait=flush", "to leave"));
    world.receive(publisher, &get("/healthz", ""));
    (0..3).for_each(|_| world.turn());

    assert!(
        world
            .relay
            .hub
            .find("a")
            .is_some_and(|a| !world.relay.hub.paused(a))
    );
    let got = world.got(publisher);
    assert_eq!((status(&got), got.matches("HTTP/1.1 ").count()), (503, 1));
    world.room(stuck, usize::MAX);
    (0..3).for_each(|_| world.turn());
    let got = world.got(publisher);
    let behind = &got[got
        .find("\"flushed\":1,\"behind\":0")
        .expect("all are told")..];
    assert_eq!(behind.matches("HTTP/1.1 200 ").count(), 1, "{got}");
}
