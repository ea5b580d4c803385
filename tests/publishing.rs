//! What one POST can publish: several messages in one body.

#[path = "faults/support.rs"]
mod support;

use serde_json::Value;
use support::{Answer, BINARY, Peer, Relay, TEXT, upgrade};

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
