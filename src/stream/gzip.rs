//! One gzip stream (RFC 1952) of which each piece is the same for all readers.
//!
//! Rules:
//! - Any piece may follow any other, for none looks back: what was compressed began with an empty
//!   window, what was not is in stored blocks. So a piece is made once, and a reader may join at any.
//! - Each piece ends at a byte's border, after which a reader has all of it: compressed ones with
//!   [`SYNC`], which flushes, stored ones as they are.
//! - No block is the last: the stream ends with its connection, without the checksum, which would be
//!   another one for each reader.

/// What a stream begins with: deflate, no name, no time, system unknown (RFC 1952 2.3).
pub const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// Follows what was compressed, which leaves it out: an empty stored block, its first bits apart.
pub const SYNC: [u8; 4] = [0, 0, 0xff, 0xff];

/// The most bytes of one stored block.
const STORED_BYTES_MAX: usize = u16::MAX as usize;

/// Appends bytes as they are, in stored blocks (RFC 1951 3.2.4); nothing for no bytes.
pub fn stored(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(bytes.len() + 5 * bytes.len().div_ceil(STORED_BYTES_MAX));
    for block in bytes.chunks(STORED_BYTES_MAX) {
        let len = block.len() as u16;
        out.push(0);
        out.extend_from_slice(&len.to_le_bytes());
        out.extend_from_slice(&(!len).to_le_bytes());
        out.extend_from_slice(block);
    }
}

#[cfg(test)]
mod tests;
