//! How sessions of Engine.IO begin, and who gets none.

use crate::calm;
use crate::client::{ENGINE_IO, Heard, SOCKET_IO, UNKNOWN, body, get, heard, member, post, target};
use crate::support::{Answer, upgrade};

const PATHS: [&str; 2] = [ENGINE_IO, SOCKET_IO];

/// The open packet without its id, which is checked.
fn open(packet: &str) -> String {
    let sid = member(packet, "sid");
    assert!(sid.len() >= 20, "an id that nobody can guess: {sid}");
    packet.replace(sid, "SID")
}

/// "Handshake": the open packet has these five keys, by polling.
#[test]
fn polling_is_opened_with_five_keys() {
    let relay = calm(|_| {});
    for path in PATHS {
        let answer = get(&relay, &target(path, "polling", ""));
        assert_eq!(answer.status, 200);
        let kind = answer.header("content-type");
        assert_eq!(kind, Some("text/plain; charset=UTF-8"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(
            open(body(&answer)),
            r#"0{"sid":"SID","upgrades":["websocket"],"pingInterval":20000,"pingTimeout":20000,"maxPayload":1000000}"#
        );
    }
}

/// "Handshake", "WebSocket-only session": the same as the first frame, with nothing to upgrade to.
#[test]
fn a_websocket_is_opened_with_the_same_keys() {
    let relay = calm(|_| {});
    for path in PATHS {
        let mut peer = relay.ws(&target(path, "websocket", ""));
        let Heard::Text(packet) = heard(&mut peer) else {
            panic!("bytes")
        };
        assert_eq!(
            open(&packet),
            r#"0{"sid":"SID","upgrades":[],"pingInterval":20000,"pingTimeout":20000,"maxPayload":1000000}"#
        );
    }
}

/// "Handshake": each session has an id of its own.
#[test]
fn ids_are_not_used_twice() {
    let relay = calm(|_| {});
    let mut ids: Vec<String> = (0..50)
        .map(|_| get(&relay, &target(ENGINE_IO, "polling", "")))
        .map(|answer| member(body(&answer), "sid").to_owned())
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 50);
}

fn is_refused(answer: &Answer, error: &str) {
    assert_eq!(
        (answer.status, body(answer)),
        (400, error),
        "{}",
        answer.head
    );
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

/// "Query parameters": without `EIO`, or with a version that is not 4, the answer is 400.
#[test]
fn another_version_is_refused() {
    let relay = calm(|_| {});
    let error = r#"{"code":5,"message":"Unsupported protocol version"}"#;
    for query in [
        "transport=polling",
        "EIO=abc&transport=polling",
        "EIO=3&transport=polling",
        "EIO=&transport=polling",
    ] {
        is_refused(&get(&relay, &format!("{ENGINE_IO}?{query}")), error);
    }
    for query in [
        "transport=websocket",
        "EIO=abc&transport=websocket",
        "EIO=3&transport=websocket",
    ] {
        let answer = relay
            .connect()
            .ask(upgrade(&format!("{ENGINE_IO}?{query}"), ""));
        assert_eq!(answer.status, 400, "{query}");
    }
}

/// "Query parameters": without `transport`, or with one that is not known, the answer is 400.
#[test]
fn another_transport_is_refused() {
    let relay = calm(|_| {});
    let error = r#"{"code":0,"message":"Transport unknown"}"#;
    for query in [
        "EIO=4",
        "EIO=4&transport=abc",
        "EIO=4&transport=",
        "EIO=4&transport=webtransport",
    ] {
        is_refused(&get(&relay, &format!("{SOCKET_IO}?{query}")), error);
        let answer = relay
            .connect()
            .ask(upgrade(&format!("{SOCKET_IO}?{query}"), ""));
        assert_eq!(answer.status, 400, "{query}");
    }
}

/// "Handshake": it is a GET.
#[test]
fn a_handshake_by_another_method_is_refused() {
    let relay = calm(|_| {});
    let error = r#"{"code":2,"message":"Bad handshake method"}"#;
    for path in PATHS {
        is_refused(&post(&relay, &target(path, "polling", ""), ""), error);
        is_refused(&post(&relay, &target(path, "polling", ""), "40"), error);
        let put = format!(
            "PUT {} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
            target(path, "polling", "")
        );
        assert_eq!(relay.connect().ask(put).status, 400);
    }
}

/// "Sending data", "Receiving data": 400 for a session that is not known.
#[test]
fn an_id_that_means_nothing_is_refused() {
    let relay = calm(|_| {});
    for sid in ["unknown", "%00", "AAAAAAAAAAAAAAAAAAAA"] {
        let polling = target(ENGINE_IO, "polling", sid);
        is_refused(&get(&relay, &polling), UNKNOWN);
        is_refused(&post(&relay, &polling, "4a"), UNKNOWN);
        let request = upgrade(&target(ENGINE_IO, "websocket", sid), "");
        assert_eq!(relay.connect().ask(request).status, 400);
    }
}

/// The sessions of one path are not those of another; nor does an id lead from one to the other.
#[test]
fn a_session_belongs_to_its_path() {
    let relay = calm(|_| {});
    let opened = get(&relay, &target(ENGINE_IO, "polling", ""));
    let sid = member(body(&opened), "sid");
    is_refused(
        &post(&relay, &target(SOCKET_IO, "polling", sid), "40"),
        UNKNOWN,
    );
}
