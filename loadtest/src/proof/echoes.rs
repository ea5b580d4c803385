//! The proof for an echo: each connection gets its own messages back, once and in order.

use super::{Faults, Place, Seen, Stream};
use crate::payload;

/// One connection's messages, out and back.
#[derive(Debug, Clone, Default)]
struct Line {
    sent: u32,
    back: u32,
    stream: Stream,
}

/// Every message of every connection.
#[derive(Debug)]
pub struct Echoes {
    run: u32,
    lines: Vec<Line>,
    faults: Faults,
    foreign: u64,
    sent: u64,
    fresh: u64,
}

impl Echoes {
    /// Follows so many connections.
    pub fn new(run: u32, connections: usize) -> Echoes {
        Echoes {
            run,
            lines: vec![Line::default(); connections],
            faults: Faults::default(),
            foreign: 0,
            sent: 0,
            fresh: 0,
        }
    }

    /// Notes that a connection sends its next message; returns the sequence number of it.
    pub fn publish(&mut self, id: usize) -> u32 {
        let line = &mut self.lines[id];
        line.sent += 1;
        self.sent += 1;
        line.sent - 1
    }

    /// How many of a connection's messages are not back.
    pub fn outstanding(&self, id: usize) -> u32 {
        self.lines[id].sent - self.lines[id].back
    }

    /// Checks one message that came back.
    pub fn deliver(&mut self, id: usize, text: bool, payload: &[u8]) -> Seen {
        let Some(stamp) = payload::check(payload).filter(|_| !text) else {
            self.faults.corrupted += 1;
            return Seen::Other;
        };
        if stamp.run != self.run {
            self.foreign += 1;
            return Seen::Other;
        }
        let line = &mut self.lines[id];
        if stamp.publisher as usize != id || stamp.sequence >= line.sent {
            self.faults.phantom += 1;
            return Seen::Other;
        }
        match line.stream.note(stamp.sequence) {
            Place::New => {}
            Place::Late => self.faults.reordered += 1,
            Place::Again => {
                self.faults.duplicated += 1;
                return Seen::Other;
            }
        }
        line.back += 1;
        self.fresh += 1;
        Seen::Fresh(stamp, 0)
    }

    /// Messages that came back, each counted once.
    pub fn fresh(&self) -> u64 {
        self.fresh
    }

    /// Messages sent, over all connections.
    pub fn messages(&self) -> u64 {
        self.sent
    }

    /// Messages of other runs.
    pub fn foreign(&self) -> u64 {
        self.foreign
    }

    /// The verdict, once nothing more is to come.
    pub fn verdict(&self) -> Faults {
        let lost = self.lines.iter().map(|l| l.stream.missing(l.sent)).sum();
        Faults {
            lost,
            ..self.faults
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::Maker;

    #[test]
    fn each_planted_fault_is_named() {
        let mut echoes = Echoes::new(5, 2);
        let mut maker = Maker::new(5, 40, 1);
        let sent: Vec<Vec<u8>> = (0..6)
            .map(|_| {
                let sequence = echoes.publish(0);
                maker.make(0, sequence, 0).to_vec()
            })
            .collect();
        let mut harmed = sent[4].clone();
        harmed[30] ^= 1;
        let mut give = |id, text, m: &[u8]| echoes.deliver(id, text, m);
        assert!(matches!(give(0, false, &sent[0]), Seen::Fresh(..)));
        assert!(matches!(give(0, false, &sent[2]), Seen::Fresh(..)));
        assert!(matches!(give(0, false, &sent[1]), Seen::Fresh(..)));
        assert_eq!(give(0, false, &sent[1]), Seen::Other);
        assert_eq!(give(1, false, &sent[3]), Seen::Other);
        assert_eq!(give(0, false, &harmed), Seen::Other);
        assert_eq!(give(0, true, &sent[3]), Seen::Other);
        let expected = Faults {
            lost: 3,
            duplicated: 1,
            reordered: 1,
            corrupted: 2,
            phantom: 1,
            order_differs: 0,
        };
        assert_eq!(echoes.verdict(), expected);
        assert_eq!((echoes.fresh(), echoes.outstanding(0)), (3, 3));
    }
}
