//! Channels are listed, told of and deleted, by those who may and by nobody else.

#[path = "faults/support.rs"]
mod support;

use longwave::Config;
use serde_json::Value;
use support::{Answer, End, Peer, Relay, TEXT, wait_until};

const LOCAL: &str = "Host: localhost\r\n";

fn ask(relay: &Relay, line: &str, headers: &str) -> Answer {
    let mut peer = relay.connect();
    peer.ask(format!("{line} HTTP/1.1\r\n{headers}\r\n"))
}

fn json(answer: &Answer) -> Value {
    assert_eq!(answer.header("content-type"), Some("application/json"));
    serde_json::from_slice(&answer.body).unwrap_or_else(|e| panic!("{e}: {answer:?}"))
}

/// A relay that keeps messages, and so some memory, for those who come back.
fn keeping(change: impl FnOnce(&mut Config)) -> Relay {
    Relay::start(|config| {
        config.settings.limits.history_messages_max = 256;
        change(config);
    })
}

fn publish(relay: &Relay, channel: &str, body: &str) -> Answer {
    let line = format!("POST /channels/{channel}");
    let headers = format!("Host: x\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let mut peer = relay.connect();
    peer.ask(format!("{line} HTTP/1.1\r\n{headers}"))
}

/// A GET whose body does not end: the peer, and its head.
fn stream(relay: &Relay, path: &str, further: &str) -> Peer {
    let mut peer = relay.connect();
    peer.write(format!("GET {path} HTTP/1.1\r\nHost: x\r\n{further}\r\n"));
    peer
}

fn heard(relay: &Relay, channel: &str, n: usize) {
    wait_until("they listen", || relay.handle.subscribers(channel) == Ok(n));
}

#[test]
fn a_deleted_channel_ends_everybody_in_their_own_way() {
    let relay = keeping(|_| {});
    assert_eq!(ask(&relay, "DELETE /channels/a", LOCAL).status, 404);
    publish(&relay, "a", "kept");
    let mut ws = relay.ws("/channels/a");
    let mut both = relay.ws("/channels/a,b");
    let mut other = relay.ws("/channels/b");
    let mut events = stream(&relay, "/channels/a", "Accept: text/event-stream\r\n");
    let mut chunks = stream(&relay, "/channels/a", "TE: chunked\r\n");
    let mut poll = stream(&relay, "/channels/a", "");
    heard(&relay, "a", 5);
    let mut keeps = relay.connect();
    let answer = keeps.ask(format!("DELETE /channels/a HTTP/1.1\r\n{LOCAL}\r\n"));
    assert_eq!(answer.status, 200, "{answer:?}");
    let told = String::from_utf8_lossy(&answer.body).into_owned();
    assert!(told.starts_with("queued messages: 1\r\n"), "{told}");
    assert!(told.contains("active subscribers: 5\r\n"), "{told}");

    for ended in [&mut ws, &mut both] {
        assert_eq!(ended.end(), End::Close(1001));
        assert_eq!(&ended.close_payload[2..], b"410 Channel Deleted");
    }
    assert_eq!(events.rest(), End::Eof);
    assert_eq!(chunks.rest(), End::Eof);
    assert!(chunks.input.ends_with(b"0\r\n\r\n"));
    let gone = poll.answer();
    assert_eq!(gone.status, 410);
    assert!(gone.header("etag").is_some());
    // Its connection is one of HTTP again.
    assert_eq!(
        poll.ask(format!("GET /channels/a/info HTTP/1.1\r\n{LOCAL}\r\n"))
            .status,
        404
    );
    let missing = ask(&relay, "DELETE /channels/a", LOCAL);
    assert_eq!((missing.status, &*missing.body), (404, &b"not found\n"[..]));
    // Who only heard the other channel still does.
    publish(&relay, "b", "still");
    assert_eq!(other.message(), b"still");
    drop((ws, both, other, events, chunks, poll, keeps));
    assert_eq!(ask(&relay, "DELETE /channels/b", LOCAL).status, 200);
    relay.is_at_rest();
}

/// An id of before is never taken for one of the next channel of that name.
#[test]
fn what_a_deleted_channel_gave_as_ids_is_a_gap_in_the_next() {
    let relay = keeping(|_| {});
    publish(&relay, "a", "one");
    publish(&relay, "a", "two");
    let mut poll = stream(&relay, "/channels/a?last_event_id=oldest", "");
    let first = poll.answer();
    assert_eq!(first.body, b"one");
    let known = format!(
        "If-Modified-Since: {}\r\nIf-None-Match: {}\r\n",
        first.header("last-modified").unwrap(),
        first.header("etag").unwrap()
    );
    assert_eq!(ask(&relay, "DELETE /channels/a", LOCAL).status, 200);
    publish(&relay, "a", "three");
    let mut back = stream(&relay, "/channels/a", &known);
    let answer = back.answer();
    assert_eq!(answer.body, b"three");
    assert!(answer.header("longwave-gap").is_some(), "{}", answer.head);
    drop((poll, back));
    assert_eq!(ask(&relay, "DELETE /channels/a", LOCAL).status, 200);
    relay.is_at_rest();
}

/// A reader inside a large message cannot be told: it is reset, and holds nothing.
#[test]
fn a_subscriber_inside_a_large_message_is_reset() {
    let relay = Relay::plain();
    let mut narrow = Peer::connect_narrow(relay.address).upgraded("/channels/a");
    let mut publisher = relay.ws("/channels/a");
    let large = vec![b'x'; 1024 * 1024];
    (0..8).for_each(|_| publisher.send(TEXT, &large));
    wait_until("they are read", || relay.metric("messages_in_total") == 8);
    assert_eq!(ask(&relay, "DELETE /channels/a", LOCAL).status, 200);
    assert_eq!(publisher.end(), End::Close(1001));
    assert_eq!(narrow.rest(), End::Reset);
    wait_until("both are counted", || relay.closed("deleted") >= 1);
    drop((narrow, publisher));
    relay.recovers();
}

#[test]
fn a_channel_is_told_of() {
    let relay = Relay::start(|config| {
        let rule = longwave::settings::ChannelRule {
            pattern: "news*".into(),
            history_messages: Some(2),
            ..Default::default()
        };
        config.settings.channels = vec![rule];
    });
    let info = |name: &str| ask(&relay, &format!("GET /channels/{name}/info"), LOCAL);
    assert_eq!(info("news").status, 404);
    assert_eq!(info("..").status, 400);
    for body in ["a", "b", "c"] {
        publish(&relay, "news%2F1", body);
    }
    publish(&relay, "other", "x");
    let _ws = relay.ws("/channels/news%2F1");
    let _set = relay.ws("/channels/news%2F1,other");
    let _events = stream(
        &relay,
        "/channels/news%2F1",
        "Accept: text/event-stream\r\n",
    );
    heard(&relay, "news/1", 3);
    let told = json(&info("news%2F1"));
    assert_eq!(told["name"], "news/1");
    assert_eq!(told["pattern"], "news*");
    assert_eq!(told["subscribers"], 3);
    assert_eq!(told["transports"]["websocket"], 2);
    assert_eq!(told["transports"]["eventsource"], 1);
    let history = &told["history"];
    assert_eq!(history["messages"], 2);
    assert_eq!(history["newest_id"], told["last_message_id"]);
    assert!(history["bytes"].as_u64() > Some(2) && history["age_seconds"].is_u64());
    let number = |id: &Value| {
        let id = id.as_str().expect("an id");
        id.split_once(':').unwrap().1.parse::<u64>().unwrap()
    };
    assert_eq!(
        number(&history["oldest_id"]) + 1,
        number(&history["newest_id"])
    );
    assert_eq!(
        number(&history["reaches_back_to"]) + 1,
        number(&history["oldest_id"])
    );
    assert!(json(&info("other"))["pattern"].is_null());
    let mut head = relay.connect();
    let request =
        "HEAD /channels/other/info HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    head.write(request);
    assert_eq!(head.rest(), End::Eof);
    let got = String::from_utf8_lossy(&head.input);
    assert!(
        got.starts_with("HTTP/1.1 200 ") && got.ends_with("\r\n\r\n"),
        "{got}"
    );
}

#[test]
fn channels_are_listed_in_pieces() {
    let relay = keeping(|_| {});
    let list = |query: &str| json(&ask(&relay, &format!("GET /channels{query}"), LOCAL));
    assert_eq!(list("")["channels"], Value::Array(vec![]));
    for i in 0..5 {
        publish(&relay, &format!("a{i}"), "x");
        publish(&relay, &format!("b{i}"), "x");
    }
    let _set = relay.ws("/channels/a0,b0");
    let all = list("");
    assert_eq!((&all["total"], &all["next"]), (&10.into(), &Value::Null));
    let first = &all["channels"][0];
    assert_eq!(
        (&first["name"], &first["subscribers"]),
        (&"a0".into(), &1.into())
    );
    assert_eq!(
        (&first["messages"], &first["idle_seconds"]),
        (&1.into(), &0.into())
    );
    assert!(first["last_message_id"].is_string());
    let (mut names, mut from) = (Vec::new(), 0);
    loop {
        let piece = list(&format!("?pattern=a*&limit=2&from={from}"));
        let listed = piece["channels"].as_array().unwrap();
        names.extend(
            listed
                .iter()
                .map(|c| c["name"].as_str().unwrap().to_owned()),
        );
        match piece["next"].as_u64() {
            Some(next) => from = next,
            None => break,
        }
    }
    assert_eq!(names, ["a0", "a1", "a2", "a3", "a4"]);
    assert_eq!(ask(&relay, "GET /channels?limit=0", LOCAL).status, 400);
    let answer = ask(&relay, "POST /channels", LOCAL);
    assert_eq!(answer.status, 405);
    assert_eq!(answer.header("allow"), Some("GET, HEAD, OPTIONS"));
}

/// What each of the three answers where channel `a` is there.
fn statuses(relay: &Relay, headers: &str) -> [u16; 3] {
    publish(relay, "a", "x");
    [
        "GET /channels",
        "GET /channels/a/info",
        "DELETE /channels/a",
    ]
    .map(|line| ask(relay, line, headers).status)
}

#[test]
fn without_a_key_only_this_machine_may() {
    let relay = Relay::plain();
    let own = format!("Host: {0}\r\nOrigin: http://{0}\r\n", relay.address);
    for headers in [LOCAL, "Host: [::1]:7\r\n", &own] {
        assert_eq!(statuses(&relay, headers), [200; 3], "{headers}");
    }
    for (headers, status) in [
        ("Host: evil.example\r\n", 421),
        ("Host: localhost.evil.example:8080\r\n", 421),
        ("Host: localhost\r\nOrigin: http://evil.example\r\n", 403),
        ("Host: localhost:1\r\nOrigin: http://localhost:2\r\n", 403),
        ("Host: localhost\r\nOrigin: null\r\n", 403),
        ("Host: localhost\r\nForwarded: for=1.2.3.4\r\n", 403),
        ("Host: localhost\r\nX-Forwarded-For: 127.0.0.1\r\n", 403),
        ("Host: localhost\r\nx-forwarded-proto: https\r\n", 403),
        ("Host: localhost\r\nX-Real-IP: 127.0.0.1\r\n", 403),
        ("Host: localhost\r\nVia: 1.1 proxy\r\n", 403),
    ] {
        assert_eq!(statuses(&relay, headers), [status; 3], "{headers}");
    }
    assert_eq!(relay.refused("not_local"), 15);
    relay.recovers();
}

#[test]
fn with_a_key_who_gives_it_may_from_anywhere() {
    let relay = Relay::start(|config| {
        config.settings.publish_key = Some("secret".into());
    });
    let key = "Authorization: Bearer secret\r\n";
    let post = |relay: &Relay| {
        let headers = format!("{LOCAL}{key}Content-Length: 1\r\n\r\nx");
        let mut peer = relay.connect();
        peer.ask(format!("POST /channels/a HTTP/1.1\r\n{headers}"))
    };
    let page = format!("Host: relay.example\r\nOrigin: https://page.example\r\nVia: x\r\n{key}");
    for headers in [&page, &format!("{LOCAL}{key}")] {
        assert_eq!(post(&relay).status, 202);
        assert_eq!(statuses(&relay, headers), [200; 3], "{headers}");
    }
    for headers in [
        LOCAL,
        "Host: localhost\r\nAuthorization: Bearer secret2\r\n",
    ] {
        assert_eq!(statuses(&relay, headers), [401; 3], "{headers}");
    }
    relay.recovers();
}

#[test]
fn with_an_admin_address_only_there() {
    let relay = Relay::start(|config: &mut Config| {
        config.admin_listen = vec![([127, 0, 0, 1], 0).into()];
    });
    assert_eq!(statuses(&relay, LOCAL), [403; 3]);
    assert_eq!(relay.refused("admin_only"), 3);
    let ask = |line: &str, headers: &str| {
        let mut peer = Peer::connect(relay.admin.expect("there is one"));
        peer.ask(format!("{line} HTTP/1.1\r\n{headers}\r\n"))
    };
    assert_eq!(json(&ask("GET /channels", LOCAL))["total"], 1);
    assert_eq!(
        ask("DELETE /channels/a", "Host: evil.example\r\n").status,
        421
    );
    let page = "Host: localhost\r\nOrigin: http://localhost\r\n";
    assert_eq!(ask("DELETE /channels/a", page).status, 403);
    assert_eq!(json(&ask("GET /channels/a/info", LOCAL))["subscribers"], 0);
    assert_eq!(ask("DELETE /channels/a", LOCAL).status, 200);
    assert_eq!(ask("GET /channels/a/info", LOCAL).status, 404);
    assert_eq!(ask("PUT /channels", LOCAL).status, 405);
    relay.recovers();
}

#[test]
fn publishers_are_told_how_the_channel_stands() {
    let relay = keeping(|_| {});
    let post = |accept: &str| {
        let mut peer = relay.connect();
        peer.ask(format!(
            "POST /channels/a HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\nContent-Length: 1\r\n\r\nx"
        ))
    };
    let plain = post("*/*");
    assert_eq!(
        (plain.status, plain.header("content-type")),
        (202, Some("text/plain"))
    );
    let text = String::from_utf8_lossy(&plain.body).into_owned();
    let expected =
        "queued messages: 1\r\nlast requested: never\r\nactive subscribers: 0\r\nlast message id: ";
    assert!(text.starts_with(expected), "{text}");
    let ws = relay.ws("/channels/a");
    let answer = post("application/json, text/plain");
    assert_eq!(answer.status, 201);
    let told = json(&answer);
    assert_eq!(
        (&told["messages"], &told["requested"]),
        (&2.into(), &0.into())
    );
    assert_eq!(told["subscribers"], 1);
    let number = |id: &str| id.split_once(':').unwrap().1.parse::<u64>().unwrap();
    let before = text.rsplit(' ').next().unwrap();
    assert_eq!(
        number(told["last_message_id"].as_str().unwrap()),
        number(before) + 1
    );
    drop(ws);
    assert_eq!(ask(&relay, "DELETE /channels/a", LOCAL).status, 200);
    relay.is_at_rest();
}
