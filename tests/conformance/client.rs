//! A client of either transport: packets out, packets in, as text with their type in front.

use std::collections::VecDeque;

use crate::support::{Answer, BINARY, End, Peer, Relay, TEXT};

/// What arrives: a packet of text with its type, or bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    Text(String),
    Bytes(Vec<u8>),
}

impl From<&str> for Heard {
    fn from(text: &str) -> Heard {
        Heard::Text(text.to_owned())
    }
}

impl From<&[u8]> for Heard {
    fn from(bytes: &[u8]) -> Heard {
        Heard::Bytes(bytes.to_vec())
    }
}

/// The target of a request for a session, or for a new one.
pub fn target(path: &str, transport: &str, sid: &str) -> String {
    let sid = if sid.is_empty() {
        String::new()
    } else {
        format!("&sid={sid}")
    };
    format!("{path}?EIO=4&transport={transport}{sid}")
}

/// A GET that has been sent, and not answered yet.
pub fn asked(relay: &Relay, target: &str) -> Peer {
    let mut peer = relay.connect();
    peer.write(format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"));
    peer
}

pub fn get(relay: &Relay, target: &str) -> Answer {
    asked(relay, target).answer()
}

/// A POST whose body has been sent as far as `sent` goes.
pub fn posted(relay: &Relay, target: &str, len: usize, sent: &str) -> Peer {
    let mut peer = relay.connect();
    peer.write(format!(
        "POST {target} HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain;charset=UTF-8\r\nContent-Length: {len}\r\n\r\n{sent}"
    ));
    peer
}

pub fn post(relay: &Relay, target: &str, body: &str) -> Answer {
    posted(relay, target, body.len(), body).answer()
}

pub fn body(answer: &Answer) -> &str {
    std::str::from_utf8(&answer.body).expect("a payload is text")
}

/// A string out of flat JSON that comes from the server.
pub fn member<'j>(json: &'j str, key: &str) -> &'j str {
    let (_, rest) = json.split_once(&format!("\"{key}\":\"")).expect(json);
    rest.split_once('"').expect(json).0
}

/// A session by polling.
pub struct Polling<'r> {
    relay: &'r Relay,
    pub sid: String,
    pub target: String,
    waiting: VecDeque<Heard>,
}

impl<'r> Polling<'r> {
    pub fn open(relay: &'r Relay, path: &str) -> Polling<'r> {
        let opened = get(relay, &target(path, "polling", ""));
        assert_eq!(opened.status, 200, "{opened:?}");
        let sid = member(body(&opened), "sid").to_owned();
        Polling {
            relay,
            target: target(path, "polling", &sid),
            sid,
            waiting: VecDeque::new(),
        }
    }

    /// The WebSocket to the same session.
    pub fn beside(&self, path: &str) -> Peer {
        self.relay.ws(&target(path, "websocket", &self.sid))
    }

    pub fn get(&self) -> Answer {
        get(self.relay, &self.target)
    }

    pub fn asked(&self) -> Peer {
        asked(self.relay, &self.target)
    }

    pub fn post(&self, body: &str) -> Answer {
        post(self.relay, &self.target, body)
    }

    /// Posts what is taken.
    pub fn say(&self, payload: &str) {
        let answer = self.post(payload);
        assert_eq!((answer.status, body(&answer)), (200, "ok"), "{payload:?}");
    }

    /// The payload of the next answer.
    pub fn poll(&self) -> String {
        let answer = self.get();
        assert_eq!(answer.status, 200, "{answer:?}");
        body(&answer).to_owned()
    }

    /// Whether the session is over: its id means nothing any more.
    pub fn is_gone(&self) {
        let answer = self.get();
        assert_eq!((answer.status, body(&answer)), (400, UNKNOWN));
    }

    /// Whether the session has ended: the next poll may be told so.
    pub fn is_ended(&self) {
        let answer = self.get();
        match answer.status {
            200 => assert_eq!(body(&answer), "1"),
            _ => assert_eq!((answer.status, body(&answer)), (400, UNKNOWN)),
        }
        self.is_gone();
    }

    fn hear(&mut self) -> Heard {
        while self.waiting.is_empty() {
            let payload = self.poll();
            self.waiting.extend(payload.split('\x1e').map(packet));
        }
        self.waiting.pop_front().expect("a packet")
    }
}

/// What is said of an id that means nothing.
pub const UNKNOWN: &str = r#"{"code":1,"message":"Session ID unknown"}"#;

/// A packet of a payload.
fn packet(text: &str) -> Heard {
    match text.strip_prefix('b') {
        Some(base64) => Heard::Bytes(decoded(base64)),
        None => text.into(),
    }
}

/// Bytes out of base64 with its padding.
fn decoded(base64: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let value = |c: u8| DIGITS.iter().position(|&d| d == c).expect("a digit") as u32;
    let mut out = Vec::new();
    for group in base64.as_bytes().chunks(4) {
        let digits = group.iter().filter(|&&c| c != b'=');
        let kept = digits.clone().count() - 1;
        let bits = digits.fold(0, |bits, &c| bits << 6 | value(c)) << (6 * (3 - kept));
        out.extend_from_slice(&bits.to_be_bytes()[1..=kept]);
    }
    out
}

/// A session over WebSocket that is open: its first packet has been read.
pub fn websocket(relay: &Relay, path: &str) -> Peer {
    let mut peer = relay.ws(&target(path, "websocket", ""));
    let Heard::Text(open) = heard(&mut peer) else {
        panic!("bytes")
    };
    assert!(open.starts_with("0{"), "{open}");
    peer
}

/// The next packet over WebSocket; a frame holds one.
pub fn heard(peer: &mut Peer) -> Heard {
    let frame = peer
        .frame()
        .unwrap_or_else(|end| panic!("{end:?} instead of a packet"));
    match frame.first {
        TEXT => Heard::Text(String::from_utf8(frame.payload).expect("text is UTF-8")),
        BINARY => Heard::Bytes(frame.payload),
        other => panic!("a frame that begins with {other:#x}"),
    }
}

/// A client by either transport.
pub enum Client<'r> {
    Polling(Polling<'r>),
    WebSocket(Peer),
}

impl<'r> Client<'r> {
    /// One for each transport, at the application's path for Socket.IO.
    pub fn each(relay: &'r Relay) -> [Client<'r>; 2] {
        [
            Client::Polling(Polling::open(relay, SOCKET_IO)),
            Client::WebSocket(websocket(relay, SOCKET_IO)),
        ]
    }

    /// Packets of text, sent together where the transport can.
    pub fn say(&mut self, packets: &[&str]) {
        match self {
            Client::Polling(polling) => polling.say(&packets.join("\x1e")),
            Client::WebSocket(peer) => packets.iter().for_each(|p| peer.send(TEXT, p.as_bytes())),
        }
    }

    /// A packet of text, and its bytes behind it (for polls in base64: `b` and the digits).
    pub fn say_with(&mut self, text: &str, attachments: &[(&[u8], &str)]) {
        match self {
            Client::Polling(polling) => {
                let digits = attachments.iter().map(|(_, base64)| *base64);
                let packets: Vec<&str> = std::iter::once(text).chain(digits).collect();
                polling.say(&packets.join("\x1e"));
            }
            Client::WebSocket(peer) => {
                peer.send(TEXT, text.as_bytes());
                attachments
                    .iter()
                    .for_each(|(bytes, _)| peer.send(BINARY, bytes));
            }
        }
    }

    pub fn hear(&mut self) -> Heard {
        match self {
            Client::Polling(polling) => polling.hear(),
            Client::WebSocket(peer) => heard(peer),
        }
    }

    pub fn hears(&mut self, packet: &str) {
        assert_eq!(self.hear(), packet.into());
    }

    /// Connects to a namespace; its reply and what the application says then are read. The socket's id.
    pub fn enter(&mut self, connect: &str, reply: &str, auth: &str) -> String {
        self.say(&[connect]);
        let Heard::Text(text) = self.hear() else {
            panic!("bytes")
        };
        let json = text.strip_prefix(reply).unwrap_or_else(|| panic!("{text}"));
        let sid = member(json, "sid").to_owned();
        assert_eq!(
            json,
            format!("{{\"sid\":\"{sid}\"}}"),
            "this key and no other"
        );
        self.hears(auth);
        sid
    }

    /// Is in the main namespace when this returns.
    pub fn entered(mut self) -> Client<'r> {
        self.enter("40", "40", r#"42["auth",{}]"#);
        self
    }

    /// Says something that ends the session.
    pub fn ends_by(mut self, packets: &[&str]) {
        match &mut self {
            Client::Polling(polling) => {
                polling.post(&packets.join("\x1e"));
                polling.is_ended();
            }
            Client::WebSocket(peer) => {
                // It may be closed while the last of them are written.
                for packet in packets {
                    peer.try_write(crate::support::frame(TEXT, packet.as_bytes()));
                }
                assert!(matches!(peer.end(), End::Close(_)), "{packets:?}");
            }
        }
    }
}

pub const SOCKET_IO: &str = "/socket.io/";
pub const ENGINE_IO: &str = "/engine.io/";
