//! Messages to many subscribers over a network that takes everything: layers 0 to 5, beside what
//! others do. What is left between ours and the bare loop is what our user code costs.
//!
//! - `bare loop`: the same contiguous bytes to each and nothing else, the yardstick.
//! - `queue of Rc`: a queue of shared messages per subscriber, one vectored send of each.
//! - `copy each`: a buffer per subscriber into which each message is copied, one send of each.
//!
//! `cargo bench --bench fanout`, or for instruction counts `benches/instructions.sh`.

mod bed;

use std::collections::VecDeque;
use std::hint::black_box;
use std::io::IoSlice;
use std::rc::Rc;

use bed::{Bed, Network};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use longwave::wire::Wire;

#[inline(never)]
fn bare(network: &mut Network, subscribers: usize, frames: &[u8]) {
    for slot in 0..subscribers {
        network.send(slot as u32, black_box(frames));
    }
}

#[inline(never)]
fn queues(network: &mut Network, queues: &mut [VecDeque<Rc<[u8]>>], frame: &[u8], messages: usize) {
    for _ in 0..messages {
        let shared: Rc<[u8]> = black_box(frame).into();
        for queue in &mut *queues {
            queue.push_back(shared.clone());
        }
    }
    for (slot, queue) in queues.iter_mut().enumerate() {
        let slices: Vec<_> = queue.iter().map(|m| IoSlice::new(m)).collect();
        network.send_vectored(slot as u32, &slices);
        queue.clear();
    }
}

#[inline(never)]
fn copies(network: &mut Network, buffers: &mut [Vec<u8>], frame: &[u8], messages: usize) {
    for _ in 0..messages {
        for buffer in &mut *buffers {
            buffer.extend_from_slice(black_box(frame));
        }
    }
    for (slot, buffer) in buffers.iter_mut().enumerate() {
        network.send(slot as u32, buffer);
        buffer.clear();
    }
}

fn fanout(c: &mut Criterion) {
    for (subscribers, messages, bytes) in [
        (1_000, 1, 32),
        (1_000, 16, 32),
        (1_000, 1, 16_384),
        (100_000, 1, 32),
        (100_000, 16, 32),
    ] {
        let mut group = c.benchmark_group(format!("fanout/{subscribers}x{messages}x{bytes}B"));
        group.throughput(Throughput::Elements((subscribers * messages) as u64));
        group.sample_size(20);
        let mut bed = Bed::new(subscribers, bytes);
        group.bench_function(BenchmarkId::from_parameter("longwave"), |b| {
            b.iter(|| bed.turn(messages));
        });
        let mut network = Network::default();
        let frame = vec![7; bytes + longwave::ws::header_len(bytes)];
        let frames = frame.repeat(messages);
        group.bench_function(BenchmarkId::from_parameter("bare loop"), |b| {
            b.iter(|| bare(&mut network, subscribers, &frames));
        });
        let mut all = vec![VecDeque::new(); subscribers];
        group.bench_function(BenchmarkId::from_parameter("queue of Rc"), |b| {
            b.iter(|| queues(&mut network, &mut all, &frame, messages));
        });
        let mut all = vec![Vec::new(); subscribers];
        group.bench_function(BenchmarkId::from_parameter("copy each"), |b| {
            b.iter(|| copies(&mut network, &mut all, &frame, messages));
        });
        group.finish();
    }
}

criterion_group!(benches, fanout);
criterion_main!(benches);
