//! A client hears what goes to it alone and what goes to all in the order in which it was emitted.

use longwave::app::{Then, To};

use crate::client::{Client, Do, open_with_recovery, relay};

/// How many events a program emits at once.
const EACH: usize = 300;

/// Emits to everybody, to the one who asks, and to everybody but that one; then answers.
const ALL_KINDS: Do = |cx, socket, event| {
    for n in 0..EACH {
        let to = match n % 4 {
            0 => To::Channel(socket.channel),
            2 => To::AllBut(socket.id),
            _ => To::One(socket.id),
        };
        cx.emit(to, "n", &format!("[{n}]"))?;
    }
    if let Some(ack) = &event.ack {
        cx.ack(ack, "[]")?;
    }
    Ok(Then::Done)
};

/// Takes what is next in a row of events, if it is that.
fn take_next(heard: &str, head: &str, next: &mut usize) -> bool {
    while *next % 4 == 2 {
        *next += 1;
    }
    let is_next = heard == format!("42{head}[\"n\",{next}]");
    *next += usize::from(is_next);
    is_next
}

#[test]
fn what_a_program_emits_keeps_its_order() {
    let (relay, _ear) = relay(ALL_KINDS);
    let mut clients = ["", "/a,", "/b,"].map(|head| {
        let namespace = head.trim_end_matches(',');
        let mut client = Client::join(&relay, if head.is_empty() { "/" } else { namespace });
        // Its further namespaces have seats.
        client.enter("/seat", "");
        (client, head)
    });
    for (client, head) in &mut clients {
        client.say(&format!("42{head}1[\"go\"]"));
        client.say("42/seat,2[\"go\"]");
    }
    for (client, head) in &mut clients {
        let (mut alone, mut among, mut answers) = (0, 0, 0);
        while answers < 2 {
            let heard = client.hear();
            if heard.starts_with("43") {
                answers += 1;
            } else if heard.starts_with("42/seat,") {
                // What others have emitted to all comes anywhere between.
                take_next(&heard, "/seat,", &mut among);
            } else {
                assert!(take_next(&heard, head, &mut alone), "{heard} at {alone}");
            }
        }
        assert_eq!((alone, among), (EACH, EACH));
    }
    drop(clients);
    relay.recovers();
}

/// Each event tells where its client is, what goes to it alone too: who comes back with the last one gets what
/// it has not got, and nothing twice.
#[test]
fn who_comes_back_gets_nothing_twice() {
    let relay = open_with_recovery(ALL_KINDS);
    let mut client = Client::open(&relay);
    client.say("40");
    let joined = client.hear();
    let pid = joined
        .split('"')
        .nth(7)
        .expect("it may come back")
        .to_owned();
    client.say("421[\"go\"]");
    let (mut count, mut offset) = (0, String::new());
    loop {
        let heard = client.hear();
        if heard.starts_with("43") {
            break;
        }
        let event = heard.trim_end_matches("\"]");
        event.rsplit('"').next().unwrap().clone_into(&mut offset);
        count += 1;
    }
    assert_eq!(count, EACH / 4 * 3);
    drop(client);
    relay
        .handle
        .emit(To::Channel("socket.io"), "missed", "[]")
        .unwrap();
    let mut client = Client::open(&relay);
    client.say(&format!("40{{\"pid\":\"{pid}\",\"offset\":\"{offset}\"}}"));
    let missed = client.hear();
    assert!(missed.starts_with("42[\"missed\",\""), "{missed}");
    assert_eq!(client.hear(), joined);
}
