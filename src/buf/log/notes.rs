//! What a log knows of its messages beside their bytes, where somebody needs it: since when they
//! have been offered to everybody, and their numbers.
//!
//! Both are absent until they are asked for: a log that nobody is behind in has no times.

use std::collections::VecDeque;

use super::Log;
use crate::buf::Pool;
use crate::limits::OFFER_GRAIN_MS;

/// Room for so many of each stays with an empty log and is not counted.
const KEPT: usize = 16;

/// All before `end`, back to the offer before, was offered to all who could take it at `ms`.
#[derive(Debug, Clone, Copy)]
struct Offer {
    end: u64,
    ms: u64,
}

/// See the top of the file.
#[derive(Debug, Default)]
pub(super) struct Notes {
    offers: VecDeque<Offer>,
    /// Whether messages are numbered.
    numbered: bool,
    /// The numbers of the messages held.
    numbers: VecDeque<u64>,
    /// The number of the last message that is no longer held, or that came before the log.
    before: u64,
}

impl Notes {
    /// Bytes held, by capacity.
    pub(super) fn memory(&self) -> usize {
        counted(&self.offers) + counted(&self.numbers)
    }

    /// The first `messages` are no longer held; the log begins at `start` now.
    pub(super) fn cut(&mut self, start: u64, messages: usize) {
        while self.offers.front().is_some_and(|o| o.end <= start) {
            self.offers.pop_front();
        }
        if let Some(last) = self
            .numbers
            .drain(..messages.min(self.numbers.len()))
            .next_back()
        {
            self.before = last;
        }
    }

    /// Nothing is held any more; false: there is nothing to be remembered or reused either.
    pub(super) fn clear(&mut self) -> bool {
        self.before = self.numbers.back().copied().unwrap_or(self.before);
        empty(&mut self.offers);
        empty(&mut self.numbers);
        self.numbered || self.offers.capacity() > 0
    }
}

/// Its bytes, by capacity, beyond what may be kept.
fn counted<T>(list: &VecDeque<T>) -> usize {
    match list.capacity() {
        ..=KEPT => 0,
        more => more * size_of::<T>(),
    }
}

fn empty<T>(list: &mut VecDeque<T>) {
    match list.capacity() {
        ..=KEPT => list.clear(),
        _ => *list = VecDeque::new(),
    }
}

impl Log {
    /// All before `end` has been offered to all who could take it, by `ms`. Kept to a grain, so that
    /// a window of many small messages holds few of these.
    pub fn note_offer(&mut self, end: u64, ms: u64, pool: &mut Pool) {
        if end <= self.start() {
            return;
        }
        let offers = &mut self.notes.get_or_insert_default().offers;
        match offers.back_mut() {
            Some(last) if last.end >= end => return,
            Some(last) if ms < last.ms + OFFER_GRAIN_MS => last.end = end,
            _ => offers.push_back(Offer { end, ms }),
        }
        self.count_extras(pool);
    }

    /// When the byte at `at` had been offered to all who could take it; `None`: not yet.
    pub fn offered_ms(&self, at: u64) -> Option<u64> {
        let offers = &self.notes.as_ref()?.offers;
        let index = offers.partition_point(|o| o.end <= at);
        offers.get(index).map(|o| o.ms)
    }

    /// Where those bytes end that were offered before `ms`; the start of the log if none were.
    pub fn offered_before(&self, ms: u64) -> u64 {
        let offers = self.notes.as_ref().map(|n| &n.offers);
        let last = offers.and_then(|offers| {
            let index = offers.partition_point(|o| o.ms < ms);
            offers.get(index.checked_sub(1)?)
        });
        last.map_or(self.start(), |o| o.end)
    }

    /// From now on messages are numbered; the last one before had the number `before`.
    pub fn begin_numbers(&mut self, before: u64) {
        let notes = self.notes.get_or_insert_default();
        (notes.numbered, notes.before) = (true, before);
    }

    /// Gives the message committed last its number.
    pub fn number(&mut self, number: u64, pool: &mut Pool) {
        self.notes.get_or_insert_default().numbers.push_back(number);
        self.count_extras(pool);
    }

    /// Takes over the numbers of the messages that are put in front.
    pub(super) fn prepend_numbers(&mut self, front: &mut Log) {
        let notes = self.notes.get_or_insert_default();
        let Some(mut other) = front.notes.take() else {
            return;
        };
        notes.before = other.before;
        other.numbers.append(&mut notes.numbers);
        notes.numbers = other.numbers;
    }

    /// There is no message between the one of this number and the log's first.
    pub fn begins_behind(&mut self, before: u64) {
        self.notes.get_or_insert_default().before = before;
    }

    /// How many of the messages held have numbers up to this one.
    pub(super) fn held_up_to(&self, number: u64) -> usize {
        let notes = self.notes.as_ref();
        notes.map_or(0, |notes| notes.numbers.partition_point(|&n| n <= number))
    }

    /// The number of the last message that ends at or before `at`.
    pub fn number_before(&self, at: u64) -> u64 {
        let Some(notes) = &self.notes else { return 0 };
        let held = self.messages_between(self.start(), at) as usize;
        let number = held.checked_sub(1).and_then(|i| notes.numbers.get(i));
        number.copied().unwrap_or(notes.before)
    }

    /// The number of the message that begins at `at`; `None`: there is none yet.
    pub fn number_at(&self, at: u64) -> Option<u64> {
        let held = self.messages_between(self.start(), at) as usize;
        self.notes.as_ref()?.numbers.get(held).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn append(log: &mut Log, pool: &mut Pool, len: usize, number: u64) {
        log.reserve(len, pool).fill(7);
        log.commit(len, 0);
        log.number(number, pool);
    }

    #[test]
    fn numbers_are_found_by_position_and_remembered_when_cut() {
        let (mut log, mut pool) = (Log::default(), Pool::default());
        log.begin_numbers(4);
        assert_eq!((log.number_before(0), log.number_at(0)), (4, None));
        // The third needs a segment of its own.
        for (len, number) in [(10, 5), (20, 8), (300_000, 9), (5, 12)] {
            append(&mut log, &mut pool, len, number);
        }
        let find = |log: &Log, at| (log.number_before(at), log.number_at(at));
        assert_eq!(find(&log, 0), (4, Some(5)));
        assert_eq!(find(&log, 10), (5, Some(8)));
        assert_eq!(find(&log, 30), (8, Some(9)));
        assert_eq!(find(&log, 300_030), (9, Some(12)));
        assert_eq!(find(&log, log.end()), (12, None));
        log.cut(300_029, &mut pool);
        assert_eq!(find(&log, 30), (8, Some(9)));
        log.cut(log.end(), &mut pool);
        assert_eq!(find(&log, log.end()), (12, None));
        assert_eq!(pool.used_bytes(), 0);
        append(&mut log, &mut pool, 10, 20);
        assert_eq!(find(&log, log.end() - 10), (12, Some(20)));
    }

    #[test]
    fn offers_are_found_by_position_and_time_and_go_with_the_bytes() {
        let (mut log, mut pool) = (Log::default(), Pool::default());
        for _ in 0..4 {
            log.reserve(10, &mut pool).fill(7);
            log.commit(10, 0);
        }
        assert_eq!((log.offered_ms(0), log.offered_before(100)), (None, 0));
        log.note_offer(10, 100, &mut pool);
        log.note_offer(20, 100 + OFFER_GRAIN_MS - 1, &mut pool);
        log.note_offer(30, 200, &mut pool);
        log.note_offer(30, 300, &mut pool);
        let found: Vec<_> = [0, 19, 20, 29, 30].map(|at| log.offered_ms(at)).into();
        assert_eq!(found, [Some(100), Some(100), Some(200), Some(200), None]);
        let before: Vec<_> = [100, 101, 200, 201].map(|ms| log.offered_before(ms)).into();
        assert_eq!(before, [0, 20, 20, 30]);
        log.cut(log.end(), &mut pool);
        assert_eq!((log.offered_ms(0), pool.used_bytes()), (None, 0));
    }

    #[test]
    fn few_notes_stay_for_the_next_time_and_many_are_counted_and_go() {
        let (mut log, mut pool) = (Log::default(), Pool::default());
        let mut offered = |offers: u64| {
            for i in 1..=offers {
                log.reserve(1, &mut pool).fill(7);
                let end = log.commit(1, 0);
                log.note_offer(end, i * OFFER_GRAIN_MS, &mut pool);
            }
            let extras = log.extras_counted;
            log.cut(log.end(), &mut pool);
            assert_eq!((log.offered_ms(0), pool.used_bytes()), (None, 0));
            (extras, log.notes.is_some())
        };
        let few = KEPT as u64 / 2;
        assert_eq!(offered(few), (0, true));
        assert_eq!(offered(few), (0, true));
        let (extras, kept) = offered(2 * few + 1);
        assert!(extras >= (KEPT + 1) * size_of::<Offer>() && !kept);
    }

    #[test]
    fn a_long_wait_for_many_small_messages_holds_few_offers() {
        let (mut log, mut pool) = (Log::default(), Pool::default());
        for ms in 0..10_000 {
            log.reserve(2, &mut pool).fill(7);
            let end = log.commit(2, 0);
            log.note_offer(end, ms, &mut pool);
        }
        let offers = log.notes.as_ref().unwrap().offers.len() as u64;
        assert_eq!(offers, 10_000 / OFFER_GRAIN_MS);
    }
}
