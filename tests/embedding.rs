//! The relay as a part of another program: what that hears of its Socket.IO clients, and what they hear of it.

#[path = "faults/support.rs"]
mod support;

#[path = "embedding/handle.rs"]
mod handle;
