//! Messages that came before those a log holds: put in front of it, and found by their numbers.
//!
//! A log's positions begin far above 0, so that there is room in front.

use super::{Log, Run};
use crate::buf::Pool;
use crate::buf::pool::{CLASSES, class_of};

impl Log {
    /// An empty log that about so many bytes will be put into.
    pub fn of_about(bytes: usize) -> Log {
        Log {
            hint: class_of(bytes).unwrap_or(CLASSES.len() - 1) as u8,
            ..Log::default()
        }
    }

    /// Puts the messages of `front`, which are numbered, before those held. The caller sees to it
    /// that no message lies between them, and that there are positions left.
    pub fn prepend(&mut self, mut front: Log, pool: &mut Pool) {
        let (len, start) = (front.end - front.start(), self.start());
        let Some(base) = start.checked_sub(len).filter(|_| len > 0) else {
            return;
        };
        let mut at = base;
        for segment in &mut front.segments {
            segment.base = at;
            at += segment.len as u64;
        }
        while let Some(segment) = front.segments.pop_back() {
            self.segments.push_front(segment);
        }
        self.runs.push_front(Run {
            end: start,
            origin: 0,
        });
        self.messages += front.messages;
        front.messages = 0;
        self.prepend_numbers(&mut front);
        front.runs.clear();
        front.runs.shrink_to_fit();
        front.count_extras(pool);
        self.count_extras(pool);
    }

    /// Where the first message begins whose number is above `number`; the log's end if there is none.
    pub fn position_after(&self, number: u64) -> u64 {
        let mut index = self.held_up_to(number);
        for segment in &self.segments {
            if let Some(before) = index.checked_sub(segment.ends.len()) {
                index = before;
                continue;
            }
            let ends_before = index.checked_sub(1).map_or(0, |i| segment.ends[i]);
            return segment.base + u64::from(ends_before);
        }
        self.end
    }

    /// Whether every message above this number that was ever to be in the log is held.
    pub fn reaches(&self, number: u64) -> bool {
        self.number_before(self.start()) <= number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn append(log: &mut Log, pool: &mut Pool, len: usize, number: u64) {
        log.reserve(len, pool).fill(number as u8);
        log.commit(len, 3);
        log.number(number, pool);
    }

    fn bytes(log: &Log) -> Vec<u8> {
        let (mut all, mut at) = (Vec::new(), log.start());
        while at < log.end() {
            let run = log.run_from(at).unwrap();
            all.extend_from_slice(run);
            at += run.len() as u64;
        }
        all
    }

    #[test]
    fn what_is_put_in_front_is_read_first_found_by_number_and_cut_first() {
        let mut pool = Pool::default();
        let mut log = Log::starting_at(1 << 62);
        log.begin_numbers(40);
        for (len, number) in [(10, 41), (20, 43)] {
            append(&mut log, &mut pool, len, number);
        }
        let start = log.start();
        for numbers in [[30, 35, 40], [10, 20, 25]] {
            let mut front = Log::default();
            front.begin_numbers(numbers[0] - 1);
            for number in numbers {
                append(&mut front, &mut pool, 700, number);
            }
            log.prepend(front, &mut pool);
        }
        assert_eq!(log.start(), start - 6 * 700);
        let mut expected = Vec::new();
        for number in [10, 20, 25, 30, 35, 40] {
            expected.extend([number; 700]);
        }
        expected.extend([41; 10]);
        expected.extend([43; 20]);
        assert_eq!(bytes(&log), expected);
        assert_eq!(log.messages_between(log.start(), log.end()), 8);
        assert_eq!(log.position_after(9), log.start());
        assert_eq!(log.position_after(22), log.start() + 1400);
        assert_eq!(log.position_after(40), start);
        assert_eq!(log.position_after(41), start + 10);
        assert_eq!(log.position_after(43), log.end());
        assert!(log.reaches(9) && !log.reaches(8));
        assert_eq!(log.number_at(start - 700), Some(40));
        assert_eq!(log.own_range(log.start(), 3), Some((start, log.end())));
        for at in [log.start(), start - 700, start, start + 10] {
            assert!(log.is_border(at) && !log.is_border(at + 1));
        }
        log.cut(start, &mut pool);
        assert!(log.start() >= start - 3 * 700 && log.reaches(40));
        log.cut(log.end(), &mut pool);
        assert_eq!(pool.used_bytes(), 0);
        assert_eq!(log.number_before(log.end()), 43);
    }

    #[test]
    fn what_is_put_in_front_of_an_empty_log_leaves_its_end_where_it_is() {
        let mut pool = Pool::default();
        let mut log = Log::starting_at(1 << 62);
        log.begin_numbers(9);
        let mut front = Log::default();
        front.begin_numbers(4);
        append(&mut front, &mut pool, 100, 7);
        log.prepend(front, &mut pool);
        assert_eq!((log.end(), log.start()), (1 << 62, (1 << 62) - 100));
        append(&mut log, &mut pool, 50, 12);
        assert_eq!(log.run_from(log.start()).unwrap().len(), 150);
        assert_eq!(log.position_after(7), 1 << 62);
        assert!(log.reaches(4) && !log.reaches(3));
        log.cut(log.end(), &mut pool);
        assert_eq!(pool.used_bytes(), 0);
    }
}
