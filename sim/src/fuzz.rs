//! Bodies for fuzzing, as plain functions: a search engine calls them, and so does a test over a
//! committed corpus.

pub use longwave::http::fuzz::{fuzz_body, fuzz_form, fuzz_request};
pub use longwave::socketio::fuzz::fuzz_socketio;
pub use longwave::ws::fuzz::{fuzz_decoder, fuzz_deflate, fuzz_handshake};

use crate::world::run_led_by;

/// The bytes say what happens in a small world, which must pass.
pub fn server_ops(data: &[u8]) {
    if let Some((what, trace)) = run_led_by(data).failure {
        panic!("{what}\n{trace}");
    }
}
