//! One channel: its name, who waits for it, and its streams, one per wire form in use.

use super::history::History;
use super::{Form, Policy, Stream};
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
    /// In the hub's heap of channels that may go to make room.
    pub idle: bool,
    /// When it was last used, for the linger.
    pub used_ms: u64,
    /// Publishers that wait for `paused` to end.
    pub waiting: Vec<Token>,
    /// What it keeps of its messages.
    pub history: History,
    /// Sets that it is part of: channels of their own, which hear what is published here.
    pub sets: Vec<u32>,
    /// How many of them are paused.
    pub paused_sets: u32,
    /// Of a set, its parts; it keeps no history and nobody publishes to it.
    pub parts: Box<[u32]>,
    /// When somebody last asked to hear it.
    pub requested_ms: Option<u64>,
}

impl Channel {
    pub fn new(name: Box<str>, generation: u32, policy: Policy, newest: u64) -> Channel {
        Channel {
            name,
            generation,
            policy,
            streams: Vec::new(),
            paused: false,
            lingering: false,
            idle: false,
            used_ms: 0,
            waiting: Vec::new(),
            history: History::new(newest),
            sets: Vec::new(),
            paused_sets: 0,
            parts: Box::default(),
            requested_ms: None,
        }
    }

    /// Whether it stands for several others.
    pub fn is_set(&self) -> bool {
        !self.parts.is_empty()
    }

    /// Whether its messages go to the plain log whoever listens.
    pub fn keeps_history(&self) -> bool {
        self.policy.keeps_history() && !self.is_set()
    }

    /// The stream whose log is its history.
    pub fn plain(&self, streams: &Slab<Stream>) -> Option<u32> {
        let mut ids = self.streams.iter().copied();
        ids.find(|&id| streams[id as usize].form == Form::Plain)
    }

    /// How many members it has, over all forms, those of sets left out.
    pub fn members(&self, streams: &Slab<Stream>) -> usize {
        let members = |&id: &u32| streams[id as usize].members.len();
        self.streams.iter().map(members).sum()
    }

    /// Whether somebody hears it, alone or in a set.
    pub fn is_heard(&self, streams: &Slab<Stream>) -> bool {
        !self.sets.is_empty() || self.members(streams) > 0
    }

    /// Nobody is left who listens, publishes or is still being swept.
    pub fn is_quiet(&self, streams: &Slab<Stream>) -> bool {
        let idle = |&id: &u32| {
            let s = &streams[id as usize];
            s.members.is_empty() && !s.dirty
        };
        self.streams.iter().all(idle) && self.waiting.is_empty() && self.sets.is_empty()
    }

    /// The most that any of its streams has not yet offered.
    pub fn unflushed(&self, streams: &Slab<Stream>) -> u64 {
        let unflushed = |&id: &u32| streams[id as usize].unflushed();
        self.streams.iter().map(unflushed).max().unwrap_or(0)
    }
}
