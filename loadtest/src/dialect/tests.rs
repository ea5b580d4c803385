//! Sessions against servers that are played word by word.

mod listening;

use std::rc::Rc;

use clap::Parser;

use super::*;
use crate::codec::{self, Opcode};
use crate::payload::Maker;

#[derive(Debug, Parser)]
struct Words {
    #[command(flatten)]
    dialect: DialectOptions,
}

/// The options of these words; `_` stands for a space.
fn options(words: &str) -> DialectOptions {
    let words = words.split_whitespace().map(|w| w.replace('_', " "));
    let words = std::iter::once("x".to_owned()).chain(words);
    Words::parse_from(words).dialect
}

fn endpoints(words: &str) -> Result<Endpoints, String> {
    options(words).endpoints(Url::parse("ws://127.0.0.1:9/").unwrap())
}

/// One session and what it has sent and heard.
struct Talk {
    session: Session,
    random: Random,
    out: Vec<u8>,
    heard: Vec<(bool, Vec<u8>)>,
    gaps: Vec<Option<u64>>,
}

impl Talk {
    /// A session that has not begun.
    fn after(endpoint: &Rc<Endpoint>, after: Option<Position>) -> Talk {
        Talk {
            session: Session::new(endpoint, after),
            random: Random::new(1),
            out: Vec::new(),
            heard: Vec::new(),
            gaps: Vec::new(),
        }
    }

    /// A session with the request answered.
    fn new(endpoint: &Rc<Endpoint>) -> Talk {
        let mut talk = Talk::after(endpoint, None);
        let mut wire = Wire {
            out: &mut talk.out,
            random: &mut talk.random,
        };
        talk.session.begin(&mut wire);
        let request = String::from_utf8(std::mem::take(&mut talk.out)).unwrap();
        if let Some((_, key)) = request.split_once("Sec-WebSocket-Key: ") {
            let accept = handshake::accept(key.split_once("\r\n").unwrap().0);
            let answer = format!(
                "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
            );
            talk.bytes(answer.as_bytes()).unwrap();
        }
        talk
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), Ended> {
        let mut wire = Wire {
            out: &mut self.out,
            random: &mut self.random,
        };
        let (heard, gaps) = (&mut self.heard, &mut self.gaps);
        let mut hear = |told: Heard<'_>| match told {
            Heard::Payload { odd, bytes } => heard.push((odd, bytes.to_vec())),
            Heard::Gap(missed) => gaps.push(missed),
        };
        self.session.take(bytes, &mut wire, &mut hear)
    }

    fn server_says(&mut self, opcode: Opcode, message: &[u8]) -> Result<(), Ended> {
        let mut frame = Vec::new();
        codec::encode_header(&mut frame, opcode, message.len(), false);
        frame.extend_from_slice(message);
        self.bytes(&frame)
    }

    fn text(&mut self, message: &str) -> Result<(), Ended> {
        self.server_says(Opcode::Text, message.as_bytes())
    }

    fn publish(&mut self, payload: &[u8]) {
        let mut wire = Wire {
            out: &mut self.out,
            random: &mut self.random,
        };
        self.session.publish(payload, &mut wire);
    }

    /// What was sent since: opcodes and payloads of frames of up to 125 bytes, or of 16 bits.
    fn sent(&mut self) -> Vec<(u8, Vec<u8>)> {
        let out = std::mem::take(&mut self.out);
        let (mut rest, mut frames) = (&out[..], Vec::new());
        while let [first, second, ..] = rest {
            let (at, n) = match second & 0x7f {
                126 => (4, usize::from(u16::from_be_bytes([rest[2], rest[3]]))),
                n => (2, usize::from(n)),
            };
            let key = *rest[at..].first_chunk().unwrap();
            let mut payload = rest[at + 4..at + 4 + n].to_vec();
            codec::mask(&mut payload, key);
            frames.push((first & 15, payload));
            rest = &rest[at + 4 + n..];
        }
        frames
    }

    fn heard(&mut self) -> Vec<(bool, Vec<u8>)> {
        std::mem::take(&mut self.heard)
    }
}

fn payload(form: Form) -> Vec<u8> {
    Maker::of(form, 1, 150, 2).make(3, 4, 5).to_vec()
}

#[test]
fn raw_payloads_in_each_form_and_of_the_wrong_kind() {
    for (words, opcode, other) in [
        ("", Opcode::Binary, Opcode::Text),
        ("--payload text", Opcode::Text, Opcode::Binary),
        ("--payload json", Opcode::Text, Opcode::Binary),
    ] {
        let form = options(words).form();
        let mut talk = Talk::new(&endpoints(words).unwrap().listen);
        assert!(talk.session.is_open());
        let payload = match form {
            // Text that is no payload is handed on all the same: it is for the proof to judge.
            Form::Binary => b"hello".to_vec(),
            form => payload(form),
        };
        talk.publish(&payload);
        assert_eq!(talk.sent(), [(opcode as u8, payload.clone())]);
        talk.server_says(opcode, &payload).unwrap();
        talk.server_says(other, &payload).unwrap();
        assert_eq!(talk.heard(), [(false, payload.clone()), (true, payload)]);
    }
}

#[test]
fn a_subscribe_frame_its_answer_and_payloads_in_their_wrapping() {
    let words = "--dialect subscribe --subscribe {\"join\":\"a\"} --subscribed \"ok\" \
        --publish-template {\"to\":\"a\",\"data\":\"{payload}\"}";
    let mut talk = Talk::new(&endpoints(words).unwrap().listen);
    assert!(!talk.session.is_open());
    assert_eq!(talk.sent(), [(1, b"{\"join\":\"a\"}".to_vec())]);
    talk.text("{\"hello\":true}").unwrap();
    assert!(!talk.session.is_open());
    talk.text("{\"result\":\"ok\"}").unwrap();
    assert!(talk.session.is_open());

    let payload = payload(Form::Text);
    talk.publish(&payload);
    let text = String::from_utf8(payload.clone()).unwrap();
    let whole = format!("{{\"to\":\"a\",\"data\":\"{text}\"}}");
    assert_eq!(talk.sent(), [(1, whole.into_bytes())]);
    talk.text(&format!("{{\"from\":7,\"data\":\"{text}\"}}"))
        .unwrap();
    talk.text("{\"presence\":12}").unwrap();
    assert_eq!(talk.heard(), [(false, payload)]);
}

#[test]
fn socket_io_from_the_first_packet_to_the_last() {
    for (words, prefix) in [("", ""), ("--namespace room", "/room,")] {
        let words = format!("--dialect socketio --subscribe 42[\"join\"] {words}");
        let endpoint = endpoints(&words).unwrap().listen;
        assert_eq!(endpoint.url.path, "/socket.io/?EIO=4&transport=websocket");
        let mut talk = Talk::new(&endpoint);
        talk.text("0{\"sid\":\"a\",\"pingInterval\":25000}")
            .unwrap();
        assert_eq!(talk.sent(), [(1, format!("40{prefix}").into_bytes())]);
        assert!(!talk.session.is_open());
        talk.text(&format!("40{prefix}{{\"sid\":\"b\"}}")).unwrap();
        assert!(talk.session.is_open());
        assert_eq!(talk.sent(), [(1, b"42[\"join\"]".to_vec())]);
        talk.text("2").unwrap();
        assert_eq!(talk.sent(), [(1, b"3".to_vec())]);

        let payload = payload(Form::Text);
        talk.publish(&payload);
        let text = String::from_utf8(payload.clone()).unwrap();
        let event = format!("42{prefix}[\"message\",\"{text}\"]");
        assert_eq!(talk.sent(), [(1, event.clone().into_bytes())]);
        talk.text(&event).unwrap();
        talk.text(&format!("42{prefix}[\"news\",\"{text}\"]"))
            .unwrap();
        assert_eq!(talk.heard(), [(false, payload)]);
        // An event of ours that carries something else is for the proof to judge.
        talk.text(&format!("42{prefix}[\"message\",1]")).unwrap();
        assert_eq!(talk.heard(), [(false, b"1".to_vec())]);
        let gone = Ended::Cut("Socket.IO disconnect".to_owned());
        assert_eq!(talk.text(&format!("41{prefix}")), Err(gone));
    }
}

#[test]
fn socket_io_with_bytes_and_with_documents() {
    let words = "--dialect socketio --payload binary";
    let mut talk = Talk::new(&endpoints(words).unwrap().listen);
    let event = b"451-[\"message\",{\"_placeholder\":true,\"num\":0}]";
    talk.publish(b"abc");
    assert_eq!(talk.sent(), [(1, event.to_vec()), (2, b"abc".to_vec())]);
    talk.server_says(Opcode::Binary, b"of some other event")
        .unwrap();
    talk.server_says(Opcode::Text, event).unwrap();
    talk.server_says(Opcode::Binary, b"def").unwrap();
    assert_eq!(talk.heard(), [(false, b"def".to_vec())]);
    talk.text("42[\"message\",\"text\"]").unwrap();
    assert_eq!(talk.heard(), [(true, b"text".to_vec())]);

    let mut talk = Talk::new(
        &endpoints("--dialect socketio --payload json")
            .unwrap()
            .listen,
    );
    let payload = payload(Form::Json);
    talk.publish(&payload);
    let (_, event) = talk.sent().remove(0);
    talk.server_says(Opcode::Text, &event).unwrap();
    assert_eq!(talk.heard(), [(false, payload)]);
}

#[test]
fn socket_io_that_is_refused() {
    let mut talk = Talk::new(&endpoints("--dialect socketio").unwrap().listen);
    talk.text("0{}").unwrap();
    let Err(Ended::Refused(why)) = talk.text("44{\"message\":\"no room\"}") else {
        panic!("it is refused");
    };
    assert!(why.contains("no room"), "{why}");
}

#[test]
fn publishing_by_post() {
    let words = "--dialect nchan --publish-url http://127.0.0.1:9/pub/a";
    let publish = endpoints(words).unwrap().publish.unwrap();
    let mut talk = Talk::new(&publish);
    assert!(talk.session.is_open() && talk.out.is_empty());
    talk.publish(b"abc");
    talk.publish(b"de");
    let sent = String::from_utf8(std::mem::take(&mut talk.out)).unwrap();
    let head = |n| {
        format!(
            "POST /pub/a HTTP/1.1\r\nHost: 127.0.0.1:9\r\nContent-Type: application/octet-stream\r\nContent-Length: {n}\r\n\r\n"
        )
    };
    assert_eq!(sent, format!("{}abc{}de", head(3), head(2)));
    let created = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok";
    talk.bytes(created).unwrap();
    let refused = Ended::Rejected("a POST was answered 413 Too Big".to_owned());
    let answer = b"HTTP/1.1 413 Too Big\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(talk.bytes(answer), Err(refused));

    let mut talk = Talk::new(&publish);
    let Err(Ended::Rejected(why)) = talk.bytes(created) else {
        panic!("nobody asked");
    };
    assert!(why.contains("nobody asked"), "{why}");
    let mut talk = Talk::new(&publish);
    talk.publish(b"abc");
    let last = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    assert!(matches!(talk.bytes(last), Err(Ended::Cut(_))));
}

#[test]
fn who_publishes_elsewhere_hears_nothing() {
    let words = "--publish-url ws://127.0.0.1:0/pub";
    let ends = endpoints(words).unwrap();
    assert!(!options(words).talk().publishers_listen);
    let publish = ends.publish.unwrap();
    assert_eq!(publish.url.address.port(), 9);
    let mut talk = Talk::new(&publish);
    talk.server_says(Opcode::Text, b"queued messages: 1")
        .unwrap();
    talk.server_says(Opcode::Binary, b"abc").unwrap();
    assert!(talk.heard().is_empty());
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (words, text) in [
        ("--subscribe x", "--dialect subscribe or socketio"),
        ("--dialect subscribe", "needs --subscribe"),
        ("--dialect nchan", "needs --publish-url"),
        ("--event x", "--dialect socketio"),
        (
            "--dialect subscribe --subscribe x --publish-template x",
            "does not hold {payload}",
        ),
        (
            "--dialect subscribe --subscribe x --publish-template {payload} --payload binary",
            "--payload text or json",
        ),
        (
            "--dialect socketio --publish-url http://127.0.0.1/",
            "no POST",
        ),
        ("--publish-url ftp://127.0.0.1/", "expected ws://"),
        (
            "--dialect sse --deflate",
            "--deflate needs --dialect raw or",
        ),
        ("--dialect poll --payload binary", "text or json"),
        ("--dialect sse --subscribe x", "--subscribe needs"),
    ] {
        let error = endpoints(words).unwrap_err();
        assert!(error.contains(text), "{words}: {error}");
    }
    assert!(
        options("--payload json")
            .fits(81)
            .unwrap_err()
            .contains("82 bytes")
    );
    assert_eq!(options("--payload json").fits(82), Ok(()));
}
