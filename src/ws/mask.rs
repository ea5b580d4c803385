//! Masking (RFC 6455 5.3): `byte[i] ^ key[i % 4]`, its own inverse.
//!
//! Rules: blocks of a fixed size, so that the compiler sees whole vectors and no bounds; then one
//! step each of 32, 16, 8 and 4 bytes. Every step is a multiple of 4, so the key never turns. Words
//! of 8 bytes, not bytes: the compiler merges words into vectors, but bytes it sometimes takes apart.

/// Bytes in one turn of the loop: four vectors of the baseline x86-64.
const BLOCK: usize = 64;

/// The key twice, as one word of the machine's byte order.
#[inline(always)]
fn word(key: [u8; 4]) -> u64 {
    let half = u64::from(u32::from_ne_bytes(key));
    half << 32 | half
}

/// `dst = src ^ word`, for a size the compiler knows: a multiple of 4.
#[inline(always)]
fn xor<const N: usize>(dst: &mut [u8; N], src: &[u8; N], word: u64) {
    const { assert!(N.is_multiple_of(4)) };
    let (dst, dst_half) = dst.as_chunks_mut::<8>();
    let (src, src_half) = src.as_chunks::<8>();
    for (d, s) in dst.iter_mut().zip(src) {
        *d = (u64::from_ne_bytes(*s) ^ word).to_ne_bytes();
    }
    // Both halves of the word are the key, so either will do.
    if let (Some(d), Some(s)) = (dst_half.first_chunk_mut::<4>(), src_half.first_chunk::<4>()) {
        *d = (u32::from_ne_bytes(*s) ^ word as u32).to_ne_bytes();
    }
}

/// One step of `N` bytes in place, if so many are left; returns the rest.
#[inline(always)]
fn step<const N: usize>(data: &mut [u8], word: u64) -> &mut [u8] {
    // Asked first, for the borrow of a chunk that is not there would outlive the question.
    if data.len() < N {
        return data;
    }
    match data.split_first_chunk_mut::<N>() {
        Some((head, rest)) => {
            xor(head, &{ *head }, word);
            rest
        }
        None => &mut [],
    }
}

/// One step of `N` bytes from `src` to `dst`, if so many are left in both; returns the rests.
#[inline(always)]
fn step_into<'d, 's, const N: usize>(
    (dst, src): (&'d mut [u8], &'s [u8]),
    word: u64,
) -> (&'d mut [u8], &'s [u8]) {
    if dst.len() < N {
        return (dst, src);
    }
    match (
        dst.split_first_chunk_mut::<N>(),
        src.split_first_chunk::<N>(),
    ) {
        (Some((d, dst)), Some((s, src))) => {
            xor(d, s, word);
            (dst, src)
        }
        _ => (&mut [], &[]),
    }
}

/// Masks or unmasks in place. `key[0]` belongs to `data[0]`.
pub fn unmask(data: &mut [u8], key: [u8; 4]) {
    let word = word(key);
    let (blocks, rest) = data.as_chunks_mut::<BLOCK>();
    for block in blocks {
        xor(block, &{ *block }, word);
    }
    let rest = step::<32>(rest, word);
    let rest = step::<16>(rest, word);
    let rest = step::<8>(rest, word);
    let rest = step::<4>(rest, word);
    for (byte, k) in rest.iter_mut().zip(key) {
        *byte ^= k;
    }
}

/// Copies `src` to `dst`, masking or unmasking on the way: one pass. `key[0]` belongs to `src[0]`.
///
/// # Panics
/// When the lengths differ.
pub fn unmask_into(dst: &mut [u8], src: &[u8], key: [u8; 4]) {
    assert_eq!(
        dst.len(),
        src.len(),
        "unmask_into copies between equal lengths"
    );
    let word = word(key);
    let (dst_blocks, dst) = dst.as_chunks_mut::<BLOCK>();
    let (src_blocks, src) = src.as_chunks::<BLOCK>();
    for (d, s) in dst_blocks.iter_mut().zip(src_blocks) {
        xor(d, s, word);
    }
    let rest = step_into::<32>((dst, src), word);
    let rest = step_into::<16>(rest, word);
    let rest = step_into::<8>(rest, word);
    let (dst, src) = step_into::<4>(rest, word);
    for ((d, s), k) in dst.iter_mut().zip(src).zip(key) {
        *d = s ^ k;
    }
}

/// The key as it applies `by` payload bytes later.
#[inline]
pub fn rotate(mut key: [u8; 4], by: usize) -> [u8; 4] {
    key.rotate_left(by % 4);
    key
}

#[cfg(test)]
mod tests;
