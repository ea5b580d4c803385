//! One connection to a server that the test itself plays, step by step.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::*;

/// A connection in the middle of its handshake, and the server's end of it.
struct Scene {
    reactor: Reactor,
    server: TcpStream,
    answer: String,
    got: Vec<Vec<u8>>,
}

impl Scene {
    fn new() -> Scene {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = Url::parse(&format!("ws://{}/x", listener.local_addr().unwrap())).unwrap();
        let mut reactor = Reactor::new(Endpoints::raw(url), 1, Sockets::default()).unwrap();
        reactor.connect().unwrap();
        let (mut server, _) = listener.accept().unwrap();
        let soon = Instant::now() + Duration::from_secs(5);
        reactor.turn(soon, &mut |_, _: Heard<'_>, _| {}).unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut piece = [0; 4096];
            let n = server.read(&mut piece).unwrap();
            request.extend_from_slice(&piece[..n]);
        }
        let request = String::from_utf8(request).unwrap();
        assert!(request.starts_with("GET /x HTTP/1.1\r\n"), "{request}");
        let (_, key) = request.split_once("Sec-WebSocket-Key: ").unwrap();
        let accept = crate::dialect::handshake::accept(key.split_once("\r\n").unwrap().0);
        let answer = format!(
            "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        Scene {
            reactor,
            server,
            answer,
            got: Vec::new(),
        }
    }

    /// The server says this, all of it at once behind its answer.
    fn say(&mut self, frames: &[u8]) {
        let all = [self.answer.as_bytes(), frames].concat();
        self.server.write_all(&all).unwrap();
    }

    /// Turns until nothing happens any more.
    fn turns(&mut self) {
        for _ in 0..200 {
            let soon = Instant::now() + Duration::from_millis(2);
            let got = &mut self.got;
            let mut sink = |_, heard: Heard<'_>, _| match heard {
                Heard::Payload { bytes, .. } => got.push(bytes.to_vec()),
                Heard::Gap(_) => panic!("no WebSocket can say so"),
            };
            self.reactor.turn(soon, &mut sink).unwrap();
        }
    }
}

#[test]
fn frames_behind_the_answer_and_the_end_behind_the_frames() {
    let mut scene = Scene::new();
    scene.say(b"\x82\x01a\x82\x01b");
    scene.server.shutdown(Shutdown::Write).unwrap();
    std::thread::sleep(Duration::from_millis(30));
    scene.turns();
    assert_eq!(scene.got, [b"a", b"b"]);
    let cut = Ended::Cut("end of stream".to_owned());
    assert_eq!(scene.reactor.ended(), [(0, cut)]);
    assert_eq!(scene.reactor.open(), 0);
}

#[test]
fn what_does_not_fit_in_one_turn_is_read_without_another_edge() {
    let mut scene = Scene::new();
    scene.say(&b"\x82\x02hi".repeat(10_000));
    std::thread::sleep(Duration::from_millis(30));
    scene.turns();
    assert_eq!(scene.got.len(), 10_000);
    assert_eq!((scene.reactor.open(), scene.reactor.ended()), (1, &[][..]));
}

#[test]
fn a_ping_is_answered_and_a_close_too() {
    let mut scene = Scene::new();
    scene.say(b"\x89\x02hi\x88\x05\x03\xf5lag");
    scene.turns();
    let closed = Ended::Closed(1013, "lag".to_owned());
    assert_eq!(scene.reactor.ended(), [(0, closed)]);
    let mut reply = Vec::new();
    scene.server.read_to_end(&mut reply).unwrap();
    let unmasked = |at: usize, n: usize| {
        let mut bytes = reply[at + 4..at + 4 + n].to_vec();
        let key = *reply[at..].first_chunk().unwrap();
        crate::codec::mask(&mut bytes, key);
        bytes
    };
    assert_eq!(
        (&reply[..2], unmasked(2, 2)),
        (&[0x8a, 0x82][..], b"hi".to_vec())
    );
    assert_eq!(
        (&reply[8..10], unmasked(10, 2)),
        (&[0x88, 0x82][..], vec![3, 0xf5])
    );
    assert_ne!(reply[2..6], reply[10..14], "each frame has its own key");
}

#[test]
fn an_answer_that_stops_half_way_is_a_failed_handshake() {
    let mut scene = Scene::new();
    let half = scene.answer.len() / 2;
    scene
        .server
        .write_all(&scene.answer.as_bytes()[..half])
        .unwrap();
    scene.server.shutdown(Shutdown::Write).unwrap();
    scene.turns();
    let refused = Ended::Refused("end of stream".to_owned());
    assert_eq!(scene.reactor.ended(), [(0, refused)]);
}

#[test]
fn waiting_ends_on_time() {
    let mut scene = Scene::new();
    scene.say(b"");
    scene.turns();
    let best = (0..20).map(|_| {
        let until = Instant::now() + Duration::from_micros(300);
        while Instant::now() < until {
            scene
                .reactor
                .turn(until, &mut |_, _: Heard<'_>, _| {})
                .unwrap();
        }
        until.elapsed()
    });
    // The best of many, so that a busy machine does not fail it: whole milliseconds would.
    assert!(best.min().unwrap() < Duration::from_micros(500));
}

#[test]
fn a_stalled_connection_reads_what_it_is_allowed_to_and_no_more() {
    let mut scene = Scene::new();
    scene.say(b"");
    scene.turns();
    scene.reactor.allow(0, Some(0));
    scene.answer.clear();
    scene.say(&b"\x82\x02hi".repeat(10));
    scene.turns();
    assert!(scene.got.is_empty());
    scene.reactor.allow(0, Some(6));
    scene.turns();
    assert_eq!(scene.got.len(), 1);
    scene.reactor.allow(0, Some(6));
    scene.turns();
    assert_eq!(scene.got.len(), 3);
    scene.server.shutdown(Shutdown::Write).unwrap();
    scene.turns();
    assert!(scene.reactor.ended().is_empty());
    scene.reactor.allow(0, None);
    scene.turns();
    assert_eq!(scene.got.len(), 10);
    assert_eq!(scene.reactor.ended().len(), 1);
}

#[test]
fn leaving_takes_what_was_under_way_and_ends_without_a_complaint() {
    for end in [&b"\x88\x02\x03\xe8"[..], b""] {
        let mut scene = Scene::new();
        scene.say(b"");
        scene.turns();
        let opened = scene.reactor.take_opened();
        assert_eq!((opened.len(), opened[0].id), (1, 0));
        assert!(opened[0].connect + opened[0].handshake < Duration::from_secs(5));
        scene.reactor.leave(0);
        scene.answer.clear();
        scene.say(&[b"\x82\x01a", end].concat());
        scene.server.shutdown(Shutdown::Write).unwrap();
        scene.turns();
        assert_eq!(scene.got, [b"a"]);
        assert_eq!(scene.reactor.ended(), [(0, Ended::Left)]);
        let mut goodbye = Vec::new();
        scene.server.read_to_end(&mut goodbye).unwrap();
        assert_eq!((goodbye.len(), goodbye[0]), (8, 0x88));
    }
}

#[test]
fn a_close_for_another_reason_is_not_taken_for_the_answer_to_a_goodbye() {
    let mut scene = Scene::new();
    scene.say(b"");
    scene.turns();
    scene.reactor.leave(0);
    scene.answer.clear();
    scene.say(b"\x88\x02\x03\xf5");
    scene.turns();
    let closed = Ended::Closed(1013, String::new());
    assert_eq!(scene.reactor.ended(), [(0, closed)]);
}

#[test]
fn who_vanishes_is_gone_at_once() {
    let mut scene = Scene::new();
    scene.say(b"");
    scene.turns();
    scene.reactor.vanish(0);
    assert_eq!(scene.reactor.ended(), [(0, Ended::Left)]);
    assert_eq!(scene.reactor.open(), 0);
    assert_eq!(scene.server.read(&mut [0; 9]).unwrap(), 0);
}

#[test]
fn a_turn_that_takes_long_is_noted() {
    let mut scene = Scene::new();
    scene.say(b"\x82\x01a");
    scene.turns();
    let turns = scene.reactor.take_turns();
    assert!(turns.busy.count() > 100);
    scene.answer.clear();
    scene.say(b"\x82\x01a");
    let mut sink = |_, _: Heard<'_>, _| std::thread::sleep(LONG_TURN * 2);
    for _ in 0..3 {
        let soon = Instant::now() + Duration::from_millis(50);
        scene.reactor.turn(soon, &mut sink).unwrap();
    }
    let turns = scene.reactor.take_turns();
    assert!(turns.long >= LONG_TURN * 2, "{:?}", turns.long);
    assert!(turns.busy.summary().max_us >= 20_000.0);
}
