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
fn so_is_each_of_the_largest_event() {
    let d = Limits::default;
    let cases = [
        (
            Limits {
                payload_bytes_max: LAG_BYTES / 4 * 3 + 1,
                ..d()
            },
            "socketio_payload_max (12582913) is above three quarters of lag_bytes_max (16777216)",
        ),
        (
            Limits {
                memory_bytes_max: 2 * (LAG_BYTES + MESSAGE_BYTES),
                history_memory_max: LAG_BYTES,
                ..d()
            },
            "memory_bytes_max (35651584) is below twice lag_bytes_max plus an event of socketio_payload_max as base64 (18777216)",
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
            payload_bytes_max: MESSAGE_BYTES / 2,
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
    limits.fit();
    let history = (limits.history_bytes_max, limits.history_memory_max);
    assert_eq!(history, (2500, 50_000));
    assert_eq!(limits.check(), Ok(()));
    let mut limits = Limits::default();
    limits.fit();
    assert_eq!(limits, Limits::default());
}

#[test]
fn an_event_is_lowered_to_what_may_wait_and_to_what_memory_leaves() {
    let fitted = |lag_bytes_max, memory_bytes_max| {
        let mut limits = Limits {
            message_bytes_max: 1000,
            lag_bytes_max,
            unflushed_bytes_max: 1000,
            memory_bytes_max,
            ..Limits::default()
        };
        limits.fit();
        assert_eq!(limits.check(), Ok(()));
        limits.payload_bytes_max
    };
    assert_eq!(fitted(LAG_BYTES, MEMORY_BYTES), PAYLOAD_BYTES);
    assert_eq!(fitted(4000, MEMORY_BYTES), 3000);
    assert_eq!(fitted(4000, 12_000), 1500);
}
