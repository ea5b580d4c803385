//! A WebSocket peer: frames to messages (RFC 6455 5).
//!
//! A message that is whole in the input passes through untouched; any other is gathered, unmasked
//! and checked for UTF-8 as it arrives, so that bad text fails before its end. A compressed one is
//! gathered as it is: whoever takes it inflates and checks it.

use super::Spares;
use crate::buf::Gather;
use crate::close::Reason;
use crate::ws::{self, DecodeLimits, Decoder, Deflate, Event, Kind, Utf8};

/// What the peer did.
#[derive(Debug)]
pub enum WsEvent<'a> {
    /// A message whole in the input, still masked; text is not checked yet.
    Whole {
        /// Text or binary.
        kind: Kind,
        /// It has to be inflated.
        compressed: bool,
        /// The masking key.
        key: [u8; 4],
        /// The masked bytes.
        payload: &'a [u8],
    },
    /// The end of a gathered message; text is checked, unless it is compressed.
    Gathered {
        /// Text or binary.
        kind: Kind,
        /// It has to be inflated.
        compressed: bool,
        /// The message.
        gather: Gather,
    },
    /// A part of a message was gathered; more is to come.
    Part,
    /// A ping, at most 125 bytes, to be answered with the same.
    Ping(&'a [u8]),
    /// A pong; that it came is all there is to it.
    Pong,
    /// The peer closes, with this code if it gave one.
    Close(Option<u16>),
}

/// A message under way.
#[derive(Debug, Default)]
pub(super) struct Collect {
    decoder: Decoder,
    gather: Gather,
    utf8: Utf8,
}

/// See the top of the file.
#[derive(Debug, Default)]
pub struct WsConn {
    /// None between messages, when a decoder has nothing to remember.
    collect: Option<Box<Collect>>,
    /// What was agreed upon about compression.
    deflate: Option<Deflate>,
}

impl WsConn {
    /// A connection that has just been opened.
    pub fn new(deflate: Option<Deflate>) -> WsConn {
        WsConn {
            deflate,
            ..WsConn::default()
        }
    }

    /// What was agreed upon about compression.
    pub fn deflate(&self) -> Option<Deflate> {
        self.deflate
    }

    /// Decodes one event from the front of `input`; see [`Decoder::decode`] for `hold`. `gather`:
    /// messages are wanted; when not, their parts are dropped as they come.
    #[inline]
    pub fn next<'a>(
        &mut self,
        input: &'a mut [u8],
        hold: bool,
        gather: bool,
        limits: &DecodeLimits,
        spares: &mut Spares,
    ) -> Result<(usize, Option<WsEvent<'a>>), Reason> {
        let mut fresh = Decoder::default();
        let decoder = self.collect.as_mut().map_or(&mut fresh, |c| &mut c.decoder);
        let (used, event) = decoder.decode(input, hold, limits)?;
        if fresh.in_message() {
            self.collect.get_or_insert_with(|| spares.collect()).decoder = fresh;
        }
        let event = match event {
            None => return Ok((used, None)),
            Some(Event::Message {
                kind,
                compressed,
                key,
                payload,
            }) => WsEvent::Whole {
                kind,
                compressed,
                key,
                payload,
            },
            Some(Event::Part { last, .. }) if !gather => {
                self.collect.take_if(|_| last);
                WsEvent::Part
            }
            Some(Event::Part {
                kind,
                compressed,
                last,
                key,
                payload,
                frame_left,
                ..
            }) => {
                let gather =
                    self.part(kind, compressed, last, key, (payload, frame_left), spares)?;
                gather.map_or(WsEvent::Part, |gather| WsEvent::Gathered {
                    kind,
                    compressed,
                    gather,
                })
            }
            Some(Event::Ping(payload)) => WsEvent::Ping(payload),
            Some(Event::Pong(_)) => WsEvent::Pong,
            Some(Event::Close { code, .. }) => WsEvent::Close(code),
        };
        Ok((used, Some(event)))
    }

    /// Adds a part to the message under way; the message, if that was its last part.
    fn part(
        &mut self,
        kind: Kind,
        compressed: bool,
        last: bool,
        key: [u8; 4],
        (payload, frame_left): (&[u8], u64),
        spares: &mut Spares,
    ) -> Result<Option<Gather>, Reason> {
        let collect = self.collect.get_or_insert_with(|| spares.collect());
        let unknown = !last && frame_left == 0;
        let expected = if unknown { u64::MAX } else { frame_left };
        let room = collect
            .gather
            .grow(payload.len(), expected, &mut spares.buffers);
        ws::unmask_into(room, payload, key);
        if kind == Kind::Text && !compressed {
            collect.utf8.check(collect.gather.payload(), last)?;
        }
        if !last {
            return Ok(None);
        }
        let gather = std::mem::take(&mut **collect).gather;
        self.collect
            .take()
            .into_iter()
            .for_each(|c| spares.keep_collect(c));
        Ok(Some(gather))
    }

    /// Memory held by a message under way.
    pub fn memory(&self) -> usize {
        self.collect.as_ref().map_or(0, |c| c.gather.capacity())
    }

    /// Drops what was gathered: nobody will publish it. Where its frames end is still known.
    pub fn forget(&mut self) {
        if let Some(collect) = &mut self.collect {
            collect.gather = Gather::default();
        }
    }
}
