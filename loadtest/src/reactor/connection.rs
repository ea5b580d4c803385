//! One connection: connecting, shaking hands, open, ended.

use std::io;
use std::time::Instant;

use mio::event::Event as Readiness;

use super::transport::Transport;
use super::{Ended, Opened, Shared, Sink};
use crate::dialect::{Heard, Position, Session, Wire};

/// Reads of one connection in one turn; then the others have theirs.
const READS_PER_TURN: usize = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No TCP connection yet.
    Connecting,
    /// The session is not open yet.
    Shaking,
    Open,
}

#[derive(Debug)]
pub struct Connection {
    /// `None` once it ended.
    socket: Option<Transport>,
    state: State,
    session: Session,
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
    pub fn new(socket: Transport, session: Session) -> Connection {
        Connection {
            socket: Some(socket),
            state: State::Connecting,
            session,
            out: Vec::new(),
            taken: 0,
            times: [Instant::now(); 2],
            allowed: None,
            leaving: false,
        }
    }

    /// What asks for all that follows what came.
    pub fn position(&self) -> Option<Position> {
        self.session.position()
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
        if self.state == State::Connecting && !self.finish_connecting(id, shared) {
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
        let error = match socket.socket().take_error() {
            Ok(None) => socket.socket().peer_addr().err(),
            Ok(error) => error,
            Err(e) => Some(e),
        };
        match error {
            None => {
                self.times[1] = Instant::now();
                self.state = State::Shaking;
                self.session.begin(&mut wire(&mut self.out, shared));
                self.flush(id, shared);
                self.note_open(id, self.times[1], shared);
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
            let drains = socket.short_read_drains();
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
                    if n < room && !ending && drains {
                        return;
                    }
                    continue;
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    // What waited for the end of a TLS handshake gets no edge of its own.
                    if !drains && self.waiting_bytes() > 0 {
                        self.flush(id, shared);
                    }
                    return;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => Ended::Cut(e.to_string()),
            };
            let ended = match (self.state, ended) {
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
        let mut hear = |heard: Heard<'_>| sink(id, heard, at);
        let mut wire = wire(&mut self.out, shared);
        let result = self.session.take(&scratch[..n], &mut wire, &mut hear);
        shared.scratch = scratch;
        self.note_open(id, at, shared);
        match result {
            Ok(()) if self.waiting_bytes() > 0 => self.flush(id, shared),
            Ok(()) => {}
            Err(Ended::Closed(1000 | 1005, _)) if self.leaving => self.end(id, Ended::Left, shared),
            Err(ended) => self.end(id, ended, shared),
        }
    }

    /// Counts it as open, once it is.
    fn note_open(&mut self, id: usize, at: Instant, shared: &mut Shared) {
        if self.state != State::Shaking || !self.session.is_open() {
            return;
        }
        self.state = State::Open;
        shared.open += 1;
        shared.opened_ever += 1;
        shared.opened.push(Opened {
            id,
            connect: self.times[1] - self.times[0],
            handshake: at.saturating_duration_since(self.times[1]),
        });
    }

    /// Publishes a payload, once [`Connection::flush`] is called.
    pub fn publish(&mut self, payload: &[u8], shared: &mut Shared) {
        if self.socket.is_some() {
            let mut wire = wire(&mut self.out, shared);
            self.session.publish(payload, &mut wire);
        }
    }

    pub fn waiting_bytes(&self) -> usize {
        self.out.len() - self.taken
    }

    pub fn flush(&mut self, id: usize, shared: &mut Shared) {
        if self.state == State::Connecting {
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
        // With TLS the system may still owe something, or the handshake may not have begun.
        if self.socket.as_mut().is_some_and(|s| s.push().is_err()) {
            shared.again.push(id);
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
        if self.leaving || self.socket.is_none() || self.state != State::Open {
            return;
        }
        self.leaving = true;
        if !self.session.goodbye(&mut wire(&mut self.out, shared)) {
            return self.end(id, Ended::Left, shared);
        }
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
            let mut wire = wire(&mut self.out, shared);
            self.session.answer_close(*code, &mut wire);
            self.flush(id, shared);
        }
        if self.state == State::Open {
            shared.open -= 1;
        }
        self.drop_socket();
        shared.ended.push((id, ended));
    }

    /// Says goodbye (1000), as far as the system takes it, and closes the socket.
    pub fn close(&mut self, id: usize, shared: &mut Shared) {
        if self.socket.is_some() {
            self.session.goodbye(&mut wire(&mut self.out, shared));
            self.flush(id, shared);
            self.drop_socket();
        }
    }

    fn drop_socket(&mut self) {
        if let Some(mut socket) = self.socket.take() {
            socket.finish();
        }
        self.out = Vec::new();
        self.taken = 0;
        self.session.forget();
    }
}

fn wire<'a>(out: &'a mut Vec<u8>, shared: &'a mut Shared) -> Wire<'a> {
    Wire {
        out,
        random: &mut shared.random,
    }
}
