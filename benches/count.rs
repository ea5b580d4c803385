//! Runs one thing many times for an instruction count; `benches/instructions.sh` calls it under
//! callgrind, which counts the same every time.
//!
//! `count fanout SUBSCRIBERS MESSAGES BYTES TURNS`, `count json|deflated SUBSCRIBERS BYTES TURNS`, or `count unmask|utf8|decode BYTES TURNS`.

mod bed;
#[path = "texts/json.rs"]
mod json;

use std::hint::black_box;

use bed::{Bed, frame_of, masked};
use json::json;
use longwave::ws::{self, DecodeLimits, Decoder};

fn main() {
    let mut args = std::env::args().skip(1);
    // As a bench without arguments there is nothing to count.
    let Some(what) = args.next() else { return };
    let numbers: Vec<usize> = args.filter_map(|a| a.parse().ok()).collect();
    match (what.as_str(), &numbers[..]) {
        ("fanout", &[subscribers, messages, bytes, turns]) => {
            let mut bed = Bed::new(subscribers, bytes);
            // What is counted is the state in which a channel is: with a history that is full.
            (0..800).for_each(|_| bed.turn(1));
            (0..turns).for_each(|_| bed.turn(messages));
            println!("{} sends, {} bytes", bed.network.sends, bed.network.bytes);
        }
        ("json" | "deflated", &[subscribers, bytes, turns]) => {
            let offer = match what.as_str() {
                "deflated" => "Sec-WebSocket-Extensions: permessage-deflate\r\n",
                _ => "",
            };
            let mut bed = Bed::with(subscribers, offer, frame_of(&json(bytes)));
            (0..turns).for_each(|_| bed.turn(1));
            println!("{} sends, {} bytes", bed.network.sends, bed.network.bytes);
        }
        ("unmask", &[bytes, turns]) => {
            let (masked, mut plain) = (vec![7; bytes], vec![0; bytes]);
            for _ in 0..turns {
                ws::unmask_into(black_box(&mut plain), black_box(&masked), [1, 2, 3, 4]);
            }
        }
        ("utf8", &[bytes, turns]) => {
            let text = vec![b'a'; bytes];
            assert!((0..turns).all(|_| ws::utf8::valid(black_box(&text))));
        }
        ("decode", &[bytes, turns]) => {
            let (mut decoder, mut frame) = (Decoder::default(), masked(bytes));
            let limits = DecodeLimits {
                message_bytes_max: 1 << 20,
                compressed_bytes_max: None,
                fragments_max: 1 << 16,
            };
            for _ in 0..turns {
                let decoded = decoder.decode(black_box(&mut frame), false, &limits);
                assert!(matches!(black_box(decoded), Ok((_, Some(_)))));
            }
        }
        _ => {}
    }
}
