//! One connection of a guest: requests one after another, or a WebSocket.

use std::mem::take;

use crate::client::answers::{self, Answer, KEYS};
use crate::client::frames;
use crate::client::{Milestone, Outbox, Pace};
use crate::kernel::{Got, Kernel, SocketId};
use crate::rng::Rng;

/// The page that a guest says it comes from.
pub const ORIGIN: &str = "http://page.sim";

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// It asks for packets.
    Get,
    /// It brings packets.
    Post,
    /// It is the WebSocket, or is to become it.
    Socket,
    /// A second one where there must be one only.
    Double,
}

/// What came over it.
#[derive(Debug, PartialEq, Eq)]
pub enum Came {
    /// An answer: its status and body.
    Answer(u16, Vec<u8>),
    /// It is a WebSocket now.
    Upgraded,
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
    /// The server's close frame: its code and reason.
    Close(u16, String),
    /// The server ended it, by a reset or not.
    End(bool),
}

/// One connection.
#[derive(Debug)]
pub struct Line {
    /// The kernel's name for it.
    pub socket: SocketId,
    /// What it is for.
    pub duty: Duty,
    /// What it has to send.
    pub outbox: Outbox,
    input: Vec<u8>,
    /// Requests without an answer yet.
    pub asked: u32,
    /// It is a WebSocket.
    pub upgraded: bool,
    /// Which of the keys it asked with.
    key: usize,
    /// A close frame came.
    closed: bool,
    /// We sent one.
    said_goodbye: bool,
    /// The last answer said that no other follows.
    pub last: bool,
    /// It is no more.
    pub over: bool,
}

impl Line {
    /// A fresh connection; `None`: nobody listens.
    pub fn connect(duty: Duty, kernel: &mut Kernel, rng: &mut Rng) -> Option<Line> {
        let addr = std::net::Ipv4Addr::new(10, 0, 1, rng.below(8) as u8);
        let roomy = [100_000, 400_000, 400_000, 1_000_000];
        let window = match rng.chance(150) {
            true => *rng.pick(&[2000, 8000, 30_000]),
            false => *rng.pick(&roomy),
        };
        let socket = kernel.connect(addr.into(), window, window)?;
        kernel.note("guest connects", socket as u64, duty as u64);
        let pace = *rng.pick(&[Pace::Whole, Pace::Whole, Pace::Pieces]);
        Some(Line {
            socket,
            duty,
            outbox: Outbox::new(pace),
            input: Vec::new(),
            asked: 0,
            upgraded: false,
            key: 0,
            closed: false,
            said_goodbye: false,
            last: false,
            over: false,
        })
    }

    /// Sends a request without a body.
    pub fn get(&mut self, target: &str) {
        self.asked += 1;
        let head = format!("GET {target} HTTP/1.1\r\nHost: sim\r\nOrigin: {ORIGIN}\r\n\r\n");
        self.outbox.push(head.as_bytes());
    }

    /// Sends a request with a body.
    pub fn post(&mut self, target: &str, body: &[u8]) {
        self.post_head(target, body.len());
        self.outbox.push(body);
    }

    /// Announces a request with a body.
    pub fn post_head(&mut self, target: &str, len: usize) {
        self.asked += 1;
        let head = format!(
            "POST {target} HTTP/1.1\r\nHost: sim\r\nOrigin: {ORIGIN}\r\n\
             Content-Type: text/plain;charset=UTF-8\r\nContent-Length: {len}\r\n\r\n"
        );
        self.outbox.push(head.as_bytes());
    }

    /// Asks for a WebSocket.
    pub fn upgrade(&mut self, target: &str, rng: &mut Rng) {
        self.asked += 1;
        self.key = rng.below(KEYS.len() as u64) as usize;
        let offer = *rng.pick(&["", "Sec-WebSocket-Extensions: permessage-deflate\r\n"]);
        let head = format!(
            "GET {target} HTTP/1.1\r\nHost: sim\r\nOrigin: {ORIGIN}\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {}\r\n{offer}\r\n",
            KEYS[self.key].0
        );
        self.outbox.push(head.as_bytes());
    }

    /// Sends a message over the WebSocket, sometimes in two frames.
    pub fn say(&mut self, text: bool, payload: &[u8], rng: &mut Rng) {
        let opcode = if text { frames::TEXT } else { frames::BINARY };
        let key = (rng.bits() as u32).to_le_bytes();
        let mut out = Vec::with_capacity(payload.len() + 32);
        if rng.chance(100) {
            let (first, rest) = payload.split_at(rng.between(0, payload.len()));
            frames::append(&mut out, opcode, first, key);
            frames::append(&mut out, 0x80 | frames::CONTINUATION, rest, key);
        } else {
            frames::append(&mut out, 0x80 | opcode, payload, key);
        }
        self.outbox.push(&out);
    }

    /// Begins to close the WebSocket, or answers that.
    pub fn say_goodbye(&mut self) {
        if !std::mem::replace(&mut self.said_goodbye, true) {
            let mut out = Vec::new();
            frames::append(
                &mut out,
                0x80 | frames::CLOSE,
                &1000u16.to_be_bytes(),
                [5, 6, 7, 8],
            );
            self.outbox.push(&out);
        }
    }

    /// Whether it can take a request.
    pub fn is_idle(&self) -> bool {
        self.asked == 0 && self.outbox.is_empty() && !self.over && !self.last
    }

    /// Lets go of it.
    pub fn drop_it(&mut self, kernel: &mut Kernel, reset: bool) {
        if !std::mem::replace(&mut self.over, true) {
            kernel.note("guest lets go", self.socket as u64, u64::from(reset));
            match reset {
                true => kernel.client_reset(self.socket),
                false => kernel.client_close(self.socket),
            }
            self.outbox.clear();
            self.input = Vec::new();
        }
    }

    /// Whether it has anything to do now.
    pub fn busy(&self, kernel: &Kernel, reads: bool) -> bool {
        if self.over {
            return false;
        }
        let s = kernel.socket(self.socket);
        let can_send = !self.outbox.is_empty() && (s.up.room() > 0 || s.server_closed);
        let can_read = !s.down.is_empty() || s.down.ended || s.server_reset;
        can_send || (can_read && reads)
    }

    /// Sends what can be sent: what is true since.
    pub fn write(&mut self, kernel: &mut Kernel, rng: &mut Rng) -> Vec<Milestone> {
        if self.over {
            return Vec::new();
        }
        let n = self.outbox.put(kernel, self.socket, rng);
        if n > 0 {
            kernel.note("  guest sent", self.socket as u64, n as u64);
        }
        std::iter::from_fn(|| self.outbox.reached()).collect()
    }

    /// Reads what has come.
    pub fn read(&mut self, kernel: &mut Kernel, rng: &mut Rng) -> Result<Vec<Came>, String> {
        if self.over {
            return Ok(Vec::new());
        }
        let top = 1 << rng.between(6, 18);
        match kernel.client_recv(self.socket, &mut self.input, rng.between(1, top)) {
            Got::Bytes(n) => {
                kernel.note("  guest read", self.socket as u64, n as u64);
                self.take_all()
            }
            Got::Nothing => Ok(Vec::new()),
            Got::End if !self.input.is_empty() => Err(format!(
                "a connection ends inside a frame or answer: {} bytes of it",
                self.input.len()
            )),
            end => {
                kernel.note("  guest sees the end", self.socket as u64, 0);
                self.drop_it(kernel, false);
                Ok(vec![Came::End(end == Got::Reset)])
            }
        }
    }

    fn take_all(&mut self) -> Result<Vec<Came>, String> {
        let (input, mut at, mut all) = (take(&mut self.input), 0, Vec::new());
        while at < input.len() {
            let taken = match self.upgraded {
                true => self.frame(&input[at..])?,
                false => self.answer(&input[at..])?,
            };
            let Some((n, came)) = taken else { break };
            at += n;
            all.extend(came);
        }
        self.input = input[at..].to_vec();
        Ok(all)
    }

    fn answer(&mut self, input: &[u8]) -> Result<Option<(usize, Option<Came>)>, String> {
        let Some((n, answer)) = answers::read(input)? else {
            return Ok(None);
        };
        if self.last {
            return Err(format!("{:?} to nothing asked", answer.lines[0]));
        }
        self.last = answer.closes() && answer.status != 101;
        // Who could not be taken in at all is told so before it has asked.
        let short = matches!(answer.status, 408 | 429 | 503);
        self.asked = match self.asked.checked_sub(1) {
            Some(left) => left,
            None if short => 0,
            None => return Err(format!("{:?} to nothing asked", answer.lines[0])),
        };
        if answer.status == 101 {
            upgrade_is_right(&answer, self.key)?;
            self.upgraded = true;
            return Ok(Some((n, Some(Came::Upgraded))));
        }
        if !short {
            allows_the_page(&answer)?;
        }
        let came = Came::Answer(answer.status, answer.body.to_vec());
        Ok(Some((n, Some(came))))
    }

    fn frame(&mut self, input: &[u8]) -> Result<Option<(usize, Option<Came>)>, String> {
        let Some((n, frame)) = frames::read(input, false)? else {
            return Ok(None);
        };
        if self.closed {
            return Err(format!("after the close frame: {frame:.100?}"));
        }
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|e| e.to_string());
        let came = match (frame.opcode, frame.payload) {
            _ if !frame.fin => return Err("a message in parts".into()),
            (frames::TEXT, payload) => Came::Text(text(payload)?),
            (frames::BINARY, payload) => Came::Binary(payload.to_vec()),
            (frames::CLOSE, payload) => {
                self.closed = true;
                self.say_goodbye();
                match payload {
                    [] => Came::Close(1005, String::new()),
                    [a, b, why @ ..] => Came::Close(u16::from_be_bytes([*a, *b]), text(why)?),
                    _ => return Err("a close frame of one byte".into()),
                }
            }
            (opcode, _) => return Err(format!("a frame of opcode {opcode}")),
        };
        Ok(Some((n, Some(came))))
    }
}

fn upgrade_is_right(answer: &Answer<'_>, key: usize) -> Result<(), String> {
    let accept = answer.header("sec-websocket-accept");
    let plain = answer.header("sec-websocket-extensions").is_none();
    match accept == Some(KEYS[key].1) && plain {
        true => Ok(()),
        false => Err(format!("an upgrade: {:?}", answer.lines)),
    }
}

/// Pages of other origins may read every answer, with credentials.
fn allows_the_page(answer: &Answer<'_>) -> Result<(), String> {
    let origin = answer.header("access-control-allow-origin");
    let credentials = answer.header("access-control-allow-credentials");
    match origin == Some(ORIGIN) && credentials == Some("true") {
        true => Ok(()),
        false => Err(format!("no page may read this: {:?}", answer.lines)),
    }
}
