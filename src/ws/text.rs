//! Text payloads: unmasked and checked for UTF-8 on the way.
//!
//! Most text is ASCII, and whether it is shows in the top bits of the words just unmasked: to collect
//! them is one instruction a vector, while they are in a register. The compiler takes the loop apart
//! into single words when it has to guess (four times slower), so the vectors are written out, with
//! a crate that picks the machine's widest at run time. Only other text is gone over again.

use fearless_simd::{Level, Simd, dispatch, prelude::*};

use super::mask::unmask_into;

/// From here on wide vectors win over what they cost to begin with.
const WIDE: usize = 256;
/// Vectors in one turn of the loop.
const VECTORS: usize = 4;

/// Unmasks a whole payload into `dst` and tells whether it is UTF-8. `key[0]` belongs to `src[0]`.
///
/// # Panics
/// When the lengths differ.
#[inline]
pub fn unmask_into_valid(dst: &mut [u8], src: &[u8], key: [u8; 4]) -> bool {
    let ascii = if src.len() < WIDE {
        unmask_into(dst, src, key);
        dst.is_ascii()
    } else {
        unmask_into_ascii(dst, src, key)
    };
    ascii || simdutf8::basic::from_utf8(dst).is_ok()
}

/// Unmasks into `dst` and tells whether all of it is ASCII.
#[inline(never)]
fn unmask_into_ascii(dst: &mut [u8], src: &[u8], key: [u8; 4]) -> bool {
    let (done, ascii) = dispatch!(Level::new(), simd => blocks(simd, dst, src, key));
    // A block is a multiple of 4 bytes, so the key has not turned.
    let rest = &mut dst[done..];
    unmask_into(rest, &src[done..], key);
    ascii && rest.is_ascii()
}

/// Whole blocks of vectors: how many bytes that was, and whether they are ASCII.
#[inline(always)]
fn blocks<S: Simd>(simd: S, dst: &mut [u8], src: &[u8], key: [u8; 4]) -> (usize, bool) {
    let vector = S::u8s::LEN;
    let block = VECTORS * vector;
    let key: S::u8s = S::u32s::splat(simd, u32::from_ne_bytes(key)).bitcast();
    let mut seen = [S::u8s::splat(simd, 0); VECTORS];
    for (dst, src) in dst.chunks_exact_mut(block).zip(src.chunks_exact(block)) {
        let vectors = dst.chunks_exact_mut(vector).zip(src.chunks_exact(vector));
        for ((dst, src), seen) in vectors.zip(&mut seen) {
            let plain = S::u8s::from_slice(simd, src) ^ key;
            *seen |= plain;
            plain.store_slice(dst);
        }
    }
    let seen = (seen[0] | seen[1]) | (seen[2] | seen[3]);
    let whole = dst.len().min(src.len()) / block * block;
    (whole, !seen.simd_ge(0x80).any_true())
}

#[cfg(test)]
mod tests;
