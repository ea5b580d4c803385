//! Sessions of Engine.IO below a kernel that takes little: who goes first on a connection, what waits for
//! a poll, what goes along in an upgrade, and that nothing is left behind.

use super::*;
use crate::limits::POLLED_PACKETS_MAX;

const PATH: &str = "/socket.io/?EIO=4&transport=";

/// A frame of a client, masked with zeros.
fn frame(text: &str) -> String {
    let len = u8::try_from(text.len()).unwrap();
    assert!(len < 126);
    let head = [0x81, 0x80 | len, 0, 0, 0, 0];
    // The tests speak in strings: what is not ASCII in a head goes as the bytes it has to be.
    let mut bytes = head.to_vec();
    bytes.extend(text.as_bytes());
    bytes.iter().map(|&b| char::from(b)).collect()
}

impl World {
    /// What a WebSocket sends, each of these texts in a frame.
    pub(super) fn say(&mut self, slot: u32, texts: &[&str]) {
        for text in texts {
            let bytes: Vec<u8> = frame(text).chars().map(|c| c as u8).collect();
            let (relay, now) = (&mut self.relay, self.now);
            let mut scratch = vec![0; SCRATCH_BYTES];
            let kept = relay.restore(slot, &mut scratch, now);
            scratch[kept..kept + bytes.len()].copy_from_slice(&bytes);
            let fill = kept + bytes.len();
            let used = match relay.may_read(slot) {
                true => relay.input(slot, &mut scratch[..fill], false, now),
                false => 0,
            };
            relay.keep(slot, &scratch[used..fill], now);
        }
        for _ in 0..3 {
            self.turn();
        }
    }

    /// A WebSocket that carries a session in these namespaces.
    pub(super) fn engine_socket(&mut self, namespaces: &[&str]) -> u32 {
        let slot = self.connect([127, 0, 0, 1]);
        let answer = self.ask(slot, &upgrade(&format!("{PATH}websocket"), ""));
        assert!(answer.contains("\"upgrades\":[]"), "{answer}");
        for namespace in namespaces {
            self.say(slot, &[&format!("40{namespace},")]);
        }
        self.kernel.got.remove(&slot);
        slot
    }

    /// A session that polls, in these namespaces: its path, and a connection for it.
    pub(super) fn polling(&mut self, namespaces: &[&str]) -> (String, u32) {
        let slot = self.connect([127, 0, 0, 1]);
        let answer = self.ask(slot, &get(&format!("{PATH}polling"), ""));
        let sid = answer.split("\"sid\":\"").nth(1).unwrap();
        let path = format!("{PATH}polling&sid={}", &sid[..20]);
        for namespace in namespaces {
            assert!(
                self.post(slot, &path, &format!("40{namespace},"))
                    .ends_with("ok")
            );
            let answer = self.ask(slot, &get(&path, ""));
            assert!(answer.contains("\r\n\r\n40"), "{answer}");
        }
        (path, slot)
    }

    pub(super) fn post(&mut self, slot: u32, path: &str, body: &str) -> String {
        let head = format!("Host: x\r\nContent-Length: {}\r\n\r\n", body.len());
        self.ask(slot, &format!("POST {path} HTTP/1.1\r\n{head}{body}"))
    }

    pub(super) fn assert_empty(&mut self) {
        for slot in 0..self.relay.peers.capacity() as u32 {
            if self.relay.is_slot(slot) {
                self.relay.ended(slot, self.now);
                self.relay.broke(slot);
            }
        }
        self.turn();
        // Who polls is gone when it is silent.
        let limits = &self.relay.settings.limits;
        for ms in [limits.ping_interval_ms, limits.ping_timeout_ms] {
            self.now += ms;
            self.turn();
        }
        let sessions = &self.relay.sessions;
        assert_eq!((sessions.len(), self.relay.hub.members()), (0, 0));
        assert_eq!(self.relay.private_bytes, 0);
        assert!(sessions.is_clean(), "{sessions:?}");
    }
}

/// The payloads of unmasked frames, as text.
pub(super) fn texts(mut bytes: &[u8]) -> Vec<String> {
    let mut texts = Vec::new();
    while bytes.len() > 1 {
        let (head, len) = match bytes[1] {
            126 => (4, usize::from(u16::from_be_bytes([bytes[2], bytes[3]]))),
            len => (2, usize::from(len)),
        };
        texts.push(String::from_utf8_lossy(&bytes[head..head + len]).into_owned());
        bytes = &bytes[head + len..];
    }
    texts
}

/// An event with one attachment.
pub(super) fn picture(n: usize) -> String {
    format!(
        "{{\"name\":\"pic\",\"data\":[{n},{{\"_placeholder\":true,\"num\":0}}],\"attachments\":[\"{}\"]}}",
        "AAAA".repeat(40)
    )
}

#[test]
fn an_event_and_its_attachments_are_one_unit_on_a_connection_with_several_namespaces() {
    for room in 1..700 {
        let mut world = World::new(|_| {});
        let slot = world.engine_socket(&["/a", "/b"]);
        world.kernel.room.insert(slot, room);
        world.publish("a", &picture(1));
        world.publish("b", &picture(2));
        world.publish("a", "text");
        for _ in 0..3 {
            world.turn();
        }
        world.say(slot, &["3"]);
        world.room(slot, usize::MAX);
        for _ in 0..3 {
            world.turn();
        }
        let got = world.kernel.got[&slot].clone();
        let got = texts(&got);
        let heads: Vec<_> = got.iter().map(|t| t.get(..5).unwrap_or(t)).collect();
        let of = |space: &str| heads.iter().position(|h| *h == space).unwrap();
        for space in ["451-/", "42/a,"] {
            assert!(heads.contains(&space), "{room} {got:?}");
        }
        let first = of("451-/");
        assert_eq!(got[first + 1].len(), 120, "{room} {got:?}");
        let units = got.iter().filter(|t| t.starts_with("451-")).count();
        assert_eq!(units, 2, "{room}");
        for (i, text) in got.iter().enumerate() {
            if text.starts_with("451-") {
                assert_eq!(got[i + 1].len(), 120, "{room} {got:?}");
            }
        }
        world.assert_empty();
    }
}

#[test]
fn a_reader_that_takes_nothing_pauses_nobody() {
    let mut world = World::new(|settings| settings.limits.unflushed_bytes_max = 64 * 1024);
    let slot = world.engine_socket(&["/a", "/b"]);
    let (_, poller) = world.polling(&["/b"]);
    world.kernel.room.insert(slot, 0);
    for _ in 0..200 {
        world.publish("b", &"x".repeat(1000));
        world.turn();
    }
    let channel = world.relay.hub.find("b").unwrap();
    assert!(!world.relay.hub.paused(channel));
    assert!(world.relay.is_slot(slot) && world.relay.is_slot(poller));
    world.assert_empty();
}

#[test]
fn who_does_not_poll_lags_and_its_session_ends() {
    let mut world = World::new(|settings| {
        settings.limits.lag_bytes_max = 10_000;
        settings.limits.history_messages_max = 0;
    });
    let (path, slot) = world.polling(&["/a"]);
    for _ in 0..30 {
        world.publish("a", &"x".repeat(1000));
        world.turn();
    }
    assert_eq!(world.relay.sessions(), 0);
    let answer = world.ask(slot, &get(&path, ""));
    assert!(answer.ends_with("{\"code\":1,\"message\":\"Session ID unknown\"}"));
    world.assert_empty();
}

#[test]
fn who_polls_does_not_lag_in_that_turn() {
    let mut world = World::new(|settings| {
        settings.limits.lag_bytes_max = 10_000;
        settings.limits.history_messages_max = 0;
    });
    let (path, slot) = world.polling(&["/a"]);
    world.publish("a", "it waits for a poll");
    world.turn();
    world.kernel.got.remove(&slot);
    world.receive(slot, &get(&path, ""));
    for _ in 0..30 {
        world.publish("a", &"x".repeat(1000));
    }
    world.turn();
    assert_eq!(world.relay.sessions(), 1);
    let answer = world.got(slot);
    assert!(answer.contains("it waits for a poll"), "{answer}");
    world.assert_empty();
}

#[test]
fn an_answer_holds_as_many_packets_as_clients_take_and_the_rest_is_in_the_next() {
    let mut world = World::new(|_| {});
    let (path, slot) = world.polling(&["/a"]);
    for n in 0..2 * POLLED_PACKETS_MAX + 3 {
        world.publish("a", &n.to_string());
    }
    world.turn();
    let mut got = Vec::new();
    for _ in 0..3 {
        let answer = world.ask(slot, &get(&path, ""));
        let body = answer.split("\r\n\r\n").nth(1).unwrap();
        assert_eq!(
            header(&answer, "Content-Length").unwrap(),
            body.len().to_string()
        );
        let packets: Vec<_> = body.split('\x1e').map(str::to_owned).collect();
        assert!(packets.len() <= POLLED_PACKETS_MAX);
        got.extend(packets);
    }
    let all: Vec<_> = (0..2 * POLLED_PACKETS_MAX + 3)
        .map(|n| format!("42/a,[\"message\",\"{n}\"]"))
        .collect();
    assert_eq!(got, all);
    world.assert_empty();
}

#[test]
fn what_waits_goes_along_in_an_upgrade_and_nobody_hears_itself() {
    let mut world = World::new(|_| {});
    let (path, slot) = world.polling(&["/a", "/b"]);
    world.publish("a", "one");
    world.post(slot, &path, "42/a,[\"own\"]");
    world.publish("a", &picture(1));
    world.publish("b", "two");
    let socket = world.connect([127, 0, 0, 1]);
    let probe = path.replace("polling", "websocket");
    assert!(
        world
            .ask(socket, &upgrade(&probe, ""))
            .starts_with("HTTP/1.1 101 ")
    );
    world.kernel.got.remove(&socket);
    world.say(socket, &["2probe"]);
    assert_eq!(texts(&world.kernel.got[&socket].clone()), ["3probe"]);
    world.kernel.got.remove(&socket);
    world.say(socket, &["5"]);
    world.publish("b", "three");
    world.turn();
    let got = texts(&world.kernel.got[&socket].clone());
    let heads: Vec<_> = got
        .iter()
        .map(|t| t.chars().take(24).collect::<String>())
        .collect();
    assert_eq!(heads[0], "42/a,[\"message\",\"one\"]");
    assert!(heads[1].starts_with("451-/a,[\"pic\"") && got[2].len() == 120);
    assert_eq!(
        heads[3..],
        ["42/b,[\"message\",\"two\"]", "42/b,[\"message\",\"three\"]"]
    );
    assert_eq!(status(&world.ask(slot, &get(&path, ""))), 400);
    world.say(socket, &["42/a,[\"own\"]", "42/b,[\"own\"]"]);
    assert_eq!(texts(&world.kernel.got[&socket].clone()).len(), got.len());
    world.assert_empty();
}

#[test]
fn who_comes_back_gets_what_it_missed_and_then_the_answer_under_its_old_id() {
    for websocket in [true, false] {
        let mut world = World::new(|settings| settings.socketio.recovery = true);
        let first = world.engine_socket(&[]);
        world.say(first, &["40/a,"]);
        let connect = texts(&world.kernel.got[&first].clone()).pop().unwrap();
        let told = connect.strip_prefix("40/a,").unwrap().to_owned();
        let pid = told.split('"').nth(7).unwrap().to_owned();
        world.publish("a", "one");
        world.turn();
        let event = texts(&world.kernel.got[&first].clone()).pop().unwrap();
        let offset = event.split('"').nth(5).unwrap().to_owned();
        // It has not been noticed that it is gone.
        world.kernel.room.insert(first, 0);
        world.publish("a", "two");
        world.say(first, &["42/a,[\"own\"]", "42/a,[\"own\"]"]);
        world.publish("a", "three");
        world.say(first, &["42/a,[\"own\"]"]);
        world.turn();
        let back = format!("40/a,{{\"pid\":\"{pid}\",\"offset\":\"{offset}\"}}");
        let got = if websocket {
            let second = world.engine_socket(&[]);
            world.say(second, &[&back]);
            texts(&world.kernel.got[&second].clone())
        } else {
            let (path, slot) = world.polling(&[]);
            world.post(slot, &path, &back);
            let mut got = Vec::new();
            // An answer ends before what is left out.
            while got.len() < 3 {
                let answer = world.ask(slot, &get(&path, ""));
                let body = answer.split("\r\n\r\n").nth(1).unwrap();
                got.extend(body.split('\x1e').map(str::to_owned));
            }
            got
        };
        assert_eq!(got.len(), 3, "{got:?}");
        assert!(
            got[0].contains("two") && got[1].contains("three"),
            "{got:?}"
        );
        assert_eq!(got[2], connect);
        world.turn();
        assert_eq!(world.relay.hub.subscribers("a"), 1, "the ghost is gone");
        // An id that nobody was given is no way back.
        let other = world.engine_socket(&[]);
        let forged = back.replace(&pid[..4], "AAAA");
        assert_ne!(forged, back);
        world.say(other, &[&forged]);
        let got = texts(&world.kernel.got[&other].clone());
        assert!(got.len() == 1 && !got[0].contains(&pid), "{got:?}");
        world.assert_empty();
    }
}

#[test]
fn who_never_had_an_event_comes_back_to_where_it_came() {
    let mut world = World::new(|settings| settings.socketio.recovery = true);
    let first = world.engine_socket(&[]);
    world.say(first, &["40/a,"]);
    let connect = texts(&world.kernel.got[&first].clone()).pop().unwrap();
    let pid = connect.split('"').nth(7).unwrap().to_owned();
    world.kernel.room.insert(first, 0);
    world.publish("a", "one");
    world.turn();
    let second = world.engine_socket(&[]);
    world.say(second, &[&format!("40/a,{{\"pid\":\"{pid}\"}}")]);
    let got = texts(&world.kernel.got[&second].clone());
    assert!(got.len() == 2 && got[0].contains("one"), "{got:?}");
    assert_eq!(got[1], connect);
    world.assert_empty();
}

#[test]
fn a_session_that_is_cut_at_any_byte_of_an_answer_leaves_nothing() {
    for room in 0..400 {
        let mut world = World::new(|_| {});
        let (path, slot) = world.polling(&["/a", "/b"]);
        world.publish("a", &picture(1));
        world.publish("b", &picture(2));
        world.turn();
        world.kernel.got.remove(&slot);
        world.kernel.room.insert(slot, room);
        world.receive(slot, &get(&path, ""));
        for _ in 0..2 {
            world.turn();
        }
        // In the middle of its answer it is taken out of one of its namespaces.
        let other = world.connect([127, 0, 0, 1]);
        world.post(other, &path, "41/a,");
        world.room(slot, usize::MAX);
        for _ in 0..3 {
            world.turn();
        }
        let answer = world.got(slot);
        let body = answer.split("\r\n\r\n").last().unwrap();
        let len = header(&answer, "Content-Length").unwrap();
        assert_eq!(len, body.len().to_string(), "{room} {answer}");
        world.relay.broke(slot);
        world.assert_empty();
    }
}

#[test]
fn who_polls_gets_what_waits_for_it_before_it_is_told_that_the_relay_stops() {
    let mut world = World::new(|_| {});
    let (path, slot) = world.polling(&["/a"]);
    world.publish("a", "last");
    world.turn();
    world.relay.begin_drain(world.now);
    let answer = world.ask(slot, &get(&path, "Connection: keep-alive\r\n"));
    assert!(answer.ends_with("42/a,[\"message\",\"last\"]"), "{answer}");
    let second = world.connect([127, 0, 0, 1]);
    world.relay.drain = None;
    world.relay.begin_drain(world.now);
    let answer = world.ask(second, &get(&path, ""));
    assert!(
        answer.ends_with("\r\n\r\n1") || status(&answer) == 503,
        "{answer}"
    );
    let third = world.connect([127, 0, 0, 1]);
    assert_eq!(
        status(&world.ask(third, &get(&format!("{PATH}polling"), ""))),
        503
    );
    world.assert_empty();
}

#[test]
fn a_poll_behind_the_time_of_a_pong_is_too_late_though_it_is_read_before_deadlines() {
    for late in [false, true] {
        let mut world = World::new(|_| {});
        let (path, slot) = world.polling(&["/a"]);
        let limits = &world.relay.settings.limits;
        let (interval, timeout) = (limits.ping_interval_ms, limits.ping_timeout_ms);
        // The ping is a little late, which changes nothing.
        world.now += interval + 7;
        world.turn();
        assert!(world.ask(slot, &get(&path, "")).ends_with("\r\n\r\n2"));
        world.now += timeout - 7 - 1;
        world.turn();
        world.now += u64::from(late);
        if late {
            let answer = world.ask(slot, &get(&path, ""));
            assert!(answer.contains("Session ID unknown"), "{answer}");
        } else {
            assert!(world.post(slot, &path, "3").ends_with("ok"));
        }
        world.assert_empty();
    }
}

#[test]
fn who_holds_most_of_events_under_way_goes_when_memory_is_short() {
    let mut world = World::new(|settings| settings.limits.memory_bytes_max = 200_000);
    let (path, slot) = world.polling(&["/a"]);
    let (innocent, other) = world.polling(&["/a"]);
    let bytes = "A".repeat(20_000);
    let placeholders = |n| format!("{{\"_placeholder\":true,\"num\":{n}}}");
    let event = format!(
        "453-/a,[\"x\",{},{},{}]",
        placeholders(0),
        placeholders(1),
        placeholders(2)
    );
    world.post(slot, &path, &event);
    world.post(slot, &path, &format!("b{bytes}"));
    assert_eq!(world.relay.sessions(), 2, "there is room for that");
    world.relay.settings.limits.memory_bytes_max = 10_000;
    world.turn();
    assert_eq!(world.relay.sessions(), 1);
    assert!(world.post(other, &innocent, "3").ends_with("ok"));
    world.assert_empty();
}
