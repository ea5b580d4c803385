//! Bytes that a client has still to send, with milestones: who must know when a byte has left.

use std::collections::VecDeque;

use crate::kernel::{Kernel, SocketId};
use crate::ledger::MessageId;
use crate::rng::Rng;

/// How a client sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Whatever fits.
    Whole,
    /// Pieces of any size.
    Pieces,
    /// One to three bytes.
    Dribble,
}

/// What is true once all bytes before it have left.
#[derive(Debug, Clone, Copy)]
pub enum Milestone {
    /// This message was sent whole.
    Message(MessageId),
    /// The upgrade was sent whole.
    Upgrade,
    /// A guest asked to join this channel's namespace.
    Connect(usize),
    /// The direction ends here.
    Fin,
}

/// What waits to be sent.
#[derive(Debug)]
pub struct Outbox {
    bytes: VecDeque<u8>,
    left: u64,
    milestones: VecDeque<(u64, Milestone)>,
    /// How it is sent.
    pub pace: Pace,
}

impl Outbox {
    /// An empty one.
    pub fn new(pace: Pace) -> Outbox {
        Outbox {
            bytes: VecDeque::new(),
            left: 0,
            milestones: VecDeque::new(),
            pace,
        }
    }

    /// Whether everything has left.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.milestones.is_empty()
    }

    /// Bytes waiting.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Appends bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    /// Appends a milestone behind everything pushed so far.
    pub fn milestone(&mut self, what: Milestone) {
        self.milestones
            .push_back((self.left + self.bytes.len() as u64, what));
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.bytes = VecDeque::new();
        self.milestones.clear();
    }

    /// Sends a piece, and says how long it was.
    pub fn put(&mut self, kernel: &mut Kernel, socket: SocketId, rng: &mut Rng) -> usize {
        let (first, _) = self.bytes.as_slices();
        if first.is_empty() {
            return 0;
        }
        let max = match self.pace {
            Pace::Whole => first.len(),
            Pace::Pieces => {
                let top = 1 << rng.between(1, 16);
                rng.between(1, top)
            }
            Pace::Dribble => rng.between(1, 3),
        };
        let n = kernel.client_send(socket, &first[..max.min(first.len())]);
        self.bytes.drain(..n);
        self.left += n as u64;
        n
    }

    /// Takes the next milestone that has been reached.
    pub fn reached(&mut self) -> Option<Milestone> {
        let (at, what) = *self.milestones.front()?;
        (at <= self.left).then(|| {
            self.milestones.pop_front();
            what
        })
    }
}
