//! The faults that the simulated network commits, how often each seed commits them, and how often
//! they were committed.
//!
//! Rules: a fault is legal, however rare: a real kernel, a TLS layer or a peer does it. Every
//! fault is counted where it is committed, so that a run shows that it got there.

use crate::rng::Rng;

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident, $word:literal, $often:literal;)*) => {
        /// Something that goes wrong, or merely otherwise than in a calm test.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(usize)]
        pub enum Fault { $($(#[$doc])* $name),* }

        /// Every fault, in the order of its index.
        pub const FAULTS: &[Fault] = &[$(Fault::$name),*];

        const OFTEN: &[u32] = &[$($often),*];

        impl Fault {
            /// Its name in reports.
            pub const fn word(self) -> &'static str { match self { $(Fault::$name => $word),* } }
        }
    };
}

// The number is the highest chance in a thousand that a seed gives it, each time it is possible.
faults! {
    /// A read gives less than is there.
    ShortRead, "short_read", 200;
    /// A read gives less than is there and says drained: the rest is announced by an edge.
    DrainedEarly, "drained_early", 100;
    /// A read that took everything says that there may be more.
    MoreAtEnd, "more_at_end", 300;
    /// A send takes less than there is room for.
    ShortWrite, "short_write", 150;
    /// Bytes come for a connection that was told to read again, and no edge with them (as TLS does).
    EdgeWithheld, "edge_withheld", 500;
    /// An event for a connection to which nothing happened.
    SpuriousEdge, "spurious_edge", 60;
    /// An event waits for a later batch, and others come first.
    EdgeDelayed, "edge_delayed", 150;
    /// Two edges of a connection arrive as one event.
    MergedEdge, "merged_edge", 1000;
    /// An event for a connection that was closed since.
    StaleEvent, "stale_event", 900;
    /// The same, and its slot already has another user.
    StaleReused, "stale_reused", 1000;
    /// The peer acts between two system calls of one turn.
    Meddle, "meddle", 60;
    /// The peer resets.
    Reset, "reset", 1000;
    /// A reset overtakes the bytes sent before it.
    ResetOvertakes, "reset_overtakes", 500;
    /// The peer ends its direction and goes on reading.
    HalfClose, "half_close", 1000;
    /// No descriptor for a connection.
    Emfile, "emfile", 1000;
    /// A connection is gone before it is accepted.
    Aborted, "aborted", 500;
    /// A peer does not read for a while.
    Stall, "stall", 1000;
    /// The process was stopped for a while.
    ClockJump, "clock_jump", 1000;
    /// A peer sends a byte or two at a time.
    Dribble, "dribble", 1000;
}

/// How many faults there are.
pub const FAULT_COUNT: usize = FAULTS.len();

/// Chances of one seed, and what came of them.
#[derive(Debug, Clone)]
pub struct Weather {
    chances: [u32; FAULT_COUNT],
    counts: [u64; FAULT_COUNT],
}

impl Weather {
    /// Without any fault that is a matter of chance.
    pub fn calm() -> Weather {
        Weather {
            chances: [0; FAULT_COUNT],
            counts: [0; FAULT_COUNT],
        }
    }

    /// Some faults often, some seldom, some never.
    pub fn of(rng: &mut Rng) -> Weather {
        let mut weather = Weather::calm();
        for (chance, &often) in weather.chances.iter_mut().zip(OFTEN) {
            *chance = match rng.below(4) {
                0 => 0,
                1 => often / 10,
                2 => often / 3,
                _ => often,
            };
        }
        weather
    }

    /// Sets one chance in a thousand.
    pub fn set(&mut self, fault: Fault, per_mille: u32) {
        self.chances[fault as usize] = per_mille;
    }

    /// Whether it happens now; counted if it does.
    pub fn strikes(&mut self, fault: Fault, rng: &mut Rng) -> bool {
        let hit = rng.chance(self.chances[fault as usize]);
        if hit {
            self.count(fault);
        }
        hit
    }

    /// Counts one that happened for another cause.
    pub fn count(&mut self, fault: Fault) {
        self.counts[fault as usize] += 1;
    }

    /// How often each happened, in the order of [`FAULTS`].
    pub fn counts(&self) -> &[u64; FAULT_COUNT] {
        &self.counts
    }
}
