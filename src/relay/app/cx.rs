//! What a program wants done: checked when it says so, carried out by the relay later.

use std::fmt;

use super::{Ack, Args, Data, Reason};
use crate::http::path::is_channel_name;
use crate::limits::SAID_ATTACHMENTS_MAX;
use crate::socketio::{PacketKind, append_head, is_modest, parse};

/// Whom something goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To<'a> {
    /// The socket with this id.
    One(&'a str),
    /// All who listen to the channel of this name, over whatever transport. The namespace `/NAME` is
    /// the channel `NAME`; that of `/` is [`Socket::channel`](super::Socket::channel).
    Channel(&'a str),
    /// All who listen to the channel of the socket with this id, but for that one.
    AllBut(&'a str),
}

/// Why something cannot be emitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadEvent {
    /// Clients keep this name for themselves and would take it for a fault.
    Name,
    /// The arguments are no JSON array, or more or deeper than clients can take (`EVENT_ARGUMENTS_MAX`,
    /// `EVENT_DEPTH_MAX`).
    Arguments,
    /// There are more than clients take (`SAID_ATTACHMENTS_MAX`), or a placeholder names one that is not there.
    Attachments,
    /// No channel can have this name.
    Channel,
    /// It is over `payload_bytes_max`.
    TooBig,
}

impl fmt::Display for BadEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadEvent::Name => "event name is reserved",
            BadEvent::Arguments => "arguments are not a JSON array that clients can take",
            BadEvent::Attachments => "too many attachments, or placeholders that do not fit them",
            BadEvent::Channel => "bad channel name",
            BadEvent::TooBig => "event is over payload_bytes_max",
        })
    }
}

impl std::error::Error for BadEvent {}

/// Whom something goes to, kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    One(Box<str>),
    Channel(Box<str>),
    AllBut(Box<str>),
}

/// Something to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Emit an event.
    Emit {
        to: Target,
        /// `["name",…]`, as its packet has it: checked as one that came in.
        data: String,
        attachments: Vec<Vec<u8>>,
    },
    /// Answer one.
    Ack {
        ack: Ack,
        /// `[…]`, likewise.
        data: String,
        attachments: Vec<Vec<u8>>,
    },
    /// Take this socket out of its namespace.
    Disconnect(String),
    /// Send text to this session of bare Engine.IO.
    SendText(String, String),
    /// Send bytes to it.
    SendBinary(String, Vec<u8>),
}

impl Command {
    /// To emit an event.
    pub(crate) fn emit(
        to: To<'_>,
        name: &str,
        args: Args<'_>,
        bytes_max: usize,
    ) -> Result<Command, BadEvent> {
        let to = match to {
            To::One(id) => Target::One(id.into()),
            To::Channel(name) if !is_channel_name(name) => return Err(BadEvent::Channel),
            To::Channel(name) => Target::Channel(name.into()),
            To::AllBut(id) => Target::AllBut(id.into()),
        };
        let args_json = args.json.trim_ascii();
        let inner = args_json
            .strip_prefix('[')
            .and_then(|a| a.strip_suffix(']'));
        let inner = inner.ok_or(BadEvent::Arguments)?.trim_ascii();
        let comma = if inner.is_empty() { "" } else { "," };
        // A string is always JSON.
        let name = serde_json::to_string(name).map_err(|_| BadEvent::Name)?;
        let data = format!("[{name}{comma}{inner}]");
        let kinds = [PacketKind::Event, PacketKind::BinaryEvent];
        check(kinds, &data, args.attachments, bytes_max)?;
        Ok(Command::Emit {
            to,
            data,
            attachments: args.attachments.to_vec(),
        })
    }

    /// To answer an event.
    pub(crate) fn ack(ack: &Ack, args: Args<'_>, bytes_max: usize) -> Result<Command, BadEvent> {
        let data = args.json.trim_ascii();
        let kinds = [PacketKind::Ack, PacketKind::BinaryAck];
        check(kinds, data, args.attachments, bytes_max)?;
        Ok(Command::Ack {
            ack: ack.clone(),
            data: data.to_owned(),
            attachments: args.attachments.to_vec(),
        })
    }

    /// To send a message of bare Engine.IO.
    pub(crate) fn send(
        session: &str,
        data: Data<'_>,
        bytes_max: usize,
    ) -> Result<Command, BadEvent> {
        let session = session.to_owned();
        let command = match data {
            Data::Text(text) => Command::SendText(session, text.to_owned()),
            Data::Binary(bytes) => Command::SendBinary(session, bytes.to_vec()),
        };
        match command.bytes() > bytes_max {
            true => Err(BadEvent::TooBig),
            false => Ok(command),
        }
    }

    /// Bytes of what is to be sent.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Command::Emit {
                data, attachments, ..
            }
            | Command::Ack {
                data, attachments, ..
            } => data.len() + total(attachments),
            Command::Disconnect(_) => 0,
            Command::SendText(_, text) => text.len(),
            Command::SendBinary(_, bytes) => bytes.len(),
        }
    }
}

fn total(attachments: &[Vec<u8>]) -> usize {
    attachments.iter().map(Vec::len).sum()
}

/// Whether the packet with this data would be taken if it came in, and is such as goes to clients otherwise:
/// what they would stumble over is not to go out.
fn check(
    [plain, binary]: [PacketKind; 2],
    data: &str,
    attachments: &[Vec<u8>],
    bytes_max: usize,
) -> Result<(), BadEvent> {
    if data.len() + total(attachments) > bytes_max {
        return Err(BadEvent::TooBig);
    }
    if attachments.len() > SAID_ATTACHMENTS_MAX {
        return Err(BadEvent::Attachments);
    }
    if !is_modest(data) {
        return Err(BadEvent::Arguments);
    }
    let kind = if attachments.is_empty() {
        plain
    } else {
        binary
    };
    let mut packet = Vec::new();
    append_head(kind, attachments.len(), "/", None, &mut packet);
    packet.extend_from_slice(data.as_bytes());
    let packet = std::str::from_utf8(&packet).map_err(|_| BadEvent::Arguments)?;
    match parse(packet) {
        Ok(_) => Ok(()),
        Err(Reason::ReservedEvent) => Err(BadEvent::Name),
        Err(Reason::BadAttachments) => Err(BadEvent::Attachments),
        Err(_) => Err(BadEvent::Arguments),
    }
}

/// Collects what an [`App`](super::App) wants done.
#[derive(Debug)]
pub struct Cx {
    commands: Vec<Command>,
    bytes_max: usize,
}

impl Cx {
    /// Nothing so far; no event may be larger than `bytes_max`.
    pub(super) fn new(bytes_max: usize) -> Cx {
        Cx {
            commands: Vec::new(),
            bytes_max,
        }
    }

    /// What was collected.
    pub(super) fn into_commands(self) -> Vec<Command> {
        self.commands
    }

    /// Emits an event with these arguments: [`Args`], or JSON alone (`"[1,2]"`).
    ///
    /// # Errors
    /// [`BadEvent`]: it is not emitted.
    pub fn emit<'a>(
        &mut self,
        to: To<'_>,
        name: &str,
        args: impl Into<Args<'a>>,
    ) -> Result<(), BadEvent> {
        let command = Command::emit(to, name, args.into(), self.bytes_max)?;
        self.commands.push(command);
        Ok(())
    }

    /// Answers an event with these arguments.
    ///
    /// # Errors
    /// [`BadEvent`]: there is no answer yet.
    pub fn ack<'a>(&mut self, ack: &Ack, args: impl Into<Args<'a>>) -> Result<(), BadEvent> {
        let command = Command::ack(ack, args.into(), self.bytes_max)?;
        self.commands.push(command);
        Ok(())
    }

    /// Takes a socket out of its namespace. Its client is told, and does not come back by itself.
    pub fn disconnect(&mut self, socket: &str) {
        self.commands.push(Command::Disconnect(socket.to_owned()));
    }

    /// Sends an Engine.IO message to a session at the path of bare Engine.IO.
    ///
    /// # Errors
    /// [`BadEvent::TooBig`]: it is not sent.
    pub fn send(&mut self, session: &str, data: Data<'_>) -> Result<(), BadEvent> {
        let command = Command::send(session, data, self.bytes_max)?;
        self.commands.push(command);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
