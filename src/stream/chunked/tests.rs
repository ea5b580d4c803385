//! Chunks, read as RFC 9112 7.1.3 says.

use proptest::prelude::*;

use super::*;

fn item(payload: &[u8]) -> Item<'_> {
    Item {
        id: "1:2",
        binary: true,
        content_type: None,
        event: None,
        payload,
    }
}

/// The chunks of a body that must be whole.
fn read(mut body: &[u8]) -> Vec<Vec<u8>> {
    let mut chunks = Vec::new();
    loop {
        let at = body
            .windows(2)
            .position(|w| w == b"\r\n")
            .expect("a size line");
        let size = std::str::from_utf8(&body[..at]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        let (data, rest) = body[at + 2..].split_at(size);
        body = rest.strip_prefix(b"\r\n").expect("a line end");
        if size == 0 {
            assert_eq!(body, b"", "behind the last chunk");
            return chunks;
        }
        chunks.push(data.to_vec());
    }
}

#[test]
fn a_message_is_a_chunk_and_an_empty_one_is_none() {
    let mut out = Vec::new();
    for payload in ["0123456789abcdef", "", "\r\n0\r\n\r\n"] {
        append(&item(payload.as_bytes()), &mut out);
    }
    assert_eq!(out, b"10\r\n0123456789abcdef\r\n7\r\n\r\n0\r\n\r\n\r\n");
}

proptest! {
    #[test]
    fn readers_get_each_message(messages in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..5)) {
        let mut out = Vec::new();
        for message in &messages {
            append(&item(message), &mut out);
        }
        out.extend_from_slice(END);
        let expected: Vec<_> = messages.into_iter().filter(|m| !m.is_empty()).collect();
        prop_assert_eq!(read(&out), expected);
    }
}
