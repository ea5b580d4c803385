//! What a WebSocket client says: messages, whole or in parts, pings, closes, and what it must not.

use super::content::{TELLING, content, size, telling_size};
use super::{Crowd, Plan};
use crate::client::deflate::compress;
use crate::client::frames::{BINARY, CLOSE, CONTINUATION, PING, TEXT, append, append_unmasked};
use crate::client::{Client, Milestone, Role};
use crate::guest::spoken;
use crate::kernel::Kernel;
use crate::rng::{Rng, digest};

const FIN: u8 = 0x80;
/// On the first frame of a message that is compressed.
const COMPRESSED: u8 = 0x40;

fn key(rng: &mut Rng) -> [u8; 4] {
    (rng.bits() as u32).to_le_bytes()
}

impl Crowd {
    /// Client `at` sends a message.
    pub(super) fn speak(&mut self, at: usize) {
        let Crowd {
            clients,
            ledger,
            rng,
            plan,
            ..
        } = self;
        let client = &mut clients[at];
        let text = rng.chance(500);
        let len = match plan.readers {
            true => telling_size(client.id, plan.message_bytes_max, rng),
            false => size(plan.message_bytes_max, rng),
        };
        client.numbered += 1;
        let payload = say(client, len, text, plan, rng);
        let mut opcode = if text { TEXT } else { BINARY };
        let sent = match client.window_bits {
            Some(_) if rng.chance(600) => {
                opcode |= COMPRESSED;
                compress(&payload, rng)
            }
            _ => payload.clone(),
        };
        let mut out = Vec::with_capacity(payload.len() + 64);
        let (first, rest) = match rng.chance(250) {
            true => cut(&sent, rng),
            false => (&sent[..], None),
        };
        match rest {
            None => append(&mut out, FIN | opcode, first, key(rng)),
            Some(rest) => fragments(client, &mut out, opcode, first, rest, rng),
        }
        client.outbox.push(&out);
        match client.role {
            Role::Member { channel, .. } => {
                let id = ledger.add(channel, client.id, text, &payload);
                client.outbox.milestone(Milestone::Message(id));
            }
            _ => client.echoes.push_back(digest(text, &payload)),
        }
    }

    /// Client `at` sends a ping.
    pub(super) fn ping(&mut self, at: usize) {
        let mut out = Vec::new();
        one_ping(&mut self.clients[at], &mut out, &mut self.rng);
        self.clients[at].outbox.push(&out);
    }

    /// Client `at` begins the close handshake.
    pub(super) fn say_goodbye(&mut self, at: usize) {
        let code: u16 = *self.rng.pick(&[0, 1000, 1000, 1001, 3000, 4999]);
        let client = &mut self.clients[at];
        let mut payload = code.to_be_bytes().to_vec();
        payload.extend("see you, ça va".bytes());
        payload.truncate(if code == 0 {
            0
        } else {
            self.rng.between(2, payload.len())
        });
        while str::from_utf8(payload.get(2..).unwrap_or_default()).is_err() {
            payload.pop();
        }
        let mut out = Vec::new();
        append(&mut out, FIN | CLOSE, &payload, key(&mut self.rng));
        client.outbox.push(&out);
        client.sent_close = Some(code);
    }

    /// Client `at` breaks the protocol.
    pub(super) fn break_protocol(&mut self, at: usize, kernel: &mut Kernel) {
        let (most, deflate) = (
            self.plan.message_bytes_max,
            self.clients[at].window_bits.is_some(),
        );
        let kind = self.rng.below(16);
        let mut out = Vec::new();
        let code = match deflate && (kind == 1 || self.rng.chance(500)) {
            true => compressed_violation(kind, &mut out, most, &mut self.rng),
            false => violation(kind, &mut out, most, &mut self.rng),
        };
        if self.rng.chance(300) {
            append(&mut out, FIN | BINARY, b"and then some", key(&mut self.rng));
        }
        let client = &mut self.clients[at];
        kernel.note("  violation", u64::from(client.id), kind);
        client.outbox.push(&out);
        client.due_close = Some(code);
    }
}

/// The next message of a client; where there are guests, some of text are events.
pub(super) fn say(client: &Client, len: usize, text: bool, plan: &Plan, rng: &mut Rng) -> Vec<u8> {
    let names = plan.guests.is_some() && text && rng.chance(300);
    if !names || len + spoken::NAMED_BYTES_MAX > plan.message_bytes_max {
        return content(client.id, client.numbered, len, text, rng);
    }
    let text = content(client.id, client.numbered, len.max(TELLING), text, rng);
    spoken::named(str::from_utf8(&text).expect("text"), rng).into_bytes()
}

fn cut<'a>(payload: &'a [u8], rng: &mut Rng) -> (&'a [u8], Option<&'a [u8]>) {
    let (a, b) = payload.split_at(rng.between(0, payload.len()));
    (a, Some(b))
}

fn one_ping(client: &mut Client, out: &mut Vec<u8>, rng: &mut Rng) {
    let len = *rng.pick(&[0, 1, 4, 4, 20, 125]);
    let payload: Vec<u8> = (0..len).map(|_| rng.bits() as u8).collect();
    append(out, FIN | PING, &payload, key(rng));
    client.pings.push_back(payload);
}

fn fragments(
    client: &mut Client,
    out: &mut Vec<u8>,
    opcode: u8,
    first: &[u8],
    mut rest: &[u8],
    rng: &mut Rng,
) {
    append(out, opcode, first, key(rng));
    for _ in 0..rng.below(4) {
        if rng.chance(400) {
            one_ping(client, out, rng);
        }
        let (part, left) = rest.split_at(rng.between(0, rest.len()));
        append(out, CONTINUATION, part, key(rng));
        rest = left;
    }
    append(out, FIN | CONTINUATION, rest, key(rng));
}

/// Appends one violation and says which close code answers it (RFC 6455 7.4.1).
fn violation(kind: u64, out: &mut Vec<u8>, most: usize, rng: &mut Rng) -> u16 {
    let key = key(rng);
    match kind {
        0 => append_unmasked(out, FIN | TEXT, b"no mask"),
        1 => append(out, FIN | 0x40 | TEXT, b"rsv1", key),
        2 => append(out, FIN | 0x10 | BINARY, b"rsv3", key),
        3 => append(out, FIN | 3, b"reserved", key),
        4 => append(out, FIN | 11, b"reserved", key),
        5 => append(out, FIN | PING, &[7; 126], key),
        6 => append(out, PING, b"in parts", key),
        7 => append(out, FIN | CONTINUATION, b"of what", key),
        8 => {
            append(out, TEXT, b"one", key);
            append(out, FIN | TEXT, b"two", key);
        }
        9 => out.extend([FIN | BINARY, 0x80 | 126, 0, 5, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        10 => append(out, FIN | CLOSE, &[3], key),
        11 => append(out, FIN | CLOSE, &1005u16.to_be_bytes(), key),
        12 => return bad_text(out, most, rng),
        13 => {
            append(out, TEXT, b"fine \xf0\x9f", key);
            append(out, FIN | CONTINUATION, b"\x98 not", key);
            return 1007;
        }
        14 => {
            append(out, FIN | CLOSE, b"\x03\xe8\xff\xfe", key);
            return 1007;
        }
        _ => return too_big(out, most, rng),
    }
    1002
}

/// Appends what only somebody can do wrong who may compress.
fn compressed_violation(kind: u64, out: &mut Vec<u8>, most: usize, rng: &mut Rng) -> u16 {
    let key = key(rng);
    match kind % 8 {
        0 => append(out, FIN | COMPRESSED | PING, b"no message", key),
        1 => append(out, FIN | COMPRESSED | 0x20 | TEXT, b"rsv2", key),
        2 => append(out, FIN | COMPRESSED | CONTINUATION, b"of what", key),
        3 => {
            append(out, COMPRESSED | TEXT, b"", key);
            append(out, FIN | COMPRESSED | CONTINUATION, b"again", key);
        }
        4 => {
            append(out, FIN | COMPRESSED | BINARY, b"no deflated data", key);
            return 1007;
        }
        5 => {
            // A stored block of 100 bytes, of which 20 are there.
            let cut = [&[0, 100, 0, 155, 255][..], &[b'c'; 20]].concat();
            append(out, FIN | COMPRESSED | TEXT, &cut, key);
            return 1007;
        }
        6 => {
            let text = [&vec![b'a'; size(most, rng).max(1) - 1][..], &[0xff]].concat();
            append(out, FIN | COMPRESSED | TEXT, &compress(&text, rng), key);
            return 1007;
        }
        _ => {
            let len = most + *rng.pick(&[1, 1, 1000, 1_000_000]);
            append(
                out,
                FIN | COMPRESSED | BINARY,
                &compress(&vec![0; len], rng),
                key,
            );
            return 1009;
        }
    }
    1002
}

/// Bad in its last byte, so that everything else was taken already.
fn bad_text(out: &mut Vec<u8>, most: usize, rng: &mut Rng) -> u16 {
    let len = size(most, rng).max(1);
    let mut payload = vec![b'a'; len];
    payload[len - 1] = *rng.pick(&[0xff, 0xc3, 0x80]);
    append(out, FIN | TEXT, &payload, key(rng));
    1007
}

fn too_big(out: &mut Vec<u8>, most: usize, rng: &mut Rng) -> u16 {
    if rng.chance(500) {
        append(out, FIN | BINARY, &vec![1; most + 1], key(rng));
    } else {
        append(out, BINARY, &vec![2; most], key(rng));
        append(out, FIN | CONTINUATION, b"!", key(rng));
    }
    1009
}
