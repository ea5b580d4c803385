//! What a reader asks for, in all the ways in which that may be said.

use super::{Came, Kind, Reader};
use crate::crowd::CHANNELS;
use crate::ledger::Ledger;
use crate::rng::Rng;

/// The time in every id, as HTTP writes it.
pub const DATE: &str = "Tue, 14 Nov 2023 22:13:20 GMT";
/// The function that an iframe is to call.
pub const CALLBACK: &str = "parent.sim.take";

impl Reader {
    /// The request for its messages, up to the empty line, and from where on it asks.
    pub fn request(&mut self, ledger: &Ledger, rng: &mut Rng) -> String {
        let place = self.last.map(|number| format!("1700000000:{number}"));
        let id = place.or(self.stale.map(Into::into));
        if let Some(last) = self.last {
            self.trail.came.push(Came::Resume(last));
        }
        self.trail.chunks = self.kind == Kind::Chunked;
        self.stage = super::Stage::Head;
        self.asks_at_ms = None;
        self.due_by = ledger.newest_of(self.trail.channels);
        let (mut query, mut lines) = self.transport(rng);
        match id {
            Some(id) => say_id(&id, &mut query, &mut lines, rng),
            None if rng.chance(100) => query.push("last_event_id=newest".into()),
            None => {}
        }
        let names: Vec<&str> = (0..CHANNELS.len())
            .filter(|c| self.trail.channels >> c & 1 == 1)
            .map(|c| CHANNELS[c])
            .collect();
        let mark = if query.is_empty() { "" } else { "?" };
        let minor = u8::from(!matches!(self.kind, Kind::Sse { old: true, .. }));
        format!(
            "GET /channels/{}{mark}{} HTTP/1.{minor}\r\nHost: sim\r\n{}",
            names.join(","),
            query.join("&"),
            lines.concat()
        )
    }

    /// Parts of the query, and header lines.
    fn transport(&self, rng: &mut Rng) -> (Vec<String>, Vec<String>) {
        let (mut query, mut lines) = (Vec::new(), Vec::new());
        let mut by = |header: &str, value: &str, rng: &mut Rng| match rng.chance(500)
            && !header.is_empty()
        {
            true => lines.push(header.to_owned()),
            false => query.push(format!("transport={value}")),
        };
        match self.kind {
            Kind::Sse { .. } => by("Accept: text/event-stream\r\n", "eventsource", rng),
            Kind::Chunked => by("TE: chunked\r\n", "chunked", rng),
            Kind::Mixed => by("Accept: multipart/mixed, */*\r\n", "mixed", rng),
            Kind::Iframe => by("", "iframe", rng),
            Kind::Poll { .. } if rng.chance(200) => by("", "poll", rng),
            Kind::Poll { .. } | Kind::WebSocket { .. } => {}
        }
        match self.kind {
            Kind::Sse { gzip, base64, .. } => {
                query.extend(base64.then(|| "base64=true".into()));
                lines.extend(gzip.then(|| "Accept-Encoding: br, gzip\r\n".into()));
            }
            Kind::Iframe => query.push(format!("callback={CALLBACK}")),
            Kind::Poll { wait, several } => {
                query.extend((!wait).then(|| "wait=0".into()));
                query.extend(several.then(|| "multipart=true".into()));
            }
            _ => {}
        }
        (query, lines)
    }
}

/// Says an id in one of the ways there are.
fn say_id(id: &str, query: &mut Vec<String>, lines: &mut Vec<String>, rng: &mut Rng) {
    let tag = id.split_once(':').map_or(id, |(_, tag)| tag);
    match rng.below(6) {
        0 if id.starts_with("17") => lines.push(format!(
            "If-Modified-Since: {DATE}\r\nIf-None-Match: {}\r\n",
            rng.pick(&[tag.to_owned(), format!("\"{tag}\"")])
        )),
        1 => lines.push(format!("If-None-Match: \"{id}\"\r\n")),
        2 => lines.push(format!("Etag: {id}\r\n")),
        3 => lines.push(format!("last-event-id: {id}\r\n")),
        4 => query.push(format!("last_event_id={}", id.replace(':', "%3A"))),
        _ => query.push(format!("last_event_id={id}")),
    }
}
