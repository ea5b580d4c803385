//! Which request means what.

use super::Relay;
use super::manage::Managed;
use super::peer::{ACCEPTS_GAP, ADMIN, BLOCKED, ECHO};
use super::requests::{CHANNEL_METHODS, check_get};
use super::waiting::flush_wait;
use crate::close::Reason;
use crate::conn::{Conn, Shape, Upload, WsConn};
use crate::http::{self, Answer, BodyKind, Cors, Request, Subscribe, Told, Transport};
use crate::hub::{Form, Reach, check_content_type, check_event};
use crate::ws;
use crate::ws::handshake::Terms;

impl Relay {
    /// Does what the request asks for. `origin` was let in. An error is answered by the caller.
    pub(super) fn route(
        &mut self,
        slot: u32,
        request: &Request<'_, '_>,
        origin: Option<&str>,
        now: u64,
    ) -> Result<(), Reason> {
        if self.peer(slot).is(ADMIN) {
            return self.admin_route(slot, request, now);
        }
        if let Some(bare) = self.engine_path(request.path) {
            return self.engine_request(slot, request, bare, origin, now);
        }
        match request.path {
            "/" if !self.settings.no_page && !self.settings.files.has_index() => {
                let headers = [
                    ("Cache-Control", "no-cache"),
                    ("X-Content-Type-Options", "nosniff"),
                    // The page has a policy of its own; this part cannot be said in a page.
                    ("Content-Security-Policy", "frame-ancestors 'none'"),
                ];
                let page = self.page.clone();
                let answer = Answer {
                    headers: &headers,
                    ..plain("text/html; charset=utf-8", &page)
                };
                self.get(slot, request, answer, origin, now)
            }
            "/healthz" | "/readyz" | "/metrics" if !self.has_admin => {
                self.probe(slot, request, &[], origin, now)
            }
            "/echo" => self.upgrade(slot, request, None, now),
            "/channels" => self.manage(slot, request, Managed::All, origin, now),
            path => match path.strip_prefix("/channels/") {
                Some(rest) => self.channel_route(slot, request, rest, origin, now),
                None => self.file(slot, request, origin, now),
            },
        }
    }

    pub(super) fn get(
        &mut self,
        slot: u32,
        request: &Request<'_, '_>,
        answer: Answer<'_>,
        origin: Option<&str>,
        now: u64,
    ) -> Result<(), Reason> {
        check_get(request)?;
        self.answer(
            slot,
            Answer {
                reply: request.reply(),
                ..answer
            },
            origin,
            now,
        );
        Ok(())
    }

    fn channel_route(
        &mut self,
        slot: u32,
        request: &Request<'_, '_>,
        rest: &str,
        origin: Option<&str>,
        now: u64,
    ) -> Result<(), Reason> {
        if let Some(segment) = rest.strip_suffix("/info") {
            return self.manage(slot, request, Managed::Told(segment), origin, now);
        }
        match request.method {
            "POST" | "PUT" => {
                let name = http::channel_name(rest)?;
                self.begin_upload(slot, request, &name, origin, now)
            }
            "DELETE" => self.manage(slot, request, Managed::Deleted(rest), origin, now),
            "OPTIONS" => {
                http::channel_names(rest)?;
                self.preflight(
                    slot,
                    request,
                    (CHANNEL_METHODS, http::REQUEST_HEADERS),
                    origin,
                    now,
                )
            }
            _ => self.listen(slot, request, rest, origin, now),
        }
    }

    /// Somebody wants to hear a channel, or several.
    fn listen(
        &mut self,
        slot: u32,
        request: &Request<'_, '_>,
        segment: &str,
        origin: Option<&str>,
        now: u64,
    ) -> Result<(), Reason> {
        let names = http::channel_names(segment)?;
        let names: Vec<&str> = names.iter().map(|name| &**name).collect();
        let asked = http::subscribe(request)?;
        match asked.transport {
            Transport::WebSocket => self.upgrade(slot, request, Some((&names, &asked)), now),
            _ => self.subscribe(slot, request, &names, &asked, origin, now),
        }
    }

    pub(super) fn authorize(&self, request: &Request<'_, '_>) -> Result<(), Reason> {
        let Some(key) = &self.settings.publish_key else {
            return Ok(());
        };
        let value = request.header_once("authorization")?.unwrap_or_default();
        let given = match value.split_at_checked(7) {
            Some((scheme, given)) if scheme.eq_ignore_ascii_case(b"bearer ") => given,
            _ => return Err(Reason::Unauthorized),
        };
        // The time this takes must not tell how much of a guess was right.
        let differ = given
            .iter()
            .zip(key.as_bytes())
            .fold(0, |d, (a, b)| d | (a ^ b));
        if given.len() == key.len() && differ == 0 {
            Ok(())
        } else {
            Err(Reason::Unauthorized)
        }
    }

    fn begin_upload(
        &mut self,
        slot: u32,
        request: &Request<'_, '_>,
        name: &str,
        origin: Option<&str>,
        now: u64,
    ) -> Result<(), Reason> {
        if ws::handshake::is_upgrade(request.headers) {
            return Err(Reason::BadUpgrade);
        }
        self.authorize(request)?;
        if self.drain.is_some() {
            return Err(Reason::Drain);
        }
        let coding = request.header_once("content-encoding")?;
        if coding.is_some_and(|coding| !coding.eq_ignore_ascii_case(b"identity")) {
            return Err(Reason::CodedBody);
        }
        if request.minor == 0 && request.header("content-length").is_none() {
            return Err(Reason::NoLength);
        }
        let max = self.settings.limits.message_bytes_max as u64;
        if matches!(request.body, BodyKind::Length(n) if n > max) {
            return Err(Reason::MessageTooBig);
        }
        let declared = request.header("content-type").unwrap_or_default();
        let wait_ms = flush_wait(request)?;
        let shape = shape_of(declared)?;
        let content_type = match shape {
            Shape::One => check_content_type(declared)?,
            // That of the body, not of a message.
            _ => "",
        };
        let event = request.header_once("x-eventsource-event")?;
        let event = check_event(event.unwrap_or_default())?;
        let mut upload = self.spares.upload();
        upload.start(request.body, name, content_type, event, request.reply());
        upload.binary = is_binary(declared);
        upload.told = Told::of(request);
        (upload.shape, upload.wait_ms) = (shape, wait_ms);
        upload.origin = origin.map(Into::into);
        self.await_body(slot, request, upload, now);
        Ok(())
    }

    /// The body of this request is gathered, or there is none.
    pub(super) fn await_body(
        &mut self,
        slot: u32,
        request: &Request<'_, '_>,
        upload: Box<Upload>,
        now: u64,
    ) {
        if matches!(request.body, BodyKind::None | BodyKind::Length(0)) {
            return self.publish_upload(slot, upload, now);
        }
        if request.expect_continue {
            self.peer(slot).out_tail().extend_from_slice(http::CONTINUE);
            self.queue(slot);
        }
        if let Conn::Http(http) = &mut self.peer(slot).conn {
            http.begin(upload);
        }
    }

    /// Answers a browser that asks what pages of another origin may do (Fetch, "CORS preflight").
    /// `methods`, `headers`: those that the resource knows, and those that pages may send it.
    pub(super) fn preflight(
        &mut self,
        slot: u32,
        request: &Request<'_, '_>,
        (methods, headers): (&str, &str),
        origin: Option<&str>,
        now: u64,
    ) -> Result<(), Reason> {
        if request.body != BodyKind::None {
            return Err(Reason::BadRequest);
        }
        let answer = Answer {
            status: 204,
            headers: &[("Allow", methods)],
            cors: Cors::Preflight(origin, headers),
            reply: request.reply(),
            ..Answer::default()
        };
        self.answer(slot, answer, origin, now);
        Ok(())
    }

    /// Makes the connection a WebSocket: on a channel, or an echo.
    fn upgrade(
        &mut self,
        slot: u32,
        request: &Request<'_, '_>,
        channel: Option<(&[&str], &Subscribe<'_>)>,
        now: u64,
    ) -> Result<(), Reason> {
        if !matches!(request.method, "GET" | "HEAD") {
            return Err(Reason::BadMethod);
        }
        if !ws::handshake::is_upgrade(request.headers) {
            return Err(Reason::UpgradeRequired);
        }
        let terms = Terms {
            subprotocols: &self.settings.subprotocols,
            deflate: !self.settings.no_deflate,
        };
        let mut accepted =
            ws::handshake::check(request.method, request.minor, request.headers, terms)?;
        let echo = channel.is_none_or(|(_, asked)| asked.echo);
        if self.drain.is_some() {
            return Err(Reason::Drain);
        }
        // From where channels are opened on nothing is refused: a set that nobody joins would stay.
        self.note_forwarded(slot, request)?;
        let channel = match channel {
            None => None,
            Some((names, asked)) => {
                let channel = self.hub.open_set(names, now)?;
                self.hub.note_request(channel, now);
                let start = self.start(channel, asked.start);
                let reach = self.hub.reach(channel, start, now);
                Some((channel, reach, asked.accept_gap))
            }
        };
        let meta = accepted.meta && channel.is_some();
        if meta {
            accepted.subprotocol = Some(ws::handshake::META);
        }
        let peer = &mut self.peers[slot as usize];
        ws::handshake::append_answer(peer.out.get_or_insert_default().tail(), &accepted);
        peer.conn = Conn::Ws(WsConn::new(accepted.deflate));
        let form = match peer.window_bits() {
            // Its messages may be compressed, and are not.
            _ if meta => Form::Meta,
            Some(bits) => Form::Deflated(bits),
            None => Form::Plain,
        };
        peer.hear(now);
        if echo {
            peer.flags |= ECHO;
        }
        if let Some((channel, reach, accept_gap)) = channel {
            self.join_ws(slot, channel, form, reach, accept_gap, now);
        }
        self.queue(slot);
        self.arm(slot);
        Ok(())
    }

    /// A WebSocket joins its channel, or is told that it cannot have what it asks for.
    fn join_ws(
        &mut self,
        slot: u32,
        channel: u32,
        form: Form,
        reach: Reach,
        accept_gap: bool,
        now: u64,
    ) {
        let peer = &mut self.peers[slot as usize];
        if accept_gap {
            peer.flags |= ACCEPTS_GAP;
        }
        if let Some(missed) = reach.missed {
            self.counters.gaps += 1;
            if !form.tells_gaps() && !accept_gap {
                let from = self.hub.reaches_back_to(channel);
                self.hub.close_unheard(channel, now);
                return self.close_for_gap(slot, from, now);
            }
            let place = self
                .hub
                .join_from(channel, form, reach.from, peer.token(slot), now);
            peer.set_place(Some(place));
            if form.tells_gaps() {
                self.hub.owe_gap(place, missed);
            }
        } else {
            let place = self
                .hub
                .join_from(channel, form, reach.from, peer.token(slot), now);
            peer.set_place(Some(place));
        }
        if let Some(place) = peer.place() {
            // Nothing of the log goes out before the answer.
            self.hub.hold(place, peer.is(BLOCKED), now);
        }
    }
}

pub(super) fn plain<'a>(content_type: &'a str, body: &'a [u8]) -> Answer<'a> {
    Answer {
        status: 200,
        content_type,
        body,
        ..Answer::default()
    }
}

/// How many messages a body of this media type is.
fn shape_of(content_type: &[u8]) -> Result<Shape, Reason> {
    if http::is_lines(content_type) {
        return Ok(Shape::Lines);
    }
    let boundary = http::form_boundary(content_type)?;
    Ok(boundary.map_or(Shape::One, |boundary| Shape::Form(boundary.into())))
}

/// Media types that are never text.
pub(super) fn is_binary(content_type: &[u8]) -> bool {
    let starts = |prefix: &[u8]| {
        content_type.len() >= prefix.len()
            && content_type[..prefix.len()].eq_ignore_ascii_case(prefix)
    };
    [
        &b"application/octet-stream"[..],
        b"image/",
        b"audio/",
        b"video/",
    ]
    .into_iter()
    .any(starts)
}
