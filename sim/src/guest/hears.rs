//! What comes to a session: whether it was right, and what follows from it.

use super::engine::{self, Packet};
use super::line::{Came, Duty};
use super::packets;
use super::session::{Out, SLACK_MS, Session, State, Trick, Way};
use super::stay::Stay;
use super::{Around, json};

/// Packets that clients take in one payload.
const PACKETS_MAX: usize = 16;

impl Session {
    pub(super) fn came(
        &mut self,
        at: usize,
        duty: Duty,
        came: Came,
        stays: &mut Vec<Stay>,
        around: &mut Around<'_>,
    ) -> Result<(), String> {
        around.tell(|| format!("{} at {at} {duty:?} {came:.150?}", self.publisher));
        let verdict = match (duty, came) {
            (Duty::Double, came) => self.doubled(at, came, stays, around),
            (_, Came::Answer(status, _)) if matches!(status, 408 | 429 | 503) => {
                self.end(format!("answered with {status}"), stays, around)
            }
            (Duty::Socket, came) => self.over_socket(at, came, stays, around),
            (Duty::Get, Came::Answer(200, body)) => {
                self.poll_at_ms = around.kernel.now_ms() + around.rng.below(around.pause_ms);
                self.payload(&body, stays, around)
            }
            (Duty::Post, Came::Answer(200, body)) if body == b"ok" => match self.leaving {
                true if self.queue.is_empty() => self.end("it went".into(), stays, around),
                _ => Ok(()),
            },
            (_, Came::Answer(status @ (400 | 413), body)) => {
                let text = String::from_utf8_lossy(&body).into_owned();
                self.end(format!("answered with {status} {text}"), stays, around)
            }
            (_, Came::End(reset)) => {
                let idle = self.lines[at].asked == 0;
                match idle && self.lines[at].last {
                    true => Ok(()),
                    false => self.end(format!("a connection ended, reset {reset}"), stays, around),
                }
            }
            (duty, came) => Err(format!("{came:?} to {duty:?}")),
        };
        verdict.map_err(|e| match e.starts_with("guest") {
            true => e,
            false => self.blame(&e),
        })
    }

    /// What comes to a second connection where there must be one.
    fn doubled(
        &mut self,
        at: usize,
        came: Came,
        stays: &mut Vec<Stay>,
        around: &mut Around<'_>,
    ) -> Result<(), String> {
        match came {
            Came::Upgraded => Ok(()),
            // The first request had not been read: once more.
            Came::Answer(200, body) if body == b"ok" => {
                let target = around.terms.target(Duty::Post, &self.sid);
                self.lines[at].post(&target, b"3");
                Ok(())
            }
            // The first had been answered, so that it was the one.
            Came::Answer(200, body) => {
                self.must = None;
                self.lines[at].drop_it(around.kernel, false);
                self.payload(&body, stays, around)
            }
            Came::Answer(400, _) | Came::Close(..) | Came::End(_) => {
                self.lines[at].drop_it(around.kernel, false);
                Ok(())
            }
            Came::Answer(..) if around.is_short() => {
                self.lines[at].drop_it(around.kernel, false);
                Ok(())
            }
            came => Err(format!("{came:?} to a second connection")),
        }
    }

    fn payload(
        &mut self,
        body: &[u8],
        stays: &mut Vec<Stay>,
        around: &mut Around<'_>,
    ) -> Result<(), String> {
        let packets = engine::payload(body)?;
        if packets.len() > PACKETS_MAX {
            return Err(format!("{} packets in a payload", packets.len()));
        }
        // At least one event goes, whatever its length, and behind it may be the answer to a CONNECT
        // that waited for it.
        let mut last = engine::last_unit(body);
        if body[last..].starts_with(b"\x1e40") {
            last = engine::last_unit(&body[..last]);
        }
        if last > around.terms.payload_bytes_max {
            return Err(format!(
                "a payload of {} bytes, {last} before the last event",
                body.len()
            ));
        }
        for packet in packets {
            if self.over.is_none() {
                self.packet(packet, stays, around)?;
            }
        }
        match self.building {
            Some(_) => Err("a payload ends inside an event".into()),
            None => Ok(()),
        }
    }

    fn over_socket(
        &mut self,
        at: usize,
        came: Came,
        stays: &mut Vec<Stay>,
        around: &mut Around<'_>,
    ) -> Result<(), String> {
        let carries = self.way == Way::WebSocket || self.state == State::WebSocket;
        match came {
            Came::Upgraded if carries => Ok(()),
            Came::Upgraded => {
                let by = around.start_ms() + around.terms.upgrade_timeout_ms;
                self.probe_by_ms = by + SLACK_MS;
                match self.trick {
                    Trick::Mute => {}
                    Trick::Nonsense => {
                        let words = *around
                            .rng
                            .pick(&["2nonsense", "4x", "3probe", "6", "?", "1"]);
                        self.lines[at].say(true, words.as_bytes(), around.rng);
                    }
                    _ => self.lines[at].say(true, b"2probe", around.rng),
                }
                Ok(())
            }
            Came::Text(text) if carries => self.packet(engine::packet(&text)?, stays, around),
            Came::Binary(bytes) if carries => self.packet(Packet::Binary(bytes), stays, around),
            Came::Text(text) => self.probed(at, &text, around),
            Came::Close(code, why) if carries => {
                let right = match code {
                    1001 => around.rules.draining,
                    1000 => self.leaving || self.lazy || self.must.is_some(),
                    _ => true,
                };
                match right {
                    true => self.end(format!("closed with {code} {why}"), stays, around),
                    false => Err(format!("closed with {code} {why}")),
                }
            }
            Came::End(reset) if carries => self.end(format!("ended, reset {reset}"), stays, around),
            Came::Answer(status, body) if carries => {
                let body = String::from_utf8_lossy(&body).into_owned();
                self.end(format!("no WebSocket: {status} {body}"), stays, around)
            }
            // An upgrade that comes to nothing: the session goes on as before.
            Came::Close(..) | Came::End(_) | Came::Answer(..) => {
                let right = self.trick != Trick::None
                    || self.leaving
                    || self.excused(stays, around)
                    || self.must.is_some();
                let now = around.kernel.now_ms();
                self.lines[at].drop_it(around.kernel, false);
                self.upgrade_at_ms = now + 200 + around.rng.below(1000);
                self.trick = Trick::None;
                if self.state == State::Switching {
                    self.state = State::Polling;
                }
                match right {
                    true => Ok(()),
                    false => Err(format!("an upgrade is given up: {came:?}")),
                }
            }
            Came::Binary(_) => Err("bytes before the upgrade".into()),
        }
    }

    fn probed(&mut self, at: usize, text: &str, around: &mut Around<'_>) -> Result<(), String> {
        if text != "3probe" || matches!(self.trick, Trick::Mute | Trick::Nonsense) {
            return Err(format!("{text:?} before the upgrade"));
        }
        match self.trick {
            Trick::ProbeOnly => {}
            Trick::ProbeAndGo => {
                let reset = around.rng.chance(500);
                self.lines[at].drop_it(around.kernel, reset);
                self.upgrade_at_ms = around.kernel.now_ms() + 200;
                self.trick = Trick::None;
            }
            _ => self.state = State::Switching,
        }
        Ok(())
    }

    pub(super) fn packet(
        &mut self,
        packet: Packet,
        stays: &mut Vec<Stay>,
        around: &mut Around<'_>,
    ) -> Result<(), String> {
        around.tell(|| {
            format!(
                "{} hears {packet:.150?} at {}",
                self.publisher,
                around.kernel.now_ms()
            )
        });
        if self.building.is_some() && !matches!(packet, Packet::Binary(_)) {
            return Err(format!("{packet:?} between an event and its attachments"));
        }
        match packet {
            Packet::Open(json) if self.state == State::Begin => self.opened(&json, around),
            Packet::Ping if self.state != State::Begin => {
                self.pinged_ms = around.kernel.now_ms();
                if !self.deaf {
                    self.queue.push_front(Out::text("3"));
                }
                Ok(())
            }
            Packet::Noop => Ok(()),
            Packet::Close => self.end("told to".into(), stays, around),
            Packet::Message(text) if self.state != State::Begin => {
                let (namespace, said) = packets::read(&text)?;
                self.said(&namespace, said, stays, around)
            }
            Packet::Binary(bytes) => {
                let Some(building) = &mut self.building else {
                    return Err(format!("{} bytes that belong to nothing", bytes.len()));
                };
                building.attachments.push(bytes);
                if building.attachments.len() < building.wanted {
                    return Ok(());
                }
                let Some(whole) = self.building.take() else {
                    return Ok(());
                };
                self.event(whole, stays, around)
            }
            packet => Err(format!("{packet:?}")),
        }
    }

    fn opened(&mut self, json: &str, around: &mut Around<'_>) -> Result<(), String> {
        let terms = around.terms;
        let members = json::members(json)?;
        let names: Vec<&str> = members.iter().map(|m| m.0.as_str()).collect();
        let values: Vec<&str> = members.iter().map(|m| m.1).collect();
        let numbers = [
            terms.ping_interval_ms,
            terms.ping_timeout_ms,
            terms.payload_bytes_max as u64,
        ];
        let due = numbers.map(|n| n.to_string());
        let upgrades = match self.way {
            Way::WebSocket => "[]",
            _ => "[\"websocket\"]",
        };
        let right = names
            == [
                "sid",
                "upgrades",
                "pingInterval",
                "pingTimeout",
                "maxPayload",
            ]
            && values[1] == upgrades
            && values[2..] == due;
        if !right {
            return Err(format!("a handshake {json}"));
        }
        self.sid = json::string(values[0])?;
        self.pinged_ms = around.kernel.now_ms();
        self.state = match self.way {
            Way::WebSocket => State::WebSocket,
            _ => State::Polling,
        };
        Ok(())
    }
}
