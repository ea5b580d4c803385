//! A relay with subscribers on a network that takes everything, for benches and counts.

use std::hint::black_box;
use std::io::IoSlice;

use longwave::relay::Relay;
use longwave::settings::Settings;
use longwave::wire::{Role, Sent, Wire};

/// Takes everything and counts it.
#[derive(Debug, Default)]
pub struct Network {
    /// Calls.
    pub sends: u64,
    /// Bytes in all of them.
    pub bytes: u64,
}

impl Wire for Network {
    #[inline(never)]
    fn send(&mut self, slot: u32, bytes: &[u8]) -> Sent {
        black_box(slot);
        self.sends += 1;
        self.bytes += bytes.len() as u64;
        Sent::All
    }

    #[inline(never)]
    fn send_vectored(&mut self, slot: u32, slices: &[IoSlice<'_>]) -> Sent {
        black_box(slot);
        self.sends += 1;
        self.bytes += slices.iter().map(|s| s.len() as u64).sum::<u64>();
        Sent::All
    }
}

/// See the top of the file.
#[derive(Debug)]
pub struct Bed {
    relay: Relay,
    /// What was sent.
    pub network: Network,
    frame: Vec<u8>,
    /// The slot that publishes.
    pub publisher: u32,
}

const UPGRADE: &str = "GET /channels/bench HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

impl Bed {
    /// A channel with so many subscribers and a publisher of messages of so many bytes.
    pub fn new(subscribers: usize, bytes: usize) -> Bed {
        Bed::with(subscribers, "", masked(bytes))
    }

    /// The same with this frame as the message, and with these lines in each upgrade.
    pub fn with(subscribers: usize, lines: &str, frame: Vec<u8>) -> Bed {
        let mut settings = Settings::default();
        settings.limits.connections_max = subscribers + 2;
        let mut bed = Bed {
            relay: Relay::new(settings),
            network: Network::default(),
            frame,
            publisher: 0,
        };
        for _ in 0..=subscribers {
            bed.publisher = bed.connect();
            bed.feed(
                bed.publisher,
                &mut format!("{UPGRADE}{lines}\r\n").into_bytes(),
            );
            bed.flush();
        }
        assert_eq!(bed.relay.hub().subscribers("bench"), subscribers + 1);
        bed.network = Network::default();
        bed
    }

    /// One more connection, which has said nothing yet.
    pub fn connect(&mut self) -> u32 {
        let slot = self.relay.next_token().slot;
        self.relay.accepted(Role::Public, [127, 0, 0, 1].into(), 0);
        slot
    }

    /// A connection's input, all of which has to be used.
    pub fn feed(&mut self, slot: u32, bytes: &mut [u8]) {
        assert_eq!(self.relay.input(slot, bytes, false, 0), bytes.len());
    }

    /// Sends everything that waits.
    pub fn flush(&mut self) {
        while self.relay.is_busy() {
            self.relay.flush(&mut self.network, 0);
            self.relay.sent_at(0);
        }
    }

    /// Reads so many messages from the publisher and sends them to everybody else.
    #[inline(never)]
    pub fn turn(&mut self, messages: usize) {
        for _ in 0..messages {
            let used = self.relay.input(self.publisher, &mut self.frame, false, 0);
            assert_eq!(used, self.frame.len());
        }
        self.flush();
    }
}

/// A masked text frame of so many bytes, as a client sends it.
pub fn masked(len: usize) -> Vec<u8> {
    frame_of(&vec![b'a'; len])
}

/// The same with this payload.
pub fn frame_of(payload: &[u8]) -> Vec<u8> {
    let (mut frame, len) = (vec![0x81], payload.len());
    match len {
        0..126 => frame.push(0x80 | len as u8),
        126..65_536 => {
            frame.push(0x80 | 126);
            frame.extend((len as u16).to_be_bytes());
        }
        _ => {
            frame.push(0x80 | 127);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    let key = [1, 2, 3, 4];
    frame.extend(key);
    frame.extend(payload.iter().zip(key.iter().cycle()).map(|(b, k)| b ^ k));
    frame
}
