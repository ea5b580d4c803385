//! Events and their answers, bytes among them, and what is none.

use crate::calm;
use crate::client::{Client, Heard};

/// "Sending and receiving data", and "Format": the type, the namespace, an array.
#[test]
fn an_event() {
    let relay = calm(|_| {});
    for client in Client::each(&relay) {
        let mut client = client.entered();
        for args in [
            r#",1,"2",{"3":[true]}"#,
            "",
            r#","grüße 😀""#,
            r#",[],{},null,1.50,-0,1e400"#,
            r#",[[[["deep"]]]]"#,
        ] {
            client.say(&[&format!(r#"42["message"{args}]"#)]);
            client.hears(&format!(r#"42["message-back"{args}]"#));
        }
    }
}

/// "Acknowledgement": the answer has the id of the event; an id is a number in front of the array.
#[test]
fn an_event_that_is_answered() {
    let relay = calm(|_| {});
    for client in Client::each(&relay) {
        let mut client = client.entered();
        client.say(&[r#"42456["message-with-ack",1,"2",{"3":[false]}]"#]);
        client.hears(r#"43456[1,"2",{"3":[false]}]"#);
        client.say(&[r#"420["message-with-ack"]"#]);
        client.hears("430[]");
        client.enter("40/custom,", "40/custom,", r#"42/custom,["auth",{}]"#);
        client.say(&[r#"42/custom,9007199254740991["message-with-ack",[5]]"#]);
        client.hears("43/custom,9007199254740991[[5]]");
    }
}

const ONE: (&[u8], &str) = (&[1, 2, 3], "bAQID");
const TWO: (&[u8], &str) = (&[4, 5, 6], "bBAUG");
const HOLES: &str = r#"{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}"#;

fn hears_bytes(client: &mut Client<'_>) {
    assert_eq!(client.hear(), Heard::from(ONE.0));
    assert_eq!(client.hear(), Heard::from(TWO.0));
}

/// "Sending and receiving data", "with binary data": the number of attachments, placeholders, then the bytes.
#[test]
fn an_event_with_bytes() {
    let relay = calm(|_| {});
    for client in Client::each(&relay) {
        let mut client = client.entered();
        client.say_with(&format!(r#"452-["message",{HOLES}]"#), &[ONE, TWO]);
        client.hears(&format!(r#"452-["message-back",{HOLES}]"#));
        hears_bytes(&mut client);
        let nested = r#"{"a":[{"_placeholder":true,"num":0}],"b":{"_placeholder":true,"num":1}}"#;
        client.say_with(&format!(r#"452-["message",{nested}]"#), &[ONE, TWO]);
        client.hears(&format!(r#"452-["message-back",{nested}]"#));
        hears_bytes(&mut client);
        client.enter("40/custom,", "40/custom,", r#"42/custom,["auth",{}]"#);
        client.say_with(
            r#"451-/custom,["message",{"_placeholder":true,"num":0}]"#,
            &[(&[], "b")],
        );
        client.hears(r#"451-/custom,["message-back",{"_placeholder":true,"num":0}]"#);
        assert_eq!(client.hear(), Heard::Bytes(Vec::new()));
    }
}

/// "Acknowledgement", "with binary data": the answer may have bytes, too.
#[test]
fn an_answer_with_bytes() {
    let relay = calm(|_| {});
    for client in Client::each(&relay) {
        let mut client = client.entered();
        client.say_with(
            &format!(r#"452-789["message-with-ack",{HOLES}]"#),
            &[ONE, TWO],
        );
        client.hears(&format!("462-789[{HOLES}]"));
        hears_bytes(&mut client);
    }
}

/// Other packets of text may come before the bytes are whole only as heartbeats, which are Engine.IO's.
#[test]
fn heartbeats_may_come_between_an_event_and_its_bytes() {
    let relay = calm(|_| {});
    for client in Client::each(&relay) {
        let mut client = client.entered();
        client.say(&[&format!(r#"452-["message",{HOLES}]"#)]);
        client.say(&["3"]);
        match &mut client {
            Client::Polling(polling) => polling.say("bAQID\x1e3\x1ebBAUG"),
            Client::WebSocket(peer) => {
                peer.send(crate::support::BINARY, ONE.0);
                peer.send(crate::support::TEXT, b"3");
                peer.send(crate::support::BINARY, TWO.0);
            }
        }
        client.hears(&format!(r#"452-["message-back",{HOLES}]"#));
        hears_bytes(&mut client);
    }
}

/// "Sending and receiving data": the payload is an array that is not empty; whoever sends anything else is closed.
#[test]
fn what_is_no_event_ends_the_session() {
    let relay = calm(|_| {});
    for packet in [
        "4abc",
        "47[\"a\"]",
        "42",
        "42{}",
        "42[]",
        "42\"a\"",
        "42null",
        "42[\"a\"",
        "42[\"a\"]x",
        "42[{}]",
        "42[null]",
        "42abc[\"message-with-ack\",1]",
        "42-1[\"a\"]",
        "42/custom,[\"a\"]",
        "42/nowhere,[\"a\"]",
    ] {
        for client in Client::each(&relay) {
            client.entered().ends_by(&[packet]);
        }
    }
    relay.recovers();
}

/// "Acknowledgement": its payload is an array, and may be empty.
#[test]
fn what_is_no_answer_ends_the_session() {
    let relay = calm(|_| {});
    for packet in ["431{}", "431\"a\"", "431"] {
        for client in Client::each(&relay) {
            client.entered().ends_by(&[packet]);
        }
    }
    for client in Client::each(&relay) {
        // Nobody asked for it, which is no fault: the answer to what was asked may be late.
        let mut client = client.entered();
        client.say(&["431[]", r#"42["message"]"#]);
        client.hears(r#"42["message-back"]"#);
    }
}

/// "Format": the number of attachments is followed by `-`, and by as many messages of bytes.
#[test]
fn attachments_that_do_not_come_as_said_end_the_session() {
    let relay = calm(|_| {});
    let hole = r#"{"_placeholder":true,"num":0}"#;
    for packets in [
        vec![format!(r#"45["message",{hole}]"#)],
        vec![format!(r#"451["message",{hole}]"#)],
        vec![format!(r#"45x-["message",{hole}]"#)],
        vec![
            r#"451-["message",{"_placeholder":true,"num":1}]"#.to_owned(),
            "bAQID".to_owned(),
        ],
        vec![
            r#"451-["message",{"_placeholder":true,"num":-1}]"#.to_owned(),
            "bAQID".to_owned(),
        ],
        vec![
            format!(r#"451-["message",{hole}]"#),
            r#"42["message"]"#.to_owned(),
        ],
        vec![
            format!(r#"451-["message",{hole}]"#),
            "40/custom,".to_owned(),
        ],
    ] {
        let packets: Vec<&str> = packets.iter().map(String::as_str).collect();
        // Over WebSocket the `b` is a packet of text that is none: it ends the session, too.
        for client in Client::each(&relay) {
            client.entered().ends_by(&packets);
        }
    }
    for client in Client::each(&relay) {
        match client.entered() {
            Client::Polling(polling) => {
                polling.post("bAQID");
                polling.is_ended();
            }
            Client::WebSocket(mut peer) => {
                peer.send(crate::support::BINARY, ONE.0);
                assert!(matches!(peer.end(), crate::support::End::Close(_)));
            }
        }
    }
    relay.recovers();
}

/// From the official client, which throws at them: names that the libraries use themselves are no events.
#[test]
fn reserved_names_end_the_session() {
    let relay = calm(|_| {});
    for name in [
        "connect",
        "connect_error",
        "disconnect",
        "disconnecting",
        "newListener",
        "removeListener",
        "\\u0063onnect",
    ] {
        for client in Client::each(&relay) {
            client.entered().ends_by(&[&format!(r#"42["{name}"]"#)]);
        }
    }
}
