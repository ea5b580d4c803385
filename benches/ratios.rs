//! The codec's ratios, each from pairs of blocks timed in turn: `cargo bench --bench ratios`.

mod paired;
mod texts;

use std::hint::black_box;

use longwave::ws::{unmask, unmask_into, unmask_into_valid, utf8};
use paired::compare;
use texts::texts;

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
const SIZES: [usize; 4] = [32, 128, 1024, 16 * 1024];

/// The plain way to get a payload into the log.
#[inline(never)]
fn memcpy_then_unmask(dst: &mut [u8], src: &[u8]) {
    dst.copy_from_slice(src);
    unmask(black_box(dst), black_box(KEY));
}

fn unmasking() {
    println!("unmask_into ÷ (memcpy, then unmask in place)");
    for size in SIZES {
        let src = vec![b'x'; size];
        let (mut one, mut two) = (src.clone(), src.clone());
        compare(
            &format!("{size:6} B"),
            || unmask_into(black_box(&mut one), black_box(&src), black_box(KEY)),
            || memcpy_then_unmask(black_box(&mut two), black_box(&src)),
        );
    }
}

fn checking() {
    println!("ASCII: unmask and validate ÷ unmask");
    for size in SIZES {
        let mut src = vec![b'x'; size];
        unmask(&mut src, KEY);
        let (mut one, mut two) = (src.clone(), src.clone());
        compare(
            &format!("{size:6} B"),
            || {
                let (dst, src) = (black_box(&mut one), black_box(&src));
                assert!(unmask_into_valid(dst, src, black_box(KEY)));
            },
            || unmask_into(black_box(&mut two), black_box(&src), black_box(KEY)),
        );
    }
}

fn validating() {
    println!("std::str::from_utf8 ÷ validate");
    for size in SIZES {
        for (name, text) in texts(size) {
            let bytes = text.as_bytes();
            compare(
                &format!("{size:6} B {name}"),
                || assert!(std::str::from_utf8(black_box(bytes)).is_ok()),
                || assert!(utf8::valid(black_box(bytes))),
            );
        }
    }
}

fn main() {
    // As a test of the benches nothing is timed.
    if std::env::args().any(|a| a == "--bench") {
        unmasking();
        checking();
        validating();
    }
}
