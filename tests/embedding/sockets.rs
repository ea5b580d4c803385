//! From other threads: what a handle does with sockets, and what they hear.

use std::sync::Mutex;

use longwave::app::{Ack, Reason, Then, To};
use longwave::{Handle, HandleError};

use crate::client::{Client, relay};

#[test]
fn one_all_and_all_but_one() {
    let (relay, _ear) = relay(|_, _, _| Ok(Then::Done));
    let [mut a, mut b] = [(); 2].map(|()| Client::join(&relay, "/room"));
    let mut raw = relay.ws("/channels/room");
    let emit = |to, name| relay.handle.emit(to, name, "[1]").unwrap();
    emit(To::One(&a.id), "one");
    emit(To::AllBut(&a.id), "but");
    emit(To::Channel("room"), "all");
    let [first, second] = [b.hear(), b.hear()];
    assert_eq!(first, r#"42/room,["but",1]"#);
    assert_eq!(second, r#"42/room,["all",1]"#);
    assert_eq!(a.hear(), r#"42/room,["one",1]"#);
    assert_eq!(a.hear(), r#"42/room,["all",1]"#);
    assert_eq!(raw.message(), br#"{"name":"but","data":[1]}"#);
    assert_eq!(raw.message(), br#"{"name":"all","data":[1]}"#);
    drop((a, b, raw));
    relay.recovers();
}

#[test]
fn a_socket_is_taken_out_of_its_namespace_and_of_no_other() {
    let (relay, ear) = relay(|_, _, _| Ok(Then::Relay));
    let mut client = Client::join(&relay, "/a");
    let first = client.id.clone();
    client.enter("/b", "");
    relay.handle.disconnect(&first).unwrap();
    assert_eq!(client.hear(), "41/a,");
    ear.hears("connect /a a {}");
    ear.hears("connect /b b {}");
    assert!(ear.next().starts_with(&format!("disconnect {first} ")));
    // It does not hear that channel any more.
    relay.handle.emit(To::Channel("a"), "x", "[]").unwrap();
    relay.handle.emit(To::Channel("b"), "y", "[]").unwrap();
    assert_eq!(client.hear(), r#"42/b,["y"]"#);
    assert_eq!(relay.handle.subscribers("a"), Ok(0));
}

/// An answer may come from anywhere, later.
#[test]
fn an_answer_comes_from_another_thread() {
    static WAITING: Mutex<Vec<Ack>> = Mutex::new(Vec::new());
    let (relay, ear) = relay(|_, _, event| {
        WAITING.lock().unwrap().extend(event.ack.clone());
        Ok(Then::Done)
    });
    let mut client = Client::join(&relay, "/room");
    client.say(r#"42/room,12["question"]"#);
    client.say(r#"42/room,13["question"]"#);
    ear.next();
    ear.hears("event question []");
    ear.hears("event question []");
    crate::support::wait_until("both wait", || WAITING.lock().unwrap().len() == 2);
    for ack in WAITING.lock().unwrap().drain(..).rev() {
        relay.handle.ack(&ack, "[42]").unwrap();
    }
    assert_eq!(client.hear(), "43/room,13[42]");
    assert_eq!(client.hear(), "43/room,12[42]");
}

/// A call that asks its own reactor would wait for ever: it is told so instead.
#[test]
fn in_a_call_nobody_can_wait_for_the_reactor() {
    static HANDLE: Mutex<Option<Handle>> = Mutex::new(None);
    let (relay, _ear) = relay(|_, socket, _| {
        let handle = HANDLE.lock().unwrap().take().expect("asked once");
        assert_eq!(handle.subscribers("news"), Err(HandleError::OnReactor));
        // What does not wait is as good here as elsewhere, and comes in the turn's time.
        handle.emit(To::One(socket.id), "later", "[]")?;
        Ok(Then::Done)
    });
    *HANDLE.lock().unwrap() = Some(relay.handle.clone());
    let mut client = Client::join(&relay, "/");
    client.say(r#"42["x"]"#);
    assert_eq!(client.hear(), r#"42["later"]"#);
    assert_eq!(relay.handle.subscribers("socket.io"), Ok(1));
    assert_eq!(relay.closed(Reason::Internal.word()), 0);
}

/// A session that polls gets what waits for it with its next request.
#[test]
fn a_session_that_polls_is_one_like_any_other() {
    let (relay, ear) = relay(|cx, _, event| {
        if let Some(ack) = &event.ack {
            cx.ack(ack, "[true]")?;
        }
        Ok(Then::Done)
    });
    let mut peer = relay.connect();
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    let path = "/socket.io/?EIO=4&transport=polling";
    let open = String::from_utf8(peer.ask(get(path)).body).unwrap();
    let sid = open.split('"').nth(3).expect("it has an id");
    let path = format!("{path}&sid={sid}");
    let mut post = |body: &str| {
        let length = body.len();
        let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n");
        assert_eq!(peer.ask(head + body).body, b"ok");
        String::from_utf8(peer.ask(get(&path)).body).unwrap()
    };
    let joined = post("40/room,");
    let id = joined.split('"').nth(3).expect("it has an id").to_owned();
    ear.hears("connect /room room {}");
    relay.handle.emit(To::One(&id), "one", "[1]").unwrap();
    relay
        .handle
        .emit(To::Channel("room"), "all", "[2]")
        .unwrap();
    relay.handle.subscribers("room").unwrap();
    let answer = post(r#"42/room,5["x"]"#);
    let heard: Vec<&str> = answer.split('\x1e').collect();
    assert_eq!(
        heard,
        [
            r#"42/room,["one",1]"#,
            r#"42/room,["all",2]"#,
            "43/room,5[true]"
        ]
    );
}
