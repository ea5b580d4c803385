//! The log against a naive twin: one `Vec<u8>` and a list of message ends.

use proptest::prelude::*;

use super::*;

/// Everything ever appended, nothing cut.
#[derive(Default)]
struct Twin {
    bytes: Vec<u8>,
    messages: Vec<(u64, u64, u64)>,
}

#[derive(Debug, Clone)]
enum Op {
    Append(usize, u64),
    Adopt(usize, u64),
    Cancel(usize),
    Cut(u16),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (1usize..3000, 0u64..4).prop_map(|(n, o)| Op::Append(n, o)),
        1 => (1usize..100_000, 0u64..4).prop_map(|(n, o)| Op::Append(n, o)),
        1 => (1usize..400_000, 0u64..4).prop_map(|(n, o)| Op::Adopt(n, o)),
        1 => (1usize..100_000).prop_map(Op::Cancel),
        2 => any::<u16>().prop_map(Op::Cut),
    ]
}

fn payload(n: usize, seed: usize) -> Vec<u8> {
    (0..n)
        .map(|i| (i * 31 + seed * 7 + i / 256) as u8)
        .collect()
}

fn apply(log: &mut Log, pool: &mut Pool, twin: &mut Twin, op: &Op, seed: usize) {
    let begin = log.end();
    match *op {
        Op::Append(n, origin) => {
            log.reserve(n, pool).copy_from_slice(&payload(n, seed));
            log.commit(n, origin);
            twin.bytes.extend(payload(n, seed));
            twin.messages.push((begin, begin + n as u64, origin));
        }
        Op::Adopt(n, origin) => {
            let mut bytes = vec![0; HEAD];
            bytes.extend(payload(n, seed));
            log.adopt(bytes, HEAD, origin, pool);
            twin.bytes.extend(payload(n, seed));
            twin.messages.push((begin, begin + n as u64, origin));
        }
        Op::Cancel(n) => {
            log.reserve(n, pool).fill(0xee);
            log.cancel(pool);
        }
        Op::Cut(part) => {
            let held = log.end() - log.start();
            log.cut(
                log.start() + held * u64::from(part) / u64::from(u16::MAX),
                pool,
            );
        }
    }
}

const HEAD: usize = 10;

fn compare(log: &Log, twin: &Twin) {
    assert_eq!(log.end(), twin.bytes.len() as u64);
    let held = twin.messages.iter().filter(|m| m.0 >= log.start());
    for &(begin, end, origin) in held {
        for at in [begin, (begin + end) / 2, end - 1] {
            assert_eq!(log.message_end(at), Some(end));
            assert_eq!(log.is_border(at), at == begin);
            let run = log.run_from(at).unwrap();
            assert_eq!(run, &twin.bytes[at as usize..][..run.len()]);
            let (from, to) = log.own_range(at, origin).unwrap();
            assert!(from == at && to >= end);
        }
        let slices = log.slices(begin, 70_000).unwrap();
        let sent: Vec<u8> = slices.as_slice().iter().flat_map(|s| s.to_vec()).collect();
        assert_eq!(sent.len(), slices.bytes);
        assert!(sent.len() <= 70_000 && !sent.is_empty());
        assert_eq!(sent, &twin.bytes[begin as usize..][..sent.len()]);
        let count = twin.messages.iter().filter(|m| m.1 > begin).count();
        assert_eq!(log.messages_between(begin, log.end()), count as u64);
    }
    assert!(log.is_border(log.end()));
    assert!(log.run_from(log.end()).is_none());
    assert!(log.start() == 0 || log.run_from(log.start() - 1).is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn equals_its_twin(ops in prop::collection::vec(op(), 1..40)) {
        let (mut log, mut pool, mut twin) = (Log::default(), Pool::default(), Twin::default());
        for (seed, op) in ops.iter().enumerate() {
            apply(&mut log, &mut pool, &mut twin, op, seed);
        }
        compare(&log, &twin);
        log.cut(log.end(), &mut pool);
        prop_assert_eq!(pool.used_bytes(), 0);
        prop_assert_eq!(log.segments(), 0);
    }
}

#[test]
fn tiny_messages_do_not_outgrow_their_segment() {
    let (mut log, mut pool) = (Log::default(), Pool::default());
    for _ in 0..100_000 {
        log.reserve(2, &mut pool).fill(1);
        log.commit(2, 0);
    }
    assert_eq!(log.messages_between(0, log.end()), 100_000);
    assert!(pool.used_bytes() < 100_000 * 40, "{}", pool.used_bytes());
}

#[test]
fn the_next_first_segment_is_as_large_as_the_last_turn_needed() {
    let (mut log, mut pool) = (Log::default(), Pool::default());
    for turn in 0..3 {
        for _ in 0..16 {
            log.reserve(200, &mut pool).fill(1);
            log.commit(200, 0);
        }
        assert!(turn == 0 || log.segments() == 1);
        log.cut(log.end(), &mut pool);
    }
}

#[test]
fn messages_of_one_origin_are_one_run() {
    let (mut log, mut pool) = (Log::default(), Pool::default());
    for origin in [7, 7, 7, 0, 0, 9, 7] {
        log.reserve(10, &mut pool).fill(1);
        log.commit(10, origin);
    }
    assert_eq!(log.runs.len(), 4);
    assert_eq!(log.own_range(0, 7), Some((0, 30)));
    assert_eq!(log.own_range(30, 7), Some((60, 70)));
    assert_eq!(log.own_range(0, 9), Some((50, 60)));
    assert_eq!(log.own_range(0, 8), None);
}

#[test]
fn runs_are_counted_and_given_back() {
    let (mut log, mut pool) = (Log::default(), Pool::default());
    for i in 0..100_000 {
        log.reserve(2, &mut pool).fill(1);
        log.commit(2, i % 2);
    }
    log.reserve(2, &mut pool).fill(1);
    assert!(pool.used_bytes() > 100_000 * (2 + 4 + size_of::<Run>()));
    assert!(pool.used_bytes() < 100_000 * 80, "{}", pool.used_bytes());
    assert!(!log.is_heavier_than(0, log.end()));
    assert!(log.is_heavier_than(100_000 * 32 - 1, 0) && !log.is_heavier_than(100_000 * 32, 0));
    log.commit(2, 0);
    log.cut(log.end(), &mut pool);
    assert_eq!(pool.used_bytes(), 0);
    assert!(!log.is_heavier_than(0, 0));
}

#[test]
fn a_log_that_is_held_for_a_while_takes_little_more_than_it_has_bytes() {
    for (len, held) in [(14, 3_600), (100, 200), (1_000, 20_000)] {
        let (mut log, mut pool) = (Log::default(), Pool::default());
        let mut most = 0;
        for _ in 0..200_000 / len {
            log.reserve(len, &mut pool).fill(7);
            let end = log.commit(len, 0);
            // The end of the log is kept, as for a history.
            log.cut(end.saturating_sub(held).max(1).min(end - 1), &mut pool);
            most = most.max(pool.used_bytes() as u64);
        }
        assert!(most < 3 * (8 * held).max(1_300), "{len} {held}: {most}");
    }
}

#[test]
fn one_large_message_leaves_no_large_segments_behind() {
    for (large, len, held) in [(70_000, 104, 256 * 104), (200_000, 36, 100 * 36)] {
        let (mut log, mut pool) = (Log::default(), Pool::default());
        let (mut after, appends) = (0, 6 * 270_000 / len);
        log.adopt(vec![7; large], 0, 0, &mut pool);
        for i in 0..appends {
            log.reserve(len, &mut pool).fill(7);
            let end = log.commit(len, 0);
            log.cut(end.saturating_sub(held).max(1).min(end - 1), &mut pool);
            if i > appends / 2 {
                after = after.max(pool.used_bytes() as u64);
            }
        }
        assert!(after < 8 * held, "{large} {len} {held}: {after}");
    }
}

#[test]
fn who_is_behind_is_sent_ever_larger_pieces() {
    let (mut log, mut pool) = (Log::default(), Pool::default());
    for _ in 0..10_000 {
        log.reserve(104, &mut pool).fill(7);
        let end = log.commit(104, 0);
        // Somebody has not got the first message; all others have all.
        log.cut(end.min(50), &mut pool);
    }
    assert!(log.segments() <= 9, "{}", log.segments());
}
