//! Frame headers (RFC 6455 5.2): the client's are parsed, the server's are written.
//!
//! Rules:
//! - A violation is reported with the first byte that makes it certain, even if the header is not
//!   complete. The order is that of the bytes: reserved bits, opcode, control rules, mask bit,
//!   length. So the answer never depends on how the header was cut.
//! - Lengths stay `u64` until they have been compared with what is there.
//! - What the server writes is one unmasked frame with FIN and the shortest length.

use crate::close::Reason;

/// Opcodes (RFC 6455 11.8).
pub mod opcode {
    /// A further fragment of a message.
    pub const CONTINUATION: u8 = 0x0;
    /// Text: UTF-8.
    pub const TEXT: u8 = 0x1;
    /// Any bytes.
    pub const BINARY: u8 = 0x2;
    /// The close handshake.
    pub const CLOSE: u8 = 0x8;
    /// Wants a pong with the same payload.
    pub const PING: u8 = 0x9;
    /// Answers a ping.
    pub const PONG: u8 = 0xA;
}

/// Largest header that a server writes: 2 bytes and a 64-bit length.
pub const HEADER_ROOM: usize = 10;
/// Largest payload of a control frame (RFC 6455 5.5).
pub const CONTROL_BYTES_MAX: usize = 125;

/// The first reserved bit, on a message's first frame: it is compressed (RFC 7692 6).
pub const COMPRESSED: u8 = 0x40;

const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;

/// What a data message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8; the decoder does not check it, whoever unmasks does.
    Text,
    /// Any bytes.
    Binary,
}

impl Kind {
    /// The opcode of a message's first frame.
    pub const fn opcode(self) -> u8 {
        match self {
            Kind::Text => opcode::TEXT,
            Kind::Binary => opcode::BINARY,
        }
    }
}

/// The payload of a whole frame that a server wrote.
pub fn payload_of(frame: &[u8]) -> &[u8] {
    let header = match frame.get(1) {
        Some(126) => 4,
        Some(127) => 10,
        _ => 2,
    };
    frame.get(header..).unwrap_or_default()
}

/// A client's frame header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The last frame of its message.
    pub fin: bool,
    /// The message that begins with it is compressed.
    pub compressed: bool,
    /// One of [`opcode`].
    pub opcode: u8,
    /// Payload bytes, below 2^63.
    pub len: u64,
    /// The masking key.
    pub key: [u8; 4],
    /// Bytes of the header itself: 6, 8 or 14.
    pub header_len: usize,
}

impl Header {
    /// Close, ping or pong.
    pub const fn is_control(&self) -> bool {
        self.opcode & 0x8 != 0
    }
}

/// Parses the client's frame header at the front of `bytes`; `None`: not complete, and still fine.
/// `deflate`: permessage-deflate was agreed upon.
pub fn parse(bytes: &[u8], deflate: bool) -> Result<Option<Header>, Reason> {
    let Some((&first, bytes)) = bytes.split_first() else {
        return Ok(None);
    };
    check_first(first, deflate)?;
    let Some((&second, bytes)) = bytes.split_first() else {
        return Ok(None);
    };
    check_second(first, second)?;
    let Some((len, key_at)) = parse_length(second & !MASKED, bytes)? else {
        return Ok(None);
    };
    let key = bytes.get(key_at..).and_then(|rest| rest.first_chunk::<4>());
    Ok(key.map(|&key| Header {
        fin: first & FIN != 0,
        compressed: first & COMPRESSED != 0,
        opcode: first & 0xF,
        len,
        key,
        header_len: 2 + key_at + 4,
    }))
}

/// Reserved bits, the opcode, and that a control frame is not fragmented. With `deflate` the frame
/// that begins a data message may have the first of these bits (RFC 7692 6.1).
fn check_first(first: u8, deflate: bool) -> Result<(), Reason> {
    let may_be_compressed = deflate && matches!(first & 0xF, opcode::TEXT | opcode::BINARY);
    let allowed = if may_be_compressed { COMPRESSED } else { 0 };
    if first & 0x70 & !allowed != 0 {
        return Err(Reason::ReservedBits);
    }
    match first & 0xF {
        opcode::CONTINUATION..=opcode::BINARY => Ok(()),
        opcode::CLOSE..=opcode::PONG if first & FIN == 0 => Err(Reason::ControlFragmented),
        opcode::CLOSE..=opcode::PONG => Ok(()),
        _ => Err(Reason::ReservedOpcode),
    }
}

/// The length of a control frame and the mask bit.
fn check_second(first: u8, second: u8) -> Result<(), Reason> {
    if first & 0x8 != 0 && usize::from(second & !MASKED) > CONTROL_BYTES_MAX {
        return Err(Reason::ControlTooLong);
    }
    if second & MASKED == 0 {
        return Err(Reason::Unmasked);
    }
    Ok(())
}

/// The payload's length and how many bytes it took behind the first two; `bytes` begins there.
fn parse_length(short: u8, bytes: &[u8]) -> Result<Option<(u64, usize)>, Reason> {
    match short {
        126 => match bytes.first_chunk::<2>() {
            Some(&be) => match u16::from_be_bytes(be) {
                ..126 => Err(Reason::BadLength),
                len => Ok(Some((len.into(), 2))),
            },
            None => Ok(None),
        },
        127 => parse_long_length(bytes),
        _ => Ok(Some((short.into(), 0))),
    }
}

/// A 64-bit length: the top bit is clear, and it would not fit 16 bits.
fn parse_long_length(bytes: &[u8]) -> Result<Option<(u64, usize)>, Reason> {
    let top_bit = bytes.first().is_some_and(|b| b & 0x80 != 0);
    let fits_16_bits = bytes.first_chunk::<6>() == Some(&[0; 6]);
    if top_bit || fits_16_bits {
        return Err(Reason::BadLength);
    }
    Ok(bytes
        .first_chunk::<8>()
        .map(|&be| (u64::from_be_bytes(be), 8)))
}

/// Bytes of the header that [`encode_header`] writes for this payload: 2, 4 or 10.
#[inline]
pub const fn header_len(payload_len: usize) -> usize {
    match payload_len {
        0..126 => 2,
        126..65536 => 4,
        _ => 10,
    }
}

/// Writes the header of a whole message, or of a control frame, to the front of `out`: FIN set,
/// unmasked, shortest length. `opcode` may have [`COMPRESSED`] added. Returns its length.
#[inline]
pub fn encode_header(out: &mut [u8; HEADER_ROOM], opcode: u8, len: usize) -> usize {
    out[0] = FIN | opcode;
    match len {
        0..126 => {
            out[1] = len as u8;
            2
        }
        126..65536 => {
            out[1] = 126;
            out[2..4].copy_from_slice(&(len as u16).to_be_bytes());
            4
        }
        _ => {
            out[1] = 127;
            out[2..10].copy_from_slice(&(len as u64).to_be_bytes());
            10
        }
    }
}

/// Appends one whole unmasked frame.
pub fn append_frame(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    let mut header = [0; HEADER_ROOM];
    let n = encode_header(&mut header, opcode, payload.len());
    out.reserve(n + payload.len());
    out.extend_from_slice(&header[..n]);
    out.extend_from_slice(payload);
}

/// Appends a close frame (RFC 6455 5.5.1). Without a code the payload is empty; a reason is cut
/// between two characters to what a control frame can hold.
pub fn append_close(out: &mut Vec<u8>, code: Option<u16>, reason: &str) {
    let Some(code) = code else {
        return append_frame(out, opcode::CLOSE, &[]);
    };
    let mut end = reason.len().min(CONTROL_BYTES_MAX - 2);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    let mut payload = [0; CONTROL_BYTES_MAX];
    payload[..2].copy_from_slice(&code.to_be_bytes());
    payload[2..2 + end].copy_from_slice(&reason.as_bytes()[..end]);
    append_frame(out, opcode::CLOSE, &payload[..2 + end]);
}

#[cfg(test)]
mod tests;
