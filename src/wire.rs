//! Where a connection's bytes go: the one thing that layers below the network ask of it.
//!
//! A slot is the index of a connection in the reactor's slab. A short or refused send means that
//! the kernel's buffer is full and that an edge will come: nobody tries again before it.

use std::io::IoSlice;

/// A slot with the generation that tells its users apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token {
    /// Index into the slab.
    pub slot: u32,
    /// Counts the users of that slot.
    pub generation: u32,
}

impl Token {
    /// The token as one number, never 0: generations begin at 1.
    pub fn number(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.slot)
    }
}

/// What a listener is for, and so what is served to those who come by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Everybody: channels, echo, the page; and what operators ask, where no listener is theirs.
    Public,
    /// Operators: metrics, connections and probes, nothing else.
    Admin,
}

/// What became of a send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// Everything was taken.
    All,
    /// Only so many bytes were taken (0 included); a writable edge will come.
    Blocked(usize),
    /// The peer is gone (EPIPE, ECONNRESET …); nothing more can be sent.
    Gone,
}

/// Sends on behalf of a slot, never waiting.
pub trait Wire {
    /// Sends one contiguous run of bytes. `bytes` is not empty.
    fn send(&mut self, slot: u32, bytes: &[u8]) -> Sent;

    /// Sends several runs in one call. `slices` is not empty.
    fn send_vectored(&mut self, slot: u32, slices: &[IoSlice<'_>]) -> Sent;
}
