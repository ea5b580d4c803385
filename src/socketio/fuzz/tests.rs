//! The fuzz target over what is nearly right, which finds more than bytes at random.

use proptest::prelude::*;

use super::*;

/// Pieces of which packets, events and payloads are made.
const PIECES: &[&str] = &[
    "2",
    "5",
    "1-",
    "2-",
    "11-",
    "/a,",
    "/",
    ",",
    "7",
    "[",
    "]",
    "{",
    "}",
    ":",
    "\"",
    "\"a\"",
    "\"b\\u0061\"",
    "\"\\ud800\"",
    "1.5e3",
    "true",
    "null",
    "{\"_placeholder\":true,\"num\":0}",
    "{\"_placeholder\":true,\"num\":1}",
    "\"_placeholder\"",
    "\"num\"",
    "\"connect\"",
    "\u{1e}",
    "4",
    "b",
    "AQI=",
    "\\",
    " ",
    "é",
    "\u{2028}",
    "{\"name\":\"a\",\"data\":",
    "\"attachments\":[",
    "{\"data\":",
    "\"name\":",
];

fn pieces() -> impl Strategy<Value = String> {
    proptest::collection::vec(proptest::sample::select(PIECES), 0..12).prop_map(|all| all.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn pieces_in_any_order(kind in 0..5u8, text in pieces()) {
        fuzz_socketio(&[&[kind], text.as_bytes()].concat());
        fuzz_socketio(&[&[1], "2[\"a\",".as_bytes(), text.as_bytes(), b"]"].concat());
        fuzz_socketio(&[&[1], "51-[\"a\",".as_bytes(), text.as_bytes(), b"]"].concat());
        fuzz_socketio(&[&[2], "{\"name\":\"a\",\"data\":".as_bytes(), text.as_bytes(), b"}"].concat());
        fuzz_socketio(&[&[0], "4".as_bytes(), text.as_bytes()].concat());
    }

    #[test]
    fn bytes_at_random(data in proptest::collection::vec(any::<u8>(), 0..100)) {
        fuzz_socketio(&data);
    }
}
