//! One message, or sixteen, to many subscribers: layers 0 to 5 against a bare loop over the same
//! network that takes everything. What is left between the two is ours.
//!
//! `cargo bench --bench fanout`, or for instruction counts `benches/instructions.sh`.

mod bed;

use std::hint::black_box;

use bed::{Bed, Network};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use longwave::wire::Wire;

/// The yardstick: the same bytes to each, and nothing else.
#[inline(never)]
fn bare(network: &mut Network, subscribers: usize, frames: &[u8]) {
    for slot in 0..subscribers {
        network.send(slot as u32, black_box(frames));
    }
}

fn fanout(c: &mut Criterion) {
    for (subscribers, messages, bytes) in [
        (1_000, 1, 32),
        (1_000, 16, 32),
        (1_000, 1, 16_384),
        (100_000, 1, 32),
    ] {
        let mut group = c.benchmark_group(format!("fanout/{subscribers}x{messages}x{bytes}B"));
        group.throughput(Throughput::Elements((subscribers * messages) as u64));
        let mut bed = Bed::new(subscribers, bytes);
        group.bench_function(BenchmarkId::from_parameter("longwave"), |b| {
            b.iter(|| bed.turn(messages));
        });
        let mut network = Network::default();
        let frames = vec![7; (bytes + 4) * messages];
        group.bench_function(BenchmarkId::from_parameter("bare loop"), |b| {
            b.iter(|| bare(&mut network, subscribers, &frames));
        });
        group.finish();
    }
}

criterion_group!(benches, fanout);
criterion_main!(benches);
