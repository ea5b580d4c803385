//! Laggards by policy: moved on and told, or closed; by bytes and by time; some channels otherwise.

use longwave::settings::{ChannelRule, Slow};

use crate::support::*;

const KB: usize = 1024;
const META: &str = "Sec-WebSocket-Protocol: ws+meta.nchan\r\n";

/// A relay on which laggards of channels `s…` are moved on, and little is needed to lag.
fn skipping() -> Relay {
    Relay::start(|config| {
        config.settings.channels = vec![ChannelRule {
            pattern: "s*".into(),
            slow: Some(Slow::Skip),
            ..ChannelRule::default()
        }];
        let l = &mut config.settings.limits;
        l.message_bytes_max = 128 * KB;
        l.lag_bytes_max = 128 * KB;
        l.unflushed_bytes_max = 64 * KB;
        l.send_buffer_bytes = 16 * KB;
        // Nothing else may end anybody.
        l.close_timeout_ms = 3_600_000;
    })
}

/// A reader that takes little before it has to read, and gets ids.
fn narrow(relay: &Relay, path: &str) -> Peer {
    let mut peer = Peer::connect_narrow(relay.address);
    peer.write(upgrade(path, META));
    let answer = peer.answer();
    assert_eq!(answer.status, 101);
    assert_eq!(
        answer.header("sec-websocket-protocol"),
        Some("ws+meta.nchan")
    );
    peer
}

/// What came in a frame: the number of its id, its type, what follows.
fn record(frame: &[u8]) -> (u64, String, String) {
    let text = String::from_utf8_lossy(frame);
    let (lines, payload) = text.split_once("\n\n").expect("lines in front");
    let (id, content_type) = lines.split_once('\n').unwrap_or((lines, ""));
    let number = id.split(':').next_back().and_then(|n| n.parse().ok());
    let content_type = content_type.trim_start_matches("content-type: ");
    (number.expect("an id"), content_type.into(), payload.into())
}

/// The number behind a key of what is told of a gap.
fn field(json: &str, key: &str) -> Option<u64> {
    let (_, rest) = json.split_once(&format!("\"{key}\":"))?;
    let value = rest.split([',', '}']).next()?.trim_matches('"');
    value.split(':').next_back()?.parse().ok()
}

/// Reads on until the message that ends so; counts the messages and those told to be missing.
fn read_to(peer: &mut Peer, last: &str) -> (u64, u64) {
    let (mut got, mut missing, mut newest, mut next) = (0, 0, 0, None);
    loop {
        let (number, content_type, payload) = record(&peer.message());
        if content_type == "application/vnd.longwave.gap+json" {
            let (after, missed) = (field(&payload, "after"), field(&payload, "missed"));
            assert_eq!((Some(number), after.unwrap() >= newest), (after, true));
            next = field(&payload, "next").or(next);
            (newest, missing) = (number, missing + missed.unwrap());
            continue;
        }
        let told = next.take().is_none_or(|next| next == number);
        assert!(told || missing > 0, "{next:?} was told, {number} came");
        (newest, got) = (number, got + 1);
        if payload.ends_with(last) {
            return (got, missing);
        }
    }
}

#[test]
fn a_laggard_that_can_be_told_is_moved_on_and_misses_exactly_what_it_is_told() {
    let relay = skipping();
    let mut stalled = narrow(&relay, "/channels/s");
    let mut plain = Peer::connect_narrow(relay.address).upgraded("/channels/s");
    let mut live = relay.ws("/channels/s");
    const MESSAGES: u64 = 2000;
    for i in 0..MESSAGES {
        let text = format!("{}{i:6}", "x".repeat(KB));
        relay.handle.publish_text("s", &text).unwrap();
        assert_eq!(live.message(), text.as_bytes());
    }
    wait_until("it is moved on", || relay.metric("gaps_total") > 0);
    // The bound, the message under way and the one that passed it.
    assert_eq!(relay.metric("behind_bytes{le=\"262144\"}"), 1);
    relay.handle.publish_text("s", "the end").unwrap();
    let (got, missing) = read_to(&mut stalled, "the end");
    assert_eq!(got + missing, MESSAGES + 1);
    assert!(missing > 0);
    assert_eq!(relay.metric("skipped_messages_total"), missing);
    assert_eq!(plain.end(), End::Reset, "who cannot be told is closed");
    assert_eq!(relay.closed("lagged"), 1);
    // It is a subscriber like any other again.
    relay.handle.publish_text("s", "after").unwrap();
    assert!(record(&stalled.message()).2 == "after" && relay.metric("gaps_total") == 1);
    drop((stalled, plain, live));
    relay.recovers();
}

#[test]
fn a_laggard_is_closed_where_its_channel_or_a_long_message_under_way_asks_for_it() {
    for (channel, bytes) in [("other", 1000), ("s-long", 100_000)] {
        let relay = skipping();
        let mut stalled = narrow(&relay, &format!("/channels/{channel}"));
        for _ in 0..800_000 / bytes {
            let payload = vec![7; bytes];
            relay.handle.publish_binary(channel, &payload).unwrap();
            wait_until("it is read", || relay.handle.subscribers(channel).is_ok());
        }
        wait_until("it lags", || {
            relay.metric("subscribers") == 0 || relay.metric("lag_closes_total") == 1
        });
        assert_eq!(relay.metric("gaps_total"), 0, "{channel}");
        assert!(matches!(stalled.end(), End::Reset | End::Close(1013)));
        drop(stalled);
        relay.recovers();
    }
}

#[test]
fn a_laggard_in_time_is_found_although_nothing_follows() {
    let relay = Relay::limits(|l| {
        l.lag_timeout_ms = 700;
        l.send_buffer_bytes = 16 * KB;
        l.close_timeout_ms = 3_600_000;
    });
    let mut stalled = Peer::connect_narrow(relay.address).upgraded("/channels/a");
    let mut live = relay.ws("/channels/a");
    let large = vec![1; 600 * KB];
    relay.handle.publish_binary("a", &large).unwrap();
    assert_eq!(live.message(), large);
    assert_eq!(relay.metric("behind_bytes{le=\"65536\"}"), 0);
    assert_eq!(relay.metric("behind_bytes{le=\"1048576\"}"), 1);
    wait_until("its time passes", || {
        relay.metric("behind_seconds{le=\"0.2\"}") == 0
    });
    wait_until("it is closed", || relay.closed("lagged_long") == 1);
    assert_eq!(stalled.end(), End::Reset);
    assert_eq!(relay.metric("lag_closes_total"), 1);
    wait_until("the log is empty", || relay.metric("log_bytes") == 0);
    drop((stalled, live));
    relay.recovers();
}

/// The clock of a laggard stands for each byte by itself: who reads on in time is not closed.
#[test]
fn a_slow_reader_that_stays_within_the_time_is_not_closed() {
    let relay = Relay::limits(|l| {
        l.lag_timeout_ms = 1000;
        l.send_buffer_bytes = 16 * KB;
    });
    let mut slow = Peer::connect_narrow(relay.address).upgraded("/channels/a");
    let large = vec![1; 300 * KB];
    for _ in 0..8 {
        relay.handle.publish_binary("a", &large).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(300));
        assert_eq!(slow.message(), large);
    }
    assert_eq!(relay.metric("lag_closes_total"), 0);
    drop(slow);
    relay.recovers();
}

/// A Socket.IO session that polls is a subscriber whose kernel takes something now and then. One that does not
/// ask at all, or not any more, lags like any other; publishers do not wait for it.
#[test]
fn a_session_that_does_not_poll_lags_and_holds_nobody_up() {
    let relay = Relay::limits(|l| {
        l.message_bytes_max = 16 * KB;
        l.lag_bytes_max = 256 * KB;
        l.unflushed_bytes_max = 64 * KB;
        l.payload_bytes_max = 64 * KB;
    });
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    for polls in [0, 1] {
        let mut peer = relay.connect();
        let path = "/socket.io/?EIO=4&transport=polling";
        let open = String::from_utf8(peer.ask(get(path)).body).unwrap();
        let sid = open.split('"').nth(3).expect("a session has an id");
        let path = format!("{path}&sid={sid}");
        let join = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n40/room,");
        assert_eq!(peer.ask(join).body, b"ok");
        for _ in 0..polls {
            let joined = peer.ask(get(&path)).body;
            assert!(joined.starts_with(b"40/room,"), "{joined:?}");
        }
        assert_eq!(relay.handle.subscribers("room"), Ok(1));
        let mut other = relay.ws("/channels/room");
        let message = vec![b'x'; 10 * KB];
        for _ in 0..100 {
            relay.handle.publish_binary("room", &message).unwrap();
            assert_eq!(other.message(), message);
        }
        assert_eq!(relay.handle.subscribers("room"), Ok(1), "but the other");
        assert_eq!(peer.ask(get(&path)).status, 400);
    }
    relay.recovers();
}
