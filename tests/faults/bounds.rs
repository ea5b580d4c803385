//! Every bound: what exactly meets it passes, one more is refused as documented, and counted.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use longwave::{Config, HandleError, Server};
use socket2::SockAddr;

use crate::support::*;

const KB: usize = 1024;

#[test]
fn head_bytes() {
    let relay = Relay::plain();
    for (len, status) in [(16 * KB, 200), (16 * KB + 1, 431)] {
        let mut head = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: ".to_vec();
        head.resize(len - 4, b'a');
        head.extend(b"\r\n\r\n");
        assert_eq!(relay.connect().ask(head).status, status);
        assert_eq!(relay.refused("head_too_large"), u64::from(status == 431));
    }
    relay.recovers();
}

#[test]
fn header_lines() {
    let relay = Relay::plain();
    for (count, status) in [(100, 200), (101, 431)] {
        let further = "X: a\r\n".repeat(count - 1);
        let head = format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{further}\r\n");
        assert_eq!(relay.connect().ask(head).status, status);
        assert_eq!(relay.refused("too_many_headers"), u64::from(status == 431));
    }
    relay.recovers();
}

/// The time for a head, and the time between requests.
#[test]
fn head_and_idle_times() {
    let relay = Relay::limits(|l| {
        l.head_timeout_ms = 1000;
        l.idle_timeout_ms = 1000;
    });
    let begun = Instant::now();
    let mut silent = relay.connect();
    let mut idle = relay.connect();
    assert_eq!(
        idle.ask("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").status,
        200
    );
    assert_eq!(silent.answer().status, 408);
    assert_eq!(idle.rest(), End::Eof);
    assert!(idle.input.is_empty());
    assert!(begun.elapsed() >= Duration::from_millis(950));
    assert_eq!(relay.refused("head_timeout"), 1);
    drop((silent, idle));
    wait_until("the idle one is counted", || relay.closed("idle") == 1);
    relay.recovers();
}

#[test]
fn message_bytes() {
    let relay = Relay::limits(|l| l.message_bytes_max = 70_000);
    let mut listener = relay.ws("/channels/a");
    let mut peer = relay.ws("/channels/a");
    peer.send(BINARY, &[1; 70_000]);
    assert_eq!(listener.message(), [1; 70_000]);
    peer.send(BINARY, &[1; 70_001]);
    peer.is_closed_with(1009);
    let chunked = |n: usize| {
        format!(
            "Transfer-Encoding: chunked\r\n\r\n{n:x}\r\n{}\r\n0\r\n\r\n",
            "a".repeat(n)
        )
    };
    let length = |n: usize| format!("Content-Length: {n}\r\n\r\n{}", "a".repeat(n));
    for (rest, status) in [
        (length(70_000), 201),
        (chunked(70_000), 201),
        (length(70_001), 413),
        (chunked(70_001), 413),
    ] {
        let mut post = relay.connect();
        post.write(format!("POST /channels/a HTTP/1.1\r\nHost: x\r\n{rest}"));
        assert_eq!(post.answer().status, status);
    }
    assert_eq!(relay.refused("message_too_big"), 3);
    assert_eq!(listener.message(), [b'a'; 70_000]);
    assert_eq!(listener.message(), [b'a'; 70_000]);
    assert_eq!(
        relay.handle.publish_binary("a", &[0; 70_001]),
        Err(HandleError::TooBig)
    );
    drop((listener, peer));
    relay.recovers();
}

/// Beyond `connections_max` some are told 503, and beyond those nobody is even told.
#[test]
fn connections() {
    let relay = Relay::limits(|l| {
        l.connections_max = 3;
        l.close_timeout_ms = 60_000;
    });
    let mut scraper = relay.connect();
    let mut scrape = |name: &str| {
        scraper
            .ask("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            .metric(name)
    };
    let full = "refused_total{reason=\"full\"}";
    let (a, _b) = (relay.ws("/channels/a"), relay.ws("/channels/a"));
    assert_eq!((scrape("connections"), scrape(full)), (3, 0));
    // As many as are answered; each stays until its client has read the answer and closed.
    let mut refused: Vec<Peer> = (0..64).map(|_| relay.connect()).collect();
    for peer in &mut refused {
        let answer = peer.answer();
        assert_eq!(
            (answer.status, answer.header("retry-after")),
            (503, Some("1"))
        );
    }
    assert_eq!((scrape("connections"), scrape(full)), (67, 64));
    assert_eq!(relay.connect().rest(), End::Reset);
    assert_eq!(scrape(full), 65);
    drop((a, refused));
    wait_until("there is room", || scrape("connections") == 2);
    exchange_one(&relay);
}

/// One more client comes in and is served.
fn exchange_one(relay: &Relay) {
    let mut echo = relay.ws("/echo");
    echo.send(TEXT, b"in");
    assert_eq!(echo.message(), b"in");
}

fn connect_from(relay: &Relay, last: u8) -> Peer {
    Peer::connect_with(relay.address, |socket| {
        let from = std::net::SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), 0));
        socket.bind(&SockAddr::from(from)).unwrap();
    })
}

#[test]
fn connections_of_one_address() {
    let relay = Relay::limits(|l| l.connections_per_address_max = 2);
    // A forged header changes nothing: nobody is trusted.
    let mut a = connect_from(&relay, 7);
    let forged = upgrade("/channels/a", "X-Forwarded-For: 9.9.9.9\r\n");
    let mut b = connect_from(&relay, 7);
    assert_eq!(b.ask(forged).status, 101);
    assert_eq!(
        a.ask("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").status,
        200
    );
    let mut third = connect_from(&relay, 7);
    let answer = third.answer();
    assert_eq!(
        (answer.status, answer.header("retry-after")),
        (429, Some("1"))
    );
    assert_eq!(third.rest(), End::Eof);
    assert_eq!(relay.refused("full_address"), 1);
    let _other = connect_from(&relay, 8).upgraded("/channels/a");
    drop((a, b));
    let mut first = None;
    wait_until("there is room for one", || {
        let mut peer = connect_from(&relay, 7);
        peer.try_write(upgrade("/channels/a", ""));
        let came_in = peer.try_answer().is_ok_and(|answer| answer.status == 101);
        first = came_in.then_some(peer);
        came_in
    });
    wait_until("there is room for another", || {
        let mut peer = connect_from(&relay, 7);
        peer.try_write(upgrade("/channels/a", ""));
        peer.try_answer().is_ok_and(|answer| answer.status == 101)
    });
}

/// Behind a trusted proxy those count for whom it speaks: the last address it does not trust.
#[test]
fn connections_of_one_address_behind_a_trusted_proxy() {
    let relay = Relay::start(|c| {
        c.settings.limits.connections_per_address_max = 2;
        c.settings.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    });
    let via = |who: &str| {
        let mut peer = relay.connect();
        let status = peer
            .ask(upgrade(
                "/channels/a",
                &format!("X-Forwarded-For: {who}\r\n"),
            ))
            .status;
        (status, peer)
    };
    let (first, a) = via("10.0.0.1");
    let (second, _b) = via("1.1.1.1, 10.0.0.1, 127.0.0.1");
    assert_eq!((first, second), (101, 101));
    let (third, mut refused) = via("10.0.0.1");
    assert_eq!((third, refused.rest()), (429, End::Eof));
    // What the client itself put in front does not count.
    assert_eq!(via("10.0.0.9, 10.0.0.1").0, 429);
    assert_eq!(relay.refused("full_address"), 2);
    let (other, _c) = via("10.0.0.2");
    assert_eq!(other, 101);
    drop(a);
    wait_until("there is room again", || via("10.0.0.1").0 == 101);
}

#[test]
fn channels() {
    let relay = Relay::limits(|l| {
        l.channels_max = 2;
        l.channel_linger_ms = 100;
    });
    let _a = relay.ws("/channels/a");
    // One that nobody uses is forgotten after a while; one in use, though older, is not.
    relay.handle.publish_text("idle", "nobody").unwrap();
    wait_until("two are there", || relay.metric("messages_in_total") == 1);
    wait_until("one is forgotten", || relay.metric("channels") < 2);
    assert_eq!(relay.handle.subscribers("a"), Ok(1));
    let b = relay.ws("/channels/b");
    let answer = relay.connect().ask(upgrade("/channels/c", ""));
    assert_eq!(
        (answer.status, answer.header("retry-after")),
        (503, Some("1"))
    );
    let post = "POST /channels/c HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n1";
    assert_eq!(relay.connect().ask(post).status, 503);
    relay.handle.publish_text("c", "nowhere").unwrap();
    wait_until("all three are counted", || {
        relay.refused("full_channels") == 3
    });
    // Those that exist can be joined.
    let _again = relay.ws("/channels/b");
    assert_eq!(relay.metric("channels"), 2);
    drop((b, _again));
    // What is forgotten makes room.
    wait_until("it is forgotten", || relay.metric("channels") == 1);
    assert_eq!(relay.handle.subscribers("a"), Ok(1));
    assert_eq!(relay.connect().ask(post).status, 202);
}

#[test]
fn channel_names() {
    let relay = Relay::plain();
    let longest = "n".repeat(255);
    let encoded = "%C3%A9".repeat(127);
    for name in [&longest, &encoded, "a%2Cb", "%20"] {
        relay.ws(&format!("/channels/{name}"));
    }
    let over = "n".repeat(256);
    let over_encoded = "%C3%A9".repeat(128);
    let wrong = [
        &over[..],
        &over_encoded,
        "",
        ".",
        "..",
        "%2E%2E",
        "a,",
        "a/b",
        "%00",
        "%0A",
        "%FF",
        "%G1",
    ];
    for name in wrong {
        let answer = relay
            .connect()
            .ask(upgrade(&format!("/channels/{name}"), ""));
        assert_eq!(answer.status, 400, "{name}");
    }
    assert_eq!(relay.refused("bad_channel"), wrong.len() as u64);
    assert_eq!(
        relay.handle.publish_text(&over, "x"),
        Err(HandleError::BadChannel)
    );
    relay.recovers();
}

/// What waits for a blocked reader behind the message being written, to the byte.
#[test]
fn lag_bytes() {
    const FRAME: u64 = 16_384 + 4;
    const LAG: u64 = 10 * FRAME;
    let relay = Relay::limits(|l| {
        l.message_bytes_max = 64 * KB;
        l.lag_bytes_max = LAG as usize;
        l.unflushed_bytes_max = 64 * KB;
        l.send_buffer_bytes = 16 * KB;
    });
    let mut scraper = relay.connect();
    let before = scraper.ask("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    let own = |a: &Answer| (a.head.len() + a.body.len()) as u64;
    // Bytes written, but for what the scraper got.
    let mut seen = own(&before);
    let mut scrape = || {
        let answer = scraper.ask("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
        let written = answer.metric("bytes_out_total") - seen;
        seen += own(&answer);
        (written, answer.metric("lag_closes_total"))
    };
    let mut stalled = Peer::connect_narrow(relay.address).upgraded("/channels/a");
    let handshake = scrape().0;
    let mut end = 0;
    let waiting = loop {
        let (written, closes) = scrape();
        assert_eq!(closes, 0, "closed at {end}");
        let cursor = written - handshake;
        // The end of the message that the cursor is in, or would write next.
        let being_written = ((cursor / FRAME + 1) * FRAME).min(end);
        if end - being_written + FRAME > LAG {
            break end - being_written;
        }
        relay.handle.publish_binary("a", &[1; 16_384]).unwrap();
        end += FRAME;
        assert_eq!(relay.handle.subscribers("a"), Ok(1));
    };
    assert_eq!(waiting, LAG);
    assert_eq!(scrape().1, 0, "what meets the bound passes");
    relay.handle.publish_binary("a", b"").unwrap();
    wait_until("one byte more does not", || scrape().1 == 1);
    assert!(matches!(stalled.end(), End::Reset | End::Close(1013)));
    drop((stalled, scraper));
    relay.recovers();
}

/// A publisher faster than fan-out is paused; nobody is closed and nothing is lost.
#[test]
fn unflushed_bytes() {
    let relay = Relay::limits(|l| {
        l.message_bytes_max = 64 * KB;
        l.unflushed_bytes_max = 64 * KB;
    });
    let mut listener = relay.ws("/channels/a");
    let mut publisher = relay.ws("/channels/a");
    // Exactly the bound: 64 frames of 1,024 bytes.
    publisher.write(frame(BINARY, &[9; 1020]).repeat(64));
    (0..64).for_each(|_| assert_eq!(listener.message(), [9; 1020]));
    assert_eq!(relay.metric("publisher_pauses_total"), 0);
    let reader = std::thread::spawn(move || {
        (0..8000).for_each(|i: usize| assert_eq!(listener.message(), [i as u8; 1020]));
        listener
    });
    let all: Vec<u8> = (0..8000)
        .flat_map(|i: usize| frame(BINARY, &[i as u8; 1020]))
        .collect();
    publisher.write(all);
    let listener = reader.join().expect("everything in order");
    assert!(relay.metric("publisher_pauses_total") > 0);
    assert_eq!(relay.metric("lag_closes_total"), 0);
    assert_eq!(relay.handle.subscribers("a"), Ok(2));
    drop((listener, publisher));
    relay.recovers();
}

/// What the kernel holds for a stalled reader.
#[test]
fn send_buffer_bytes() {
    let relay = Relay::limits(|l| l.send_buffer_bytes = 32 * KB);
    let stalled: Vec<Peer> = (0..10)
        .map(|_| Peer::connect_narrow(relay.address).upgraded("/channels/a"))
        .collect();
    let before = relay.metric("bytes_out_total");
    for _ in 0..100 {
        relay.handle.publish_binary("a", &[1; 50_000]).unwrap();
    }
    assert_eq!(relay.handle.subscribers("a"), Ok(10));
    let taken = (relay.metric("bytes_out_total") - before) / 10;
    // The kernel doubles the number, and one segment may go over it.
    assert!(taken < 160 * KB as u64, "{taken} bytes held for each");
    drop(stalled);
    relay.recovers();
}

/// Memory over all: who gathers most is told to try again later; the others go on.
#[test]
fn memory_bytes_of_gathered_messages() {
    let relay = Relay::limits(small_memory);
    let mut peers: Vec<Peer> = (0..12).map(|_| relay.ws("/channels/a")).collect();
    let mut closed = 0;
    for peer in &mut peers {
        peer.send(BINARY_BEGIN, &[1; 100 * KB]);
        // Its pong says that the part has been read; who is closed for it is told so instead.
        peer.try_write(frame(PING, b""));
        closed += told_to_come_later(peer.frame());
        let held = relay.metric("memory_bytes");
        assert!(held <= KB as u64 * KB as u64, "{held}");
    }
    for peer in &mut peers {
        peer.try_write(frame(PING, b"still there?"));
        closed += told_to_come_later(peer.frame());
    }
    let refused = relay.refused("memory");
    assert!((1..12).contains(&refused), "{refused}");
    assert_eq!(closed, refused, "each of them is told");
    drop(peers);
    relay.recovers();
}

/// 1 for a close frame that says so, 0 for a pong or nothing more.
fn told_to_come_later(frame: Result<Frame, End>) -> u64 {
    match frame {
        Ok(Frame {
            first: CLOSE,
            payload,
        }) => {
            assert_eq!(payload[..2], 1013u16.to_be_bytes());
            1
        }
        Ok(Frame { first, .. }) => {
            assert_eq!(first, PONG);
            0
        }
        Err(_) => 0,
    }
}

fn small_memory(l: &mut longwave::limits::Limits) {
    l.message_bytes_max = 256 * KB;
    l.lag_bytes_max = 256 * KB;
    l.unflushed_bytes_max = 256 * KB;
    l.memory_bytes_max = KB * KB;
    l.send_buffer_bytes = 16 * KB;
}

/// Memory over all: laggards within their own bound, in more channels than there is room for.
#[test]
fn memory_bytes_of_logs() {
    let relay = Relay::limits(small_memory);
    let mut stalled = Vec::new();
    for channel in 0..8 {
        let name = format!("c{channel}");
        let path = format!("/channels/{name}");
        stalled.push(Peer::connect_narrow(relay.address).upgraded(&path));
        for i in 0..8 {
            relay.handle.publish_binary(&name, &[i; 32_000]).unwrap();
        }
        // Who has to go goes in the turn that sees it, and what he held with him in the next.
        let held = || relay.metric("memory_bytes");
        wait_for("memory is back in its bound", held, |&n| n <= 1 << 20);
    }
    assert!(relay.refused("memory") >= 1);
    assert_eq!(relay.metric("lag_closes_total"), 0);
    let left = relay.metric("subscribers");
    assert!((2..8).contains(&left), "{left} of 8 are left");
    drop(stalled);
    relay.recovers();
}

/// A mailbox that nobody empties takes its number of messages, and its bytes, and no more; what it
/// took is published, however many turns that takes.
#[test]
fn mailbox() {
    let mut config = Config {
        listen: vec![([127, 0, 0, 1], 0).into()],
        ..Config::default()
    };
    config.settings.limits.history_messages_max = 0;
    config.settings.limits.mailbox_messages_max = 3000;
    let server = Server::bind(&config).unwrap_or_else(|e| panic!("{e}"));
    let handle = server.handle();
    for i in 0..3000 {
        assert_eq!(handle.publish_text("a", &i.to_string()), Ok(()));
    }
    assert_eq!(handle.publish_text("a", "one more"), Err(HandleError::Full));
    let relay = Relay::run(server);
    wait_until("all are published", || {
        relay.metric("messages_in_total") == 3000
    });
    assert_eq!(relay.metric("mailbox_full_total"), 1);
    drop(relay);
    config.settings.limits.mailbox_bytes_max = KB * KB;
    let server = Server::bind(&config).unwrap_or_else(|e| panic!("{e}"));
    let handle = server.handle();
    assert_eq!(handle.publish_binary("a", &vec![0; KB * KB]), Ok(()));
    assert_eq!(handle.publish_binary("a", &[0]), Err(HandleError::Full));
    let relay = Relay::run(server);
    wait_until("it is published", || relay.metric("messages_in_total") == 1);
    assert_eq!(relay.metric("mailbox_full_total"), 1);
    relay.recovers();
}
