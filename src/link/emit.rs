//! What a program does with Socket.IO from other threads: the same as with a [`Cx`](crate::app::Cx) in a call.

use super::{Handle, HandleError};
use crate::relay::Letter;
use crate::relay::app::{Ack, Args, Command, Data, To};

impl Handle {
    /// Emits an event to Socket.IO clients, or as `{"name":…,"data":[…]}` to whoever listens to a
    /// channel otherwise. Its arguments are [`Args`], or JSON alone (`"[1,2]"`). Returns like
    /// [`Handle::publish_text`]; what is meant for a socket that has gone is dropped.
    ///
    /// # Errors
    /// All of [`HandleError`] but `OnReactor`; on an error nothing was emitted.
    pub fn emit<'a>(
        &self,
        to: To<'_>,
        name: &str,
        args: impl Into<Args<'a>>,
    ) -> Result<(), HandleError> {
        let max = self.shared.payload_bytes_max;
        self.command(Command::emit(to, name, args.into(), max)?)
    }

    /// Answers an event for which somebody waits, like [`Handle::emit`].
    ///
    /// # Errors
    /// `BadEvent`, `TooBig`, `Full`, `Stopped`.
    pub fn ack<'a>(&self, ack: &Ack, args: impl Into<Args<'a>>) -> Result<(), HandleError> {
        let max = self.shared.payload_bytes_max;
        self.command(Command::ack(ack, args.into(), max)?)
    }

    /// Takes a socket out of its namespace. Its client is told, and does not come back by itself.
    ///
    /// # Errors
    /// `Full`, `Stopped`.
    pub fn disconnect(&self, socket: &str) -> Result<(), HandleError> {
        self.command(Command::Disconnect(socket.to_owned()))
    }

    /// Sends an Engine.IO message to a session at the path of bare Engine.IO.
    ///
    /// # Errors
    /// `TooBig`, `Full`, `Stopped`.
    pub fn send(&self, session: &str, data: Data<'_>) -> Result<(), HandleError> {
        let max = self.shared.payload_bytes_max;
        self.command(Command::send(session, data, max)?)
    }

    fn command(&self, command: Command) -> Result<(), HandleError> {
        self.post(Letter::Command(Box::new(command)))
    }
}
