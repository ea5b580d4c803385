//! Messages as events: what a Socket.IO client gets for a message of its channel.
//!
//! Rules:
//! - Text of the form `{"name","data"}` is that event; an array is its arguments, anything else is one.
//!   Other text, and bytes, are one argument of the event `message`, or of that which its publisher named.
//! - No name that is [reserved](RESERVED) goes out as one, and nothing at which a client throws: what has such
//!   a name, or would be too deep, too much, or with attachments that do not fit, goes out as text, all of it.
//! - The official parser looks for placeholders only in packets with attachments; so what looks like
//!   one in a message without attachments goes out as it is.
//! - In the steady state nothing is allocated for bytes, text, and events whose values do not lie in each
//!   other (for those `serde_json` keeps a stack).

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};

use super::json::{Judge, is_modest, placeholders_fit};
use super::packet::{PacketKind, append_head};
use super::{RESERVED, append_decoded, append_string};
use crate::event::{self, Event};
use crate::limits::SAID_ATTACHMENTS_MAX;

/// A message of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Said<'a> {
    /// `T:N`.
    pub id: &'a str,
    /// Bytes; else text.
    pub binary: bool,
    /// The event name that the publisher gave beside the payload.
    pub event: Option<&'a str>,
    /// UTF-8, unless `binary`.
    pub payload: &'a [u8],
}

/// A message as it goes out: a packet, and as many messages of bytes as it says.
#[derive(Debug, Default)]
pub struct Spoken {
    /// The packet of Engine.IO: `42/news,["a",1]`.
    pub text: Vec<u8>,
    /// All attachments, one behind the other.
    bytes: Vec<u8>,
    /// Where each of them ends.
    ends: Vec<usize>,
}

impl Spoken {
    /// The messages of bytes that follow the packet.
    pub fn attachments(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(&0).chain(&self.ends);
        starts
            .zip(&self.ends)
            .map(|(&start, &end)| &self.bytes[start..end])
    }

    /// Forgets what it holds, and keeps its memory.
    pub fn clear(&mut self) {
        self.text.clear();
        self.forget_attachments();
    }

    fn forget_attachments(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// Forgets what it holds, and keeps of the memory for packets and for bytes so much each.
    pub fn trim(&mut self, kept_max: usize) {
        self.clear();
        self.text.shrink_to(kept_max);
        self.bytes.shrink_to(kept_max);
    }
}

/// Makes of a message what goes to the clients in a namespace. `with_id`: with its id as last argument.
pub fn say(said: &Said<'_>, namespace: &str, with_id: bool, spoken: &mut Spoken) {
    spoken.clear();
    let id = with_id.then_some(said.id);
    let given = said.event.filter(|name| !RESERVED.contains(name));
    let fallback = given.unwrap_or("message");
    let text = match said.binary {
        true => None,
        false => simdutf8::basic::from_utf8(said.payload).ok(),
    };
    let Some(text) = text else {
        spoken.bytes.extend_from_slice(said.payload);
        spoken.ends.push(spoken.bytes.len());
        spoken.begin(namespace, fallback);
        spoken
            .text
            .extend_from_slice(b",{\"_placeholder\":true,\"num\":0}");
        return spoken.end(id);
    };
    spoken.text.reserve(text.len() + namespace.len() + 64);
    match event::parse(said.payload) {
        Some(event) if may_be_said(&event, spoken) => {
            spoken.begin(namespace, &event.name);
            spoken.arguments(event.data);
        }
        _ => {
            spoken.forget_attachments();
            spoken.begin(namespace, fallback);
            spoken.text.push(b',');
            append_string(text, &mut spoken.text);
        }
    }
    spoken.end(id);
}

impl Spoken {
    fn begin(&mut self, namespace: &str, name: &str) {
        let kind = match self.ends.len() {
            0 => PacketKind::Event,
            _ => PacketKind::BinaryEvent,
        };
        self.text.push(b'4');
        append_head(kind, self.ends.len(), namespace, None, &mut self.text);
        self.text.push(b'[');
        append_string(name, &mut self.text);
    }

    fn arguments(&mut self, data: &[u8]) {
        let inner = data
            .strip_prefix(b"[")
            .and_then(|rest| rest.strip_suffix(b"]"));
        let args = inner.map_or(data, <[u8]>::trim_ascii);
        if !args.is_empty() {
            self.text.push(b',');
            self.text.extend_from_slice(args);
        }
    }

    fn end(&mut self, id: Option<&str>) {
        if let Some(id) = id {
            self.text.push(b',');
            append_string(id, &mut self.text);
        }
        self.text.push(b']');
    }
}

/// Whether clients can be given an event as one. Its attachments are in `spoken` then.
fn may_be_said(event: &Event<'_>, spoken: &mut Spoken) -> bool {
    let Ok(data) = std::str::from_utf8(event.data) else {
        return false;
    };
    let attached = |json: &[u8], spoken: &mut Spoken| {
        let mut json = serde_json::Deserializer::from_slice(json);
        json.deserialize_seq(Attachments(spoken)).is_ok()
            && (spoken.ends.is_empty()
                || placeholders_fit(data, spoken.ends.len(), Judge::Everyone))
    };
    !RESERVED.contains(&&*event.name)
        && is_modest(data)
        && event.attachments.is_none_or(|json| attached(json, spoken))
}

/// Reads an array of base64, as long as there are not too many.
struct Attachments<'s>(&'s mut Spoken);

/// A string of JSON, copied only if it is written with escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Visitor<'de> for Attachments<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array of base64")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let spoken = self.0;
        while let Some(Text(base64)) = elements.next_element()? {
            if spoken.ends.len() == SAID_ATTACHMENTS_MAX {
                return Err(A::Error::custom("too many"));
            }
            if !append_decoded(&base64, &mut spoken.bytes) {
                return Err(A::Error::custom("not base64"));
            }
            spoken.ends.push(spoken.bytes.len());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
