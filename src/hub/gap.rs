//! Gaps: members that lagged are moved to the log's end, and told what they missed before the next
//! message, in forms that can tell it.

use super::form::{self, Content};
use super::policy::Policy;
use super::{Form, GAP_TYPE, Hub, Id, Place};
use crate::mark::{mark, planted};
use crate::settings::Slow;
use crate::ws::{self, Kind};

/// What a member missed and has not been told yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gap {
    /// Number of the last message before it.
    after: u64,
    /// Messages in it, those of the member itself left out.
    missed: u64,
}

/// What a skip did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skipped {
    /// Messages that the member will not get.
    pub missed: u64,
    /// Whether a gap begins; else one that was not told yet has become longer.
    pub begins: bool,
}

impl Policy {
    /// Whether members of this form are moved on rather than closed: others could not be told.
    pub fn skips(&self, form: Form) -> bool {
        self.slow == Slow::Skip && form.is_numbered()
    }
}

impl Hub {
    /// Moves a member that is behind to the log's end. The caller has taken the rest of the message
    /// that its cursor is in, see [`Hub::rest_of_message`].
    pub fn skip(&mut self, place: Place) -> Skipped {
        let s = &mut self.streams[place.stream as usize];
        let (end, index) = (s.log.end(), place.member as usize);
        let member = &s.members[index];
        let from = match s.log.is_border(member.cursor) {
            true => member.cursor,
            false => s.log.message_end(member.cursor).unwrap_or(end),
        };
        let own = member.has_own().then(|| member.origin());
        let missed = s.log.messages_of_others(from, own);
        let gap = Gap {
            after: s.log.number_before(from),
            missed: 0,
        };
        let slot = member.slot;
        s.advance_to_end(index);
        self.mark_dirty(place.stream);
        if missed == 0 {
            return Skipped {
                missed,
                begins: false,
            };
        }
        mark("gap");
        let begins = !self.gaps.contains_key(&slot);
        if !begins {
            mark("gap_grows");
        }
        if !planted("gap_not_announced") {
            self.gaps.entry(slot).or_insert(gap).missed += missed;
        }
        Skipped { missed, begins }
    }

    /// The frame that tells a member of what it missed, if it has to be told. Its next message is
    /// what follows.
    pub fn take_gap(&mut self, place: Place) -> Option<Vec<u8>> {
        if self.gaps.is_empty() {
            return None;
        }
        let s = &self.streams[place.stream as usize];
        let member = &s.members[place.member as usize];
        let gap = self.gaps.remove(&member.slot)?;
        let id = |number| Id {
            number,
            ..self.newest
        };
        let next = s.log.number_at(member.cursor);
        let next = next.map_or("null".to_owned(), |n| format!("\"{}\"", id(n)));
        let missed = gap.missed + u64::from(planted("gap_count_wrong"));
        let after = id(gap.after - u64::from(planted("gap_after_wrong")));
        let json = format!("{{\"after\":\"{after}\",\"next\":{next},\"missed\":{missed}}}");
        let content = Content {
            // Who resumes from here gets what was missed, as far as it is still there.
            id: after,
            kind: Kind::Text,
            content_type: Some(GAP_TYPE),
            payload: json.as_bytes(),
        };
        let mut frame = Vec::new();
        let payload = form::with_meta(content);
        ws::append_frame(&mut frame, Kind::Text.opcode(), &payload);
        Some(frame)
    }
}
