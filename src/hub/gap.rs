//! Gaps: members that lagged are moved to the log's end, and told what they missed before the next
//! message, in forms that can tell it.

use super::policy::Policy;
use super::resume::Missed;
use super::sweep::skip_own;
use super::{Form, Hub, Id, Place, form};
use crate::mark::{mark, planted};
use crate::settings::Slow;

/// What a member missed and has not been told yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gap {
    /// The last message before it.
    pub after: Id,
    /// Messages in it, those of the member itself left out; `None`: not known.
    pub missed: Option<u64>,
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
        self.slow == Slow::Skip && form.tells_gaps()
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
        let slot = member.slot;
        // Who waits for its place in the log misses more than lies in it.
        let waiting = self.waiting.remove(&slot);
        let after = waiting.map_or(s.log.number_before(from), |w| w.from);
        let gap = Gap {
            after: Id {
                number: after,
                ..self.newest
            },
            missed: waiting.is_none().then_some(0),
        };
        self.watches.left(place.stream, slot, from);
        self.watches.joined(slot);
        s.advance_to_end(index);
        self.mark_dirty(place.stream);
        if missed == 0 && waiting.is_none() {
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
            let gap = self.gaps.entry(slot).or_insert(gap);
            gap.missed = gap.missed.map(|before| before + missed);
        }
        Skipped { missed, begins }
    }

    /// A member that has joined is to be told, before anything else, that it has missed something.
    pub fn owe_gap(&mut self, place: Place, missed: Missed) {
        mark("gap_on_resume");
        let slot = self.streams[place.stream as usize].members[place.member as usize].slot;
        let gap = Gap {
            after: missed.after,
            missed: None,
        };
        if !planted("gap_on_resume_hidden") {
            self.gaps.insert(slot, gap);
        }
    }

    /// What tells a member of what it missed, if it has to be told. Its next message is what follows.
    pub fn take_gap(&mut self, place: Place) -> Option<Vec<u8>> {
        let (after, json) = self.take_told(place)?;
        // Who resumes from here gets what was missed, as far as it is still there.
        Some(form::gap(
            self.streams[place.stream as usize].form,
            after,
            &json,
        ))
    }

    /// The same as JSON, for who is told in a header.
    pub fn take_gap_json(&mut self, place: Place) -> Option<String> {
        self.take_told(place).map(|(_, json)| json)
    }

    fn take_told(&mut self, place: Place) -> Option<(Id, String)> {
        if self.gaps.is_empty() || self.is_waiting(place) {
            return None;
        }
        let s = &mut self.streams[place.stream as usize];
        let member = &mut s.members[place.member as usize];
        let gap = self.gaps.remove(&member.slot)?;
        // It does not get its own.
        skip_own(member, &s.log, s.log.end());
        let next = s.log.number_at(member.cursor);
        let next = next.map(|number| Id {
            number,
            ..self.newest
        });
        let missed = gap
            .missed
            .map(|n| n + u64::from(planted("gap_count_wrong")));
        let after = Id {
            number: gap.after.number - u64::from(planted("gap_after_wrong")),
            ..gap.after
        };
        Some((after, gap_json(after, next, missed)))
    }
}

impl Missed {
    /// As it is told to who polls.
    pub fn json(&self) -> String {
        gap_json(self.after, self.next, None)
    }
}

fn gap_json(after: Id, next: Option<Id>, missed: Option<u64>) -> String {
    let next = next.map_or("null".to_owned(), |id| format!("\"{id}\""));
    let missed = missed.map_or("null".to_owned(), |n| n.to_string());
    format!("{{\"after\":\"{after}\",\"next\":{next},\"missed\":{missed}}}")
}
