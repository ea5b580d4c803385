//! Where a connection's bytes go: the one thing that layers below the network ask of it.
//!
//! A slot is the index of a connection in the reactor's slab. A short or refused send means that
//! the kernel's buffer is full and that an edge will come: nobody tries again before it.

use std::io::IoSlice;
use std::net::SocketAddr;

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

/// What the kernel tells of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inspected {
    /// The peer, or the proxy before it.
    pub address: SocketAddr,
    /// The state of its TCP, where the kernel tells it.
    pub tcp: Option<TcpInfo>,
}

/// As much of Linux's `struct tcp_info` (linux/tcp.h) as tells why a peer lags.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TcpInfo {
    /// Smoothed round-trip time, in microseconds (`tcpi_rtt`).
    pub rtt_us: u32,
    /// Data segments sent, those sent again included (`tcpi_data_segs_out`).
    pub segments: u32,
    /// Segments sent again, over the connection's life (`tcpi_total_retrans`).
    pub retransmits: u32,
    /// Segments are being sent again now, or are held for lost (`tcpi_retransmits`, `tcpi_retrans`,
    /// `tcpi_lost`).
    pub recovering: bool,
    /// Bytes that the kernel holds and has not sent once (`tcpi_notsent_bytes`).
    pub unsent_bytes: u32,
    /// Segments sent and not acknowledged (`tcpi_unacked`).
    pub unacked: u32,
    /// Bytes of one full segment (`tcpi_snd_mss`).
    pub segment_bytes: u32,
    /// Bytes that the peer has room for, as it last said (`tcpi_snd_wnd`).
    pub window_bytes: u32,
    /// The window is closed and the kernel asks now and then whether it still is (the persist
    /// timer, RFC 9293 3.8.6.1).
    pub probing: bool,
    /// Time in which there was something to send, in microseconds (`tcpi_busy_time`).
    pub busy_us: u64,
    /// How much of it was spent waiting for the peer's window (`tcpi_rwnd_limited`).
    pub window_limited_us: u64,
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
