//! Appending messages to the frame log and cutting it, beside what could be done instead: a `Vec` that
//! is cleared (the least there is), and an allocation for each message in a queue.
//!
//! `cargo bench --bench append`

use std::collections::VecDeque;
use std::hint::black_box;
use std::rc::Rc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use longwave::buf::{Log, Pool};

/// Messages between two times that all have caught up.
const MESSAGES: usize = 16;

fn append(c: &mut Criterion) {
    for size in [32usize, 1024, 16 * 1024] {
        let mut group = c.benchmark_group(format!("append/{MESSAGES}x{size}B"));
        group.throughput(Throughput::Elements(MESSAGES as u64));
        let message = vec![7; size];
        let (mut log, mut pool) = (Log::default(), Pool::default());
        group.bench_function(BenchmarkId::from_parameter("log"), |b| {
            b.iter(|| {
                for _ in 0..MESSAGES {
                    log.reserve(size, &mut pool)
                        .copy_from_slice(black_box(&message));
                    log.commit(size, 0);
                }
                log.cut(log.end(), &mut pool);
            });
        });
        let mut plain = Vec::with_capacity(MESSAGES * size);
        group.bench_function(BenchmarkId::from_parameter("one Vec"), |b| {
            b.iter(|| {
                (0..MESSAGES).for_each(|_| plain.extend_from_slice(black_box(&message)));
                black_box(&mut plain).clear();
            });
        });
        let mut queue: VecDeque<Rc<[u8]>> = VecDeque::new();
        group.bench_function(BenchmarkId::from_parameter("queue of Rc"), |b| {
            b.iter(|| {
                (0..MESSAGES).for_each(|_| queue.push_back(black_box(&message[..]).into()));
                black_box(&mut queue).clear();
            });
        });
        group.finish();
    }
}

criterion_group!(benches, append);
criterion_main!(benches);
