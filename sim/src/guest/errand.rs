//! A request beside all sessions: that one is no more, or that what is no request is answered so.

use super::line::{Came, Duty, Line};
use super::{Around, Terms};
use crate::kernel::Kernel;

/// Time between two tries.
const RETRY_MS: u64 = 100;

/// See the top of the file.
#[derive(Debug)]
pub struct Errand {
    target: String,
    body: Option<&'static str>,
    /// What its answer begins with: status and body.
    due: (u16, &'static str),
    line: Option<Line>,
    at_ms: u64,
    /// Any other answer is right until then.
    pub until_ms: u64,
    /// It was answered as it has to be.
    pub done: bool,
}

/// What is wrong, and how it is answered.
const WRONG: &[(&str, Option<&str>, u16, &str)] = &[
    (
        "?EIO=4&transport=tape",
        None,
        400,
        "{\"code\":0,\"message\":\"Transport unknown\"}",
    ),
    (
        "?EIO=4",
        None,
        400,
        "{\"code\":0,\"message\":\"Transport unknown\"}",
    ),
    (
        "?EIO=4&transport=polling&sid=nobody",
        None,
        400,
        "{\"code\":1,\"message\":\"Session ID unknown\"}",
    ),
    (
        "?EIO=4&transport=polling&sid=nobody",
        Some("2"),
        400,
        "{\"code\":1,\"message\":\"Session ID unknown\"}",
    ),
    (
        "?EIO=4&transport=polling",
        Some("4x"),
        400,
        "{\"code\":2,\"message\":\"Bad handshake method\"}",
    ),
    (
        "?EIO=4&transport=websocket",
        None,
        400,
        "{\"code\":3,\"message\":\"Bad request\"}",
    ),
    (
        "?EIO=3&transport=polling",
        None,
        400,
        "{\"code\":5,\"message\":\"Unsupported protocol version\"}",
    ),
];

impl Errand {
    /// Makes sure that a session has ended, or does within the time that any has.
    pub fn that_it_ended(target: String, now: u64, terms: &Terms) -> Errand {
        Errand {
            target,
            body: None,
            due: (400, "{\"code\":1,"),
            line: None,
            at_ms: now,
            until_ms: now + terms.patience_ms(),
            done: false,
        }
    }

    /// Asks something wrong.
    pub fn wrong(which: usize, now: u64) -> Errand {
        let (query, body, status, answer) = WRONG[which % WRONG.len()];
        Errand {
            target: format!("/socket.io/{query}"),
            body,
            due: (status, answer),
            line: None,
            at_ms: now,
            until_ms: 0,
            done: false,
        }
    }

    pub fn busy(&self, kernel: &Kernel) -> bool {
        self.line.as_ref().is_some_and(|l| l.busy(kernel, true))
    }

    pub fn next_ms(&self) -> Option<u64> {
        (self.line.is_none() && !self.done).then_some(self.at_ms)
    }

    pub fn pump(&mut self, around: &mut Around<'_>) -> Result<(), String> {
        let now = around.kernel.now_ms();
        if around.closing || around.is_short() {
            self.line
                .iter_mut()
                .for_each(|l| l.drop_it(around.kernel, false));
            self.done = true;
            return Ok(());
        }
        let Some(line) = &mut self.line else {
            if now >= self.at_ms {
                self.ask(around);
            }
            return Ok(());
        };
        line.write(around.kernel, around.rng);
        for came in line.read(around.kernel, around.rng)? {
            self.judge(came, now)?;
        }
        if self.done || self.at_ms > now {
            self.line
                .iter_mut()
                .for_each(|l| l.drop_it(around.kernel, false));
            self.line = None;
        }
        Ok(())
    }

    fn ask(&mut self, around: &mut Around<'_>) {
        self.line = Line::connect(Duty::Double, around.kernel, around.rng);
        match &mut self.line {
            Some(line) => match self.body {
                Some(body) => line.post(&self.target, body.as_bytes()),
                None => line.get(&self.target),
            },
            None => self.done = true,
        }
    }

    fn judge(&mut self, came: Came, now: u64) -> Result<(), String> {
        if let Came::Answer(status, body) = &came
            && *status == self.due.0
            && body.starts_with(self.due.1.as_bytes())
        {
            self.done = true;
            return Ok(());
        }
        // It joined, or was one too many: that may be said as long as the session may be there.
        self.at_ms = now + RETRY_MS;
        match now <= self.until_ms {
            true => Ok(()),
            false => Err(format!("{came:?} to {}, due {:?}", self.target, self.due)),
        }
    }
}
