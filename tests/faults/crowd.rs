//! Many at once: stalled among the healthy, coming and going during a broadcast, IPv6.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use longwave::{Config, Server};

use crate::support::*;

const KB: usize = 1024;

/// 600 members, 50 of them stalled: the others get everything in order, memory stays within the
/// window, and each of the stalled has got a prefix when it is closed.
#[test]
fn the_healthy_do_not_notice_the_stalled() {
    const MESSAGES: usize = 60;
    let payload = |i: usize| [i as u8; 10_000];
    let relay = Relay::limits(|l| {
        l.message_bytes_max = 16 * KB;
        l.lag_bytes_max = 64 * KB;
        l.unflushed_bytes_max = 64 * KB;
        l.send_buffer_bytes = 16 * KB;
    });
    let mut stalled: Vec<Peer> = (0..50)
        .map(|_| Peer::connect_narrow(relay.address).upgraded("/channels/a"))
        .collect();
    let mut healthy: Vec<Peer> = (0..550).map(|_| relay.ws("/channels/a")).collect();
    let mut most = 0;
    for i in 0..MESSAGES {
        relay.handle.publish_binary("a", &payload(i)).unwrap();
        for peer in &mut healthy {
            assert_eq!(peer.message(), payload(i));
        }
        most = most.max(relay.metric("memory_bytes"));
    }
    // The window, one message, and what segments round up.
    assert!(most < 400 * KB as u64, "{most} bytes");
    wait_until("the stalled are closed", || {
        relay.metric("subscribers") == 550
    });
    for peer in &mut stalled {
        let mut next = 0;
        let end = loop {
            match peer.try_message() {
                Ok(message) => assert_eq!(message, payload(next)),
                Err(end) => break end,
            }
            next += 1;
        };
        assert!(matches!(end, End::Reset | End::Close(1013)), "{end:?}");
        assert!(next < MESSAGES);
    }
    drop((stalled, healthy));
    relay.recovers();
}

/// One joins, sends, and goes in one of four ways, again and again.
fn come_and_go(relay: &Relay, rounds: usize) {
    for i in 0..rounds {
        let mut peer = relay.ws("/channels/a");
        match i % 4 {
            0 => peer.send(CLOSE, &1000u16.to_be_bytes()),
            1 => peer.half_close(),
            2 => peer.reset(),
            _ => drop(peer.try_message()),
        }
    }
}

/// Expects numbers in order up to the text that ends them; how many there were.
fn count_to_the_last(listener: &mut Peer) -> u32 {
    for next in 0u32.. {
        let message = listener.message();
        if message == b"the last" {
            return next;
        }
        assert_eq!(message, next.to_be_bytes());
    }
    unreachable!("there are fewer")
}

/// Publishing while subscribers join, leave, reset and half-close: who stays gets every message
/// once and in order, and nobody is left behind in the channel.
#[test]
fn coming_and_going_during_a_broadcast_disturbs_nobody() {
    let relay = Relay::plain();
    let mut listeners = [relay.ws("/channels/a"), relay.ws("/channels/a")];
    let over = Arc::new(AtomicBool::new(false));
    let mut publisher = relay.ws("/channels/a");
    let go_on = over.clone();
    let publish = std::thread::spawn(move || {
        let mut sent = 0u32;
        while !go_on.load(Ordering::Relaxed) {
            publisher.send(BINARY, &sent.to_be_bytes());
            sent += 1;
            std::thread::yield_now();
        }
        publisher.send(TEXT, b"the last");
        (publisher, sent)
    });
    let heard = std::thread::scope(|scope| {
        let listening = listeners
            .each_mut()
            .map(|l| scope.spawn(|| count_to_the_last(l)));
        let others = [0, 1].map(|_| scope.spawn(|| come_and_go(&relay, 400)));
        others.into_iter().for_each(|o| o.join().unwrap());
        over.store(true, Ordering::Relaxed);
        listening.map(|l| l.join().unwrap())
    });
    let (publisher, sent) = publish.join().unwrap();
    assert_eq!(heard, [sent; 2]);
    wait_until("three are left", || relay.handle.subscribers("a") == Ok(3));
    drop((listeners, publisher));
    relay.recovers();
}

/// Two addresses, one of them IPv6, are one relay. A machine without IPv6 shows only that the
/// address is refused by name.
#[test]
fn ipv6_and_ipv4_share_the_channels() {
    let mut config = Config {
        listen: vec!["127.0.0.1:0".parse().unwrap(), "[::1]:0".parse().unwrap()],
        ..Config::default()
    };
    config.settings.limits.history_messages_max = 0;
    let has_ipv6 = std::net::TcpListener::bind("[::1]:0").is_ok();
    let server = match Server::bind(&config) {
        Ok(server) => server,
        Err(error) => {
            assert!(!has_ipv6, "{error}");
            return assert!(error.to_string().contains("[::1]"), "{error}");
        }
    };
    let addresses = server.addresses().to_vec();
    let relay = Relay::run(server);
    let mut a = Peer::ws(addresses[0], "/channels/a");
    let mut b = Peer::ws(addresses[1], "/channels/a");
    a.send(TEXT, b"over 4");
    assert_eq!(b.message(), b"over 4");
    b.send(TEXT, b"over 6");
    assert_eq!(a.message(), b"over 6");
    drop((a, b));
    relay.recovers();
}
