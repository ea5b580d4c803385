//! longwave on a seeded simulated network, watched by an oracle.

pub mod client;
pub mod crowd;
pub mod fault;
pub mod fuzz;
pub mod guest;
pub mod kernel;
pub mod ledger;
pub mod marks;
pub mod net;
pub mod plan;
pub mod planted;
pub mod reader;
pub mod report;
pub mod rng;
pub mod trace;
pub mod world;
