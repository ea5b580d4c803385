//! A message to subscribers that agreed to compression: compressed once for all of them, beside the
//! naive twin that compresses it for each, and beside ours without compression.
//!
//! The network takes everything, so what is compared is user time; less bytes for the kernel to copy
//! come on top. `cargo bench --bench deflate`.

#[expect(dead_code, reason = "other benches have other messages")]
mod bed;
#[path = "texts/json.rs"]
mod json;

use std::hint::black_box;

use bed::{Bed, Network, frame_of};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use json::json;
use longwave::limits::Limits;
use longwave::wire::Wire;
use longwave::ws::{DeflateSettings, Deflater, Inflater, append_frame};

const OFFER: &str = "Sec-WebSocket-Extensions: permessage-deflate\r\n";

fn deflater() -> Deflater {
    let limits = Limits::default();
    Deflater::new(DeflateSettings {
        bytes_min: limits.deflate_bytes_min,
        level: limits.deflate_level as u32,
    })
}

/// Compresses the message for each subscriber and copies it to a buffer of its own.
#[inline(never)]
fn each(network: &mut Network, deflater: &mut Deflater, buffers: &mut [Vec<u8>], message: &[u8]) {
    for (slot, buffer) in buffers.iter_mut().enumerate() {
        let compressed = deflater
            .deflate(black_box(message), 15)
            .expect("it shrinks");
        append_frame(buffer, 0x41, compressed);
        network.send(slot as u32, buffer);
        buffer.clear();
    }
}

fn fanout(c: &mut Criterion) {
    for (subscribers, bytes) in [(1_000, 1024), (1_000, 16_384)] {
        let mut group = c.benchmark_group(format!("deflate/{subscribers}x{bytes}B"));
        group.throughput(Throughput::Elements(subscribers as u64));
        group.sample_size(20);
        let message = json(bytes);
        for (name, lines) in [("once", OFFER), ("plain", "")] {
            let mut bed = Bed::with(subscribers, lines, frame_of(&message));
            group.bench_function(BenchmarkId::from_parameter(name), |b| {
                b.iter(|| bed.turn(1));
            });
        }
        let (mut network, mut deflater) = (Network::default(), deflater());
        let mut buffers = vec![Vec::new(); subscribers];
        group.bench_function(BenchmarkId::from_parameter("for each"), |b| {
            b.iter(|| each(&mut network, &mut deflater, &mut buffers, &message));
        });
        group.finish();
    }
}

fn one(c: &mut Criterion) {
    for bytes in [256, 1024, 16_384, 1 << 20] {
        let mut group = c.benchmark_group(format!("deflate/one/{bytes}B"));
        group.throughput(Throughput::Bytes(bytes as u64));
        group.sample_size(20);
        let (message, mut deflater) = (json(bytes), deflater());
        group.bench_function("deflate", |b| {
            b.iter(|| deflater.deflate(black_box(&message), 15).map(<[u8]>::len));
        });
        let compressed = deflater.deflate(&message, 15).expect("it shrinks").to_vec();
        let mut inflater = Inflater::default();
        group.bench_function("inflate", |b| {
            b.iter(|| {
                inflater
                    .inflate(black_box(&compressed), bytes)
                    .map(<[u8]>::len)
            });
        });
        group.finish();
    }
}

criterion_group!(benches, fanout, one);
criterion_main!(benches);
