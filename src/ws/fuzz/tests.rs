//! The fuzz bodies over streams and heads that get far.

use proptest::prelude::*;

use super::*;

/// Frames of every kind and length form, masked, well-formed or nearly so.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        8 => prop::sample::select(vec![
            0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x89, 0x8A, 0x88, 0xC1, 0xC2, 0x41, 0x42,
        ]),
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
        fuzz_deflate(&vec![0; n]);
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
    fn any_bytes_are_inflated_or_refused(data in prop::collection::vec(any::<u8>(), 0..300)) {
        fuzz_deflate(&data);
    }

    #[test]
    fn bytes_with_repeats_are_compressed(
        head: [u8; 2], piece in prop::collection::vec(any::<u8>(), 1..60), n in 1usize..40,
    ) {
        fuzz_deflate(&[&head[..], &piece.repeat(n)].concat());
    }

    #[test]
    fn damaged_messages_are_inflated_or_refused(
        head: [u8; 2], text in "[a-e]{0,400}", at: prop::sample::Index, byte: u8, cut: prop::sample::Index,
    ) {
        let settings = DeflateSettings { bytes_min: 0, level: 6 };
        let mut deflater = Deflater::new(settings);
        if let Some(compressed) = deflater.deflate(text.as_bytes(), 15) {
            let mut compressed = compressed.to_vec();
            let i = at.index(compressed.len());
            compressed[i] = byte;
            compressed.truncate(cut.index(compressed.len() + 1));
            fuzz_deflate(&[&head[..], &compressed].concat());
        }
    }

    #[test]
    fn heads_made_of_likely_lines_are_answered_or_refused(
        lines in prop::collection::vec(prop::sample::select(vec![
            "Host: x", "Upgrade: h2c, websocket", "upgrade: WEBSOCKET", "Connection: keep-alive,Upgrade",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Version: 8", "Sec-WebSocket-Protocol: a, chat,,b", "Sec-WebSocket-Protocol: \"",
            "Sec-WebSocket-Extensions: permessage-deflate",
            "Sec-WebSocket-Extensions: x; y=\",\", permessage-deflate; server_max_window_bits=\"9\"",
            "sec-websocket-extensions: permessage-deflate; client_max_window_bits, ;,\"", "Content-Length: 0", "Content-Length: 1",
        ]), 0..14),
    ) {
        let head = format!("GET / HTTP/1.1\r\n{}\r\n\r\n", lines.join("\r\n"));
        fuzz_handshake(head.as_bytes());
        fuzz_handshake(head.replace("\r\n\r\n", "\r\n\r\nrest").as_bytes());
    }
}
