//! What pages of other origins may do and read: every answer says it, and only to those let in.

#[path = "faults/support.rs"]
mod support;

use longwave::Config;
use longwave::settings::Origins;
use support::{Answer, Relay, exchange};

const PAGE: &str = "https://page.example";

/// A relay that keeps nothing, so that all its memory is free again when a test is over.
fn relay(change: impl FnOnce(&mut Config)) -> Relay {
    Relay::start(|config| {
        config.settings.limits.history_messages_max = 0;
        change(config);
    })
}

/// One request with an `Origin`, or without one.
fn ask(relay: &Relay, line: &str, origin: Option<&str>, further: &str) -> Answer {
    let origin = origin.map_or(String::new(), |o| format!("Origin: {o}\r\n"));
    relay.connect().ask(format!(
        "{line} HTTP/1.1\r\nHost: x\r\n{origin}{further}\r\n"
    ))
}

/// Names of headers that say what pages may do and read, without their common beginning.
fn told(answer: &Answer) -> Vec<&str> {
    let lines = answer.head.lines();
    let names = lines.filter_map(|line| line.split_once(':').map(|(name, _)| name));
    names
        .filter_map(|name| name.strip_prefix("Access-Control-"))
        .collect()
}

const SHARED: [&str; 3] = ["Allow-Origin", "Allow-Credentials", "Expose-Headers"];

#[test]
fn every_answer_names_the_origin_that_asked_and_nobody_else() {
    let relay = relay(|_| {});
    for (line, further, status) in [
        ("GET /", "", 200),
        ("GET /healthz", "", 200),
        ("GET /channels/a/info", "", 421),
        ("POST /channels/a", "Content-Length: 0\r\n", 202),
        ("POST /channels/a,b", "Content-Length: 0\r\n", 400),
        ("PATCH /channels/a", "", 405),
        ("GET /nothing", "", 404),
        ("GET /echo", "", 426),
        (
            "POST /channels/a",
            "Transfer-Encoding: chunked\r\n\r\nx\r\n",
            400,
        ),
    ] {
        for origin in [PAGE, "null", "http://localhost:8080"] {
            let answer = ask(&relay, line, Some(origin), further);
            assert_eq!(answer.status, status, "{line}");
            assert_eq!(told(&answer), SHARED, "{line}");
            let named = answer.header("access-control-allow-origin");
            assert_eq!(
                (named, answer.header("vary")),
                (Some(origin), Some("Origin"))
            );
        }
        let answer = ask(&relay, line, None, further);
        assert_eq!(answer.status, status, "{line}");
        assert!(told(&answer).is_empty(), "{}", answer.head);
        assert_eq!(answer.header("vary"), Some("Origin"), "{line}");
    }
    relay.recovers();
}

/// An answer that may go on without end: what is told stands in its head.
fn listen(relay: &Relay, query: &str, origin: Option<&str>) -> Answer {
    let origin = origin.map_or(String::new(), |o| format!("Origin: {o}\r\n"));
    let mut peer = relay.connect();
    peer.write(format!(
        "GET /channels/a{query} HTTP/1.1\r\nHost: x\r\n{origin}\r\n"
    ));
    peer.answer()
}

#[test]
fn subscribers_may_read_where_they_are_from_other_origins_too() {
    let relay = Relay::limits(|l| l.history_messages_max = 256);
    let none = ["?wait=0", "?wait=0&transport=poll"];
    let streams = [
        "eventsource",
        "mixed",
        "chunked",
        "iframe&callback=parent.f",
    ];
    let streams = streams.map(|name| format!("?transport={name}"));
    let bad = ["?last_event_id=x", "?transport=x"];
    let queries = none.iter().chain(&bad).map(|q| (*q).to_owned());
    for query in queries.chain(streams) {
        let answer = listen(&relay, &query, Some(PAGE));
        assert_eq!(told(&answer), SHARED, "{query}: {}", answer.head);
        let named = answer.header("access-control-allow-origin");
        assert_eq!(named, Some(PAGE), "{query}");
        let answer = listen(&relay, &query, None);
        assert!(told(&answer).is_empty(), "{query}: {}", answer.head);
        assert!(answer.head.contains("\r\nVary: Origin\r\n"), "{query}");
    }
    // One that has a message: its head is put together elsewhere.
    let body = "Content-Length: 2\r\n\r\nhi";
    assert_eq!(ask(&relay, "POST /channels/a", None, body).status, 202);
    for query in ["?last_event_id=oldest", "?last_event_id=-1&multipart=true"] {
        let answer = listen(&relay, query, Some(PAGE));
        assert_eq!(
            (answer.status, told(&answer)),
            (200, SHARED.to_vec()),
            "{query}"
        );
    }
    exchange(relay.address);
}

#[test]
fn a_preflight_is_answered_wherever_pages_may_ask() {
    let relay = relay(|_| {});
    for (path, methods) in [
        ("/channels", "GET, HEAD, OPTIONS"),
        ("/channels/a", "GET, HEAD, POST, PUT, DELETE, OPTIONS"),
        ("/channels/a,b", "GET, HEAD, POST, PUT, DELETE, OPTIONS"),
        ("/channels/a/info", "GET, HEAD, OPTIONS"),
    ] {
        let asked = "Access-Control-Request-Method: PUT\r\n\
            Access-Control-Request-Headers: authorization,etag\r\n\
            Access-Control-Request-Private-Network: true\r\n";
        let line = format!("OPTIONS {path}");
        let answer = ask(&relay, &line, Some(PAGE), asked);
        assert_eq!(
            (answer.status, answer.header("allow")),
            (204, Some(methods))
        );
        let lines = [
            "Allow-Origin",
            "Allow-Credentials",
            "Allow-Methods",
            "Allow-Headers",
            "Max-Age",
        ];
        assert_eq!(told(&answer), lines);
        let plain = ask(&relay, &line, None, "");
        assert_eq!((plain.status, plain.header("allow")), (204, Some(methods)));
        assert!(told(&plain).is_empty());
        let body = ask(&relay, &line, Some(PAGE), "Content-Length: 1\r\n\r\nx");
        assert_eq!(body.status, 400);
    }
    assert_eq!(
        ask(&relay, "OPTIONS /channels/..", Some(PAGE), "").status,
        400
    );
    assert_eq!(ask(&relay, "OPTIONS /healthz", Some(PAGE), "").status, 405);
    relay.recovers();
}

#[test]
fn an_origin_that_is_not_let_in_is_refused_and_not_named() {
    let relay = relay(|config| {
        config.settings.origins = Origins::List(vec![PAGE.into()]);
    });
    for line in [
        "GET /",
        "OPTIONS /channels/a",
        "POST /channels/a",
        "GET /echo",
    ] {
        for origin in [
            "https://other.example",
            "https://page.example.evil",
            "null",
            "",
        ] {
            let answer = ask(&relay, line, Some(origin), "Content-Length: 0\r\n");
            assert_eq!(answer.status, 403, "{line} {origin:?}");
            assert!(told(&answer).is_empty(), "{}", answer.head);
        }
    }
    assert_eq!(told(&ask(&relay, "GET /", Some(PAGE), "")), SHARED);
    relay.recovers();
}

#[test]
fn a_message_that_is_refused_on_its_way_tells_the_page_why() {
    let relay = relay(|config| {
        config.settings.publish_key = Some("secret".into());
        config.settings.limits.message_bytes_max = 1000;
    });
    for (further, status) in [
        ("Content-Length: 1\r\n", 401),
        (
            "Authorization: Bearer secret\r\nContent-Length: 1001\r\n",
            413,
        ),
        (
            "Authorization: Bearer secret\r\nTransfer-Encoding: chunked\r\n\r\n3E9\r\n",
            413,
        ),
    ] {
        let answer = ask(&relay, "POST /channels/a", Some(PAGE), further);
        assert_eq!((answer.status, told(&answer)), (status, SHARED.to_vec()));
    }
    relay.recovers();
}
