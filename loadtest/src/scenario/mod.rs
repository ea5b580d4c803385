//! One file per scenario. Each takes its options and gives a report, or a sentence why the run
//! could not be made.
//!
//! `group` is one channel under load, `crowd` all of them as one load, `senders` who sends when,
//! `finish` what they have in the end.

pub mod echo;
pub mod fanout;
pub mod idle;

mod crowd;
mod finish;
mod group;
mod senders;
