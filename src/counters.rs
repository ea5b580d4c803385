//! What is counted: plain numbers of one reactor, read when somebody asks for the metrics.

use crate::close::Reason;

/// Upper bounds of the turn duration buckets, in microseconds; one more bucket is without bound.
pub const TURN_BUCKETS_US: [u64; 12] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 1_000_000,
];

/// Counters of one reactor; all only grow.
#[derive(Debug, Clone)]
pub struct Counters {
    /// Connections accepted.
    pub accepted: u64,
    /// Accepts that failed for want of descriptors or memory (EMFILE and the like).
    pub accept_exhausted: u64,
    /// Messages taken in, from whatever publisher.
    pub messages_in: u64,
    /// Their payload bytes.
    pub message_bytes_in: u64,
    /// Messages completely handed to the kernel, per subscriber.
    pub deliveries: u64,
    /// Bytes read from the kernel.
    pub bytes_in: u64,
    /// Bytes taken by the kernel.
    pub bytes_out: u64,
    /// WebSocket pings sent because a peer was silent.
    pub pings: u64,
    /// Turns in which a connection had more to read than its part.
    pub read_budget_spent: u64,
    /// Turns in which there were more subscribers to write to than one turn takes.
    pub write_budget_spent: u64,
    /// Turns in which more connections waited to be accepted than one turn takes.
    pub accept_budget_spent: u64,
    /// Messages refused by the mailbox.
    pub mailbox_full: u64,
    /// Connections closed, by reason.
    pub closed: [u64; Reason::COUNT],
    /// Requests and messages refused, by reason.
    pub refused: [u64; Reason::COUNT],
    /// Turns, by duration (see `TURN_BUCKETS_US`).
    pub turns: [u64; TURN_BUCKETS_US.len() + 1],
    /// Time in turns, waiting excluded.
    pub turn_us: u64,
}

impl Default for Counters {
    fn default() -> Counters {
        Counters {
            accepted: 0,
            accept_exhausted: 0,
            messages_in: 0,
            message_bytes_in: 0,
            deliveries: 0,
            bytes_in: 0,
            bytes_out: 0,
            pings: 0,
            read_budget_spent: 0,
            write_budget_spent: 0,
            accept_budget_spent: 0,
            mailbox_full: 0,
            closed: [0; Reason::COUNT],
            refused: [0; Reason::COUNT],
            turns: [0; TURN_BUCKETS_US.len() + 1],
            turn_us: 0,
        }
    }
}

impl Counters {
    /// One turn took `us` microseconds.
    pub fn turn(&mut self, us: u64) {
        let bucket = TURN_BUCKETS_US.iter().position(|&b| us <= b);
        self.turns[bucket.unwrap_or(TURN_BUCKETS_US.len())] += 1;
        self.turn_us += us;
    }

    /// A connection was closed.
    pub fn close(&mut self, reason: Reason) {
        self.closed[reason as usize] += 1;
    }

    /// A request or message was refused.
    pub fn refuse(&mut self, reason: Reason) {
        self.refused[reason as usize] += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_falls_into_the_first_bucket_that_holds_it() {
        let mut c = Counters::default();
        for us in [0, 50, 51, 2_000_000] {
            c.turn(us);
        }
        assert_eq!((c.turns[0], c.turns[1], c.turns[12]), (2, 1, 1));
    }
}
