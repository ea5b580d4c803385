//! A guest in a namespace, over one session after another where it was recovered: what it got there.

use crate::ledger::{Ledger, Stayed};

/// One membership.
#[derive(Debug)]
pub struct Stay {
    /// Where.
    pub channel: usize,
    /// As whom it published, session by session.
    pub publishers: Vec<u32>,
    /// Length of the channel's order when it asked to join.
    pub not_before: usize,
    /// When it knew that it had joined, on the ledger's clock.
    pub joined: u64,
    /// Digests of what it got.
    pub seen: Vec<u64>,
    /// The number of the last message, where there is recovery.
    pub last: Option<u64>,
    /// What it is called there, and what it needs to come back.
    pub sid: String,
    /// See `sid`.
    pub pid: Option<String>,
}

impl Stay {
    /// The next message came.
    pub fn came(&mut self, digest: u64, number: Option<u64>) -> Result<(), String> {
        if let (Some(last), Some(number)) = (self.last, number)
            && number <= last
        {
            return Err(format!("number {number} after {last}"));
        }
        self.last = number.or(self.last);
        self.seen.push(digest);
        Ok(())
    }

    /// Bytes that it may not have got yet, as the longest form counts them.
    pub fn bytes_left(&self, ledger: &Ledger) -> usize {
        let own = &self.publishers;
        ledger.bytes_left(self.channel, own, self.not_before, self.seen.len())
    }

    /// All that it got is one run of the channel's order. `whole`: up to the end.
    pub fn check(&self, ledger: &Ledger, whole: bool) -> Result<(), String> {
        let (now, before) = self.publishers.split_last().expect("somebody joined");
        ledger.check_stay(&Stayed {
            channel: self.channel,
            never: *now,
            perhaps: before,
            seen: &self.seen,
            not_before: self.not_before,
            joined: self.joined,
            whole,
        })
    }
}
