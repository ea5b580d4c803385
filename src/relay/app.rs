//! What a program that embeds the relay does with Socket.IO: it is asked when somebody connects, says
//! something, or goes, and answers with commands.
//!
//! Rules:
//! - An [`App`] is called in the reactor, while nothing else happens: it must not wait. What takes time
//!   goes to a thread of its own, which comes back by a [`Handle`](crate::Handle).
//! - A [`Cx`] only collects commands. They are carried out when the call has returned, in their order,
//!   so that no call happens inside another.
//! - A socket is one connection's place in one namespace. Ids of sockets and sessions are unguessable,
//!   and never used twice. What is meant for one that has gone is dropped.

use std::fmt;

use serde_json::value::RawValue;

use crate::close::Reason;

/// Somebody in a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Socket<'a> {
    /// Its id, which its client knows as `socket.id`.
    pub id: &'a str,
    /// `/`, or `/NAME`.
    pub namespace: &'a str,
    /// The channel behind it.
    pub channel: &'a str,
    /// It has come back with the id it had before.
    pub recovered: bool,
}

/// Something that a client emitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its arguments, a JSON array. Bytes are objects `{"_placeholder":true,"num":N}` in it, which stand
    /// for an attachment.
    pub args: &'a str,
    /// Its attachments.
    pub attachments: &'a [Vec<u8>],
    /// The client waits for an answer to it.
    pub ack: Option<Ack>,
}

/// What a client waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    pub(crate) socket: String,
    pub(crate) id: u64,
}

/// What becomes of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// It goes to all others in the namespace, and the client is told how many those are if it waits
    /// for an answer.
    Relay,
    /// The program has seen to it.
    Done,
}

/// Why somebody may not connect: what its client gets with `connect_error`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// `error.message`.
    pub message: String,
    /// `error.data`: JSON.
    pub data: Option<String>,
}

impl Refused {
    /// With a sentence and nothing else.
    pub fn new(message: impl Into<String>) -> Refused {
        Refused {
            message: message.into(),
            data: None,
        }
    }
}

/// What an Engine.IO message holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Data<'a> {
    /// Text.
    Text(&'a str),
    /// Bytes.
    Binary(&'a [u8]),
}

/// A program's part in what happens.
pub trait App: Send {
    /// Somebody asks to connect; `auth` is the JSON object it gave, `{}` if none.
    ///
    /// # Errors
    /// Why it may not.
    fn connect(&mut self, cx: &mut Cx, socket: &Socket<'_>, auth: &str) -> Result<(), Refused> {
        let _ = (cx, socket, auth);
        Ok(())
    }

    /// A client emitted something.
    fn event(&mut self, cx: &mut Cx, socket: &Socket<'_>, event: &Event<'_>) -> Then {
        let _ = (cx, socket, event);
        Then::Relay
    }

    /// A socket that had connected has gone.
    fn disconnect(&mut self, cx: &mut Cx, socket: &Socket<'_>, reason: Reason) {
        let _ = (cx, socket, reason);
    }

    /// A session at the path of bare Engine.IO said something.
    fn message(&mut self, cx: &mut Cx, session: &str, data: Data<'_>) {
        let _ = (cx, session, data);
    }
}

/// Whom something goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum To {
    /// The socket with this id.
    One(String),
    /// All who listen to the channel of this name, over whatever transport.
    Channel(String),
    /// All who listen to the channel of the socket with this id, but for that one.
    AllBut(String),
}

/// Arguments that are no JSON array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadArguments;

impl fmt::Display for BadArguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("arguments are a JSON array")
    }
}

impl std::error::Error for BadArguments {}

/// Something to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    Emit {
        to: To,
        name: String,
        args: String,
        attachments: Vec<Vec<u8>>,
    },
    Ack {
        ack: Ack,
        args: String,
        attachments: Vec<Vec<u8>>,
    },
    Disconnect(String),
    SendText(String, String),
    SendBinary(String, Vec<u8>),
}

/// Collects what an [`App`] wants done.
#[derive(Debug, Default)]
pub struct Cx {
    pub(crate) commands: Vec<Command>,
}

impl Cx {
    /// Emits an event: its arguments are a JSON array, in which bytes are placeholders as in
    /// [`Event::args`].
    ///
    /// # Errors
    /// [`BadArguments`]: nothing is sent.
    pub fn emit(
        &mut self,
        to: To,
        name: &str,
        args: &str,
        attachments: &[Vec<u8>],
    ) -> Result<(), BadArguments> {
        self.commands.push(Command::Emit {
            to,
            name: name.to_owned(),
            args: array(args)?,
            attachments: attachments.to_vec(),
        });
        Ok(())
    }

    /// Answers an event.
    ///
    /// # Errors
    /// [`BadArguments`]: nothing is sent.
    pub fn ack(
        &mut self,
        ack: &Ack,
        args: &str,
        attachments: &[Vec<u8>],
    ) -> Result<(), BadArguments> {
        self.commands.push(Command::Ack {
            ack: ack.clone(),
            args: array(args)?,
            attachments: attachments.to_vec(),
        });
        Ok(())
    }

    /// Takes a socket out of its namespace.
    pub fn disconnect(&mut self, socket: &str) {
        self.commands.push(Command::Disconnect(socket.to_owned()));
    }

    /// Sends an Engine.IO message to a session at the path of bare Engine.IO.
    pub fn send(&mut self, session: &str, data: Data<'_>) {
        let session = session.to_owned();
        self.commands.push(match data {
            Data::Text(text) => Command::SendText(session, text.to_owned()),
            Data::Binary(bytes) => Command::SendBinary(session, bytes.to_vec()),
        });
    }
}

/// Lets JSON arrays pass.
fn array(args: &str) -> Result<String, BadArguments> {
    let value: &RawValue = serde_json::from_str(args).map_err(|_| BadArguments)?;
    let value = value.get();
    match value.starts_with('[') {
        true => Ok(value.to_owned()),
        false => Err(BadArguments),
    }
}
