//! WebSocket frames from the client's side, written for the oracle alone: it shares no code with
//! the server, so a mistake of one is not a mistake of both.

/// Opcodes (RFC 6455 5.2).
pub const CONTINUATION: u8 = 0;
/// A text message.
pub const TEXT: u8 = 1;
/// A binary message.
pub const BINARY: u8 = 2;
/// A close frame.
pub const CLOSE: u8 = 8;
/// A ping.
pub const PING: u8 = 9;
/// A pong.
pub const PONG: u8 = 10;

/// Appends a masked frame. `first` is the first byte as it goes: FIN, RSV and opcode.
pub fn append(out: &mut Vec<u8>, first: u8, payload: &[u8], key: [u8; 4]) {
    out.push(first);
    append_len(out, 0x80, payload.len());
    out.extend(key);
    let mut words = payload.chunks_exact(4);
    for word in &mut words {
        out.extend_from_slice(&[
            word[0] ^ key[0],
            word[1] ^ key[1],
            word[2] ^ key[2],
            word[3] ^ key[3],
        ]);
    }
    out.extend(words.remainder().iter().zip(key).map(|(b, k)| b ^ k));
}

/// Appends a frame without a mask, as no client may send it.
pub fn append_unmasked(out: &mut Vec<u8>, first: u8, payload: &[u8]) {
    out.push(first);
    append_len(out, 0, payload.len());
    out.extend(payload);
}

fn append_len(out: &mut Vec<u8>, mask: u8, len: usize) {
    match len {
        0..=125 => out.push(mask | len as u8),
        126..=0xffff => {
            out.push(mask | 126);
            out.extend((len as u16).to_be_bytes());
        }
        _ => {
            out.push(mask | 127);
            out.extend((len as u64).to_be_bytes());
        }
    }
}

/// A whole frame from the server.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The last of its message.
    pub fin: bool,
    /// It begins a compressed message.
    pub compressed: bool,
    /// What it is.
    pub opcode: u8,
    /// What it carries.
    pub payload: &'a [u8],
}

/// Takes one frame off the front: its length on the wire and itself; `None`: not whole yet.
/// `deflate`: messages may be compressed.
pub fn read(buf: &[u8], deflate: bool) -> Result<Option<(usize, Frame<'_>)>, String> {
    let [first, second, rest @ ..] = buf else {
        return Ok(None);
    };
    let compressed = deflate && first & 0x70 == 0x40 && matches!(first & 15, TEXT | BINARY);
    if first & 0x70 != 0 && !compressed {
        return Err(format!("frame with RSV bits: {first:#04x} {second:#04x}"));
    }
    if second & 0x80 != 0 {
        return Err("masked frame from the server".into());
    }
    let (fin, opcode) = (first & 0x80 != 0, first & 15);
    if !matches!(opcode, 0..=2 | 8..=10) {
        return Err(format!("frame with reserved opcode {opcode}"));
    }
    let wide = match second & 127 {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    if opcode >= 8 && (wide > 0 || !fin) {
        return Err(format!("control frame {opcode} that is long or in parts"));
    }
    if rest.len() < wide {
        return Ok(None);
    }
    let long = rest[..wide]
        .iter()
        .fold(0u64, |n, b| n << 8 | u64::from(*b));
    let len = if wide == 0 {
        u64::from(second & 127)
    } else {
        long
    };
    if (wide == 2 && len < 126) || (wide == 8 && len < 0x1_0000) || len > 1 << 32 {
        return Err(format!("length {len} in {wide} bytes"));
    }
    let body = &rest[wide..];
    Ok((body.len() as u64 >= len).then(|| {
        let len = len as usize;
        (
            2 + wide + len,
            Frame {
                fin,
                compressed,
                opcode,
                payload: &body[..len],
            },
        )
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unmask(wire: &[u8]) -> Vec<u8> {
        // Header of 2, key of 4: only for payloads up to 125.
        wire[6..]
            .iter()
            .zip(wire[2..6].iter().cycle())
            .map(|(b, k)| b ^ k)
            .collect()
    }

    #[test]
    fn the_sample_of_the_rfc() {
        // RFC 6455 5.7: a masked "Hello".
        let mut out = Vec::new();
        append(&mut out, 0x81, b"Hello", [0x37, 0xfa, 0x21, 0x3d]);
        assert_eq!(
            out,
            [
                0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58
            ]
        );
        assert_eq!(unmask(&out), b"Hello");
        let frame = Frame {
            fin: true,
            compressed: false,
            opcode: TEXT,
            payload: b"Hello",
        };
        assert_eq!(read(b"\x81\x05Hello\x8a", false), Ok(Some((7, frame))));
        let compressed = read(b"\xc1\x05Hello\x8a", true).unwrap().unwrap().1;
        assert!(compressed.compressed && compressed.payload == b"Hello");
    }

    #[test]
    fn every_length_comes_back_and_no_prefix_does() {
        for len in [0, 1, 125, 126, 127, 65535, 65536, 70000] {
            let payload = vec![7u8; len];
            let mut wire = Vec::new();
            append_unmasked(&mut wire, 0x82, &payload);
            let (n, frame) = read(&wire, true).unwrap().unwrap();
            assert_eq!((n, frame.payload), (wire.len(), &payload[..]));
            for cut in [0, 1, 2, 3, 9, wire.len() - 1] {
                assert_eq!(read(&wire[..cut.min(wire.len() - 1)], true), Ok(None));
            }
        }
    }

    #[test]
    fn what_no_server_may_send_is_an_error() {
        for wire in [
            &b"\xc1\x00"[..],
            b"\x81\x80",
            b"\x83\x00",
            b"\x09\x00",
            b"\x89\x7e\x00\x7e",
            b"\x81\x7e\x00\x7d",
            b"\x81\x7f\x00\x00\x00\x00\x00\x00\xff\xff",
        ] {
            assert!(read(wire, false).is_err(), "{wire:?}");
        }
        for wire in [&b"\xe1\x00"[..], b"\xc0\x00", b"\xc9\x00", b"\xa1\x00"] {
            assert!(read(wire, true).is_err(), "{wire:?}");
        }
    }
}
