//! A poll that waits for its answer, or is being answered. Nothing further of it is read meanwhile,
//! but its end.

use crate::http::Reply;

/// See the top of the file.
#[derive(Debug)]
pub struct PollConn {
    /// How the request is to be answered.
    pub reply: Reply,
    /// The `Origin` to be named in the answer.
    pub origin: Option<Box<str>>,
    /// Takes all that waits, as parts.
    pub several: bool,
    /// What it has missed, to be told with the answer.
    pub gap: Option<Box<str>>,
    /// Where in the log the answer ends.
    pub end: u64,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Waits,
    Begun,
    Ended,
}

impl PollConn {
    /// A poll that waits.
    pub fn new(reply: Reply, origin: Option<&str>, several: bool) -> PollConn {
        PollConn {
            reply,
            origin: origin.map(Into::into),
            several,
            gap: None,
            end: 0,
            stage: Stage::Waits,
        }
    }

    /// The answer's head is written; its body ends there in the log.
    pub fn begin(&mut self, end: u64) {
        (self.end, self.stage) = (end, Stage::Begun);
    }

    /// Nothing more is to be written for the answer.
    pub fn ends(&mut self) {
        self.stage = Stage::Ended;
    }

    /// Whether a part of the answer is written.
    pub fn is_begun(&self) -> bool {
        self.stage != Stage::Waits
    }

    /// Whether all of it is.
    pub fn is_ended(&self) -> bool {
        self.stage == Stage::Ended
    }

    /// Memory held by it and what it owns.
    pub fn memory(&self) -> usize {
        let of = |text: &Option<Box<str>>| text.as_ref().map_or(0, |text| text.len());
        size_of::<PollConn>() + of(&self.origin) + of(&self.gap)
    }

    /// Whether a further request may follow.
    pub fn keeps_alive(&self) -> bool {
        self.reply.keep_alive
    }
}
