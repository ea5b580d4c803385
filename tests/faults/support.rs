//! A relay in this process or in a child, and clients made of bare sockets that can misbehave.
//!
//! Rules: every wait is for a condition and gives up after [`PATIENCE`]; nothing sleeps to meet
//! somebody. A test that is over calls [`Relay::recovers`].
#![allow(dead_code)]

use std::fmt::Debug;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use longwave::limits::Limits;
use longwave::{Config, Handle, Server};
use socket2::{Domain, SockRef, Socket, Type};

/// How long anything may take on a machine that is busy with something else.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Polls until `done`, or panics.
pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Polls until a value is as wanted, or panics with the last one.
pub fn wait_for<T: Debug>(what: &str, mut get: impl FnMut() -> T, good: impl Fn(&T) -> bool) -> T {
    let begun = Instant::now();
    loop {
        let value = get();
        if good(&value) {
            return value;
        }
        assert!(begun.elapsed() < PATIENCE, "in vain: {what}: {value:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A relay on a thread of its own; stopped when dropped.
pub struct Relay {
    pub address: SocketAddr,
    /// Where operators ask, if that is apart.
    pub admin: Option<SocketAddr>,
    pub handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// With the defaults, on a free port.
    pub fn plain() -> Relay {
        Relay::start(|_| {})
    }

    /// With other bounds.
    pub fn limits(change: impl FnOnce(&mut Limits)) -> Relay {
        Relay::start(|config| change(&mut config.settings.limits))
    }

    /// With another configuration. History is off unless it is asked for: what is kept for those who
    /// come back is memory that stays.
    pub fn start(change: impl FnOnce(&mut Config)) -> Relay {
        let mut config = Config {
            listen: vec![([127, 0, 0, 1], 0).into()],
            ..Config::default()
        };
        config.settings.limits.history_messages_max = 0;
        change(&mut config);
        config.settings.limits.fit();
        let server = Server::bind(&config).unwrap_or_else(|e| panic!("{e}"));
        Relay::run(server)
    }

    /// Runs a server that is bound already.
    pub fn run(mut server: Server) -> Relay {
        let (address, handle) = (server.addresses()[0], server.handle());
        let admin = server.admin_addresses().first().copied();
        let thread = Some(std::thread::spawn(move || server.run()));
        Relay {
            address,
            admin,
            handle,
            thread,
        }
    }

    pub fn connect(&self) -> Peer {
        Peer::connect(self.address)
    }

    pub fn ws(&self, path: &str) -> Peer {
        Peer::ws(self.address, path)
    }

    pub fn metric(&self, name: &str) -> u64 {
        metric(self.admin.unwrap_or(self.address), name)
    }

    /// How often something was refused for this reason.
    pub fn refused(&self, reason: &str) -> u64 {
        self.metric(&format!("refused_total{{reason=\"{reason}\"}}"))
    }

    /// How many connections were closed for this reason.
    pub fn closed(&self, reason: &str) -> u64 {
        self.metric(&format!("closed_total{{reason=\"{reason}\"}}"))
    }

    /// Waits until the scraper is the only connection, and `memory_bytes` is back at nothing.
    pub fn is_at_rest(&self) {
        let scraper = u64::from(self.admin.is_none());
        wait_for(
            "connections and memory return to where they were",
            || (self.metric("connections"), self.metric("memory_bytes")),
            |seen| *seen == (scraper, 0),
        );
    }

    /// After a fault, the clients of the test being gone: the server lives, a fresh pair exchanges
    /// a message, and nothing is left behind.
    pub fn recovers(&self) {
        exchange(self.address);
        self.is_at_rest();
    }

    /// Waits until the server has stopped by itself.
    pub fn has_stopped(&mut self) {
        let thread = self.thread.take().expect("not joined yet");
        wait_until("the server stops", || thread.is_finished());
        thread.join().expect("the server did not panic");
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.handle.stop_now();
        let ended = self.thread.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            assert!(!matches!(ended, Some(Err(_))), "the server panicked");
        }
    }
}

/// A fresh pair of clients exchanges a message.
pub fn exchange(address: SocketAddr) {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let path = format!("/channels/pair{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let (mut a, mut b) = (Peer::ws(address, &path), Peer::ws(address, &path));
    a.send(TEXT, b"still there?");
    assert_eq!(b.message(), b"still there?");
    b.send(BINARY, b"yes");
    assert_eq!(a.message(), b"yes");
}

/// One number of `/metrics`, scraped over a connection of its own.
pub fn metric(address: SocketAddr, name: &str) -> u64 {
    let mut scraper = Peer::connect(address);
    scraper.write("GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
    scraper.answer().metric(name)
}

pub const TEXT: u8 = 0x81;
pub const BINARY: u8 = 0x82;
pub const CLOSE: u8 = 0x88;
pub const PING: u8 = 0x89;
pub const PONG: u8 = 0x8a;
/// First fragments, and continuations.
pub const TEXT_BEGIN: u8 = 0x01;
pub const BINARY_BEGIN: u8 = 0x02;
pub const MORE: u8 = 0x00;
pub const LAST: u8 = 0x80;

/// The header of a masked frame with any first byte and any declared length.
pub fn header(first: u8, len: u64) -> Vec<u8> {
    let mut bytes = vec![first];
    match len {
        0..=125 => bytes.push(0x80 | len as u8),
        126..=0xffff => {
            bytes.push(0x80 | 126);
            bytes.extend((len as u16).to_be_bytes());
        }
        _ => {
            bytes.push(0x80 | 127);
            bytes.extend(len.to_be_bytes());
        }
    }
    bytes.extend(KEY);
    bytes
}

const KEY: [u8; 4] = [0x5a, 0xc3, 0x0f, 0x96];

/// The payload as it goes over the wire.
pub fn masked(payload: &[u8]) -> Vec<u8> {
    let key = KEY.iter().cycle();
    payload.iter().zip(key).map(|(b, k)| b ^ k).collect()
}

/// A whole masked frame.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    [header(first, payload.len() as u64), masked(payload)].concat()
}

/// An upgrade request with further header lines, each ending in CRLF.
pub fn upgrade(path: &str, further: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{further}\r\n"
    )
}

/// An HTTP answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    /// The value of a header line, blanks trimmed.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (n, value) = line.split_once(':')?;
            n.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    /// A number out of the answer to a scrape.
    pub fn metric(&self, name: &str) -> u64 {
        let text = String::from_utf8_lossy(&self.body);
        let value = text.lines().find_map(|line| {
            let rest = line.strip_prefix("longwave_")?.strip_prefix(name)?;
            rest.strip_prefix(' ')?.parse().ok()
        });
        value.unwrap_or_else(|| panic!("no metric {name} in:\n{text}"))
    }
}

/// A server's frame.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame {
    pub first: u8,
    pub payload: Vec<u8>,
}

/// How a connection came to its end, as its client saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// A close frame with this code (0: none).
    Close(u16),
    /// The end of the stream without a close frame.
    Eof,
    /// A reset.
    Reset,
}

/// A client: one socket, and what was read from it and not used yet.
pub struct Peer {
    pub stream: TcpStream,
    pub input: Vec<u8>,
    /// Payload of the last close frame.
    pub close_payload: Vec<u8>,
}

impl Peer {
    pub fn connect(address: SocketAddr) -> Peer {
        Peer::over(TcpStream::connect(address).expect("the relay listens"))
    }

    /// Around a connected socket.
    pub fn over(stream: TcpStream) -> Peer {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Peer {
            stream,
            input: Vec::new(),
            close_payload: Vec::new(),
        }
    }

    /// With options that must be set before connecting.
    pub fn connect_with(address: SocketAddr, prepare: impl FnOnce(&Socket)) -> Peer {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
        prepare(&socket);
        socket.connect(&address.into()).expect("the relay listens");
        Peer::over(socket.into())
    }

    /// With a receive buffer so small that a stalled reader is seen soon.
    pub fn connect_narrow(address: SocketAddr) -> Peer {
        Peer::connect_with(address, |socket| {
            socket.set_recv_buffer_size(4096).unwrap();
        })
    }

    pub fn ws(address: SocketAddr, path: &str) -> Peer {
        Peer::connect(address).upgraded(path)
    }

    /// Makes it a WebSocket.
    pub fn upgraded(mut self, path: &str) -> Peer {
        self.write(upgrade(path, ""));
        let answer = self.answer();
        assert_eq!(answer.status, 101, "{answer:?}");
        self
    }

    pub fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream
            .write_all(bytes.as_ref())
            .expect("the connection is there");
    }

    /// Writes where the server may have ended the connection already.
    pub fn try_write(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).is_ok()
    }

    pub fn send(&mut self, first: u8, payload: &[u8]) {
        self.write(frame(first, payload));
    }

    /// Reads some more; how it ended if nothing came.
    pub fn fill(&mut self) -> Result<(), End> {
        let mut buffer = [0; 64 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => Err(End::Eof),
            Ok(n) => {
                self.input.extend_from_slice(&buffer[..n]);
                Ok(())
            }
            Err(e) if e.kind() == ErrorKind::Interrupted => Ok(()),
            Err(e) if e.kind() == ErrorKind::ConnectionReset => Err(End::Reset),
            Err(e) => panic!("nothing came: {e}; so far {} bytes", self.input.len()),
        }
    }

    /// Takes `n` bytes of input, reading until they are there.
    fn take(&mut self, n: usize) -> Result<Vec<u8>, End> {
        while self.input.len() < n {
            self.fill()?;
        }
        Ok(self.input.drain(..n).collect())
    }

    /// Reads one answer.
    pub fn answer(&mut self) -> Answer {
        self.try_answer()
            .unwrap_or_else(|end| panic!("{end:?} instead of an answer"))
    }

    /// Reads one answer, or how the connection ended instead.
    pub fn try_answer(&mut self) -> Result<Answer, End> {
        let end = loop {
            if let Some(at) = self.input.windows(4).position(|w| w == b"\r\n\r\n") {
                break at + 4;
            }
            self.fill()?;
        };
        let head = String::from_utf8(self.take(end)?).expect("a head is text");
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok());
        let mut answer = Answer {
            status: status.unwrap_or_else(|| panic!("no status: {head}")),
            head,
            body: Vec::new(),
        };
        let len = answer
            .header("content-length")
            .map_or(0, |n| n.parse().unwrap());
        answer.body = self.take(len)?;
        Ok(answer)
    }

    /// Writes a request and reads its answer.
    pub fn ask(&mut self, request: impl AsRef<[u8]>) -> Answer {
        self.write(request);
        self.answer()
    }

    /// Reads one frame, or how the connection ended instead.
    pub fn frame(&mut self) -> Result<Frame, End> {
        let head = self.take(2)?;
        assert_eq!(head[1] & 0x80, 0, "a server does not mask");
        let len = match head[1] {
            126 => u16::from_be_bytes(self.take(2)?.try_into().unwrap()) as usize,
            127 => u64::from_be_bytes(self.take(8)?.try_into().unwrap()) as usize,
            len => len.into(),
        };
        Ok(Frame {
            first: head[0],
            payload: self.take(len)?,
        })
    }

    /// The payload of the next data frame; pings are answered.
    pub fn message(&mut self) -> Vec<u8> {
        self.try_message()
            .unwrap_or_else(|end| panic!("{end:?} instead of a message"))
    }

    /// The payload of the next data frame, or how the connection ended instead.
    pub fn try_message(&mut self) -> Result<Vec<u8>, End> {
        loop {
            let Frame { first, payload } = self.frame()?;
            match first {
                TEXT | BINARY => return Ok(payload),
                PING => self.send(PONG, &payload),
                PONG => {}
                CLOSE => {
                    let code = payload.first_chunk().map_or(0, |&c| u16::from_be_bytes(c));
                    self.close_payload = payload;
                    return Err(End::Close(code));
                }
                other => panic!("a frame that begins with {other:#x}"),
            }
        }
    }

    /// Reads on to the end, leaving out messages.
    pub fn end(&mut self) -> End {
        loop {
            if let Err(end) = self.try_message() {
                return end;
            }
        }
    }

    /// Expects a close frame with this code, and then the end of the stream, not a reset.
    pub fn is_closed_with(&mut self, code: u16) {
        assert_eq!(self.end(), End::Close(code));
        assert_eq!(self.rest(), End::Eof);
    }

    /// Reads to the end whatever comes; it is in `input`.
    pub fn rest(&mut self) -> End {
        loop {
            if let Err(end) = self.fill() {
                return end;
            }
        }
    }

    /// Ends our direction.
    pub fn half_close(&self) {
        let _ = self.stream.shutdown(std::net::Shutdown::Write);
    }

    /// Goes away with a reset.
    pub fn reset(self) {
        SockRef::from(&self.stream)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
    }
}

/// A thread that writes as fast as it can and counts how far it has come.
pub struct Flood {
    thread: JoinHandle<()>,
    progress: Arc<AtomicUsize>,
}

impl Flood {
    pub fn start(write: impl FnOnce(&AtomicUsize) + Send + 'static) -> Flood {
        let progress = Arc::new(AtomicUsize::new(0));
        let count = progress.clone();
        let thread = std::thread::spawn(move || write(&count));
        Flood { thread, progress }
    }

    /// Waits until it gets no further, because nobody reads it, or has written everything.
    pub fn stands_still(&self, check: impl Fn()) {
        let mut last = usize::MAX;
        wait_until("the flood stands still", || {
            check();
            std::thread::sleep(Duration::from_millis(100));
            let now = self.progress.load(Ordering::Relaxed);
            std::mem::replace(&mut last, now) == now
        });
    }

    pub fn join(self) {
        self.thread.join().expect("everything was written");
    }
}
