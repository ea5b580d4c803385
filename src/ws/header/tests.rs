//! Headers against a naive twin, at every length of the input.

use proptest::prelude::*;

use super::*;

/// The header's rules as a list, on as much of it as is there; shares nothing with the parser.
fn naive(bytes: &[u8], deflate: bool) -> Result<Option<Header>, Reason> {
    let at = |i: usize| bytes.get(i).copied();
    let Some(b0) = at(0) else { return Ok(None) };
    let op = b0 % 16;
    let compressed = deflate && b0 / 16 % 8 == 4 && (op == 1 || op == 2);
    if b0 / 16 % 8 != 0 && !compressed {
        return Err(Reason::ReservedBits);
    }
    if ![0, 1, 2, 8, 9, 10].contains(&op) {
        return Err(Reason::ReservedOpcode);
    }
    if op >= 8 && b0 < 128 {
        return Err(Reason::ControlFragmented);
    }
    let Some(b1) = at(1) else { return Ok(None) };
    if op >= 8 && b1 % 128 > 125 {
        return Err(Reason::ControlTooLong);
    }
    if b1 < 128 {
        return Err(Reason::Unmasked);
    }
    let extended = match b1 % 128 {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let mut len = if extended == 0 {
        u64::from(b1 % 128)
    } else {
        0
    };
    for i in 0..extended {
        let Some(b) = at(2 + i) else { return Ok(None) };
        if extended == 8 && i == 0 && b >= 128 {
            return Err(Reason::BadLength);
        }
        len = len * 256 + u64::from(b);
        let too_short = extended == 2 && i == 1 && len < 126;
        if too_short || extended == 8 && i == 5 && len == 0 {
            return Err(Reason::BadLength);
        }
    }
    let mut key = [0; 4];
    for (i, k) in key.iter_mut().enumerate() {
        let Some(b) = at(2 + extended + i) else {
            return Ok(None);
        };
        *k = b;
    }
    Ok(Some(Header {
        fin: b0 >= 128,
        compressed,
        opcode: op,
        len,
        key,
        header_len: 6 + extended,
    }))
}

fn assert_like_naive(bytes: &[u8]) {
    for end in 0..=bytes.len() {
        for deflate in [false, true] {
            assert_eq!(
                parse(&bytes[..end], deflate),
                naive(&bytes[..end], deflate),
                "{:02x?}",
                &bytes[..end]
            );
        }
    }
}

#[test]
fn every_pair_of_first_bytes_is_judged_like_the_twin() {
    for b0 in 0..=255 {
        for b1 in 0..=255 {
            for ext in [
                [0; 8],
                [0, 125, 1, 2, 3, 4, 5, 6],
                [0, 126, 0, 0, 0, 0, 0, 0],
            ] {
                let mut bytes = vec![b0, b1];
                bytes.extend(ext);
                bytes.extend([1, 2, 3, 4, 5]);
                assert_like_naive(&bytes);
            }
        }
    }
}

#[test]
fn lengths_are_minimal_and_below_2_to_the_63() {
    let long = |len: u64| [&[0x82, 0xFF], &len.to_be_bytes()[..], &[0; 4]].concat();
    for len in [0, 1, 125, 126, 65535, 1 << 63, u64::MAX] {
        assert_eq!(parse(&long(len), false), Err(Reason::BadLength), "{len}");
    }
    for len in [65536, 1 << 32, (1 << 63) - 1] {
        assert_eq!(parse(&long(len), false).unwrap().unwrap().len, len);
        assert_like_naive(&long(len));
    }
}

#[test]
fn a_violation_does_not_wait_for_the_rest_of_the_header() {
    assert_eq!(parse(&[0xC1], false), Err(Reason::ReservedBits));
    assert_eq!(parse(&[0x83], false), Err(Reason::ReservedOpcode));
    assert_eq!(parse(&[0x09], false), Err(Reason::ControlFragmented));
    assert_eq!(parse(&[0x89, 0xFE], false), Err(Reason::ControlTooLong));
    assert_eq!(parse(&[0x81, 0x05], false), Err(Reason::Unmasked));
    assert_eq!(parse(&[0x81, 0xFE, 0, 125], false), Err(Reason::BadLength));
    assert_eq!(parse(&[0x81, 0xFF, 0x80], false), Err(Reason::BadLength));
    assert_eq!(
        parse(&[0x81, 0xFF, 0, 0, 0, 0, 0, 0], false),
        Err(Reason::BadLength)
    );
}

#[test]
fn server_headers_take_the_shortest_form() {
    let cases: [(usize, &[u8]); 7] = [
        (0, &[0x81, 0]),
        (125, &[0x81, 125]),
        (126, &[0x81, 126, 0, 126]),
        (65535, &[0x81, 126, 0xFF, 0xFF]),
        (65536, &[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        (1 << 20, &[0x81, 127, 0, 0, 0, 0, 0, 0x10, 0, 0]),
        (1 << 30, &[0x81, 127, 0, 0, 0, 0, 0x40, 0, 0, 0]),
    ];
    for (len, want) in cases {
        let mut out = [0xAA; HEADER_ROOM];
        let n = encode_header(&mut out, Kind::Text.opcode(), len);
        assert_eq!(&out[..n], want, "{len}");
        assert_eq!(header_len(len), n, "{len}");
    }
}

#[test]
fn close_frames_hold_what_a_control_frame_can() {
    let mut out = vec![9];
    append_close(&mut out, None, "ignored");
    append_close(&mut out, Some(1000), "bye");
    assert_eq!(out, b"\x09\x88\x00\x88\x05\x03\xe8bye");
    out.clear();
    append_close(&mut out, Some(1013), &"é".repeat(80));
    assert_eq!(out[1], 2 + 122, "61 characters of two bytes fit into 123");
    assert_eq!(std::str::from_utf8(&out[4..]).unwrap(), "é".repeat(61));
    assert_eq!(out.len(), 2 + usize::from(out[1]));
}

#[test]
fn frames_are_appended_whole() {
    let mut out = Vec::new();
    append_frame(&mut out, opcode::PONG, b"hi");
    append_frame(&mut out, opcode::BINARY, &[7; 126]);
    assert_eq!(out[..4], *b"\x8a\x02hi");
    assert_eq!(out[4..8], [0x82, 126, 0, 126]);
    assert_eq!(out[8..], [7; 126]);
}

proptest! {
    #[test]
    fn any_bytes_are_judged_like_the_twin(bytes in proptest::collection::vec(any::<u8>(), 0..20)) {
        assert_like_naive(&bytes);
    }

    #[test]
    fn masked_data_frames_are_judged_like_the_twin(
        fin: bool, op in 0u8..3, short in 0u8..128, rest: [u8; 12], zeros in 0usize..9,
    ) {
        let mut bytes = vec![u8::from(fin) << 7 | op, 0x80 | short];
        bytes.extend(rest);
        bytes[2..2 + zeros].fill(0);
        assert_like_naive(&bytes);
    }
}
