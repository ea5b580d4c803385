//! Who is in a namespace: CONNECT, CONNECT_ERROR and DISCONNECT.

use crate::client::{Client, ENGINE_IO, SOCKET_IO, heard, websocket};
use crate::support::End;
use crate::{calm, start};

/// "Connection to a namespace": `0` is answered with `0` and an id.
#[test]
fn the_main_namespace() {
    let relay = calm(|_| {});
    for mut client in Client::each(&relay) {
        client.enter("40", "40", r#"42["auth",{}]"#);
    }
}

/// "Connection to a namespace", "with an additional payload".
#[test]
fn a_connect_may_have_a_payload() {
    let relay = calm(|_| {});
    for mut client in Client::each(&relay) {
        client.enter(
            r#"40{"token":"123"}"#,
            "40",
            r#"42["auth",{"token":"123"}]"#,
        );
    }
    for mut client in Client::each(&relay) {
        let deep = r#"{"a":[{"b":null},1.50,"\u00e9\"",true]}"#;
        client.enter(&format!("40{deep}"), "40", &format!(r#"42["auth",{deep}]"#));
    }
}

/// "Connection to a namespace": another than the main one is named, and a comma ends its name.
#[test]
fn a_namespace_with_a_name() {
    let relay = calm(|_| {});
    for (connect, auth) in [
        ("40/custom,", "{}"),
        ("40/custom", "{}"),
        (r#"40/custom,{"token":"abc"}"#, r#"{"token":"abc"}"#),
    ] {
        for mut client in Client::each(&relay) {
            client.enter(
                connect,
                "40/custom,",
                &format!(r#"42/custom,["auth",{auth}]"#),
            );
        }
    }
}

/// "Connection to a namespace", "in case the connection is refused": CONNECT_ERROR, and the connection stays.
#[test]
fn a_namespace_that_is_refused() {
    let relay = calm(|_| {});
    for mut client in Client::each(&relay) {
        client.say(&["40/random"]);
        client.hears(r#"44/random,{"message":"Invalid namespace"}"#);
        client.say(&["40/random,{}"]);
        client.hears(r#"44/random,{"message":"Invalid namespace"}"#);
        client.enter("40", "40", r#"42["auth",{}]"#);
    }
}

/// "Connection to a namespace": several at the same time over one connection, each with an id of its own.
#[test]
fn several_namespaces_over_one_connection() {
    let relay = calm(|_| {});
    for mut client in Client::each(&relay) {
        let one = client.enter("40", "40", r#"42["auth",{}]"#);
        let two = client.enter("40/custom,", "40/custom,", r#"42/custom,["auth",{}]"#);
        assert_ne!(one, two);
        client.say(&[r#"42/custom,["message",1]"#, r#"42["message",2]"#]);
        client.hears(r#"42/custom,["message-back",1]"#);
        client.hears(r#"42["message-back",2]"#);
    }
}

/// "Connection to a namespace": whoever begins with anything else is closed.
#[test]
fn who_does_not_begin_with_connect_is_closed() {
    let relay = calm(|_| {});
    for packet in [
        "4abc",
        r#"42["message",1]"#,
        "41",
        "431[]",
        r#"42/custom,["message",1]"#,
        r#"44{"message":"x"}"#,
    ] {
        for client in Client::each(&relay) {
            client.ends_by(&[packet]);
        }
    }
    relay.recovers();
}

/// The document says "at the beginning", the official server and the suite: within `connectTimeout`.
#[test]
fn who_never_connects_is_closed() {
    let relay = start(|limits| {
        limits.ping_interval_ms = 20_000;
        limits.connect_timeout_ms = 1_000;
    });
    let mut silent = websocket(&relay, SOCKET_IO);
    assert!(matches!(silent.end(), End::Close(_) | End::Eof));
    // Who is in a namespace may be silent there; and bare Engine.IO has none.
    let mut bare = websocket(&relay, ENGINE_IO);
    let mut clients = Client::each(&relay).map(Client::entered);
    std::thread::sleep(std::time::Duration::from_millis(1_300));
    for client in &mut clients {
        client.say(&[r#"42["message",1]"#]);
        client.hears(r#"42["message-back",1]"#);
    }
    bare.send(crate::support::TEXT, b"4a");
    assert_eq!(heard(&mut bare), "4a".into());
}

/// "Disconnection from a namespace": no answer, and the connection may go on.
#[test]
fn who_leaves_a_namespace_keeps_its_connection() {
    let relay = calm(|_| {});
    for client in Client::each(&relay) {
        let mut client = client.entered();
        client.enter("40/custom,", "40/custom,", r#"42/custom,["auth",{}]"#);
        client.say(&["41/custom,", r#"42["message","here"]"#]);
        client.hears(r#"42["message-back","here"]"#);
        client.enter("40/custom,", "40/custom,", r#"42/custom,["auth",{}]"#);
        // The main one can be left, too, with others or without.
        client.say(&["41", r#"42/custom,["message","there"]"#]);
        client.hears(r#"42/custom,["message-back","there"]"#);
        client.say(&["41/custom"]);
        client.enter("40", "40", r#"42["auth",{}]"#);
    }
    relay.recovers();
}
