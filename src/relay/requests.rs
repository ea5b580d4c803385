//! What an HTTP peer sends, and how it is answered.

use std::sync::Arc;

use super::Relay;
use super::peer::{ADMIN, ENGINE, Phase};
use crate::close::Reason;
use crate::conn::{Conn, HttpEvent};
use crate::http::{self, Answer, BodyKind, Cors, Reply, Request};
use crate::limits::HEADERS_MAX;

/// Methods that a channel knows, for `Allow`.
pub(super) const CHANNEL_METHODS: &str = "GET, HEAD, POST, PUT, DELETE, OPTIONS";

/// Methods that what is told of channels knows.
pub(super) const INFO_METHODS: &str = "GET, HEAD, OPTIONS";

/// Methods that everything else knows.
const OTHER_METHODS: &str = "GET, HEAD";

/// What a path knows.
fn methods(path: &str) -> &'static str {
    match path.strip_prefix("/channels/") {
        Some(rest) if rest.ends_with("/info") => INFO_METHODS,
        Some(_) => CHANNEL_METHODS,
        None if path == "/channels" => INFO_METHODS,
        None => OTHER_METHODS,
    }
}

impl Relay {
    /// Uses one event's worth of input. Returns bytes used, and whether to go on with the rest.
    pub(super) fn http_input(&mut self, slot: u32, data: &[u8], now: u64) -> (usize, bool) {
        let limits = &self.settings.limits;
        let peer = &mut self.peers[slot as usize];
        let message_bytes_max = match peer.is(ENGINE) {
            true => limits.payload_bytes_max,
            false => limits.message_bytes_max,
        };
        let head_bytes_max = limits.head_bytes_max;
        let Conn::Http(http) = &mut peer.conn else {
            return (0, true);
        };
        match http.next(data, head_bytes_max, message_bytes_max, &mut self.spares) {
            Err(reason) => {
                self.refuse_unfinished(slot, reason, now);
                (0, true)
            }
            Ok((used, None)) => (used, false),
            Ok((used, Some(event))) => {
                match event {
                    HttpEvent::Head(head) => self.request(slot, head, now),
                    HttpEvent::Upload(upload) => self.publish_upload(slot, upload, now),
                    HttpEvent::Part => {}
                }
                (used, self.may_read(slot))
            }
        }
    }

    fn request(&mut self, slot: u32, head: &[u8], now: u64) {
        self.request_begins(slot, now);
        let mut slots = [http::EMPTY_HEADER; HEADERS_MAX];
        let request = match http::parse(head, &mut slots) {
            Ok(request) => request,
            Err(reason) => return self.refuse(slot, reason, Reply::default(), None, now),
        };
        let reply = request.reply();
        // A body that nobody takes would be read as the next request.
        let keep_alive = reply.keep_alive && request.body == BodyKind::None;
        let refusal = Reply {
            keep_alive,
            ..reply
        };
        let origin = match self.check_origin(slot, &request) {
            Ok(origin) => origin,
            Err(reason) if self.engine_path(request.path).is_some() => {
                return self.refuse_engine(slot, reason, &request, None, now);
            }
            Err(reason) => return self.refuse(slot, reason, refusal, None, now),
        };
        let routed = match self.refused(slot) {
            Some(reason) => Err(reason),
            None => self.route(slot, &request, origin, now),
        };
        match routed {
            Ok(()) => {}
            Err(Reason::BadMethod) => {
                let also = [("Allow", methods(request.path))];
                self.refuse_with(slot, Reason::BadMethod, refusal, origin, &also, now);
            }
            Err(reason) => self.refuse_request(slot, reason, &request, (refusal, origin), now),
        }
    }

    /// The request's origin, if it has one and it is let in.
    fn check_origin<'b>(
        &self,
        slot: u32,
        request: &Request<'_, 'b>,
    ) -> Result<Option<&'b str>, Reason> {
        let Some(origin) = request.header_once("origin")? else {
            return Ok(None);
        };
        if self.peers[slot as usize].is(ADMIN) {
            return Err(Reason::BadOrigin);
        }
        if !self.settings.origins.allow(origin) {
            return Err(Reason::BadOrigin);
        }
        Ok(std::str::from_utf8(origin).ok())
    }

    /// A further request has begun: from now on its deadline counts, not that of the pause.
    pub(super) fn request_begins(&mut self, slot: u32, now: u64) {
        let due = now.saturating_add(self.settings.limits.head_timeout_ms);
        let peer = self.peer(slot);
        if let (Phase::Open, Conn::Http(http)) = (peer.phase, &mut peer.conn)
            && std::mem::take(&mut http.resting)
        {
            peer.set_due(due);
            self.arm(slot);
        }
    }

    /// Answers with what a reason says, and ends the connection where that has to be. `origin`: the
    /// origin to be let read it.
    pub(super) fn refuse(
        &mut self,
        slot: u32,
        reason: Reason,
        reply: Reply,
        origin: Option<&str>,
        now: u64,
    ) {
        self.refuse_with(slot, reason, reply, origin, &[], now);
    }

    pub(super) fn refuse_with(
        &mut self,
        slot: u32,
        reason: Reason,
        reply: Reply,
        origin: Option<&str>,
        also: &[(&str, &str)],
        now: u64,
    ) {
        self.counters.refuse(reason);
        let keep_alive = reply.keep_alive && self.drain.is_none();
        let reply = Reply {
            keep_alive,
            ..reply
        };
        let cors = self.cors(slot, origin);
        let stays = http::refusal(reason, reply, also, cors, self.peer(slot).out_tail());
        self.answered(slot, stays, reason, now);
    }

    /// Refuses the message that is coming in, or what would have been a request, and ends the
    /// connection.
    pub(super) fn refuse_unfinished(&mut self, slot: u32, reason: Reason, now: u64) {
        let Conn::Http(http) = &mut self.peer(slot).conn else {
            return;
        };
        let (reply, origin) = http.give_up().unwrap_or_default();
        let reply = Reply {
            keep_alive: false,
            ..reply
        };
        self.refuse(slot, reason, reply, origin.as_deref(), now);
    }

    /// Answers a request. `origin`: the origin to be let read it.
    pub(super) fn answer(&mut self, slot: u32, answer: Answer<'_>, origin: Option<&str>, now: u64) {
        self.answer_sharing(slot, answer, None, origin, now);
    }

    /// As [`Relay::answer`]; the body is sent from `shared`, if given, which then is the same.
    pub(super) fn answer_sharing(
        &mut self,
        slot: u32,
        answer: Answer<'_>,
        shared: Option<Arc<[u8]>>,
        origin: Option<&str>,
        now: u64,
    ) {
        let keep_alive = answer.reply.keep_alive && self.drain.is_none();
        let reply = Reply {
            keep_alive,
            head_only: answer.reply.head_only || shared.is_some(),
            ..answer.reply
        };
        let cors = match answer.cors {
            Cors::Own => self.cors(slot, origin),
            said => said,
        };
        Answer {
            cors,
            reply,
            ..answer
        }
        .append(self.out_tail(slot));
        if let (Some(body), Some(out)) = (shared, &mut self.peer(slot).out) {
            out.share(body);
        }
        self.answered(slot, keep_alive, Reason::Done, now);
    }

    /// Whose pages may read an answer: none at an admin address, else those of the request's origin,
    /// which was let in.
    pub(super) fn cors<'a>(&self, slot: u32, origin: Option<&'a str>) -> Cors<'a> {
        match self.peers[slot as usize].is(ADMIN) {
            true => Cors::Own,
            false => Cors::Shared(origin),
        }
    }

    /// Where to append private output, in what an earlier answer has left.
    pub(super) fn out_tail(&mut self, slot: u32) -> &mut Vec<u8> {
        let out = &mut self.peers[slot as usize].out;
        out.get_or_insert_with(|| self.spares.out()).tail()
    }

    pub(super) fn answered(&mut self, slot: u32, stays: bool, reason: Reason, now: u64) {
        let idle = now.saturating_add(self.settings.limits.idle_timeout_ms);
        self.queue(slot);
        if !stays {
            return self.finish(slot, reason, now);
        }
        self.give_back_address(slot);
        let peer = self.peer(slot);
        if let (Phase::Open, Conn::Http(http)) = (peer.phase, &mut peer.conn) {
            http.resting = true;
            peer.set_due(idle);
            self.arm(slot);
        }
    }
}

/// Whether a request is one that only reads.
pub(super) fn check_get(request: &Request<'_, '_>) -> Result<(), Reason> {
    if !matches!(request.method, "GET" | "HEAD") {
        return Err(Reason::BadMethod);
    }
    if request.body != BodyKind::None {
        return Err(Reason::BadRequest);
    }
    Ok(())
}
