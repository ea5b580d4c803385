//! Message ids: `T:N`, which every transport writes alike.
//!
//! `T` is when the relay started, in unix seconds; `N` counts the messages of all its channels, from
//! the nanoseconds of that second on. So a relay that is started again within a second gives none
//! of the ids of the one before, unless the system's clock was set back in between.

use std::fmt;

/// The id of one message. Ids of one relay ascend in the order of publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id {
    /// When the relay started, in unix seconds.
    pub epoch: u64,
    /// Which message, over all channels.
    pub number: u64,
}

impl Id {
    /// What the first message of a relay started then follows.
    pub fn starting_at(unix_ns: u64) -> Id {
        Id {
            epoch: unix_ns / 1_000_000_000,
            number: unix_ns % 1_000_000_000,
        }
    }

    /// The id of the next message.
    pub fn next(self) -> Id {
        Id {
            number: self.number + 1,
            ..self
        }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.epoch, self.number)
    }
}
