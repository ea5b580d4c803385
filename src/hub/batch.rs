//! Messages gathered for a while, so that more of them go out in one send (`--batch`).
//!
//! Rules:
//! - A stream with something new waits for `batch_us` from the turn that read the first of it, or
//!   until `BATCH_BYTES` are new, or its channel is paused; then it is swept like any other.
//! - Nothing else waits: replies, pings and closes are no concern of the hub's, and a member that is
//!   pushed gets what there is.
//! - What lets a stream be swept before takes it out of the batch. Its entry in the queue stays and
//!   may end the next batch too early, which does no harm.

use super::Hub;
use super::stream::Stream;
use crate::limits::BATCH_BYTES;
use crate::mark::{mark, planted};

impl Hub {
    /// A turn begins: what is read in it is as old as this, and batches end that are due.
    pub fn turn_begins(&mut self, us: u64) {
        self.turn_us = us;
        while let Some(&(due, id)) = self.gathering.front()
            && due <= us
        {
            self.gathering.pop_front();
            // A stream may have gone, or another come in its place.
            let gathers = |s: &Stream| s.gathers;
            if self.streams.get(id as usize).is_some_and(gathers) && !planted("batch_forgotten") {
                self.mark_dirty(id);
            }
        }
    }

    /// When the next batch ends, in microseconds.
    pub fn next_batch_us(&self) -> Option<u64> {
        self.gathering.front().map(|&(due, _)| due)
    }

    /// A stream has something new that may wait.
    #[inline(never)]
    pub(super) fn gather(&mut self, stream: u32) {
        let s = &mut self.streams[stream as usize];
        if s.dirty {
            return;
        }
        let paused = self.channels[s.channel as usize].paused;
        if paused || s.log.end() - s.mark >= BATCH_BYTES {
            mark("batch_full");
            return self.mark_dirty(stream);
        }
        if !s.gathers {
            mark("batch_begun");
            s.gathers = true;
            let due = self.turn_us + self.limits.batch_us;
            self.gathering.push_back((due, stream));
        }
    }
}
