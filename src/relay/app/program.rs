//! Calls the program that embeds the relay, in such a way that its mistakes remain its own.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tracing::warn;

use super::{App, Command, Cx, Data, Event, Failed, Reason, Refused, Socket, Then};

/// The program, or none. It alone calls it.
pub struct Program {
    app: Option<Box<dyn App>>,
    bytes_max: usize,
    failures: u64,
}

/// What came of a call.
#[derive(Debug, PartialEq, Eq)]
pub struct Called {
    /// What becomes of the event.
    pub then: Then,
    /// What is to be done now that it is over.
    pub commands: Vec<Command>,
    /// It panicked: the session that it was about ends.
    pub broke: bool,
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.app.is_some() {
            "Program"
        } else {
            "None"
        })
    }
}

/// How a call failed.
enum Failure {
    Error,
    Panic,
}

impl Program {
    /// Asks this one; no event of its own may be larger than `bytes_max`.
    pub fn new(app: Option<Box<dyn App>>, bytes_max: usize) -> Program {
        Program {
            app,
            bytes_max,
            failures: 0,
        }
    }

    /// Whether there is one: without, nothing has to be prepared for it.
    pub fn is_there(&self) -> bool {
        self.app.is_some()
    }

    /// How many calls returned an error or panicked.
    pub fn failures(&self) -> u64 {
        self.failures
    }

    /// Whether somebody may connect, and what is to be done once that is told. After a panic it may not.
    pub fn connect(&mut self, socket: &Socket<'_>, auth: &str) -> Result<Vec<Command>, Refused> {
        let mut refused = None;
        let called = self.call("connect", |app, cx| {
            refused = app.connect(cx, socket, auth).err();
            Ok(())
        });
        match (called, refused) {
            (Ok(((), commands)), None) => Ok(commands),
            (Ok(_), Some(refused)) => Err(refused),
            (Err(_), _) => Err(Refused::new("internal error")),
        }
    }

    /// A client emitted something.
    pub fn event(&mut self, socket: &Socket<'_>, event: &Event<'_>) -> Called {
        Called::from(self.call("event", |app, cx| app.event(cx, socket, event)))
    }

    /// A socket has gone.
    pub fn disconnect(&mut self, socket: &Socket<'_>, reason: Reason) -> Vec<Command> {
        let called = self.call("disconnect", |app, cx| app.disconnect(cx, socket, reason));
        called.map_or_else(|_| Vec::new(), |((), commands)| commands)
    }

    /// A session of bare Engine.IO said something.
    pub fn message(&mut self, session: &str, data: Data<'_>) -> Called {
        let called = self.call("message", |app, cx| app.message(cx, session, data));
        Called::from(called.map(|((), commands)| (Then::Done, commands)))
    }

    /// Makes one call: without a program there is nothing to it. What it collected counts if all of it
    /// went well, and only then.
    fn call<T: Default>(
        &mut self,
        what: &str,
        call: impl FnOnce(&mut dyn App, &mut Cx) -> Result<T, Failed>,
    ) -> Result<(T, Vec<Command>), Failure> {
        let Some(app) = &mut self.app else {
            return Ok((T::default(), Vec::new()));
        };
        let mut cx = Cx::new(self.bytes_max);
        // What the program left half done is its own: we look at nothing of it but what is whole.
        match catch_unwind(AssertUnwindSafe(|| call(app.as_mut(), &mut cx))) {
            Ok(Ok(value)) => Ok((value, cx.into_commands())),
            Ok(Err(error)) => {
                self.failures += 1;
                warn!(%error, "the program's {what} failed");
                Err(Failure::Error)
            }
            Err(_) => {
                self.failures += 1;
                warn!("the program's {what} panicked");
                Err(Failure::Panic)
            }
        }
    }
}

impl From<Result<(Then, Vec<Command>), Failure>> for Called {
    fn from(called: Result<(Then, Vec<Command>), Failure>) -> Called {
        let broke = matches!(called, Err(Failure::Panic));
        let (then, commands) = called.unwrap_or((Then::Done, Vec::new()));
        Called {
            then,
            commands,
            broke,
        }
    }
}

#[cfg(test)]
mod tests;
