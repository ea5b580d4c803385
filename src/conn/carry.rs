//! A poll of an Engine.IO session that waits for packets, or is being answered with some. Nothing
//! further of it is read meanwhile, but its end.

use std::collections::VecDeque;

use crate::http::Reply;

/// What the body of an answer is put together from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CarryPart {
    /// What this seat has in its log from its cursor on, up to there.
    Shared(u32, u64),
    /// Packets for this session alone.
    Own(Vec<u8>),
}

/// See the top of the file.
#[derive(Debug)]
pub struct CarryConn {
    /// How the request is to be answered.
    pub reply: Reply,
    /// The `Origin` to be named in the answer.
    pub origin: Option<Box<str>>,
    /// What of the answer is still to be sent.
    pub parts: VecDeque<CarryPart>,
    begun: bool,
}

impl CarryConn {
    /// A poll that waits.
    pub fn new(reply: Reply, origin: Option<&str>) -> CarryConn {
        CarryConn {
            reply,
            origin: origin.map(Into::into),
            parts: VecDeque::new(),
            begun: false,
        }
    }

    /// The answer's head is written; this is its body.
    pub fn begin(&mut self, parts: VecDeque<CarryPart>) {
        (self.parts, self.begun) = (parts, true);
    }

    /// Whether a part of the answer is written.
    pub fn is_begun(&self) -> bool {
        self.begun
    }

    /// Whether all of it is.
    pub fn is_ended(&self) -> bool {
        self.begun && self.parts.is_empty()
    }

    /// Memory held by it and what it owns.
    pub fn memory(&self) -> usize {
        let own = self.parts.iter().map(|part| match part {
            CarryPart::Own(bytes) => bytes.capacity(),
            CarryPart::Shared(..) => 0,
        });
        let origin = self.origin.as_ref().map_or(0, |text| text.len());
        size_of::<CarryConn>() + origin + own.sum::<usize>()
    }
}
