//! Frames to messages: header alone, then a stream of text frames coalesced in one read and cut into
//! reads of one TCP segment, beside `tungstenite` and `fastwebsockets` doing the same. All of them
//! unmask, check UTF-8 and append the payload to one buffer.
//!
//! `cargo bench --bench decode`

mod peers;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use longwave::ws::{DecodeLimits, Decoder, Event, header, unmask, unmask_into_valid};

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
const LIMITS: DecodeLimits = DecodeLimits {
    message_bytes_max: 1 << 20,
    compressed_bytes_max: None,
    fragments_max: 1 << 10,
};
const FRAMES: usize = 100;
const READ: usize = 1460;

/// A client's masked text frame.
fn frame(payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0x81];
    match payload.len() {
        n @ 0..126 => out.push(0x80 | n as u8),
        n => {
            out.push(0xFE);
            out.extend((n as u16).to_be_bytes());
        }
    }
    out.extend(KEY);
    let at = out.len();
    out.extend(payload);
    unmask(&mut out[at..], KEY);
    out
}

fn headers(c: &mut Criterion) {
    let mut group = c.benchmark_group("header");
    for size in [32, 1024] {
        let bytes = frame(&vec![b'x'; size]);
        group.bench_function(BenchmarkId::new("parse", size), |b| {
            b.iter(|| header::parse(black_box(&bytes), false));
        });
    }
}

/// Decodes all of `input` into `log`, as a relay does, and returns the bytes left over.
fn take_all(decoder: &mut Decoder, input: &mut [u8], log: &mut Vec<u8>) -> usize {
    let mut at = 0;
    while let Ok((n, Some(event))) = decoder.decode(&mut input[at..], true, &LIMITS) {
        at += n;
        let (Event::Message { key, payload, .. } | Event::Part { key, payload, .. }) = event else {
            continue;
        };
        let end = log.len();
        log.resize(end + payload.len(), 0);
        assert!(unmask_into_valid(&mut log[end..], payload, key));
    }
    input.len() - at
}

/// The stream in reads of `step` bytes; a frame cut by a read waits for the next one.
fn longwave(stream: &[u8], step: usize, scratch: &mut [u8], log: &mut Vec<u8>) {
    let mut decoder = Decoder::default();
    let mut kept = 0;
    for read in stream.chunks(step) {
        let end = kept + read.len();
        scratch[kept..end].copy_from_slice(read);
        kept = take_all(&mut decoder, &mut scratch[..end], log);
        scratch.copy_within(end - kept..end, 0);
    }
    assert_eq!(kept, 0);
}

fn streams(c: &mut Criterion) {
    for size in [32, 1024] {
        let stream = frame(&vec![b'x'; size]).repeat(FRAMES);
        let mut scratch = vec![0; 2 * stream.len()];
        let mut log = Vec::with_capacity(2 * stream.len());
        for (shape, step) in [("coalesced", stream.len()), ("cut", READ)] {
            let mut group = c.benchmark_group(format!("decode/{FRAMES}x{size}B/{shape}"));
            group.throughput(Throughput::Elements(FRAMES as u64));
            let mut bench = |name, f: &mut dyn FnMut(&[u8], &mut Vec<u8>)| {
                group.bench_function(BenchmarkId::from_parameter(name), |b| {
                    b.iter(|| {
                        log.clear();
                        f(black_box(&stream), &mut log);
                        assert_eq!(log.len(), FRAMES * size);
                    });
                });
            };
            bench("longwave", &mut |s, log| {
                longwave(s, step, &mut scratch, log);
            });
            bench("tungstenite", &mut |s, log| {
                peers::tungstenite(s, step, FRAMES, log);
            });
            bench("fastwebsockets", &mut |s, log| {
                peers::fastwebsockets(s, step, FRAMES, log);
            });
            group.finish();
        }
    }
}

criterion_group!(benches, headers, streams);
criterion_main!(benches);
