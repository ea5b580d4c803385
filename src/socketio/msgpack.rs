//! Clients that speak MessagePack instead of JSON: as much of it as it takes to tell them that we do not.
//!
//! Rules:
//! - Such a client begins with a message of bytes, a map with `type` 0 and `nsp`
//!   (npm `socket.io-msgpack-parser`); the official parser never begins with bytes.
//! - What it is answered is read by its own parser, so that its program gets `connect_error`.

/// Values that may lie in each other in what a client connects with.
const DEPTH_MAX: usize = 32;

/// Why such a client may not connect.
pub const REFUSAL: &str = "only the default parser of Socket.IO is spoken here, not msgpack";

/// The namespace that a client asks for by MessagePack; `None`: this is something else.
pub fn connect_of(bytes: &[u8]) -> Option<String> {
    let mut reader = Reader { rest: bytes };
    let (mut connects, mut namespace) = (false, None);
    for _ in 0..reader.map()? {
        match reader.string()? {
            "type" => connects = reader.byte()? == 0,
            "nsp" => namespace = Some(reader.string()?.to_owned()),
            _ => reader.skip(DEPTH_MAX)?,
        }
    }
    (connects && reader.rest.is_empty()).then_some(namespace)?
}

/// Appends the message of bytes that tells such a client why it may not connect to a namespace.
pub fn append_connect_error(namespace: &str, message: &str, out: &mut Vec<u8>) {
    const CONNECT_ERROR: u8 = 4;
    out.push(0x83);
    append_text("type", out);
    out.push(CONNECT_ERROR);
    append_text("nsp", out);
    append_text(namespace, out);
    append_text("data", out);
    out.push(0x81);
    append_text("message", out);
    append_text(message, out);
}

/// Appends a string in its shortest form.
fn append_text(text: &str, out: &mut Vec<u8>) {
    match text.len() {
        n @ 0..32 => out.push(0xa0 | n as u8),
        n @ 32..256 => out.extend_from_slice(&[0xd9, n as u8]),
        n @ 256..65_536 => {
            out.push(0xda);
            out.extend_from_slice(&(n as u16).to_be_bytes());
        }
        n => {
            out.push(0xdb);
            out.extend_from_slice(&(n as u32).to_be_bytes());
        }
    }
    out.extend_from_slice(text.as_bytes());
}

/// What is still to be read.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|byte| byte[0])
    }

    /// A number of so many bytes, the highest first.
    fn size(&mut self, bytes: usize) -> Option<usize> {
        let number = self.take(bytes)?.iter();
        Some(number.fold(0, |n, &byte| n << 8 | usize::from(byte)))
    }

    /// How many pairs follow as a map.
    fn map(&mut self) -> Option<usize> {
        match self.byte()? {
            n @ 0x80..=0x8f => Some(usize::from(n & 0x0f)),
            0xde => self.size(2),
            0xdf => self.size(4),
            _ => None,
        }
    }

    fn string(&mut self) -> Option<&'a str> {
        let length = match self.byte()? {
            n @ 0xa0..=0xbf => usize::from(n & 0x1f),
            0xd9 => self.size(1)?,
            0xda => self.size(2)?,
            0xdb => self.size(4)?,
            _ => return None,
        };
        std::str::from_utf8(self.take(length)?).ok()
    }

    /// Reads over a value, with so many levels in it at most. Each value takes a byte at least, so what it
    /// says of its length costs no more than what is there.
    fn skip(&mut self, depth: usize) -> Option<()> {
        let first = self.byte()?;
        // Of each family, the types for lengths or numbers of 1, 2, 4 (and 8) bytes follow each other.
        let width = |lowest: u8| 1usize << (first - lowest);
        let (bytes, values) = match first {
            0x00..=0x7f | 0xc0 | 0xc2 | 0xc3 | 0xe0..=0xff => (0, 0),
            0x80..=0x8f => (0, 2 * usize::from(first & 0x0f)),
            0x90..=0x9f => (0, usize::from(first & 0x0f)),
            0xa0..=0xbf => (usize::from(first & 0x1f), 0),
            0xc4..=0xc6 => (self.size(width(0xc4))?, 0),
            0xc7..=0xc9 => (self.size(width(0xc7))? + 1, 0),
            0xca | 0xcb => (width(0xca) * 4, 0),
            0xcc..=0xcf => (width(0xcc), 0),
            0xd0..=0xd3 => (width(0xd0), 0),
            0xd4..=0xd8 => (width(0xd4) + 1, 0),
            0xd9..=0xdb => (self.size(width(0xd9))?, 0),
            0xdc | 0xdd => (0, self.size(width(0xdc) * 2)?),
            0xde | 0xdf => (0, self.size(width(0xde) * 2)?.saturating_mul(2)),
            0xc1 => return None,
        };
        self.take(bytes)?;
        if values > 0 {
            let below = depth.checked_sub(1)?;
            (0..values).try_for_each(|_| self.skip(below))?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests;
