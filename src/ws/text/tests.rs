//! Against a loop over bytes and the standard library.

use proptest::prelude::*;

use super::*;

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Masks `text`, unmasks it with the routine, and compares both answers.
fn assert_agrees(text: &[u8], key: [u8; 4]) {
    let masked: Vec<u8> = (0..text.len()).map(|i| text[i] ^ key[i % 4]).collect();
    let mut out = vec![0xEE; text.len() + 1];
    let valid = unmask_into_valid(&mut out[..text.len()], &masked, key);
    assert_eq!(&out[..text.len()], text);
    assert_eq!(out[text.len()], 0xEE, "the byte behind is left alone");
    assert_eq!(
        valid,
        std::str::from_utf8(text).is_ok(),
        "{} bytes",
        text.len()
    );
}

#[test]
fn every_length_around_every_block() {
    for len in 0..1200 {
        assert_agrees(&vec![b'a'; len], KEY);
    }
}

#[test]
fn one_byte_that_is_not_ascii_is_seen_wherever_it_is() {
    for len in [1, 5, 31, 64, 255, 256, 257, 300, 511, 700] {
        for at in 0..len {
            let mut text = vec![b'a'; len];
            text[at] = 0xFF;
            assert_agrees(&text, KEY);
        }
    }
}

#[test]
fn two_bytes_of_one_character_are_fine_wherever_they_are() {
    for at in 0..699 {
        let mut text = vec![b'a'; 700];
        text[at..at + 2].copy_from_slice("é".as_bytes());
        assert_agrees(&text, KEY);
    }
}

#[test]
#[should_panic(expected = "equal lengths")]
fn a_shorter_target_is_our_own_mistake() {
    unmask_into_valid(&mut [0; 100], &[0; 101], KEY);
}

#[test]
#[should_panic(expected = "equal lengths")]
fn a_shorter_target_is_our_own_mistake_with_wide_vectors_too() {
    unmask_into_valid(&mut [0; 1024], &[0; 1025], KEY);
}

proptest! {
    #[test]
    fn any_bytes_and_any_text(bytes in prop::collection::vec(any::<u8>(), 0..600), text: String, key: [u8; 4]) {
        assert_agrees(&bytes, key);
        assert_agrees(text.repeat(1 + 600 / (text.len() + 1)).as_bytes(), key);
    }
}
