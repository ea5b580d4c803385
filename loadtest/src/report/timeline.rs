//! The run over time, in slices of equal length.

use serde::{Deserialize, Serialize};

/// Slices of equal length, from the end of the warm-up on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Timeline {
    /// How long a slice is.
    pub slice_s: f64,
    /// The slices, without a hole.
    pub slices: Vec<Slice>,
}

/// One slice of time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Slice {
    /// When it begins, seconds since the measured time began; below 0 in the warm-up.
    pub at_s: f64,
    /// Messages sent in it.
    pub messages: u64,
    /// Deliveries that came in it.
    pub deliveries: u64,
    /// Latencies of these deliveries; `null` when there were none.
    pub p50_us: Option<f64>,
    #[allow(missing_docs)]
    pub p99_us: Option<f64>,
    #[allow(missing_docs)]
    pub max_us: Option<f64>,
    /// The server's CPU as a share of one core, when its process is known.
    pub server_cpu_share: Option<f64>,
    /// The server's memory at the end of the slice.
    pub server_rss_bytes: Option<u64>,
}
