//! A server that does one thing wrong, once.

use std::io::Write;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use tungstenite::Message;
use tungstenite::handshake::server::Request;

/// What goes wrong, for one connection only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    Drop,
    Twice,
    /// A message comes after the next one of the same publisher.
    SwapSame,
    /// A message comes after the next one of another publisher.
    SwapAcross,
    Corrupt,
    Cut,
    /// As text rather than binary.
    Text,
    Masked,
    CloseFrame,
    Reserved,
    /// Its handshake is never answered.
    Silent,
}

/// Everybody, and what is being done to one of them.
struct Hub {
    /// `None` until its handshake is done; then its channel and its socket.
    peers: Vec<Option<(String, TcpStream)>>,
    /// Whom it happens to.
    victim: usize,
    fault: Fault,
    /// Messages before the fault.
    countdown: u32,
    /// A message that the victim gets later: publisher and frame.
    held: Option<(u8, Vec<u8>)>,
}

impl Hub {
    fn give(&self, to: usize, bytes: &[u8]) {
        if let Some(Some((_, peer))) = self.peers.get(to) {
            let _ = (&mut &*peer).write_all(bytes);
        }
    }

    fn shut(&self, how: Shutdown) {
        if let Some(Some((_, peer))) = self.peers.get(self.victim) {
            let _ = peer.shutdown(how);
        }
    }

    fn message(&mut self, from: usize, payload: &[u8]) {
        let channel = |id: usize| self.peers[id].as_ref().map(|(path, _)| path.clone());
        let (own, count) = (channel(from), self.peers.len());
        let others: Vec<usize> = (0..count)
            .filter(|&to| to != from && channel(to) == own)
            .collect();
        for to in others {
            if to == self.victim {
                self.victim_gets(payload);
            } else {
                self.give(to, &frame(0x82, payload));
            }
        }
    }

    fn victim_gets(&mut self, payload: &[u8]) {
        if self.countdown > 0 {
            self.countdown -= 1;
            return self.give(self.victim, &frame(0x82, payload));
        }
        let publisher = payload[8];
        match (self.fault, self.held.take()) {
            (Fault::SwapSame | Fault::SwapAcross, None) => {
                self.held = Some((publisher, frame(0x82, payload)));
            }
            (Fault::SwapSame, Some((p, held))) if p != publisher => {
                self.give(self.victim, &frame(0x82, payload));
                self.held = Some((p, held));
            }
            (Fault::SwapAcross, Some((p, held))) if p == publisher => {
                self.give(self.victim, &held);
                self.held = Some((p, frame(0x82, payload)));
            }
            (fault, held) => {
                self.fault = Fault::None;
                self.once(fault, payload);
                held.iter()
                    .for_each(|(_, frame)| self.give(self.victim, frame));
            }
        }
    }

    fn once(&mut self, fault: Fault, payload: &[u8]) {
        let good = frame(0x82, payload);
        let bytes = match fault {
            Fault::None | Fault::SwapSame | Fault::SwapAcross | Fault::Silent => good,
            Fault::Drop => Vec::new(),
            Fault::Twice => [good.clone(), good].concat(),
            Fault::Corrupt => frame(
                0x82,
                &[&payload[..30], &[!payload[30]], &payload[31..]].concat(),
            ),
            Fault::Text => frame(0x81, &payload.iter().map(|b| b & 0x7f).collect::<Vec<u8>>()),
            Fault::Masked => [&[0x82, 0x80 | payload.len() as u8, 0, 0, 0, 0], payload].concat(),
            Fault::CloseFrame => frame(0x88, b"\x03\xf5lagged"),
            Fault::Reserved => frame(0xc2, payload),
            Fault::Cut => {
                self.shut(Shutdown::Both);
                Vec::new()
            }
        };
        self.give(self.victim, &bytes);
        if fault == Fault::CloseFrame {
            // Anything behind it would be one more fault.
            self.shut(Shutdown::Write);
        }
    }
}

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    assert!(payload.len() < 126);
    [&[first, payload.len() as u8], payload].concat()
}

/// Serves on threads that end with their connections; returns the address.
pub fn serve(fault: Fault, countdown: u32, to_self: bool) -> String {
    serve_harming(0, fault, countdown, to_self)
}

/// The same, to the connection that comes as this one.
pub fn serve_harming(victim: usize, fault: Fault, countdown: u32, to_self: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let hub = Arc::new(Mutex::new(Hub {
        peers: Vec::new(),
        victim,
        fault,
        countdown,
        held: None,
    }));
    std::thread::spawn(move || {
        let mut silent = Vec::new();
        for stream in listener.incoming() {
            let (stream, hub) = (stream.unwrap(), hub.clone());
            stream.set_nodelay(true).unwrap();
            let me = {
                let mut hub = hub.lock().unwrap();
                hub.peers.push(None);
                hub.peers.len() - 1
            };
            if fault == Fault::Silent && me == victim {
                silent.push(stream);
                continue;
            }
            std::thread::spawn(move || one(me, stream, &hub, to_self));
        }
    });
    address
}

fn one(me: usize, stream: TcpStream, hub: &Mutex<Hub>, to_self: bool) {
    // Nothing may be sent to it before its handshake, and everything behind it.
    let mut socket = {
        let mut hub = hub.lock().unwrap();
        let copy = stream.try_clone().unwrap();
        let mut path = String::new();
        #[allow(clippy::result_large_err)] // that is how tungstenite calls it
        let note = |request: &Request, answer| {
            path = request.uri().path().to_owned();
            Ok(answer)
        };
        let Ok(socket) = tungstenite::accept_hdr(stream, note) else {
            return;
        };
        hub.peers[me] = Some((path, copy));
        socket
    };
    while let Ok(message) = socket.read() {
        if message.is_close() {
            // The answer goes out with the next read; nothing may come behind it.
            hub.lock().unwrap().peers[me] = None;
        }
        if let Message::Binary(payload) = message {
            let mut hub = hub.lock().unwrap();
            if to_self && me == hub.victim {
                hub.victim_gets(&payload);
            } else if to_self {
                hub.give(me, &frame(0x82, &payload));
            } else {
                hub.message(me, &payload);
            }
        }
    }
}
