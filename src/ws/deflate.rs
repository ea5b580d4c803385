//! Compressing a message (RFC 7692 7.2.1), once for everybody who gets it with that window.
//!
//! Rules:
//! - Every message begins with an empty window: `server_no_context_takeover` is always agreed upon.
//!   So what comes out is the same for all, and a connection owns no window.
//! - What is not worth it goes plain, which every receiver takes (6.1): messages below a least size,
//!   those of which a sample does not shrink, and those that come out no smaller.
//! - One message must not hold the loop for long: above [`DEFLATE_BYTES_MAX`] it goes plain.
//! - One compressor per window in use serves all connections of a reactor, and keeps its memory.

use flate2::{Compress, Compression, FlushCompress, Status};

use crate::limits::{DEFLATE_BYTES_MAX, DEFLATE_KEPT_BYTES_MAX};
use crate::mark::planted;

/// What a flush ends with, and a message leaves out (RFC 7692 7.2.1).
const FLUSHED: [u8; 4] = [0, 0, 0xff, 0xff];
/// Windows there are: 9 to 15 bits.
const WINDOWS: usize = 7;
/// Messages from this size on are sampled before all of them is compressed.
const SAMPLED_BYTES_MIN: usize = 32 * 1024;
/// Bytes of the sample.
const SAMPLE_BYTES: usize = 4 * 1024;

/// What is compressed, and how well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeflateSettings {
    /// Smaller messages go plain, in bytes.
    pub bytes_min: usize,
    /// 1, fastest, to 9, smallest.
    pub level: u32,
}

/// What was compressed so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeflateCounts {
    /// Messages, once for each window.
    pub messages: u64,
    /// Their bytes before.
    pub bytes_before: u64,
    /// And after.
    pub bytes_after: u64,
    /// Messages tried in vain: they went plain.
    pub in_vain: u64,
}

/// See the top of the file.
#[derive(Debug)]
pub struct Deflater {
    settings: DeflateSettings,
    /// By bits of the window less 9; made with the first message.
    states: [Option<Compress>; WINDOWS],
    output: Vec<u8>,
    counts: DeflateCounts,
}

impl Deflater {
    /// A compressor that has not been used.
    pub fn new(settings: DeflateSettings) -> Deflater {
        Deflater {
            settings,
            states: Default::default(),
            output: Vec::new(),
            counts: DeflateCounts::default(),
        }
    }

    /// What was compressed so far.
    pub fn counts(&self) -> DeflateCounts {
        self.counts
    }

    /// Compresses one message for receivers whose window has `bits` bits, 9 to 15; always to fewer
    /// bytes. `None`: it goes plain.
    ///
    /// # Panics
    /// With any other number of bits.
    pub fn deflate(&mut self, payload: &[u8], bits: u8) -> Option<&[u8]> {
        if payload.len() < self.settings.bytes_min || payload.len() > DEFLATE_BYTES_MAX {
            return None;
        }
        let slot = &mut self.states[usize::from(bits) - 9];
        let state = slot.get_or_insert_with(|| {
            Compress::new_with_window_bits(Compression::new(self.settings.level), false, bits)
        });
        let middle = payload.len() / 2;
        let sample = &payload[middle..(middle + SAMPLE_BYTES).min(payload.len())];
        let mut ran = Ran::Smaller;
        if payload.len() >= SAMPLED_BYTES_MIN {
            ran = run(state, sample, &mut self.output);
        }
        if ran == Ran::Smaller {
            ran = run(state, payload, &mut self.output);
        }
        if ran == Ran::GivenUp {
            // zlib-rs 0.6.8 does not take all of its output back when it is reset: its next long
            // message would find too little room, and panic.
            *slot = None;
        }
        if ran != Ran::Smaller {
            self.counts.in_vain += 1;
            self.trim();
            return None;
        }
        self.counts.messages += 1;
        self.counts.bytes_before += payload.len() as u64;
        self.counts.bytes_after += self.output.len() as u64;
        Some(&self.output)
    }

    /// Returns memory that an unusually large message needed.
    pub fn trim(&mut self) {
        if self.output.capacity() > DEFLATE_KEPT_BYTES_MAX {
            self.output = Vec::new();
        }
    }

    /// Memory held between messages, the library's own excluded.
    pub fn memory(&self) -> usize {
        self.output.capacity()
    }
}

/// What came of compressing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ran {
    /// It became smaller.
    Smaller,
    /// It did not.
    NotSmaller,
    /// It did not, and the state still holds a part of it.
    GivenUp,
}

/// More room than a message needs that does not shrink, unless it is of many blocks: so that most of
/// them are not given up half-way.
const ROOM: usize = 64;

/// Compresses `payload` into `output`.
fn run(state: &mut Compress, payload: &[u8], output: &mut Vec<u8>) -> Ran {
    if !planted("window_kept") {
        state.reset();
    }
    let before = state.total_in();
    output.clear();
    // Whatever does not fit is too long; a flush that just fits is not known to be complete.
    output.reserve(payload.len() + FLUSHED.len() + ROOM);
    let status = state.compress_vec(payload, output, FlushCompress::Sync);
    let complete = matches!(status, Ok(Status::Ok))
        && state.total_in() - before == payload.len() as u64
        && output.len() < output.capacity();
    let smaller = output.len() < payload.len() + FLUSHED.len();
    if !complete {
        return Ran::GivenUp;
    }
    if !smaller || !output.ends_with(&FLUSHED) {
        return Ran::NotSmaller;
    }
    if !planted("flush_tail_left") {
        output.truncate(output.len() - FLUSHED.len());
    }
    Ran::Smaller
}

#[cfg(test)]
mod tests;
