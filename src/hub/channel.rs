//! One channel: its name, who waits for it, and its streams, one per wire form in use.

use super::{Policy, Stream};
use crate::wire::Token;
use slab::Slab;

/// See the top of the file.
#[derive(Debug)]
pub(super) struct Channel {
    pub name: Box<str>,
    pub generation: u32,
    /// What it is bounded by.
    pub policy: Policy,
    /// Ids of its streams, each of another form. One without members goes once it is swept.
    pub streams: Vec<u32>,
    /// Publishers wait.
    pub paused: bool,
    /// In the hub's list of channels that may be forgotten.
    pub lingering: bool,
    /// When it was last used, for the linger.
    pub used_ms: u64,
    /// Publishers that wait for `paused` to end.
    pub waiting: Vec<Token>,
}

impl Channel {
    pub fn new(name: Box<str>, generation: u32, policy: Policy) -> Channel {
        Channel {
            name,
            generation,
            policy,
            streams: Vec::new(),
            paused: false,
            lingering: false,
            used_ms: 0,
            waiting: Vec::new(),
        }
    }

    /// How many members it has, over all forms.
    pub fn members(&self, streams: &Slab<Stream>) -> usize {
        let members = |&id: &u32| streams[id as usize].members.len();
        self.streams.iter().map(members).sum()
    }

    /// Nobody is left who listens, publishes or is still being swept.
    pub fn is_quiet(&self) -> bool {
        self.streams.is_empty() && self.waiting.is_empty()
    }

    /// The most that any of its streams has not yet offered.
    pub fn unflushed(&self, streams: &Slab<Stream>) -> u64 {
        let unflushed = |&id: &u32| streams[id as usize].unflushed();
        self.streams.iter().map(unflushed).max().unwrap_or(0)
    }
}
