//! The loop on a network of one connection, whose clock the test sets.

use std::io::IoSlice;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::*;
use crate::link::mailbox;
use crate::net::{Inspected, Token, Waker};
use crate::wire::{Sent, Wire};

const HANDSHAKE: &[u8] = b"GET /echo HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// See the top of the file.
#[derive(Default)]
struct OnePeer {
    now_ms: u64,
    accepted: bool,
    input: Vec<u8>,
    /// Nothing follows the input.
    ended: bool,
    output: Vec<u8>,
    /// How long the next `send` takes, in milliseconds.
    stands_still_ms: u64,
    closed: bool,
}

impl Wire for OnePeer {
    fn send(&mut self, _slot: u32, bytes: &[u8]) -> Sent {
        self.now_ms += std::mem::take(&mut self.stands_still_ms);
        self.output.extend_from_slice(bytes);
        Sent::All
    }

    fn send_vectored(&mut self, slot: u32, slices: &[IoSlice<'_>]) -> Sent {
        slices.iter().for_each(|slice| {
            self.send(slot, slice);
        });
        Sent::All
    }
}

impl Net for OnePeer {
    /// Nothing is worth waiting for but what has come.
    fn wait(&mut self, events: &mut Vec<Event>, timeout_us: Option<u64>) {
        if !self.input.is_empty() {
            events.push(Event::Ready {
                token: Token {
                    slot: 0,
                    generation: 1,
                },
                readable: true,
                writable: false,
                hangup: false,
            });
        } else {
            self.now_ms += timeout_us.unwrap_or(0).div_ceil(1000);
        }
    }

    fn now_ms(&mut self) -> u64 {
        self.now_ms
    }

    fn now_us(&mut self) -> u64 {
        self.now_ms * 1000
    }

    fn unix_ns(&self) -> u64 {
        0
    }

    fn secret(&self) -> [u8; 32] {
        [7; 32]
    }

    fn listeners(&self) -> usize {
        1
    }

    fn role(&self, _listener: usize) -> Role {
        Role::Public
    }

    fn accept(&mut self, _listener: usize, _token: Token) -> Accept {
        if std::mem::replace(&mut self.accepted, true) {
            return Accept::Drained;
        }
        Accept::Open(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }

    fn stop_listening(&mut self) {}

    fn recv(&mut self, _slot: u32, into: &mut [u8]) -> Recv {
        let n = self.input.len();
        if n == 0 && self.ended {
            return Recv::Eof;
        }
        into[..n].copy_from_slice(&self.input);
        self.input.clear();
        match self.ended {
            true => Recv::More(n),
            false => Recv::Drained(n),
        }
    }

    fn shutdown(&mut self, _slot: u32) {}

    fn close(&mut self, _slot: u32) {
        self.closed = true;
    }

    fn reset(&mut self, _slot: u32) {
        self.closed = true;
    }

    fn inspect(&mut self, _slot: u32) -> Option<Inspected> {
        None
    }

    fn waker(&self) -> Waker {
        Arc::new(|| {})
    }
}

#[test]
fn a_ping_is_not_late_because_the_loop_stood_still_while_it_sent_it() {
    let settings = Settings::default();
    let limits = settings.limits.clone();
    let (_handle, inbox) = mailbox(&limits);
    let mut server = Server::new(OnePeer::default(), settings, inbox);
    server.turn();
    server.net.input = HANDSHAKE.to_vec();
    while server.net.output.is_empty() {
        server.turn();
    }
    server.net.output.clear();
    server.net.stands_still_ms = 2 * limits.ping_timeout_ms;
    while server.net.output.is_empty() {
        server.turn();
    }
    assert_eq!(server.net.output, [0x89, 0], "a ping");
    let resumed_ms = server.net.now_ms;
    while !server.net.closed && server.net.output.len() == 2 {
        server.turn();
    }
    assert_eq!(server.net.now_ms, resumed_ms + limits.ping_timeout_ms);
}

#[test]
fn requests_behind_a_poll_are_answered_although_their_client_has_ended_its_direction() {
    let settings = Settings::default();
    let (handle, inbox) = mailbox(&settings.limits);
    let mut server = Server::new(OnePeer::default(), settings, inbox);
    handle.publish_text("a", "kept").unwrap();
    server.turn();
    let poll = b"GET /channels/a?wait=0&last_event_id=oldest HTTP/1.1\r\nHost: x\r\n\r\n";
    server.net.input = poll.repeat(3);
    server.net.ended = true;
    for _ in 0..16 {
        server.turn();
    }
    let output = String::from_utf8(server.net.output.clone()).unwrap();
    assert_eq!(output.matches("HTTP/1.1 200 OK\r\n").count(), 3, "{output}");
    assert_eq!(output.matches("\r\n\r\nkept").count(), 3, "{output}");
    assert!(server.net.closed);
}
