//! Faults planted in the server, one at a time, to show that the simulation would notice them.

use longwave::mark::plant;

use crate::world;

/// Names asked for with `longwave::mark::planted`, and what is then wrong.
pub const PLANTED: &[(&str, &str)] = &[("sender_not_excluded", "a sender gets its own messages")];

/// Runs seeds with one fault planted until it is noticed: which seed, and how.
pub fn notice(name: &str, start: u64, seeds: u64, operations: u32) -> Option<(u64, String)> {
    plant(Some(name));
    let found = (start..start + seeds).find_map(|seed| {
        let failure = world::run(seed, operations, false).failure;
        failure.map(|(what, _)| (seed, what))
    });
    plant(None);
    found
}
