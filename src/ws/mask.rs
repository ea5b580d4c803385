//! Masking (RFC 6455 5.3): `byte[i] ^ key[i % 4]`, its own inverse.
//!
//! Rules: blocks of a fixed size, so that the compiler sees whole vectors and no bounds; then one
//! step each of 32, 16, 8 and 4 bytes. Every step is a multiple of 4, so the key never turns.

/// Bytes in one turn of the loop: four vectors of the baseline x86-64.
const BLOCK: usize = 64;

/// The key, again and again, over one block.
type Pad = [u8; BLOCK];

#[inline(always)]
fn pad(key: [u8; 4]) -> Pad {
    let mut pad = [0; BLOCK];
    for quad in pad.as_chunks_mut::<4>().0 {
        *quad = key;
    }
    pad
}

/// `dst = src ^ pad`, for a size the compiler knows (at most [`BLOCK`]).
#[inline(always)]
fn xor<const N: usize>(dst: &mut [u8; N], src: &[u8; N], pad: &Pad) {
    for ((d, s), p) in dst.iter_mut().zip(src).zip(pad) {
        *d = s ^ p;
    }
}

/// One step of `N` bytes in place, if so many are left; returns the rest.
#[inline(always)]
fn step<'a, const N: usize>(data: &'a mut [u8], pad: &Pad) -> &'a mut [u8] {
    // Asked first, for the borrow of a chunk that is not there would outlive the question.
    if data.len() < N {
        return data;
    }
    match data.split_first_chunk_mut::<N>() {
        Some((head, rest)) => {
            xor(head, &{ *head }, pad);
            rest
        }
        None => &mut [],
    }
}

/// One step of `N` bytes from `src` to `dst`, if so many are left in both; returns the rests.
#[inline(always)]
fn step_into<'d, 's, const N: usize>(
    (dst, src): (&'d mut [u8], &'s [u8]),
    pad: &Pad,
) -> (&'d mut [u8], &'s [u8]) {
    if dst.len() < N {
        return (dst, src);
    }
    match (
        dst.split_first_chunk_mut::<N>(),
        src.split_first_chunk::<N>(),
    ) {
        (Some((d, dst)), Some((s, src))) => {
            xor(d, s, pad);
            (dst, src)
        }
        _ => (&mut [], &[]),
    }
}

/// Masks or unmasks in place. `key[0]` belongs to `data[0]`.
pub fn unmask(data: &mut [u8], key: [u8; 4]) {
    let pad = pad(key);
    let (blocks, rest) = data.as_chunks_mut::<BLOCK>();
    for block in blocks {
        xor(block, &{ *block }, &pad);
    }
    let rest = step::<32>(rest, &pad);
    let rest = step::<16>(rest, &pad);
    let rest = step::<8>(rest, &pad);
    let rest = step::<4>(rest, &pad);
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
    let pad = pad(key);
    let (dst_blocks, dst) = dst.as_chunks_mut::<BLOCK>();
    let (src_blocks, src) = src.as_chunks::<BLOCK>();
    for (d, s) in dst_blocks.iter_mut().zip(src_blocks) {
        xor(d, s, &pad);
    }
    let rest = step_into::<32>((dst, src), &pad);
    let rest = step_into::<16>(rest, &pad);
    let rest = step_into::<8>(rest, &pad);
    let (dst, src) = step_into::<4>(rest, &pad);
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
