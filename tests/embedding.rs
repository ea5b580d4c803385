//! The relay as a part of another program: what that hears of its Socket.IO clients, and what they hear of it.

#[path = "embedding/client.rs"]
mod client;
#[path = "faults/support.rs"]
mod support;

#[path = "embedding/handle.rs"]
mod handle;
#[path = "embedding/order.rs"]
mod order;
#[path = "embedding/program.rs"]
mod program;
#[path = "embedding/sockets.rs"]
mod sockets;
