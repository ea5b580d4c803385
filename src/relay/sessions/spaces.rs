//! Packets of Socket.IO: who connects to a namespace, what it emits, and its leaving.

use std::borrow::Cow;

use serde::Deserialize;

use super::ids::Sid;
use super::session::{Incoming, Owed, Space, Stand};
use crate::close::Reason;
use crate::http::is_channel_name;
use crate::hub::{Body, Id, Message, Place, Sender, Start};
use crate::limits::CHANNELS_PER_REQUEST_MAX;
use crate::mark::mark;
use crate::relay::Relay;
use crate::relay::app::{Refused, Then};
use crate::socketio::{self, Packet, PacketKind, msgpack};
use crate::timers::NEVER;
use crate::ws::Kind;

/// What a client is told that speaks another encoding than JSON.
const JSON_ONLY: &str = "this server speaks the default parser only, not msgpack";

/// What a client that comes back says of where it was.
#[derive(Deserialize)]
struct Back<'a> {
    #[serde(borrow)]
    pid: Cow<'a, str>,
    #[serde(borrow)]
    offset: Cow<'a, str>,
}

/// Who comes back: its id of old, and where it begins.
struct Recovered {
    socket: Sid,
    private: String,
    from: u64,
}

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
            msgpack::append_connect_error(&namespace, JSON_ONLY, &mut told);
            self.send_binary(index, &told, now);
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
            self.send_packet(index, PacketKind::ConnectError, head, &error, &[], now);
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
                let private = self.sessions.ids.make_private(namespace);
                let socket = self.sessions.ids.socket_of(&private, namespace);
                let socket = socket.unwrap_or_else(|| self.sessions.ids.make());
                (socket, Some(private), None)
            }
            None => (self.sessions.ids.make(), None, None),
        };
        let commands = self.app_connect((socket, namespace, &name, recovered), auth)?;
        if let Some(&ghost) = self.sessions.by_socket.get(&socket) {
            // It has come back before we knew that it was gone.
            mark("ghost_replaced");
            self.end_socket(ghost, socket, Reason::Gone, now);
        }
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
        let newest = self.hub.newest().number;
        let stand = self.take_stand(index, channel, from.unwrap_or(newest), now);
        let reply = match &private {
            Some(pid) => format!("{{\"sid\":\"{}\",\"pid\":\"{pid}\"}}", socket.as_str()),
            None => format!("{{\"sid\":\"{}\"}}", socket.as_str()),
        };
        self.connected(index, (socket, namespace, recovered), stand, &reply, now);
        self.run_commands(commands, now);
        Ok(())
    }

    /// A socket is in its namespace; it is told so at once, or behind what it has missed.
    fn connected(
        &mut self,
        index: u32,
        (socket, namespace, recovered): (Sid, &str, bool),
        stand: Stand,
        reply: &str,
        now: u64,
    ) {
        let session = &mut self.sessions.table[index as usize];
        session.connect_ms = NEVER;
        session.spaces.push(Space {
            socket,
            namespace: namespace.into(),
            stand,
            owed: None,
            recovered,
        });
        let at = session.spaces.len() - 1;
        self.sessions.by_socket.insert(socket, index);
        self.sessions.counts.connected += 1;
        let place = self.place_of(index, at).filter(|_| recovered);
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
                session.spaces[at].owed = Some(Box::new(Owed { at: end, packet }));
                self.recount_session(index);
            }
            _ => self.send_packet(
                index,
                PacketKind::Connect,
                (namespace, None),
                reply,
                &[],
                now,
            ),
        }
    }

    /// Whether somebody who says that it was here before can take up where it was.
    fn recovered(
        &mut self,
        name: &str,
        namespace: &str,
        auth: &str,
        now: u64,
    ) -> Option<Recovered> {
        if !self.settings.socketio.recovery {
            return None;
        }
        let back: Back<'_> = serde_json::from_str(auth).ok()?;
        let socket = self.sessions.ids.socket_of(&back.pid, namespace);
        let recovered = socket.and_then(|socket| {
            let after = id_of(&back.offset)?;
            let channel = self.hub.find(name)?;
            let reach = self.hub.reach(channel, Start::After(after), now);
            reach.missed.is_none().then(|| Recovered {
                socket,
                private: back.pid.into_owned(),
                from: reach.from,
            })
        });
        match recovered {
            Some(_) => self.sessions.counts.recovered += 1,
            None => self.sessions.counts.not_recovered += 1,
        }
        recovered
    }

    /// A socket leaves its namespace. Its client knows, or is told by the caller.
    pub(super) fn leave_space(&mut self, index: u32, at: usize, reason: Reason, now: u64) {
        mark("namespace_left");
        self.leave_stand(index, at, reason, now);
        let session = &mut self.sessions.table[index as usize];
        let space = session.spaces.remove(at);
        session.first = 0;
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
            self.send_packet(
                index,
                PacketKind::Disconnect,
                (&namespace, None),
                "",
                &[],
                now,
            );
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
        let subscribers = self.submit_event(place, data, attachments, true, now)?;
        if let Some(id) = packet.ack {
            let head = (packet.namespace, Some(id));
            let count = format!("[{subscribers}]");
            self.send_packet(index, PacketKind::Ack, head, &count, &[], now);
            self.ends_for_output(index, now);
        }
        Ok(())
    }

    /// Publishes an event to the channel of this place; tells to how many it goes. `but_it`: not to
    /// whoever stands there.
    pub(super) fn submit_event(
        &mut self,
        place: Place,
        data: &str,
        attachments: &[Vec<u8>],
        but_it: bool,
        now: u64,
    ) -> Result<usize, Reason> {
        let channel = self.hub.channel_of(place);
        let sender = but_it.then_some(Sender(place));
        self.publish_event(channel, data, attachments, sender, now)
    }

    /// Publishes an event to a channel; tells to how many it goes.
    pub(super) fn publish_event(
        &mut self,
        channel: u32,
        data: &str,
        attachments: &[Vec<u8>],
        sender: Option<Sender>,
        now: u64,
    ) -> Result<usize, Reason> {
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
        Ok(submitted?.subscribers)
    }
}

/// The id that an offset is.
fn id_of(offset: &str) -> Option<Id> {
    let (epoch, number) = offset.split_once(':')?;
    Some(Id {
        epoch: epoch.parse().ok()?,
        number: number.parse().ok()?,
    })
}
