//! What clients of npm `socket.io-msgpack-parser` begin with, as it was seen on the wire, and what is not that.

use proptest::prelude::*;

use super::*;

#[test]
fn who_connects_by_msgpack_is_found() {
    let plain = b"\x83\xa4type\x00\xa4data\xc0\xa3nsp\xa5/news";
    let undefined = b"\x83\xa4type\x00\xa4data\xd4\x00\x00\xa3nsp\xa1/";
    let token = b"\x83\xa3nsp\xa1/\xa4data\x81\xa5token\x92\xcb\x40\x59\x00\x00\x00\x00\x00\x00\xc4\x02ab\xa4type\x00";
    assert_eq!(connect_of(plain).as_deref(), Some("/news"));
    assert_eq!(connect_of(undefined).as_deref(), Some("/"));
    assert_eq!(connect_of(token).as_deref(), Some("/"));
    let options =
        b"\x84\xa4type\x00\xa4data\xd4\x00\x00\xa3nsp\xa1/\xa7options\x81\xa8compress\xc3";
    assert_eq!(connect_of(options).as_deref(), Some("/"));
    let kinds = b"\x83\xa4type\x00\xa3nsp\xa5/news\xa4data\x81\xa5token\x97\xcb\x40\x59\x20\x00\x00\x00\x00\x00\
        \xc4\x02ab\xd7\x00\x00\x00\x00\x00\x00\x00\x00\x00\xfb\xce\x00\x01\x11\x70\xcf\x00\x00\x01\x00\x00\x00\x00\x00\xa2\xc3\xa9";
    assert_eq!(connect_of(kinds).as_deref(), Some("/news"));
}

#[test]
fn every_value_is_read_over() {
    let values: [&[u8]; 27] = [
        b"\x7f",
        b"\xe0",
        b"\xff",
        b"\xc0",
        b"\xc2",
        b"\xc3",
        b"\x81\xa1a\x01",
        b"\x92\x01\x02",
        b"\xa2ab",
        b"\xc4\x01a",
        b"\xc5\x00\x01a",
        b"\xc6\x00\x00\x00\x01a",
        b"\xc7\x01\x05a",
        b"\xc8\x00\x01\x05a",
        b"\xc9\x00\x00\x00\x01\x05a",
        b"\xca1234",
        b"\xcb12345678",
        b"\xcc1",
        b"\xcd12",
        b"\xcf12345678",
        b"\xd0a",
        b"\xd312345678",
        b"\xd8\x01aaaaaaaaaaaaaaaa",
        b"\xd9\x01a",
        b"\xdb\x00\x00\x00\x01a",
        b"\xdc\x00\x02\x01\x02",
        b"\xdf\x00\x00\x00\x01\xa1a\x01",
    ];
    for value in values {
        let map = [b"\x83\xa4data", value, b"\xa4type\x00\xa3nsp\xa1/"].concat();
        assert_eq!(connect_of(&map).as_deref(), Some("/"), "{value:x?}");
        // A byte more or less is not what the value says.
        let more = [b"\x83\xa4data", value, b"\x00\xa4type\x00\xa3nsp\xa1/"].concat();
        assert_eq!(connect_of(&more), None, "{value:x?}");
    }
}

#[test]
fn anything_else_is_not() {
    let whole = b"\x82\xa4type\x00\xa3nsp\xa5/news";
    for cut in 0..whole.len() {
        assert_eq!(connect_of(&whole[..cut]), None, "{cut}");
    }
    let cases: [&[u8]; 8] = [
        b"\x82\xa4type\x02\xa3nsp\xa1/",
        b"\x81\xa3nsp\xa1/",
        b"\x81\xa4type\x00",
        b"\x82\xa4type\x00\xa3nsp\x05",
        b"\x82\xa4type\x00\xa3nsp\xa1/\x00",
        b"\x82\xa4type\x00\xa3nsp\xa1\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\x83\xa4data\xdd\xff\xff\xff\xff\xc0",
    ];
    for bytes in cases {
        assert_eq!(connect_of(bytes), None, "{bytes:x?}");
    }
    let deep = |levels| {
        [
            b"\x83\xa4data",
            &vec![0x91; levels][..],
            b"\xc0\xa4type\x00\xa3nsp\xa1/",
        ]
        .concat()
    };
    assert!(connect_of(&deep(DEPTH_MAX)).is_some());
    assert_eq!(connect_of(&deep(DEPTH_MAX + 1)), None);
    assert_eq!(connect_of(&deep(1_000_000)), None);
}

#[test]
fn the_answer_is_a_packet_of_that_parser() {
    let mut out = Vec::new();
    append_connect_error("/news", "no", &mut out);
    assert_eq!(
        out,
        b"\x83\xa4type\x04\xa3nsp\xa5/news\xa4data\x81\xa7message\xa2no"
    );
}

proptest! {
    #[test]
    fn strings_of_every_length_come_back(length in prop_oneof![0..300usize, 65_500..65_600usize]) {
        let text = "x".repeat(length);
        let mut out = Vec::new();
        append_text(&text, &mut out);
        let mut reader = Reader { rest: &out };
        prop_assert_eq!(reader.string(), Some(&*text));
        prop_assert!(reader.rest.is_empty());
    }

    #[test]
    fn nothing_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        let _ = connect_of(&[b"\x83\xa4data", &bytes[..]].concat());
    }
}
