//! Deleting a channel: those who hear it are named, so that their connections can be ended; then
//! nothing is left of it but its highest number.
//!
//! Its ids go on to mean what they meant: in the next channel of its name, who resumes from before what was
//! deleted is told of a gap.

use super::{Hub, Report};
use crate::mark::mark;

impl Hub {
    /// The slots of all that hear a channel, alone or in a set.
    pub fn hearers(&self, channel: u32) -> Vec<u32> {
        let c = &self.channels[channel as usize];
        let of_sets = |&set: &u32| self.channels[set as usize].streams.iter();
        let streams = c.streams.iter().chain(c.sets.iter().flat_map(of_sets));
        let members = streams.flat_map(|&id| &self.streams[id as usize].members);
        members.map(|m| m.slot).collect()
    }

    /// Deletes a channel that nobody hears any more, with the sets that it is part of, whatever of
    /// them was still to be swept. Those who wait to publish go on, and make it anew.
    pub fn delete(&mut self, channel: u32, reports: &mut Vec<Report>, now: u64) {
        debug_assert!(!self.is_set(channel) && self.hearers(channel).is_empty());
        mark("channel_deleted");
        for set in self.channels[channel as usize].sets.clone() {
            self.take_down(set, reports);
            self.drop_set_if_unused(set, now);
        }
        self.take_down(channel, reports);
        self.forget(channel);
    }

    /// Frees the streams of a channel without members, and lets its publishers go.
    fn take_down(&mut self, channel: u32, reports: &mut Vec<Report>) {
        self.set_paused(channel, false);
        let c = &mut self.channels[channel as usize];
        let streams = std::mem::take(&mut c.streams);
        reports.extend(c.waiting.drain(..).map(Report::Resume));
        for stream in streams {
            // These lists are of streams that are there; all others look whether theirs still is.
            self.dirty.retain(|&id| id != stream);
            self.brief.retain(|&id| id != stream);
            let mut s = self.streams.remove(stream as usize);
            s.log.cut(s.log.end(), &mut self.pool);
        }
    }
}
