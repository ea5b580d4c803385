//! What HTTP clients ask: upgrades, publishing in all its framings, and what is no request.

use super::content::{size, telling_size};
use super::{CHANNELS, Crowd};
use crate::client::answers::{KEYS, append_chunked};
use crate::client::meta::{Ids, PROTOCOL};
use crate::client::{Asked, Milestone, Role};
use crate::rng::Rng;

/// Statuses of a POST that the server was not able to take.
const NOT_NOW: &[u16] = &[503];

impl Crowd {
    /// Client `at` asks for its WebSocket.
    pub(super) fn upgrade(&mut self, at: usize) {
        let Crowd {
            clients, rng, plan, ..
        } = self;
        let client = &mut clients[at];
        let alike = plan
            .throng
            .filter(|t| client.channel() == Some(t.channel) && rng.chance(900));
        let target = upgrade_target(client.role, rng);
        let key = rng.below(KEYS.len() as u64) as usize;
        let ids = alike.map_or_else(|| rng.chance(400), |t| t.ids);
        let meta = match client.role {
            Role::Witness(_) => plan.readers,
            Role::Member { .. } => ids,
            _ => false,
        };
        client.ids = meta.then(Ids::default);
        let (offer, protocol) = match meta {
            true => (
                "Sec-WebSocket-Protocol: chat, ws+meta.nchan\r\n",
                Some(PROTOCOL),
            ),
            false => *rng.pick(&[
                ("", None),
                ("", None),
                (
                    "Sec-WebSocket-Protocol: chat.v2, other\r\n",
                    Some("chat.v2"),
                ),
            ]),
        };
        let offers = alike.is_none() && !plan.offers.is_empty() && rng.chance(500);
        let (compression, extensions, bits) = match offers {
            true => *rng.pick(&plan.offers),
            false => ("", None, 0),
        };
        let head = format!(
            "GET {target} HTTP/1.1\r\nHost: sim\r\n{}{offer}{compression}\r\n",
            upgrade_lines(key, rng)
        );
        client.outbox.push(head.as_bytes());
        client.outbox.milestone(Milestone::Upgrade);
        client.window_bits = extensions.map(|_| bits);
        client.asked.push_back(Asked::Upgrade {
            key,
            protocol,
            extensions,
        });
    }

    /// Client `at` publishes, one to four times in a row.
    pub(super) fn post(&mut self, at: usize) {
        for _ in 0..self.rng.between(1, 4) {
            if self.rng.chance(100) {
                self.post_aside(at);
            } else if self.rng.chance(150) {
                self.get(at);
            } else {
                self.post_one(at);
            }
        }
    }

    /// Publishes where nobody listens, on more channels than there may be.
    fn post_aside(&mut self, at: usize) {
        let target = format!("/channels/aside-{}", self.rng.below(8));
        let client = &mut self.clients[at];
        let head = format!("POST {target} HTTP/1.1\r\nHost: sim\r\nContent-Length: 4\r\n\r\naway");
        client.outbox.push(head.as_bytes());
        client.asked.push_back(Asked::Plain(&[202, 503]));
    }

    /// A message that is never finished.
    pub(super) fn hoard(&mut self, at: usize) {
        let len = self.plan.message_bytes_max;
        let client = &mut self.clients[at];
        client.outbox.push(
            format!("POST /channels/red HTTP/1.1\r\nHost: sim\r\nContent-Length: {len}\r\n\r\n")
                .as_bytes(),
        );
        client.outbox.push(&vec![b'h'; len - 1]);
        client.asked.push_back(Asked::Plain(&[408, 503]));
        client.excuses.late = true;
    }

    fn get(&mut self, at: usize) {
        let (target, allowed): (_, &[u16]) = *self.rng.pick(&[
            ("/healthz", &[200][..]),
            ("/nowhere", &[404]),
            ("/channels/red?wait=0", &[200, 304, 503]),
        ]);
        let client = &mut self.clients[at];
        client
            .outbox
            .push(format!("GET {target} HTTP/1.1\r\nHost: sim\r\n\r\n").as_bytes());
        client.asked.push_back(Asked::Plain(allowed));
    }

    fn post_one(&mut self, at: usize) {
        let Crowd {
            clients,
            ledger,
            rng,
            plan,
            ..
        } = self;
        let client = &mut clients[at];
        let text = rng.chance(500);
        client.numbered += 1;
        let len = match plan.readers {
            true => telling_size(client.id, plan.message_bytes_max, rng),
            false => size(plan.message_bytes_max, rng),
        }
        .max(1);
        let body = super::speak::say(client, len, text, plan, rng);
        let channel = rng.below(CHANNELS.len() as u64) as usize;
        let method = if rng.chance(500) { "POST" } else { "PUT" };
        let mut out = head(method, CHANNELS[channel], text);
        append_body(&mut out, &body, rng);
        let id = ledger.add(channel, client.id, text, &body);
        client.outbox.push(&out);
        client.outbox.milestone(Milestone::Message(id));
        client.asked.push_back(Asked::Post {
            id,
            refusals: NOT_NOW,
        });
    }

    /// Client `at` sends something wrong, and its connection ends with the answer.
    pub(super) fn be_rude(&mut self, at: usize) {
        let most = self.plan.message_bytes_max;
        let (text, allowed) = rude(self.rng.below(14), most);
        let client = &mut self.clients[at];
        client.outbox.push(text.as_bytes());
        client.asked.push_back(Asked::Plain(allowed));
    }
}

/// The lines that make a request one for a WebSocket.
fn upgrade_lines(key: usize, rng: &mut Rng) -> String {
    format!(
        "{}{}Sec-WebSocket-Key: {}\r\n{}",
        rng.pick(&[
            "Upgrade: websocket\r\n",
            "upgrade: WebSocket\r\n",
            "UPGRADE: h2c, websocket\r\n"
        ]),
        rng.pick(&[
            "Connection: Upgrade\r\n",
            "Connection: keep-alive, upgrade\r\n"
        ]),
        KEYS[key].0,
        rng.pick(&[
            "Sec-WebSocket-Version: 13\r\n",
            "sec-websocket-version: 13\r\n"
        ]),
    )
}

/// The lines with which a reader asks for a WebSocket, and what is to answer them.
pub(super) fn handshake(ids: bool, rng: &mut Rng) -> (String, Asked) {
    let key = rng.below(KEYS.len() as u64) as usize;
    let mut lines = upgrade_lines(key, rng);
    let protocol = ids.then_some(PROTOCOL);
    if let Some(protocol) = protocol {
        lines.push_str(&format!("Sec-WebSocket-Protocol: {protocol}\r\n"));
    }
    let asked = Asked::Upgrade {
        key,
        protocol,
        extensions: None,
    };
    (lines, asked)
}

/// Where a WebSocket of this role goes.
fn upgrade_target(role: Role, rng: &mut Rng) -> String {
    match role {
        Role::Witness(c) => format!("/channels/{}", CHANNELS[c]),
        Role::Member { channel, echo } => {
            let query = match echo {
                true => "?echo=true",
                false => rng.pick(&["", "?echo=false", "?x=1"]),
            };
            format!("/channels/{}{query}", CHANNELS[channel])
        }
        _ => "/echo".into(),
    }
}

fn head(method: &str, channel: &str, text: bool) -> Vec<u8> {
    let kind = if text {
        "text/plain; charset=utf-8"
    } else {
        "application/octet-stream"
    };
    format!("{method} /channels/{channel} HTTP/1.1\r\nHost: sim\r\nContent-Type: {kind}\r\n")
        .into_bytes()
}

fn append_body(out: &mut Vec<u8>, body: &[u8], rng: &mut Rng) {
    if rng.chance(600) {
        out.extend(format!("Content-Length: {}\r\n\r\n", body.len()).bytes());
        out.extend(body);
    } else {
        out.extend(b"transfer-encoding: Chunked\r\n\r\n");
        let sizes: Vec<usize> = (0..rng.below(4))
            .map(|_| rng.between(0, body.len()))
            .collect();
        append_chunked(out, body, &sizes);
    }
}

fn rude(kind: u64, most: usize) -> (String, &'static [u16]) {
    let key = KEYS[0].0;
    let ws = |rest: &str| {
        format!(
            "GET /channels/red HTTP/1.1\r\nHost: sim\r\nUpgrade: websocket\r\nConnection: upgrade\r\n{rest}\r\n"
        )
    };
    let post = |rest: &str| format!("POST /channels/red HTTP/1.1\r\nHost: sim\r\n{rest}");
    match kind {
        0 => ("\x16\x03\x01\x02 this is no request\r\n\r\n".into(), &[400]),
        1 => (
            format!(
                "GET / HTTP/1.1\r\nHost: sim\r\nX-Long: {}",
                "a".repeat(20_000)
            ),
            &[431],
        ),
        2 => (
            format!(
                "GET / HTTP/1.1\r\nHost: sim\r\n{}\r\n",
                "X: y\r\n".repeat(101)
            ),
            &[431],
        ),
        3 => ("GET /healthz HTTP/1.1\r\n\r\n".into(), &[400]),
        4 => (ws("Sec-WebSocket-Version: 13\r\n"), &[400]),
        5 => (
            ws(&format!(
                "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: {key}\r\n"
            )),
            &[426],
        ),
        6 => (
            ws("Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c2hvcnQ=\r\n"),
            &[400],
        ),
        7 => (
            ws(&format!(
                "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Key: {key}\r\n"
            )),
            &[400],
        ),
        8 => (
            post(&format!("Content-Length: {}\r\n\r\nbut", most + 1)),
            &[413],
        ),
        9 => (
            post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            &[400],
        ),
        10 => (post("Transfer-Encoding: chunked\r\n\r\nzz\r\n"), &[400]),
        11 => (
            post("Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
            &[400, 501],
        ),
        12 => (
            "GET /healthz HTTP/3.7\r\nHost: sim\r\n\r\n".into(),
            &[400, 505],
        ),
        _ => (
            post("Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
            &[400],
        ),
    }
}
