//! Dialects against servers that speak them, right and wrong once: Socket.IO, a subscribe frame with
//! wrapped payloads, publishing by POST.

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use common::{Ran, run};
use tungstenite::Message;

/// What goes wrong, with one delivery to the first connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    Drop,
    Twice,
    /// A letter of the payload is another.
    Corrupt,
}

/// All who listen.
struct Room {
    members: Vec<TcpStream>,
    fault: Fault,
    /// Messages before the fault.
    countdown: u32,
}

impl Room {
    fn tell(&mut self, but: Option<usize>, text: &str) {
        for (i, member) in self.members.iter_mut().enumerate() {
            if Some(i) == but {
                continue;
            }
            let mut times = 1;
            let mut text = text.to_owned();
            if i == 0 {
                let due = self.countdown == 0;
                self.countdown = self.countdown.saturating_sub(1);
                match if due {
                    std::mem::replace(&mut self.fault, Fault::None)
                } else {
                    Fault::None
                } {
                    Fault::None => {}
                    Fault::Drop => times = 0,
                    Fault::Twice => times = 2,
                    Fault::Corrupt => {
                        let at = text.find("lw1:").unwrap() + 50;
                        let other = if &text[at..=at] == "x" { "y" } else { "x" };
                        text.replace_range(at..=at, other);
                    }
                }
            }
            for _ in 0..times {
                let head = [0x81, 126, (text.len() >> 8) as u8, text.len() as u8];
                let _ = member.write_all(&[&head, text.as_bytes()].concat());
            }
        }
    }
}

/// Serves `one` on a thread for each connection; returns the address.
fn serve(fault: Fault, one: fn(TcpStream, &Mutex<Room>)) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let room = Arc::new(Mutex::new(Room {
        members: Vec::new(),
        fault,
        countdown: 10,
    }));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, room) = (stream.unwrap(), room.clone());
            stream.set_nodelay(true).unwrap();
            std::thread::spawn(move || one(stream, &room));
        }
    });
    address
}

fn join(room: &Mutex<Room>, stream: &TcpStream) -> usize {
    let mut room = room.lock().unwrap();
    room.members.push(stream.try_clone().unwrap());
    room.members.len() - 1
}

fn socket_io(stream: TcpStream, room: &Mutex<Room>) {
    let mut socket = tungstenite::accept(stream).unwrap();
    socket
        .send(Message::text("0{\"sid\":\"a\",\"pingInterval\":300}"))
        .unwrap();
    let mut me = None;
    while let Ok(message) = socket.read() {
        let Ok(text) = message.to_text() else { return };
        match (text, me) {
            ("40", None) => {
                socket.send(Message::text("40{\"sid\":\"b\"}")).unwrap();
                socket.send(Message::text("2")).unwrap();
            }
            // Only who answers the ping is in.
            ("3", None) => me = Some(join(room, socket.get_ref())),
            (event, Some(me)) if event.starts_with("42") => {
                room.lock().unwrap().tell(Some(me), event);
            }
            _ => return,
        }
    }
}

fn wrapped(stream: TcpStream, room: &Mutex<Room>) {
    let mut socket = tungstenite::accept(stream).unwrap();
    let mut me = None;
    while let Ok(message) = socket.read() {
        let Ok(text) = message.to_text() else { return };
        let Ok(value) = serde_json::from_str::<serde_json::Value>(text) else {
            return;
        };
        if value["join"] == "a" {
            socket.send(Message::text("{\"members\":3}")).unwrap();
            me = Some(join(room, socket.get_ref()));
            socket.send(Message::text("{\"joined\":\"a\"}")).unwrap();
        } else if value["to"] == "a" {
            let text = format!("{{\"from\":\"b\", \"data\":{}}}", value["data"]);
            room.lock().unwrap().tell(me, &text);
        }
    }
}

/// WebSockets listen, POSTs publish.
fn posted(stream: TcpStream, room: &Mutex<Room>) {
    let mut first = [0; 4];
    while stream.peek(&mut first).unwrap() < 4 {}
    if &first == b"GET " {
        let mut socket = tungstenite::accept(stream).unwrap();
        join(room, socket.get_ref());
        while socket.read().is_ok() {}
        return;
    }
    let mut input = BufReader::new(stream.try_clone().unwrap());
    let mut output = stream;
    loop {
        let (mut length, mut known) = (0, true);
        loop {
            let mut line = String::new();
            if input.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            known &= !line.starts_with("POST ") || line.starts_with("POST /pub");
            if let Some(value) = line.strip_prefix("Content-Length: ") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        input.read_exact(&mut body).unwrap();
        let answer: &[u8] = match length {
            _ if !known => b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
            300 => {
                b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
            }
            _ => b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n",
        };
        room.lock()
            .unwrap()
            .tell(None, std::str::from_utf8(&body).unwrap());
        if output.write_all(answer).is_err() {
            return;
        }
    }
}

const LOAD: &str = "--subscribers 3 --publishers 2 --rate 100 --in-flight 1 --grace 500ms \
    --allow-saturated --late 60s --warmup 100ms --duration 400ms";

fn fanout(address: &str, words: &str) -> Ran {
    run(&format!("fanout --url ws://{address}/ {LOAD} {words}"))
}

const FAULTS: [(Fault, [u64; 6]); 4] = [
    (Fault::None, [0; 6]),
    (Fault::Drop, [1, 0, 0, 0, 0, 0]),
    (Fault::Twice, [0, 1, 0, 0, 0, 0]),
    (Fault::Corrupt, [1, 0, 0, 1, 0, 0]),
];

fn each_fault(one: fn(TcpStream, &Mutex<Room>), words: impl Fn(&str) -> String, receivers: f64) {
    for (fault, expected) in FAULTS {
        let address = serve(fault, one);
        let ran = fanout(&address, &words(&address));
        assert_eq!(
            (ran.code, ran.faults()),
            (i32::from(fault != Fault::None), expected),
            "{fault:?} {:#} {}",
            ran.report,
            ran.stderr
        );
        // 50 messages, and each publisher that listens gets those of the other.
        assert_eq!(ran.number("/verdict/expected"), 50.0 * receivers);
    }
}

#[test]
fn socket_io_reports_each_fault() {
    each_fault(
        socket_io,
        |_| "--dialect socketio --size 300".to_owned(),
        4.0,
    );
    each_fault(
        socket_io,
        |_| "--dialect socketio --size 300 --payload json".to_owned(),
        4.0,
    );
}

#[test]
fn wrapped_payloads_report_each_fault() {
    let words = "--dialect subscribe --subscribe {\"join\":\"a\"} --subscribed joined --size 300";
    let text = "--publish-template {\"to\":\"a\",\"data\":\"{payload}\"}";
    each_fault(wrapped, |_| format!("{words} {text}"), 4.0);
    let json = "--publish-template {\"to\":\"a\",\"data\":{payload}} --payload json";
    each_fault(wrapped, |_| format!("{words} {json}"), 4.0);
}

#[test]
fn posts_report_each_fault() {
    let words = |address: &str| {
        format!("--dialect nchan --publish-url http://{address}/pub --size 300 --payload text")
    };
    each_fault(posted, words, 3.0);
}

#[test]
fn channels_of_a_file_have_their_own_places_to_publish() {
    let file = std::env::temp_dir().join(format!("loadtest-mixed-{}.toml", std::process::id()));
    let group = "[[group]]\nname = 'a'\npath = '/sub/a'\nsubscribers = 3\nsize = 300\nrate = 100\n";
    let mixed = |more: &str, words: &str| {
        std::fs::write(&file, format!("{group}{more}")).unwrap();
        let address = serve(Fault::None, posted);
        run(&format!(
            "mixed --url ws://{address}/ --file {} {words} --publish-url http://{address}/other --payload text \
             --in-flight 1 --allow-saturated --late 60s --warmup 100ms --duration 400ms",
            file.display()
        ))
    };
    let ran = mixed("publish_path = '/pub/a'", "--dialect nchan");
    assert_eq!(
        (ran.code, ran.faults()),
        (0, [0; 6]),
        "{:#} {}",
        ran.report,
        ran.stderr
    );
    assert_eq!(ran.number("/verdict/delivered"), 150.0);
    let ran = mixed("", "--dialect nchan");
    assert!(
        ran.stderr.contains("needs its publish_path"),
        "{}",
        ran.stderr
    );
    let ran = mixed("", "--dialect socketio");
    assert!(ran.stderr.contains("namespaces"), "{}", ran.stderr);
    let _ = std::fs::remove_file(&file);
}

#[test]
fn a_refused_post_ends_its_publisher() {
    let address = serve(Fault::None, posted);
    let ran = fanout(
        &address,
        &format!("--publish-url http://{address}/pub --size 301 --payload text"),
    );
    assert_eq!(ran.code, 1, "{:#}", ran.report);
    let why = "publishing failed: a POST was answered 413 Too Large";
    assert_eq!(ran.report["verdict"]["ended"][why], 2, "{:#}", ran.report);
}

#[test]
fn a_server_without_the_dialect_is_named() {
    let address = serve(Fault::None, wrapped);
    let ran = fanout(&address, "--dialect socketio --timeout 1s");
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr.contains("only 0 of 5 connections opened"),
        "{}",
        ran.stderr
    );
}
