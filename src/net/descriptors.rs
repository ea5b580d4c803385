//! The limit of open files, and how many connections it leaves room for.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::limits::DESCRIPTORS_RESERVE;

/// Raises the soft limit to the hard one and returns what is in force; `None` is no limit.
pub fn raise_limit() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        // Where it is not allowed the soft limit stays, and is what counts.
        let _ = setrlimit(
            Resource::Nofile,
            Rlimit {
                current: limit.maximum,
                ..limit
            },
        );
    }
    getrlimit(Resource::Nofile).current
}

/// How many connections there is room for: the configured number, or what descriptors allow.
pub fn connections(configured: usize, limit: Option<u64>) -> usize {
    let Some(limit) = limit else {
        return configured;
    };
    let room = usize::try_from(limit)
        .unwrap_or(usize::MAX)
        .saturating_sub(DESCRIPTORS_RESERVE);
    configured.min(room.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_the_lesser_of_configured_and_possible() {
        assert_eq!(connections(1000, None), 1000);
        assert_eq!(connections(1000, Some(500)), 500 - DESCRIPTORS_RESERVE);
        assert_eq!(connections(1000, Some(1_000_000)), 1000);
        assert_eq!(connections(1000, Some(3)), 1);
    }

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        let limit = raise_limit();
        assert_eq!(limit, getrlimit(Resource::Nofile).maximum);
    }
}
