//! What one message costs, counted: allocations, sends. The counts repeat exactly, so they are held to
//! `tests/budgets.txt`; who changes a number there says why.

#[path = "../benches/bed/mod.rs"]
mod bed;

use bed::{Bed, masked};
use longwave::limits::SEND_BYTES_PER_TURN;
use longwave::socketio::{Said, Spoken, say};

const SUBSCRIBERS: usize = 50;
const TURNS: usize = 50;

/// Turns until all is there that is kept between turns: a channel's history of 256 messages, and the
/// segments that come and go with it. A message that alone is too much for a history leaves none.
const fn warm_up(bytes: usize) -> usize {
    if bytes < 1024 * 1024 { 800 } else { 20 }
}

/// What the file allows for `what`.
fn budget(what: &str) -> f64 {
    let lines = include_str!("budgets.txt").lines();
    let mut rows = lines.filter_map(|line| line.split_once(": "));
    let (_, number) = rows.find(|(name, _)| *name == what).expect(what);
    number.parse().expect("a number")
}

/// Allocations of one turn that publishes so many bytes, once what is kept between turns is there.
fn allocations(bytes: usize, mut turn: impl FnMut()) -> f64 {
    (0..warm_up(bytes)).for_each(|_| turn());
    let counted = allocation_counter::measure(|| (0..TURNS).for_each(|_| turn()));
    assert_eq!(counted.count_current, 0, "a turn leaves memory behind");
    counted.count_total as f64 / TURNS as f64
}

fn hold(what: &str, found: f64) {
    println!("{what}: {found}");
    assert!(found <= budget(what), "{what}: {found}");
}

/// The frame in so many reads.
fn cut(frame: &[u8], reads: usize) -> Vec<Vec<u8>> {
    frame
        .chunks(frame.len().div_ceil(reads))
        .map(<[u8]>::to_vec)
        .collect()
}

/// A turn that publishes what these reads make, from fresh copies.
fn publishing(bytes: usize, reads: Vec<Vec<u8>>) -> f64 {
    let mut bed = Bed::new(SUBSCRIBERS, bytes);
    let mut scratch = reads.clone();
    let publisher = bed.publisher;
    let before = bed.network.bytes;
    let count = allocations(bytes, || {
        for (scratch, read) in scratch.iter_mut().zip(&reads) {
            scratch.copy_from_slice(read);
            bed.feed(publisher, scratch);
        }
        bed.flush();
    });
    let wire_bytes = longwave::ws::header_len(bytes) + bytes;
    let deliveries = (warm_up(bytes) + TURNS) * SUBSCRIBERS;
    assert_eq!(bed.network.bytes - before, (deliveries * wire_bytes) as u64);
    count
}

#[test]
fn a_message_whole_in_one_read_allocates_nothing() {
    for (what, bytes, messages) in [
        ("32 B", 32, 1),
        ("32 B, 16 a turn", 32, 16),
        ("16 KiB", 16 * 1024, 1),
        ("16 KiB, 16 a turn", 16 * 1024, 16),
    ] {
        let mut bed = Bed::new(SUBSCRIBERS, bytes);
        let found = allocations(bytes, || bed.turn(messages)) / messages as f64;
        hold(&format!("allocations per message, {what}"), found);
    }
}

#[test]
fn a_gathered_message_allocates_little() {
    for (what, bytes, reads) in [
        ("128 B in 2 reads", 128, 2),
        ("16 KiB in 12 reads", 16 * 1024, 12),
        ("1 MiB in 4 reads", 1024 * 1024, 4),
        ("1 MiB in 64 reads", 1024 * 1024, 64),
    ] {
        let found = publishing(bytes, cut(&masked(bytes), reads));
        hold(&format!("allocations per message, {what}"), found);
    }
}

#[test]
fn a_fragmented_message_allocates_little() {
    let mut frames = masked(100);
    frames[0] = 0x01;
    frames.extend(masked(60));
    frames[106] = 0x80;
    let found = publishing(160, vec![frames]);
    hold("allocations per message, 2 fragments", found);
}

#[test]
fn a_post_allocates_little() {
    let mut bed = Bed::new(SUBSCRIBERS, 128);
    let slot = bed.connect();
    let request = format!(
        "POST /channels/bench HTTP/1.1\r\nHost: h\r\nContent-Type: text/plain\r\n\
         Content-Length: 128\r\n\r\n{}",
        "x".repeat(128)
    );
    let mut input = request.clone().into_bytes();
    let found = allocations(128, || {
        input.copy_from_slice(request.as_bytes());
        bed.feed(slot, &mut input);
        bed.flush();
    });
    hold("allocations per message, POST of 128 B", found);
}

/// Heap bytes of layers 0 to 5 with so many idle subscribers.
fn heap(subscribers: usize) -> f64 {
    let mut bed = None;
    let counted = allocation_counter::measure(|| bed = Some(Bed::new(subscribers, 32)));
    assert!(bed.is_some());
    counted.bytes_current as f64
}

#[test]
fn an_idle_subscriber_takes_few_bytes() {
    // Where tables that double are fullest, and where they have just doubled.
    for (what, few, many) in [
        ("16,000 less 1,000", 1_000, 16_000),
        ("10,000 less 1,000", 1_000, 10_000),
        ("17,000 less 1,000", 1_000, 17_000),
    ] {
        let found = (heap(many) - heap(few)) / (many - few) as f64;
        hold(&format!("heap bytes per idle subscriber, {what}"), found);
    }
}

#[test]
fn saying_a_message_as_an_event_takes_few_allocations() {
    let attached = r#"{"name":"a","data":{"_placeholder":true,"num":0},"attachments":["AQI="]}"#;
    let cases = [
        ("text of 16 KiB", "x".repeat(16 * 1024), false),
        ("bytes", "x".repeat(200), true),
        ("event", r#"{"name":"msg","data":[12,5,"x"]}"#.into(), false),
        (
            "nested event",
            r#"{"name":"msg","data":[{"a":[1]}]}"#.into(),
            false,
        ),
        ("event with an attachment", attached.into(), false),
    ];
    for (what, payload, binary) in cases {
        let mut spoken = Spoken::default();
        let found = allocations(payload.len(), || {
            let said = Said {
                id: "1:2",
                binary,
                event: None,
                payload: payload.as_bytes(),
            };
            say(&said, "/news", true, &mut spoken);
        });
        hold(
            &format!("allocations per message for Socket.IO, {what}"),
            found,
        );
    }
}

#[test]
fn one_send_a_turn_for_who_keeps_up() {
    for messages in [1, 16, 100] {
        for bytes in [32, 200] {
            assert!(messages * (bytes + 4) < SEND_BYTES_PER_TURN);
            let mut bed = Bed::new(SUBSCRIBERS, bytes);
            for turn in 1..=10 {
                bed.turn(messages);
                assert_eq!(bed.network.sends, turn * SUBSCRIBERS as u64);
            }
        }
    }
}
