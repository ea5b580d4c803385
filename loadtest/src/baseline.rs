//! The yardstick: a server that reads a message and sends it to every other connection, as bare as
//! can be. No limits, no checks, no fairness: never serve anybody with it.
//!
//! Paths that begin with `/echo` are sent back to the sender instead. Plain, each message is one
//! `send` to each connection; with `coalesce` the frames of one turn lie next to each other and each
//! connection gets one `send` of them all. Edge-triggered, registered once, one scratch buffer.

use std::io::{self, Read, Write};
use std::net::SocketAddr;

use clap::Args;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use slab::Slab;

use crate::codec::{self, Opcode};
use crate::dialect::handshake;
use crate::target;

const SCRATCH_BYTES: usize = 256 * 1024;
const LISTENER: Token = Token(usize::MAX);

/// Options of `baseline`.
#[derive(Debug, Clone, Args)]
pub struct Baseline {
    /// Where to listen; port 0 lets the system choose
    #[arg(long, default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Send what one turn brought in one piece, rather than message by message
    #[arg(long)]
    pub coalesce: bool,
}

/// Serves until it is killed.
///
/// # Errors
/// A sentence, when it cannot listen or poll.
pub fn run(options: &Baseline) -> Result<(), String> {
    target::raise_descriptors();
    let listener =
        listen(options).map_err(|e| format!("cannot listen on {}: {e}", options.listen))?;
    let address = listener.local_addr().map_err(|e| e.to_string())?;
    println!("listening on {address}");
    let _ = io::stdout().flush();
    let mut server = Server::new(listener, options.coalesce).map_err(|e| e.to_string())?;
    loop {
        server.turn().map_err(|e| format!("polling failed: {e}"))?;
    }
}

fn listen(options: &Baseline) -> io::Result<TcpListener> {
    use socket2::{Domain, Protocol, Socket, Type};
    let domain = Domain::for_address(options.listen);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&options.listen.into())?;
    socket.listen(4096)?;
    Ok(TcpListener::from_std(socket.into()))
}

/// One connection.
struct Peer {
    socket: TcpStream,
    /// Bytes of a request or of a frame that is not whole.
    tail: Vec<u8>,
    /// What the system did not take.
    waiting: Vec<u8>,
    open: bool,
    echo: bool,
    gone: bool,
}

/// A run of bytes in the turn's output, and who sent it.
struct Piece {
    from: usize,
    start: usize,
    end: usize,
}

struct Server {
    poll: Poll,
    events: Events,
    listener: TcpListener,
    peers: Slab<Peer>,
    scratch: Vec<u8>,
    coalesce: bool,
    /// Frames of this turn (`coalesce`) or of this message.
    out: Vec<u8>,
    pieces: Vec<Piece>,
    gone: Vec<usize>,
}

impl Server {
    fn new(mut listener: TcpListener, coalesce: bool) -> io::Result<Server> {
        let poll = Poll::new()?;
        poll.registry()
            .register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Server {
            poll,
            events: Events::with_capacity(1024),
            listener,
            peers: Slab::new(),
            scratch: vec![0; SCRATCH_BYTES],
            coalesce,
            out: Vec::new(),
            pieces: Vec::new(),
            gone: Vec::new(),
        })
    }

    fn turn(&mut self) -> io::Result<()> {
        match self.poll.poll(&mut self.events, None) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        let events: Vec<_> = self
            .events
            .iter()
            .map(|e| (e.token(), e.is_writable()))
            .collect();
        for (token, writable) in events {
            if token == LISTENER {
                self.accept();
                continue;
            }
            if writable {
                self.flush(token.0);
            }
            self.read(token.0);
        }
        self.send_turn();
        for id in self.gone.drain(..) {
            self.peers.try_remove(id);
        }
        Ok(())
    }

    fn accept(&mut self) {
        while let Ok((mut socket, _)) = self.listener.accept() {
            let _ = socket.set_nodelay(true);
            let slot = self.peers.vacant_entry();
            let both = Interest::READABLE | Interest::WRITABLE;
            let registry = self.poll.registry();
            if registry
                .register(&mut socket, Token(slot.key()), both)
                .is_ok()
            {
                slot.insert(Peer {
                    socket,
                    tail: Vec::new(),
                    waiting: Vec::new(),
                    open: false,
                    echo: false,
                    gone: false,
                });
            }
        }
    }

    fn read(&mut self, id: usize) {
        loop {
            let Some(peer) = self.peers.get_mut(id).filter(|p| !p.gone) else {
                return;
            };
            match peer.socket.read(&mut self.scratch) {
                Ok(0) => return self.lose(id),
                Ok(n) => {
                    let scratch = std::mem::take(&mut self.scratch);
                    self.bytes(id, &scratch[..n]);
                    self.scratch = scratch;
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return self.lose(id),
            }
        }
    }

    fn lose(&mut self, id: usize) {
        if let Some(peer) = self.peers.get_mut(id).filter(|p| !p.gone) {
            (peer.gone, peer.open) = (true, false);
            self.gone.push(id);
        }
    }

    fn bytes(&mut self, id: usize, bytes: &[u8]) {
        let peer = &mut self.peers[id];
        let mut tail = std::mem::take(&mut peer.tail);
        tail.extend_from_slice(bytes);
        let mut at = 0;
        if !peer.open {
            let Some(head) = upgrade(peer, &tail) else {
                peer.tail = tail;
                return;
            };
            at = head;
        }
        while let Some((opcode, payload, whole)) = frame(&mut tail[at..]) {
            match opcode {
                1 | 2 => self.message(id, opcode, payload),
                8 => return self.lose(id),
                _ => {}
            }
            at += whole;
        }
        if at < tail.len() {
            tail.drain(..at);
            self.peers[id].tail = tail;
        }
    }

    fn message(&mut self, id: usize, opcode: u8, payload: &[u8]) {
        let start = self.out.len();
        let opcode = if opcode == 1 {
            Opcode::Text
        } else {
            Opcode::Binary
        };
        codec::encode_header(&mut self.out, opcode, payload.len(), false);
        self.out.extend_from_slice(payload);
        let end = self.out.len();
        if self.peers[id].echo {
            send(&mut self.peers[id], &self.out[start..]);
            self.out.truncate(start);
        } else if self.coalesce {
            self.pieces.push(Piece {
                from: id,
                start,
                end,
            });
        } else {
            for (_, peer) in self
                .peers
                .iter_mut()
                .filter(|(other, p)| *other != id && p.open && !p.echo)
            {
                send(peer, &self.out);
            }
            self.out.clear();
        }
    }

    /// Sends what the turn gathered; senders get all but their own.
    fn send_turn(&mut self) {
        if self.pieces.is_empty() {
            return;
        }
        let mut senders: Vec<usize> = self.pieces.iter().map(|p| p.from).collect();
        senders.sort_unstable();
        senders.dedup();
        for (id, peer) in self.peers.iter_mut().filter(|(_, p)| p.open && !p.echo) {
            if senders.binary_search(&id).is_err() {
                send(peer, &self.out);
                continue;
            }
            let others = self.pieces.iter().filter(|p| p.from != id);
            let rest: Vec<u8> = others
                .flat_map(|p| &self.out[p.start..p.end])
                .copied()
                .collect();
            send(peer, &rest);
        }
        self.out.clear();
        self.pieces.clear();
    }

    fn flush(&mut self, id: usize) {
        if let Some(peer) = self.peers.get_mut(id) {
            let waiting = std::mem::take(&mut peer.waiting);
            send(peer, &waiting);
        }
    }
}

/// One `send`; what the system does not take waits for the edge.
fn send(peer: &mut Peer, bytes: &[u8]) {
    let taken = match peer.waiting.is_empty() && !bytes.is_empty() {
        true => peer.socket.write(bytes).unwrap_or(0),
        false => 0,
    };
    peer.waiting.extend_from_slice(&bytes[taken..]);
}

/// Answers a whole request with a 101; the bytes of its head.
fn upgrade(peer: &mut Peer, bytes: &[u8]) -> Option<usize> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    let Ok(httparse::Status::Complete(head)) = request.parse(bytes) else {
        return None;
    };
    let key = request
        .headers
        .iter()
        .find(|h| h.name.eq_ignore_ascii_case("sec-websocket-key"))?;
    let accept = handshake::accept(std::str::from_utf8(key.value).ok()?.trim());
    peer.echo = request.path?.starts_with("/echo");
    peer.open = true;
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    send(peer, answer.as_bytes());
    Some(head)
}

/// Unmasks the whole client frame at the start of `bytes`: opcode, payload, bytes it took.
fn frame(bytes: &mut [u8]) -> Option<(u8, &[u8], usize)> {
    let &[first, second, ..] = &*bytes else {
        return None;
    };
    let (at, length) = match second & 0x7f {
        126 => (
            4,
            u64::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?)),
        ),
        127 => (10, u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?)),
        short => (2, u64::from(short)),
    };
    let key = *bytes.get(at..)?.first_chunk::<4>()?;
    let whole = usize::try_from(length).ok()?.checked_add(at + 4)?;
    let payload = bytes.get_mut(at + 4..whole)?;
    codec::mask(payload, key);
    Some((first & 0x0f, payload, whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_client_encodes_comes_out_whole_cut_anywhere() {
        for n in [0, 125, 126, 65535, 65536] {
            let payload: Vec<u8> = (0..n).map(|i| i as u8).collect();
            let mut bytes = Vec::new();
            codec::encode(&mut bytes, Opcode::Binary, &payload, [1, 2, 3, 4]);
            let whole = bytes.len();
            for cut in [0, 1, 2, 5, 9, 13, whole - 1] {
                let part = &mut bytes.clone()[..cut.min(whole - 1)];
                assert_eq!(frame(part), None, "{n} bytes cut at {cut}");
            }
            bytes.push(0x81);
            assert_eq!(frame(&mut bytes), Some((2, &payload[..], whole)));
        }
    }
}
