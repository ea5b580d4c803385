//! What a WebSocket peer sends: messages to its channel, pings to be answered, its close.

use super::Relay;
use super::peer::{ECHO, ENGINE, Phase};
use crate::close::Reason;
use crate::conn::{Conn, WsEvent};
use crate::hub::{Body, Message, Sender};
use crate::mark::mark;
use crate::ws::header::COMPRESSED;
use crate::ws::{self, Kind};

impl Relay {
    /// Uses frames until one is not whole, or the connection may not be read on. Returns bytes
    /// used, and whether there is something else to be done with the rest.
    pub(super) fn ws_input(
        &mut self,
        slot: u32,
        data: &mut [u8],
        hold: bool,
        now: u64,
    ) -> (usize, bool) {
        let mut at = 0;
        loop {
            let peer = &mut self.peers[slot as usize];
            let engine = peer.is(ENGINE);
            let Conn::Ws(conn) = &mut peer.conn else {
                return (at, true);
            };
            let open = peer.phase == Phase::Open;
            let limits = match engine {
                true => &self.decode_limits[2],
                false => &self.decode_limits[usize::from(conn.deflate().is_some())],
            };
            let (used, event) =
                match conn.next(&mut data[at..], hold, open, limits, &mut self.spares) {
                    Ok(found) => found,
                    Err(reason) => {
                        self.violated(slot, reason, now);
                        return (at, true);
                    }
                };
            at += used;
            let Some(event) = event else {
                return (at, false);
            };
            if peer.phase == Phase::Open {
                if let Err(reason) = self.act(slot, event, now) {
                    self.violated(slot, reason, now);
                }
                if !self.may_read(slot) {
                    return (at, false);
                }
            } else if let WsEvent::Close(code) = event {
                self.answer_close(slot, code, now);
            }
            let phase = self.peers[slot as usize].phase;
            if phase != Phase::Open && phase != Phase::Closing {
                // On its way out: what follows is discarded by the caller.
                return (at, true);
            }
        }
    }

    fn act(&mut self, slot: u32, event: WsEvent<'_>, now: u64) -> Result<(), Reason> {
        match event {
            WsEvent::Whole {
                kind,
                compressed,
                key,
                payload,
            } => {
                let body = Body::Masked { payload, key };
                if compressed {
                    return self.publish_inflated(slot, kind, &body, now);
                }
                self.publish_ws(slot, kind, body, now)
            }
            WsEvent::Gathered {
                kind,
                compressed,
                mut gather,
            } => {
                mark("message_gathered");
                let body = Body::Gathered(&mut gather);
                let result = match compressed {
                    true => self.publish_inflated(slot, kind, &body, now),
                    false => self.publish_ws(slot, kind, body, now),
                };
                self.spares.keep(gather);
                result
            }
            WsEvent::Ping(payload) => {
                let pong = ws::header::opcode::PONG;
                ws::append_frame(self.peer(slot).out_tail(), pong, payload);
                self.queue(slot);
                Ok(())
            }
            WsEvent::Close(code) => {
                self.answer_close(slot, code, now);
                Ok(())
            }
            WsEvent::Part | WsEvent::Pong => Ok(()),
        }
    }

    pub(super) fn publish_ws(
        &mut self,
        slot: u32,
        kind: Kind,
        body: Body<'_>,
        now: u64,
    ) -> Result<(), Reason> {
        let len = body.len() as u64;
        let peer = &self.peers[slot as usize];
        if peer.is(ENGINE) {
            return self.engine_frame(slot, kind, body, now);
        }
        match peer.place() {
            Some(place) => {
                let sender = (!peer.is(ECHO)).then_some(Sender(place));
                let channel = self.hub.channel_of(place);
                if self.hub.is_set(channel) {
                    return Err(Reason::ListensOnly);
                }
                let message = Message {
                    kind,
                    content_type: None,
                    event: None,
                    body,
                };
                self.hub.submit(channel, message, sender, now)?;
            }
            None => self.echo(slot, kind, body)?,
        }
        self.counters.messages_in += 1;
        self.counters.message_bytes_in += len;
        Ok(())
    }

    /// Sends a message back to where it came from.
    fn echo(&mut self, slot: u32, kind: Kind, body: Body<'_>) -> Result<(), Reason> {
        let mut header = [0; ws::HEADER_ROOM];
        let len = body.len();
        let header_len = ws::encode_header(&mut header, kind.opcode(), len);
        let header = &header[..header_len];
        let out = self.peer(slot).out.get_or_insert_default();
        match body {
            Body::Gathered(gather) if out.is_empty() => {
                let (bytes, first) = std::mem::take(gather).into_message(header);
                out.adopt(bytes, first);
            }
            Body::Gathered(gather) => {
                out.tail().extend_from_slice(header);
                out.tail().extend_from_slice(gather.payload());
            }
            Body::Plain(payload) => {
                out.tail().extend_from_slice(header);
                out.tail().extend_from_slice(payload);
            }
            Body::Masked { payload, key } => {
                let bytes = out.tail();
                let begin = bytes.len();
                bytes.extend_from_slice(header);
                let at = bytes.len();
                bytes.resize(at + payload.len(), 0);
                match kind {
                    Kind::Binary => ws::unmask_into(&mut bytes[at..], payload, key),
                    Kind::Text if ws::unmask_into_valid(&mut bytes[at..], payload, key) => {}
                    Kind::Text => {
                        bytes.truncate(begin);
                        return Err(Reason::BadUtf8);
                    }
                }
            }
        }
        self.deflate_echo(slot, kind, header_len, len);
        self.queue(slot);
        Ok(())
    }

    /// Replaces the frame that ends the private output by a compressed one, if that was agreed upon
    /// and pays.
    fn deflate_echo(&mut self, slot: u32, kind: Kind, header_len: usize, len: usize) {
        let peer = &mut self.peers[slot as usize];
        let (Some(bits), Some(out)) = (peer.window_bits(), &mut peer.out) else {
            return;
        };
        let deflater = self.hub.deflater();
        let bytes = out.tail();
        let at = bytes.len() - len;
        if let Some(compressed) = deflater.deflate(&bytes[at..], bits) {
            bytes.truncate(at - header_len);
            ws::append_frame(bytes, kind.opcode() | COMPRESSED, compressed);
            deflater.trim();
        }
    }

    /// The peer broke the protocol: it is told which rule, and nothing more of it is read.
    fn violated(&mut self, slot: u32, reason: Reason, now: u64) {
        if reason != Reason::Normal {
            self.counters.refuse(reason);
        }
        if self.session_violated(slot, reason, now) {
            return;
        }
        match self.peer(slot).phase {
            Phase::Open => self.close_ws(slot, reason, now),
            _ => self.answer_close(slot, None, now),
        }
    }
}
