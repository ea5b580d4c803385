//! Flags, variables and the configuration file.

pub mod units;
pub mod values;
