//! What is counted: plain numbers of one reactor, read when somebody asks for the metrics.

use crate::close::Reason;

/// Upper bounds of the turn duration buckets, in microseconds; one more bucket is without bound.
pub const TURN_BUCKETS_US: [u64; 12] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 1_000_000,
];

/// Upper bounds of the fan-out buckets, in microseconds, six to a decade below a second so that
/// quantiles can be compared; one more bucket is without bound.
pub const FANOUT_BUCKETS_US: [u64; 30] = [
    50, 70, 100, 150, 200, 300, 500, 700, 1_000, 1_500, 2_000, 3_000, 5_000, 7_000, 10_000, 15_000,
    20_000, 30_000, 50_000, 70_000, 100_000, 150_000, 200_000, 300_000, 500_000, 700_000,
    1_000_000, 2_000_000, 5_000_000, 10_000_000,
];

/// Size classes of channels: the most subscribers in each, and the label; the last has no most.
pub const SIZE_CLASSES: [(usize, &str); 5] = [
    (10, "1-10"),
    (100, "11-100"),
    (1_000, "101-1000"),
    (10_000, "1001-10000"),
    (usize::MAX, "10001-"),
];

/// How long messages took from the turn that read them to the last send, of one size class.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fanout {
    /// Messages by time (see `FANOUT_BUCKETS_US`).
    pub buckets: [u64; FANOUT_BUCKETS_US.len() + 1],
    /// Their times together.
    pub us: u64,
}

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
    /// Gaps that began: times a subscriber was moved past what it had not got.
    pub gaps: u64,
    /// Messages in them.
    pub skipped: u64,
    /// Compressed messages taken in.
    pub inflate_messages: u64,
    /// Their bytes as they came.
    pub inflate_bytes_before: u64,
    /// Their bytes inflated.
    pub inflate_bytes_after: u64,
    /// Compressed messages refused because they would inflate to more than a message may have.
    pub inflate_bombs: u64,
    /// Connections closed, by reason.
    pub closed: [u64; Reason::COUNT],
    /// Sessions of Engine.IO that ended, by reason.
    pub sessions_closed: [u64; Reason::COUNT],
    /// Requests and messages refused, by reason.
    pub refused: [u64; Reason::COUNT],
    /// Turns, by duration (see `TURN_BUCKETS_US`).
    pub turns: [u64; TURN_BUCKETS_US.len() + 1],
    /// Time in turns, waiting excluded.
    pub turn_us: u64,
    /// Times of fan-out, by size class (see `SIZE_CLASSES`).
    pub fanout: [Fanout; SIZE_CLASSES.len()],
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
            gaps: 0,
            skipped: 0,
            inflate_messages: 0,
            inflate_bytes_before: 0,
            inflate_bytes_after: 0,
            inflate_bombs: 0,
            closed: [0; Reason::COUNT],
            sessions_closed: [0; Reason::COUNT],
            refused: [0; Reason::COUNT],
            turns: [0; TURN_BUCKETS_US.len() + 1],
            turn_us: 0,
            fanout: [Fanout::default(); SIZE_CLASSES.len()],
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

    /// So many messages were with all subscribers `us` microseconds after the oldest was read.
    pub fn fanned_out(&mut self, subscribers: usize, messages: u64, us: u64) {
        let class = SIZE_CLASSES.partition_point(|&(most, _)| most < subscribers);
        let fanout = &mut self.fanout[class];
        fanout.buckets[FANOUT_BUCKETS_US.partition_point(|&bound| bound < us)] += messages;
        fanout.us += us * messages;
    }

    /// A connection was closed.
    pub fn close(&mut self, reason: Reason) {
        self.closed[reason as usize] += 1;
    }

    /// A session of Engine.IO ended.
    pub fn close_session(&mut self, reason: Reason) {
        self.sessions_closed[reason as usize] += 1;
    }

    /// A request or message was refused, if there is a reason.
    pub fn refuse_if(&mut self, reason: Option<Reason>) {
        if let Some(reason) = reason {
            self.refuse(reason);
        }
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

    #[test]
    fn fan_out_falls_into_its_class_and_bucket() {
        let mut c = Counters::default();
        for (subscribers, us) in [
            (1, 50),
            (10, 51),
            (11, 0),
            (10_000, 20_000_000),
            (10_001, 70),
        ] {
            c.fanned_out(subscribers, 3, us);
        }
        let seen = |class: usize, bucket: usize| c.fanout[class].buckets[bucket];
        assert_eq!((seen(0, 0), seen(0, 1), seen(1, 0)), (3, 3, 3));
        assert_eq!((seen(3, FANOUT_BUCKETS_US.len()), seen(4, 1)), (3, 3));
        assert_eq!(c.fanout[0].us, 303);
    }
}
