//! Packets of Socket.IO: who connects to a namespace, what it emits, and its leaving.

use super::ids::Sid;
use super::session::{Incoming, Owed, Space, Stand};
use crate::close::Reason;
use crate::http::{self, is_channel_name};
use crate::hub::{Body, Message, Place, Sender, Submitted};
use crate::limits::CHANNELS_PER_REQUEST_MAX;
use crate::mark::mark;
use crate::relay::Relay;
use crate::relay::app::{Refused, Then};
use crate::socketio::{self, Packet, PacketKind, msgpack};
use crate::timers::NEVER;
use crate::ws::Kind;

impl Relay {
    /// A packet of Socket.IO.
    pub(super) fn socketio_text(&mut self, index: u32, text: &str, now: u64) -> Result<(), Reason> {
        let session = &mut self.sessions.table[index as usize];
        if session.incoming.is_some() {
            return Err(Reason::BadPacket);
        }
        let packet = socketio::parse(text)?;
        if packet.attachments > 0 {
            session.incoming = Some(Box::new(Incoming {
                text: text.to_owned(),
                wanted: packet.attachments,
                attachments: Vec::new(),
                bytes: text.len(),
            }));
            self.recount_session(index);
            return Ok(());
        }
        self.socketio_packet(index, &packet, &[], now)
    }

    /// An attachment.
    pub(super) fn socketio_binary(
        &mut self,
        index: u32,
        bytes: Vec<u8>,
        now: u64,
    ) -> Result<(), Reason> {
        let max = self.settings.limits.payload_bytes_max;
        let session = &mut self.sessions.table[index as usize];
        let Some(incoming) = &mut session.incoming else {
            let Some(namespace) = msgpack::connect_of(&bytes) else {
                return Err(Reason::BadPacket);
            };
            mark("other_parser");
            let mut told = Vec::new();
            msgpack::append_connect_error(&namespace, msgpack::REFUSAL, &mut told);
            self.send_binary(index, &told);
            return Ok(());
        };
        incoming.bytes += bytes.len();
        if incoming.bytes > max {
            return Err(Reason::MessageTooBig);
        }
        incoming.attachments.push(bytes);
        if incoming.attachments.len() < incoming.wanted {
            self.recount_session(index);
            return Ok(());
        }
        let incoming = session.incoming.take();
        self.recount_session(index);
        let Some(incoming) = incoming else {
            return Ok(());
        };
        let packet = socketio::parse(&incoming.text)?;
        self.socketio_packet(index, &packet, &incoming.attachments, now)
    }

    fn socketio_packet(
        &mut self,
        index: u32,
        packet: &Packet<'_>,
        attachments: &[Vec<u8>],
        now: u64,
    ) -> Result<(), Reason> {
        let at = self.sessions.table[index as usize].space(packet.namespace);
        match (packet.kind, at) {
            (PacketKind::Connect, None) => {
                self.connect(index, packet, now);
                Ok(())
            }
            (PacketKind::Disconnect, Some(at)) => {
                self.leave_space(index, at, Reason::Normal, now);
                Ok(())
            }
            (PacketKind::Event | PacketKind::BinaryEvent, Some(at)) => {
                self.event(index, at, packet, attachments, now)
            }
            // Nothing of ours asks for an answer.
            (PacketKind::Ack | PacketKind::BinaryAck, Some(_)) => Ok(()),
            _ => Err(Reason::BadPacket),
        }
    }

    /// The channel behind a namespace.
    fn channel_named<'n>(&'n self, namespace: &'n str) -> Option<&'n str> {
        let root = &*self.settings.socketio.channel;
        match namespace.strip_prefix('/')? {
            "" => Some(root),
            name => (name != root && is_channel_name(name)).then_some(name),
        }
    }

    fn connect(&mut self, index: u32, packet: &Packet<'_>, now: u64) {
        let namespace = packet.namespace;
        if let Err(refused) = self.try_connect(index, packet, now) {
            mark("namespace_refused");
            self.sessions.counts.not_connected += 1;
            let message = serde_json::to_string(&refused.message).unwrap_or_default();
            let data = refused.data.map(|data| format!(",\"data\":{data}"));
            let error = format!("{{\"message\":{message}{}}}", data.unwrap_or_default());
            let head = (namespace, None);
            self.send_packet(index, PacketKind::ConnectError, head, &error, &[]);
        }
    }

    fn try_connect(&mut self, index: u32, packet: &Packet<'_>, now: u64) -> Result<(), Refused> {
        let namespace = packet.namespace;
        let invalid = || Refused::new("Invalid namespace");
        let name = self.channel_named(namespace).ok_or_else(invalid)?;
        let name = name.to_owned();
        if self.sessions.table[index as usize].spaces.len() >= CHANNELS_PER_REQUEST_MAX {
            return Err(Refused::new(Reason::TooManyNames.text()));
        }
        let auth = packet.data.unwrap_or("{}");
        let recovers = self.settings.socketio.recovery;
        let back = self.recovered(&name, namespace, auth, now);
        let recovered = back.is_some();
        let (socket, private, from) = match back {
            Some(back) => (back.socket, Some(back.private), Some(back.from)),
            None if recovers => {
                let newest = self.hub.newest().number;
                let (private, socket) = self.sessions.ids.make_private(namespace, newest);
                (socket, Some(private), None)
            }
            None => (self.sessions.ids.make(), None, None),
        };
        if let Some(&ghost) = self.sessions.by_socket.get(&socket) {
            // It has come back before we knew that it was gone.
            mark("ghost_replaced");
            self.end_socket(ghost, socket, Reason::Gone, now);
        }
        let commands = self.app_connect((socket, namespace, &name, recovered), auth)?;
        let channel = match self.hub.open(&name, now) {
            Ok(channel) => channel,
            Err(reason) => {
                // The program has let it in: whoever it let in goes once.
                let gone = (socket, namespace, &*name, recovered);
                self.app_gone(gone, reason);
                return Err(Refused::new(reason.text()));
            }
        };
        self.hub.note_request(channel, now);
        let start = self.start(channel, http::Start::Configured);
        let begin = self.hub.reach(channel, start, now).from;
        let stand = self.take_stand(index, channel, from.unwrap_or(begin), now);
        let reply = match &private {
            Some(pid) => format!("{{\"sid\":\"{}\",\"pid\":\"{pid}\"}}", socket.as_str()),
            None => format!("{{\"sid\":\"{}\"}}", socket.as_str()),
        };
        let back = from.filter(|_| recovered);
        self.connected(index, (socket, namespace, back), stand, &reply);
        self.run_commands(commands, now);
        Ok(())
    }

    /// A socket is in its namespace; it is told so at once, or behind what it has missed.
    fn connected(
        &mut self,
        index: u32,
        (socket, namespace, back): (Sid, &str, Option<u64>),
        stand: Stand,
        reply: &str,
    ) {
        let session = &mut self.sessions.table[index as usize];
        session.connect_ms = NEVER;
        if session.spaces.is_empty() {
            // Most have one.
            session.spaces.reserve_exact(1);
        }
        session.spaces.push(Space {
            socket,
            namespace: namespace.into(),
            stand,
            owed: None,
            recovered: back.is_some(),
        });
        let at = session.spaces.len() - 1;
        self.sessions.by_socket.insert(socket, index);
        self.sessions.counts.connected += 1;
        let place = self.place_of(index, at).filter(|_| back.is_some());
        let end = place.map(|place| (place, self.hub.end_for(place)));
        match end {
            Some((place, end))
                if self.hub.is_waiting(place) || !self.hub.has_reached(place, end) =>
            {
                mark("connect_waits_for_missed");
                let mut packet = Vec::new();
                socketio::append_head(PacketKind::Connect, 0, namespace, None, &mut packet);
                packet.extend_from_slice(reply.as_bytes());
                let packet = String::from_utf8(packet).unwrap_or_default();
                let session = &mut self.sessions.table[index as usize];
                session.spaces[at].owed = Some(Box::new(Owed {
                    at: end,
                    packet,
                    own: self.sessions.own.of(socket, back.unwrap_or(u64::MAX)),
                }));
                self.recount_session(index);
            }
            _ => self.send_packet(index, PacketKind::Connect, (namespace, None), reply, &[]),
        }
    }

    /// A socket leaves its namespace. Its client knows, or is told by the caller.
    pub(super) fn leave_space(&mut self, index: u32, at: usize, reason: Reason, now: u64) {
        mark("namespace_left");
        self.leave_stand(index, at, reason, now);
        let session = &mut self.sessions.table[index as usize];
        let space = session.spaces.remove(at);
        session.first = 0;
        self.recount_session(index);
        if self.sessions.by_socket.get(&space.socket) == Some(&index) {
            self.sessions.by_socket.remove(&space.socket);
        }
        self.tell_gone(&space, reason);
    }

    /// A socket is taken out of its namespace, and its client told so.
    pub(super) fn expel(&mut self, index: u32, at: usize, reason: Reason, now: u64) {
        let namespace = self.sessions.table[index as usize].spaces[at]
            .namespace
            .clone();
        let sid = self.sessions.table[index as usize].sid;
        self.leave_space(index, at, reason, now);
        if self.sessions.is(index, sid) {
            self.send_packet(index, PacketKind::Disconnect, (&namespace, None), "", &[]);
        }
    }

    fn event(
        &mut self,
        index: u32,
        at: usize,
        packet: &Packet<'_>,
        attachments: &[Vec<u8>],
        now: u64,
    ) -> Result<(), Reason> {
        let data = packet.data.unwrap_or("[]");
        let sid = self.sessions.table[index as usize].sid;
        if self.app_event(index, at, data, attachments, packet.ack, now)? == Then::Done {
            return Ok(());
        }
        if !self.sessions.is(index, sid) {
            return Ok(());
        }
        // A command may have taken it out.
        let Some(at) = self.sessions.table[index as usize].space(packet.namespace) else {
            return Ok(());
        };
        let Some(place) = self.place_of(index, at) else {
            return Err(Reason::Internal);
        };
        let submitted = self.submit_event(place, data, attachments, now)?;
        if self.settings.socketio.recovery {
            let socket = self.sessions.table[index as usize].spaces[at].socket;
            self.sessions.own.note(submitted.id.number, socket);
        }
        if let Some(id) = packet.ack {
            let head = (packet.namespace, Some(id));
            let count = format!("[{}]", submitted.subscribers);
            self.send_packet(index, PacketKind::Ack, head, &count, &[]);
            self.ends_for_output(index, now);
        }
        Ok(())
    }

    /// Publishes an event to the channel of this place, to all but who stands there.
    fn submit_event(
        &mut self,
        place: Place,
        data: &str,
        attachments: &[Vec<u8>],
        now: u64,
    ) -> Result<Submitted, Reason> {
        let channel = self.hub.channel_of(place);
        self.publish_event(channel, data, attachments, Some(Sender(place)), now)
    }

    /// Publishes an event to a channel.
    pub(super) fn publish_event(
        &mut self,
        channel: u32,
        data: &str,
        attachments: &[Vec<u8>],
        sender: Option<Sender>,
        now: u64,
    ) -> Result<Submitted, Reason> {
        let mut text = std::mem::take(&mut self.sessions.scratch);
        text.clear();
        socketio::append_message(data, attachments, &mut text);
        let message = Message {
            kind: Kind::Text,
            content_type: None,
            event: None,
            body: Body::Plain(&text),
        };
        self.counters.messages_in += 1;
        self.counters.message_bytes_in += text.len() as u64;
        let submitted = self.hub.submit(channel, message, sender, now);
        text.clear();
        text.shrink_to(crate::limits::ENCODED_KEPT_BYTES_MAX);
        self.sessions.scratch = text;
        submitted
    }
}
