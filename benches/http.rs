//! Heads and chunks, each against what it is built on: `httparse` alone, and a plain copy.
//!
//! `cargo bench --bench http`

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use longwave::http::{Body, BodyKind, EMPTY_HEADER, head_end, parse};
use longwave::limits::HEADERS_MAX;

/// A browser's request for an upgrade.
const BROWSER: &[u8] = b"GET /channels/news?echo=true HTTP/1.1\r\n\
    Host: localhost:8080\r\n\
    Connection: Upgrade\r\n\
    Pragma: no-cache\r\n\
    Cache-Control: no-cache\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n\
    Upgrade: websocket\r\n\
    Origin: http://localhost:8080\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-US,en;q=0.9\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";

/// What `httparse` alone takes for the same head, and what is added to it.
fn heads(c: &mut Criterion) {
    let mut group = c.benchmark_group("head");
    group.throughput(Throughput::Bytes(BROWSER.len() as u64));
    group.bench_function("httparse", |b| {
        b.iter(|| {
            let mut slots = [EMPTY_HEADER; HEADERS_MAX];
            let mut request = httparse::Request::new(&mut slots);
            black_box(request.parse(black_box(BROWSER)).unwrap());
            black_box(request.headers.len())
        });
    });
    group.bench_function("head_end", |b| {
        b.iter(|| head_end(black_box(BROWSER), &mut 0));
    });
    group.bench_function("head_end_and_parse", |b| {
        b.iter(|| {
            let head = black_box(BROWSER);
            let end = head_end(head, &mut 0).unwrap();
            let mut slots = [EMPTY_HEADER; HEADERS_MAX];
            let request = parse(&head[..end], &mut slots).unwrap();
            black_box((request.path.len(), request.keep_alive))
        });
    });
    group.bench_function("head_end_byte_by_byte", |b| {
        b.iter(|| {
            let mut scanned = 0;
            let mut ends = 1..=BROWSER.len();
            ends.find_map(|n| head_end(black_box(&BROWSER[..n]), &mut scanned))
        });
    });
    group.finish();
}

/// `count` chunks of `size` bytes.
fn encode(count: usize, size: usize) -> Vec<u8> {
    let chunk = format!("{size:x}\r\n{}\r\n", "d".repeat(size));
    (chunk.repeat(count) + "0\r\n\r\n").into_bytes()
}

fn decode(wire: &[u8], out: &mut Vec<u8>) {
    let mut body = Body::new(BodyKind::Chunked);
    let mut at = 0;
    while !body.is_done() {
        let piece = body.decode(&wire[at..]).unwrap();
        assert!(piece.consumed > 0, "more is needed of a whole body");
        out.extend_from_slice(piece.data.unwrap_or_default());
        at += piece.consumed;
    }
}

/// Small chunks show the cost of framing, large ones that of the data.
fn bodies(c: &mut Criterion) {
    let mut group = c.benchmark_group("chunked");
    for (count, size) in [(4096, 16), (16, 4096)] {
        let wire = encode(count, size);
        let mut out = Vec::with_capacity(wire.len());
        group.throughput(Throughput::Bytes(wire.len() as u64));
        group.bench_function(format!("{count}x{size}"), |b| {
            b.iter(|| {
                out.clear();
                decode(black_box(&wire), &mut out);
                black_box(out.len())
            });
        });
        group.bench_function(format!("{count}x{size} memcpy"), |b| {
            b.iter(|| {
                out.clear();
                out.extend_from_slice(black_box(&wire));
                black_box(out.len())
            });
        });
    }
    group.finish();
}

criterion_group!(benches, heads, bodies);
criterion_main!(benches);
