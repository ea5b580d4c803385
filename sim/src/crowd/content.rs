//! What messages say: each names its publisher and its number, so that none is taken for another.

use crate::rng::Rng;

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Publishers below this number may send messages shorter than a name.
const SHORT_NAMES: u32 = 64;
/// Bytes of publisher and number when both are written in full.
const NAME_BYTES: usize = 8;
/// The only publisher of empty messages.
pub const SENDS_EMPTY: u32 = 5;

/// The content of message `number` of `publisher`; about `len` bytes, more where it needs them to
/// be told apart.
pub fn content(publisher: u32, number: u32, len: usize, text: bool, rng: &mut Rng) -> Vec<u8> {
    let shortest = match publisher {
        SENDS_EMPTY => 0,
        p if p < SHORT_NAMES => 1,
        _ => NAME_BYTES,
    };
    let len = len.max(shortest);
    let mut out = Vec::with_capacity(len);
    let digits = [
        publisher,
        number,
        number >> 6,
        number >> 12,
        publisher >> 6,
        publisher >> 12,
    ];
    out.extend(digits.iter().map(|d| LETTERS[(d & 63) as usize]));
    out.resize(NAME_BYTES.min(len.max(6)), b'.');
    out.truncate(len);
    let mut cells = rng.bits();
    let from = out.len();
    out.resize(len, b'x');
    for to in out[from..].chunks_exact_mut(4) {
        cells = cells.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        to.copy_from_slice(&cell(text, cells >> 32));
    }
    out
}

fn cell(text: bool, bits: u64) -> [u8; 4] {
    match bits & 7 {
        _ if !text => (bits as u32).to_le_bytes(),
        0 => *"😀".as_bytes().first_chunk().expect("4 bytes"),
        1 => *"éß".as_bytes().first_chunk().expect("4 bytes"),
        2 => *"€a".as_bytes().first_chunk().expect("4 bytes"),
        _ => [8, 14, 20, 26].map(|by| LETTERS[(bits >> by & 63) as usize]),
    }
}

/// Bytes that tell a message from all others.
pub const TELLING: usize = 6;

/// A size at which the messages of whoever publishes them can be told apart, whoever counts them;
/// but for the empty ones.
pub fn telling_size(publisher: u32, most: usize, rng: &mut Rng) -> usize {
    match (publisher, size(most, rng)) {
        (SENDS_EMPTY, 0) => 0,
        (_, size) => size.max(TELLING),
    }
}

/// A size: mostly small, sometimes large, seldom exactly the most that is allowed.
pub fn size(most: usize, rng: &mut Rng) -> usize {
    match rng.below(200) {
        0..=3 => rng.between(0, 1),
        4..=99 => rng.between(0, 125),
        100..=149 => rng.between(126, 1000),
        150..=153 => *rng.pick(&[125, 126, 127, 65_535]),
        154..=189 => rng.between(1000, 8000),
        190..=198 => rng.between(8000, most),
        _ => most,
    }
    .min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_text_and_lengths_are_kept() {
        let mut rng = Rng::new(1);
        for len in [0, 1, 5, 8, 9, 100, 65536] {
            let t = content(100, 7, len, true, &mut rng);
            assert!(str::from_utf8(&t).is_ok());
            assert_eq!(t.len(), len.max(8));
            assert_eq!(content(SENDS_EMPTY, 7, len, false, &mut rng).len(), len);
        }
    }
}
