//! Faults of the handshake and of HTTP/1.1.

use std::time::{Duration, Instant};

use longwave::settings::Origins;

use crate::support::*;

/// A client that never ends its head is told 431 as soon as that is certain, and the answer
/// survives although the client goes on writing.
#[test]
fn an_endless_head_is_answered_431_and_the_answer_survives() {
    let relay = Relay::limits(|l| l.close_timeout_ms = 60_000);
    let mut peer = relay.connect();
    peer.write("GET / HTTP/1.1\r\nHost: x\r\nX: ");
    // Discarded, not cut off: that would be a reset, which may overtake the answer.
    (0..2000).for_each(|_| peer.write([b'a'; 1000]));
    let answer = peer.answer();
    assert_eq!(answer.status, 431);
    assert_eq!(answer.header("connection"), Some("close"));
    assert_eq!(relay.refused("head_too_large"), 1);
    peer.half_close();
    assert_eq!(peer.rest(), End::Eof);
    drop(peer);
    relay.recovers();
}

/// A head that comes two bytes at a time is read like any other.
#[test]
fn a_dribbled_head_is_read() {
    let relay = Relay::limits(|l| l.head_timeout_ms = 60_000);
    let mut peer = relay.connect();
    let mut head = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: ".to_vec();
    head.resize(6000, b'a');
    head.extend(b"\r\n\r\n");
    head.chunks(2).for_each(|piece| peer.write(piece));
    assert_eq!(peer.answer().status, 200);
    drop(peer);
    relay.recovers();
}

/// Patterns on which regular expressions take exponential time, and names that every object has.
#[test]
fn garbage_in_websocket_headers_is_declined_or_refused_at_once() {
    let relay = Relay::plain();
    let blanks = " ".repeat(15_000);
    let cases = [
        (format!("Sec-WebSocket-Protocol: a{blanks}b\r\n"), 400),
        (format!("Sec-WebSocket-Protocol: a{blanks}\x0bb\r\n"), 400),
        (
            format!(
                "Sec-WebSocket-Extensions: a; b=\"{}\r\n",
                "\\".repeat(15_000)
            ),
            101,
        ),
        (
            "Sec-WebSocket-Extensions: constructor, __proto__; toString=1, hasOwnProperty\r\n"
                .into(),
            101,
        ),
        ("Sec-WebSocket-Extensions: ,;=,,\"\r\n".into(), 101),
        (
            "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=999\r\n".into(),
            101,
        ),
    ];
    let begun = Instant::now();
    for (line, status) in cases {
        let answer = relay.connect().ask(upgrade("/channels/a", &line));
        assert_eq!(answer.status, status, "{}", &line[..line.len().min(60)]);
        assert_eq!(answer.header("sec-websocket-extensions"), None);
    }
    assert!(begun.elapsed() < PATIENCE / 2);
    relay.recovers();
}

/// A reset at any point of the handshake costs that connection and nothing else.
#[test]
fn a_reset_anywhere_in_the_handshake_drops_that_connection_only() {
    let relay = Relay::plain();
    let mut bytes = upgrade("/channels/a", "").into_bytes();
    bytes.extend(frame(0xc1, b"with a reserved bit"));
    for cut in (0..bytes.len()).chain([bytes.len(); 20]) {
        let mut peer = relay.connect();
        peer.write(&bytes[..cut]);
        peer.reset();
    }
    relay.recovers();
}

/// Upgrades that are not as RFC 6455 4.2 wants them.
#[test]
fn handshakes_that_are_not_are_answered_as_the_rfc_says() {
    let relay = Relay::plain();
    let good = upgrade("/channels/a", "");
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let swap = |from: &str, to: &str| {
        assert!(good.contains(from));
        good.replacen(from, to, 1)
    };
    let cases = [
        (swap("Version: 13", "Version: 12"), 426, "websocket_version"),
        (
            swap("Sec-WebSocket-Version: 13\r\n", ""),
            426,
            "websocket_version",
        ),
        (swap(key, ""), 400, "bad_key"),
        (swap(key, &[key, key].concat()), 400, "bad_key"),
        (swap("dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ="), 400, "bad_key"),
        (
            swap("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZ!=="),
            400,
            "bad_key",
        ),
        (swap("GET", "PATCH"), 405, "bad_method"),
        (swap("HTTP/1.1", "HTTP/1.0"), 426, "upgrade_required"),
        (swap("HTTP/1.1", "HTTP/2.0"), 505, "bad_version"),
        (swap("Upgrade: websocket\r\n", ""), 426, "upgrade_required"),
    ];
    for (request, status, reason) in cases {
        let before = relay.refused(reason);
        let answer = relay.connect().ask(&request);
        assert_eq!(answer.status, status, "{request}");
        assert_eq!(relay.refused(reason), before + 1, "{request}");
        let named = answer.header("sec-websocket-version");
        assert_eq!(named, (status == 426).then_some("13"), "{request}");
        assert_eq!(answer.header("allow").is_some(), status == 405, "{request}");
    }
    assert_eq!(relay.connect().ask(&good).status, 101);
    relay.recovers();
}

/// A body behind an upgrade is not taken for frames (RFC 9110 7.8).
#[test]
fn an_upgrade_with_a_body_is_refused_and_the_body_never_becomes_frames() {
    let relay = Relay::plain();
    let mut listener = relay.ws("/channels/a");
    let hidden = frame(TEXT, b"from a body");
    let length = format!("Content-Length: {}\r\n", hidden.len());
    for line in [&length[..], "Transfer-Encoding: chunked\r\n"] {
        let mut peer = relay.connect();
        peer.write([upgrade("/channels/a", line).as_bytes(), &hidden].concat());
        assert_eq!(peer.answer().status, 400);
        assert_eq!(peer.rest(), End::Eof);
        assert!(peer.input.is_empty());
    }
    relay.handle.publish_text("a", "the first").unwrap();
    assert_eq!(listener.message(), b"the first");
    drop(listener);
    relay.recovers();
}

/// Frames that come with the upgrade count, once it has been decided, however it is cut.
#[test]
fn frames_that_come_with_the_upgrade_are_used_after_it() {
    let relay = Relay::plain();
    let mut bytes = upgrade("/echo", "").into_bytes();
    let head = bytes.len();
    bytes.extend(frame(TEXT, b"early"));
    for cut in [1, head / 2, head - 1, head, head + 1, head + 7, bytes.len()] {
        let mut peer = relay.connect();
        peer.write(&bytes[..cut]);
        peer.write(&bytes[cut..]);
        assert_eq!(peer.answer().status, 101);
        assert_eq!(peer.message(), b"early");
    }
    relay.recovers();
}

/// Cross-site WebSocket hijacking: the whole origin is compared, not a part of it.
#[test]
fn an_origin_is_compared_exactly_and_governs_publishing_too() {
    let relay = Relay::start(|c| {
        c.settings.origins = Origins::List(vec!["https://chat.example".into(), "null".into()]);
    });
    let get = |origin: &str| {
        let line = format!("Origin: {origin}\r\n");
        relay.connect().ask(upgrade("/channels/a", &line)).status
    };
    let post = |origin: &str| {
        let text = format!(
            "POST /channels/a HTTP/1.1\r\nHost: x\r\nOrigin: {origin}\r\nContent-Length: 1\r\n\r\n1"
        );
        relay.connect().ask(text).status
    };
    let wrong = [
        "https://chat.example.evil.example",
        "https://evil.example/https://chat.example",
        "http://chat.example",
        "https://chat.example:8443",
        "https://CHAT.example",
        "https://chat.exampl",
        "https://xchat.example",
        "https://chat.example, https://evil.example",
        "",
    ];
    for origin in wrong {
        assert_eq!((get(origin), post(origin)), (403, 403), "{origin:?}");
    }
    assert_eq!(relay.refused("bad_origin"), 2 * wrong.len() as u64);
    for origin in ["https://chat.example", "null"] {
        assert_eq!((get(origin), post(origin) / 100), (101, 2), "{origin:?}");
    }
    // No Origin: no browser.
    assert_eq!(relay.connect().ask(upgrade("/channels/a", "")).status, 101);
    relay.recovers();
}

/// Slowloris: one deadline from accept to the complete request, whatever trickles in.
#[test]
fn a_trickling_request_is_answered_408_at_its_deadline() {
    let relay = Relay::limits(|l| l.head_timeout_ms = 400);
    for start in [
        "",
        "POST /channels/a HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\n",
    ] {
        let mut peer = relay.connect();
        peer.stream
            .set_read_timeout(Some(Duration::from_millis(20)))
            .unwrap();
        peer.write(start);
        let begun = Instant::now();
        // A byte each 20 ms, for as long as nobody answers.
        while peer.stream.peek(&mut [0]).is_err() {
            assert!(begun.elapsed() < PATIENCE, "bytes put the deadline off");
            peer.try_write("a");
        }
        assert!(begun.elapsed() >= Duration::from_millis(250));
        peer.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let answer = peer.answer();
        assert_eq!(
            (answer.status, answer.header("connection")),
            (408, Some("close"))
        );
    }
    assert_eq!(relay.refused("head_timeout"), 2);
    relay.recovers();
}

/// A further request on the same connection has the same deadline, from its first byte on.
#[test]
fn a_trickling_upload_behind_another_request_has_a_deadline_too() {
    let relay = Relay::limits(|l| l.head_timeout_ms = 300);
    let mut peer = relay.connect();
    peer.write(
        "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n\
         POST /channels/a HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\nabc",
    );
    assert_eq!(peer.answer().status, 200);
    assert_eq!(peer.answer().status, 408);
    drop(peer);
    relay.recovers();
}

/// Publishing over one connection: answered in order, and kept open.
#[test]
fn requests_of_one_connection_are_answered_in_order() {
    let relay = Relay::plain();
    let mut peer = relay.connect();
    let mut listener = relay.ws("/channels/a");
    let post = |text: &str| {
        format!(
            "POST /channels/a HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{text}",
            text.len()
        )
    };
    let many: String = (0..500).map(|i| post(&format!("message {i}"))).collect();
    peer.write(many + "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    for i in 0..500 {
        assert_eq!(peer.answer().status, 201);
        assert_eq!(listener.message(), format!("message {i}").into_bytes());
    }
    assert_eq!(peer.answer().body, b"ok\n");
    drop((peer, listener));
    relay.recovers();
}
