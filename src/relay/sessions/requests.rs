//! Requests at the paths of Engine.IO: handshakes, polls, and what clients send by POST.
//!
//! The order of the checks, the codes and their sentences are those of the official server
//! (engine.io, `server.ts`, `verify`): clients show them.

use std::borrow::Cow;

use super::ids::Sid;
use super::session::{Carrier, Part, Probe, Session};
use crate::close::Reason;
use crate::conn::{CarryConn, Conn, Shape, WsConn};
use crate::http::{self, Answer, BodyKind, Request, query_value};
use crate::mark::{mark, planted};
use crate::relay::Relay;
use crate::relay::peer::{BLOCKED, ENGINE};
use crate::socketio;
use crate::timers::NEVER;
use crate::ws;
use crate::ws::handshake::Terms;

/// Methods that the paths know.
const METHODS: &str = "GET, POST, OPTIONS";

/// The code that Engine.IO has for a refusal.
const fn code(reason: Reason) -> u8 {
    match reason {
        Reason::UnknownTransport => 0,
        Reason::UnknownSession => 1,
        Reason::BadHandshake => 2,
        Reason::BadOrigin => 4,
        Reason::OldProtocol => 5,
        _ => 3,
    }
}

/// What a refused request is told.
pub(super) fn refusal(reason: Reason) -> String {
    let (code, text) = match code(reason) {
        3 => (3, Reason::BadSession.text()),
        4 => (4, "Forbidden"),
        code => (code, reason.text()),
    };
    format!("{{\"code\":{code},\"message\":\"{text}\"}}")
}

/// What a request is for.
struct Asked<'q> {
    transport: Cow<'q, str>,
    sid: Option<Cow<'q, str>>,
    upgrade: bool,
    /// It came by the path of bare Engine.IO.
    bare: bool,
}

impl Relay {
    /// Whether a path is one of Engine.IO; true: the bare one.
    pub(in crate::relay) fn engine_path(&self, path: &str) -> Option<bool> {
        let is = |own: &str| {
            !own.is_empty() && (path == own || own.strip_suffix('/').is_some_and(|own| path == own))
        };
        let settings = &self.settings.socketio;
        match (is(&settings.path), is(&settings.engine_path)) {
            (true, _) => Some(false),
            (false, true) => Some(true),
            (false, false) => None,
        }
    }

    /// Does what a request at such a path asks for.
    pub(in crate::relay) fn engine_request(
        &mut self,
        slot: u32,
        request: &Request<'_, '_>,
        bare: bool,
        origin: Option<&str>,
        now: u64,
    ) -> Result<(), Reason> {
        if request.method == "OPTIONS" {
            // Clients may be told to send any header, and none means anything here.
            let headers = http::asked_headers(request.header("access-control-request-headers"));
            return self.preflight(slot, request, (METHODS, headers), origin, now);
        }
        match self.engine_asked(slot, request, bare, origin, now) {
            Err(reason) if matches!(reason.status(), 400 | 403) => {
                self.refuse_engine(slot, reason, request, origin, now);
                Ok(())
            }
            done => done,
        }
    }

    fn engine_asked(
        &mut self,
        slot: u32,
        request: &Request<'_, '_>,
        bare: bool,
        origin: Option<&str>,
        now: u64,
    ) -> Result<(), Reason> {
        let asked = Asked {
            transport: query_value(request.query, "transport").unwrap_or_default(),
            sid: query_value(request.query, "sid").filter(|sid| !sid.is_empty()),
            upgrade: ws::handshake::is_upgrade(request.headers),
            bare,
        };
        if !matches!(&*asked.transport, "polling" | "websocket") {
            return Err(Reason::UnknownTransport);
        }
        let websocket = asked.transport == "websocket";
        // Who polls may still get what waits for it, and is then told to go.
        if self.drain.is_some() && (asked.sid.is_none() || asked.upgrade) {
            return Err(Reason::Drain);
        }
        let Some(sid) = &asked.sid else {
            return self.begin_session(slot, request, &asked, origin, now);
        };
        let index = self.session_by(sid, bare).ok_or(Reason::UnknownSession)?;
        let carrier = self.sessions.table[index as usize].carrier;
        let polls = matches!(carrier, Carrier::Polling { .. });
        match (asked.upgrade, websocket) {
            (true, true) => self.begin_probe(slot, request, index, now),
            (false, false) if polls => match request.method {
                "GET" if !self.is_in_time(index, now) => Err(Reason::UnknownSession),
                "GET" => self.begin_carry(slot, request, index, origin, now),
                "POST" => self.begin_post(slot, request, index, origin, now),
                _ => Err(Reason::BadSession),
            },
            _ => Err(Reason::BadSession),
        }
    }

    fn session_by(&self, sid: &str, bare: bool) -> Option<u32> {
        let index = *self.sessions.by_sid.get(&Sid::parse(sid)?)?;
        (self.sessions.table[index as usize].bare == bare).then_some(index)
    }

    pub(in crate::relay) fn refuse_engine(
        &mut self,
        slot: u32,
        reason: Reason,
        request: &Request<'_, '_>,
        origin: Option<&str>,
        now: u64,
    ) {
        self.counters.refuse(reason);
        let body = refusal(reason);
        let reply = request.reply();
        let answer = Answer {
            status: reason.status(),
            content_type: "application/json",
            body: body.as_bytes(),
            headers: &[("Cache-Control", "no-store")],
            reply: http::Reply {
                // A body that nobody takes would be read as the next request.
                keep_alive: reply.keep_alive && request.body == BodyKind::None,
                ..reply
            },
            ..Answer::default()
        };
        self.answer(slot, answer, origin, now);
    }

    /// A handshake: a session begins.
    fn begin_session(
        &mut self,
        slot: u32,
        request: &Request<'_, '_>,
        asked: &Asked<'_>,
        origin: Option<&str>,
        now: u64,
    ) -> Result<(), Reason> {
        if request.method != "GET" {
            return Err(Reason::BadHandshake);
        }
        let websocket = asked.transport == "websocket";
        if websocket != asked.upgrade || request.body != BodyKind::None {
            return Err(Reason::BadSession);
        }
        if query_value(request.query, "EIO").as_deref() != Some("4") {
            return Err(Reason::OldProtocol);
        }
        if self.sessions.table.len() >= self.settings.limits.sessions_max {
            mark("too_many_sessions");
            return Err(Reason::FullSessions);
        }
        if websocket {
            self.open_engine_socket(slot, request)?;
            let index = self.make_session(Carrier::WebSocket(slot), asked.bare, now);
            self.sessions
                .carriers
                .insert(slot, (index, Part::WebSocket));
            let open = self.open_packet(index, false);
            ws::append_frame(self.out_tail(slot), ws::header::opcode::TEXT, &open);
            self.peer(slot).hear(now);
            self.queue(slot);
            self.arm(slot);
            return Ok(());
        }
        self.note_forwarded(slot, request)?;
        let polling = Carrier::Polling {
            get: None,
            post: None,
        };
        let index = self.make_session(polling, asked.bare, now);
        let open = self.open_packet(index, true);
        self.answer(slot, packets_answer(&open, request.reply()), origin, now);
        Ok(())
    }

    /// The connection becomes a WebSocket that carries packets.
    fn open_engine_socket(&mut self, slot: u32, request: &Request<'_, '_>) -> Result<(), Reason> {
        let terms = Terms {
            subprotocols: &[],
            deflate: false,
        };
        let accepted = ws::handshake::check(request.method, request.minor, request.headers, terms)?;
        self.note_forwarded(slot, request)?;
        let peer = &mut self.peers[slot as usize];
        ws::handshake::append_answer(peer.out.get_or_insert_default().tail(), &accepted);
        peer.conn = Conn::Ws(WsConn::new(None));
        peer.flags |= ENGINE;
        Ok(())
    }

    fn make_session(&mut self, carrier: Carrier, bare: bool, now: u64) -> u32 {
        mark("session_begun");
        let limits = &self.settings.limits;
        let beat = now.saturating_add(limits.ping_interval_ms);
        let connect = now.saturating_add(limits.connect_timeout_ms);
        let sid = self.sessions.ids.make();
        let session = Session::new(sid, bare, carrier, beat, connect);
        let index = self.sessions.table.insert(session) as u32;
        self.sessions.by_sid.insert(sid, index);
        self.sessions.counts.begun += 1;
        *self.sessions.counts.carried_like(carrier) += 1;
        self.arm_session(index);
        index
    }

    /// What a session is told first.
    fn open_packet(&self, index: u32, upgrades: bool) -> Vec<u8> {
        let limits = &self.settings.limits;
        let mut open = b"0".to_vec();
        socketio::append_open(
            self.sessions.table[index as usize].sid.as_str(),
            upgrades,
            limits.ping_interval_ms,
            limits.ping_timeout_ms,
            limits.payload_bytes_max,
            &mut open,
        );
        open
    }

    /// A WebSocket wants to take over a session that polls.
    fn begin_probe(
        &mut self,
        slot: u32,
        request: &Request<'_, '_>,
        index: u32,
        now: u64,
    ) -> Result<(), Reason> {
        let session = &self.sessions.table[index as usize];
        let polls = matches!(session.carrier, Carrier::Polling { .. });
        if session.probe.is_some() || !polls {
            // The first one is not touched by it. Browsers are not told of a status: it is opened, and
            // closed with a reason.
            mark("second_upgrade");
            self.open_engine_socket(slot, request)?;
            self.peer(slot).flags &= !ENGINE;
            self.peer(slot).hear(now);
            self.counters.refuse(Reason::BadSession);
            self.close_ws(slot, Reason::BadSession, now);
            return Ok(());
        }
        self.open_engine_socket(slot, request)?;
        let due_ms = match planted("probe_never_given_up") {
            true => NEVER,
            false => now.saturating_add(self.settings.limits.upgrade_timeout_ms),
        };
        let session = &mut self.sessions.table[index as usize];
        session.probe = Some(Probe {
            slot,
            probed: false,
            due_ms,
        });
        self.sessions.carriers.insert(slot, (index, Part::Probe));
        self.peer(slot).hear(now);
        self.queue(slot);
        self.arm(slot);
        self.arm_session(index);
        Ok(())
    }

    /// A poll that waits for packets.
    fn begin_carry(
        &mut self,
        slot: u32,
        request: &Request<'_, '_>,
        index: u32,
        origin: Option<&str>,
        now: u64,
    ) -> Result<(), Reason> {
        if request.body != BodyKind::None {
            return Err(Reason::BadSession);
        }
        self.note_forwarded(slot, request)?;
        let Carrier::Polling { get, .. } = &mut self.sessions.table[index as usize].carrier else {
            return Err(Reason::BadSession);
        };
        if get.is_some() && !planted("second_poll_forgiven") {
            mark("polls_overlap");
            self.end_session(index, Reason::Overlap, now);
            return Err(Reason::Overlap);
        }
        *get = Some(slot);
        self.sessions.carriers.insert(slot, (index, Part::Get));
        let due = self.carry_due(now);
        let peer = &mut self.peers[slot as usize];
        peer.conn = Conn::Carry(Box::new(CarryConn::new(request.reply(), origin)));
        peer.flags |= ENGINE;
        peer.set_due(due);
        if !peer.is(BLOCKED) {
            self.queue(slot);
            // What waits goes out in this turn: whoever can be sent to does not lag.
            self.hold_session(slot, false, now);
        }
        self.arm(slot);
        Ok(())
    }

    /// A request that brings packets.
    fn begin_post(
        &mut self,
        slot: u32,
        request: &Request<'_, '_>,
        index: u32,
        origin: Option<&str>,
        now: u64,
    ) -> Result<(), Reason> {
        let Carrier::Polling { post, .. } = self.sessions.table[index as usize].carrier else {
            return Err(Reason::BadSession);
        };
        let declared = request.header("content-type").unwrap_or_default();
        if post.is_some() || declared == b"application/octet-stream" {
            mark("post_ends_session");
            let reason = if post.is_some() {
                Reason::Overlap
            } else {
                Reason::BadPacket
            };
            self.end_session(index, reason, now);
            return Err(reason);
        }
        let max = self.settings.limits.payload_bytes_max as u64;
        if matches!(request.body, BodyKind::Length(n) if n > max) {
            return Err(Reason::MessageTooBig);
        }
        if request.minor == 0 && request.header("content-length").is_none() {
            return Err(Reason::NoLength);
        }
        let mut upload = self.spares.upload();
        upload.start(request.body, "", "", "", request.reply());
        upload.shape = Shape::Packets;
        upload.origin = origin.map(Into::into);
        if let Carrier::Polling { post, .. } = &mut self.sessions.table[index as usize].carrier {
            *post = Some(slot);
        }
        self.sessions.carriers.insert(slot, (index, Part::Post));
        self.peer(slot).flags |= ENGINE;
        self.await_body(slot, request, upload, now);
        Ok(())
    }
}

/// An answer that holds packets.
pub(super) fn packets_answer(body: &[u8], reply: http::Reply) -> Answer<'_> {
    Answer {
        status: 200,
        content_type: "text/plain; charset=UTF-8",
        body,
        headers: &[("Cache-Control", "no-store")],
        reply,
        ..Answer::default()
    }
}
