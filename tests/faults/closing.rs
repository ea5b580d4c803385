//! Connections that end in every way there is, or will not end.

use std::time::{Duration, Instant};

use longwave::{Config, Server};

use crate::support::*;

/// A client that breaks the protocol and then neither closes nor stops sending is cut at the
/// close timeout, counted from our close frame.
#[test]
fn a_close_handshake_ends_in_time_whatever_the_client_sends() {
    let relay = Relay::limits(|l| l.close_timeout_ms = 300);
    let mut peer = relay.ws("/channels/a");
    peer.write([0xff; 8]);
    assert_eq!(peer.end(), End::Close(1002));
    let begun = Instant::now();
    while peer.try_write(frame(PING, b"not yet")) {
        assert!(begun.elapsed() < PATIENCE, "traffic puts the end off");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(begun.elapsed() >= Duration::from_millis(100));
    assert_eq!(relay.closed("reserved_bits"), 1);
    drop(peer);
    relay.recovers();
}

/// The same where the server closed first and waits for the client's close frame.
#[test]
fn a_close_frame_that_is_never_answered_is_waited_for_in_time() {
    let mut relay = Relay::limits(|l| {
        l.close_timeout_ms = 200;
        l.drain_ms = 60_000;
    });
    let mut peer = relay.ws("/channels/a");
    relay.handle.stop();
    assert_eq!(peer.end(), End::Close(1001));
    let begun = Instant::now();
    while peer.try_write(frame(TEXT, b"not yet")) {
        assert!(begun.elapsed() < PATIENCE, "traffic puts the end off");
        std::thread::sleep(Duration::from_millis(5));
    }
    relay.has_stopped();
}

/// The server ends TCP first after a close handshake, at once and not at the timeout.
#[test]
fn the_end_of_tcp_follows_the_close_frame_at_once() {
    let relay = Relay::limits(|l| l.close_timeout_ms = 3_600_000);
    for path in ["/echo", "/channels/a"] {
        let mut peer = relay.ws(path);
        peer.send(CLOSE, &1000u16.to_be_bytes());
        peer.is_closed_with(1000);
    }
    relay.recovers();
    assert_eq!(relay.closed("normal"), 2);
}

/// A client that ends its direction behind a request still gets the answer, then the end.
#[test]
fn a_request_is_answered_although_its_client_has_ended_its_direction() {
    let relay = Relay::plain();
    let post = "POST /channels/a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi";
    let get = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    for (request, status) in [(post, 202), (get, 200)] {
        let mut peer = relay.connect();
        peer.write(request);
        peer.half_close();
        assert_eq!(peer.answer().status, status);
        assert_eq!(peer.rest(), End::Eof);
    }
    // Nothing is owed to one that ends inside its request.
    for request in [&post[..10], &post[..post.len() - 1]] {
        let mut peer = relay.connect();
        peer.write(request);
        peer.half_close();
        assert_eq!(peer.rest(), End::Eof);
        assert!(peer.input.is_empty());
    }
    relay.recovers();
}

/// A WebSocket that ends without a close frame is gone in that turn, not at the next ping; what it
/// sent before counts.
#[test]
fn a_subscriber_that_ends_its_direction_is_gone_at_once() {
    let relay = Relay::limits(|l| l.ping_interval_ms = 3_600_000);
    let mut listener = relay.ws("/channels/a");
    let mut peer = relay.ws("/channels/a");
    peer.write([frame(TEXT, b"the last"), frame(TEXT, b"cut")[..8].to_vec()].concat());
    peer.half_close();
    assert_eq!(listener.message(), b"the last");
    assert_eq!(peer.rest(), End::Eof);
    wait_until("one is left", || relay.handle.subscribers("a") == Ok(1));
    relay.ws("/channels/a").reset();
    wait_until("one is left", || relay.handle.subscribers("a") == Ok(1));
    wait_until("both are counted", || relay.closed("gone") == 2);
    drop(listener);
    relay.recovers();
}

/// Broadcasting to sockets that were reset is no more than their end (EPIPE, SIGPIPE).
#[test]
fn broadcasting_to_the_reset_drops_them_only() {
    let relay = Relay::plain();
    let mut listener = relay.ws("/channels/a");
    let mut publisher = relay.ws("/channels/a");
    for round in 0..30 {
        let doomed: Vec<Peer> = (0..10).map(|_| relay.ws("/channels/a")).collect();
        publisher.write(frame(BINARY, &[round; 3000]).repeat(10));
        doomed.into_iter().for_each(Peer::reset);
        publisher.write(frame(BINARY, &[round; 3000]).repeat(10));
        for _ in 0..20 {
            assert_eq!(listener.message(), [round; 3000]);
        }
    }
    wait_until("two are left", || relay.handle.subscribers("a") == Ok(2));
    drop((listener, publisher));
    relay.recovers();
}

/// Who says nothing is pinged; who answers stays; who does not is told 1008 and dropped.
#[test]
fn the_silent_are_pinged_and_dropped_and_those_that_answer_stay() {
    let relay = Relay::limits(|l| {
        l.ping_interval_ms = 200;
        l.ping_timeout_ms = 1500;
        l.close_timeout_ms = 300;
    });
    let (mut silent, mut live) = (relay.ws("/channels/a"), relay.ws("/channels/a"));
    let begun = Instant::now();
    let mut pongs = 0;
    while begun.elapsed() < Duration::from_millis(2500) {
        let ping = live.frame().expect("a live client stays");
        assert_eq!(ping.first, PING);
        live.send(PONG, &ping.payload);
        pongs += 1;
    }
    assert!(pongs >= 2);
    assert_eq!(silent.frame().unwrap().first, PING);
    assert_eq!(silent.end(), End::Close(1008));
    assert_eq!(relay.refused("silent"), 1);
    assert!(relay.metric("pings_total") > pongs);
    wait_until("only the live one is left", || {
        relay.metric("connections") == 2
    });
    live.send(TEXT, b"still here");
    drop((silent, live));
    // A client that is gone without a word (no FIN, no RST) looks the same to the server.
}

/// A reader that takes no byte and sends none is dropped although no ping can reach it.
#[test]
fn a_blocked_reader_without_a_sign_of_life_is_dropped() {
    let relay = Relay::limits(|l| {
        l.ping_interval_ms = 200;
        l.ping_timeout_ms = 200;
        l.send_buffer_bytes = 16 * 1024;
    });
    let stalled = Peer::connect_narrow(relay.address).upgraded("/channels/a");
    for _ in 0..20 {
        relay.handle.publish_binary("a", &[1; 50_000]).unwrap();
    }
    wait_until("it is dropped", || relay.closed("silent") == 1);
    assert_eq!(relay.handle.subscribers("a"), Ok(0));
    drop(stalled);
    relay.is_at_rest();
}

/// A reader that takes bytes, however slowly, lives, although no ping can reach it.
#[test]
fn a_slow_reader_that_takes_bytes_is_not_taken_for_dead() {
    let relay = Relay::limits(|l| {
        l.ping_interval_ms = 300;
        l.ping_timeout_ms = 900;
        l.send_buffer_bytes = 8 * 1024;
    });
    let slow = Peer::connect_narrow(relay.address).upgraded("/channels/a");
    const TOTAL: usize = 120 * 50_004;
    for _ in 0..120 {
        relay.handle.publish_binary("a", &[1; 50_000]).unwrap();
    }
    // Longer than the interval: it counts as pinged, although no ping can leave.
    std::thread::sleep(Duration::from_millis(600));
    let (begun, mut got) = (Instant::now(), 0);
    // A little at a time: all through it the kernel has more to take than it can.
    while begun.elapsed() < Duration::from_millis(3500) && got < TOTAL / 2 {
        let mut piece = [0; 2000];
        got += std::io::Read::read(&mut &slow.stream, &mut piece).expect("not taken for dead");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(
        begun.elapsed() >= Duration::from_millis(3500),
        "read too fast: {got}"
    );
    assert_eq!(relay.closed("silent"), 0);
    assert_eq!(relay.handle.subscribers("a"), Ok(1));
    drop(slow);
    relay.is_at_rest();
}

/// The server closes first and so holds TIME_WAIT; a restart takes the port all the same.
#[test]
fn the_port_can_be_taken_again_while_connections_are_in_time_wait() {
    let mut relay = Relay::plain();
    let mut peers: Vec<Peer> = (0..3).map(|_| relay.ws("/channels/a")).collect();
    relay.handle.stop();
    for peer in &mut peers {
        assert_eq!(peer.end(), End::Close(1001));
        peer.send(CLOSE, &1001u16.to_be_bytes());
        assert_eq!(peer.rest(), End::Eof);
    }
    drop(peers);
    relay.has_stopped();
    let mut config = Config {
        listen: vec![relay.address],
        ..Config::default()
    };
    config.settings.limits.history_messages_max = 0;
    let again = Relay::run(Server::bind(&config).unwrap_or_else(|e| panic!("{e}")));
    again.recovers();
}

/// `stop` flushes what waits, however slowly it is read, then says 1001.
#[test]
fn a_stop_delivers_what_waits_before_it_says_goodbye() {
    let mut relay = Relay::limits(|l| {
        l.send_buffer_bytes = 16 * 1024;
        l.drain_ms = 40_000;
    });
    let mut slow = Peer::connect_narrow(relay.address).upgraded("/channels/a");
    let mut upload = relay.connect();
    upload.write("POST /channels/b HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab");
    // Its head has been read before the stop.
    wait_until("two connections and a scraper", || {
        relay.metric("connections") == 3
    });
    for i in 0..20 {
        relay.handle.publish_binary("a", &[i; 50_000]).unwrap();
    }
    relay.handle.stop();
    wait_until("nobody listens", || {
        std::net::TcpStream::connect(relay.address).is_err()
    });
    upload.write("cd");
    assert_eq!(upload.answer().status, 202);
    for i in 0..20 {
        assert_eq!(slow.message(), [i; 50_000]);
    }
    assert_eq!(slow.end(), End::Close(1001));
    slow.send(CLOSE, &1001u16.to_be_bytes());
    drop((slow, upload));
    relay.has_stopped();
}

/// A drain has an end, whoever does not answer.
#[test]
fn a_stop_ends_at_its_deadline() {
    let mut relay = Relay::limits(|l| {
        l.drain_ms = 500;
        l.close_timeout_ms = 3_600_000;
        l.send_buffer_bytes = 16 * 1024;
    });
    let idle = relay.ws("/channels/a");
    let stalled = Peer::connect_narrow(relay.address).upgraded("/channels/a");
    for i in 0..20 {
        relay.handle.publish_binary("a", &[i; 50_000]).unwrap();
    }
    let begun = Instant::now();
    relay.handle.stop();
    relay.has_stopped();
    assert!(
        begun.elapsed() >= Duration::from_millis(450),
        "nobody was waited for"
    );
    drop((idle, stalled));
}
