//! One connection: connecting, shaking hands, open, ended.

use std::io::{self, Read, Write};
use std::time::Instant;

use mio::event::Event as Readiness;
use mio::net::TcpStream;

use super::{Ended, Opened, Shared, Sink};
use crate::codec::{self, Decoder, Event, Opcode};
use crate::handshake;

/// Reads of one connection in one turn; then the others have theirs.
const READS_PER_TURN: usize = 4;

#[derive(Debug)]
enum State {
    /// No TCP connection yet; the key of the request.
    Connecting(String),
    /// The request is under way: its key, and the answer so far.
    Shaking(String, Vec<u8>),
    Open,
}

#[derive(Debug)]
pub struct Connection {
    /// `None` once it ended.
    socket: Option<TcpStream>,
    state: State,
    decoder: Decoder,
    out: Vec<u8>,
    /// How much of `out` the system has taken.
    taken: usize,
    /// When it was begun, and when the TCP connection was there.
    times: [Instant; 2],
    /// How many bytes may still be read; `None`: all there is.
    allowed: Option<usize>,
    /// We said goodbye: the end of the stream is no surprise.
    leaving: bool,
}

impl Connection {
    pub fn new(socket: TcpStream, key: String, request: String) -> Connection {
        Connection {
            socket: Some(socket),
            state: State::Connecting(key),
            decoder: Decoder::default(),
            out: request.into_bytes(),
            taken: 0,
            times: [Instant::now(); 2],
            allowed: None,
            leaving: false,
        }
    }

    /// Sets how many more bytes may be read.
    pub fn allow(&mut self, bytes: Option<usize>) {
        self.allowed = bytes;
    }

    pub fn ready(
        &mut self,
        id: usize,
        event: &Readiness,
        shared: &mut Shared,
        sink: &mut impl Sink,
    ) {
        if matches!(self.state, State::Connecting(_)) && !self.finish_connecting(id, shared) {
            return;
        }
        if event.is_writable() {
            self.flush(id, shared);
        }
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            self.read(id, event.is_read_closed(), shared, sink);
        }
    }

    /// Whether the TCP connection is there.
    fn finish_connecting(&mut self, id: usize, shared: &mut Shared) -> bool {
        let Some(socket) = &self.socket else {
            return false;
        };
        let error = match socket.take_error() {
            Ok(None) => socket.peer_addr().err(),
            Ok(error) => error,
            Err(e) => Some(e),
        };
        match error {
            None => {
                self.times[1] = Instant::now();
                if let State::Connecting(key) = &mut self.state {
                    self.state = State::Shaking(std::mem::take(key), Vec::new());
                }
                self.flush(id, shared);
                true
            }
            Some(e) if e.kind() == io::ErrorKind::NotConnected => false,
            Some(e) => {
                self.end(id, Ended::Unreachable(e.to_string()), shared);
                false
            }
        }
    }

    /// Reads what is there. A short read has drained the socket, unless `ending` says that the
    /// end of the stream may be behind it.
    pub fn read(&mut self, id: usize, ending: bool, shared: &mut Shared, sink: &mut impl Sink) {
        for _ in 0..READS_PER_TURN {
            let Some(socket) = &mut self.socket else {
                return;
            };
            let room = shared.scratch.len();
            let room = self.allowed.map_or(room, |bytes| bytes.min(room));
            if room == 0 {
                return;
            }
            let ended = match socket.read(&mut shared.scratch[..room]) {
                Ok(0) if self.leaving => Ended::Left,
                Ok(0) => Ended::Cut("end of stream".to_owned()),
                Ok(n) => {
                    self.allowed = self.allowed.map(|bytes| bytes - n);
                    self.take(id, n, shared, sink);
                    if n < room && !ending {
                        return;
                    }
                    continue;
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => Ended::Cut(e.to_string()),
            };
            let ended = match (&self.state, ended) {
                (State::Open, ended) => ended,
                (_, Ended::Cut(why)) => Ended::Refused(why),
                (_, ended) => ended,
            };
            return self.end(id, ended, shared);
        }
        shared.again.push(id);
    }

    /// Handles the first `n` bytes of the scratch.
    fn take(&mut self, id: usize, n: usize, shared: &mut Shared, sink: &mut impl Sink) {
        let at = Instant::now();
        let scratch = std::mem::take(&mut shared.scratch);
        let result = match self.state {
            State::Open => self.frames(id, &scratch[..n], at, shared, sink),
            _ => self.shake(id, &scratch[..n], at, shared, sink),
        };
        shared.scratch = scratch;
        match result {
            Ok(()) if self.waiting_bytes() > 0 => self.flush(id, shared),
            Ok(()) => {}
            Err(ended) => self.end(id, ended, shared),
        }
    }

    fn shake(
        &mut self,
        id: usize,
        bytes: &[u8],
        at: Instant,
        shared: &mut Shared,
        sink: &mut impl Sink,
    ) -> Result<(), Ended> {
        let State::Shaking(key, answer) = &mut self.state else {
            return Ok(());
        };
        answer.extend_from_slice(bytes);
        let Some(head) = handshake::answer(answer, key).map_err(Ended::Refused)? else {
            return Ok(());
        };
        let rest = answer.split_off(head);
        self.state = State::Open;
        shared.open += 1;
        shared.opened_ever += 1;
        shared.opened.push(Opened {
            id,
            connect: self.times[1] - self.times[0],
            handshake: at.saturating_duration_since(self.times[1]),
        });
        self.frames(id, &rest, at, shared, sink)
    }

    fn frames(
        &mut self,
        id: usize,
        bytes: &[u8],
        at: Instant,
        shared: &mut Shared,
        sink: &mut impl Sink,
    ) -> Result<(), Ended> {
        let (out, random) = (&mut self.out, &mut shared.random);
        let mut closed = None;
        let fed = self.decoder.feed(bytes, &mut |event| match event {
            Event::Message { text, payload } => sink(id, text, payload, at),
            Event::Ping(payload) => codec::encode(out, Opcode::Pong, payload, random.key()),
            Event::Pong(_) => {}
            Event::Close(code, reason) => closed = Some(Ended::Closed(code, reason.to_owned())),
        });
        if self.leaving && matches!(closed, Some(Ended::Closed(1000 | 1005, _))) {
            closed = Some(Ended::Left);
        }
        fed.map_err(Ended::Violation)?;
        closed.map_or(Ok(()), Err)
    }

    pub fn queue(&mut self, opcode: Opcode, payload: &[u8], key: [u8; 4]) {
        if self.socket.is_some() {
            codec::encode(&mut self.out, opcode, payload, key);
        }
    }

    pub fn waiting_bytes(&self) -> usize {
        self.out.len() - self.taken
    }

    pub fn flush(&mut self, id: usize, shared: &mut Shared) {
        if matches!(self.state, State::Connecting(_)) {
            return;
        }
        while let Some(socket) = &mut self.socket {
            if self.taken == self.out.len() {
                break;
            }
            match socket.write(&self.out[self.taken..]) {
                Ok(n) => self.taken += n,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return self.trim(),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                // What the server said before it broke may still be there to read.
                Err(_) => return shared.again.push(id),
            }
        }
        self.out.clear();
        self.taken = 0;
        if self.out.capacity() > super::SCRATCH_BYTES {
            self.out = Vec::new();
        }
    }

    /// Gives up what was sent, once that is most of the output.
    fn trim(&mut self) {
        if self.taken > self.out.len() / 2 {
            self.out.drain(..self.taken);
            self.taken = 0;
        }
    }

    /// Says goodbye (1000) and reads on until the server has said it too.
    pub fn leave(&mut self, id: usize, shared: &mut Shared) {
        if self.leaving || !matches!(self.state, State::Open) {
            return;
        }
        self.queue(Opcode::Close, &1000u16.to_be_bytes(), shared.random.key());
        self.leaving = true;
        self.flush(id, shared);
    }

    /// Goes without a word: the socket is closed, what it had not read is lost.
    pub fn vanish(&mut self, id: usize, shared: &mut Shared) {
        self.end(id, Ended::Left, shared);
    }

    fn end(&mut self, id: usize, ended: Ended, shared: &mut Shared) {
        if self.socket.is_none() {
            return;
        }
        if let (Ended::Closed(code, _), false) = (&ended, self.leaving) {
            let reply = code.to_be_bytes();
            let payload: &[u8] = if *code == 0 { &[] } else { &reply };
            codec::encode(&mut self.out, Opcode::Close, payload, shared.random.key());
            self.flush(id, shared);
        }
        if matches!(self.state, State::Open) {
            shared.open -= 1;
        }
        self.drop_socket();
        shared.ended.push((id, ended));
    }

    pub fn drop_socket(&mut self) {
        self.socket = None;
        self.out = Vec::new();
        self.taken = 0;
        self.decoder = Decoder::default();
    }
}
