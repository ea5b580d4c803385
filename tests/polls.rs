//! Answers to polls on a kernel that stops at any byte: head, gap, body and end come whole, once, and the
//! connection goes on.

use std::io::IoSlice;

use longwave::relay::Relay;
use longwave::settings::Settings;
use longwave::wire::{Role, Sent, Wire};

/// A kernel that has room for so much of one slot, and takes everything of the others.
struct Narrow {
    slot: u32,
    room: usize,
    got: Vec<u8>,
}

impl Wire for Narrow {
    fn send(&mut self, slot: u32, bytes: &[u8]) -> Sent {
        if slot != self.slot {
            return Sent::All;
        }
        let n = bytes.len().min(self.room);
        self.room -= n;
        self.got.extend_from_slice(&bytes[..n]);
        match n == bytes.len() {
            true => Sent::All,
            false => Sent::Blocked(n),
        }
    }

    fn send_vectored(&mut self, slot: u32, slices: &[IoSlice<'_>]) -> Sent {
        let bytes: Vec<u8> = slices.iter().flat_map(|s| s.iter().copied()).collect();
        self.send(slot, &bytes)
    }
}

struct Bed {
    relay: Relay,
    kernel: Narrow,
}

impl Bed {
    fn new() -> Bed {
        let mut relay = Relay::new(Settings::default());
        relay.start_ids(7_000_000_000);
        let kernel = Narrow {
            slot: u32::MAX,
            room: 0,
            got: Vec::new(),
        };
        Bed { relay, kernel }
    }

    fn connect(&mut self) -> u32 {
        let slot = self.relay.next_token().slot;
        self.relay.accepted(Role::Public, [127, 0, 0, 1].into(), 0);
        slot
    }

    fn ask(&mut self, slot: u32, request: &str) {
        let mut request = request.as_bytes().to_vec();
        let len = request.len();
        assert_eq!(self.relay.input(slot, &mut request, false, 0), len);
        self.flush();
    }

    fn flush(&mut self) {
        let mut ready = Vec::new();
        loop {
            // Nothing more is there to be read.
            self.relay.take_ready(&mut ready);
            if !self.relay.is_busy() {
                return;
            }
            self.relay.flush(&mut self.kernel, 0);
            self.relay.sent_at(0);
        }
    }

    fn publish(&mut self, payload: &str) {
        let slot = self.connect();
        let len = payload.len();
        self.ask(
            slot,
            &format!(
                "POST /channels/a HTTP/1.1\r\nHost: h\r\nContent-Length: {len}\r\n\r\n{payload}"
            ),
        );
    }

    fn publish_three(&mut self) {
        for text in ["one", "two", "three"] {
            self.publish(text);
        }
    }

    /// Room for so many bytes more, until nothing more comes.
    fn read_on(&mut self, bytes: usize) {
        loop {
            let before = self.kernel.got.len();
            self.kernel.room = bytes;
            self.relay.writable(self.kernel.slot, 0);
            self.flush();
            if self.kernel.got.len() == before {
                return;
            }
        }
    }
}

/// What two polls on a new connection are answered where the kernel takes so much at first, then steps of so
/// many bytes. `late`: the messages come when the first of them waits.
fn answers(bed: &mut Bed, request: &str, late: bool, room: usize, step: usize) -> String {
    let slot = bed.connect();
    (bed.kernel.slot, bed.kernel.room) = (slot, room);
    bed.ask(slot, request);
    if late {
        assert_eq!(bed.kernel.got, b"", "it waits");
        bed.publish_three();
    }
    bed.read_on(step);
    let first = bed.kernel.got.len();
    assert!(first > 0);
    bed.ask(
        slot,
        "GET /channels/a?last_event_id=7:2 HTTP/1.1\r\nHost: h\r\n\r\n",
    );
    bed.read_on(step);
    assert!(bed.kernel.got.len() > first, "the connection goes on");
    String::from_utf8(std::mem::take(&mut bed.kernel.got)).unwrap()
}

fn is_whole(lines: &str, query: &str, expected: [&str; 2]) {
    let request = format!("GET /channels/a{query} HTTP/1.1\r\nHost: h\r\n{lines}\r\n");
    let mut bed = Bed::new();
    bed.publish_three();
    let whole = answers(&mut bed, &request, false, 1 << 20, 1 << 20);
    for text in expected {
        assert!(whole.contains(text), "{text:?} is not in {whole}");
    }
    assert!(whole.ends_with("\r\n\r\nthree"), "{whole}");
    assert_eq!(whole.matches("HTTP/1.1 200 OK\r\n").count(), 2);
    for room in 0..whole.len() {
        let got = answers(&mut bed, &request, false, room, 1 << 20);
        assert_eq!(got, whole, "stopped at {room}");
    }
    let got = answers(&mut bed, &request, false, 0, 1);
    assert_eq!(got, whole, "byte by byte");
}

const GAP: &str = "Longwave-Gap: {\"after\":\"6:9\",\"next\":\"7:1\",\"missed\":null}\r\n";

#[test]
fn the_answer_to_a_poll_is_the_same_wherever_the_kernel_stops() {
    is_whole("", "?last_event_id=7:0", ["Etag: 1\r\n", "\r\n\r\none"]);
    let lines = "Origin: http://x\r\nLast-Event-ID: 6:9\r\n";
    is_whole(lines, "", [GAP, "\r\n\r\none"]);
}

#[test]
fn an_answer_of_several_messages_is_the_same_wherever_the_kernel_stops() {
    let last = "\r\n\r\nthree\r\n--longwave";
    is_whole(
        "",
        "?last_event_id=7:0&multipart=true",
        ["Etag: 3\r\n", last],
    );
    is_whole("Last-Event-ID: 6:9\r\n", "?multipart=true", [GAP, last]);
}

#[test]
fn an_answer_that_was_waited_for_is_the_same_wherever_the_kernel_stops() {
    let request = "GET /channels/a HTTP/1.1\r\nHost: h\r\n\r\n";
    let answers = |room, step| answers(&mut Bed::new(), request, true, room, step);
    let whole = answers(1 << 20, 1 << 20);
    assert!(
        whole.contains("Etag: 1\r\n") && whole.contains("\r\n\r\none"),
        "{whole}"
    );
    for room in (0..whole.len()).step_by(23) {
        assert_eq!(answers(room, 1 << 20), whole, "stopped at {room}");
    }
    assert_eq!(answers(0, 1), whole, "byte by byte");
}
