//! What one reader got over all its connections, and whether that is every message once and in
//! order, but for gaps that it was told of.
//!
//! Rules: what there is to get is what the channels' witnesses saw, by number. A trail has a base:
//! the first number that the reader knew to be its place. From there on each message of its
//! channels comes next or is in a gap; before it, all that was sent after it had joined would be
//! missing.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};

use crate::rng::digest;

/// Messages by number: channel, digest, and when each was sent on the ledger's clock.
pub type Numbered = BTreeMap<u64, (usize, u64, u64)>;

/// What came to a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// A message, by its digest, and its number if that was told.
    Message(Option<u64>, u64),
    /// Messages that do not come.
    Gap(Gap),
    /// A chunk, which tells neither its number nor whether it is text: its digest as either.
    Chunk(u64, u64),
    /// All before this has come, or was in a gap.
    Place(u64),
    /// The reader asks for what follows this, which may be the beginning of a gap it was told of.
    Resume(u64),
}

/// What a reader is told of messages that do not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The number before them.
    pub after: u64,
    /// The number behind them, where there is one.
    pub next: Option<u64>,
    /// How many they are, where that is known.
    pub missed: Option<u64>,
}

/// How much of what came before a mistake is told with it.
const SHOWN: usize = 6;

/// See the top of the file.
#[derive(Debug, Default)]
pub struct Trail {
    /// Which channels, as bits.
    pub channels: u8,
    /// When the reader first knew that it had joined without a place, on the ledger's clock.
    pub joined: Option<u64>,
    /// All that came, in order.
    pub came: Vec<Came>,
    /// It comes in chunks now, of which there is none for an empty message.
    pub chunks: bool,
}

/// How far a walk along what there is has come.
struct Walk<'a> {
    numbered: &'a Numbered,
    channels: u8,
    /// The last number that is accounted for, once there is a base.
    last: Option<u64>,
    /// The last number of a message that came.
    got: u64,
    /// A gap that did not say what comes next is open, and how many it said to be in it.
    open: Option<Option<u64>>,
    /// Before this number anything may be missing. What was lost of several channels is told as one gap,
    /// but each has lost its own: until the reader comes back, only the order is sure.
    holes: u64,
}

impl Trail {
    /// The reader's place: the last number that is accounted for. `None`: it has none yet.
    pub fn place(&self, numbered: &Numbered) -> Result<Option<u64>, String> {
        Ok(self.walk(numbered)?.last)
    }

    /// Everything came. `whole`: also the last that there is.
    pub fn check(&self, numbered: &Numbered, whole: bool) -> Result<(), String> {
        let mut walk = self.walk(numbered)?;
        self.check_beginning(numbered, whole)?;
        if !whole || walk.last.is_none() {
            return Ok(());
        }
        if let Some(missed) = walk.open.take() {
            let left = walk.left().count() as u64;
            return match missed.is_none_or(|missed| missed == left) {
                true => Ok(()),
                false => Err(format!(
                    "a gap of {missed:?} at the end, where {left} are missing"
                )),
            };
        }
        let excused = |n: u64| n < walk.holes || (self.chunks && walk.is_empty(n));
        match walk.left().find(|n| !excused(*n)) {
            None => Ok(()),
            Some(number) => Err(format!(
                "number {number} and {} more never came after {:?}",
                walk.left().count() - 1,
                walk.last
            )),
        }
    }

    /// Nothing that was sent after it had joined lies before what it got first.
    fn check_beginning(&self, numbered: &Numbered, whole: bool) -> Result<(), String> {
        let Some(joined) = self.joined else {
            return Ok(());
        };
        let due = numbered
            .iter()
            .find(|(_, m)| self.channels >> m.0 & 1 == 1 && m.2 > joined);
        let Some((&due, _)) = due else {
            return Ok(());
        };
        let first = match self.came.first() {
            Some(Came::Message(Some(number), _)) => Some(*number),
            Some(Came::Message(None, digest)) => {
                let same = |(_, m): &(&u64, &(usize, u64, u64))| m.1 == *digest;
                numbered.iter().find(same).map(|(number, _)| *number)
            }
            // It has a place that it was given, not one that it took.
            Some(_) => return Ok(()),
            None if !whole => return Ok(()),
            None => None,
        };
        match first.is_some_and(|first| first <= due) {
            true => Ok(()),
            false => Err(format!(
                "number {due} was sent after it joined; {first:?} came first"
            )),
        }
    }

    fn walk<'a>(&self, numbered: &'a Numbered) -> Result<Walk<'a>, String> {
        let mut walk = Walk {
            numbered,
            channels: self.channels,
            last: None,
            got: 0,
            open: None,
            holes: 0,
        };
        for (at, came) in self.came.iter().enumerate() {
            walk.step(came).map_err(|e| {
                let before = &self.came[at.saturating_sub(SHOWN)..=at];
                format!("{e} ({at} of {} that came: {before:?})", self.came.len())
            })?;
        }
        Ok(walk)
    }
}

impl Walk<'_> {
    /// What there is behind the last number that is accounted for.
    fn left(&self) -> impl Iterator<Item = u64> {
        let channels = self.channels;
        self.numbered
            .range((Excluded(self.last.unwrap_or(0)), Unbounded))
            .filter(move |(_, m)| channels >> m.0 & 1 == 1)
            .map(|(number, _)| *number)
    }

    fn step(&mut self, came: &Came) -> Result<(), String> {
        match *came {
            Came::Message(number, digest) => self.message(number, digest),
            Came::Gap(gap) => self.gap(gap),
            Came::Chunk(text, binary) => self.chunk(text, binary),
            Came::Place(place) => {
                if let Some(missed) = self.open.take() {
                    self.skip(place + 1, missed)?;
                    self.last = self.last.max(Some(place));
                }
                self.reach(place)
            }
            Came::Resume(place) if self.got <= place => {
                match self.last.is_some_and(|last| place < last) || self.open.take().is_some() {
                    true => self.last = Some(place),
                    false => self.reach(place)?,
                }
                (self.open, self.holes) = (None, 0);
                Ok(())
            }
            Came::Resume(place) => {
                Err(format!("the reader goes back from {} to {place}", self.got))
            }
        }
    }

    /// Whether something may be missing before what comes next: then its content has to tell which it is.
    fn may_miss(&self) -> bool {
        let in_holes = || self.left().next().is_some_and(|n| n < self.holes);
        self.last.is_none() || self.open.is_some() || in_holes()
    }

    /// The next message, whatever kind it is.
    fn chunk(&mut self, text: u64, binary: u64) -> Result<(), String> {
        let same = |n: &u64| matches!(self.numbered[n].1, d if d == text || d == binary);
        let found = match self.may_miss() {
            true => self.left().find(same),
            false => self.left().find(|n| !self.is_empty(*n)),
        };
        let digest = found.filter(same).map(|n| self.numbered[&n].1);
        self.take(found, digest.unwrap_or(text), true)
    }

    /// Empty messages are not sent as chunks.
    fn is_empty(&self, number: u64) -> bool {
        [true, false]
            .map(|text| digest(text, b""))
            .contains(&self.numbered[&number].1)
    }

    fn message(&mut self, number: Option<u64>, digest: u64) -> Result<(), String> {
        let by_digest = |n: &u64| self.numbered[n].1 == digest;
        let found = match number {
            Some(number) => Some(number),
            None if self.may_miss() => self.left().find(by_digest),
            None => self.left().next(),
        };
        self.take(found, digest, false)
    }

    fn take(&mut self, found: Option<u64>, digest: u64, chunk: bool) -> Result<(), String> {
        let number = found.ok_or("a message that no witness saw")?;
        let known = self
            .numbered
            .get(&number)
            .ok_or_else(|| format!("number {number}, which no witness saw"))?;
        if known.1 != digest || self.channels >> known.0 & 1 == 0 {
            return Err(format!(
                "number {number} has another content, or another channel"
            ));
        }
        if self.last.is_some_and(|last| number <= last) {
            return Err(format!("number {number} after {:?}", self.last));
        }
        if let Some(missed) = self.open.take() {
            self.skip(number, missed)?;
        } else if self.last.is_some() && number >= self.holes {
            let mut due = self.left().filter(|n| *n >= self.holes);
            let next = due.find(|n| !(chunk && self.is_empty(*n)));
            if next != Some(number) {
                return Err(format!("number {number} came where {next:?} was due"));
            }
        }
        (self.last, self.got) = (Some(number), number);
        Ok(())
    }

    /// Everything before `next` is missing: as many as was said?
    fn skip(&self, next: u64, missed: Option<u64>) -> Result<(), String> {
        let missing = self.left().take_while(|n| *n < next);
        let (in_holes, others): (Vec<u64>, Vec<u64>) = missing.partition(|n| *n < self.holes);
        let count = (in_holes.len() + others.len()) as u64;
        // Of those that were in holes before, some may have been there.
        let fits = |missed| (others.len() as u64..=count).contains(&missed);
        match missed.is_none_or(fits) {
            true => Ok(()),
            false => Err(format!(
                "a gap of {missed:?}, where {count} are missing before {next}"
            )),
        }
    }

    fn gap(&mut self, gap: Gap) -> Result<(), String> {
        // A second gap may follow before anything else comes.
        if let Some(missed) = self.open.take() {
            self.skip(gap.after + 1, missed)?;
            self.last = Some(gap.after);
        }
        self.reach(gap.after)?;
        match gap.next {
            None => self.open = Some(gap.missed),
            Some(next) if next <= gap.after => return Err(format!("{gap:?}")),
            Some(_) if gap.missed.is_none() && !self.channels.is_power_of_two() => {
                self.holes = u64::MAX;
            }
            Some(next) => {
                self.skip(next, gap.missed)?;
                self.last = Some(next - 1);
            }
        }
        Ok(())
    }

    /// Nothing may lie between the last number and this one.
    fn reach(&mut self, place: u64) -> Result<(), String> {
        if self.last.is_some() {
            let mut due = self.left().filter(|n| *n >= self.holes);
            if let Some(lost) = due.next().filter(|n| *n <= place) {
                return Err(format!(
                    "number {lost} is passed over in silence, up to {place}"
                ));
            }
        }
        self.last = self.last.max(Some(place));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers 1 to 9; the odd ones in channel 1, the even ones in channel 0; digest 100 + number.
    fn numbered() -> Numbered {
        (1..10)
            .map(|n| (n, ((n % 2) as usize, 100 + n, 10 * n)))
            .collect()
    }

    fn check(channels: u8, came: &[Came]) -> Result<(), String> {
        let trail = Trail {
            channels,
            came: came.to_vec(),
            ..Trail::default()
        };
        trail.check(&numbered(), true)
    }

    fn told(n: u64) -> Came {
        Came::Message(Some(n), 100 + n)
    }

    fn untold(n: u64) -> Came {
        Came::Message(None, 100 + n)
    }

    fn gap(after: u64, next: Option<u64>, missed: Option<u64>) -> Came {
        Came::Gap(Gap {
            after,
            next,
            missed,
        })
    }

    #[test]
    fn all_in_order_passes_with_and_without_numbers() {
        assert_eq!(check(1, &[told(4), untold(6), told(8)]), Ok(()));
        assert_eq!(check(2, &[Came::Place(6), untold(7), untold(9)]), Ok(()));
        assert_eq!(
            check(3, &[untold(7), told(8), Came::Place(8), told(9)]),
            Ok(())
        );
        assert_eq!(check(1, &[]), Ok(()));
    }

    #[test]
    fn lost_doubled_swapped_and_strange_messages_are_noticed() {
        assert!(check(1, &[told(4), told(8)]).is_err());
        assert!(check(1, &[told(4), told(6)]).is_err());
        assert!(check(1, &[told(6), told(6), told(8)]).is_err());
        assert!(check(3, &[told(8), told(7), told(9)]).is_err());
        assert!(check(1, &[told(7), told(8)]).is_err());
        assert!(check(1, &[told(6), Came::Message(Some(8), 1)]).is_err());
        assert!(check(1, &[told(6), untold(9)]).is_err());
        assert!(check(1, &[Came::Place(4), Came::Place(6), told(8)]).is_err());
    }

    #[test]
    fn gaps_are_as_they_are_told() {
        assert_eq!(
            check(1, &[told(2), gap(2, Some(8), Some(2)), told(8)]),
            Ok(())
        );
        assert_eq!(check(1, &[told(2), gap(3, None, None), untold(8)]), Ok(()));
        assert_eq!(check(1, &[told(2), gap(2, None, Some(3))]), Ok(()));
        assert_eq!(
            check(
                1,
                &[
                    told(2),
                    gap(2, None, Some(1)),
                    gap(5, Some(8), Some(1)),
                    told(8)
                ]
            ),
            Ok(())
        );
        assert!(check(1, &[told(2), gap(2, Some(8), Some(3)), told(8)]).is_err());
        assert!(check(1, &[told(2), gap(4, Some(8), None), told(8)]).is_err());
        assert!(check(1, &[told(2), gap(2, Some(6), None), told(8)]).is_err());
        assert!(check(1, &[told(2), gap(2, None, Some(2))]).is_err());
    }

    #[test]
    fn of_several_channels_the_order_is_sure_behind_a_gap_until_the_next_resume() {
        let gap = gap(2, Some(4), None);
        let after = [told(2), gap, told(4), untold(7)];
        assert_eq!(check(3, &[&after[..], &[told(9)]].concat()), Ok(()));
        assert!(check(3, &[&after[..], &[told(5)]].concat()).is_err());
        let back = [&after[..], &[Came::Resume(7), told(8)]].concat();
        assert_eq!(check(3, &[&back[..], &[told(9)]].concat()), Ok(()));
        assert!(check(3, &back).is_err());
        assert!(check(1, &[told(2), gap, told(4), told(8)]).is_err());
    }

    #[test]
    fn who_resumes_goes_on_where_it_was_and_may_be_told_of_a_gap_again() {
        let gap = gap(2, Some(6), Some(1));
        let again = [
            told(2),
            gap,
            Came::Resume(2),
            gap,
            told(6),
            Came::Resume(6),
            told(8),
        ];
        assert_eq!(check(1, &again), Ok(()));
        assert!(check(1, &[told(2), Came::Resume(2), told(6), told(8)]).is_err());
        assert!(
            check(
                1,
                &[told(2), told(4), Came::Resume(2), told(4), told(6), told(8)]
            )
            .is_err()
        );
        assert!(check(1, &[told(2), Came::Resume(4), told(6), told(8)]).is_err());
    }

    #[test]
    fn chunks_tell_nothing_but_their_content() {
        let chunk = |n: u64| Came::Chunk(1, 100 + n);
        assert_eq!(check(1, &[told(2), chunk(4), chunk(6), told(8)]), Ok(()));
        assert!(check(1, &[told(2), chunk(6), told(8)]).is_err());
        let mut numbered = numbered();
        numbered.insert(4, (0, digest(true, b""), 40));
        numbered.insert(8, (0, digest(false, b""), 80));
        let trail = |chunks| Trail {
            channels: 1,
            came: vec![told(2), chunk(6)],
            chunks,
            ..Trail::default()
        };
        assert_eq!(trail(true).check(&numbered, true), Ok(()));
        assert!(trail(false).check(&numbered, true).is_err());
    }

    #[test]
    fn what_was_sent_after_joining_has_to_come() {
        let trail = |joined, came: &[Came]| Trail {
            channels: 1,
            joined: Some(joined),
            came: came.to_vec(),
            ..Trail::default()
        };
        assert_eq!(
            trail(55, &[told(6), told(8)]).check(&numbered(), true),
            Ok(())
        );
        assert!(trail(55, &[told(8)]).check(&numbered(), true).is_err());
        assert!(trail(55, &[]).check(&numbered(), true).is_err());
        assert_eq!(trail(55, &[]).check(&numbered(), false), Ok(()));
    }
}
