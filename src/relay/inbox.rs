//! Letters from other threads: publications, questions, commands, and the order to stop.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use super::Relay;
use super::app::Command;
use crate::hub::{Body, Message};
use crate::mark::mark;
use crate::ws::Kind;

/// How to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Finish what is under way, tell everybody, wait up to `drain_ms`.
    Drain,
    /// At once.
    Now,
}

/// What another thread wants.
#[derive(Debug)]
pub enum Letter {
    /// Publish this.
    Publish {
        /// To which channel; a valid name.
        channel: Box<str>,
        /// Text, which is UTF-8, or binary.
        kind: Kind,
        /// The payload, at most `message_bytes_max`.
        payload: Arc<[u8]>,
    },
    /// How many subscribers has the channel?
    Count {
        /// Which channel.
        channel: Box<str>,
        /// Where the answer goes.
        reply: SyncSender<usize>,
    },
    /// Do what a program wants done.
    Command(Box<Command>),
}

impl Letter {
    /// Payload bytes.
    pub fn bytes(&self) -> usize {
        match self {
            Letter::Publish { payload, .. } => payload.len(),
            Letter::Count { .. } => 0,
            Letter::Command(command) => command.bytes(),
        }
    }
}

impl Relay {
    /// How many letters wait for their channel.
    pub fn letters(&self) -> usize {
        self.letters.len()
    }

    /// Takes one letter out of the mailbox.
    pub fn take_letter(&mut self, letter: Letter) {
        self.letter_bytes += letter.bytes();
        self.letters.push_back(letter);
    }

    fn letter_waits(&self, letter: &Letter) -> bool {
        let channel = match letter {
            Letter::Publish { channel, .. } | Letter::Count { channel, .. } => {
                self.hub.find(channel)
            }
            Letter::Command(command) => self.channel_for(command),
        };
        channel.is_some_and(|id| self.hub.paused(id))
    }

    /// Whether any letter can be dealt with now.
    pub(super) fn letters_can_move(&self) -> bool {
        self.letters.iter().any(|letter| !self.letter_waits(letter))
    }

    /// Deals with letters. Those for a channel whose publishers are paused wait, in their order;
    /// others pass them by.
    pub fn read_letters(&mut self, now: u64) {
        for _ in 0..self.letters.len() {
            let Some(letter) = self.letters.pop_front() else {
                return;
            };
            if self.letter_waits(&letter) {
                mark("letter_waits");
                self.letters.push_back(letter);
                continue;
            }
            self.letter_bytes -= letter.bytes();
            match letter {
                Letter::Publish {
                    channel,
                    kind,
                    payload,
                } => {
                    self.publish_own(&channel, kind, &payload, now);
                }
                // Nobody may wait for the answer any more: that is no concern of ours.
                Letter::Count { channel, reply } => {
                    let _ = reply.try_send(self.hub.subscribers(&channel));
                }
                Letter::Command(command) => self.run_commands(vec![*command], now),
            }
        }
    }

    /// Publishes what comes from no connection.
    pub(super) fn publish_own(&mut self, channel: &str, kind: Kind, payload: &[u8], now: u64) {
        let message = Message {
            kind,
            content_type: None,
            event: None,
            body: Body::Plain(payload),
        };
        let result = self
            .hub
            .open(channel, now)
            .and_then(|id| self.hub.submit(id, message, None, now));
        match result {
            Ok(_) => {
                self.counters.messages_in += 1;
                self.counters.message_bytes_in += payload.len() as u64;
            }
            Err(reason) => self.counters.refuse(reason),
        }
    }
}
