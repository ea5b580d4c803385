//! From other threads into a reactor: a bounded mailbox and the handle that fills it.

mod emit;

use std::collections::VecDeque;
use std::fmt;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, ThreadId};

use crate::http::path::is_channel_name;
use crate::limits::Limits;
use crate::net::Waker;
use crate::relay::app::BadEvent;
use crate::relay::{Letter, Stop};
use crate::ws::Kind;

/// Why a handle could not do what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandleError {
    /// The mailbox is full (`mailbox_messages_max`, `mailbox_bytes_max`): try again later.
    Full,
    /// The message is over `message_bytes_max`, or the event over `payload_bytes_max`.
    TooBig,
    /// Not a channel name: 1 to 255 bytes of UTF-8 without control characters, not `.` or `..`.
    BadChannel,
    /// The event cannot be emitted, and why.
    BadEvent(BadEvent),
    /// An answer was asked for on the reactor's own thread, which would wait for itself.
    OnReactor,
    /// The server has stopped, or was told to.
    Stopped,
}

impl From<BadEvent> for HandleError {
    fn from(bad: BadEvent) -> HandleError {
        match bad {
            BadEvent::Channel => HandleError::BadChannel,
            BadEvent::TooBig => HandleError::TooBig,
            bad => HandleError::BadEvent(bad),
        }
    }
}

impl fmt::Display for HandleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            HandleError::BadEvent(bad) => return bad.fmt(f),
            HandleError::Full => "mailbox is full",
            HandleError::TooBig => "message is too big",
            HandleError::BadChannel => "bad channel name",
            HandleError::OnReactor => "the reactor cannot wait for itself",
            HandleError::Stopped => "server has stopped",
        })
    }
}

impl std::error::Error for HandleError {}

#[derive(Default)]
struct Queue {
    letters: VecDeque<Letter>,
    bytes: usize,
    refused: u64,
    /// The order to stop, which no full or waiting queue holds up.
    stop: Option<Stop>,
    closed: bool,
}

struct Shared {
    queue: Mutex<Queue>,
    waker: OnceLock<Waker>,
    messages_max: usize,
    bytes_max: usize,
    message_bytes_max: usize,
    payload_bytes_max: usize,
    /// The thread of the reactor, once it runs.
    reactor: OnceLock<ThreadId>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // A panic elsewhere leaves the queue whole: every change to it is one statement.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A way into a running server from any thread; cheap to clone.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle")
    }
}

impl Handle {
    /// Publishes text to a channel, which comes to be if need be. Returns once the message is in
    /// the mailbox: its order among those of this thread is then settled.
    ///
    /// # Errors
    /// All of [`HandleError`]; on an error nothing was published.
    pub fn publish_text(&self, channel: &str, text: &str) -> Result<(), HandleError> {
        self.publish(channel, Kind::Text, text.as_bytes())
    }

    /// Publishes bytes to a channel, like [`Handle::publish_text`].
    ///
    /// # Errors
    /// All of [`HandleError`].
    pub fn publish_binary(&self, channel: &str, bytes: &[u8]) -> Result<(), HandleError> {
        self.publish(channel, Kind::Binary, bytes)
    }

    fn publish(&self, channel: &str, kind: Kind, payload: &[u8]) -> Result<(), HandleError> {
        if !is_channel_name(channel) {
            return Err(HandleError::BadChannel);
        }
        if payload.len() > self.shared.message_bytes_max {
            return Err(HandleError::TooBig);
        }
        self.post(Letter::Publish {
            channel: channel.into(),
            kind,
            payload: payload.into(),
        })
    }

    /// How many subscribers a channel has, once everything posted before is dealt with. Waits for
    /// the reactor, so a program that is called by it cannot ask.
    ///
    /// # Errors
    /// `Full`, `BadChannel`, `OnReactor`, `Stopped`.
    pub fn subscribers(&self, channel: &str) -> Result<usize, HandleError> {
        if self.shared.reactor.get() == Some(&thread::current().id()) {
            return Err(HandleError::OnReactor);
        }
        if !is_channel_name(channel) {
            return Err(HandleError::BadChannel);
        }
        let (reply, answer) = sync_channel(1);
        self.post(Letter::Count {
            channel: channel.into(),
            reply,
        })?;
        answer.recv().map_err(|_| HandleError::Stopped)
    }

    /// Begins an orderly stop: no more connections, what waits is flushed, everybody is told 1001.
    pub fn stop(&self) {
        self.order(Stop::Drain);
    }

    /// Stops at once.
    pub fn stop_now(&self) {
        self.order(Stop::Now);
    }

    fn order(&self, stop: Stop) {
        let mut queue = self.shared.lock();
        if queue.stop != Some(Stop::Now) {
            queue.stop = Some(stop);
        }
        drop(queue);
        self.wake();
    }

    fn post(&self, letter: Letter) -> Result<(), HandleError> {
        let mut queue = self.shared.lock();
        if queue.closed || queue.stop.is_some() {
            return Err(HandleError::Stopped);
        }
        let bytes = queue.bytes + letter.bytes();
        if queue.letters.len() >= self.shared.messages_max || bytes > self.shared.bytes_max {
            queue.refused += 1;
            return Err(HandleError::Full);
        }
        queue.bytes = bytes;
        queue.letters.push_back(letter);
        let first = queue.letters.len() == 1;
        drop(queue);
        if first {
            self.wake();
        }
        Ok(())
    }

    fn wake(&self) {
        if let Some(waker) = self.shared.waker.get() {
            waker();
        }
    }
}

/// The reactor's end of the mailbox.
pub struct Inbox {
    shared: Arc<Shared>,
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Inbox")
    }
}

/// A mailbox with the bounds of `limits`.
pub fn mailbox(limits: &Limits) -> (Handle, Inbox) {
    let shared = Arc::new(Shared {
        queue: Mutex::default(),
        waker: OnceLock::new(),
        messages_max: limits.mailbox_messages_max,
        bytes_max: limits.mailbox_bytes_max,
        message_bytes_max: limits.message_bytes_max,
        // What would never fit the mailbox is too big, not refused for now.
        payload_bytes_max: limits.payload_bytes_max.min(limits.mailbox_bytes_max),
        reactor: OnceLock::new(),
    });
    (
        Handle {
            shared: shared.clone(),
        },
        Inbox { shared },
    )
}

impl Inbox {
    /// Sets what wakes the reactor. Once.
    pub fn set_waker(&self, waker: Waker) {
        let _ = self.shared.waker.set(waker);
    }

    /// The reactor runs on this thread from now on.
    pub fn runs_here(&self) {
        let _ = self.shared.reactor.set(thread::current().id());
    }

    /// A handle to this mailbox.
    pub fn handle(&self) -> Handle {
        Handle {
            shared: self.shared.clone(),
        }
    }

    /// Takes at most `letters_max` letters.
    pub fn take(&self, letters_max: usize, mut each: impl FnMut(Letter)) -> Taken {
        let mut queue = self.shared.lock();
        for _ in 0..letters_max {
            let Some(letter) = queue.letters.pop_front() else {
                break;
            };
            queue.bytes -= letter.bytes();
            each(letter);
        }
        Taken {
            more: !queue.letters.is_empty(),
            refused: std::mem::take(&mut queue.refused),
            stop: queue.stop,
        }
    }

    /// Ends the mailbox: nothing more is taken in, and whoever waits for an answer learns that
    /// none will come.
    pub fn close(&self) {
        let mut queue = self.shared.lock();
        queue.closed = true;
        queue.letters.clear();
    }
}

/// What [`Inbox::take`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// More letters wait.
    pub more: bool,
    /// How many were refused since the last time.
    pub refused: u64,
    /// The order to stop, once given.
    pub stop: Option<Stop>,
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> (Handle, Inbox) {
        mailbox(&Limits {
            mailbox_messages_max: 2,
            mailbox_bytes_max: 100,
            message_bytes_max: 80,
            ..Limits::default()
        })
    }

    #[test]
    fn the_mailbox_is_bounded_in_messages_and_bytes_and_tells() {
        let (handle, inbox) = small();
        assert_eq!(handle.publish_text("a", "1"), Ok(()));
        assert_eq!(handle.publish_text("a", "2"), Ok(()));
        assert_eq!(handle.publish_text("a", "3"), Err(HandleError::Full));
        let mut taken = 0;
        let found = inbox.take(10, |_| taken += 1);
        assert_eq!(
            found,
            Taken {
                more: false,
                refused: 1,
                stop: None
            }
        );
        assert_eq!(taken, 2);
        assert_eq!(handle.publish_binary("a", &[0; 80]), Ok(()));
        assert_eq!(handle.publish_binary("a", &[0; 21]), Err(HandleError::Full));
        assert_eq!(handle.publish_binary("a", &[0; 20]), Ok(()));
        assert_eq!(
            handle.publish_binary("a", &[0; 81]),
            Err(HandleError::TooBig)
        );
        assert_eq!(handle.publish_text("..", ""), Err(HandleError::BadChannel));
        drop(inbox);
        assert_eq!(handle.publish_text("a", "1"), Err(HandleError::Stopped));
        assert_eq!(handle.subscribers("a"), Err(HandleError::Stopped));
    }
}
