//! longwave on a seeded simulated network, watched by an oracle.

pub mod client;
pub mod crowd;
pub mod fault;
pub mod kernel;
pub mod ledger;
pub mod net;
pub mod rng;
pub mod trace;
