//! Whether what came from the server was right.

use std::borrow::Cow;

use super::answers::{self, Answer, KEYS};
use super::deflate::inflate;
use super::frames::{self, Frame};
use super::meta::{self, Record};
use super::{Asked, Client, Ended, Role, Rules};
use crate::kernel::Kernel;
use crate::ledger::{Fate, Ledger};
use crate::reader::Came;
use crate::rng::digest;

/// Statuses that a server short of something gives to anybody.
const SHORT_OF: &[u16] = &[503, 429];

impl Client {
    pub(super) fn judge(
        &mut self,
        kernel: &mut Kernel,
        ledger: &mut Ledger,
        rules: Rules,
    ) -> Result<(), String> {
        let input = std::mem::take(&mut self.input);
        let mut at = 0;
        loop {
            let rest = &input[at..];
            let step = match () {
                _ if rest.is_empty() => Ok(None),
                _ if self.got_close.is_some() => {
                    Err(format!("{} bytes after the close frame", rest.len()))
                }
                _ if self.reads_http() => self.judge_reader(rest, ledger, rules),
                _ if self.upgraded => self.judge_frame(rest, kernel, ledger, rules),
                _ => self.judge_answer(rest, ledger, rules),
            };
            match step.map_err(|e| self.blame(&e))? {
                Some(0) => break,
                Some(n) => at += n,
                None => break,
            }
        }
        self.input = input;
        self.input.drain(..at);
        Ok(())
    }

    fn blame(&self, error: &str) -> String {
        format!("client {} ({:?}): {error}", self.id, self.role)
    }

    // -- HTTP -------------------------------------------------------------------------------

    fn judge_answer(
        &mut self,
        input: &[u8],
        ledger: &mut Ledger,
        rules: Rules,
    ) -> Result<Option<usize>, String> {
        let Some((n, answer)) = answers::read(input)? else {
            return Ok(None);
        };
        if answer.status == 100 {
            return Ok(Some(n));
        }
        if self.last_answer {
            return Err(format!("{:?} after an answer that closes", answer.lines[0]));
        }
        self.last_answer = answer.closes() && answer.status != 101;
        if self.last_answer && answer.status < 400 && !rules.draining {
            return Err(format!("{:?} closes without need", answer.lines[0]));
        }
        let short =
            (rules.tight || rules.frugal || rules.draining) && SHORT_OF.contains(&answer.status);
        let late = answer.status == 408 && self.excuses.late;
        match self.asked.pop_front() {
            None if short || late => Ok(()),
            None => Err(format!("{:?} to nothing asked", answer.lines[0])),
            Some(Asked::Upgrade {
                key,
                protocol,
                extensions,
            }) if answer.status == 101 => {
                self.joined = Some(ledger.tick());
                self.reader.iter_mut().for_each(|r| r.joined(ledger));
                self.upgraded = true;
                upgrade_is_right(&answer, key, protocol, extensions)
            }
            Some(Asked::Post { id, .. }) if matches!(answer.status, 201 | 202) => {
                ledger.settle(id, Fate::Accepted)
            }
            Some(Asked::Post { id, refusals })
                if short || late || refusals.contains(&answer.status) =>
            {
                ledger.settle(id, Fate::Refused)
            }
            Some(Asked::Plain(allowed)) if allowed.contains(&answer.status) => Ok(()),
            // Several channels together take the place of one more.
            Some(Asked::Upgrade { .. }) if answer.status == 503 && self.reader.is_some() => {
                self.reader.iter_mut().for_each(|r| r.refused = true);
                Ok(())
            }
            Some(Asked::Upgrade { .. } | Asked::Plain(_)) if short || late => {
                ledger.cut(self.id);
                Ok(())
            }
            Some(asked) => Err(format!("{:?} to {asked:?}", answer.lines[0])),
        }?;
        if self.last_answer {
            ledger.cut(self.id);
        }
        Ok(Some(n))
    }

    // -- WebSocket --------------------------------------------------------------------------

    fn judge_frame(
        &mut self,
        input: &[u8],
        kernel: &mut Kernel,
        ledger: &mut Ledger,
        rules: Rules,
    ) -> Result<Option<usize>, String> {
        let Some((n, frame)) = frames::read(input, self.window_bits.is_some())? else {
            return Ok(None);
        };
        match frame {
            Frame {
                opcode: frames::PING,
                payload,
                ..
            } => self.answer_ping(payload),
            Frame {
                opcode: frames::PONG,
                payload,
                ..
            } => self.judge_pong(payload)?,
            Frame {
                opcode: frames::CLOSE,
                payload,
                ..
            } => self.judge_close(payload, kernel, ledger, rules)?,
            Frame {
                fin: true,
                compressed,
                opcode: opcode @ (frames::TEXT | frames::BINARY),
                payload,
            } => {
                let text = opcode == frames::TEXT;
                let message = self.message(compressed, payload)?;
                let (number, payload) = match self.ids {
                    None => (None, Some(&message[..])),
                    Some(_) => self.judge_record(text, &message, ledger, rules)?,
                };
                if let Some(payload) = payload {
                    self.judge_message(digest(text, payload), payload.len(), number, ledger)?;
                }
            }
            other => {
                return Err(format!(
                    "a frame of opcode {} fin {}",
                    other.opcode, other.fin
                ));
            }
        }
        Ok(Some(n))
    }

    /// What a data frame carries, inflated if it is compressed, which has to have paid.
    fn message<'a>(&self, compressed: bool, payload: &'a [u8]) -> Result<Cow<'a, [u8]>, String> {
        let Some(bits) = self.window_bits.filter(|_| compressed) else {
            return Ok(Cow::Borrowed(payload));
        };
        if bits == 8 {
            return Err("compressed for a window that nobody can fill".into());
        }
        let message = inflate(payload)?;
        if message.len() <= payload.len() {
            return Err(format!(
                "{} bytes compressed to {}",
                message.len(),
                payload.len()
            ));
        }
        Ok(Cow::Owned(message))
    }

    fn answer_ping(&mut self, payload: &[u8]) {
        let listens = matches!(self.role, Role::Witness(_) | Role::Reader);
        if self.may_speak() || (listens && self.closing().is_none()) {
            let mut out = Vec::new();
            frames::append(&mut out, 0x80 | frames::PONG, payload, [1, 2, 3, 4]);
            self.outbox.push(&out);
        }
    }

    fn judge_pong(&mut self, payload: &[u8]) -> Result<(), String> {
        match self.pings.pop_front() {
            Some(sent) if sent == payload => Ok(()),
            Some(sent) => Err(format!("pong {payload:?} to ping {sent:?}")),
            None => Err("a pong to no ping".into()),
        }
    }

    /// A frame of `ws+meta.nchan`: the message in it with its number, or none where it tells of a gap.
    fn judge_record<'a>(
        &mut self,
        text: bool,
        payload: &'a [u8],
        ledger: &mut Ledger,
        rules: Rules,
    ) -> Result<(Option<u64>, Option<&'a [u8]>), String> {
        let stale = self.reader.as_ref().and_then(|r| r.stale);
        let channel = self.channel();
        match (meta::read(text, payload, stale)?, channel, &mut self.ids) {
            (Record::Message(number, payload), Some(channel), Some(ids)) => {
                ids.message(number)?;
                ledger.numbered(number, channel, digest(text, payload))?;
                Ok((Some(number), Some(payload)))
            }
            (Record::Message(number, payload), None, _) => Ok((Some(number), Some(payload))),
            (Record::Gap(gap), None, _) if self.reader.is_some() && text => {
                self.reader.iter_mut().for_each(|r| r.came(Came::Gap(gap)));
                Ok((None, None))
            }
            (Record::Gap(gap), Some(channel), Some(ids)) => {
                if !rules.skips[channel] || !text || matches!(self.role, Role::Witness(_)) {
                    return Err("a gap where nobody is moved on".into());
                }
                let missed = gap.missed.ok_or("a gap of a length that must be known")?;
                let all = self.numbered == 0;
                ids.gap(gap.after, gap.next, missed, self.seen.len(), all)?;
                Ok((None, None))
            }
            (record, ..) => Err(format!("{record:?}, which nobody asked for")),
        }
    }

    fn judge_message(
        &mut self,
        digest: u64,
        len: usize,
        number: Option<u64>,
        ledger: &mut Ledger,
    ) -> Result<(), String> {
        match self.role {
            Role::Witness(channel) => {
                self.seen.push(digest);
                ledger.witness(channel, digest, number)
            }
            Role::Member { channel, .. } => {
                self.seen.push(digest);
                self.departs_now = self.departs.is_some();
                if ledger.known(channel, digest) {
                    return Ok(());
                }
                Err(format!(
                    "a message of {len} bytes that nobody sent to channel {channel}"
                ))
            }
            Role::Reader => {
                let came = Came::Message(number, digest);
                self.reader.iter_mut().for_each(|r| r.came(came));
                Ok(())
            }
            Role::Echo if self.echoes.pop_front() == Some(digest) => Ok(()),
            _ => Err(format!("a message of {len} bytes that is not the echo due")),
        }
    }

    fn judge_close(
        &mut self,
        payload: &[u8],
        kernel: &Kernel,
        ledger: &mut Ledger,
        rules: Rules,
    ) -> Result<(), String> {
        let code = match payload {
            [] => 0,
            [a, b, reason @ ..] => {
                str::from_utf8(reason).map_err(|_| "close reason that is not UTF-8")?;
                u16::from_be_bytes([*a, *b])
            }
            _ => return Err("close frame of one byte".into()),
        };
        self.got_close = Some(code);
        let reason = str::from_utf8(payload.get(2..).unwrap_or_default()).unwrap_or_default();
        let long = reason.starts_with("lagged for too long");
        self.judge_place(reason)?;
        let own = self.due_close == Some(code) || self.sent_close == Some(code);
        let right = own
            || match code {
                1001 => rules.draining,
                1008 => self.excuses.silent,
                1013 if long && !rules.lag_timed => false,
                1013 if reason.starts_with("gap; ") => self.plain_reader(),
                1013 => rules.frugal || kernel.socket(self.socket).was_blocked,
                _ => false,
            };
        if !right {
            return Err(format!(
                "closed with {code}; due {:?}, sent {:?}",
                self.due_close, self.sent_close
            ));
        }
        self.lagged = code == 1013 && !rules.frugal && !long;
        if !own {
            ledger.cut(self.id);
        }
        if self.sent_close.is_none() && !self.fin {
            let mut out = Vec::new();
            frames::append(
                &mut out,
                0x80 | frames::CLOSE,
                &payload[..payload.len().min(2)],
                [9, 8, 7, 6],
            );
            self.outbox.push(&out);
        }
        Ok(())
    }

    /// A WebSocket that gets no ids is told where it stands when it is closed.
    fn judge_place(&mut self, reason: &str) -> Result<(), String> {
        if let Some((why, id)) = reason.split_once("; last_event_id=") {
            let place = meta::number(id)?;
            if let Some(reader) = &mut self.reader {
                reader.told_place(place, why == "gap");
            }
        }
        Ok(())
    }

    /// Whether it is a reader that cannot be told of gaps.
    fn plain_reader(&self) -> bool {
        self.reader
            .as_ref()
            .is_some_and(|r| r.kind.is_web_socket() && !r.kind.tells())
    }

    // -- the end ----------------------------------------------------------------------------

    pub(super) fn judge_end(
        &mut self,
        kernel: &mut Kernel,
        ledger: &mut Ledger,
        rules: Rules,
        reset: bool,
    ) -> Result<(), String> {
        if self.reads_http() {
            let verdict = self.judge_reader_end(kernel, rules, reset);
            return verdict.map_err(|e| self.blame(&e));
        }
        let blocked = kernel.socket(self.socket).was_blocked;
        let why = if reset {
            "was reset"
        } else {
            "saw the end of the stream"
        };
        kernel.note(
            if reset {
                "  client sees reset"
            } else {
                "  client sees end"
            },
            u64::from(self.id),
            0,
        );
        if !self.end_is_right(rules, reset, blocked) {
            return Err(self.blame(&format!(
                "{why} without a reason (asked {:?}, due close {:?}, sent close {:?}, {} unread bytes)",
                self.asked, self.due_close, self.sent_close, self.input.len()
            )));
        }
        let dropped = self.excuses.silent || (self.fin && self.role != Role::Http);
        if !reset && !self.input.is_empty() && !dropped {
            return Err(self.blame(&format!(
                "{why} inside a frame or answer: {} bytes of it",
                self.input.len()
            )));
        }
        let orderly = self.got_close.is_some() || (self.fin && !reset && !blocked);
        if !orderly {
            ledger.cut(self.id);
        }
        kernel.client_close(self.socket);
        self.end(Ended::Closed);
        Ok(())
    }

    fn end_is_right(&self, rules: Rules, reset: bool, blocked: bool) -> bool {
        let Client { excuses, .. } = self;
        if self.got_close.is_some() || excuses.silent || rules.draining {
            return true;
        }
        if !self.upgraded {
            let done = self.last_answer || (self.asked.is_empty() && (self.fin || excuses.late));
            let upgrading = matches!(self.asked.front(), Some(Asked::Upgrade { .. }));
            let gone = self.fin && (upgrading || self.role == Role::Rude);
            return done || rules.tight || excuses.late || gone || (upgrading && reset && blocked);
        }
        let member = matches!(self.role, Role::Member { .. } | Role::Reader);
        let lost_close = self.closing().is_some() && (excuses.stalled || excuses.late);
        lost_close
            || (self.fin && self.closing().is_none())
            || rules.frugal
            || (member && blocked && reset)
    }
}

fn upgrade_is_right(
    answer: &Answer<'_>,
    key: usize,
    protocol: Option<&str>,
    extensions: Option<&str>,
) -> Result<(), String> {
    let has = |name: &str, value: &str| {
        answer
            .header(name)
            .is_some_and(|v| v.eq_ignore_ascii_case(value))
    };
    if answer.header("sec-websocket-accept") != Some(KEYS[key].1) {
        return Err(format!(
            "accept {:?} to key {:?}",
            answer.header("sec-websocket-accept"),
            KEYS[key].0
        ));
    }
    if !has("upgrade", "websocket") || !has("connection", "upgrade") {
        return Err(format!("a 101 that upgrades nothing: {:?}", answer.lines));
    }
    if answer.header("sec-websocket-protocol") != protocol
        || answer.header("sec-websocket-extensions") != extensions
    {
        return Err(format!(
            "protocol or extension: {:?}, due {protocol:?} and {extensions:?}",
            answer.lines
        ));
    }
    Ok(())
}
