//! WebSocket frames as a client sees them (RFC 6455 5), written apart from the server under test.
//!
//! Rules:
//! - [`Decoder::feed`] takes bytes cut anywhere and gives events; nothing waits.
//! - What a server may not send is a [`Violation`] and ends the connection: this client must be
//!   able to prove a server wrong, so it forgives nothing.
//! - A whole message inside one piece of input is given as a slice of that input, uncopied; a
//!   connection between messages owns no buffer.
//! - [`encode`] masks every frame with a key of its own (RFC 6455 5.3).

pub mod http;
mod inflate;
pub mod sse;

use std::fmt;

/// A message over this many bytes is a violation rather than memory.
pub const MESSAGE_BYTES_MAX: usize = 256 * 1024 * 1024;
/// The longest header of a server's frame: two bytes and a 64-bit length.
const HEADER_BYTES_MAX: usize = 10;
/// A buffer larger than this is given back once its frame is done.
const KEEP_BYTES_MAX: usize = 4096;

/// What a frame is (RFC 6455 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Opcode {
    /// A further piece of a fragmented message.
    Continuation = 0,
    /// UTF-8 text.
    Text = 1,
    /// Bytes.
    Binary = 2,
    /// The end, with a code and a reason.
    Close = 8,
    /// Asks for a pong.
    Ping = 9,
    /// Answers a ping.
    Pong = 10,
}

impl Opcode {
    fn of(nibble: u8) -> Option<Opcode> {
        Some(match nibble {
            0 => Opcode::Continuation,
            1 => Opcode::Text,
            2 => Opcode::Binary,
            8 => Opcode::Close,
            9 => Opcode::Ping,
            10 => Opcode::Pong,
            _ => return None,
        })
    }

    fn is_control(self) -> bool {
        self as u8 >= 8
    }
}

/// What the server did that RFC 6455 forbids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Violation {
    /// RSV bits without a negotiated extension (5.2).
    ReservedBits,
    /// A compressed message that does not inflate, or is cut (RFC 7692 7.2.2).
    BadDeflate,
    /// Opcode 3 to 7 or 11 to 15 (5.2).
    ReservedOpcode,
    /// A server must not mask (5.1).
    Masked,
    /// A control frame over 125 bytes (5.5).
    ControlTooLong,
    /// A fragmented control frame (5.5).
    ControlFragmented,
    /// A length not in its shortest form, or with the top bit set (5.2).
    BadLength,
    /// A continuation with no message under way (5.4).
    NothingToContinue,
    /// A new message inside a fragmented one (5.4).
    Interleaved,
    /// A close payload of one byte, with a code that may not be sent, or a reason that is not
    /// UTF-8 (5.5.1, 7.4).
    BadClose,
    /// Text that is not UTF-8 (8.1).
    BadUtf8,
    /// A message over [`MESSAGE_BYTES_MAX`].
    TooBig,
    /// Bytes after the close frame (5.5.1).
    AfterClose,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Violation::ReservedBits => "reserved bit set",
            Violation::BadDeflate => "compressed message is malformed",
            Violation::ReservedOpcode => "reserved opcode",
            Violation::Masked => "server frame is masked",
            Violation::ControlTooLong => "control frame over 125 bytes",
            Violation::ControlFragmented => "fragmented control frame",
            Violation::BadLength => "payload length not minimal or out of range",
            Violation::NothingToContinue => "continuation without a message",
            Violation::Interleaved => "new message inside a fragmented one",
            Violation::BadClose => "malformed close frame",
            Violation::BadUtf8 => "text is not UTF-8",
            Violation::TooBig => "message over 256 MiB",
            Violation::AfterClose => "data after the close frame",
        })
    }
}

/// One thing the server said.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A whole message.
    Message {
        /// Text (checked to be UTF-8) or binary.
        text: bool,
        /// Its payload.
        payload: &'a [u8],
    },
    /// A ping, to be answered with the same payload.
    Ping(&'a [u8]),
    /// A pong.
    Pong(&'a [u8]),
    /// A close frame; 0 when it had no code.
    Close(u16, &'a str),
}

/// The header of a frame.
#[derive(Debug, Clone, Copy)]
struct Header {
    fin: bool,
    /// It begins a compressed message.
    compressed: bool,
    opcode: Opcode,
    bytes: usize,
    payload: usize,
}

impl Header {
    fn whole(&self) -> usize {
        self.bytes + self.payload
    }
}

/// A server's frames, cut anywhere, in; events out.
#[derive(Debug, Default)]
pub struct Decoder {
    /// The frame under way, from its first byte.
    tail: Vec<u8>,
    /// The fragments so far of the message under way.
    message: Vec<u8>,
    /// Whether a fragmented message is under way, and whether it is text.
    under_way: Option<bool>,
    /// The message under way is compressed.
    compressed: bool,
    /// Messages may be compressed.
    deflate: bool,
    closed: bool,
}

impl Decoder {
    /// One of a connection that has agreed to compression, or has not.
    pub fn new(deflate: bool) -> Decoder {
        Decoder {
            deflate,
            ..Decoder::default()
        }
    }

    /// Takes the next bytes and gives each event to `each`. After an error it is not to be fed.
    pub fn feed(
        &mut self,
        mut data: &[u8],
        each: &mut impl FnMut(Event<'_>),
    ) -> Result<(), Violation> {
        if !self.tail.is_empty() {
            data = self.finish_tail(data, each)?;
        }
        while let Some(header) = parse_header(data, self.deflate)? {
            self.admit(&header)?;
            let Some(frame) = data.get(..header.whole()) else {
                break;
            };
            self.frame(&header, &frame[header.bytes..], each)?;
            data = &data[header.whole()..];
        }
        if self.closed && !data.is_empty() {
            return Err(Violation::AfterClose);
        }
        self.tail.extend_from_slice(data);
        Ok(())
    }

    /// Whether a frame or a fragmented message is under way.
    pub fn is_inside(&self) -> bool {
        !self.tail.is_empty() || self.under_way.is_some()
    }

    /// Completes the frame under way from `data` and returns what is left of that.
    fn finish_tail<'d>(
        &mut self,
        mut data: &'d [u8],
        each: &mut impl FnMut(Event<'_>),
    ) -> Result<&'d [u8], Violation> {
        let mut tail = std::mem::take(&mut self.tail);
        let header = loop {
            if let Some(header) = parse_header(&tail, self.deflate)? {
                break header;
            }
            let Some((first, rest)) = data.split_first() else {
                self.tail = tail;
                return Ok(data);
            };
            tail.push(*first);
            data = rest;
        };
        self.admit(&header)?;
        let missing = (header.whole() - tail.len()).min(data.len());
        tail.extend_from_slice(&data[..missing]);
        if tail.len() < header.whole() {
            self.tail = tail;
            return Ok(&[]);
        }
        self.frame(&header, &tail[header.bytes..], each)?;
        if tail.capacity() <= KEEP_BYTES_MAX {
            tail.clear();
            self.tail = tail;
        }
        Ok(&data[missing..])
    }

    /// Whether a frame with this header may come now.
    fn admit(&self, header: &Header) -> Result<(), Violation> {
        if self.closed {
            return Err(Violation::AfterClose);
        }
        if header.opcode.is_control() {
            return Ok(());
        }
        match (header.opcode, self.under_way) {
            (Opcode::Continuation, None) => Err(Violation::NothingToContinue),
            (Opcode::Text | Opcode::Binary, Some(_)) => Err(Violation::Interleaved),
            _ if header.payload > MESSAGE_BYTES_MAX - self.message.len() => Err(Violation::TooBig),
            _ => Ok(()),
        }
    }

    fn frame(
        &mut self,
        header: &Header,
        payload: &[u8],
        each: &mut impl FnMut(Event<'_>),
    ) -> Result<(), Violation> {
        match header.opcode {
            Opcode::Ping => each(Event::Ping(payload)),
            Opcode::Pong => each(Event::Pong(payload)),
            Opcode::Close => {
                let (code, reason) = parse_close(payload)?;
                self.closed = true;
                each(Event::Close(code, reason));
            }
            Opcode::Text | Opcode::Binary if header.fin => {
                let text = header.opcode == Opcode::Text;
                give(text, header.compressed, payload, each)?;
            }
            Opcode::Text | Opcode::Binary => {
                self.under_way = Some(header.opcode == Opcode::Text);
                self.compressed = header.compressed;
                self.message.extend_from_slice(payload);
            }
            Opcode::Continuation => {
                self.message.extend_from_slice(payload);
                if header.fin {
                    let text = self.under_way.take() == Some(true);
                    let message = std::mem::take(&mut self.message);
                    give(text, self.compressed, &message, each)?;
                }
            }
        }
        Ok(())
    }
}

fn give(
    text: bool,
    compressed: bool,
    payload: &[u8],
    each: &mut impl FnMut(Event<'_>),
) -> Result<(), Violation> {
    if compressed {
        return inflate::inflate(payload, |payload| give(text, false, payload, each));
    }
    if text && std::str::from_utf8(payload).is_err() {
        return Err(Violation::BadUtf8);
    }
    each(Event::Message { text, payload });
    Ok(())
}

/// The header at the start of `data`, `None` while it is not whole.
fn parse_header(data: &[u8], deflate: bool) -> Result<Option<Header>, Violation> {
    let &[first, ref rest @ ..] = data else {
        return Ok(None);
    };
    let compressed = deflate && first & 0x70 == 0x40 && matches!(first & 0x0f, 1 | 2);
    if first & 0x70 != 0 && !compressed {
        return Err(Violation::ReservedBits);
    }
    let opcode = Opcode::of(first & 0x0f).ok_or(Violation::ReservedOpcode)?;
    let fin = first & 0x80 != 0;
    if opcode.is_control() && !fin {
        return Err(Violation::ControlFragmented);
    }
    let &[second, ref rest @ ..] = rest else {
        return Ok(None);
    };
    if second & 0x80 != 0 {
        return Err(Violation::Masked);
    }
    if opcode.is_control() && second > 125 {
        return Err(Violation::ControlTooLong);
    }
    let Some((length_bytes, payload)) = parse_length(second, rest)? else {
        return Ok(None);
    };
    Ok(Some(Header {
        fin,
        compressed,
        opcode,
        bytes: 2 + length_bytes,
        payload,
    }))
}

/// How many bytes follow the second byte for the length, and the length.
fn parse_length(second: u8, rest: &[u8]) -> Result<Option<(usize, usize)>, Violation> {
    let (bytes, length, least) = match second {
        126 => match rest.first_chunk::<2>() {
            Some(b) => (2, u64::from(u16::from_be_bytes(*b)), 126),
            None => return Ok(None),
        },
        127 => match rest.first_chunk::<8>() {
            Some(b) => (8, u64::from_be_bytes(*b), 65536),
            None => return Ok(None),
        },
        short => (0, u64::from(short), 0),
    };
    if length < least || length >> 63 != 0 {
        return Err(Violation::BadLength);
    }
    if length > MESSAGE_BYTES_MAX as u64 {
        return Err(Violation::TooBig);
    }
    Ok(Some((bytes, length as usize)))
}

fn parse_close(payload: &[u8]) -> Result<(u16, &str), Violation> {
    let code = match payload {
        [] => return Ok((0, "")),
        [_] => return Err(Violation::BadClose),
        [a, b, ..] => u16::from_be_bytes([*a, *b]),
    };
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(Violation::BadClose);
    }
    let reason = std::str::from_utf8(&payload[2..]).map_err(|_| Violation::BadClose)?;
    Ok((code, reason))
}

/// Appends the header of a final frame. `masked` sets the bit that announces a key.
pub fn encode_header(out: &mut Vec<u8>, opcode: Opcode, payload_bytes: usize, masked: bool) {
    let bit = if masked { 0x80 } else { 0 };
    out.push(0x80 | opcode as u8);
    match payload_bytes {
        0..=125 => out.push(bit | payload_bytes as u8),
        126..=65535 => {
            out.push(bit | 126);
            out.extend_from_slice(&(payload_bytes as u16).to_be_bytes());
        }
        _ => {
            out.push(bit | 127);
            out.extend_from_slice(&(payload_bytes as u64).to_be_bytes());
        }
    }
}

/// Appends one final client frame, masked with `key`.
pub fn encode(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8], key: [u8; 4]) {
    out.reserve(HEADER_BYTES_MAX + 4 + payload.len());
    encode_header(out, opcode, payload.len(), true);
    out.extend_from_slice(&key);
    let start = out.len();
    out.extend_from_slice(payload);
    mask(&mut out[start..], key);
}

/// Masks or unmasks in place (RFC 6455 5.3), eight bytes at a time.
pub fn mask(bytes: &mut [u8], key: [u8; 4]) {
    let [a, b, c, d] = key;
    let word = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let mut words = bytes.chunks_exact_mut(8);
    for chunk in &mut words {
        let value = u64::from_ne_bytes(chunk.try_into().expect("eight bytes")) ^ word;
        chunk.copy_from_slice(&value.to_ne_bytes());
    }
    for (byte, k) in words.into_remainder().iter_mut().zip(key.iter().cycle()) {
        *byte ^= k;
    }
}

#[cfg(test)]
mod tests;
