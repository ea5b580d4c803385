//! The fuzz bodies over streams and heads that get far.

use proptest::prelude::*;

use super::*;

/// Frames of every kind and length form, masked, well-formed or nearly so.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        8 => prop::sample::select(vec![0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x89, 0x8A, 0x88]),
        1 => any::<u8>(),
    ];
    let payload = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..12),
        prop::collection::vec(any::<u8>(), 120..130),
    ];
    (first, payload, any::<[u8; 4]>()).prop_map(|(first, payload, key)| {
        let mut out = vec![first];
        match payload.len() {
            n @ 0..126 => out.push(0x80 | n as u8),
            n => out.extend([0xFE, (n >> 8) as u8, n as u8]),
        }
        out.extend(key);
        out.extend(payload);
        out
    })
}

#[test]
fn short_inputs_are_nothing() {
    for n in 0..4 {
        fuzz_decoder(&vec![0x81; n]);
        fuzz_handshake(&vec![b'G'; n]);
    }
}

#[test]
fn a_good_handshake_gets_through() {
    fuzz_handshake(
        b"GET /channels/a HTTP/1.1\r\nHost: x\r\nUpgrade: WebSocket\r\nConnection: a, Upgrade\r\n\
          Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
          Sec-WebSocket-Protocol: a,chat\r\n\r\n",
    );
}

proptest! {
    #[test]
    fn cuts_never_show(
        flags: u8,
        sizes in prop::collection::vec(any::<u8>(), 0..16),
        frames in prop::collection::vec(frame(), 0..8),
    ) {
        let head = [vec![flags, sizes.len() as u8], sizes].concat();
        fuzz_decoder(&[head, frames.concat()].concat());
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(data in prop::collection::vec(any::<u8>(), 0..80)) {
        fuzz_decoder(&data);
        fuzz_handshake(&data);
    }

    #[test]
    fn heads_made_of_likely_lines_are_answered_or_refused(
        lines in prop::collection::vec(prop::sample::select(vec![
            "Host: x", "Upgrade: h2c, websocket", "upgrade: WEBSOCKET", "Connection: keep-alive,Upgrade",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Version: 8", "Sec-WebSocket-Protocol: a, chat,,b", "Sec-WebSocket-Protocol: \"",
            "Sec-WebSocket-Extensions: permessage-deflate", "Content-Length: 0", "Content-Length: 1",
        ]), 0..14),
    ) {
        let head = format!("GET / HTTP/1.1\r\n{}\r\n\r\n", lines.join("\r\n"));
        fuzz_handshake(head.as_bytes());
        fuzz_handshake(head.replace("\r\n\r\n", "\r\n\r\nrest").as_bytes());
    }
}
