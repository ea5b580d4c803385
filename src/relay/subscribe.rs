//! Who subscribes over HTTP: streams that do not end, and polls that wait for one answer.

use super::Relay;
use super::peer::BLOCKED;
use super::polls::POLL_VARY;
use crate::close::Reason;
use crate::conn::{Conn, PollConn};
use crate::http::{self, Answer, Cors, Request, Subscribe, Transport};
use crate::hub::{Form, Id, Missed, Reach, Sse, Start};
use crate::mark::mark;
use crate::settings::Begin;
use crate::stream::{gzip, iframe, mixed, sse};

/// What every answer to a subscriber says of caches and proxies.
const NO_STORE: &[(&str, &str)] = &[
    ("Cache-Control", "no-store"),
    ("X-Accel-Buffering", "no"),
    ("X-Content-Type-Options", "nosniff"),
];

/// What the page in an iframe may do: run the scripts that are its messages, and nothing else.
const IFRAME_POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'";

/// Where a gap is told that the body has no place for.
pub(super) const GAP: &str = "Longwave-Gap";

impl Relay {
    /// Answers a GET of channels that is no WebSocket: with a stream, or as a poll.
    pub(super) fn subscribe(
        &mut self,
        slot: u32,
        request: &Request<'_, '_>,
        names: &[&str],
        asked: &Subscribe<'_>,
        origin: Option<&str>,
        now: u64,
    ) -> Result<(), Reason> {
        if self.drain.is_some() {
            return Err(Reason::Drain);
        }
        let callback = match (asked.transport, asked.callback.as_deref()) {
            (Transport::Iframe, callback) => {
                let name = callback.and_then(iframe::check_callback);
                Some(name.ok_or(Reason::BadCallback)?)
            }
            _ => None,
        };
        self.note_forwarded(slot, request)?;
        let channel = self.hub.open_set(names, now)?;
        self.hub.note_request(channel, now);
        let start = self.start(channel, asked.start);
        let reach = self.hub.reach(channel, start, now);
        if let Transport::Poll { wait, several } = asked.transport {
            return self.begin_poll(
                slot,
                request,
                (channel, reach),
                (wait, several),
                origin,
                now,
            );
        }
        let form = form(asked, request.minor);
        // Who has missed something is told so first, and of the position with that.
        let position = reach.missed.is_none().then(|| {
            let newest = self.hub.newest();
            let number = reach.from.min(newest.number);
            Id { number, ..newest }.to_string()
        });
        let head = stream_head(form, reach.missed);
        let reply = request.reply();
        let retry_ms = self.settings.limits.retry_ms;
        let out = self.out_tail(slot);
        out.extend_from_slice(head.as_bytes());
        Cors::Shared(origin).append(out);
        out.extend_from_slice(b"\r\n");
        if reply.head_only {
            mark("stream_head_only");
            self.hub.close_unheard(channel, now);
            self.answered(slot, false, Reason::Done, now);
            return Ok(());
        }
        begin_body(form, callback, retry_ms, position.as_deref(), out);
        self.begin_stream(slot, channel, form, reach, now);
        Ok(())
    }

    /// Where a subscriber begins.
    pub(super) fn start(&self, channel: u32, asked: http::Start) -> Start {
        match asked {
            http::Start::Configured => match self.hub.policy(channel).start {
                Begin::Newest => Start::Newest,
                Begin::Oldest => Start::Oldest,
            },
            http::Start::Newest => Start::Newest,
            http::Start::Oldest => Start::Oldest,
            http::Start::Last(n) => Start::Last(n),
            http::Start::After(epoch, number) => Start::After(Id { epoch, number }),
        }
    }

    /// The connection only listens from now on. What was written before goes out first.
    fn begin_stream(&mut self, slot: u32, channel: u32, form: Form, reach: Reach, now: u64) {
        let peer = &mut self.peers[slot as usize];
        peer.conn = Conn::Stream;
        let place = self
            .hub
            .join_from(channel, form, reach.from, peer.token(slot), now);
        peer.set_place(Some(place));
        if let Some(missed) = reach.missed {
            self.counters.gaps += 1;
            if form.tells_gaps() {
                self.hub.owe_gap(place, missed);
            }
        }
        // Nothing of the log goes out before the head.
        self.hub.hold(place, peer.is(BLOCKED), now);
        peer.hear(now);
        self.queue(slot);
        self.arm(slot);
    }

    fn begin_poll(
        &mut self,
        slot: u32,
        request: &Request<'_, '_>,
        (channel, reach): (u32, Reach),
        (wait, several): (bool, bool),
        origin: Option<&str>,
        now: u64,
    ) -> Result<(), Reason> {
        let reply = request.reply();
        let position = Id {
            number: reach.from,
            ..self.hub.newest()
        };
        self.counters.gaps += u64::from(reach.missed.is_some());
        if reply.head_only || (!wait && !self.hub.has_after(channel, reach.from)) {
            mark("poll_without_message");
            let status = if reply.head_only { 200 } else { 304 };
            self.hub.close_unheard(channel, now);
            self.answer_position(slot, status, position, reach.missed, (reply, origin), now);
            return Ok(());
        }
        let poll = PollConn::new(reply, origin, several);
        let due = now.saturating_add(self.settings.limits.poll_hold_ms);
        let peer = &mut self.peers[slot as usize];
        peer.conn = Conn::Poll(Box::new(poll));
        let form = if several { Form::Polls } else { Form::Poll };
        let place = self
            .hub
            .join_from(channel, form, reach.from, peer.token(slot), now);
        peer.set_place(Some(place));
        if let Some(missed) = reach.missed {
            // What follows it is known when there is an answer.
            self.hub.owe_gap(place, missed);
        }
        self.hub.hold(place, peer.is(BLOCKED), now);
        peer.set_due(due);
        self.queue(slot);
        self.arm(slot);
        Ok(())
    }

    /// Answers a poll with where the channel stands, and no message.
    pub(super) fn answer_position(
        &mut self,
        slot: u32,
        status: u16,
        position: Id,
        missed: Option<Missed>,
        (reply, origin): (http::Reply, Option<&str>),
        now: u64,
    ) {
        let tag = position.number.to_string();
        let gap = missed.map(|m| m.json());
        let modified = self.hub.modified().to_owned();
        let mut headers = vec![
            ("Last-Modified", &*modified),
            ("Etag", &*tag),
            ("Vary", POLL_VARY),
        ];
        headers.extend(NO_STORE);
        headers.extend(gap.as_deref().map(|gap| (GAP, gap)));
        let answer = Answer {
            status,
            headers: &headers,
            reply,
            ..Answer::default()
        };
        self.answer(slot, answer, origin, now);
    }
}

/// The form of messages that a stream is to have.
fn form(asked: &Subscribe<'_>, minor: u8) -> Form {
    match asked.transport {
        Transport::Mixed => Form::Mixed,
        Transport::Iframe => Form::Iframe,
        Transport::Chunked if minor >= 1 => Form::Chunked,
        Transport::Chunked => Form::Raw,
        _ => Form::Sse(Sse {
            events: asked.events,
            base64: asked.base64,
            gzip: asked.gzip,
        }),
    }
}

/// The head of an answer whose body ends with the connection, or in chunks, up to its CORS headers.
fn stream_head(form: Form, missed: Option<Missed>) -> String {
    let mixed = format!("multipart/mixed; boundary={}", mixed::BOUNDARY);
    let content_type = match form {
        Form::Sse(_) => "text/event-stream; charset=utf-8",
        Form::Iframe => "text/html; charset=utf-8",
        Form::Mixed => &mixed,
        _ => "application/octet-stream",
    };
    let mut head = format!("HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\n");
    let mut line = |name: &str, value: &str| {
        for part in [name, ": ", value, "\r\n"] {
            head.push_str(part);
        }
    };
    for (name, value) in NO_STORE {
        line(name, value);
    }
    match form {
        Form::Sse(Sse { gzip: true, .. }) => line("Content-Encoding", "gzip"),
        Form::Chunked => line("Transfer-Encoding", "chunked"),
        Form::Iframe => line("Content-Security-Policy", IFRAME_POLICY),
        _ => {}
    }
    if let Form::Sse(_) = form {
        line("Vary", "Accept, Accept-Encoding");
    }
    if let Some(missed) = missed.filter(|_| !form.tells_gaps()) {
        line(GAP, &missed.json());
    }
    line("Connection", "close");
    head
}

/// What the body begins with.
fn begin_body(
    form: Form,
    callback: Option<&str>,
    retry_ms: u64,
    position: Option<&str>,
    out: &mut Vec<u8>,
) {
    match form {
        Form::Sse(Sse { gzip, .. }) => {
            let mut head = Vec::new();
            sse::head(retry_ms, position, &mut head);
            if gzip {
                out.extend_from_slice(&gzip::HEADER);
                gzip::stored(&head, out);
            } else {
                out.extend_from_slice(&head);
            }
        }
        Form::Iframe => iframe::head(callback.unwrap_or_default(), out),
        Form::Mixed => out.extend_from_slice(mixed::HEAD),
        _ => {}
    }
}
