//! Packets of Engine.IO that come in: by POST, several at once, or in frames.

use std::borrow::Cow;

use super::requests::refusal;
use super::session::{Carrier, Part};
use crate::close::Reason;
use crate::conn::{Conn, Shape, Upload};
use crate::http::Answer;
use crate::hub::Body;
use crate::limits::PACKETS_PER_TURN;
use crate::mark::mark;
use crate::relay::Relay;
use crate::relay::app::Data;
use crate::relay::peer::{ENGINE, WAITING};
use crate::socketio::{self, EnginePacket, SEPARATOR};
use crate::ws::{self, Kind};

impl Relay {
    /// A whole body of packets came by POST.
    pub(in crate::relay) fn post_packets(&mut self, slot: u32, upload: Box<Upload>, now: u64) {
        let Some((index, Part::Post)) = self.sessions.part_of(slot) else {
            // Its session has ended meanwhile.
            return self.answer_post(slot, upload, Err(Reason::UnknownSession), now);
        };
        if let Some(channel) = self.pausing_session(slot) {
            mark("post_held");
            let peer = &mut self.peers[slot as usize];
            peer.flags |= WAITING;
            let token = peer.token(slot);
            if let Conn::Http(http) = &mut peer.conn {
                http.held = Some(upload);
            }
            return self.hub.await_resume(channel, token);
        }
        let sid = self.sessions.table[index as usize].sid;
        let mut upload = upload;
        let result = match std::str::from_utf8(upload.gather.payload()) {
            Ok(body) => self.take_payload(index, body, upload.taken, now),
            Err(_) => Err(Reason::BadUtf8),
        };
        let there = self.sessions.is(index, sid);
        if let (Ok(Some(taken)), true) = (result, there) {
            upload.taken = taken;
            return self.post_goes_on(slot, upload);
        }
        if there {
            self.sessions.carriers.remove(&slot);
            self.peer(slot).flags &= !ENGINE;
            let session = &mut self.sessions.table[index as usize];
            if let Carrier::Polling { post, .. } = &mut session.carrier {
                *post = None;
            }
        }
        if let (Err(reason), true) = (result, there) {
            self.end_session(index, reason, now);
        }
        // Who says that it goes has said it well.
        let told = match result {
            Ok(_) | Err(Reason::Normal) => Ok(()),
            Err(reason) => Err(reason),
        };
        self.answer_post(slot, upload, told, now);
    }

    /// The rest of a body is taken in the next turn.
    fn post_goes_on(&mut self, slot: u32, upload: Box<Upload>) {
        mark("post_goes_on");
        let peer = self.peer(slot);
        peer.flags |= WAITING;
        if let Conn::Http(http) = &mut peer.conn {
            http.held = Some(upload);
        }
        self.sessions.posting.push(slot);
    }

    /// Takes more of the bodies that are too many packets for one turn.
    pub(in crate::relay) fn go_on_posting(&mut self, now: u64) {
        for slot in std::mem::take(&mut self.sessions.posting) {
            // It may have been given up since.
            let peer = self.peers.get_mut(slot as usize);
            if let Some(peer) = peer.filter(|peer| is_posting(&peer.conn)) {
                peer.flags &= !WAITING;
                self.publish_held(slot, now);
                self.make_ready(slot);
            }
        }
    }

    /// Takes packets from this byte of a body on, as many as one turn does: up to the byte where it goes
    /// on, or `None` at its end.
    fn take_payload(
        &mut self,
        index: u32,
        body: &str,
        from: usize,
        now: u64,
    ) -> Result<Option<usize>, Reason> {
        let sid = self.sessions.table[index as usize].sid;
        let mut at = from;
        for packet in body[from..]
            .split(char::from(SEPARATOR))
            .take(PACKETS_PER_TURN)
        {
            at += packet.len() + 1;
            self.engine_packet(index, socketio::packet(packet)?, now)?;
            if !self.sessions.is(index, sid) {
                return Ok(None);
            }
        }
        Ok((at <= body.len()).then_some(at))
    }

    fn answer_post(
        &mut self,
        slot: u32,
        mut upload: Box<Upload>,
        told: Result<(), Reason>,
        now: u64,
    ) {
        let (reply, origin) = (upload.reply, upload.origin.take());
        self.spares.keep_upload(upload);
        let body;
        let answer = match told {
            Ok(()) => Answer {
                status: 200,
                // Not text/plain, which some browsers offer to save.
                content_type: "text/html",
                body: b"ok",
                headers: &[("Cache-Control", "no-store")],
                reply,
                ..Answer::default()
            },
            Err(reason) => {
                self.counters.refuse(reason);
                body = refusal(reason);
                Answer {
                    status: 400,
                    content_type: "application/json",
                    body: body.as_bytes(),
                    headers: &[("Cache-Control", "no-store")],
                    reply,
                    ..Answer::default()
                }
            }
        };
        self.answer(slot, answer, origin.as_deref(), now);
    }

    /// A message came by a WebSocket that carries packets.
    pub(in crate::relay) fn engine_frame(
        &mut self,
        slot: u32,
        kind: Kind,
        body: Body<'_>,
        now: u64,
    ) -> Result<(), Reason> {
        let Some((index, part)) = self.sessions.part_of(slot) else {
            return Ok(());
        };
        let bytes = clear(kind, body)?;
        if kind == Kind::Binary {
            return match part {
                Part::WebSocket => self.engine_packet(index, EnginePacket::Binary(bytes), now),
                _ => Err(Reason::BadPacket),
            };
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| Reason::BadUtf8)?;
        let packet = socketio::packet(text)?;
        match part {
            Part::WebSocket => self.engine_packet(index, packet, now),
            _ => self.probe_packet(slot, index, packet, now),
        }
    }

    /// Ends the session of a WebSocket for what came by it; false: it carries none.
    pub(in crate::relay) fn session_violated(
        &mut self,
        slot: u32,
        reason: Reason,
        now: u64,
    ) -> bool {
        match self.sessions.part_of(slot) {
            Some((index, Part::WebSocket)) => {
                self.end_session(index, reason, now);
                true
            }
            _ => false,
        }
    }

    /// Does what a packet asks for; what is answered may be more than a session may have.
    fn engine_packet(
        &mut self,
        index: u32,
        packet: EnginePacket<'_>,
        now: u64,
    ) -> Result<(), Reason> {
        let sid = self.sessions.table[index as usize].sid;
        self.take_packet(index, packet, now)?;
        if self.sessions.is(index, sid) {
            self.ends_for_output(index, now);
        }
        Ok(())
    }

    fn take_packet(
        &mut self,
        index: u32,
        packet: EnginePacket<'_>,
        now: u64,
    ) -> Result<(), Reason> {
        let bare = self.sessions.table[index as usize].bare;
        match packet {
            EnginePacket::Close => Err(Reason::Normal),
            EnginePacket::Ping(_) => Err(Reason::BadPacket),
            EnginePacket::Pong(_) => {
                self.pong(index, now);
                Ok(())
            }
            EnginePacket::Message(text) if bare => self.app_message(index, Data::Text(text), now),
            EnginePacket::Binary(bytes) if bare => {
                self.app_message(index, Data::Binary(&bytes), now)
            }
            EnginePacket::Message(text) => self.socketio_text(index, text, now),
            EnginePacket::Binary(bytes) => self.socketio_binary(index, bytes.into_owned(), now),
            EnginePacket::Upgrade | EnginePacket::Noop => Ok(()),
        }
    }
}

/// Whether a body that takes several turns is held.
fn is_posting(conn: &Conn) -> bool {
    let Conn::Http(http) = conn else {
        return false;
    };
    let held = http.held.as_ref();
    held.is_some_and(|upload| upload.shape == Shape::Packets && upload.taken > 0)
}

/// A message in the clear; text is UTF-8.
fn clear(kind: Kind, body: Body<'_>) -> Result<Cow<'_, [u8]>, Reason> {
    Ok(match body {
        Body::Masked { payload, key } => {
            let mut bytes = vec![0; payload.len()];
            match kind {
                Kind::Binary => ws::unmask_into(&mut bytes, payload, key),
                Kind::Text if ws::unmask_into_valid(&mut bytes, payload, key) => {}
                Kind::Text => return Err(Reason::BadUtf8),
            }
            Cow::Owned(bytes)
        }
        Body::Plain(bytes) => Cow::Borrowed(bytes),
        Body::Gathered(gather) => Cow::Borrowed(gather.payload()),
    })
}
