//! An embedding program's part: it is asked, and what it wants is done.
//!
//! Rule: what a call collected is queued, and done in one place where nothing is half done: behind an event,
//! a message or a connect at once; behind a disconnect, which may happen in the middle of anything, there or
//! when the turn's output begins. So no call happens inside another.

use super::ids::Sid;
use super::session::Space;
use crate::close::Reason;
use crate::hub::Sender;
use crate::mark::mark;
use crate::relay::Relay;
use crate::relay::app::{Ack, Args, Called, Command, Data, Event, Refused, Socket, Target, Then};
use crate::socketio::{self, PacketKind};

impl Relay {
    /// Whether the program lets somebody in; what it wants done once that is so.
    pub(super) fn app_connect(
        &mut self,
        (socket, namespace, channel, recovered): (Sid, &str, &str, bool),
        auth: &str,
    ) -> Result<Vec<Command>, Refused> {
        let socket = Socket {
            id: socket.as_str(),
            namespace,
            channel,
            recovered,
        };
        self.program.connect(&socket, auth)
    }

    /// Somebody whom the program let in does not come.
    pub(super) fn app_gone(
        &mut self,
        (socket, namespace, channel, recovered): (Sid, &str, &str, bool),
        reason: Reason,
    ) {
        let socket = Socket {
            id: socket.as_str(),
            namespace,
            channel,
            recovered,
        };
        let commands = self.program.disconnect(&socket, reason);
        self.sessions.commands.extend(commands);
    }

    /// What the program does with an event.
    ///
    /// # Errors
    /// It panicked: the session ends.
    pub(super) fn app_event(
        &mut self,
        index: u32,
        at: usize,
        data: &str,
        attachments: &[Vec<u8>],
        ack: Option<u64>,
        now: u64,
    ) -> Result<Then, Reason> {
        if !self.program.is_there() {
            return Ok(Then::Relay);
        }
        let space = &self.sessions.table[index as usize].spaces[at];
        let (name, args) = socketio::name_and_args(data);
        let args = format!("[{args}]");
        let event = Event {
            name: &name,
            args: Args {
                json: &args,
                attachments,
            },
            ack: ack.map(|id| Ack {
                socket: space.socket.as_str().to_owned(),
                id,
            }),
        };
        let socket = socket(space, &self.settings.socketio.channel);
        let called = self.program.event(&socket, &event);
        self.called(called, now)
    }

    /// A session at the path of bare Engine.IO said something.
    ///
    /// # Errors
    /// The program panicked: the session ends.
    pub(super) fn app_message(
        &mut self,
        index: u32,
        data: Data<'_>,
        now: u64,
    ) -> Result<(), Reason> {
        let sid = self.sessions.table[index as usize].sid;
        let called = self.program.message(sid.as_str(), data);
        self.called(called, now).map(|_| ())
    }

    fn called(&mut self, called: Called, now: u64) -> Result<Then, Reason> {
        self.run_commands(called.commands, now);
        match called.broke {
            true => Err(Reason::Internal),
            false => Ok(called.then),
        }
    }

    /// The program is told that a socket has gone.
    pub(super) fn tell_gone(&mut self, space: &Space, reason: Reason) {
        let socket = socket(space, &self.settings.socketio.channel);
        let commands = self.program.disconnect(&socket, reason);
        self.sessions.commands.extend(commands);
    }

    /// Does what a program wants done, in its order, and what it wanted before.
    pub(in crate::relay) fn run_commands(&mut self, commands: Vec<Command>, now: u64) {
        self.sessions.commands.extend(commands);
        // Each socket goes once, so there is an end to what its going brings about.
        while let Some(command) = self.sessions.commands.pop_front() {
            self.carry_out(command, now);
        }
    }

    /// Does one thing that the program wants. What is meant for a socket or a session that is not
    /// there is dropped.
    fn carry_out(&mut self, command: Command, now: u64) {
        match command {
            Command::Emit {
                to,
                data,
                attachments,
            } => self.emit(&to, &data, &attachments, now),
            Command::Ack {
                ack,
                data,
                attachments,
            } => {
                let Some((index, at)) = self.socket_at(&ack.socket) else {
                    return;
                };
                let kind = match attachments.is_empty() {
                    true => PacketKind::Ack,
                    false => PacketKind::BinaryAck,
                };
                self.keep_order(index, at, now);
                self.send_to(index, at, (kind, Some(ack.id)), &data, &attachments, now);
            }
            Command::Disconnect(socket) => {
                if let Some((index, at)) = self.socket_at(&socket) {
                    self.expel(index, at, Reason::Normal, now);
                }
            }
            Command::SendText(session, text) => {
                if let Some(index) = self.bare_session(&session) {
                    let packet = ["4", &text].concat();
                    self.send_text(index, packet.as_bytes());
                    self.ends_for_output(index, now);
                }
            }
            Command::SendBinary(session, bytes) => {
                if let Some(index) = self.bare_session(&session) {
                    self.send_binary(index, &bytes);
                    self.ends_for_output(index, now);
                }
            }
        }
    }

    fn emit(&mut self, to: &Target, data: &str, attachments: &[Vec<u8>], now: u64) {
        match to {
            Target::One(socket) => {
                let Some((index, at)) = self.socket_at(socket) else {
                    return;
                };
                let kind = match attachments.is_empty() {
                    true => PacketKind::Event,
                    false => PacketKind::BinaryEvent,
                };
                self.keep_order(index, at, now);
                let data = self.with_offset(index, at, data);
                self.send_to(index, at, (kind, None), &data, attachments, now);
            }
            Target::Channel(name) => {
                let channel = self.hub.open(name, now);
                let done = channel
                    .and_then(|channel| self.publish_event(channel, data, attachments, None, now));
                self.counters.refuse_if(done.err());
            }
            Target::AllBut(socket) => {
                let stands = self.socket_at(socket);
                let place = stands.and_then(|(index, at)| self.place_of(index, at));
                if let Some(place) = place {
                    let channel = self.hub.channel_of(place);
                    let sender = Some(Sender(place));
                    let done = self.publish_event(channel, data, attachments, sender, now);
                    self.counters.refuse_if(done.err());
                }
            }
        }
    }

    /// A client that can come back takes a last argument of text for where it was: what goes to it alone
    /// has to tell it, too.
    fn with_offset(&self, index: u32, at: usize, data: &str) -> String {
        let offset = self.offset_for(index, at);
        let offset = offset.filter(|_| self.settings.socketio.recovery);
        match (offset, data.strip_suffix(']')) {
            (Some(offset), Some(open)) => format!("{open},\"{offset}\"]"),
            _ => data.to_owned(),
        }
    }

    fn send_to(
        &mut self,
        index: u32,
        at: usize,
        (kind, ack): (PacketKind, Option<u64>),
        data: &str,
        attachments: &[Vec<u8>],
        now: u64,
    ) {
        let session = &self.sessions.table[index as usize];
        let namespace = session.spaces[at].namespace.clone();
        self.send_packet(index, kind, (&namespace, ack), data, attachments);
        self.ends_for_output(index, now);
    }

    /// The channel that a command is for: its publishers may have to wait.
    pub(in crate::relay) fn channel_for(&self, command: &Command) -> Option<u32> {
        match command {
            Command::Emit { to, .. } => match to {
                Target::One(_) => None,
                Target::Channel(name) => self.hub.find(name),
                Target::AllBut(socket) => {
                    let (index, at) = self.socket_at(socket)?;
                    let place = self.place_of(index, at)?;
                    Some(self.hub.channel_of(place))
                }
            },
            _ => None,
        }
    }

    /// Where the socket with this id is.
    fn socket_at(&self, socket: &str) -> Option<(u32, usize)> {
        let found = Sid::parse(socket).and_then(|socket| {
            let index = *self.sessions.by_socket.get(&socket)?;
            let session = &self.sessions.table[index as usize];
            let at = session.spaces.iter().position(|s| s.socket == socket)?;
            Some((index, at))
        });
        if found.is_none() {
            mark("command_for_none");
        }
        found
    }

    fn bare_session(&self, session: &str) -> Option<u32> {
        let index = *self.sessions.by_sid.get(&Sid::parse(session)?)?;
        self.sessions.table[index as usize].bare.then_some(index)
    }

    /// Ends the session of a socket that has come back in another, or takes it out of its namespace where
    /// the session has others.
    pub(super) fn end_socket(&mut self, index: u32, socket: Sid, reason: Reason, now: u64) {
        let session = &self.sessions.table[index as usize];
        if session.spaces.len() == 1 {
            return self.end_session(index, reason, now);
        }
        if let Some(at) = session.spaces.iter().position(|s| s.socket == socket) {
            self.expel(index, at, reason, now);
        }
    }

    /// Ends what a subscriber to a channel that is deleted is to it.
    pub(in crate::relay) fn end_hearing(&mut self, slot: u32, channel: u32, now: u64) {
        let index = match slot & crate::limits::SEAT_BIT {
            0 => self.sessions.part_of(slot).map(|(index, _)| index),
            _ => self.sessions.session_of_seat(slot),
        };
        let Some(index) = index else {
            return;
        };
        let spaces = 0..self.sessions.table[index as usize].spaces.len();
        let here = |&at: &usize| {
            let place = self.place_of(index, at);
            place.is_some_and(|place| self.hub.channel_of(place) == channel)
        };
        if let Some(at) = spaces.into_iter().find(here) {
            self.expel(index, at, Reason::Deleted, now);
        }
    }
}

/// A socket as the program sees it.
fn socket<'a>(space: &'a Space, root: &'a str) -> Socket<'a> {
    let name = space.namespace.strip_prefix('/').unwrap_or_default();
    Socket {
        id: space.socket.as_str(),
        namespace: &space.namespace,
        channel: if name.is_empty() { root } else { name },
        recovered: space.recovered,
    }
}
