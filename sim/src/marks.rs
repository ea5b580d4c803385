//! The rare branches of the server that a run of many seeds has to take.

/// Names given to `longwave::mark::mark`, in order.
pub const MARKS: &[&str] = &["append_cancelled"];
