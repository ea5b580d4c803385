//! What comes back to a reader over HTTP: heads, and bodies as far as they have come.

use super::body::{Body, Framing};
use super::gunzip::Gunzip;
use super::request::DATE;
use super::{Came, Kind, Reader, multipart};
use crate::client::Rules;
use crate::client::answers::{self, Head};
use crate::client::meta::{number, read_gap};
use crate::ledger::Ledger;

/// What comes next.
#[derive(Debug)]
pub(super) enum Stage {
    /// The head of an answer.
    Head,
    /// Its body.
    Body(Box<Incoming>),
}

/// An answer whose body is on its way.
#[derive(Debug)]
pub(super) struct Incoming {
    status: u16,
    pub(super) body: Body,
    gunzip: Option<Gunzip>,
    /// What is in the body, decompressed.
    pub(super) plain: Vec<u8>,
    pub(super) boundary: Option<String>,
    /// The page has begun.
    pub(super) begun: bool,
    /// Of a poll: whether it is bytes, the id, and the lines.
    binary: bool,
    number: Option<u64>,
    closes: bool,
}

/// Whether the connection goes on after what was judged.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// More of the same comes.
    More,
    /// The answer is whole; another request may follow.
    Answered,
    /// The answer is whole, and the last.
    Last,
}

impl Reader {
    /// Takes what it can use off the front of `input`.
    pub fn judge(
        &mut self,
        input: &[u8],
        late: bool,
        ledger: &mut Ledger,
        rules: Rules,
    ) -> Result<(usize, Next), String> {
        let mut at = 0;
        if let Stage::Head = self.stage {
            let Some((n, head)) = answers::head(input)? else {
                return Ok((0, Next::More));
            };
            at = n;
            self.head(&head, late, ledger, rules)?;
        }
        let Stage::Body(mut incoming) = std::mem::replace(&mut self.stage, Stage::Head) else {
            return Ok((at, Next::More));
        };
        at += incoming.body.feed(&input[at..])?;
        let done = incoming.body.done;
        if incoming.status == 200 {
            self.content(&mut incoming, ledger)?;
        } else {
            incoming.body.bytes.clear();
        }
        if !done {
            self.stage = Stage::Body(incoming);
            return Ok((at, Next::More));
        }
        Ok((
            at,
            if incoming.closes {
                Next::Last
            } else {
                Next::Answered
            },
        ))
    }

    /// The connection has ended: was that at a border? A reset may come anywhere.
    pub fn ended(&mut self) -> Result<(), String> {
        match std::mem::replace(&mut self.stage, Stage::Head) {
            Stage::Body(b)
                if b.status != 200 || !(b.plain.is_empty() && b.body.ends_anywhere()) =>
            {
                Err(format!(
                    "a body ends inside a message: {} bytes of it",
                    b.plain.len()
                ))
            }
            _ => Ok(()),
        }
    }

    fn head(
        &mut self,
        head: &Head<'_>,
        late: bool,
        ledger: &mut Ledger,
        rules: Rules,
    ) -> Result<(), String> {
        let line = head.lines[0];
        self.unanswered = false;
        let poll = self.kind.is_poll();
        let position = match head.header("etag") {
            Some(tag) => Some(tag.parse::<u64>().map_err(|_| format!("an etag {tag:?}"))?),
            None => None,
        };
        if position.is_some() && head.header("last-modified") != Some(DATE) {
            return Err(format!("{line:?}: {:?}", head.lines));
        }
        if let Some(json) = head.header("longwave-gap") {
            let gap = read_gap(json, self.stale)?;
            self.came(Came::Gap(gap));
        }
        match head.status {
            200 => {
                if head.header("cache-control") != Some("no-store") {
                    return Err(format!("an answer that may be stored: {:?}", head.lines));
                }
                if !poll {
                    self.joined(ledger);
                }
            }
            304 | 408 if poll && position.is_some() => {
                // Who still waits for what is to be found again is told its own place.
                let found = head.status == 304 || position > self.last;
                if head.header("longwave-gap").is_none() && found {
                    let blame = |e| format!("{e}: {:?} to {:?}", head.lines, self.kind);
                    self.nothing_new(ledger).map_err(blame)?;
                }
                self.came(Came::Place(position.unwrap_or_default()));
            }
            408 if late => self.refused = true,
            429 | 503 if rules.tight || rules.frugal || rules.draining => self.refused = true,
            // Several channels together take the place of one more.
            503 if !self.trail.channels.is_power_of_two() => self.refused = true,
            _ => return Err(format!("{line:?} to {:?}", self.kind)),
        }
        self.expect_body(head, position)
    }

    /// An answer without a message must not come where there was one when it was asked for.
    fn nothing_new(&self, ledger: &Ledger) -> Result<(), String> {
        let channels = self.trail.channels;
        let from = self.last.map_or(self.due_by, |last| last);
        let lost = ledger
            .by_number
            .range(from + 1..self.due_by.max(from) + 1)
            .find(|(_, m)| channels >> m.0 & 1 == 1);
        match lost {
            Some((number, _)) => Err(format!(
                "nothing new is said where {number} was out, after {from}"
            )),
            None => Ok(()),
        }
    }

    fn expect_body(&mut self, head: &Head<'_>, position: Option<u64>) -> Result<(), String> {
        let content_type = head.header("content-type").unwrap_or_default();
        let length = head.header("content-length").map(str::parse);
        let framing = match (length, head.header("transfer-encoding")) {
            (Some(Ok(length)), None) => Framing::Length(length),
            (None, Some("chunked")) => Framing::Chunked,
            (None, None) if head.status == 304 => Framing::Length(0),
            (None, None) => Framing::Close,
            _ => return Err(format!("framing: {:?}", head.lines)),
        };
        let boundary = multipart::boundary(content_type).map(str::to_owned);
        let several = matches!(self.kind, Kind::Poll { several: true, .. });
        let due = match self.kind {
            _ if head.status != 200 => true,
            Kind::Sse { .. } => content_type == "text/event-stream; charset=utf-8",
            Kind::Mixed => boundary.is_some(),
            Kind::Iframe => content_type == "text/html; charset=utf-8",
            Kind::Poll { .. } => {
                boundary.is_some() == several && position.is_some() && framing != Framing::Close
            }
            Kind::Chunked => framing == Framing::Chunked,
            Kind::WebSocket { .. } => false,
        };
        if !due {
            return Err(format!("to {:?}: {:?}", self.kind, head.lines));
        }
        let gzip = head.header("content-encoding") == Some("gzip");
        if gzip && !matches!(self.kind, Kind::Sse { gzip: true, .. }) {
            return Err(format!("nobody asked for gzip: {:?}", head.lines));
        }
        self.stage = Stage::Body(Box::new(Incoming {
            status: head.status,
            body: Body::new(framing),
            gunzip: gzip.then(Gunzip::default),
            plain: Vec::new(),
            boundary,
            begun: false,
            binary: content_type == "application/octet-stream",
            number: position,
            closes: head.closes() || framing == Framing::Close,
        }));
        Ok(())
    }

    /// Takes what is whole out of a body.
    fn content(&mut self, incoming: &mut Incoming, ledger: &mut Ledger) -> Result<(), String> {
        if self.kind == Kind::Chunked {
            return self.chunks(incoming, ledger);
        }
        match &mut incoming.gunzip {
            Some(gunzip) => gunzip.feed(&incoming.body.bytes, &mut incoming.plain)?,
            None => incoming.plain.extend_from_slice(&incoming.body.bytes),
        }
        incoming.body.bytes.clear();
        let mut at = 0;
        loop {
            let rest = &incoming.plain[at..];
            if rest.is_empty() && !(incoming.body.done && self.kind.is_poll()) {
                break;
            }
            let taken = match self.kind {
                Kind::Sse { base64, .. } => self.event(rest, base64, ledger)?,
                Kind::Iframe if !incoming.begun => self.page(rest)?,
                Kind::Iframe => self.call(rest, ledger)?,
                Kind::Poll { several: false, .. } if incoming.body.done => {
                    self.message(incoming.number, !incoming.binary, rest, ledger)?;
                    Some(rest.len())
                }
                Kind::Poll { several: false, .. } => None,
                _ => match &incoming.boundary {
                    Some(boundary) if !rest.is_empty() => self.part(rest, boundary, ledger)?,
                    _ => None,
                },
            };
            let Some(n) = taken else { break };
            incoming.begun = true;
            at += n;
            if incoming.body.done && at == incoming.plain.len() {
                break;
            }
        }
        incoming.plain.drain(..at);
        match incoming.body.done && !incoming.plain.is_empty() {
            true => Err(format!(
                "an answer ends inside a message: {} bytes",
                incoming.plain.len()
            )),
            false => Ok(()),
        }
    }

    /// A message with its number, known to be somebody's.
    pub(super) fn message(
        &mut self,
        number: Option<u64>,
        text: bool,
        payload: &[u8],
        ledger: &mut Ledger,
    ) -> Result<(), String> {
        let digest = crate::rng::digest(text, payload);
        if let Some(number) = number {
            self.numbered(number, digest, ledger)?;
        }
        self.came(Came::Message(number, digest));
        Ok(())
    }

    /// The number has to be that of the same message for everybody.
    fn numbered(&self, number: u64, digest: u64, ledger: &mut Ledger) -> Result<(), String> {
        let mine = |c: &usize| self.trail.channels >> c & 1 == 1;
        let channel = (0..8).filter(mine).find(|c| ledger.known(*c, digest));
        let channel =
            channel.ok_or_else(|| format!("number {number} is of nobody who sent it here"))?;
        match self.trail.channels.is_power_of_two() {
            true => ledger.numbered(number, channel, digest),
            // Short ones may be the same in several channels.
            false => Ok(()),
        }
    }
}

/// A whole id.
pub(super) fn whole(id: Option<&str>) -> Result<u64, String> {
    number(id.ok_or("a message without an id")?)
}
