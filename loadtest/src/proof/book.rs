//! What was sent: the numbers of every publisher, and what a payload is by them.

use crate::payload::{self, Stamp};

/// The publishers of one channel, and how many messages each has sent.
#[derive(Debug, Clone)]
pub struct Book {
    run: u32,
    /// Publishers are numbered over all channels of a run, so that a message on the wrong channel
    /// is found out; this channel's begin here.
    first: u32,
    sent: Vec<u32>,
}

/// What a payload turned out to be, before anybody asks whether it came before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// A message of this run and channel that was sent.
    Ours(Stamp),
    /// Of another run.
    Foreign,
    /// Its checksum is wrong, or it came as the wrong kind of message.
    Harmed,
    /// Of this run, but never sent on this channel.
    Unsent,
}

impl Book {
    /// `publishers` of them, numbered from `first`, that have sent nothing.
    pub fn new(run: u32, first: u32, publishers: u32) -> Book {
        Book {
            run,
            first,
            sent: vec![0; publishers as usize],
        }
    }

    /// The number that messages of this channel's publisher `p` carry.
    pub fn number(&self, p: u32) -> u32 {
        self.first + p
    }

    /// Notes that a publisher sends its next message; returns the sequence number of it.
    pub fn publish(&mut self, publisher: u32) -> u32 {
        let sent = &mut self.sent[publisher as usize];
        *sent += 1;
        *sent - 1
    }

    /// How many messages each publisher has sent.
    pub fn sent(&self) -> &[u32] {
        &self.sent
    }

    /// Messages sent, over all publishers.
    pub fn messages(&self) -> u64 {
        self.sent.iter().map(|&s| u64::from(s)).sum()
    }

    /// Reads a payload. The publisher of its stamp counts from this channel's first.
    pub fn read(&self, text: bool, payload: &[u8]) -> Read {
        let Some(stamp) = payload::check(payload).filter(|_| !text) else {
            return Read::Harmed;
        };
        if stamp.run != self.run {
            return Read::Foreign;
        }
        let publisher = stamp.publisher.wrapping_sub(self.first);
        match self.sent.get(publisher as usize) {
            Some(&sent) if stamp.sequence < sent => Read::Ours(Stamp { publisher, ..stamp }),
            _ => Read::Unsent,
        }
    }
}
