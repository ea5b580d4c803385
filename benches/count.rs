//! Runs turns of fan-out for an instruction count; `benches/instructions.sh` calls it under
//! callgrind, which counts the same every time.
//!
//! `count SUBSCRIBERS MESSAGES BYTES TURNS`; with TURNS 0 only the set-up is run.

mod bed;

use bed::Bed;

fn main() {
    let args: Vec<usize> = std::env::args().filter_map(|a| a.parse().ok()).collect();
    let &[subscribers, messages, bytes, turns] = &args[..] else {
        // As a bench without arguments there is nothing to count.
        return;
    };
    let mut bed = Bed::new(subscribers, bytes);
    for _ in 0..turns {
        bed.turn(messages);
    }
    println!("{} sends, {} bytes", bed.network.sends, bed.network.bytes);
}
