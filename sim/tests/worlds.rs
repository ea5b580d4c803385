//! Whole worlds: they pass, they repeat exactly, and a broken server does not pass.

use longwave_sim::fault::FAULTS;
use longwave_sim::planted::{PLANTED, notice};
use longwave_sim::world::run;

/// A seed has at least so many operations, connections and messages to say anything.
const OPERATIONS: u32 = 2000;

#[test]
fn sixty_worlds_pass() {
    let mut faults = 0;
    for seed in 0..60 {
        let outcome = run(seed, OPERATIONS, false);
        if let Some((what, trace)) = outcome.failure {
            panic!("seed {seed}: {what}\n{trace}");
        }
        assert!(outcome.connections >= 20, "seed {seed}");
        assert!(outcome.messages >= 100, "seed {seed}");
        faults += FAULTS
            .iter()
            .map(|f| outcome.faults[*f as usize])
            .sum::<u64>();
    }
    assert!(faults > 60 * 100, "{faults}");
}

#[test]
fn a_seed_is_one_world() {
    for seed in [1, 2, 3] {
        let hash = run(seed, OPERATIONS, false).trace_hash;
        assert_eq!(hash, run(seed, OPERATIONS, false).trace_hash, "seed {seed}");
        assert_ne!(
            hash,
            run(seed + 1, OPERATIONS, false).trace_hash,
            "seed {seed}"
        );
    }
}

#[test]
fn planted_faults_are_noticed() {
    let quick = [
        "sender_not_excluded",
        "lost_partial_write",
        "control_inside_frame",
        "double_close",
        "publisher_never_resumed",
    ];
    for name in quick {
        assert!(
            PLANTED.iter().any(|(n, _)| *n == name),
            "{name} is planted nowhere"
        );
        assert!(
            notice(name, 0, 30, OPERATIONS).is_some(),
            "{name} was not noticed"
        );
    }
}
