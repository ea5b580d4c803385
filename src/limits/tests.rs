//! Bounds that contradict each other, and how history gives way.

use super::*;

#[test]
fn defaults_agree_with_each_other() {
    assert_eq!(Limits::default().check(), Ok(()));
}

#[test]
fn each_contradiction_is_named() {
    let d = Limits::default;
    let cases = [
        (
            Limits {
                lag_bytes_max: 1,
                unflushed_bytes_max: 1,
                ..d()
            },
            "lag_bytes_max",
        ),
        (
            Limits {
                unflushed_bytes_max: usize::MAX,
                ..d()
            },
            "unflushed_bytes_max",
        ),
        (
            Limits {
                mailbox_bytes_max: 1,
                ..d()
            },
            "mailbox_bytes_max",
        ),
        (
            Limits {
                memory_bytes_max: 1,
                ..d()
            },
            "memory_bytes_max",
        ),
        (
            Limits {
                connections_per_address_max: usize::MAX,
                ..d()
            },
            "connections_per_address_max",
        ),
        (
            Limits {
                history_bytes_max: LAG_BYTES / 2 + 1,
                ..d()
            },
            "history_bytes (8388609) is above half of lag_bytes_max (16777216)",
        ),
        (
            Limits {
                history_memory_max: HISTORY_BYTES - 1,
                ..d()
            },
            "history_bytes (2097152) is above history_memory (2097151)",
        ),
        (
            Limits {
                history_memory_max: MEMORY_BYTES / 2 + 1,
                ..d()
            },
            "history_memory (536870913) is above half of memory_bytes_max",
        ),
    ];
    for (limits, word) in cases {
        let error = limits.check().unwrap_err();
        assert!(error.starts_with(word), "{error}");
    }
}

#[test]
fn bounds_of_a_history_that_is_not_kept_contradict_nothing() {
    type Off = fn(&mut Limits);
    let off: [Off; 3] = [
        |l| l.history_messages_max = 0,
        |l| l.history_age_ms = 0,
        |l| l.history_bytes_max = 0,
    ];
    for off in off {
        let mut limits = Limits {
            lag_bytes_max: MESSAGE_BYTES,
            unflushed_bytes_max: MESSAGE_BYTES,
            history_memory_max: usize::MAX,
            ..Limits::default()
        };
        assert!(limits.keeps_history() && limits.check().is_err());
        off(&mut limits);
        assert!(!limits.keeps_history());
        assert_eq!(limits.check(), Ok(()));
    }
}

#[test]
fn history_is_lowered_to_what_the_rest_allows() {
    let mut limits = Limits {
        message_bytes_max: 1000,
        lag_bytes_max: 5000,
        unflushed_bytes_max: 5000,
        memory_bytes_max: 100_000,
        ..Limits::default()
    };
    limits.fit_history();
    let history = (limits.history_bytes_max, limits.history_memory_max);
    assert_eq!(history, (2500, 50_000));
    assert_eq!(limits.check(), Ok(()));
    let mut limits = Limits::default();
    limits.fit_history();
    assert_eq!(limits, Limits::default());
}
