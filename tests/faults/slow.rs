//! Slow and stalled readers, and publishers that are faster than everybody.

use std::sync::atomic::Ordering;

use crate::support::*;

const KB: usize = 1024;

/// A stalled reader that stands between two messages is told 1013 once it reads on: every message
/// before that is whole, in order, and none follows.
#[test]
fn a_laggard_at_a_border_gets_a_prefix_and_1013() {
    let relay = Relay::limits(|l| {
        l.message_bytes_max = 64 * KB;
        l.lag_bytes_max = 64 * KB;
        l.unflushed_bytes_max = 64 * KB;
        l.send_buffer_bytes = 16 * KB;
        l.close_timeout_ms = 60_000;
    });
    // Frames of 16 bytes and segments of a multiple of that: the kernel's buffer is full at a
    // border between messages. One reader in several is enough if the kernel cuts otherwise.
    let narrow = || {
        Peer::connect_with(relay.address, |socket| {
            socket.set_recv_buffer_size(4096).unwrap();
            socket.set_tcp_mss(1024 + 12).unwrap();
        })
    };
    let mut stalled: Vec<Peer> = (0..8).map(|_| narrow().upgraded("/channels/a")).collect();
    let mut live = relay.ws("/channels/a");
    let mut publisher = relay.ws("/channels/a");
    let text = |i: usize| format!("message {i:6}").into_bytes();
    const MESSAGES: usize = 20_000;
    for i in 0..MESSAGES {
        publisher.send(TEXT, &text(i));
        if i % 500 == 499 {
            (i - 499..=i).for_each(|i| assert_eq!(live.message(), text(i)));
        }
    }
    wait_until("all are closed", || {
        relay.metric("lag_closes_total") + told(&relay) >= 8
    });
    let mut by_frame = 0;
    for peer in &mut stalled {
        let (mut next, mut end) = (0, None);
        while end.is_none() {
            match peer.try_message() {
                Ok(message) => {
                    assert_eq!(message, text(next));
                    next += 1;
                }
                Err(found) => end = Some(found),
            }
        }
        assert!(next < MESSAGES, "it lagged and has everything");
        if end == Some(End::Close(1013)) {
            assert!(peer.close_payload[2..].starts_with(b"lagged; last_event_id="));
            by_frame += 1;
            peer.send(CLOSE, &1013u16.to_be_bytes());
        } else {
            assert_eq!(end, Some(End::Reset));
        }
    }
    assert!(by_frame > 0, "nobody was told");
    drop((stalled, live, publisher));
    relay.recovers();
}

/// Laggards whose close frame waits behind what they have not read.
fn told(relay: &Relay) -> u64 {
    let subscribers = relay.metric("subscribers");
    10u64.saturating_sub(subscribers + relay.metric("lag_closes_total"))
}

/// A stalled reader inside a message is reset: its rest would hold the log.
#[test]
fn a_laggard_inside_a_message_is_reset_and_holds_nothing() {
    let relay = Relay::limits(|l| {
        l.message_bytes_max = 64 * KB;
        l.lag_bytes_max = 128 * KB;
        l.unflushed_bytes_max = 64 * KB;
        l.send_buffer_bytes = 16 * KB;
        // Nothing else may end it.
        l.close_timeout_ms = 3_600_000;
    });
    let mut stalled = Peer::connect_narrow(relay.address).upgraded("/channels/a");
    let mut live = relay.ws("/channels/a");
    for i in 0..12 {
        relay.handle.publish_binary("a", &[i; 50_000]).unwrap();
        assert_eq!(live.message(), [i; 50_000]);
    }
    wait_until("it is closed", || relay.metric("lag_closes_total") == 1);
    assert_eq!(relay.closed("lagged"), 1);
    wait_until("the log is empty", || relay.metric("log_bytes") == 0);
    assert_eq!(stalled.end(), End::Reset);
    drop((stalled, live));
    relay.recovers();
}

/// A message as large as every bound still reaches a reader that has nothing waiting, however
/// slowly it reads.
#[test]
fn the_largest_message_reaches_a_slow_reader_whose_queue_is_empty() {
    let max = 512 * KB;
    let relay = Relay::limits(|l| {
        l.message_bytes_max = max;
        l.lag_bytes_max = max;
        l.unflushed_bytes_max = max;
        l.send_buffer_bytes = 8 * KB;
    });
    let mut slow = Peer::connect_narrow(relay.address).upgraded("/channels/a");
    for i in 0..3 {
        relay.handle.publish_binary("a", &vec![i; max]).unwrap();
        wait_until("the kernel is full", || relay.metric("log_bytes") > 0);
        assert_eq!(slow.message(), vec![i; max]);
    }
    assert_eq!(relay.metric("lag_closes_total"), 0);
    drop(slow);
    relay.recovers();
}

/// After a large message neither its publisher nor its reader owns anything.
#[test]
fn a_large_message_leaves_no_large_buffer_behind() {
    let relay = Relay::plain();
    let (mut a, mut b, mut echo) = (
        relay.ws("/channels/a"),
        relay.ws("/channels/a"),
        relay.ws("/echo"),
    );
    let mut post = relay.connect();
    let large = vec![7; KB * KB];
    a.send(BINARY, &large);
    assert_eq!(b.message(), large);
    echo.send(BINARY, &large);
    assert_eq!(echo.message(), large);
    post.write("POST /channels/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\n\r\n");
    assert_eq!(post.ask(&large).status, 201);
    assert_eq!((a.message().len(), b.message().len()), (KB * KB, KB * KB));
    // Small ones must not pin what is larger.
    a.send(TEXT, b"small");
    assert_eq!(b.message(), b"small");
    wait_for(
        "memory is given back",
        || relay.metric("memory_bytes"),
        |&n| n == 0,
    );
    assert_eq!(relay.metric("connections"), 5);
    drop((a, b, echo, post));
    relay.recovers();
}

/// A publisher that never stops does not keep others from being served: one connection is read
/// only so much a turn.
#[test]
fn a_flood_on_one_connection_does_not_starve_another() {
    const TOTAL: u64 = 64 << 20;
    let relay = Relay::plain();
    let mut flooder = relay.ws("/channels/flood");
    let mut echo = relay.ws("/echo");
    let scrape = || {
        let answer = relay
            .connect()
            .ask("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
        let turns = answer.metric("turn_duration_seconds_count");
        (answer.metric("bytes_in_total"), turns)
    };
    let before = scrape();
    let flood = Flood::start(move |_| {
        let many = frame(TEXT, &[b'a'; 64]).repeat(15_000);
        (0..TOTAL / many.len() as u64).for_each(|_| flooder.write(&many));
    });
    for i in 0..5u8 {
        echo.send(BINARY, &[i]);
        assert_eq!(echo.message(), [i]);
    }
    flood.join();
    let after = wait_for("all is read", scrape, |s| s.0 - before.0 > TOTAL / 64 * 63);
    let (bytes, turns) = (after.0 - before.0, after.1 - before.1);
    // The budget of a turn, and the last read that goes over it.
    assert!(
        bytes / turns <= 768 * 1024,
        "{bytes} bytes in {turns} turns"
    );
    drop(echo);
    relay.recovers();
}

/// Edge-triggered: more than one turn's reading arrives at once, and no edge follows.
#[test]
fn what_is_left_over_from_a_turn_is_not_forgotten() {
    let relay = Relay::plain();
    let mut listener = relay.ws("/channels/a");
    let mut publisher = relay.ws("/channels/a");
    const MESSAGES: usize = 5000;
    let reader = std::thread::spawn(move || {
        for i in 0..MESSAGES {
            assert_eq!(listener.message(), [i as u8; 1000]);
        }
        listener
    });
    let all: Vec<u8> = (0..MESSAGES)
        .flat_map(|i| frame(BINARY, &[i as u8; 1000]))
        .collect();
    publisher.write(all);
    let listener = reader.join().unwrap();
    assert_eq!(relay.metric("deliveries_total"), MESSAGES as u64);
    drop((listener, publisher));
    relay.recovers();
}

/// An echo that is not read stops being read; nothing is lost when it is.
#[test]
fn an_echo_that_is_not_read_is_bounded_and_loses_nothing() {
    let relay = Relay::limits(|l| {
        l.message_bytes_max = 64 * KB;
        l.send_buffer_bytes = 16 * KB;
    });
    const MESSAGES: usize = 400;
    let mut peer = Peer::connect_narrow(relay.address).upgraded("/echo");
    let mut writer = Peer::over(peer.stream.try_clone().unwrap());
    let flood = Flood::start(move |progress| {
        for i in 0..MESSAGES {
            writer.send(BINARY, &[i as u8; 20_000]);
            progress.fetch_add(1, Ordering::Relaxed);
        }
    });
    let check = || {
        let held = relay.metric("memory_bytes");
        assert!(held < 640 * KB as u64, "{held} bytes held for one echo");
    };
    flood.stands_still(check);
    for i in 0..MESSAGES {
        assert_eq!(peer.message(), [i as u8; 20_000]);
        if i % 20 == 0 {
            check();
        }
    }
    flood.join();
    drop(peer);
    relay.recovers();
}

/// A pong, and a close frame, to a reader inside a message wait for the message's end.
#[test]
fn control_frames_wait_for_the_end_of_the_message_being_written() {
    let relay = Relay::limits(|l| l.send_buffer_bytes = 8 * KB);
    let mut slow = Peer::connect_narrow(relay.address).upgraded("/channels/a");
    let large = vec![3; 500 * KB];
    let publish = |text: &str| {
        relay.handle.publish_binary("a", &large).unwrap();
        relay.handle.publish_text("a", text).unwrap();
    };
    let private = || relay.metric("memory_bytes") - relay.metric("log_bytes");
    publish("a");
    wait_until("it waits inside the first", || {
        relay.metric("log_bytes") > 0
    });
    slow.send(PING, b"between");
    wait_until("a pong waits", || private() > 0);
    for expected in [(BINARY, &large[..]), (PONG, b"between"), (TEXT, b"a")] {
        let frame = slow.frame().unwrap();
        assert_eq!((frame.first, &frame.payload[..]), expected);
    }
    publish("b");
    wait_until("it waits inside the second", || {
        relay.metric("log_bytes") > 0
    });
    slow.send(CLOSE, &1000u16.to_be_bytes());
    // It gets the rest of that message and no further one (RFC 6455 5.5.1).
    for expected in [(BINARY, &large[..]), (CLOSE, &[3, 0xe8])] {
        let frame = slow.frame().unwrap();
        assert_eq!((frame.first, &frame.payload[..]), expected);
    }
    assert_eq!(slow.rest(), End::Eof);
    drop(slow);
    relay.recovers();
}
