//! Gaps are told once, and to a WebSocket that accepts them not at all.

use super::*;
use crate::limits::FILL_BYTES_PER_TURN;
use crate::settings::Slow;

/// After a restart, on a channel in which nothing happens.
#[test]
fn a_poll_is_told_of_a_gap_once() {
    for path in ["/channels/a?wait=0", "/channels/a,b?wait=0"] {
        let mut world = World::new(|_| {});
        let poll = world.connect([127, 0, 0, 1]);
        let answer = world.ask(poll, &get(&format!("{path}&last_event_id=5:5"), ""));
        assert_eq!(status(&answer), 304);
        assert!(header(&answer, "Longwave-Gap").is_some(), "{answer}");
        let newest = world.relay.hub.newest().number.to_string();
        assert_eq!(header(&answer, "Etag"), Some(&*newest));
        let modified = header(&answer, "Last-Modified").unwrap();
        let known = format!("If-Modified-Since: {modified}\r\nIf-None-Match: {newest}\r\n");
        let answer = world.ask(poll, &get(path, &known));
        assert_eq!(status(&answer), 304);
        assert_eq!(header(&answer, "Longwave-Gap"), None);
        assert_eq!(world.relay.counters.gaps, 1);
    }
}

/// More than are encoded in a turn.
const KEPT: usize = 64;

/// What is sent to a WebSocket that resumes from the oldest of two channels, whose oldest message goes
/// before it could be encoded for it. `query`: what it asks beside that.
fn outrun(query: &str) -> (World, String) {
    let mut world = World::new(|settings| {
        settings.limits.history_messages_max = KEPT;
    });
    for i in 0..KEPT {
        let rest = ".".repeat(2 * FILL_BYTES_PER_TURN / KEPT);
        world.publish("a", &format!("<{i}>{rest}"));
    }
    let ws = world.connect([127, 0, 0, 1]);
    let path = format!("/channels/a,b?last_event_id=oldest{query}");
    world.receive(ws, &upgrade(&path, ""));
    world.turn();
    world.publish("a", "<new>");
    for _ in 0..4 {
        world.turn();
    }
    let got = world.got(ws);
    (world, got)
}

#[test]
fn a_websocket_that_accepts_gaps_is_not_closed_for_one() {
    let (world, got) = outrun("");
    assert!(got.contains("gap; last_event_id="), "{got}");
    assert_eq!(world.relay.counters.gaps, 1);

    let (mut world, got) = outrun("&gap=accept");
    assert!(!got.contains("gap") && !got.contains("<0>"), "{got}");
    let after_gap = got.find("<1>").expect("what is still there");
    assert!(got[after_gap..].ends_with("<new>"), "{got}");
    assert_eq!(got.matches('<').count(), KEPT);
    assert_eq!(world.relay.counters.gaps, 1);
    // It hears what follows, once.
    world.kernel.got.clear();
    world.publish("b", "<last>");
    world.turn();
    assert!(world.got(0).ends_with("<last>"));
    assert_eq!(world.got(0).matches('<').count(), 1);
}

#[test]
fn who_waits_for_its_place_and_is_moved_on_meanwhile_still_hears_what_comes() {
    let size = FILL_BYTES_PER_TURN / 10;
    let mut world = World::new(|settings| {
        settings.slow = Slow::Skip;
        settings.limits.lag_bytes_max = 4 * size;
        settings.limits.unflushed_bytes_max = 10_000_000;
    });
    for _ in 0..40 {
        world.publish("a", &"k".repeat(size));
        world.turn();
    }
    let slot = world.connect([127, 0, 0, 1]);
    let protocol = "Sec-WebSocket-Protocol: ws+meta.nchan\r\n";
    world.kernel.room.insert(slot, 90);
    world.receive(slot, &upgrade("/channels/a?last_event_id=oldest", protocol));
    world.turn();
    // The kernel takes the rest of the answer, while the log is still being filled.
    world.room(slot, usize::MAX);
    world.turn();
    for _ in 0..10 {
        world.publish("a", &"n".repeat(size));
    }
    for _ in 0..60 {
        world.turn();
    }
    world.publish("a", "after");
    world.turn();
    let got = world.got(slot);
    assert!(
        got.ends_with("after"),
        "{} {}",
        got.len(),
        &got[got.len() - 60..]
    );
}
