//! What operators see of sessions.

use super::*;

/// A text frame as a client sends it, with a mask that changes nothing.
fn frame(text: &str) -> Vec<u8> {
    assert!(text.len() < 126);
    let head = [0x81, 0x80 | text.len() as u8, 0, 0, 0, 0];
    [&head, text.as_bytes()].concat()
}

impl World {
    fn peer(&mut self) -> u32 {
        self.connect([127, 0, 0, 1])
    }

    fn metric(&self, name: &str) -> u64 {
        let text = self.relay.metrics(self.now);
        let line = text.lines().find_map(|line| {
            let rest = line.strip_prefix("longwave_")?;
            rest.strip_prefix(name)?.strip_prefix(' ')
        });
        let line = line.unwrap_or_else(|| panic!("no {name} in {text}"));
        line.parse().unwrap()
    }

    fn by_transport(&self) -> [u64; 2] {
        ["polling", "websocket"].map(|t| self.metric(&format!("sessions{{transport=\"{t}\"}}")))
    }

    /// The path of a session that polls, which begins with this.
    fn begin_polling(&mut self) -> String {
        let peer = self.peer();
        let open = self.ask(peer, &get("/socket.io/?EIO=4&transport=polling", ""));
        let (_, sid) = open.split_once("\"sid\":\"").unwrap();
        let (sid, _) = sid.split_once('"').unwrap();
        format!("/socket.io/?EIO=4&transport=polling&sid={sid}")
    }

    fn upload(&mut self, path: &str, body: &str) -> String {
        let peer = self.peer();
        let length = body.len();
        let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n");
        self.ask(peer, &(head + body))
    }
}

#[test]
fn sessions_are_counted_by_what_carries_them_and_by_how_they_end() {
    let mut world = World::new(|_| {});
    let path = world.begin_polling();
    assert_eq!(world.by_transport(), [1, 0]);
    assert!(world.upload(&path, "40").ends_with("ok"));
    assert_eq!(world.metric("sockets"), 1);
    let probe = world.peer();
    let websocket = path.replace("polling", "websocket");
    world.ask(probe, &upgrade(&websocket, ""));
    assert!(world.ask_bytes(probe, &frame("2probe")).ends_with("3probe"));
    assert_eq!(world.by_transport(), [1, 0]);
    world.ask_bytes(probe, &frame("5"));
    assert_eq!(world.by_transport(), [0, 1]);
    let direct = world.peer();
    let open = upgrade("/socket.io/?EIO=4&transport=websocket", "");
    world.ask(direct, &open);
    world.ask_bytes(direct, &frame("40/news,"));
    world.ask_bytes(direct, &frame("40/socket.io,"));
    assert_eq!((world.by_transport(), world.metric("sockets")), ([0, 2], 2));
    for slot in [probe, direct] {
        world.ask_bytes(slot, &frame("1"));
    }
    assert_eq!((world.by_transport(), world.metric("sockets")), ([0, 0], 0));
    for (name, count) in [
        ("sessions_begun_total", 2),
        ("session_upgrades_total", 1),
        ("session_upgrades_failed_total", 0),
        ("sockets_connected_total", 2),
        ("sockets_refused_total", 1),
        ("sessions_closed_total{reason=\"normal\"}", 2),
    ] {
        assert_eq!(world.metric(name), count, "{name}");
    }
}

#[test]
fn upgrades_that_fail_are_counted_once_however_they_fail() {
    let mut world = World::new(|_| {});
    let probe = |world: &mut World, path: &str| {
        let slot = world.peer();
        world.ask(slot, &upgrade(&path.replace("polling", "websocket"), ""));
        slot
    };
    // It says something else; it is too late; its session ends.
    let path = world.begin_polling();
    let slot = probe(&mut world, &path);
    world.ask_bytes(slot, &frame("4hello"));
    assert_eq!(world.metric("session_upgrades_failed_total"), 1);
    probe(&mut world, &path);
    world.now += world.relay.settings.limits.upgrade_timeout_ms;
    world.turn();
    assert_eq!(world.metric("session_upgrades_failed_total"), 2);
    probe(&mut world, &path);
    assert!(world.upload(&path, "1").ends_with("ok"));
    assert_eq!(world.metric("session_upgrades_failed_total"), 3);
    assert_eq!(world.metric("session_upgrades_total"), 0);
    assert_eq!(world.by_transport(), [0, 0]);
}

#[test]
fn who_comes_back_is_counted_by_whether_it_got_what_it_missed() {
    let mut world = World::new(|s| s.socketio.recovery = true);
    let path = world.begin_polling();
    world.upload(&path, "40/news,");
    let poll = world.peer();
    let told = world.ask(poll, &get(&path, ""));
    let (_, pid) = told.split_once("\"pid\":\"").unwrap();
    let (pid, _) = pid.split_once('"').unwrap();
    world.publish("news", "one");
    let told = world.ask(poll, &get(&path, ""));
    let (_, id) = told.rsplit_once(",\"").unwrap();
    let id = id.trim_end_matches("\"]");
    let ahead = format!("{id}0");
    // A private id that nobody was given, and an id that no message has yet, are no way back; an offset of an
    // earlier life says nothing.
    for (pid, offset) in [(pid, id), ("x", id), (pid, &*ahead), (pid, "1:1")] {
        let path = world.begin_polling();
        world.upload(
            &path,
            &format!("40/news,{{\"pid\":\"{pid}\",\"offset\":\"{offset}\"}}"),
        );
    }
    let counts = ["recovered", "not_recovered", "connected"];
    let counts = counts.map(|what| world.metric(&format!("sockets_{what}_total")));
    assert_eq!(counts, [2, 2, 5]);
}

#[test]
fn a_connection_is_listed_with_the_channel_in_which_its_session_is_most_behind() {
    let mut world = World::new(|_| {});
    let path = world.begin_polling();
    world.upload(&path, "40/news,\x1e40/sport,");
    let poll = world.peer();
    world.ask(poll, &get(&path, ""));
    // Two answers to connecting have gone; the next poll waits, and what it is sent is not taken.
    world.kernel.room.insert(poll, 0);
    world.receive(poll, &get(&path, ""));
    world.publish("news", "late");
    world.turn();
    let (query, now) = ("/connections?sort=age", world.now);
    world.relay.keep_admin_apart();
    let admin = world.relay.next_token().slot;
    world
        .relay
        .accepted(Role::Admin, [127, 0, 0, 1].into(), now);
    world.receive(admin, &get(query, "").replace("Host: x", "Host: localhost"));
    let listing = world.relay.take_listing(now).unwrap();
    world.relay.answer_listing(listing, now);
    world.turn();
    let told = world.got(admin);
    let row = "{\"channel\":\"news\",\"transport\":\"socket.io-polling\"";
    assert_eq!(told.matches(row).count(), 1, "{told}");
}
