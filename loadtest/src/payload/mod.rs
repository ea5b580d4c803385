//! What a message carries so that every delivery can be proved: who sent it, which it is, when it
//! should have left, and a checksum over all of that and the body.
//!
//! Binary: checksum u32, run u32, publisher u32, sequence u32, intended time u64 (nanoseconds since
//! the run began), all little-endian, then a body that differs from message to message. Text and
//! JSON: see [`text`].

pub mod text;

use clap::ValueEnum;

use crate::random::{Random, mix};

/// Bytes before the body, and so the smallest message.
pub const HEADER_BYTES: usize = 24;

/// What a message says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Tells this run's messages from those of another on the same channel.
    pub run: u32,
    /// Which publisher.
    pub publisher: u32,
    /// Which of that publisher's messages, from 0.
    pub sequence: u32,
    /// When it should have left, nanoseconds since the run began.
    pub intended_ns: u64,
}

/// What payloads look like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// Bytes that cannot be compressed, in binary messages
    #[default]
    Binary,
    /// Words, in text messages
    Text,
    /// A document as applications send them, in text messages
    Json,
}

impl Form {
    /// Bytes of the smallest payload.
    pub fn least_bytes(self) -> usize {
        match self {
            Form::Binary => HEADER_BYTES,
            Form::Text => text::TEXT_BYTES_MIN,
            Form::Json => text::JSON_BYTES_MIN,
        }
    }
}

impl Stamp {
    /// The header without its checksum.
    fn bytes(&self) -> [u8; HEADER_BYTES - 4] {
        let mut b = [0; HEADER_BYTES - 4];
        b[..4].copy_from_slice(&self.run.to_le_bytes());
        b[4..8].copy_from_slice(&self.publisher.to_le_bytes());
        b[8..12].copy_from_slice(&self.sequence.to_le_bytes());
        b[12..].copy_from_slice(&self.intended_ns.to_le_bytes());
        b
    }

    /// Reads what [`Stamp::bytes`] wrote.
    fn read(bytes: &[u8]) -> Option<Stamp> {
        let u32_at = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
        Some(Stamp {
            run: u32_at(0)?,
            publisher: u32_at(4)?,
            sequence: u32_at(8)?,
            intended_ns: u64::from_le_bytes(*bytes.get(12..)?.first_chunk()?),
        })
    }

    /// Differs from message to message, so that a stale or swapped body does not pass for this one.
    fn word(&self) -> u64 {
        mix(u64::from(self.publisher) << 32 | u64::from(self.sequence))
    }
}

/// Makes the payloads of one run.
#[derive(Debug)]
pub struct Maker {
    run: u32,
    buffer: Vec<u8>,
    form: Form,
    /// JSON: where its digits are.
    digits: Vec<usize>,
}

impl Maker {
    /// Binary payloads of `size` bytes (at least [`HEADER_BYTES`]) with a body out of `seed`.
    pub fn new(run: u32, size: usize, seed: u64) -> Maker {
        Maker::of(Form::Binary, run, size, seed)
    }

    /// Payloads of this form; their size is at least [`Form::least_bytes`].
    pub fn of(form: Form, run: u32, size: usize, seed: u64) -> Maker {
        let size = size.max(form.least_bytes());
        let mut random = Random::new(seed);
        let (buffer, digits) = match form {
            Form::Binary => {
                let mut buffer = vec![0; size];
                random.fill(&mut buffer[HEADER_BYTES..]);
                (buffer, Vec::new())
            }
            Form::Text => (text::text(size, &mut random), Vec::new()),
            Form::Json => text::json(size, &mut random),
        };
        Maker {
            run,
            buffer,
            form,
            digits,
        }
    }

    /// One message's payload.
    pub fn make(&mut self, publisher: u32, sequence: u32, intended_ns: u64) -> &[u8] {
        let stamp = Stamp {
            run: self.run,
            publisher,
            sequence,
            intended_ns,
        };
        let b = &mut self.buffer;
        if self.form != Form::Binary {
            text::stamp(b, &self.digits, &stamp);
            return b;
        }
        b[4..HEADER_BYTES].copy_from_slice(&stamp.bytes());
        if let Some(word) = b.get_mut(HEADER_BYTES..HEADER_BYTES + 8) {
            word.copy_from_slice(&stamp.word().to_le_bytes());
        }
        let sum = checksum(&b[4..]);
        b[..4].copy_from_slice(&sum.to_le_bytes());
        b
    }
}

/// Reads a payload of any form back; `None` when it is not whole and unharmed.
pub fn check(payload: &[u8]) -> Option<Stamp> {
    if let Some(stamp) = text::check(payload) {
        return Some(stamp);
    }
    let sum = u32::from_le_bytes(*payload.first_chunk()?);
    let stamp = Stamp::read(payload.get(4..)?)?;
    (sum == checksum(&payload[4..])).then_some(stamp)
}

/// Four independent lanes of multiply and rotate, then folded: every step is a bijection of its
/// lane, so any one changed word changes the sum.
pub fn checksum(bytes: &[u8]) -> u32 {
    const K: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut lanes = [1u64, 2, 3, bytes.len() as u64];
    let mut blocks = bytes.chunks_exact(32);
    for block in &mut blocks {
        for (lane, word) in lanes.iter_mut().zip(block.chunks_exact(8)) {
            let word = u64::from_le_bytes(word.try_into().expect("eight bytes"));
            *lane = (*lane ^ word).wrapping_mul(K).rotate_left(29);
        }
    }
    for &byte in blocks.remainder() {
        lanes[0] = (lanes[0] ^ u64::from(byte)).wrapping_mul(K).rotate_left(29);
    }
    let folded = lanes.iter().fold(0, |sum, &lane| mix(sum ^ lane));
    (folded ^ folded >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_reads_back_at_every_size() {
        for size in (24..100).chain([1000, 16384]) {
            let mut maker = Maker::new(9, size, 1);
            let bytes = maker.make(3, 70_000, u64::MAX).to_vec();
            assert_eq!(bytes.len(), size);
            let stamp = Stamp {
                run: 9,
                publisher: 3,
                sequence: 70_000,
                intended_ns: u64::MAX,
            };
            assert_eq!(check(&bytes), Some(stamp));
        }
    }

    #[test]
    fn every_flipped_bit_every_cut_and_every_swapped_word_is_found() {
        let mut maker = Maker::new(9, 200, 1);
        let bytes = maker.make(0, 1, 2).to_vec();
        for bit in 0..bytes.len() * 8 {
            let mut harmed = bytes.clone();
            harmed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(check(&harmed), None, "bit {bit}");
        }
        for n in 0..bytes.len() {
            assert_eq!(check(&bytes[..n]), None, "cut to {n}");
        }
        for word in 3..(bytes.len() / 8) - 1 {
            let mut harmed = bytes.clone();
            let at = word * 8;
            harmed[at..at + 16].rotate_left(8);
            assert_eq!(check(&harmed), None, "words swapped at {at}");
        }
        assert_eq!(check(&[bytes, vec![0]].concat()), None);
    }

    #[test]
    fn a_body_of_another_message_does_not_pass() {
        let mut maker = Maker::new(9, 128, 1);
        let mut first = maker.make(0, 1, 5).to_vec();
        let second = maker.make(0, 2, 5).to_vec();
        first[HEADER_BYTES..].copy_from_slice(&second[HEADER_BYTES..]);
        assert_eq!(check(&first), None);
    }
}
