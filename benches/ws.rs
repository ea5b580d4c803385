//! The WebSocket codec against the plainest thing that could do the same: a copy for unmasking, the
//! standard library for UTF-8, `tungstenite` for whole streams.

use std::hint::black_box;
use std::io::{self, Read, Write};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use longwave::ws::{DecodeLimits, Decoder, Event, header, unmask, unmask_into, utf8};
use tungstenite::protocol::{Role, WebSocket};

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
const LIMITS: DecodeLimits = DecodeLimits {
    message_bytes_max: 1 << 20,
    fragments_max: 1 << 10,
};
const FRAMES: usize = 100;
const READ: usize = 1460;

fn masking(c: &mut Criterion) {
    let mut group = c.benchmark_group("mask");
    for size in [16usize, 128, 1024, 16 * 1024] {
        let src = vec![b'x'; size];
        let mut dst = vec![0; size];
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(BenchmarkId::new("unmask", size), |b| {
            b.iter(|| unmask(black_box(&mut dst), black_box(KEY)));
        });
        group.bench_function(BenchmarkId::new("unmask_into", size), |b| {
            b.iter(|| unmask_into(black_box(&mut dst), black_box(&src), black_box(KEY)));
        });
        group.bench_function(BenchmarkId::new("memcpy", size), |b| {
            b.iter(|| black_box(&mut dst[..]).copy_from_slice(black_box(&src)));
        });
        group.bench_function(BenchmarkId::new("naive", size), |b| {
            b.iter(|| naive(black_box(&mut dst), black_box(KEY)));
        });
    }
}

/// The formula of RFC 6455 5.3, a byte at a time.
fn naive(data: &mut [u8], key: [u8; 4]) {
    for i in 0..data.len() {
        data[i] = black_box(data[i] ^ key[i % 4]);
    }
}

fn texts(c: &mut Criterion) {
    let mut group = c.benchmark_group("utf8");
    for size in [16usize, 128, 1024, 16 * 1024] {
        let greek = "κόσμε, ".repeat(size.div_ceil(12));
        for (name, text) in [("ascii", "x".repeat(size)), ("greek", greek)] {
            group.throughput(Throughput::Bytes(text.len() as u64));
            group.bench_function(BenchmarkId::new(format!("{name}/valid"), size), |b| {
                b.iter(|| assert!(utf8::valid(black_box(text.as_bytes()))));
            });
            group.bench_function(BenchmarkId::new(format!("{name}/std"), size), |b| {
                b.iter(|| assert!(std::str::from_utf8(black_box(text.as_bytes())).is_ok()));
            });
        }
    }
}

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
            b.iter(|| header::parse(black_box(&bytes)));
        });
    }
}

/// Decodes all of `input` into `log`, as a relay does, and returns the bytes left over.
fn take_all(decoder: &mut Decoder, input: &mut [u8], hold: bool, log: &mut Vec<u8>) -> usize {
    let mut at = 0;
    while let Ok((n, Some(event))) = decoder.decode(&mut input[at..], hold, &LIMITS) {
        at += n;
        let (Event::Message { key, payload, .. } | Event::Part { key, payload, .. }) = event else {
            continue;
        };
        let end = log.len();
        log.resize(end + payload.len(), 0);
        unmask_into(&mut log[end..], payload, key);
        assert!(utf8::valid(&log[end..]));
    }
    input.len() - at
}

/// The stream in reads of [`READ`] bytes; a frame cut by a read waits for the next one.
fn take_reads(stream: &[u8], scratch: &mut [u8], log: &mut Vec<u8>) {
    let mut decoder = Decoder::default();
    let mut kept = 0;
    for read in stream.chunks(READ) {
        let end = kept + read.len();
        scratch[kept..end].copy_from_slice(read);
        kept = take_all(&mut decoder, &mut scratch[..end], true, log);
        scratch.copy_within(end - kept..end, 0);
    }
    assert_eq!(kept, 0);
}

/// A stream for `tungstenite`: at most `step` bytes a read, then nothing more.
struct Steps<'a> {
    rest: &'a [u8],
    step: usize,
}

impl Read for Steps<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.step.min(into.len()).min(self.rest.len());
        into[..n].copy_from_slice(&self.rest[..n]);
        self.rest = &self.rest[n..];
        if n == 0 {
            Err(io::ErrorKind::WouldBlock.into())
        } else {
            Ok(n)
        }
    }
}

impl Write for Steps<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn tungstenite(stream: &[u8], step: usize, log: &mut Vec<u8>) {
    let mut socket = WebSocket::from_raw_socket(Steps { rest: stream, step }, Role::Server, None);
    for _ in 0..FRAMES {
        log.extend_from_slice(&socket.read().expect("a message").into_data());
    }
}

fn streams(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode");
    let stream = frame(&[b'x'; 32]).repeat(FRAMES);
    let mut scratch = vec![0; 2 * READ + stream.len()];
    let mut log = Vec::with_capacity(1 << 16);
    group.throughput(Throughput::Elements(FRAMES as u64));
    group.bench_function("coalesced/longwave", |b| {
        b.iter(|| {
            log.clear();
            scratch[..stream.len()].copy_from_slice(&stream);
            let input = &mut scratch[..stream.len()];
            assert_eq!(take_all(&mut Decoder::default(), input, true, &mut log), 0);
        });
    });
    group.bench_function("coalesced/tungstenite", |b| {
        b.iter(|| {
            log.clear();
            tungstenite(&stream, usize::MAX, &mut log);
        });
    });
    group.bench_function("reads/longwave", |b| {
        b.iter(|| {
            log.clear();
            take_reads(&stream, &mut scratch, &mut log);
        });
    });
    group.bench_function("reads/tungstenite", |b| {
        b.iter(|| {
            log.clear();
            tungstenite(&stream, READ, &mut log);
        });
    });
}

criterion_group!(benches, masking, texts, headers, streams);
criterion_main!(benches);
