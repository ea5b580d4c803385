//! The admin address: what is served there and nowhere else, to whom, and whatever the public does.

#[path = "faults/support.rs"]
mod support;

use longwave::Config;
use longwave::limits::{ADMIN_CONNECTIONS_MAX, ADMIN_REFUSALS_MAX, REFUSALS_MAX};
use support::*;

/// A relay with an admin address.
fn apart(change: impl FnOnce(&mut Config)) -> Relay {
    Relay::start(|config| {
        config.admin_listen = vec![([127, 0, 0, 1], 0).into()];
        change(config);
    })
}

/// A connection to the admin address.
fn operator(relay: &Relay) -> Peer {
    Peer::connect(relay.admin.expect("there is one"))
}

fn get(path: &str, further: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{further}\r\n")
}

/// How long messages take inside the server is told by the size of their channel, each message once.
#[test]
fn times_of_fan_out_are_told_by_the_size_of_the_channel() {
    let relay = apart(|_| {});
    let mut few: Vec<Peer> = (0..2).map(|_| relay.ws("/channels/few")).collect();
    let mut many: Vec<Peer> = (0..12).map(|_| relay.ws("/channels/many")).collect();
    for i in 0..5 {
        few[0].send(TEXT, &[b'0' + i]);
        many[0].send(TEXT, &[b'0' + i]);
    }
    for peer in few[1..].iter_mut().chain(&mut many[1..]) {
        (0..5).for_each(|i| assert_eq!(peer.message(), [b'0' + i]));
    }
    let answer = operator(&relay).ask(get("/metrics", ""));
    let count = |class: &str| {
        let name = format!("fanout_seconds_count{{subscribers=\"{class}\"}}");
        answer.metric(&name)
    };
    assert_eq!(["1-10", "11-100", "101-1000"].map(count), [5, 5, 0]);
    let within = |le: &str| {
        let name = format!("fanout_seconds_bucket{{le=\"{le}\",subscribers=\"11-100\"}}");
        answer.metric(&name)
    };
    assert_eq!((within("10.0"), within("+Inf")), (5, 5));
}

const PROBES: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

#[test]
fn what_operators_ask_is_served_at_the_admin_address_and_no_longer_in_public() {
    let relay = apart(|_| {});
    let (mut admin, mut public) = (operator(&relay), relay.connect());
    for path in PROBES {
        assert_eq!(public.ask(get(path, "")).status, 404, "{path}");
        let answer = admin.ask(get(path, ""));
        assert_eq!(answer.status, 200, "{path}");
        for (name, value) in [
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{path}");
        }
    }
    assert_eq!(public.ask(get("/", "")).status, 200);
    assert_eq!(public.ask(get("/connections", "")).status, 404);
    drop((admin, public));
    relay.recovers();
}

#[test]
fn the_admin_address_serves_nothing_else() {
    let relay = apart(|_| {});
    let mut admin = operator(&relay);
    for path in ["/", "/channels/a", "/socket.io/", "/metrics/"] {
        assert_eq!(admin.ask(get(path, "")).status, 404, "{path}");
    }
    for path in ["/echo", "/channels/a"] {
        let request = upgrade(path, "").replace("Host: x", "Host: localhost");
        assert_eq!(admin.ask(request).status, 404, "{path}");
    }
    let request = "POST /channels/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx";
    assert_eq!(admin.ask(request).status, 404);
    let request = "POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(operator(&relay).ask(request).status, 405);
    drop(admin);
    assert_eq!(relay.metric("channels"), 0);
    relay.recovers();
}

#[test]
fn without_an_admin_address_probes_are_public_and_connections_are_nowhere() {
    let relay = Relay::plain();
    let mut public = relay.connect();
    for path in PROBES {
        assert_eq!(public.ask(get(path, "")).status, 200, "{path}");
    }
    assert_eq!(public.ask(get("/connections", "")).status, 404);
}

#[test]
fn a_page_of_another_origin_never_reads_an_answer() {
    let relay = apart(|config| config.settings.admin_hosts = vec!["relay.internal".into()]);
    let cases = [
        ("127.0.0.1:9", "", 200),
        ("localhost", "", 200),
        ("relay.internal:9", "", 200),
        // A name that was made to resolve to us.
        ("evil.example:9", "", 421),
        ("x", "", 421),
        ("127.0.0.1", "Origin: http://evil.example\r\n", 403),
        ("127.0.0.1", "Origin: null\r\n", 403),
        ("127.0.0.1:9", "Origin: http://127.0.0.1:9\r\n", 403),
    ];
    for (host, further, status) in cases {
        let mut admin = operator(&relay);
        let answer = admin.ask(format!(
            "GET /metrics HTTP/1.1\r\nHost: {host}\r\n{further}\r\n"
        ));
        assert_eq!(answer.status, status, "{host} {further}");
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    assert_eq!(relay.refused("foreign_host"), 2);
    assert_eq!(relay.refused("bad_origin"), 3);
    // In public everybody reads everything, unless --allow-origin says otherwise.
    let answer = relay
        .connect()
        .ask(get("/", "Origin: http://evil.example\r\n"));
    let allowed = answer.header("access-control-allow-origin");
    assert_eq!(allowed, Some("http://evil.example"));
    relay.recovers();
}

#[test]
fn operators_come_in_while_the_public_is_full() {
    let relay = apart(|config| {
        config.settings.limits.connections_max = 2;
        config.settings.limits.close_timeout_ms = 60_000;
    });
    let inside = [relay.ws("/channels/a"), relay.ws("/channels/a")];
    let mut refused: Vec<Peer> = (0..REFUSALS_MAX).map(|_| relay.connect()).collect();
    for peer in &mut refused {
        assert_eq!(peer.answer().status, 503);
    }
    assert_eq!(relay.connect().rest(), End::Reset);
    let answer = operator(&relay).ask(get("/metrics", ""));
    assert_eq!(answer.metric("connections"), 2 + REFUSALS_MAX as u64);
    assert_eq!(answer.metric("admin_connections"), 1);
    drop((inside, refused));
    wait_until("all are gone", || relay.metric("connections") == 0);
    relay.recovers();
}

#[test]
fn operators_are_bounded_too() {
    let relay = apart(|config| config.settings.limits.close_timeout_ms = 60_000);
    let mut inside: Vec<Peer> = (0..ADMIN_CONNECTIONS_MAX)
        .map(|_| operator(&relay))
        .collect();
    for peer in &mut inside {
        assert_eq!(peer.ask(get("/healthz", "")).status, 200);
    }
    let mut refused: Vec<Peer> = (0..ADMIN_REFUSALS_MAX).map(|_| operator(&relay)).collect();
    for peer in &mut refused {
        let answer = peer.answer();
        assert_eq!(
            (answer.status, answer.header("retry-after")),
            (503, Some("1"))
        );
    }
    assert_eq!(operator(&relay).rest(), End::Reset);
    exchange(relay.address);
    let answer = inside[0].ask(get("/metrics", ""));
    let full = ADMIN_REFUSALS_MAX as u64 + 1;
    assert_eq!(answer.metric("refused_total{reason=\"full\"}"), full);
    drop((inside, refused));
    wait_until("there is room", || {
        let mut peer = operator(&relay);
        peer.try_write(get("/healthz", ""));
        peer.try_answer().is_ok_and(|answer| answer.status == 200)
    });
    relay.recovers();
}

/// When memory is short somebody of the public goes, never an operator, however little is left.
#[test]
fn operators_stay_while_memory_is_short() {
    const KB: usize = 1024;
    let relay = apart(|config| {
        let limits = &mut config.settings.limits;
        limits.message_bytes_max = 256 * KB;
        limits.lag_bytes_max = 256 * KB;
        limits.unflushed_bytes_max = 256 * KB;
        limits.memory_bytes_max = KB * KB;
        limits.head_bytes_max = 30 * KB;
    });
    let mut admin = operator(&relay);
    // A request that is not whole is kept: more private memory than anybody else has.
    let half = get("/metrics", &format!("X: {}\r\n", "x".repeat(26 * KB)));
    let (begin, rest) = half.split_at(25 * KB);
    admin.write(begin);
    let mut peers: Vec<Peer> = (0..100).map(|_| relay.ws("/channels/a")).collect();
    for peer in &mut peers {
        peer.send(BINARY_BEGIN, &[1; 12 * KB]);
    }
    wait_until("somebody goes", || relay.refused("memory") > 0);
    let answer = admin.ask(rest);
    assert_eq!(answer.status, 200);
    assert!(answer.metric("memory_bytes") <= 1 << 20);
    drop((admin, peers));
    relay.recovers();
}

/// A subscriber that does not read, seen from the admin address: how far behind, since when, and that
/// it is its program that does not read.
#[test]
fn the_worst_connections_are_listed_with_what_the_kernel_knows() {
    let relay = apart(|config| {
        config.settings.limits.send_buffer_bytes = 16 * 1024;
    });
    let list = |query: &str, further: &str| {
        let answer = operator(&relay).ask(get(&format!("/connections{query}"), further));
        assert_eq!(answer.status, 200, "{query}");
        answer
    };
    let rows = |query: &str| -> Vec<serde_json::Value> {
        let answer = list(query, "");
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let value: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        value["connections"].as_array().unwrap().clone()
    };
    assert_eq!(rows(""), [] as [serde_json::Value; 0]);
    let stalled = Peer::connect_narrow(relay.address).upgraded("/channels/news");
    let mut reads = relay.ws("/channels/news");
    for _ in 0..20 {
        relay.handle.publish_binary("news", &[7; 100_000]).unwrap();
        assert_eq!(reads.message().len(), 100_000);
    }
    let found = wait_for(
        "the kernel finds its window closed",
        || rows("?sort=lag&limit=5"),
        |rows| {
            rows.len() == 1
                && rows[0]["state"] == "not_reading"
                && rows[0]["seconds_behind"].as_f64() > Some(0.0)
        },
    );
    let row = &found[0];
    let address = stalled.stream.local_addr().unwrap().to_string();
    for (key, value) in [
        ("channel", "news"),
        ("transport", "websocket"),
        ("address", &address),
    ] {
        assert_eq!(row[key], value, "{row}");
    }
    assert_eq!(row["blocked"], true);
    assert!(row["bytes_behind"].as_u64() > Some(1_000_000), "{row}");
    assert!(row["tcp"]["unsent_bytes"].as_u64() > Some(0), "{row}");
    assert_eq!(row["tcp"]["retransmits"], 0);
    // The oldest first, whoever it is; each is there once.
    let oldest = rows("?sort=age&limit=200");
    let of = |channel: &str| oldest.iter().filter(|r| r["channel"] == channel).count();
    assert_eq!((of("news"), oldest.len()), (2, 3), "{oldest:?}");
    assert_eq!(oldest[2]["transport"], "http");
    assert_eq!(rows("?sort=age&limit=1")[0]["address"], address.as_str());
    // The same to read on a terminal.
    let answer = list("", "Accept: text/plain\r\n");
    let text = String::from_utf8(answer.body).unwrap();
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(
        text.contains("not_reading") && text.contains(&address),
        "{text}"
    );
    drop((stalled, reads));
    relay.recovers();
}

#[test]
fn what_cannot_be_asked_of_a_listing_is_refused_and_requests_keep_their_order() {
    let relay = apart(|_| {});
    let mut admin = operator(&relay);
    for query in [
        "?sort=name",
        "?limit=0",
        "?limit=201",
        "?limit=x",
        "?n=1",
        "?limit=1&limit=1",
    ] {
        assert_eq!(
            admin.ask(get(&format!("/connections{query}"), "")).status,
            400,
            "{query}"
        );
    }
    let request = "POST /connections HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(operator(&relay).ask(request).status, 405);
    // Several at once, one of them HEAD: each answered in its turn, and in their order.
    let head = get("/connections", "").replace("GET", "HEAD");
    let requests = [
        get("/connections", ""),
        get("/healthz", ""),
        head,
        get("/readyz", ""),
    ];
    admin.write(requests.concat());
    assert_eq!(admin.answer().body, b"{\"connections\":[]}\n");
    assert_eq!(admin.answer().body, b"ok\n");
    let text = |peer: &mut Peer| {
        while !peer.input.windows(4).any(|w| w == b"\r\n\r\n") {
            peer.fill().unwrap();
        }
        let end = peer
            .input
            .windows(4)
            .position(|w| w == b"\r\n\r\n")
            .unwrap()
            + 4;
        String::from_utf8(peer.input.drain(..end).collect()).unwrap()
    };
    assert!(text(&mut admin).contains("Content-Length: 19"));
    assert_eq!(admin.answer().body, b"ready\n");
    // Gone before it is answered.
    let mut gone = operator(&relay);
    gone.write(get("/connections", ""));
    gone.reset();
    drop(admin);
    relay.recovers();
}
