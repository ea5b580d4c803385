//! A request body, taken out of its framing as it comes (RFC 9112 6.2, 7.1).
//!
//! Rules:
//! - Bytes may be cut anywhere; the cuts change how the data is sliced, never what it is.
//! - Data is borrowed from the input: nothing is copied or allocated, whatever length is declared.
//!   Declared lengths are only counted down, never added up, so that none can overflow.
//! - Chunks by the letter: 1 to 16 hexadecimal digits, CRLF and nothing less, no space behind the
//!   size but before a `;`. Extensions and trailers are checked for control characters, bounded,
//!   and dropped (RFC 9112 7.1.1, 7.1.2).
//! - The sum of data is the caller's to bound (`message_bytes_max`).

use super::{
    BodyKind, CHUNK_EXTENSION_BYTES_MAX, CHUNK_EXTENSIONS_EXCESS_MAX, TRAILER_BYTES_MAX,
    TRAILER_LINES_MAX, is_text_byte, is_token_byte,
};
use crate::close::Reason;

/// Hexadecimal digits of a chunk size: so many always fit 64 bits.
const SIZE_DIGITS_MAX: u8 = 16;

/// What one call of [`Body::decode`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece<'a> {
    /// Bytes of the input that are dealt with; the data is among them.
    pub consumed: usize,
    /// Data of the body, never empty.
    pub data: Option<&'a [u8]>,
    /// The body is complete: what follows is the next request.
    pub done: bool,
}

/// What the next byte is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Data of a body of known length; so many bytes are left, at least 1.
    Plain(u64),
    /// A digit of a chunk size, or what ends it.
    Size { digits: u8, size: u64 },
    /// Space behind a chunk size, which only a `;` may follow.
    Space(u64),
    /// In the extensions of a chunk.
    Extension(u64),
    /// The LF of a size line.
    SizeLf(u64),
    /// Data of a chunk; so many bytes are left, at least 1.
    Data(u64),
    /// The CR behind a chunk's data.
    DataCr,
    /// The LF behind a chunk's data.
    DataLf,
    /// The first byte of a trailer line, or the CR of the empty line.
    LineStart,
    /// In the name of a trailer.
    Name,
    /// In the value of a trailer.
    Value,
    /// The LF of a trailer line.
    LineLf,
    /// The LF of the empty line.
    EndLf,
    /// None: the body is complete.
    Done,
    /// None: the body was refused.
    Failed,
}

/// The decoder of one body.
#[derive(Debug, Clone)]
pub struct Body {
    state: State,
    /// Extension bytes on the size line under way.
    extension_bytes: u32,
    /// Extension bytes that the body may still have; each data byte pays for one more.
    extension_credit: u64,
    /// Bytes of the trailer section so far.
    trailer_bytes: u32,
    /// Lines of the trailer section so far.
    trailer_lines: u32,
}

impl Default for Body {
    /// Of a request without one.
    fn default() -> Body {
        Body::new(BodyKind::None)
    }
}

impl Body {
    /// A decoder that stands before the first byte of the body.
    pub fn new(kind: BodyKind) -> Body {
        Body {
            state: match kind {
                BodyKind::None | BodyKind::Length(0) => State::Done,
                BodyKind::Length(n) => State::Plain(n),
                BodyKind::Chunked => State::Size { digits: 0, size: 0 },
            },
            extension_bytes: 0,
            extension_credit: CHUNK_EXTENSIONS_EXCESS_MAX,
            trailer_bytes: 0,
            trailer_lines: 0,
        }
    }

    /// Data bytes that are declared and still to come, at least: a message that is over its limit
    /// can be refused before they are sent.
    pub fn declared(&self) -> u64 {
        match self.state {
            State::Plain(left) | State::Data(left) => left,
            _ => 0,
        }
    }

    /// Whether the body is complete.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Takes the next piece off the front of `input`: call it again with the rest until the rest is
    /// empty or the body is done. Each call consumes something unless one of these already holds.
    ///
    /// # Errors
    /// [`Reason::BadChunk`], for good: the connection must end after it.
    pub fn decode<'a>(&mut self, input: &'a [u8]) -> Result<Piece<'a>, Reason> {
        let mut at = 0;
        while let Some(&byte) = input.get(at) {
            match self.state {
                State::Plain(left) | State::Data(left) => return Ok(self.take(input, at, left)),
                State::Done => break,
                _ => self.state = self.step(byte).unwrap_or(State::Failed),
            }
            if self.state == State::Failed {
                return Err(Reason::BadChunk);
            }
            at += 1;
        }
        Ok(self.piece(at, None))
    }

    /// Takes data from `at` on, of which `left` bytes are left.
    fn take<'a>(&mut self, input: &'a [u8], at: usize, left: u64) -> Piece<'a> {
        let rest = &input[at..];
        let n = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
        self.extension_credit = self.extension_credit.saturating_add(n as u64);
        self.state = match (self.state, left - n as u64) {
            (State::Plain(_), 0) => State::Done,
            (State::Plain(_), left) => State::Plain(left),
            (_, 0) => State::DataCr,
            (_, left) => State::Data(left),
        };
        self.piece(at + n, Some(&rest[..n]))
    }

    fn piece<'a>(&self, consumed: usize, data: Option<&'a [u8]>) -> Piece<'a> {
        Piece {
            consumed,
            data,
            done: self.is_done(),
        }
    }

    /// The state behind one byte of chunk framing; `None` when the byte is wrong.
    fn step(&mut self, byte: u8) -> Option<State> {
        match self.state {
            State::Size { digits, size } => self.size(digits, size, byte),
            State::Space(_) | State::Extension(_) => self.extension(byte),
            State::SizeLf(0) => (byte == b'\n').then_some(State::LineStart),
            State::SizeLf(size) => (byte == b'\n').then_some(State::Data(size)),
            State::DataCr => (byte == b'\r').then_some(State::DataLf),
            State::DataLf => (byte == b'\n').then_some(State::Size { digits: 0, size: 0 }),
            State::Plain(_) | State::Data(_) | State::Done | State::Failed => None,
            _ => self.trailer(byte),
        }
    }

    /// A byte of the size, or behind it.
    fn size(&mut self, digits: u8, size: u64, byte: u8) -> Option<State> {
        if let Some(value) = char::from(byte).to_digit(16) {
            return (digits < SIZE_DIGITS_MAX).then_some(State::Size {
                digits: digits + 1,
                size: size << 4 | u64::from(value),
            });
        }
        self.extension_bytes = 0;
        match byte {
            _ if digits == 0 => None,
            b'\r' => Some(State::SizeLf(size)),
            b' ' | b'\t' => self.charge_extension(State::Space(size)),
            b';' => self.charge_extension(State::Extension(size)),
            _ => None,
        }
    }

    /// A byte of the space before extensions, or of these.
    fn extension(&mut self, byte: u8) -> Option<State> {
        match (self.state, byte) {
            (State::Space(size), b' ' | b'\t') => self.charge_extension(State::Space(size)),
            (State::Space(size), b';') => self.charge_extension(State::Extension(size)),
            (State::Extension(size), b'\r') => Some(State::SizeLf(size)),
            (State::Extension(size), text) if is_text_byte(text) => {
                self.charge_extension(State::Extension(size))
            }
            _ => None,
        }
    }

    /// A byte of the trailer section: lines of `name:value`, then an empty one.
    fn trailer(&mut self, byte: u8) -> Option<State> {
        self.trailer_bytes += 1;
        if self.trailer_bytes > TRAILER_BYTES_MAX {
            return None;
        }
        match (self.state, byte) {
            (State::LineStart, b'\r') => Some(State::EndLf),
            (State::LineStart, b) if is_token_byte(b) => {
                self.trailer_lines += 1;
                (self.trailer_lines <= TRAILER_LINES_MAX).then_some(State::Name)
            }
            (State::Name, b':') => Some(State::Value),
            (State::Name, b) if is_token_byte(b) => Some(State::Name),
            (State::Value, b'\r') => Some(State::LineLf),
            (State::Value, b) if is_text_byte(b) => Some(State::Value),
            (State::LineLf, b'\n') => Some(State::LineStart),
            (State::EndLf, b'\n') => Some(State::Done),
            _ => None,
        }
    }

    /// Counts one extension byte, on its line and over the body: long extensions on tiny chunks
    /// would make the wire hundreds of times larger than the message.
    fn charge_extension(&mut self, next: State) -> Option<State> {
        self.extension_bytes += 1;
        self.extension_credit = self.extension_credit.checked_sub(1)?;
        (self.extension_bytes <= CHUNK_EXTENSION_BYTES_MAX).then_some(next)
    }
}
