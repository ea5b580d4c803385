//! A channel in one wire form: its log, its members, and how far the sweep has come.
//!
//! A pass visits every member once, `members[..at]` being the visited part. Everyone visited who
//! is not `BEHIND` has at least all before `mark`. When a pass ends, all before
//! `min(mark, slowest BEHIND)` can be cut.

use super::Form;
use crate::buf::Log;
use crate::limits::SEAT_BIT;
use crate::mark::{mark, planted};
use crate::timers::NEVER;
use crate::wire::Token;

/// Left out of the sweep: blocked, or something else has to go out first.
const BEHIND: u32 = 1;
/// The kernel takes no more; an edge will come. Implies `BEHIND`.
const BLOCKED: u32 = 2;
/// Messages of its own may lie between its cursor and the end.
const OWN: u32 = 4;
/// No connection to be sent to, but the place of a session: it is reported when something waits.
const SEAT: u32 = 8;
/// All of them.
const FLAGS: u32 = 0xff;

/// A subscriber: 16 bytes, visited in sequence.
#[derive(Debug)]
pub(super) struct Member {
    /// Log position of the next byte to send.
    pub cursor: u64,
    /// Whose it is.
    pub slot: u32,
    /// Generation of the slot (24 bits) above the flags (8 bits).
    state: u32,
}

const _: () = assert!(size_of::<Member>() == 16);

impl Member {
    pub fn new(token: Token, cursor: u64) -> Member {
        let seat = if token.slot & SEAT_BIT != 0 { SEAT } else { 0 };
        Member {
            cursor,
            slot: token.slot,
            state: token.generation << 8 | seat,
        }
    }

    /// Keeps up and has nothing of its own to skip: the sweep needs to look no closer.
    pub fn is_plain(&self) -> bool {
        self.state & FLAGS == 0
    }

    pub fn is_seat(&self) -> bool {
        self.state & SEAT != 0
    }

    pub fn is_behind(&self) -> bool {
        self.state & BEHIND != 0
    }

    pub fn is_blocked(&self) -> bool {
        self.state & BLOCKED != 0
    }

    /// Takes it out of the sweep. The stream counts these.
    pub fn set_behind(&mut self, blocked: bool) {
        self.state = self.state & !BLOCKED | BEHIND | if blocked { BLOCKED } else { 0 };
    }

    pub fn has_own(&self) -> bool {
        self.state & OWN != 0
    }

    pub fn set_own(&mut self, own: bool) {
        self.state = if own {
            self.state | OWN
        } else {
            self.state & !OWN
        };
    }

    /// What its messages are marked with in the log. Never 0.
    pub fn origin(&self) -> u64 {
        1 << 63 | u64::from(self.state >> 8) << 32 | u64::from(self.slot)
    }
}

/// See the top of the file.
#[derive(Debug)]
pub(super) struct Stream {
    /// Whose it is.
    pub channel: u32,
    /// How its messages are encoded.
    pub form: Form,
    pub log: Log,
    pub members: Vec<Member>,
    /// How many members are `BEHIND`.
    pub behind: u32,
    /// In the hub's list of streams with work.
    pub dirty: bool,
    /// What is new waits for more (see `batch`), and nothing has let it be swept meanwhile.
    pub gathers: bool,
    /// The next member to visit.
    pub at: usize,
    /// The log's end when the pass began.
    pub mark: u64,
    /// Everyone who is not blocked has been offered all before this.
    pub offered: u64,
    /// A member visited in this pass was behind and no longer is: what the pass noted is too low.
    pub stale: bool,
    /// Slowest cursor met in this pass among those behind, blocked ones, and the others.
    pub slowest: Slowest,
    /// Messages that no pass has begun to offer.
    pub unswept: Since,
    /// Messages that this pass offers.
    pub swept: Since,
    /// When it is next looked at for members that are too long behind.
    pub armed_ms: u64,
    /// Until then its log is held as far back as the history reaches: somebody has resumed here, and
    /// others may want the same.
    pub kept_until_ms: u64,
    /// Its live entry among the times when kept logs are looked at.
    pub kept_armed_ms: u64,
    /// The number behind which members wait to begin, and the log does not reach back to yet.
    pub wanted: u64,
    /// Messages that went before they could be put in front, as number and count of such: of those
    /// that went later only higher ones.
    pub unfilled: Vec<(u64, u64)>,
}

/// Positions of a log begin here, so that there is room in front of the first.
const FIRST: u64 = 1 << 62;

/// So many messages, the oldest of them read in the turn that began then.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Since {
    /// When that turn began, in microseconds; means nothing where there are no messages.
    pub us: u64,
    /// How many.
    pub messages: u64,
}

impl Since {
    /// One message more, read in the turn that began at `us`, which is not before the others.
    pub fn add(&mut self, us: u64) {
        if self.messages == 0 {
            self.us = us;
        }
        self.messages += 1;
    }

    /// Takes over the messages of `newer`.
    pub fn merge(&mut self, newer: &mut Since) {
        if self.messages == 0 {
            self.us = newer.us;
        }
        self.messages += std::mem::take(newer).messages;
    }
}

/// Slowest cursors met in a pass.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slowest {
    pub blocked: u64,
    pub queued: u64,
}

impl Slowest {
    pub const NONE: Slowest = Slowest {
        blocked: u64::MAX,
        queued: u64::MAX,
    };

    /// Notes a member that is behind.
    pub fn note(&mut self, member: &Member) {
        let least = if member.is_blocked() {
            &mut self.blocked
        } else {
            &mut self.queued
        };
        *least = (*least).min(member.cursor);
    }
}

impl Stream {
    /// The last message before its first has the number `before`.
    pub fn new(channel: u32, form: Form, before: u64) -> Stream {
        let mut log = Log::starting_at(FIRST);
        log.begin_numbers(before);
        Stream {
            channel,
            form,
            log,
            members: Vec::new(),
            behind: 0,
            dirty: false,
            gathers: false,
            at: 0,
            mark: FIRST,
            offered: FIRST,
            stale: false,
            slowest: Slowest::NONE,
            unswept: Since::default(),
            swept: Since::default(),
            armed_ms: NEVER,
            kept_until_ms: 0,
            kept_armed_ms: NEVER,
            wanted: u64::MAX,
            unfilled: Vec::new(),
        }
    }

    /// Removes a member without moving an unvisited one into the visited part: the hole moves to
    /// the border first. Tells who moved where.
    pub fn remove(&mut self, index: usize) -> super::Moves {
        let mut moves = [None; 2];
        if self.members[index].is_behind() {
            self.behind -= 1;
            self.stale |= index < self.at;
        }
        let mut hole = index;
        if hole < self.at && !planted("hole_not_moved") {
            self.at -= 1;
            if hole != self.at {
                mark("hole_moved_in_sweep");
                self.members.swap(hole, self.at);
                moves[0] = Some((self.members[hole].slot, hole as u32));
                hole = self.at;
            }
        }
        self.members.swap_remove(hole);
        if let Some(member) = self.members.get(hole) {
            moves[1] = Some((member.slot, hole as u32));
        }
        self.at = self.at.min(self.members.len());
        if self.members.is_empty() {
            self.members.shrink_to_fit();
        }
        moves
    }

    pub fn hold(&mut self, index: usize, blocked: bool) {
        let member = &mut self.members[index];
        if !member.is_behind() {
            self.behind += 1;
        } else if blocked != member.is_blocked() {
            self.stale |= index < self.at;
        }
        member.set_behind(blocked);
    }

    /// Moves the cursor of a member that is behind to the end, over all that it has not got.
    pub fn advance_to_end(&mut self, index: usize) {
        let member = &mut self.members[index];
        member.cursor = self.log.end();
        member.set_own(false);
        self.stale |= index < self.at;
    }

    /// Takes a member back into the sweep; false: it was there already.
    pub fn release(&mut self, index: usize) -> bool {
        let member = &mut self.members[index];
        let was_behind = member.is_behind();
        if was_behind {
            self.behind -= 1;
            self.stale |= index < self.at;
        }
        member.state &= !(BEHIND | BLOCKED);
        was_behind
    }

    /// Whether members wait for the log to reach back further.
    pub fn is_filling(&self) -> bool {
        self.wanted != u64::MAX
    }

    /// Bytes not yet offered to members that are not blocked.
    pub fn unflushed(&self) -> u64 {
        self.log.end() - self.offered
    }
}
