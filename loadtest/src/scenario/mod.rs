//! One file per scenario. Each takes its options and gives a report, or a sentence why the run
//! could not be made.
//!
//! `group` is one channel under load, `crowd` all of them as one load, `senders` who sends when,
//! `finish` what they have in the end, `pairs` the same load with something and without it, `inside`
//! what the server says of itself.

pub mod churn;
pub mod connect;
pub mod echo;
pub mod fanout;
pub mod flood;
pub mod idle;
pub mod inside;
pub mod mixed;
pub mod slow;
pub mod soak;

mod arrival;
mod crowd;
mod fates;
mod finish;
mod group;
mod growth;
mod guests;
mod pairs;
mod senders;
