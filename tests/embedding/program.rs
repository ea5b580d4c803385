//! The program is called: what it is told, and what becomes of what it wants.

use std::sync::mpsc::{Sender, channel};

use longwave::app::{App, Cx, Failed, Reason, Refused, Socket, Then, To};

use crate::client::{Client, Ear, relay, relay_of};
use crate::support::{BINARY, TEXT};

#[test]
fn it_hears_who_comes_what_is_said_and_who_goes() {
    let (relay, ear) = relay(|_, _, _| Ok(Then::Done));
    let mut client = Client::open(&relay);
    client.enter("/news", r#"{"token":"x"}"#);
    ear.hears(r#"connect /news news {"token":"x"}"#);
    let news = client.id.clone();
    client.enter("/", "");
    ear.hears("connect / socket.io {}");
    client.say(r#"42/news,["msg",1.50,{"b":[]}]"#);
    ear.hears(r#"event msg [1.50,{"b":[]}]"#);
    client.say(r#"42["bare"]"#);
    ear.hears("event bare []");
    client.say("41/news,");
    assert!(ear.next().starts_with(&format!("disconnect {news} ")));
    let (main, gone) = (client.id.clone(), Reason::Gone.word());
    drop(client);
    ear.hears(&format!("disconnect {main} {gone}"));
    relay.recovers();
}

#[test]
fn who_is_refused_is_told_why_and_may_try_elsewhere() {
    let (relay, _ear) = relay(|_, _, _| Ok(Then::Done));
    let mut client = Client::open(&relay);
    client.say("40/refused,");
    assert_eq!(
        client.hear(),
        r#"44/refused,{"message":"not today","data":{"until":[1]}}"#
    );
    client.say("40/greeted,{\"a\":1}");
    assert!(client.hear().starts_with("40/greeted,{\"sid\":\""));
    assert_eq!(client.hear(), r#"42/greeted,["hello",{"a":1}]"#);
}

#[test]
fn an_event_goes_where_it_says() {
    let (relay, _ear) = relay(|cx, socket, event| {
        match event.name {
            "back" => cx.emit(To::One(socket.id), "back", event.args)?,
            "all" => cx.emit(To::Channel(socket.channel), "all", event.args)?,
            "others" => cx.emit(To::AllBut(socket.id), "others", event.args)?,
            _ => return Ok(Then::Relay),
        }
        Ok(Then::Done)
    });
    let [mut a, mut b] = [(); 2].map(|()| Client::join(&relay, "/room"));
    let mut raw = relay.ws("/channels/room");
    a.say(r#"42/room,["back",1]"#);
    assert_eq!(a.hear(), r#"42/room,["back",1]"#);
    a.say(r#"42/room,["all",2]"#);
    a.say(r#"42/room,["others",3]"#);
    a.say(r#"42/room,["relayed",4]"#);
    b.say(r#"42/room,["others",5]"#);
    assert_eq!(a.hear(), r#"42/room,["all",2]"#);
    assert_eq!(a.hear(), r#"42/room,["others",5]"#);
    for heard in [r#"["all",2]"#, r#"["others",3]"#, r#"["relayed",4]"#] {
        assert_eq!(b.hear(), format!("42/room,{heard}"));
    }
    for heard in [
        r#"{"name":"all","data":[2]}"#,
        r#"{"name":"others","data":[3]}"#,
        r#"{"name":"relayed","data":[4]}"#,
        r#"{"name":"others","data":[5]}"#,
    ] {
        assert_eq!(raw.message(), heard.as_bytes());
    }
    drop((a, b, raw));
    relay.recovers();
}

#[test]
fn bytes_come_in_and_go_out_with_events_and_answers() {
    let (relay, _ear) = relay(|cx, socket, event| {
        match &event.ack {
            Some(ack) => cx.ack(ack, event.args)?,
            None => cx.emit(To::One(socket.id), "back", event.args)?,
        }
        Ok(Then::Done)
    });
    let mut client = Client::join(&relay, "/");
    let places = r#"{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}"#;
    for (out, back) in [("452-", "452-[\"back\","), ("452-7", "462-7[")] {
        client.say(&format!("{out}[\"x\",{places}]"));
        client.say_bytes(&[0, 1, 255]);
        client.say_bytes(&[]);
        assert_eq!(client.hear(), format!("{back}{places}]"));
        assert_eq!(client.hear_bytes(), [0, 1, 255]);
        assert!(client.hear_bytes().is_empty());
    }
}

/// Its own mistakes are its own: an error undoes the call, a panic ends one session.
#[test]
fn a_call_that_fails_does_nothing_and_takes_nobody_along() {
    let (mut relay, ear) = relay(|cx, socket, event| {
        cx.emit(To::Channel(socket.channel), "half done", "[]")?;
        match event.name {
            "panic" => panic!("on purpose"),
            "error" => Err("on purpose")?,
            "bad" => cx.emit(To::One(socket.id), "connect", "[]")?,
            _ => {}
        }
        Ok(Then::Done)
    });
    let [mut a, mut b] = [(); 2].map(|()| Client::join(&relay, "/"));
    for (packet, told) in [
        (r#"421["error"]"#, "event error []"),
        (r#"422["bad"]"#, "event bad []"),
        (r#"42["panic"]"#, "event panic []"),
    ] {
        a.say(packet);
        while ear.next() != told {}
    }
    a.end();
    let (gone, internal) = (&a.id, Reason::Internal.word());
    ear.hears(&format!("disconnect {gone} {internal}"));
    b.say(r#"42["fine"]"#);
    // Nothing came before.
    assert_eq!(b.hear(), r#"42["half done"]"#);
    let mut late = Client::open(&relay);
    late.say("40/panic,");
    assert_eq!(late.hear(), r#"44/panic,{"message":"internal error"}"#);
    assert_eq!(relay.metric("app_failures_total"), 4);
    drop((a, b, late));
    relay.recovers();
    relay.handle.stop();
    relay.has_stopped();
}

#[test]
fn bare_engine_io_messages_are_its_own_too() {
    let (relay, ear) = relay(|_, _, _| Ok(Then::Done));
    let mut peer = relay.ws("/bare/?EIO=4&transport=websocket");
    let open = String::from_utf8(peer.message()).unwrap();
    peer.send(TEXT, "4hällo".as_bytes());
    assert_eq!(peer.message(), "4hällo".as_bytes());
    assert!(open.contains(&ear.next()), "{open}");
    peer.send(BINARY, &[4, 0, 255]);
    assert_eq!(peer.message(), [4, 0, 255]);
}

/// When one goes it takes the next along.
struct Domino {
    standing: Vec<String>,
    tell: Sender<String>,
}

impl App for Domino {
    fn connect(&mut self, _: &mut Cx, socket: &Socket<'_>, _: &str) -> Result<(), Refused> {
        self.standing.push(socket.id.to_owned());
        Ok(())
    }

    fn disconnect(&mut self, cx: &mut Cx, socket: &Socket<'_>, _: Reason) -> Result<(), Failed> {
        self.standing.retain(|id| id != socket.id);
        if let Some(next) = self.standing.first() {
            cx.disconnect(next);
        }
        self.tell.send(socket.namespace.to_owned())?;
        Ok(())
    }
}

/// No call happens inside another, however one brings about the next, and each goes once.
#[test]
fn a_row_of_sockets_falls_one_after_the_other() {
    const EACH: usize = 200;
    let (tell, ear) = channel();
    let standing = Vec::new();
    let relay = relay_of(Box::new(Domino { standing, tell }));
    let mut clients = ["a", "b", "c"].map(|session| {
        let mut client = Client::open(&relay);
        (0..EACH).for_each(|n| client.enter(&format!("/{session}{n}"), ""));
        client
    });
    // The first session ends as a whole, the others are told of each.
    clients[0]
        .peer
        .stream
        .shutdown(std::net::Shutdown::Both)
        .unwrap();
    for (client, session) in clients[1..].iter_mut().zip(["b", "c"]) {
        let mut told: Vec<String> = (0..EACH).map(|_| client.hear()).collect();
        let mut expected: Vec<String> = (0..EACH).map(|n| format!("41/{session}{n},")).collect();
        told.sort_unstable();
        expected.sort_unstable();
        assert_eq!(told, expected);
    }
    let ear = Ear::from(ear);
    let mut gone: Vec<String> = (0..3 * EACH).map(|_| ear.next()).collect();
    gone.sort_unstable();
    gone.dedup();
    assert_eq!(gone.len(), 3 * EACH);
    drop(clients);
    relay.recovers();
    assert_eq!(relay.metric("app_failures_total"), 0);
}

#[test]
fn whoever_is_there_when_the_server_stops_has_gone() {
    let (mut relay, ear) = relay(|_, _, _| Ok(Then::Relay));
    let client = Client::join(&relay, "/");
    ear.next();
    relay.handle.stop();
    let (id, drain) = (&client.id, Reason::Drain.word());
    ear.hears(&format!("disconnect {id} {drain}"));
    drop(client);
    relay.has_stopped();
}
