//! Messages out of the bodies of the streams: events, parts, calls and chunks.

use super::answer::{Incoming, whole};
use super::multipart::{self, Part};
use super::request::CALLBACK;
use super::sse::base64 as decoded;
use super::{Came, Kind, Reader, iframe, sse};
use crate::client::meta::{GAP, read_gap};
use crate::guest::spoken;
use crate::ledger::Ledger;
use crate::rng::digest;

/// A message that comes under a name has to call itself so.
fn is_named(payload: &[u8], name: &str) -> Result<(), String> {
    let own = str::from_utf8(payload).ok().and_then(spoken::name_of);
    match own.is_some_and(|own| own == name) {
        true => Ok(()),
        false => Err(format!("an event {name:?}")),
    }
}

impl Reader {
    fn gap(&mut self, json: &str, id: Option<&str>) -> Result<(), String> {
        let gap = read_gap(json, self.stale)?;
        let own = id == self.stale && id.is_some();
        if !own && whole(id)? != gap.after {
            return Err(format!("{json} under {id:?}"));
        }
        self.came(Came::Gap(gap));
        Ok(())
    }

    /// Takes an event.
    pub(super) fn event(
        &mut self,
        rest: &[u8],
        base64: bool,
        ledger: &mut Ledger,
    ) -> Result<Option<usize>, String> {
        let Some((n, event)) = sse::read(rest)? else {
            return Ok(None);
        };
        let Some(data) = &event.data else {
            match (&event.id, event.name.as_str()) {
                (None, "") => {}
                // Where the stream begins, for who is cut before its first message.
                (Some(id), "") => self.came(Came::Place(whole(Some(id))?)),
                _ => return Err(format!("an event without data: {event:?}")),
            }
            return Ok(Some(n));
        };
        let id = event.id.as_deref();
        match event.name.as_str() {
            "gap" => self.gap(data, id)?,
            "binary" => self.message(Some(whole(id)?), false, &decoded(data)?, ledger)?,
            "" if base64 => self.message(Some(whole(id)?), true, &decoded(data)?, ledger)?,
            "" => self.message(Some(whole(id)?), true, data.as_bytes(), ledger)?,
            name => {
                let payload = match base64 {
                    true => decoded(data)?,
                    false => data.as_bytes().to_vec(),
                };
                is_named(&payload, name)?;
                self.message(Some(whole(id)?), true, &payload, ledger)?;
            }
        }
        Ok(Some(n))
    }

    /// Takes what comes before the first call.
    pub(super) fn page(&mut self, rest: &[u8]) -> Result<Option<usize>, String> {
        iframe::head(rest, CALLBACK)
    }

    /// Takes a call.
    pub(super) fn call(
        &mut self,
        rest: &[u8],
        ledger: &mut Ledger,
    ) -> Result<Option<usize>, String> {
        let Some((n, call)) = iframe::read(rest)? else {
            return Ok(None);
        };
        let Some(call) = call else {
            return Ok(Some(n));
        };
        let id = call.id.as_deref();
        match (call.event.as_str(), &call.data) {
            ("error", None) => {}
            ("gap", Some(json)) => self.gap(json, id)?,
            ("binary", Some(data)) => {
                self.message(Some(whole(id)?), false, &decoded(data)?, ledger)?
            }
            ("", Some(data)) => self.message(Some(whole(id)?), true, data.as_bytes(), ledger)?,
            (name, Some(data)) => {
                is_named(data.as_bytes(), name)?;
                self.message(Some(whole(id)?), true, data.as_bytes(), ledger)?;
            }
            _ => return Err(format!("{call:?}")),
        }
        Ok(Some(n))
    }

    /// Takes a part.
    pub(super) fn part(
        &mut self,
        rest: &[u8],
        boundary: &str,
        ledger: &mut Ledger,
    ) -> Result<Option<usize>, String> {
        let Some((n, part)) = multipart::read(rest, boundary)? else {
            return Ok(None);
        };
        let Part::Message(lines, body) = part else {
            return Ok(Some(n));
        };
        let id = multipart::header(&lines, "etag");
        match multipart::header(&lines, "content-type").unwrap_or_default() {
            "application/vnd.longwave.heartbeat" if body.is_empty() && id.is_none() => {}
            GAP => {
                let json = str::from_utf8(body).map_err(|e| e.to_string())?;
                self.gap(json, id)?;
            }
            kind => {
                let text = kind != "application/octet-stream";
                self.message(Some(whole(id)?), text, body, ledger)?;
            }
        }
        Ok(Some(n))
    }

    /// Takes chunks, each of which is a message; the last, an empty one, is none.
    pub(super) fn chunks(
        &mut self,
        incoming: &mut Incoming,
        ledger: &mut Ledger,
    ) -> Result<(), String> {
        debug_assert_eq!(self.kind, Kind::Chunked);
        let body = &mut incoming.body;
        while let Some(&end) = body.chunks.first() {
            let (text, binary) = (
                digest(true, &body.bytes[..end]),
                digest(false, &body.bytes[..end]),
            );
            if end > 0 {
                let mine = |c: &usize| self.trail.channels >> c & 1 == 1;
                let known = |c: usize| ledger.known(c, text) || ledger.known(c, binary);
                if !(0..8).filter(mine).any(known) {
                    return Err(format!("a chunk of {end} bytes that nobody sent"));
                }
                self.came(Came::Chunk(text, binary));
            }
            body.bytes.drain(..end);
            body.chunks.remove(0);
            body.chunks.iter_mut().for_each(|e| *e -= end);
        }
        Ok(())
    }
}
