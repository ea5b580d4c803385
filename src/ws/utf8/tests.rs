//! Against the standard library, which is the naive twin here.

use std::str;

use proptest::prelude::*;

use super::*;

/// First length at which `bytes[..len]` cannot be the start of any UTF-8; `None`: never.
fn fails_at(bytes: &[u8]) -> Option<usize> {
    (0..=bytes.len()).find(|&n| str::from_utf8(&bytes[..n]).is_err_and(|e| e.error_len().is_some()))
}

/// Fed in the given steps, agrees with the standard library at each and at the end.
fn assert_fed(bytes: &[u8], steps: impl Iterator<Item = usize>) {
    let mut utf8 = Utf8::default();
    for end in steps {
        let now = utf8.check(&bytes[..end], false);
        let want = fails_at(bytes).is_none_or(|n| n > end);
        assert_eq!(now.is_ok(), want, "{bytes:02x?} up to {end}");
        if now.is_err() {
            return;
        }
        assert!(
            end - utf8.checked <= 3,
            "at most three bytes are looked at again"
        );
    }
    let complete = utf8.check(bytes, true);
    assert_eq!(
        complete.is_ok(),
        str::from_utf8(bytes).is_ok(),
        "{bytes:02x?}"
    );
}

fn assert_everywhere(bytes: &[u8]) {
    assert_eq!(valid(bytes), str::from_utf8(bytes).is_ok(), "{bytes:02x?}");
    assert_fed(bytes, [bytes.len()].into_iter());
    assert_fed(bytes, 1..=bytes.len());
    for cut in 0..=bytes.len() {
        assert_fed(bytes, [cut, bytes.len()].into_iter());
    }
}

#[test]
fn every_border_of_every_sequence_length() {
    let leads = [
        0x00, 0x7F, 0x80, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE,
    ];
    let leads = leads
        .into_iter()
        .chain([0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF]);
    let follow = [0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF];
    for a in leads {
        for b in follow {
            for c in [0x41, 0x7F, 0x80, 0xBF, 0xC0] {
                for d in [0x41, 0x7F, 0x80, 0xBF, 0xC0] {
                    let all = [a, b, c, d];
                    (1..=4).for_each(|n| assert_everywhere(&all[..n]));
                }
            }
        }
    }
}

#[test]
fn every_character_border_is_whole_or_cut_anywhere() {
    let borders = [
        0, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x10FFFF,
    ];
    for c in borders.map(|c| char::from_u32(c).unwrap()) {
        assert_everywhere(c.to_string().as_bytes());
    }
}

#[test]
fn long_texts_with_one_wrong_byte_are_refused_where_it_stands() {
    let good = "κόσμε and more of it ".repeat(20).into_bytes();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] = 0xFF;
        assert!(!valid(&bad));
        let mut utf8 = Utf8::default();
        assert_eq!(utf8.check(&bad[..at], false), Ok(()));
        assert_eq!(utf8.check(&bad[..=at], false), Err(Reason::BadUtf8));
    }
    assert!(valid(&good));
}

proptest! {
    #[test]
    fn texts_are_accepted_however_they_are_cut(text in ".{0,60}") {
        assert_everywhere(text.as_bytes());
    }

    #[test]
    fn damaged_texts_are_judged_like_the_standard_library(
        text in ".{0,60}", at: proptest::sample::Index, byte: u8,
    ) {
        let mut bytes = text.into_bytes();
        if !bytes.is_empty() {
            let i = at.index(bytes.len());
            bytes[i] = byte;
        }
        assert_everywhere(&bytes);
    }
}
