//! UTF-8 in ASCII, Cyrillic, CJK, emoji and a mix: ours beside the standard library and simdutf8,
//! then unmasking with the check beside unmasking alone and beside one after the other.
//!
//! `cargo bench --bench utf8`; ratios from paired runs: `cargo bench --bench ratios`.

mod texts;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use longwave::ws::{unmask, unmask_into, unmask_into_valid, utf8};
use texts::texts;

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
const SIZES: [usize; 3] = [32, 1024, 16 * 1024];

fn validating(c: &mut Criterion) {
    for size in SIZES {
        for (name, text) in texts(size) {
            let mut group = c.benchmark_group(format!("utf8/{name}/{size}B"));
            let bytes = text.as_bytes();
            group.throughput(Throughput::Bytes(bytes.len() as u64));
            group.bench_function(BenchmarkId::from_parameter("valid"), |b| {
                b.iter(|| assert!(utf8::valid(black_box(bytes))));
            });
            group.bench_function(BenchmarkId::from_parameter("std"), |b| {
                b.iter(|| assert!(std::str::from_utf8(black_box(bytes)).is_ok()));
            });
            group.bench_function(BenchmarkId::from_parameter("simdutf8"), |b| {
                b.iter(|| assert!(simdutf8::basic::from_utf8(black_box(bytes)).is_ok()));
            });
            group.finish();
        }
    }
}

fn unmasking(c: &mut Criterion) {
    for size in SIZES {
        for (name, text) in texts(size) {
            let mut group = c.benchmark_group(format!("unmask and validate/{name}/{size}B"));
            let mut src = text.into_bytes();
            unmask(&mut src, KEY);
            let mut dst = vec![0; src.len()];
            group.throughput(Throughput::Bytes(src.len() as u64));
            group.bench_function(BenchmarkId::from_parameter("at once"), |b| {
                b.iter(|| {
                    let (dst, src) = (black_box(&mut dst), black_box(&src));
                    assert!(unmask_into_valid(dst, src, black_box(KEY)));
                });
            });
            group.bench_function(BenchmarkId::from_parameter("one after the other"), |b| {
                b.iter(|| {
                    unmask_into(black_box(&mut dst), black_box(&src), black_box(KEY));
                    assert!(utf8::valid(black_box(&dst)));
                });
            });
            group.bench_function(BenchmarkId::from_parameter("unmask alone"), |b| {
                b.iter(|| unmask_into(black_box(&mut dst), black_box(&src), black_box(KEY)));
            });
            group.finish();
        }
    }
}

criterion_group!(benches, validating, unmasking);
criterion_main!(benches);
