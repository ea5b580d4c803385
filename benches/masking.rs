//! Unmasking: in place, while copying, and the naive twins: a copy and then in place, the formula of
//! RFC 6455 5.3 byte by byte. `memcpy` is what a copy costs at all.
//!
//! `cargo bench --bench masking`; ratios from paired runs: `cargo bench --bench ratios`.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use longwave::ws::{unmask, unmask_into};

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

fn formula(data: &mut [u8], key: [u8; 4]) {
    for i in 0..data.len() {
        data[i] = black_box(data[i] ^ key[i % 4]);
    }
}

fn masking(c: &mut Criterion) {
    for size in [16usize, 128, 1024, 16 * 1024] {
        let mut group = c.benchmark_group(format!("masking/{size}B"));
        let src = vec![b'x'; size];
        let mut dst = vec![0; size];
        group.throughput(Throughput::Bytes(size as u64));
        let mut bench = |name, f: &mut dyn FnMut(&mut [u8])| {
            group.bench_function(BenchmarkId::from_parameter(name), |b| {
                b.iter(|| f(black_box(&mut dst)));
            });
        };
        bench("unmask_into", &mut |dst| {
            unmask_into(dst, black_box(&src), black_box(KEY));
        });
        bench("memcpy, then unmask in place", &mut |dst| {
            dst.copy_from_slice(black_box(&src));
            unmask(black_box(dst), black_box(KEY));
        });
        bench("unmask in place", &mut |dst| unmask(dst, black_box(KEY)));
        bench("memcpy", &mut |dst| dst.copy_from_slice(black_box(&src)));
        bench("byte by byte", &mut |dst| formula(dst, black_box(KEY)));
        group.finish();
    }
}

criterion_group!(benches, masking);
criterion_main!(benches);
