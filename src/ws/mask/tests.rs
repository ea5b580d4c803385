//! The fast routines against the formula of RFC 6455 5.3.

use proptest::prelude::*;

use super::*;

/// The formula, one byte at a time.
fn naive(src: &[u8], key: [u8; 4]) -> Vec<u8> {
    src.iter()
        .enumerate()
        .map(|(i, b)| b ^ key[i % 4])
        .collect()
}

fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 167 + 13) as u8).collect()
}

#[test]
fn every_length_and_alignment_agrees_with_the_formula() {
    let key = [0x37, 0xfa, 0x21, 0x3d];
    for len in 0..300 {
        for align in 0..8 {
            let src = bytes(align + len);
            let want = naive(&src[align..], key);
            let mut here = src.clone();
            unmask(&mut here[align..], key);
            assert_eq!(&here[align..], want, "in place: {len} bytes at {align}");
            assert_eq!(&here[..align], &src[..align], "bytes before are left alone");
            let mut there = vec![0xAA; align + len + 1];
            unmask_into(&mut there[align..align + len], &src[align..], key);
            assert_eq!(
                &there[align..align + len],
                want,
                "into: {len} bytes at {align}"
            );
            assert_eq!(there[align + len], 0xAA, "the byte behind is left alone");
        }
    }
}

#[test]
fn the_sample_of_the_rfc() {
    let mut hello = [0x7f, 0x9f, 0x4d, 0x51, 0x58];
    unmask(&mut hello, [0x37, 0xfa, 0x21, 0x3d]);
    assert_eq!(&hello, b"Hello");
}

#[test]
#[should_panic(expected = "equal lengths")]
fn unequal_lengths_are_our_own_mistake() {
    unmask_into(&mut [0; 3], &[0; 4], [0; 4]);
}

proptest! {
    #[test]
    fn unmasking_in_two_parts_with_a_rotated_key_is_unmasking_at_once(
        src in proptest::collection::vec(any::<u8>(), 0..300),
        key: [u8; 4],
        cut in 0usize..300,
    ) {
        let cut = cut.min(src.len());
        let mut parts = src.clone();
        unmask(&mut parts[..cut], key);
        unmask(&mut parts[cut..], rotate(key, cut));
        prop_assert_eq!(&parts, &naive(&src, key));
        let mut copy = vec![0; src.len()];
        unmask_into(&mut copy[..cut], &src[..cut], key);
        unmask_into(&mut copy[cut..], &src[cut..], rotate(key, cut));
        prop_assert_eq!(copy, parts);
    }

    #[test]
    fn rotation_is_the_index_of_the_formula(key: [u8; 4], by: usize, i in 0usize..4) {
        prop_assert_eq!(rotate(key, by)[i], key[(by % 4 + i) % 4]);
    }
}
