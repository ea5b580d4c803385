//! What a POST can do beside publishing a message: publish several, and wait until they have left.

#[path = "faults/support.rs"]
mod support;

use serde_json::Value;
use support::{Answer, BINARY, End, Peer, Relay, TEXT, upgrade, wait_until};

fn post(relay: &Relay, path: &str, headers: &str, body: impl AsRef<[u8]>) -> Answer {
    let mut peer = relay.connect();
    let body = body.as_ref();
    peer.write(format!(
        "POST /channels/{path} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    ));
    peer.ask(body)
}

fn json(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_else(|e| panic!("{e}: {answer:?}"))
}

/// A subscriber that is told of media types.
fn meta(relay: &Relay, path: &str) -> Peer {
    let mut peer = relay.connect();
    let further = "Sec-WebSocket-Protocol: ws+meta.nchan\r\n";
    assert_eq!(peer.ask(upgrade(path, further)).status, 101);
    peer
}

/// The kind of the next frame, its lines but for the id, and its payload.
fn labelled(peer: &mut Peer) -> (u8, String, Vec<u8>) {
    let frame = peer.frame().unwrap();
    let end = frame.payload.windows(2).position(|w| w == b"\n\n").unwrap();
    let lines = String::from_utf8(frame.payload[..end].to_vec()).unwrap();
    let (id, labels) = lines.split_once('\n').unwrap_or((&lines, ""));
    assert!(id.starts_with("id: "), "{lines}");
    (
        frame.first,
        labels.into(),
        frame.payload[end + 2..].to_vec(),
    )
}

const FORM: &str = "Content-Type: multipart/form-data; boundary=XX\r\n";

fn part(head: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("--XX\r\nContent-Disposition: form-data; {head}\r\n\r\n");
    [head.as_bytes(), body, b"\r\n"].concat()
}

#[test]
fn each_part_of_a_form_is_a_message_with_its_type_and_name() {
    let relay = Relay::plain();
    let (mut told, mut plain) = (meta(&relay, "/channels/a"), relay.ws("/channels/a"));
    let picture = [0x89, b'P', 0, 0xff];
    let body = [
        part("name=\"text\"", "hällo".as_bytes()),
        part(
            "name=\"f\"; filename=\"dir/cat.png\"\r\nContent-Type: image/png",
            &picture,
        ),
        // What a browser sends for a field in which no file was chosen.
        part(
            "name=\"g\"; filename=\"\"\r\nContent-Type: application/octet-stream",
            b"",
        ),
        part("name=\"h\"; filename=\"ä.txt\"", b""),
        b"--XX--\r\n".to_vec(),
    ]
    .concat();
    let headers = format!("{FORM}Accept: application/json\r\n");
    let answer = post(&relay, "a", &headers, body);
    assert_eq!(answer.status, 201);
    let stands = json(&answer);
    assert_eq!(
        (&stands["published"], &stands["subscribers"]),
        (&3.into(), &2.into())
    );
    let expected: [(u8, &str, &[u8]); 3] = [
        (TEXT, "", "hällo".as_bytes()),
        (
            BINARY,
            "content-type: image/png; name=\"cat.png\"",
            &picture,
        ),
        (
            TEXT,
            "content-type: text/plain; name*=UTF-8''%C3%A4%2Etxt",
            b"",
        ),
    ];
    for (kind, labels, payload) in expected {
        let found = labelled(&mut told);
        assert_eq!(found, (kind, labels.to_owned(), payload.to_vec()));
        assert_eq!(plain.message(), payload);
    }
    assert_eq!(relay.metric("messages_in_total"), 3);
    drop((told, plain));
    relay.recovers();
}

#[test]
fn each_line_is_a_message() {
    let relay = Relay::plain();
    let mut subscriber = relay.ws("/channels/a");
    let lines = "Content-Type: application/x-ndjson; charset=utf-8\r\n";
    let answer = post(&relay, "a", lines, "{\"a\":1}\n\n\"ä\"\r\nnot json");
    assert_eq!(answer.status, 201);
    assert!(
        answer.body.starts_with(b"published messages: 3\r\n"),
        "{answer:?}"
    );
    for line in ["{\"a\":1}", "\"ä\"", "not json"] {
        assert_eq!(subscriber.message(), line.as_bytes());
    }
    let most = "x\n".repeat(1000);
    assert_eq!(post(&relay, "a", lines, &most).status, 201);
    (0..1000).for_each(|_| assert_eq!(subscriber.message(), b"x"));
    drop(subscriber);
    relay.recovers();
}

#[test]
fn of_a_body_that_is_refused_nothing_is_published() {
    let relay = Relay::plain();
    let mut subscriber = relay.ws("/channels/a");
    let lines = "Content-Type: application/x-ndjson\r\n";
    let good = part("name=\"a\"", b"good");
    let form = |last: &[u8]| [&good, last].concat();
    let bad_type = part("name=\"b\"\r\nContent-Type: \x01", b"");
    let gap = part(
        "name=\"b\"\r\nContent-Type: application/vnd.longwave.gap+json",
        b"",
    );
    let coded = part("name=\"b\"\r\nContent-Transfer-Encoding: base64", b"eA==");
    let many = [good.repeat(101), b"--XX--".to_vec()].concat();
    let cases: [(&str, Vec<u8>, &str); 11] = [
        (lines, b"good\n\xff\n".to_vec(), "bad_utf8"),
        (lines, "x\n".repeat(1001).into(), "too_many_lines"),
        (lines, b"\r\n\n".to_vec(), "no_messages"),
        (lines, b"".to_vec(), "no_messages"),
        (FORM, good.clone(), "bad_form"),
        (FORM, form(&[&bad_type[..], b"--XX--"].concat()), "bad_part"),
        (
            FORM,
            form(&[&gap[..], b"--XX--"].concat()),
            "bad_content_type",
        ),
        (FORM, form(&[&coded[..], b"--XX--"].concat()), "bad_part"),
        (FORM, many, "too_many_parts"),
        (FORM, b"".to_vec(), "bad_form"),
        (
            "Content-Type: multipart/form-data\r\n",
            good.clone(),
            "bad_boundary",
        ),
    ];
    for (headers, body, reason) in cases {
        let before = relay.refused(reason);
        let answer = post(&relay, "a", headers, body);
        assert_eq!(answer.status, 400, "{reason}: {answer:?}");
        assert_eq!(relay.refused(reason), before + 1, "{reason}");
    }
    assert_eq!(relay.metric("messages_in_total"), 0);
    assert_eq!(post(&relay, "a", "", "first").status, 201);
    assert_eq!(subscriber.message(), b"first");
    drop(subscriber);
    relay.recovers();
}

/// A channel whose fan-out has to catch up holds all of an upload, and then takes all of it.
#[test]
fn a_paused_channel_holds_the_whole_upload() {
    let relay = Relay::limits(|l| {
        l.unflushed_bytes_max = l.message_bytes_max;
        l.batch_us = 0;
    });
    let mut subscriber = relay.ws("/channels/a");
    let large = vec![b'x'; 700_000];
    let publishers: Vec<Peer> = (0..6)
        .map(|_| {
            let mut peer = relay.connect();
            let body = [&large[..], b"\nlast\n"].concat();
            let head = format!(
                "POST /channels/a HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\n\
                 Content-Length: {}\r\n\r\n",
                body.len()
            );
            peer.write([head.as_bytes(), &body].concat());
            peer
        })
        .collect();
    for _ in 0..6 {
        assert_eq!(subscriber.message().len(), large.len());
        assert_eq!(subscriber.message(), b"last");
    }
    for mut publisher in publishers {
        assert_eq!(publisher.answer().status, 201);
    }
    drop(subscriber);
    relay.recovers();
}

/// What a publisher that has waited is told: subscribers, flushed, behind, closed.
fn left(answer: &Answer) -> [u64; 4] {
    let told = json(answer);
    assert!(
        told["id"].as_str().is_some_and(|id| id.contains(':')),
        "{told}"
    );
    assert_eq!(answer.header("content-type"), Some("application/json"));
    ["subscribers", "flushed", "behind", "closed"].map(|key| told[key].as_u64().unwrap())
}

/// A subscriber that takes nothing, and so much for it that the kernel takes no more either.
fn stalled(relay: &Relay, path: &str) -> Peer {
    let peer = Peer::connect_narrow(relay.address).upgraded(&format!("/channels/{path}"));
    let large = vec![b'x'; 1024 * 1024];
    (0..8).for_each(|_| assert_eq!(post(relay, path, "", &large).status, 201));
    peer
}

fn begin(relay: &Relay, path: &str, body: &str) -> Peer {
    let mut peer = relay.connect();
    peer.write(format!(
        "POST /channels/{path} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ));
    peer
}

#[test]
fn who_waits_is_told_when_the_kernel_has_the_message_for_everybody() {
    let relay = Relay::limits(|l| l.history_messages_max = 256);
    let nobody = post(&relay, "a?wait=flush", "", "x");
    assert_eq!((nobody.status, left(&nobody)), (202, [0; 4]));
    let mut sockets = [relay.ws("/channels/a"), meta(&relay, "/channels/a,b")];
    let mut events = relay.connect();
    events.write("GET /channels/a HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n");
    let mut poll = relay.connect();
    poll.write("GET /channels/a HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_until("they listen", || relay.handle.subscribers("a") == Ok(4));
    let answer = post(&relay, "a?wait=flush&timeout=20000", "", "hello");
    assert_eq!((answer.status, left(&answer)), (201, [4, 4, 0, 0]));
    assert_eq!(sockets[0].message(), b"hello");
    assert!(sockets[1].message().ends_with(b"\n\nhello"));
    assert_eq!(poll.answer().body, b"hello");
    let lines = "Content-Type: application/x-ndjson\r\n";
    let answer = post(&relay, "a?wait=flush", lines, "1\n2\n");
    assert_eq!(
        (json(&answer)["published"].as_u64(), left(&answer)),
        (Some(2), [3, 3, 0, 0])
    );
    // A connection that has waited is one like any other.
    let mut publisher = begin(&relay, "a?wait=flush", "one");
    publisher.write("POST /channels/a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\ntwo");
    assert_eq!(left(&publisher.answer()), [3, 3, 0, 0]);
    assert_eq!(publisher.answer().status, 201);
}

#[test]
fn who_waits_in_vain_is_told_so_when_the_time_is_over() {
    let relay = Relay::plain();
    let slow = stalled(&relay, "a");
    let mut quick = relay.ws("/channels/a");
    let answer = post(&relay, "a?wait=flush&timeout=100", "", "x");
    assert_eq!((answer.status, left(&answer)), (201, [2, 1, 1, 0]));
    assert_eq!(quick.message(), b"x");
    // Who leaves is not waited for.
    let mut publisher = begin(&relay, "a?wait=flush&timeout=60000", "y");
    assert_eq!(quick.message(), b"y");
    slow.reset();
    assert_eq!(left(&publisher.answer()), [2, 1, 0, 1]);
    drop((quick, publisher));
    relay.recovers();
}

#[test]
fn a_subscriber_that_takes_up_again_is_waited_for() {
    let relay = Relay::plain();
    let mut slow = stalled(&relay, "a");
    let mut publisher = begin(&relay, "a?wait=flush&timeout=60000", "x");
    wait_until("it is published", || relay.metric("messages_in_total") == 9);
    (0..8).for_each(|_| assert_eq!(slow.message().len(), 1024 * 1024));
    assert_eq!(slow.message(), b"x");
    assert_eq!(left(&publisher.answer()), [1, 1, 0, 0]);
    drop((slow, publisher));
    relay.recovers();
}

#[test]
fn a_publisher_that_goes_while_it_waits_leaves_nothing_behind() {
    let relay = Relay::plain();
    let slow = stalled(&relay, "a");
    let publisher = begin(&relay, "a?wait=flush&timeout=60000", "x");
    wait_until("it is published", || relay.metric("messages_in_total") == 9);
    publisher.reset();
    // Nobody but the subscriber, and who asks.
    wait_until("it is gone", || relay.metric("connections") == 2);
    drop(slow);
    relay.recovers();
}

#[test]
fn a_relay_that_stops_tells_who_waits() {
    let mut relay = Relay::limits(|l| l.drain_ms = 1000);
    let slow = stalled(&relay, "a");
    let mut publisher = begin(&relay, "a?wait=flush&timeout=60000", "x");
    wait_until("it is published", || relay.metric("messages_in_total") == 9);
    relay.handle.stop();
    let answer = publisher.answer();
    assert_eq!(answer.header("connection"), Some("close"));
    assert_eq!(left(&answer)[0], 1);
    assert_eq!(publisher.rest(), End::Eof);
    drop(slow);
    relay.has_stopped();
}

#[test]
fn a_wait_of_another_kind_is_refused_before_anything_is_published() {
    let relay = Relay::plain();
    for query in [
        "wait=",
        "wait=true",
        "wait=flush&timeout=0",
        "wait=flush&timeout=60001",
        "wait=flush&timeout=-1",
        "wait=flush&timeout=5s",
    ] {
        let answer = post(&relay, &format!("a?{query}"), "", "x");
        assert_eq!(answer.status, 400, "{query}");
    }
    assert_eq!(relay.metric("messages_in_total"), 0);
    relay.recovers();
}
