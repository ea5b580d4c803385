//! What a GET of a channel asks for: over which transport, from which message on, and how told.
//!
//! Rules:
//! - The transport that `?transport=` names; else the first of these that the headers name: WebSocket,
//!   EventSource, chunked, multipart; else a poll. Headers are asked in the order that Nchan asks them in.
//! - The id is the first that is there of: `If-None-Match` (with `If-Modified-Since` a message's
//!   number in that second, alone a whole id), `Etag`, `Last-Event-ID`, `?last_event_id=`. What comes
//!   after it is not looked at: a browser that reconnects names its newest id in a header and still
//!   has an older one in its query.
//! - Where a whole id may stand, `oldest`, `newest` and `-N` may stand too, headers included: clients
//!   that were given such a start by their program send it where they send ids later. What is
//!   empty is not there. A first id that is malformed is refused: a guess could hide a gap.
//! - `If-Modified-Since` alone names no message and is ignored.
//! - The first value of a key counts; a value that means nothing is refused; a key that means nothing
//!   is somebody else's (a token of the application) and ignored.

use std::borrow::Cow;

use super::date::unix_seconds;
use super::fields::members;
use super::path::{flag, query_pairs};
use super::{BodyKind, Request, channel_name};
use crate::close::Reason;
use crate::limits::CHANNELS_PER_REQUEST_MAX;

/// How messages are to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// A WebSocket. That the request is a correct handshake is not checked here.
    WebSocket,
    /// `text/event-stream` without end.
    EventSource,
    /// A body without end, one chunk of the chunked coding a message. HTTP/1.0 knows no chunks, so
    /// from there only `?transport=` asks for it.
    Chunked,
    /// `multipart/mixed` without end.
    Mixed,
    /// A page without end, each message a script.
    Iframe,
    /// One answer, then the next request.
    Poll {
        /// Wait for a message when there is none.
        wait: bool,
        /// Several waiting messages may come in one `multipart/mixed`.
        several: bool,
    },
}

/// Which message is the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// Where the channel says that those begin who name none.
    Configured,
    /// The next one that is published.
    Newest,
    /// The oldest one that is kept.
    Oldest,
    /// The last so many, then what comes.
    Last(u64),
    /// What follows the message of this id: its epoch and its number.
    After(u64, u64),
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribe<'q> {
    /// How messages are to be sent.
    pub transport: Transport,
    /// Which message is the first.
    pub start: Start,
    /// EventSource: events have names (`?events=off`: all are plain messages).
    pub events: bool,
    /// EventSource: all data is base64, text too (`?base64=true`).
    pub base64: bool,
    /// EventSource: the stream may be gzip. Only a coding that is named counts, `*` does not.
    pub gzip: bool,
    /// Iframe: the function that takes messages (`?callback=`), not checked yet.
    pub callback: Option<Cow<'q, str>>,
    /// A gap that the transport cannot announce does not end the subscription (`?gap=accept`).
    pub accept_gap: bool,
    /// WebSocket: own messages come back (`?echo=true`).
    pub echo: bool,
}

/// Reads what a request for a channel's messages asks for.
///
/// # Errors
/// [`Reason::BadMethod`] for another method than GET and HEAD, [`Reason::BadRequest`] for a body
/// (that of a handshake is left to its check), [`Reason::BadQuery`] and [`Reason::BadMessageId`].
pub fn subscribe<'q>(request: &Request<'_, 'q>) -> Result<Subscribe<'q>, Reason> {
    if !matches!(request.method, "GET" | "HEAD") {
        return Err(Reason::BadMethod);
    }
    let asked = Asked::read(request.query);
    let transport = transport(request, &asked)?;
    if request.body != BodyKind::None && transport != Transport::WebSocket {
        return Err(Reason::BadRequest);
    }
    let accept_gap = match asked.gap.as_deref() {
        None => false,
        Some("accept") => true,
        Some(_) => return Err(Reason::BadQuery),
    };
    Ok(Subscribe {
        transport,
        start: start(request, asked.last_event_id.as_deref())?,
        events: flag(asked.events.as_deref())?.unwrap_or(true),
        base64: flag(asked.base64.as_deref())?.unwrap_or(false),
        gzip: transport == Transport::EventSource && takes_gzip(request),
        callback: asked.callback,
        accept_gap,
        echo: flag(asked.echo.as_deref())?.unwrap_or(false),
    })
}

/// The channels that a raw path segment names, in its order: commas separate them, and one that is
/// named twice counts once.
///
/// # Errors
/// [`Reason::BadChannel`], and [`Reason::TooManyNames`] beyond [`CHANNELS_PER_REQUEST_MAX`] names,
/// those named twice included.
pub fn channel_names(segment: &str) -> Result<Vec<Cow<'_, str>>, Reason> {
    let mut names: Vec<Cow<'_, str>> = Vec::new();
    for (i, part) in segment.split(',').enumerate() {
        if i == CHANNELS_PER_REQUEST_MAX {
            return Err(Reason::TooManyNames);
        }
        let name = channel_name(part)?;
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

/// The keys of a query that mean something, each with its first value.
#[derive(Debug, Default)]
struct Asked<'q> {
    transport: Option<Cow<'q, str>>,
    wait: Option<Cow<'q, str>>,
    multipart: Option<Cow<'q, str>>,
    last_event_id: Option<Cow<'q, str>>,
    events: Option<Cow<'q, str>>,
    base64: Option<Cow<'q, str>>,
    callback: Option<Cow<'q, str>>,
    gap: Option<Cow<'q, str>>,
    echo: Option<Cow<'q, str>>,
}

impl<'q> Asked<'q> {
    fn read(query: Option<&'q str>) -> Asked<'q> {
        let mut asked = Asked::default();
        for (key, value) in query_pairs(query) {
            let place = match &*key {
                "transport" => &mut asked.transport,
                "wait" => &mut asked.wait,
                "multipart" => &mut asked.multipart,
                "last_event_id" => &mut asked.last_event_id,
                "events" => &mut asked.events,
                "base64" => &mut asked.base64,
                "callback" => &mut asked.callback,
                "gap" => &mut asked.gap,
                "echo" => &mut asked.echo,
                _ => continue,
            };
            place.get_or_insert(value);
        }
        asked
    }
}

fn transport(request: &Request<'_, '_>, asked: &Asked<'_>) -> Result<Transport, Reason> {
    let poll = Transport::Poll {
        wait: flag(asked.wait.as_deref())?.unwrap_or(true),
        several: flag(asked.multipart.as_deref())?.unwrap_or(false),
    };
    match asked.transport.as_deref() {
        Some("websocket") => Ok(Transport::WebSocket),
        Some("eventsource") => Ok(Transport::EventSource),
        Some("chunked") => Ok(Transport::Chunked),
        Some("mixed") => Ok(Transport::Mixed),
        Some("iframe") => Ok(Transport::Iframe),
        Some("poll") => Ok(poll),
        Some(_) => Err(Reason::BadQuery),
        None if is_upgrade(request) => Ok(Transport::WebSocket),
        None if request.accepts("text/event-stream") => Ok(Transport::EventSource),
        None if request.minor >= 1 && request.has_token("te", "chunked") => Ok(Transport::Chunked),
        None if request.accepts("multipart/mixed") => Ok(Transport::Mixed),
        None => Ok(poll),
    }
}

/// Whether this tries to become a WebSocket. A key alone is what is left when a proxy drops the
/// hop-by-hop headers: that deserves the handshake's refusal rather than a poll.
fn is_upgrade(request: &Request<'_, '_>) -> bool {
    request.header("sec-websocket-key").is_some() || request.has_token("upgrade", "websocket")
}

/// Whether `Accept-Encoding` names gzip with a weight that is not zero (RFC 9110 12.5.3).
fn takes_gzip(request: &Request<'_, '_>) -> bool {
    members(request.headers, "accept-encoding").any(|member| {
        let mut parts = member.split(|&b| b == b';').map(<[u8]>::trim_ascii);
        let coding = parts.next().unwrap_or_default();
        let named = [&b"gzip"[..], b"x-gzip"];
        named.iter().any(|name| coding.eq_ignore_ascii_case(name)) && !parts.any(is_zero_weight)
    })
}

/// `q=0`, `q=0.` and up to three zeros behind it (RFC 9110 12.4.2).
fn is_zero_weight(parameter: &[u8]) -> bool {
    match parameter {
        [b'q' | b'Q', b'=', weight @ ..] => {
            weight.starts_with(b"0") && weight.iter().all(|b| matches!(b, b'0' | b'.'))
        }
        _ => false,
    }
}

fn start(request: &Request<'_, '_>, asked: Option<&str>) -> Result<Start, Reason> {
    if let Some(tag) = id_field(request, "if-none-match")? {
        let tag = untagged(tag).ok_or(Reason::BadMessageId)?;
        let Some(date) = id_field(request, "if-modified-since")? else {
            return whole_id(tag);
        };
        let id = unix_seconds(date).zip(number(tag));
        let (epoch, number) = id.ok_or(Reason::BadMessageId)?;
        return Ok(Start::After(epoch, number));
    }
    if let Some(tag) = id_field(request, "etag")? {
        return whole_id(untagged(tag).ok_or(Reason::BadMessageId)?);
    }
    if let Some(id) = id_field(request, "last-event-id")? {
        return whole_id(id);
    }
    match asked {
        None | Some("") => Ok(Start::Configured),
        Some(id) => whole_id(id),
    }
}

/// The value of a field that says where to begin; `None` when it is not there or empty.
fn id_field<'b>(request: &Request<'_, 'b>, name: &str) -> Result<Option<&'b str>, Reason> {
    let value = request.header_once(name);
    let value = value.map_err(|_| Reason::BadMessageId)?.unwrap_or_default();
    let text = std::str::from_utf8(value).map_err(|_| Reason::BadMessageId)?;
    Ok(Some(text).filter(|text| !text.is_empty()))
}

/// What is inside an entity tag (RFC 9110 8.8.3), which may also come without its quotes.
fn untagged(tag: &str) -> Option<&str> {
    let strong = tag.strip_prefix("W/").unwrap_or(tag);
    match strong.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"'),
        None => (strong.len() == tag.len()).then_some(tag),
    }
}

fn whole_id(text: &str) -> Result<Start, Reason> {
    let start = match text {
        "oldest" => Some(Start::Oldest),
        "newest" => Some(Start::Newest),
        _ => match text.strip_prefix('-') {
            Some(count) => number(count).map(Start::Last),
            None => text.split_once(':').and_then(|(epoch, rest)| {
                let (epoch, number) = number(epoch).zip(number(rest))?;
                Some(Start::After(epoch, number))
            }),
        },
    };
    start.ok_or(Reason::BadMessageId)
}

/// A number as ids are written: digits alone, no zero in front, at most 64 bits.
fn number(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let shortest = text == "0" || !text.starts_with('0');
    text.parse().ok().filter(|_| digits && shortest)
}
