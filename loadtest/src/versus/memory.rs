//! What an idle connection costs a peer: the slope of its memory over their number, in a server of
//! its own that nobody has talked to before.

use serde::Serialize;

use super::contest::{Terms, options, words_of};
use super::recipe::Peer;
use crate::cli::Scenario;
use crate::scenario::idle;

/// Steps in which the connections are opened.
const STEPS: u32 = 10;

/// One peer's.
#[derive(Debug, Clone, Serialize)]
pub struct Memory {
    /// Connections at the end.
    pub connections: u32,
    /// Resident memory for one of them: the slope.
    pub connection_bytes: Option<f64>,
    /// Whether one message reached all of them.
    pub right: bool,
}

/// Measures it.
///
/// # Errors
/// A sentence, when the peer cannot be started or reached.
pub fn measure(peer: &Peer, connections: u32, terms: &Terms) -> Result<Memory, String> {
    let mut words = words_of(peer, terms);
    let mut add = |name: &str, value: String| words.extend([name.to_owned(), value]);
    add("--connections", connections.to_string());
    add("--step", connections.div_ceil(STEPS).to_string());
    add("--hold", "100ms".to_owned());
    let Scenario::Idle(options) = options("idle", words)? else {
        return Err("not `idle`".to_owned());
    };
    let report = idle::run(&options).map_err(|why| format!("{}: {why}", peer.name))?;
    let slope = report.figures.0.get("connection_bytes");
    Ok(Memory {
        connections,
        connection_bytes: slope.and_then(|f| f.value),
        right: report.verdict.is_good(),
    })
}
