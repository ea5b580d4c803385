//! Several channels heard as one: a set is a channel of its own, whose streams get what is published
//! to any of its parts, in the order of publication.
//!
//! So its members have one cursor, and all who ask for the same set share its bytes. What is published
//! is encoded once for each form and copied for each further set, of which a channel has a bounded
//! number. A set lives as long as somebody hears it; a part lives as long as its sets.

use super::channel::Channel;
use super::{Form, Hub, Policy};
use crate::close::Reason;
use crate::limits::SETS_PER_CHANNEL_MAX;
use crate::mark::mark;

impl Hub {
    /// The channels that a channel stands for: itself, or the parts of a set.
    pub(super) fn parts_of(&self, channel: u32) -> Vec<u32> {
        match &*self.channels[channel as usize].parts {
            [] => vec![channel],
            parts => parts.to_vec(),
        }
    }

    /// The channel that hears all of these, which are distinct; made if need be.
    pub fn open_set(&mut self, names: &[&str], now: u64) -> Result<u32, Reason> {
        if let [name] = names {
            return self.open(name, now);
        }
        // None of them may go to make room for the others.
        let mut parts: Vec<u32> = names.iter().filter_map(|name| self.find(name)).collect();
        for name in names {
            if self.find(name).is_none() {
                parts.push(self.open_but(name, &parts, now)?);
            }
        }
        parts.sort_unstable();
        if let Some(&set) = self.set_ids.get(&parts[..]) {
            return Ok(set);
        }
        if self.channels.len() >= self.limits.channels_max && !self.forget_longest_idle_but(&parts)
        {
            return Err(Reason::FullChannels);
        }
        let crowded = |&part: &u32| self.channels[part as usize].sets.len() >= SETS_PER_CHANNEL_MAX;
        if parts.iter().any(crowded) {
            mark("too_many_sets");
            return Err(Reason::FullSets);
        }
        // The policy of its parts where it is the same, else of each bound the strictest.
        let policies = parts.iter().map(|&p| self.channels[p as usize].policy);
        let policy = policies.reduce(Policy::strictest);
        mark("set_made");
        self.generation = self.generation.wrapping_add(1);
        let mut c = Channel::new(
            names.join(",").into(),
            self.generation,
            policy.unwrap_or(self.policies.of_all()),
            self.forgotten,
        );
        c.parts = parts.into();
        let parts = c.parts.clone();
        let set = self.channels.insert(c) as u32;
        for &part in &parts {
            self.channels[part as usize].sets.push(set);
        }
        self.set_ids.insert(parts, set);
        Ok(set)
    }

    /// A set that nobody hears any more goes.
    pub(super) fn drop_set_if_unused(&mut self, channel: u32, now: u64) {
        let c = &self.channels[channel as usize];
        if !c.is_set() || !c.streams.is_empty() || !c.waiting.is_empty() {
            return;
        }
        self.set_paused(channel, false);
        let c = self.channels.remove(channel as usize);
        self.set_ids.remove(&c.parts);
        for &part in &c.parts {
            self.channels[part as usize]
                .sets
                .retain(|&set| set != channel);
            self.note_idle(part, now);
        }
    }

    /// Publishers of a channel wait, or of all parts of a set, or they do no longer.
    pub(super) fn set_paused(&mut self, channel: u32, paused: bool) {
        let c = &mut self.channels[channel as usize];
        if std::mem::replace(&mut c.paused, paused) == paused {
            return;
        }
        let parts = c.parts.len();
        self.paused = if paused {
            self.paused + 1
        } else {
            self.paused - 1
        };
        for at in 0..parts {
            let part = self.channels[channel as usize].parts[at];
            let count = &mut self.channels[part as usize].paused_sets;
            *count = if paused { *count + 1 } else { *count - 1 };
        }
    }

    /// Whether a channel stands for several: nobody publishes to it.
    pub fn is_set(&self, channel: u32) -> bool {
        self.channels[channel as usize].is_set()
    }

    /// How many hear a channel, alone or in a set.
    pub fn listeners(&self, channel: u32) -> usize {
        let c = &self.channels[channel as usize];
        let in_sets = |&set: &u32| self.channels[set as usize].members(&self.streams);
        c.members(&self.streams) + c.sets.iter().map(in_sets).sum::<usize>()
    }

    /// The stream of a channel in this form, if there is one.
    pub(super) fn stream_of(&self, channel: u32, form: Form) -> Option<u32> {
        let streams = &self.channels[channel as usize].streams;
        let mut streams = streams.iter().copied();
        streams.find(|&id| self.streams[id as usize].form == form)
    }
}
