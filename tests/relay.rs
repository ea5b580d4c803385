//! What the relay is for, with a WebSocket client of another maker: everyone else gets each message
//! once and in one order.

#[path = "faults/support.rs"]
mod support;

use std::net::TcpStream;

use support::{Relay, wait_until};
use tungstenite::client::IntoClientRequest;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};

type Client = WebSocket<TcpStream>;

fn join(relay: &Relay, path: &str) -> Client {
    join_with(relay, path, &[]).0
}

/// Joins with further headers; also gives the subprotocol chosen.
fn join_with(relay: &Relay, path: &str, headers: &[(&'static str, &str)]) -> (Client, String) {
    let url = format!("ws://{}{path}", relay.address);
    let mut request = url.into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    let stream = TcpStream::connect(relay.address).unwrap();
    stream.set_read_timeout(Some(support::PATIENCE)).unwrap();
    let config = WebSocketConfig::default().max_frame_size(None);
    let (client, answer) =
        tungstenite::client::client_with_config(request, stream, Some(config)).unwrap();
    let chosen = answer.headers().get("sec-websocket-protocol");
    let chosen = chosen.map_or("", |value| value.to_str().unwrap());
    (client, chosen.to_owned())
}

/// The next message that is not a ping or a pong.
fn next(client: &mut Client) -> Message {
    loop {
        match client.read().unwrap() {
            Message::Ping(_) | Message::Pong(_) => {}
            message => return message,
        }
    }
}

fn post(relay: &Relay, path: &str, kind: &str, body: &[u8]) -> support::Answer {
    let mut peer = relay.connect();
    peer.write(format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\n{kind}Content-Length: {}\r\n\r\n",
        body.len()
    ));
    peer.ask(body)
}

#[test]
fn everyone_else_gets_each_message_once_and_as_it_was_sent() {
    let relay = Relay::plain();
    let mut a = join(&relay, "/channels/news");
    let mut b = join(&relay, "/channels/news");
    let mut elsewhere = join(&relay, "/channels/other");
    let sent = [
        Message::text("hello"),
        Message::binary(vec![0, 255, 7]),
        Message::text(""),
        Message::binary(vec![]),
        Message::text("ä€𝄞"),
        Message::binary(vec![5; 126]),
        Message::binary(vec![5; 65_535]),
        Message::binary(vec![6; 65_536]),
        Message::binary(vec![7; 1024 * 1024]),
    ];
    for message in &sent {
        a.send(message.clone()).unwrap();
    }
    for message in &sent {
        assert_eq!(next(&mut b), *message);
    }
    b.send(Message::text("back")).unwrap();
    // The first that reaches the sender is another's.
    assert_eq!(next(&mut a), Message::text("back"));
    elsewhere.send(Message::text("x")).unwrap();
    assert_eq!(relay.metric("messages_in_total"), sent.len() as u64 + 2);
    assert_eq!(relay.metric("deliveries_total"), sent.len() as u64 + 1);
    drop((a, b, elsewhere));
    relay.recovers();
}

/// A message that waits for more lets a reply to a later frame pass; it comes all the same. Without
/// a batch it would always come before.
#[test]
fn a_batch_holds_messages_up_and_nothing_else() {
    let relay = Relay::limits(|l| l.batch_us = 100_000);
    let mut publisher = relay.ws("/channels/a");
    let mut subscriber = relay.ws("/channels/a");
    let mut pong_first = || {
        publisher.send(support::TEXT, b"message");
        publisher.send(support::PING, b"");
        // Its answer: the message has been read.
        assert_eq!(publisher.frame().unwrap().first, support::PONG);
        subscriber.send(support::PING, b"");
        let frames = [(); 2].map(|()| subscriber.frame().unwrap().first);
        assert!(frames.contains(&support::TEXT) && frames.contains(&support::PONG));
        frames[0] == support::PONG
    };
    // On a machine that is busy with something else a batch may be over meanwhile.
    assert!((0..50).any(|_| pong_first()));
    publisher.send(support::TEXT, b"alone");
    assert_eq!(subscriber.message(), b"alone");
    drop((publisher, subscriber));
    relay.recovers();
}

#[test]
fn all_subscribers_see_one_order_and_with_echo_the_sender_too() {
    let relay = Relay::plain();
    let mut all: Vec<Client> = (0..4)
        .map(|_| join(&relay, "/channels/a?echo=true"))
        .collect();
    for i in 0..300 {
        let from = i % all.len();
        all[from]
            .send(Message::text(format!("{from}: {i}")))
            .unwrap();
    }
    let order: Vec<Message> = (0..300).map(|_| next(&mut all[0])).collect();
    for client in &mut all[1..] {
        order
            .iter()
            .for_each(|message| assert_eq!(next(client), *message));
    }
    for from in 0..4 {
        let start = format!("{from}: ");
        let own = order
            .iter()
            .filter_map(|m| m.to_text().ok()?.strip_prefix(&start));
        let own: Vec<usize> = own.map(|n| n.parse().unwrap()).collect();
        assert_eq!(own.len(), 75);
        assert!(own.is_sorted(), "a sender's own order is kept");
    }
    drop(all);
    relay.recovers();
}

#[test]
fn publishing_by_http_reaches_subscribers_and_tells_whether_there_were_any() {
    let relay = Relay::plain();
    assert_eq!(post(&relay, "/channels/news", "", b"nobody").status, 202);
    let mut a = join(&relay, "/channels/news");
    assert_eq!(post(&relay, "/channels/news", "", b"hello").status, 201);
    assert_eq!(next(&mut a), Message::text("hello"));
    let octets = "Content-Type: application/octet-stream\r\n";
    assert_eq!(post(&relay, "/channels/news", octets, b"hello").status, 201);
    assert_eq!(next(&mut a), Message::binary(&b"hello"[..]));
    assert_eq!(post(&relay, "/channels/news", "", b"\xff\xfe").status, 201);
    assert_eq!(next(&mut a), Message::binary(&b"\xff\xfe"[..]));
    // One name, however it is written.
    assert_eq!(post(&relay, "/channels/%6eews", "", b"same").status, 201);
    assert_eq!(next(&mut a), Message::text("same"));
    drop(a);
    relay.recovers();
}

#[test]
fn a_publish_key_guards_publishing() {
    let relay = Relay::start(|c| c.settings.publish_key = Some("secret".into()));
    for header in [
        "",
        "Authorization: Bearer secre\r\n",
        "Authorization: Bearer secrett\r\n",
        "Authorization: Basic secret\r\n",
        "Authorization: secret\r\n",
    ] {
        let answer = post(&relay, "/channels/a", header, b"x");
        assert_eq!(
            (answer.status, answer.header("www-authenticate")),
            (401, Some("Bearer"))
        );
    }
    let right = "Authorization: bearer secret\r\n";
    assert_eq!(post(&relay, "/channels/a", right, b"x").status, 202);
    relay.recovers();
}

#[test]
fn the_first_subprotocol_offered_is_chosen_unless_a_list_says_otherwise() {
    let offer = [("sec-websocket-protocol", "chat, superchat")];
    let relay = Relay::plain();
    assert_eq!(join_with(&relay, "/channels/a", &offer).1, "chat");
    relay.recovers();
    let relay = Relay::start(|c| c.settings.subprotocols = vec!["superchat".into()]);
    assert_eq!(join_with(&relay, "/channels/a", &offer).1, "superchat");
    relay.recovers();
}

/// What stands in front of a payload, and the payload; panics where there is none.
fn meta(message: &Message) -> (String, &[u8]) {
    let bytes: &[u8] = match message {
        Message::Text(text) => text.as_bytes(),
        Message::Binary(bytes) => bytes,
        other => panic!("{other:?}"),
    };
    let end = bytes.windows(2).position(|w| w == b"\n\n").unwrap();
    let lines = String::from_utf8(bytes[..end].to_vec()).unwrap();
    (lines, &bytes[end + 2..])
}

#[test]
fn ws_meta_nchan_carries_the_id_and_the_type_of_each_message() {
    let relay = Relay::start(|c| c.settings.subprotocols = vec!["chat".into()]);
    let offer = [("sec-websocket-protocol", "chat, ws+meta.nchan")];
    let (mut reader, chosen) = join_with(&relay, "/channels/m", &offer);
    assert_eq!(chosen, "ws+meta.nchan");
    let mut plain = join(&relay, "/channels/m");
    plain.send(Message::text("one")).unwrap();
    plain.send(Message::binary(vec![2, 0xff])).unwrap();
    let mut messages: Vec<Message> = (0..2).map(|_| next(&mut reader)).collect();
    let three = "Content-Type: text/x-three\r\n";
    assert_eq!(post(&relay, "/channels/m", three, b"3").status, 201);
    messages.push(next(&mut reader));
    let (mut ids, mut rest) = (Vec::new(), Vec::new());
    for message in &messages {
        let (lines, payload) = meta(message);
        let (id, types) = lines.split_once('\n').unwrap_or((&lines, ""));
        let (epoch, number) = id.strip_prefix("id: ").unwrap().split_once(':').unwrap();
        ids.push((
            epoch.parse::<u64>().unwrap(),
            number.parse::<u64>().unwrap(),
        ));
        rest.push((message.is_text(), types.to_owned(), payload.to_vec()));
    }
    let (epoch, first) = ids[0];
    assert!(epoch > 1_700_000_000, "{epoch}");
    assert_eq!(
        ids,
        [(epoch, first), (epoch, first + 1), (epoch, first + 2)]
    );
    let bytes = "content-type: application/octet-stream".to_owned();
    let three = "content-type: text/x-three".to_owned();
    let expected = [
        (true, String::new(), b"one".to_vec()),
        (false, bytes, vec![2, 0xff]),
        (true, three, b"3".to_vec()),
    ];
    assert_eq!(rest, expected);

    // What it sends is the message as it is, and it does not hear itself.
    reader.send(Message::text("back")).unwrap();
    assert_eq!(next(&mut plain), Message::text("3"));
    assert_eq!(next(&mut plain), Message::text("back"));
    plain.send(Message::text("last")).unwrap();
    assert_eq!(meta(&next(&mut reader)).1, b"last");
    drop((reader, plain));
    relay.recovers();
}

#[test]
fn the_subprotocol_of_ids_is_not_spoken_where_there_are_none() {
    let relay = Relay::plain();
    let offer = [("sec-websocket-protocol", "ws+meta.nchan, chat")];
    assert_eq!(join_with(&relay, "/echo", &offer).1, "chat");
    relay.recovers();
}

#[test]
fn a_media_type_that_cannot_be_passed_on_is_refused() {
    let relay = Relay::plain();
    let _reader = join(&relay, "/channels/a");
    let longest = format!("Content-Type: {}\r\n", "x".repeat(180));
    let longer = format!("Content-Type: {}\r\n", "x".repeat(181));
    let gap = "Content-Type: application/vnd.longwave.gap+json\r\n";
    assert_eq!(post(&relay, "/channels/a", &longest, b"x").status, 201);
    for bad in [&longer[..], gap, "Content-Type: \u{e9}\r\n"] {
        assert_eq!(post(&relay, "/channels/a", bad, b"x").status, 400, "{bad}");
    }
    assert_eq!(
        relay.metric("refused_total{reason=\"bad_content_type\"}"),
        3
    );
}

#[test]
fn an_echo_gives_back_what_it_gets_and_closes_as_asked() {
    let relay = Relay::plain();
    let mut echo = join(&relay, "/echo");
    for message in [Message::text("once"), Message::binary(vec![9; 300_000])] {
        echo.send(message.clone()).unwrap();
        assert_eq!(next(&mut echo), message);
    }
    echo.send(Message::Ping(b"you there?"[..].into())).unwrap();
    assert_eq!(
        echo.read().unwrap(),
        Message::Pong(b"you there?"[..].into())
    );
    let frame = CloseFrame {
        code: CloseCode::Library(4000),
        reason: "bye".into(),
    };
    echo.close(Some(frame)).unwrap();
    let Message::Close(Some(answer)) = next(&mut echo) else {
        panic!("no close frame");
    };
    assert_eq!(answer.code, CloseCode::Library(4000));
    assert!(matches!(echo.read(), Err(Error::ConnectionClosed)));
    drop(echo);
    relay.recovers();
}

#[test]
fn a_handle_publishes_counts_and_stops() {
    let mut relay = Relay::plain();
    let (mut a, mut b) = (join(&relay, "/channels/a"), join(&relay, "/channels/a"));
    assert_eq!(relay.handle.subscribers("a"), Ok(2));
    relay.handle.publish_text("a", "to all").unwrap();
    relay.handle.publish_binary("a", &[1, 2]).unwrap();
    for client in [&mut a, &mut b] {
        assert_eq!(next(client), Message::text("to all"));
        assert_eq!(next(client), Message::binary(vec![1, 2]));
    }
    b.close(None).unwrap();
    wait_until("one is left", || relay.handle.subscribers("a") == Ok(1));
    drop(b);
    relay.handle.stop();
    let Message::Close(Some(goodbye)) = next(&mut a) else {
        panic!("no close frame");
    };
    assert_eq!(goodbye.code, CloseCode::Away);
    assert!(matches!(a.read(), Err(Error::ConnectionClosed)));
    drop(a);
    relay.has_stopped();
    assert_eq!(
        relay.handle.subscribers("a"),
        Err(longwave::HandleError::Stopped)
    );
}
