//! What is told of channels to those who look after them.

use std::collections::BTreeMap;

use super::{Hub, Id};

/// How a channel stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts<'a> {
    /// Its name.
    pub name: &'a str,
    /// Who hears it, alone or in a set.
    pub subscribers: usize,
    /// Messages that its history holds.
    pub messages: usize,
    /// What they count for.
    pub bytes: u64,
    /// The first and the last of them.
    pub held: Option<(Id, Id)>,
    /// How long ago the first of them came, in milliseconds.
    pub age_ms: Option<u64>,
    /// The last message that was published; `None`: there was none since the channel was made.
    pub last: Option<Id>,
    /// How long ago somebody asked to hear it, in milliseconds.
    pub requested_ms: Option<u64>,
    /// How long ago a message came or somebody left, in milliseconds.
    pub idle_ms: u64,
}

impl Hub {
    /// How a channel stands.
    pub fn facts(&self, channel: u32, now: u64) -> Facts<'_> {
        let c = &self.channels[channel as usize];
        let history = &c.history;
        let id = |number: u64| Id {
            number,
            ..self.newest
        };
        let ends = history.entries.front().zip(history.entries.back());
        Facts {
            name: &c.name,
            subscribers: self.listeners(channel),
            messages: history.entries.len(),
            bytes: history.bytes(),
            held: ends.map(|(first, last)| (id(first.number), id(last.number))),
            age_ms: history.oldest_ms().map(|ms| now.saturating_sub(ms)),
            last: history.last().map(id),
            requested_ms: c.requested_ms.map(|ms| now.saturating_sub(ms)),
            idle_ms: now.saturating_sub(c.used_ms),
        }
    }

    /// Who hears a channel, alone or in a set, by what operators call their form.
    pub fn transports(&self, channel: u32) -> BTreeMap<&'static str, usize> {
        let sets = &self.channels[channel as usize].sets;
        let mut counts = BTreeMap::new();
        for &heard in sets.iter().chain([&channel]) {
            for &stream in &self.channels[heard as usize].streams {
                let s = &self.streams[stream as usize];
                if !s.members.is_empty() {
                    *counts.entry(s.form.word()).or_default() += s.members.len();
                }
            }
        }
        counts
    }

    /// The pattern of the rule that holds for a channel; `None`: what holds for all.
    pub fn pattern(&self, channel: u32) -> Option<String> {
        self.policies.pattern(&self.channels[channel as usize].name)
    }

    /// How many channels have names: all but sets.
    pub fn named(&self) -> usize {
        self.names.len()
    }

    /// One place for a channel after the other, from `from` on: the channel there, its name, and in
    /// how many sets it is; `None` where no channel with a name is.
    pub fn places_from(
        &self,
        from: usize,
    ) -> impl Iterator<Item = (usize, Option<(u32, &str, usize)>)> {
        (from..self.channels.capacity()).map(|index| {
            let c = self.channels.get(index).filter(|c| !c.is_set());
            let there = c.map(|c| (index as u32, &*c.name, c.sets.len()));
            (index, there)
        })
    }
}
