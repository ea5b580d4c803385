//! The frame log: messages of one channel in one wire form, each appended once, ready to send.
//!
//! Rules:
//! - A position counts bytes since the log began and is never reused. `start <= cursor <= end`
//!   for every cursor; a lookup outside gives `None`, never a wrong byte.
//! - Append is reserve, fill, commit. Until commit no position changes; cancel undoes it.
//! - A message lies in one segment. Segments are contiguous: `next.base == this.end`.
//! - `runs` says whose each byte is, one entry for consecutive messages of one origin, so that a
//!   sender can skip its own. Origin 0 is nobody.

mod front;
mod notes;

use std::collections::VecDeque;
use std::io::IoSlice;

use super::pool::{Pool, Segment, class_of};
use crate::limits::{MESSAGE_BYTES_LEAST, SLICES_MAX};
use notes::Notes;

/// Room for so many runs stays with an empty log and is not counted.
const RUNS_KEPT: usize = 16;

/// Consecutive bytes of one origin, up to `end`; they begin where the run before ends.
#[derive(Debug, Clone, Copy)]
struct Run {
    end: u64,
    origin: u64,
}

/// See the top of the file.
#[derive(Debug, Default)]
pub struct Log {
    segments: VecDeque<Box<Segment>>,
    runs: VecDeque<Run>,
    end: u64,
    /// All before was not needed any more at the last cut, if it is still held.
    needed: u64,
    /// Messages held.
    messages: u64,
    /// What is known of them beside their bytes and origins.
    notes: Option<Box<Notes>>,
    /// Memory of `runs` and `notes` that the pool has counted.
    extras_counted: usize,
    /// Size class for the next first segment: what was needed between two times empty.
    hint: u8,
}

/// A few runs of bytes for one vectored send.
#[derive(Debug)]
pub struct Slices<'a> {
    slices: [IoSlice<'a>; SLICES_MAX],
    count: usize,
    /// Bytes in all of them.
    pub bytes: usize,
}

impl<'a> Slices<'a> {
    /// The runs in order.
    pub fn as_slice(&self) -> &[IoSlice<'a>] {
        &self.slices[..self.count]
    }
}

impl Log {
    /// An empty log whose first byte will have this position.
    pub fn starting_at(at: u64) -> Log {
        Log {
            end: at,
            ..Log::default()
        }
    }

    /// Position of the first byte still held.
    pub fn start(&self) -> u64 {
        self.segments.front().map_or(self.end, |s| s.base)
    }

    /// Position behind the last committed byte.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// How many segments are held.
    pub fn segments(&self) -> usize {
        self.segments.len()
    }

    /// Whether the messages from `at` on weigh more than so many bytes, counted at the least they
    /// count for.
    pub fn is_heavier_than(&self, bytes: u64, at: u64) -> bool {
        let weight = |messages: u64| messages * MESSAGE_BYTES_LEAST > bytes;
        weight(self.messages) && weight(self.messages_between(at, self.end))
    }

    /// Whether a cut there would give anything back.
    pub fn is_cuttable(&self, before: u64) -> bool {
        self.segments.front().is_some_and(|s| s.end() <= before)
    }

    /// Has the pool count the memory of `runs` and `notes` as it is now.
    fn count_extras(&mut self, pool: &mut Pool) {
        let runs = self.runs.capacity();
        let mut bytes = if runs > RUNS_KEPT {
            runs * size_of::<Run>()
        } else {
            0
        };
        bytes += self.notes.as_ref().map_or(0, |n| n.memory());
        pool.recount(&mut self.extras_counted, bytes);
    }

    /// Room for one whole message of `len` bytes, to be filled and then committed or cancelled.
    pub fn reserve(&mut self, len: usize, pool: &mut Pool) -> &mut [u8] {
        if !self.segments.back().is_some_and(|s| s.fits(len)) {
            // Only the first may be small: a chain of small pieces is dear to send. But what is held
            // for those who come back holds little more than they need, whatever was held before.
            let most = class_of((self.end - self.needed.max(self.start())) as usize);
            let grown = self
                .segments
                .back()
                .and_then(|s| class_of(s.bytes.len()))
                .map(|c| most.map_or(c + 1, |most| most.min(c + 1)));
            let mut segment = pool.lend(grown.unwrap_or(self.hint.into()), len);
            segment.base = self.end;
            self.segments.push_back(segment);
        }
        self.count_extras(pool);
        let segment = self.segments.back_mut().expect("pushed above");
        let at = segment.first + segment.len;
        &mut segment.bytes[at..at + len]
    }

    /// Makes the `len` bytes reserved last a message of `origin`; returns the log's new end.
    pub fn commit(&mut self, len: usize, origin: u64) -> u64 {
        let segment = self.segments.back_mut().expect("reserved before");
        segment.len += len;
        segment.ends.push(segment.len as u32);
        self.messages += 1;
        self.end = segment.end();
        match self.runs.back_mut() {
            Some(run) if run.origin == origin => run.end = self.end,
            _ => self.runs.push_back(Run {
                end: self.end,
                origin,
            }),
        }
        self.end
    }

    /// Undoes the last `reserve`.
    pub fn cancel(&mut self, pool: &mut Pool) {
        if self.segments.back().is_some_and(|s| s.len == 0) {
            self.segments
                .pop_back()
                .into_iter()
                .for_each(|s| pool.give_back(s));
        }
    }

    /// Appends a finished message, which begins at `first` in `bytes`, as a segment of its own.
    pub fn adopt(&mut self, bytes: Vec<u8>, first: usize, origin: u64, pool: &mut Pool) -> u64 {
        let mut segment = pool.adopt(bytes, first);
        let len = std::mem::take(&mut segment.len);
        segment.base = self.end;
        self.segments.push_back(segment);
        self.commit(len, origin)
    }

    fn index(&self, at: u64) -> Option<usize> {
        let last = self.segments.back()?;
        if at >= last.base {
            return (at < self.end).then(|| self.segments.len() - 1);
        }
        self.segments
            .partition_point(|s| s.base <= at)
            .checked_sub(1)
    }

    /// The contiguous bytes from `from` to the end of its segment; `None` outside the log.
    pub fn run_from(&self, from: u64) -> Option<&[u8]> {
        let segment = &self.segments[self.index(from)?];
        Some(&segment.used()[(from - segment.base) as usize..])
    }

    /// The bytes from `from` on, at most `bytes_max` and `SLICES_MAX` runs; `None` outside the log.
    pub fn slices(&self, from: u64, bytes_max: usize) -> Option<Slices<'_>> {
        let index = self.index(from)?;
        let mut found = Slices {
            slices: [IoSlice::new(&[]); SLICES_MAX],
            count: 0,
            bytes: 0,
        };
        let mut skip = (from - self.segments[index].base) as usize;
        for segment in self.segments.range(index..).take(SLICES_MAX) {
            let run = &segment.used()[skip..];
            let run = &run[..run.len().min(bytes_max - found.bytes)];
            if run.is_empty() {
                break;
            }
            found.slices[found.count] = IoSlice::new(run);
            found.count += 1;
            found.bytes += run.len();
            skip = 0;
        }
        Some(found)
    }

    /// The end of the message that begins at or contains `at`; `None` outside the log.
    pub fn message_end(&self, at: u64) -> Option<u64> {
        let segment = &self.segments[self.index(at)?];
        let offset = (at - segment.base) as u32;
        let end = segment
            .ends
            .get(segment.ends.partition_point(|&e| e <= offset))?;
        Some(segment.base + u64::from(*end))
    }

    /// Whether no message is cut by `at`. A control frame may go out there.
    pub fn is_border(&self, at: u64) -> bool {
        match self.index(at) {
            None => at == self.end,
            Some(index) => {
                let segment = &self.segments[index];
                let offset = (at - segment.base) as u32;
                offset == 0 || segment.ends.binary_search(&offset).is_ok()
            }
        }
    }

    /// How many messages end in `from < end <= to`.
    pub fn messages_between(&self, from: u64, to: u64) -> u64 {
        let Some(index) = self.index(from) else {
            return 0;
        };
        let mut count = 0;
        for segment in self.segments.range(index..).take_while(|s| s.base < to) {
            let below = |at: u64| {
                segment
                    .ends
                    .partition_point(|&e| segment.base + u64::from(e) <= at)
            };
            count += below(to) - below(from);
        }
        count as u64
    }

    /// How many messages there are from the border `from` to the end, those of `own` left out.
    pub fn messages_of_others(&self, from: u64, own: Option<u64>) -> u64 {
        let mut count = self.messages_between(from, self.end);
        let mut at = from;
        while let Some((begin, end)) = own.and_then(|origin| self.own_range(at, origin)) {
            count -= self.messages_between(begin, end);
            at = end;
        }
        count
    }

    /// The first range of `origin` that ends behind `from`, as far as it lies behind `from`.
    pub fn own_range(&self, from: u64, origin: u64) -> Option<(u64, u64)> {
        let first = self.runs.partition_point(|r| r.end <= from);
        let mut begin = from;
        for run in self.runs.range(first..) {
            if run.origin == origin {
                return Some((begin, run.end));
            }
            begin = run.end;
        }
        None
    }

    /// Gives back what lies wholly before `before`.
    pub fn cut(&mut self, before: u64, pool: &mut Pool) {
        if before >= self.end {
            return self.clear(pool);
        }
        self.needed = before;
        let held = self.messages;
        while self.segments.front().is_some_and(|s| s.end() <= before) {
            let Some(segment) = self.segments.pop_front() else {
                break;
            };
            self.messages -= segment.ends.len() as u64;
            pool.give_back(segment);
        }
        let start = self.start();
        if let Some(notes) = &mut self.notes {
            notes.cut(start, (held - self.messages) as usize);
        }
        while self.runs.front().is_some_and(|r| r.end <= start) {
            self.runs.pop_front();
        }
    }

    /// Gives back the room behind the last message, where it is more than the messages.
    pub fn compact(&mut self, pool: &mut Pool) {
        if let Some(last) = self.segments.back_mut()
            && last.has_much_room()
        {
            pool.fit(last);
        }
    }

    fn clear(&mut self, pool: &mut Pool) {
        let needed = (self.end - self.start()) as usize;
        let class = class_of(needed).unwrap_or(usize::from(u8::MAX)) as u8;
        self.hint = if class >= self.hint {
            class.min(4)
        } else {
            self.hint - 1
        };
        self.segments.drain(..).for_each(|s| pool.give_back(s));
        self.messages = 0;
        self.runs.clear();
        if self.runs.capacity() > RUNS_KEPT {
            self.runs = VecDeque::new();
        }
        if self.notes.as_mut().is_some_and(|notes| !notes.clear()) {
            self.notes = None;
        }
        self.count_extras(pool);
    }
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
