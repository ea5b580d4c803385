//! What broke servers of this kind, done to this one over real sockets.
//!
//! `faults/README.md` names the test of each fault and of each bound, and what was taken out of
//! the server to see it fail. After each fault the server must still serve, and own nothing more.

#[path = "faults/bounds.rs"]
mod bounds;
#[path = "faults/closing.rs"]
mod closing;
#[path = "faults/crowd.rs"]
mod crowd;
#[path = "faults/deflate.rs"]
mod deflate;
#[path = "faults/frames.rs"]
mod frames;
#[path = "faults/http.rs"]
mod http;
#[path = "faults/lag.rs"]
mod lag;
#[path = "faults/process.rs"]
mod process;
#[path = "faults/slow.rs"]
mod slow;
#[path = "faults/smuggling.rs"]
mod smuggling;
#[path = "faults/support.rs"]
mod support;
