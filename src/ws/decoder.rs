//! The client's byte stream in, events out (RFC 6455 5).
//!
//! Rules:
//! - A decoder between messages is the same as a new one: only a message under way has a [`Partial`].
//! - Each call decodes one event from the front of the input. What is not consumed is shown again
//!   with more behind it; checks change nothing until something is consumed.
//! - Order of checks on a frame: its header, its place in the sequence, the message's size, the
//!   number of fragments. All of them come before the first payload byte.
//! - Invariant of a message under way: bytes handed out + `frame_left` = `declared` ≤ the limit.

use std::ops::Range;

use crate::close::Reason;

use super::header::{self, Header, Kind, opcode};
use super::mask::{rotate, unmask};

/// Most bytes that stay unconsumed when the caller does not hold: a control frame short of one.
pub const TAIL_MAX: usize = 130;

/// What a peer may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Payload bytes of one message, over all its fragments; exactly so many pass.
    pub message_bytes_max: u64,
    /// The same of a message that is compressed, before it is inflated; `None`: compression was not
    /// agreed upon, and the bit that would announce it is a violation.
    pub compressed_bytes_max: Option<u64>,
    /// Frames of one fragmented message, empty ones included; at least 1.
    pub fragments_max: u32,
}

/// What the peer sent.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A data message in one frame, whole in the input.
    Message {
        /// Text or binary.
        kind: Kind,
        /// What is in `payload` is compressed.
        compressed: bool,
        /// Its masking key, from `payload[0]` on.
        key: [u8; 4],
        /// Still masked.
        payload: &'a [u8],
    },
    /// A part of a message that is fragmented or was not whole in the input.
    Part {
        /// Text or binary, the same in every part of a message.
        kind: Kind,
        /// The message is compressed, the same in every part of it.
        compressed: bool,
        /// A new message begins with this part.
        first: bool,
        /// The message is complete with this part.
        last: bool,
        /// The masking key, rotated to begin at `payload[0]`.
        key: [u8; 4],
        /// Still masked; may be empty.
        payload: &'a [u8],
        /// Bytes of this frame still to come after this part.
        frame_left: u64,
    },
    /// A ping, unmasked; at most 125 bytes.
    Ping(&'a [u8]),
    /// A pong, unmasked; at most 125 bytes.
    Pong(&'a [u8]),
    /// A close frame, validated (RFC 6455 5.5.1, 7.4).
    Close {
        /// `None`: the frame was empty.
        code: Option<u16>,
        /// At most 123 bytes.
        reason: &'a str,
    },
}

/// Bytes consumed, and the event they made; `(0, None)`: need more.
pub type Decoded<'a> = (usize, Option<Event<'a>>);

/// Decodes one client's frames. After an error it must not be called again.
#[derive(Debug, Default)]
pub struct Decoder {
    partial: Option<Partial>,
}

/// A message under way: part of it was handed out, more is to come.
#[derive(Debug)]
struct Partial {
    kind: Kind,
    compressed: bool,
    /// The frame under way is the message's last.
    fin: bool,
    /// The key of the frame under way, rotated to its next byte.
    key: [u8; 4],
    /// Frames begun.
    fragments: u32,
    /// Bytes of the frame under way still to come; 0: between frames.
    frame_left: u64,
    /// Payload bytes of all frames begun, by their headers.
    declared: u64,
}

impl Decoder {
    /// Decodes one event from the front of `input`, unmasking control payloads in place.
    ///
    /// `hold`: the caller can read more behind this input, so a data frame that is not whole stays
    /// there. Otherwise its header and what is there are consumed as a [`Event::Part`]. In the
    /// middle of a frame parts come at once, held or not. An incomplete header or control frame
    /// is never consumed: at most [`TAIL_MAX`] bytes.
    #[inline]
    pub fn decode<'a>(
        &mut self,
        input: &'a mut [u8],
        hold: bool,
        limits: &DecodeLimits,
    ) -> Result<Decoded<'a>, Reason> {
        if self.partial.is_none()
            && let Some((kind, key, at)) = whole_message(input, limits)
        {
            let end = at.end;
            let payload = &input[at];
            let event = Event::Message {
                kind,
                compressed: false,
                key,
                payload,
            };
            return Ok((end, Some(event)));
        }
        self.decode_any(input, hold, limits)
    }

    /// Whether a message is under way, so that an end of the stream now would cut it.
    pub fn in_message(&self) -> bool {
        self.partial.is_some()
    }

    #[inline(never)]
    fn decode_any<'a>(
        &mut self,
        input: &'a mut [u8],
        hold: bool,
        limits: &DecodeLimits,
    ) -> Result<Decoded<'a>, Reason> {
        if self.partial.as_ref().is_some_and(|p| p.frame_left > 0) {
            return Ok(self.part(false, 0, input));
        }
        let Some(header) = header::parse(input, limits.compressed_bytes_max.is_some())? else {
            return Ok((0, None));
        };
        if header.is_control() {
            return control(&header, input);
        }
        self.data(&header, hold, limits, input)
    }

    /// A data frame whose header is complete.
    fn data<'a>(
        &mut self,
        header: &Header,
        hold: bool,
        limits: &DecodeLimits,
        input: &'a [u8],
    ) -> Result<Decoded<'a>, Reason> {
        let kind = self.admit(header, limits)?;
        let at = header.header_len;
        let whole = header.len <= (input.len() - at) as u64;
        if hold && !whole {
            return Ok((0, None));
        }
        let first = self.partial.is_none();
        if whole && header.fin && first {
            let end = at + header.len as usize;
            let event = Event::Message {
                kind,
                compressed: header.compressed,
                key: header.key,
                payload: &input[at..end],
            };
            return Ok((end, Some(event)));
        }
        self.partial
            .get_or_insert_with(|| Partial::new(kind, header.compressed))
            .begin(header);
        Ok(self.part(first, at, input))
    }

    /// Checks a data frame's place in the sequence and its message's bounds; changes nothing.
    fn admit(&self, header: &Header, limits: &DecodeLimits) -> Result<Kind, Reason> {
        let (kind, declared, fragments) = match (&self.partial, header.opcode) {
            (None, opcode::CONTINUATION) => return Err(Reason::NothingToContinue),
            (None, opcode::TEXT) => (Kind::Text, 0, 0),
            (None, _) => (Kind::Binary, 0, 0),
            (Some(p), opcode::CONTINUATION) => (p.kind, p.declared, p.fragments),
            (Some(_), _) => return Err(Reason::Interleaved),
        };
        let compressed = self
            .partial
            .as_ref()
            .map_or(header.compressed, |p| p.compressed);
        let most = match limits.compressed_bytes_max {
            Some(most) if compressed => most,
            _ => limits.message_bytes_max,
        };
        if header.len > most.saturating_sub(declared) {
            return Err(Reason::MessageTooBig);
        }
        let fragmented = !header.fin || fragments > 0;
        if fragmented && fragments >= limits.fragments_max {
            return Err(Reason::TooManyFragments);
        }
        Ok(kind)
    }

    /// Hands out what is there of the frame under way, whose payload goes on at `input[at]`.
    fn part<'a>(&mut self, first: bool, at: usize, input: &'a [u8]) -> Decoded<'a> {
        let Some(p) = &mut self.partial else {
            return (0, None);
        };
        if input.is_empty() {
            return (0, None);
        }
        let there = (input.len() - at) as u64;
        let n = p.frame_left.min(there) as usize;
        let (kind, compressed) = (p.kind, p.compressed);
        let (key, payload) = (p.key, &input[at..at + n]);
        p.advance(n);
        let frame_left = p.frame_left;
        let last = p.fin && frame_left == 0;
        if last {
            self.partial = None;
        }
        (
            at + n,
            Some(Event::Part {
                kind,
                compressed,
                first,
                last,
                key,
                payload,
                frame_left,
            }),
        )
    }
}

impl Partial {
    fn new(kind: Kind, compressed: bool) -> Partial {
        Partial {
            kind,
            compressed,
            fin: false,
            key: [0; 4],
            fragments: 0,
            frame_left: 0,
            declared: 0,
        }
    }

    /// The next frame of the message begins. It was admitted, so nothing overflows.
    fn begin(&mut self, header: &Header) {
        self.fin = header.fin;
        self.key = header.key;
        self.fragments += 1;
        self.frame_left = header.len;
        self.declared += header.len;
    }

    /// `n` bytes of the frame are handed out.
    fn advance(&mut self, n: usize) {
        self.key = rotate(self.key, n);
        self.frame_left -= n as u64;
    }
}

/// The common case: a whole message of up to 65,535 bytes in one frame, within the limit. Returns
/// its kind, its key and where its payload is; anything else is left to the full decoder.
#[inline(always)]
fn whole_message(input: &[u8], limits: &DecodeLimits) -> Option<(Kind, [u8; 4], Range<usize>)> {
    let (&[first, second], rest) = input.split_first_chunk::<2>()?;
    let kind = match first {
        0x81 => Kind::Text,
        0x82 => Kind::Binary,
        _ => return None,
    };
    let (len, rest, start) = match second {
        0x80..=0xFD => (usize::from(second & 0x7F), rest, 6),
        0xFE => {
            let (&len, rest) = rest.split_first_chunk::<2>()?;
            match u16::from_be_bytes(len) {
                // What 7 bits could hold is the full decoder's to refuse.
                ..126 => return None,
                len => (usize::from(len), rest, 8),
            }
        }
        _ => return None,
    };
    let (&key, rest) = rest.split_first_chunk::<4>()?;
    let fits = len <= rest.len() && len as u64 <= limits.message_bytes_max;
    fits.then(|| (kind, key, start..start + len))
}

/// A control frame whose header is complete; it is consumed whole or not at all.
fn control<'a>(header: &Header, input: &'a mut [u8]) -> Result<Decoded<'a>, Reason> {
    let (at, end) = (header.header_len, header.header_len + header.len as usize);
    let Some(payload) = input.get_mut(at..end) else {
        return Ok((0, None));
    };
    unmask(payload, header.key);
    let event = match header.opcode {
        opcode::PING => Event::Ping(payload),
        opcode::PONG => Event::Pong(payload),
        _ => close(payload)?,
    };
    Ok((end, Some(event)))
}

/// Validates the payload of a close frame (RFC 6455 5.5.1).
fn close(payload: &[u8]) -> Result<Event<'_>, Reason> {
    let (code, reason) = match payload {
        [] => (None, &[][..]),
        [_] => return Err(Reason::BadClose),
        &[high, low, ref reason @ ..] => (Some(u16::from_be_bytes([high, low])), reason),
    };
    if code.is_some_and(|code| !may_be_sent(code)) {
        return Err(Reason::BadClose);
    }
    let reason = simdutf8::basic::from_utf8(reason).map_err(|_| Reason::BadUtf8)?;
    Ok(Event::Close { code, reason })
}

/// Close codes that may appear in a frame (RFC 6455 7.4 and IANA's registry): not 1004, not the
/// ones that only report (1005, 1006, 1015), nothing unassigned.
fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

#[cfg(test)]
mod tests;
