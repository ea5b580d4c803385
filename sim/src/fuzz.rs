//! Bodies for fuzzing, as plain functions: a search engine calls them, and so does a test over a
//! committed corpus.

pub use longwave::http::fuzz::{fuzz_body, fuzz_request};
pub use longwave::ws::fuzz::{fuzz_decoder, fuzz_handshake};

use crate::world;

/// The bytes choose a seed and a number of operations: a small world of their own.
pub fn server_ops(data: &[u8]) {
    let mut seed = [0; 8];
    let n = data.len().min(8);
    seed[..n].copy_from_slice(&data[..n]);
    let operations = 50 + data.len().min(500) as u32;
    let outcome = world::run(u64::from_le_bytes(seed), operations, false);
    assert!(outcome.failure.is_none(), "{:?}", outcome.failure);
}
