//! Bytes at rest: the frame log and its segments, the gathered message, private output.
//!
//! Nothing here knows a wire format or a connection. Memory is counted by capacity.

mod buffers;
mod gather;
mod log;
mod out;
mod pool;

pub use buffers::Buffers;
pub use gather::{Gather, HEADER_ROOM};
pub use log::{Log, Slices};
pub use out::Out;
pub use pool::{Pool, Segment};
