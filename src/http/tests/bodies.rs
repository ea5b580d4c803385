//! Bodies: lengths, chunks, extensions and trailers, cut everywhere.

use proptest::prelude::*;

use super::*;
use crate::http::fuzz::{Collected, collect, fuzz_body};

/// Decodes chunked `wire` whole, having seen that cuts make no difference.
fn chunked(wire: impl AsRef<[u8]>) -> Collected {
    fuzz_body(&[b"\0", wire.as_ref()].concat());
    collect(BodyKind::Chunked, [wire.as_ref()])
}

fn refused(wire: impl AsRef<[u8]>) -> bool {
    chunked(wire).2 == Some(Err(Reason::BadChunk))
}

#[test]
fn no_body_is_done_before_its_first_byte() {
    for kind in [BodyKind::None, BodyKind::Length(0)] {
        let mut body = Body::new(kind);
        assert!(body.is_done());
        for input in [&b""[..], b"next"] {
            let piece = body.decode(input).unwrap();
            assert_eq!(
                piece,
                Piece {
                    consumed: 0,
                    data: None,
                    done: true
                }
            );
        }
    }
}

#[test]
fn a_length_is_taken_exactly_and_the_rest_left() {
    let mut body = Body::new(BodyKind::Length(5));
    assert_eq!(body.declared(), 5);
    let piece = body.decode(b"hel").unwrap();
    assert_eq!(
        piece,
        Piece {
            consumed: 3,
            data: Some(b"hel"),
            done: false
        }
    );
    assert_eq!(body.declared(), 2);
    let piece = body.decode(b"").unwrap();
    assert_eq!(
        piece,
        Piece {
            consumed: 0,
            data: None,
            done: false
        }
    );
    let piece = body.decode(b"loGET").unwrap();
    assert_eq!(
        piece,
        Piece {
            consumed: 2,
            data: Some(b"lo"),
            done: true
        }
    );
    assert_eq!(body.declared(), 0);
    fuzz_body(b"\x05helloGET");
}

#[test]
fn huge_declared_lengths_overflow_nothing() {
    let mut body = Body::new(BodyKind::Length(u64::MAX));
    assert_eq!(body.decode(b"abc").unwrap().consumed, 3);
    assert_eq!(body.declared(), u64::MAX - 3);
    let mut body = Body::new(BodyKind::Chunked);
    assert_eq!(body.decode(b"ffffFFFFffffFFFF\r\n").unwrap().consumed, 18);
    assert_eq!(body.declared(), u64::MAX);
    assert_eq!(body.decode(b"abc").unwrap().data, Some(&b"abc"[..]));
    assert_eq!(body.declared(), u64::MAX - 3);
}

#[test]
fn chunks_are_joined_and_the_next_request_left() {
    let wire = "5\r\nhello\r\n000A;x=\"y;z\"\r\n, world!!\n\r\n0\r\n\r\nGET /";
    let end = wire.len() - "GET /".len();
    assert_eq!(
        chunked(wire),
        (b"hello, world!!\n".to_vec(), end, Some(Ok(())))
    );
    assert_eq!(chunked("0\r\n\r\n"), (vec![], 5, Some(Ok(()))));
    let trailed = "1;a\r\nx\r\n00 ;b\r\nX-Sum: 1\r\nContent-Length:9\r\n\r\n";
    assert_eq!(
        chunked(trailed),
        (b"x".to_vec(), trailed.len(), Some(Ok(())))
    );
    for n in 0..trailed.len() {
        assert_eq!(chunked(&trailed[..n]).2, None, "{n} bytes are not all");
    }
}

#[test]
fn malformed_chunks_are_refused() {
    for wire in [
        // Sizes.
        "\r\n",
        ";x\r\n",
        " 5\r\nhello\r\n",
        "+5\r\nhello\r\n",
        "-1\r\n",
        "0x5\r\nhello\r\n",
        "5h\r\nhello\r\n",
        "5_0\r\n",
        "5,\r\nhello\r\n",
        "g\r\n",
        "\u{665}\r\n",
        "00000000000000005\r\nhello\r\n",
        "10000000000000005\r\nhello\r\n",
        // Line ends.
        "5\nhello\r\n",
        "5\rhello\r\n",
        "5\r\rhello\r\n",
        "5\r\nhello\n",
        "5\r\nhelloX\r\n",
        "5\r\nhello\r\r",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhell\r\n0\r\n\r\n",
        // Space and extensions.
        "5 \r\nhello\r\n",
        "5\t\r\nhello\r\n",
        "5 x\r\nhello\r\n",
        "5;x\nhello\r\n",
        "5;x\r5\r\n",
        "5;\0\r\nhello\r\n",
        "5;\u{7f}\r\nhello\r\n",
        "5 5\r\nhello\r\n",
        // The end.
        "0\n\n",
        "0\r\n\n",
        "0\r\n\rX",
        "0\r\nX\r\n\r\n",
        "0\r\n: y\r\n\r\n",
        "0\r\nX : y\r\n\r\n",
        "0\r\nX: y\n\r\n",
        "0\r\nX: y\r\n z\r\n\r\n",
        "0\r\nX: \0\r\n\r\n",
        "0\r\nGET / HTTP/1.1\r\n\r\n",
    ] {
        assert!(refused(wire), "{wire:?}");
    }
}

#[test]
fn data_before_a_bad_chunk_is_given_and_then_refused_for_good() {
    let mut body = Body::new(BodyKind::Chunked);
    assert_eq!(body.decode(b"2\r\nabX").unwrap().data, Some(&b"ab"[..]));
    assert_eq!(body.decode(b"X"), Err(Reason::BadChunk));
    assert_eq!(body.decode(b"\r\n0\r\n\r\n"), Err(Reason::BadChunk));
    assert!(!body.is_done());
}

#[test]
fn extensions_of_one_chunk_are_bounded() {
    let wire = |n: u32| format!("1;{}\r\nx\r\n0\r\n\r\n", "e".repeat(n as usize - 1));
    assert_eq!(chunked(wire(CHUNK_EXTENSION_BYTES_MAX)).2, Some(Ok(())));
    assert!(refused(wire(CHUNK_EXTENSION_BYTES_MAX + 1)));
    let spaced = |n: u32| format!("1{};\r\nx\r\n0\r\n\r\n", " ".repeat(n as usize - 1));
    assert_eq!(chunked(spaced(CHUNK_EXTENSION_BYTES_MAX)).2, Some(Ok(())));
    assert!(refused(spaced(CHUNK_EXTENSION_BYTES_MAX + 1)));
}

#[test]
fn extensions_of_one_body_are_bounded_by_its_data() {
    let extended = |n: usize| format!("1;{}\r\nx\r\n", "e".repeat(n - 1));
    // 64 chunks of one byte with 256 bytes of extensions use the excess up; what is left are the
    // 64 bytes that their data has paid for.
    let mut wire = extended(256).repeat(64);
    assert_eq!(CHUNK_EXTENSIONS_EXCESS_MAX, 64 * 256);
    let collect_all = |wire: &str| collect(BodyKind::Chunked, [wire.as_bytes()]).2;
    assert_eq!(collect_all(&wire), None);
    assert_eq!(collect_all(&(wire.clone() + &extended(64))), None);
    assert_eq!(
        collect_all(&(wire.clone() + &extended(65))),
        Some(Err(Reason::BadChunk))
    );
    // Data pays for more: the usual signed chunks go on for ever.
    wire += &format!("400\r\n{}\r\n", "d".repeat(1024));
    assert_eq!(collect_all(&(wire + &extended(256).repeat(4))), None);
}

#[test]
fn trailers_are_bounded_by_bytes_and_by_lines() {
    let one = |n: u32| format!("0\r\nX:{}\r\n\r\n", "v".repeat(n as usize - 6));
    assert_eq!(chunked(one(TRAILER_BYTES_MAX)).2, Some(Ok(())));
    assert!(refused(one(TRAILER_BYTES_MAX + 1)));
    let many = |n: u32| format!("0\r\n{}\r\n", "X:\r\n".repeat(n as usize));
    assert_eq!(chunked(many(TRAILER_LINES_MAX)).2, Some(Ok(())));
    assert!(refused(many(TRAILER_LINES_MAX + 1)));
}

/// A chunk on the wire: its size as written, extension and data.
fn chunk() -> impl Strategy<Value = (String, Vec<u8>)> {
    let data = prop::collection::vec(any::<u8>(), 1..40);
    (
        "0{0,3}",
        any::<bool>(),
        "([ \t]{0,2};[a-z =\"]{0,9})?",
        data,
    )
        .prop_map(|(zeros, upper, extension, data)| {
            let size = match upper {
                true => format!("{:X}", data.len()),
                false => format!("{:x}", data.len()),
            };
            (format!("{zeros}{size}{extension}\r\n"), data)
        })
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded_wherever_it_is_cut(
        chunks in prop::collection::vec(chunk(), 0..6),
        trailers in prop::collection::vec("[a-zA-Z-]{1,8}:[ -~]{0,12}\r\n", 0..3),
        cuts in prop::collection::vec(1usize..20, 0..30),
        rest in prop::collection::vec(any::<u8>(), 0..8),
    ) {
        let mut wire = Vec::new();
        let mut data = Vec::new();
        for (head, body) in &chunks {
            wire.extend_from_slice(head.as_bytes());
            wire.extend_from_slice(body);
            wire.extend_from_slice(b"\r\n");
            data.extend_from_slice(body);
        }
        wire.extend_from_slice(format!("0\r\n{}\r\n", trailers.concat()).as_bytes());
        let want = (data, wire.len(), Some(Ok(())));
        wire.extend_from_slice(&rest);
        prop_assert_eq!(&chunked(&wire), &want);
        let (mut parts, mut left) = (Vec::new(), &wire[..]);
        for cut in cuts {
            let (part, others) = left.split_at(cut.min(left.len()));
            parts.push(part);
            left = others;
        }
        parts.push(left);
        prop_assert_eq!(&collect(BodyKind::Chunked, parts), &want);
    }

    #[test]
    fn one_changed_byte_is_judged_the_same_wherever_it_is_cut(
        at in 0usize..58,
        byte in any::<u8>(),
        kind in 0u8..3,
    ) {
        let mut wire = *b"\x005;a=b\r\nhello\r\n1f\r\n0123456789abcdef0123456789abcde\r\n0\r\nX:y\r\n\r\n";
        wire[0] = kind * 30;
        wire[1 + at] = byte;
        fuzz_body(&wire);
    }

    #[test]
    fn any_bytes_are_decoded_without_a_panic(data in prop::collection::vec(any::<u8>(), 0..100)) {
        fuzz_body(&data);
        fuzz_body(&[b"\0", &data[..]].concat());
    }
}
