//! Requests of sessions that take several turns, or are overtaken by an upgrade or an end.

use super::sessions::{picture, texts};
use super::*;
use crate::limits::PACKETS_PER_TURN;

/// A body of so many events.
fn events(count: usize) -> String {
    let events: Vec<_> = (0..count).map(|n| format!("42/a,[\"n\",{n}]")).collect();
    events.join("\x1e")
}

#[test]
fn a_body_of_many_packets_takes_turns_and_keeps_its_order() {
    let mut world = World::new(|_| {});
    let count = 2 * PACKETS_PER_TURN + 5;
    let listener = world.engine_socket(&["/a"]);
    let (path, slot) = world.polling(&["/a"]);
    let body = events(count);
    let head = format!("Host: x\r\nContent-Length: {}\r\n\r\n", body.len());
    world.kernel.got.remove(&slot);
    world.receive(slot, &format!("POST {path} HTTP/1.1\r\n{head}{body}"));
    assert_eq!(world.relay.counters.messages_in as usize, PACKETS_PER_TURN);
    world.turn();
    assert_eq!(
        world.relay.counters.messages_in as usize,
        2 * PACKETS_PER_TURN
    );
    assert_eq!(world.got(slot), "", "it is not answered before it is taken");
    world.turn();
    world.turn();
    assert!(world.got(slot).ends_with("\r\n\r\nok"));
    let got = texts(&world.kernel.got[&listener].clone());
    let all: Vec<_> = (0..count).map(|n| format!("42/a,[\"n\",{n}]")).collect();
    assert_eq!(got, all);
    world.assert_empty();
}

#[test]
fn a_body_whose_session_ends_while_it_is_taken_is_refused() {
    let mut world = World::new(|_| {});
    let (path, slot) = world.polling(&["/a"]);
    let body = events(3 * PACKETS_PER_TURN);
    let head = format!("Host: x\r\nContent-Length: {}\r\n\r\n", body.len());
    world.kernel.got.remove(&slot);
    world.receive(slot, &format!("POST {path} HTTP/1.1\r\n{head}{body}"));
    // A second one at once ends the session.
    let other = world.connect([127, 0, 0, 1]);
    assert_eq!(status(&world.post(other, &path, "3")), 400);
    for _ in 0..3 {
        world.turn();
    }
    assert_eq!(status(&world.got(slot)), 400);
    // Its connection goes on as one of HTTP.
    assert_eq!(status(&world.ask(slot, &get("/healthz", ""))), 200);
    world.assert_empty();
}

#[test]
fn an_upgrade_at_any_byte_of_an_answer_loses_and_doubles_nothing() {
    for room in 0..500 {
        let mut world = World::new(|_| {});
        let (path, slot) = world.polling(&["/a", "/b"]);
        world.publish("a", &picture(1));
        world.publish("b", &picture(2));
        world.turn();
        world.kernel.got.remove(&slot);
        world.kernel.room.insert(slot, room);
        world.receive(slot, &get(&path, ""));
        world.turn();
        world.publish("a", "third");
        let socket = world.connect([127, 0, 0, 1]);
        world.ask(socket, &upgrade(&path.replace("polling", "websocket"), ""));
        world.kernel.got.remove(&socket);
        world.say(socket, &["2probe", "5"]);
        world.room(slot, usize::MAX);
        for _ in 0..3 {
            world.turn();
        }
        let answer = world.got(slot);
        let body = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
        assert_eq!(
            header(&answer, "Content-Length").unwrap(),
            body.len().to_string()
        );
        let polled = body.split('\x1e').map(str::to_owned);
        let got: Vec<_> = polled
            .chain(texts(&world.kernel.got[&socket].clone()))
            .collect();
        for part in ["451-/a,", "451-/b,", "42/a,[\"message\",\"third\"]"] {
            let times = got.iter().filter(|packet| packet.starts_with(part)).count();
            assert_eq!(times, 1, "{room} {part} {got:?}");
        }
        world.assert_empty();
    }
}

#[test]
fn who_is_between_two_polls_goes_with_the_relay() {
    let mut world = World::new(|_| {});
    let (path, slot) = world.polling(&["/a"]);
    world.post(slot, &path, "42/a,1[\"x\"]");
    world.relay.begin_drain(world.now);
    world.turn();
    assert_eq!(
        world.relay.sessions(),
        1,
        "it may still come for what waits"
    );
    world.now += world.relay.settings.limits.drain_ms;
    world.turn();
    assert_eq!(world.relay.sessions(), 0);
    world.assert_empty();
}
