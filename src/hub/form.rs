//! Wire forms: what a message looks like to those who take it in that form, and the one place that
//! makes it so.

use std::io::Write;

use super::Id;
use crate::buf::{Log, Pool};
use crate::close::Reason;
use crate::limits::{CONTENT_TYPE_BYTES_MAX, ENCODED_KEPT_BYTES_MAX, EVENT_NAME_BYTES_MAX};
use crate::mark::{mark, planted};
use crate::socketio::{self, Said, Spoken};
use crate::stream::{Item, chunked, gzip, iframe, mixed, poll, sse};
use crate::ws::header::COMPRESSED;
use crate::ws::{self, Deflater, Kind};

pub use crate::stream::GAP_TYPE;

/// Event streams are compressed with this window.
const GZIP_WINDOW_BITS: u8 = 15;

/// The media type of bytes that nobody gave one.
const BYTES_TYPE: &str = "application/octet-stream";

/// The most that stands in front of a payload: npm `nchan` looks for the end of that among the first
/// 255 bytes.
const META_BYTES_MAX: usize = 255;

const _: () = assert!(
    "id: :\n".len() + 40 + "content-type: \n\n".len() + CONTENT_TYPE_BYTES_MAX <= META_BYTES_MAX
);

/// How messages are encoded for a member. Closed: nothing that a client sends is part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// WebSocket frames (RFC 6455).
    Plain,
    /// WebSocket frames, compressed where that pays (RFC 7692), for those who agreed to a window of
    /// so many bits: 9 to 15.
    Deflated(u8),
    /// WebSocket frames whose payload begins with lines that tell the message's id and media type
    /// (the subprotocol `ws+meta.nchan` of Nchan).
    Meta,
    /// An event stream (HTML standard 9.2).
    Sse(Sse),
    /// A chunk of an HTTP body for each message (RFC 9112 7.1).
    Chunked,
    /// Payloads one after another, in an HTTP body that ends with the connection.
    Raw,
    /// Parts of an endless `multipart/mixed` body (RFC 2046 5.1).
    Mixed,
    /// Script elements of an endless page.
    Iframe,
    /// An HTTP answer to each poll, but for its private first lines.
    Poll,
    /// Parts of the answer to a poll that takes all that waits for it.
    Polls,
    /// WebSocket frames of Engine.IO that hold Socket.IO packets: one of text, and one for each attachment.
    Packets,
    /// The same packets in the answer to a poll of Engine.IO, a separator in front of each.
    Payload,
}

/// What differs between event streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sse {
    /// Events have their names; else all of them are plain messages.
    pub events: bool,
    /// Payloads go as base64, those of bytes always do.
    pub base64: bool,
    /// Compressed.
    pub gzip: bool,
}

impl Form {
    /// What operators call it.
    pub fn word(self) -> &'static str {
        match self {
            Form::Plain => "websocket",
            Form::Deflated(_) => "websocket-deflate",
            Form::Meta => "websocket-meta",
            Form::Sse(Sse { gzip: false, .. }) => "eventsource",
            Form::Sse(Sse { gzip: true, .. }) => "eventsource-gzip",
            Form::Chunked => "chunked",
            Form::Raw => "raw",
            Form::Mixed => "multipart",
            Form::Iframe => "iframe",
            Form::Poll => "poll",
            Form::Polls => "poll-multipart",
            Form::Packets => "socket.io",
            Form::Payload => "socket.io-polling",
        }
    }

    /// Whether a gap can be told between two messages.
    pub fn tells_gaps(self) -> bool {
        matches!(self, Form::Meta | Form::Sse(_) | Form::Mixed | Form::Iframe)
    }

    /// What keeps a stream in this form alive; empty: nothing can.
    pub(super) fn heartbeat(self) -> Vec<u8> {
        match self {
            Form::Sse(Sse { gzip: false, .. }) => sse::HEARTBEAT.to_vec(),
            Form::Sse(_) => {
                let mut out = Vec::new();
                gzip::stored(sse::HEARTBEAT, &mut out);
                out
            }
            Form::Mixed => mixed::HEARTBEAT.to_vec(),
            Form::Iframe => iframe::HEARTBEAT.to_vec(),
            _ => Vec::new(),
        }
    }

    /// What ends a stream in this form; an event stream's reader is told when to come back.
    pub(super) fn farewell(self, retry_ms: u64) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Form::Sse(Sse { gzip: false, .. }) => sse::head(retry_ms, None, &mut out),
            Form::Sse(_) => {
                let mut text = Vec::new();
                sse::head(retry_ms, None, &mut text);
                gzip::stored(&text, &mut out);
            }
            Form::Chunked => out.extend_from_slice(chunked::END),
            Form::Mixed => out.extend_from_slice(mixed::END),
            Form::Iframe => iframe::end(&mut out),
            _ => {}
        }
        out
    }

    /// Whether a member gets one answer and leaves: it is not swept but told that something waits.
    pub fn is_poll(self) -> bool {
        matches!(self, Form::Poll | Form::Polls)
    }
}

/// A message as encoders see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Content<'a> {
    pub id: Id,
    pub kind: Kind,
    pub content_type: Option<&'a str>,
    /// The event's name.
    pub event: Option<&'a str>,
    /// Unmasked; UTF-8 if it is text.
    pub payload: &'a [u8],
}

/// What encoding needs beside a message and a log.
#[derive(Debug)]
pub(super) struct Tools {
    pub deflater: Deflater,
    /// Where the forms of HTTP are written first.
    text: Vec<u8>,
    compressed: Vec<u8>,
    /// `Last-Modified` of every message: when the relay started.
    pub modified: String,
    /// What Socket.IO is told of channels.
    pub spaces: Spaces,
    /// Where a message is put into words for it.
    spoken: Spoken,
    namespace: String,
}

/// What Socket.IO is told of channels.
#[derive(Debug, Clone, Default)]
pub struct Spaces {
    /// The channel that is the namespace `/`.
    pub root: Box<str>,
    /// Events have their id as a last argument.
    pub ids: bool,
}

impl Tools {
    pub fn new(deflater: Deflater) -> Tools {
        Tools {
            deflater,
            text: Vec::new(),
            compressed: Vec::new(),
            modified: String::new(),
            spaces: Spaces::default(),
            spoken: Spoken::default(),
            namespace: String::new(),
        }
    }

    /// Keeps little of what a large message needed.
    fn trim(&mut self) {
        for bytes in [&mut self.text, &mut self.compressed] {
            bytes.clear();
            bytes.shrink_to(ENCODED_KEPT_BYTES_MAX);
        }
        self.spoken.trim(ENCODED_KEPT_BYTES_MAX);
        self.deflater.trim();
    }
}

/// Appends a message to a log, with its number. This cannot fail; a form may have nothing to say of a
/// message, which then has no place in its log.
pub(super) fn encode(
    form: Form,
    channel: &str,
    content: Content<'_>,
    origin: u64,
    log: &mut Log,
    pool: &mut Pool,
    tools: &mut Tools,
) {
    let (opcode, payload) = (content.kind.opcode(), content.payload);
    match form {
        Form::Plain => frame(opcode, &[], payload, origin, log, pool),
        Form::Deflated(bits) => {
            let (opcode, payload) = deflated(bits, content, &mut tools.deflater);
            frame(opcode, &[], payload, origin, log, pool);
            tools.deflater.trim();
        }
        Form::Meta => {
            let mut lines = [0; META_BYTES_MAX];
            let len = meta(content, &mut lines);
            frame(opcode, &lines[..len], payload, origin, log, pool);
        }
        _ => {
            let bytes = written(form, channel, content, tools);
            if bytes.is_empty() {
                return;
            }
            log.reserve(bytes.len(), pool).copy_from_slice(bytes);
            log.commit(bytes.len(), origin);
            tools.trim();
        }
    }
    log.number(content.id.number, pool);
}

/// A message in a form of HTTP or Engine.IO.
fn written<'a>(form: Form, channel: &str, content: Content<'_>, tools: &'a mut Tools) -> &'a [u8] {
    let id = content.id.to_string();
    let item = Item {
        id: &id,
        binary: content.kind == Kind::Binary,
        content_type: content.content_type,
        event: content.event,
        payload: content.payload,
    };
    let text = &mut tools.text;
    text.clear();
    match form {
        Form::Sse(sse) => {
            sse::append(&item, sse.events, sse.base64, text);
            if sse.gzip {
                return gzipped(tools);
            }
        }
        Form::Chunked => chunked::append(&item, text),
        Form::Raw => text.extend_from_slice(content.payload),
        Form::Mixed | Form::Polls => mixed::append(&item, text),
        Form::Iframe => iframe::append(&item, text),
        Form::Poll => poll::append(&item, &tools.modified, text),
        Form::Packets | Form::Payload => spoken(form, channel, &item, tools),
        Form::Plain | Form::Deflated(_) | Form::Meta => {}
    }
    &tools.text
}

/// A message as packets of Socket.IO, in frames or in a payload.
fn spoken(form: Form, channel: &str, item: &Item<'_>, tools: &mut Tools) {
    let Tools {
        text,
        spaces,
        spoken,
        namespace,
        ..
    } = tools;
    namespace.clear();
    namespace.push('/');
    if *spaces.root != *channel {
        namespace.push_str(channel);
    }
    let said = Said {
        id: item.id,
        binary: item.binary,
        event: item.event,
        payload: item.payload,
    };
    socketio::say(&said, namespace, spaces.ids, spoken);
    if form == Form::Packets {
        ws::append_frame(text, Kind::Text.opcode(), &spoken.text);
        for bytes in spoken.attachments() {
            ws::append_frame(text, Kind::Binary.opcode(), bytes);
        }
        return;
    }
    text.push(socketio::SEPARATOR);
    text.extend_from_slice(&spoken.text);
    for bytes in spoken.attachments() {
        socketio::append_polled_binary(bytes, text);
    }
}

/// What was written, as a piece of a gzip stream that can be inflated without those before it.
fn gzipped(tools: &mut Tools) -> &[u8] {
    let Tools {
        deflater,
        text,
        compressed,
        ..
    } = tools;
    compressed.clear();
    match deflater.deflate(text, GZIP_WINDOW_BITS) {
        Some(bytes) => {
            compressed.extend_from_slice(bytes);
            compressed.extend_from_slice(&gzip::SYNC);
        }
        None => gzip::stored(text, compressed),
    }
    compressed
}

/// What tells of a gap, in forms that can.
pub(super) fn gap(form: Form, id: Id, json: &str) -> Vec<u8> {
    let (mut out, text) = (Vec::new(), id.to_string());
    match form {
        Form::Meta => {
            let content = Content {
                id,
                kind: Kind::Text,
                content_type: Some(GAP_TYPE),
                event: None,
                payload: json.as_bytes(),
            };
            ws::append_frame(&mut out, Kind::Text.opcode(), &with_meta(content));
        }
        Form::Sse(Sse { gzip: false, .. }) => sse::gap(&text, json, &mut out),
        Form::Sse(_) => {
            let mut plain = Vec::new();
            sse::gap(&text, json, &mut plain);
            gzip::stored(&plain, &mut out);
        }
        Form::Mixed => mixed::gap(&text, json, &mut out),
        Form::Iframe => iframe::gap(&text, json, &mut out),
        _ => {}
    }
    out
}

/// First byte's lower part and payload of a frame for a window of so many bits: compressed, or as
/// it is where that does not pay, which is always allowed (RFC 7692 6).
fn deflated<'a>(bits: u8, content: Content<'a>, deflater: &'a mut Deflater) -> (u8, &'a [u8]) {
    let opcode = content.kind.opcode();
    match deflater.deflate(content.payload, bits) {
        Some(compressed) if planted("compressed_not_said") => (opcode, compressed),
        Some(compressed) => {
            mark("message_deflated");
            (opcode | COMPRESSED, compressed)
        }
        None if planted("plain_said_compressed") => (opcode | COMPRESSED, content.payload),
        None => (opcode, content.payload),
    }
}

/// Writes the lines in front of a payload of [`Form::Meta`]; returns how many bytes they have. Bytes
/// are said to be bytes, so that a reader can tell them from text.
fn meta(content: Content<'_>, into: &mut [u8; META_BYTES_MAX]) -> usize {
    let mut rest = &mut into[..];
    let implied = (content.kind == Kind::Binary).then_some(BYTES_TYPE);
    // They fit: see the assertion above.
    let _ = writeln!(rest, "id: {}", content.id);
    if let Some(content_type) = content.content_type.or(implied) {
        let _ = writeln!(rest, "content-type: {content_type}");
    }
    let _ = rest.write_all(b"\n");
    META_BYTES_MAX - rest.len()
}

/// The payload of [`Form::Meta`].
fn with_meta(content: Content<'_>) -> Vec<u8> {
    let mut lines = [0; META_BYTES_MAX];
    let len = meta(content, &mut lines);
    [&lines[..len], content.payload].concat()
}

/// Appends one frame whose payload is `head`, then `payload`.
fn frame(opcode: u8, head: &[u8], payload: &[u8], origin: u64, log: &mut Log, pool: &mut Pool) {
    let mut header = [0; ws::HEADER_ROOM];
    let len = head.len() + payload.len();
    let header_len = ws::encode_header(&mut header, opcode, len);
    let room = log.reserve(header_len + len, pool);
    let (front, rest) = room.split_at_mut(header_len);
    front.copy_from_slice(&header[..header_len]);
    rest[..head.len()].copy_from_slice(head);
    rest[head.len()..].copy_from_slice(payload);
    log.commit(header_len + len, origin);
}

/// Lets a publisher's media type pass: at most `CONTENT_TYPE_BYTES_MAX` bytes of visible ASCII,
/// blanks and tabs, which no wire form has to escape, and not [`GAP_TYPE`].
pub fn check_content_type(given: &[u8]) -> Result<&str, Reason> {
    let fits = |b: &u8| matches!(b, b'\t' | b' '..=b'~');
    let text = std::str::from_utf8(given).map_err(|_| Reason::BadContentType)?;
    let essence = text.split(';').next().unwrap_or_default().trim();
    if given.len() > CONTENT_TYPE_BYTES_MAX
        || !given.iter().all(fits)
        || essence.eq_ignore_ascii_case(GAP_TYPE)
    {
        return Err(Reason::BadContentType);
    }
    Ok(text)
}

/// Lets an event's name pass: at most `EVENT_NAME_BYTES_MAX` bytes of UTF-8 without control characters.
pub fn check_event(given: &[u8]) -> Result<&str, Reason> {
    let text = std::str::from_utf8(given).map_err(|_| Reason::BadEvent)?;
    match given.len() <= EVENT_NAME_BYTES_MAX && !text.contains(char::is_control) {
        true => Ok(text),
        false => Err(Reason::BadEvent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(kind: Kind, content_type: Option<&str>) -> String {
        let mut into = [0; META_BYTES_MAX];
        let id = Id {
            epoch: u64::MAX,
            number: u64::MAX,
        };
        let content = Content {
            id,
            kind,
            content_type,
            event: None,
            payload: b"x",
        };
        let len = meta(content, &mut into);
        String::from_utf8(into[..len].to_vec()).unwrap()
    }

    #[test]
    fn the_lines_say_id_and_type_and_bytes_are_always_told_apart() {
        let id = "id: 18446744073709551615:18446744073709551615\n";
        assert_eq!(lines(Kind::Text, None), format!("{id}\n"));
        let json = Some("application/json");
        let typed = format!("{id}content-type: application/json\n\n");
        assert_eq!(lines(Kind::Text, json), typed);
        let bytes = format!("{id}content-type: application/octet-stream\n\n");
        assert_eq!(lines(Kind::Binary, None), bytes);
        let longest = "x".repeat(CONTENT_TYPE_BYTES_MAX);
        assert!(lines(Kind::Text, Some(&longest)).ends_with("x\n\n"));
    }

    #[test]
    fn only_types_that_need_no_escape_pass_and_not_that_of_gaps() {
        let longest = "x".repeat(CONTENT_TYPE_BYTES_MAX);
        for good in ["", "text/plain;\tcharset=\"utf-8\"", &longest] {
            assert_eq!(check_content_type(good.as_bytes()), Ok(good));
        }
        let over = "x".repeat(CONTENT_TYPE_BYTES_MAX + 1);
        let gap = "Application/VND.longwave.gap+json ; a=b";
        for bad in [
            &over,
            "a\nid: 1:1",
            "a\rb",
            "a\0b",
            "\x7f",
            "é",
            gap,
            GAP_TYPE,
        ] {
            assert_eq!(
                check_content_type(bad.as_bytes()),
                Err(Reason::BadContentType)
            );
        }
        assert!(check_content_type(b"\xff").is_err());
    }
}
