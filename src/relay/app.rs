//! What a program that embeds the relay does with Socket.IO: it is asked when somebody connects, says
//! something, or goes, and answers with commands.
//!
//! Without an [`App`] every namespace is a channel: whoever asks may connect, and an event goes to all
//! others there. A program puts an [`App`] beside the server
//! ([`Server::bind_with`](crate::Server::bind_with)) to decide that itself:
//!
//! ```
//! use longwave::app::{App, Cx, Event, Failed, Refused, Socket, Then, To};
//! use longwave::{Config, Server};
//!
//! struct Lobby;
//!
//! impl App for Lobby {
//!     fn connect(&mut self, cx: &mut Cx, socket: &Socket<'_>, auth: &str) -> Result<(), Refused> {
//!         if socket.namespace != "/lobby" {
//!             return Err(Refused::new("Invalid namespace"));
//!         }
//!         // To the one who comes, behind the answer that it has connected.
//!         cx.emit(To::One(socket.id), "welcome", &format!("[{auth}]"))?;
//!         Ok(())
//!     }
//!
//!     fn event(&mut self, cx: &mut Cx, socket: &Socket<'_>, event: &Event<'_>) -> Result<Then, Failed> {
//!         match (event.name, &event.ack) {
//!             // The arguments of an event are JSON; bytes among them go back as they came.
//!             ("echo", Some(ack)) => cx.ack(ack, event.args)?,
//!             ("wave", _) => cx.emit(To::AllBut(socket.id), "waved", "[]")?,
//!             // Whatever else goes to all others, as without a program.
//!             _ => return Ok(Then::Relay),
//!         }
//!         Ok(Then::Done)
//!     }
//! }
//!
//! let config = Config { listen: vec!["127.0.0.1:0".parse()?], ..Config::default() };
//! let mut server = Server::bind_with(&config, Box::new(Lobby))?;
//! let handle = server.handle();
//! let thread = std::thread::spawn(move || server.run());
//!
//! // From any other thread, to whatever transport they listen by.
//! handle.emit(To::Channel("lobby"), "news", r#"["it works", 1]"#)?;
//! handle.stop();
//! thread.join().expect("the server stopped");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Rules:
//! - An [`App`] is called in the reactor, while nothing else happens: **it must not wait**. As long as
//!   a call takes, nobody is served. What takes time goes to a thread of the program's own, with the
//!   id of the socket or the [`Ack`], and comes back by a [`Handle`](crate::Handle).
//! - A [`Cx`] only collects commands. They are carried out when the call has returned, in their order,
//!   so that no call happens inside another, and all together or not at all: not if the call
//!   returns an error or panics.
//! - A panic is caught. It ends the session whose packet was being dealt with, as `internal`, and the
//!   program is asked again for the next: what it left half done in its own state is its own affair.
//!   (Where panics abort, as in this project's release profile, the process ends.)
//! - A socket is one connection's place in one namespace. Ids of sockets and sessions are unguessable,
//!   and never used twice. What is meant for one that has gone is dropped.
//! - A client hears what the program emits in the order in which it did, be it to that client alone or to
//!   its channel; only where a client lags by hundreds of kilobytes may what is for it alone pass the rest.
//! - What is emitted to a channel is a message of it like any other: it goes to all who listen,
//!   over whatever transport, is kept in its history and has an id.

mod cx;
mod program;

pub use crate::close::Reason;
pub use cx::{BadEvent, Cx, To};
#[doc(hidden)]
pub use cx::{Command, Target};
#[doc(hidden)]
pub use program::{Called, Program};

/// Why a call came to nothing, whatever that is; `?` makes one of any error.
pub type Failed = Box<dyn std::error::Error>;

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

/// Arguments of an event or of an answer: JSON, and the bytes that JSON cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Args<'a> {
    /// A JSON array. Where bytes stand it has `{"_placeholder":true,"num":N}`, which means the
    /// attachment with that index.
    pub json: &'a str,
    /// The bytes.
    pub attachments: &'a [Vec<u8>],
}

impl<'a> From<&'a str> for Args<'a> {
    fn from(json: &'a str) -> Args<'a> {
        Args {
            json,
            attachments: &[],
        }
    }
}

impl<'a> From<&'a String> for Args<'a> {
    fn from(json: &'a String) -> Args<'a> {
        json.as_str().into()
    }
}

/// Something that a client emitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its arguments, which are what they should be: an array, and placeholders that fit the bytes.
    pub args: Args<'a>,
    /// The client waits for an answer to it: [`Cx::ack`], or [`Handle::ack`](crate::Handle::ack) later.
    pub ack: Option<Ack>,
}

/// What a client waits for. It is good for one answer; further ones the client ignores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    pub(crate) socket: String,
    pub(crate) id: u64,
}

/// What becomes of an event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Then {
    /// It goes to all others in the namespace, and the client is told how many those are if it waits
    /// for an answer.
    #[default]
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

impl From<BadEvent> for Refused {
    /// A mistake of the program, which is nothing to tell its clients about.
    fn from(_: BadEvent) -> Refused {
        Refused::new("internal error")
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

/// A program's part in what happens. Each call has a default: what happens without a program.
pub trait App: Send {
    /// Somebody asks to connect to a namespace; `auth` is the JSON object it gave, `{}` if none. What is
    /// emitted to it here comes behind the answer that it has connected.
    ///
    /// # Errors
    /// Why it may not.
    fn connect(&mut self, cx: &mut Cx, socket: &Socket<'_>, auth: &str) -> Result<(), Refused> {
        let _ = (cx, socket, auth);
        Ok(())
    }

    /// A client emitted something.
    ///
    /// # Errors
    /// Whatever went wrong: the event then goes to nobody and has no answer, nothing that was collected
    /// is done, and it is logged. The session goes on.
    fn event(
        &mut self,
        cx: &mut Cx,
        socket: &Socket<'_>,
        event: &Event<'_>,
    ) -> Result<Then, Failed> {
        let _ = (cx, socket, event);
        Ok(Then::Relay)
    }

    /// A socket that had connected has gone. Whatever becomes of it, each that connected goes once, unless
    /// the server is stopped at once. It is not there any more: to tell the others, emit to its channel.
    ///
    /// # Errors
    /// As for [`App::event`].
    fn disconnect(
        &mut self,
        cx: &mut Cx,
        socket: &Socket<'_>,
        reason: Reason,
    ) -> Result<(), Failed> {
        let _ = (cx, socket, reason);
        Ok(())
    }

    /// A session at the path of bare Engine.IO (`SocketIo::engine_path`) said something.
    ///
    /// # Errors
    /// As for [`App::event`].
    fn message(&mut self, cx: &mut Cx, session: &str, data: Data<'_>) -> Result<(), Failed> {
        let _ = (cx, session, data);
        Ok(())
    }
}
