//! Engine.IO v4 from the client's side, written for the oracle alone: packets out of payloads and
//! frames, and into them.

use crate::reader::sse::base64 as decoded;

/// What stands between two packets of a payload.
const SEPARATOR: char = '\u{1e}';

/// A packet of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet {
    /// The handshake, in JSON.
    Open(String),
    /// The session ends.
    Close,
    /// To be answered.
    Ping,
    /// What answers a probe.
    Pong(String),
    /// Text for the layer above.
    Message(String),
    /// Bytes for the layer above.
    Binary(Vec<u8>),
    /// Nothing.
    Noop,
}

/// A packet of a text frame, or of a payload.
pub fn packet(text: &str) -> Result<Packet, String> {
    let rest = text.get(1..).unwrap_or_default();
    let packet = match text.as_bytes().first() {
        Some(b'0') => Packet::Open(rest.into()),
        Some(b'1') if rest.is_empty() => Packet::Close,
        Some(b'2') if rest.is_empty() => Packet::Ping,
        Some(b'3') => Packet::Pong(rest.into()),
        Some(b'4') => Packet::Message(rest.into()),
        Some(b'6') if rest.is_empty() => Packet::Noop,
        _ => return Err(format!("a packet {:?}", text.get(..40).unwrap_or(text))),
    };
    Ok(packet)
}

/// The packets of a payload.
pub fn payload(body: &[u8]) -> Result<Vec<Packet>, String> {
    let text = str::from_utf8(body).map_err(|e| format!("a payload: {e}"))?;
    let one = |part: &str| match part.strip_prefix('b') {
        Some(digits) => decoded(digits).map(Packet::Binary),
        None => packet(part),
    };
    text.split(SEPARATOR).map(one).collect()
}

/// Where in a payload its last packet begins that is text, and not what belongs to it.
pub fn last_unit(body: &[u8]) -> usize {
    let begins = |w: &[u8]| w[0] == SEPARATOR as u8 && w[1] != b'b';
    body.windows(2).rposition(begins).unwrap_or(0)
}

/// Appends a packet to a payload: text with its type, or bytes.
pub fn append(out: &mut Vec<u8>, text: Result<&str, &[u8]>) {
    if !out.is_empty() {
        out.push(SEPARATOR as u8);
    }
    match text {
        Ok(text) => out.extend(text.bytes()),
        Err(bytes) => {
            out.push(b'b');
            append_base64(out, bytes);
        }
    }
}

/// Appends base64, padded (RFC 4648 4).
pub fn append_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let word = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let value = word >> (18 - 6 * digit) & 63;
            let there = digit <= group.len();
            out.push(if there { DIGITS[value as usize] } else { b'=' });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_come_apart_and_go_together() {
        let mut out = Vec::new();
        append(&mut out, Ok("4hello"));
        append(&mut out, Err(b"\x01\x02\x03\x04"));
        append(&mut out, Ok("2"));
        assert_eq!(out, b"4hello\x1ebAQIDBA==\x1e2");
        let want = [
            Packet::Message("hello".into()),
            Packet::Binary(vec![1, 2, 3, 4]),
            Packet::Ping,
        ];
        assert_eq!(payload(&out).unwrap(), want);
        for bad in ["", "4a\x1e", "\x1e4a", "5", "7", "bAQ", "1x", "6\x1ex"] {
            assert!(payload(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn base64_comes_back() {
        for len in 0..20u8 {
            let bytes: Vec<u8> = (0..len).map(|i| i.wrapping_mul(47)).collect();
            let mut out = Vec::new();
            append_base64(&mut out, &bytes);
            assert_eq!(decoded(str::from_utf8(&out).unwrap()), Ok(bytes));
        }
    }
}
