//! Private output of one connection: control frames, direct replies and HTTP answers.
//!
//! It goes out at a message border of the log only, and whole before the log goes on.

/// Bytes waiting to be sent to one connection.
#[derive(Debug, Default)]
pub struct Out {
    bytes: Vec<u8>,
    sent: usize,
}

impl Out {
    /// What is still to be sent.
    pub fn pending(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    /// Whether nothing is.
    pub fn is_empty(&self) -> bool {
        self.sent == self.bytes.len()
    }

    /// Whether the kernel has taken a part: nothing may be put in front any more.
    pub fn begun(&self) -> bool {
        self.sent > 0
    }

    /// Where to append.
    pub fn tail(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Takes over bytes from `first` on. Only while empty.
    pub fn adopt(&mut self, bytes: Vec<u8>, first: usize) {
        assert!(self.is_empty(), "private output not empty");
        self.bytes = bytes;
        self.sent = first;
    }

    /// Puts bytes in front of everything. Only while nothing of it has been sent.
    pub fn push_front(&mut self, front: &[u8]) {
        assert!(!self.begun(), "private output already begun");
        self.bytes.splice(..0, front.iter().copied());
    }

    /// The kernel took `n` bytes.
    pub fn consume(&mut self, n: usize) {
        self.sent += n;
        assert!(self.sent <= self.bytes.len(), "more sent than there was");
        if self.is_empty() {
            self.bytes.clear();
            self.sent = 0;
        } else if self.sent >= 64 * 1024 && self.sent * 2 >= self.bytes.len() {
            self.bytes.drain(..self.sent);
            self.sent = 0;
        }
    }

    /// Memory held.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_is_gone_and_the_rest_stays_in_order() {
        let mut out = Out::default();
        out.tail().extend((0..200_000u32).map(|i| i as u8));
        out.consume(150_000);
        assert_eq!(out.pending().len(), 50_000);
        assert_eq!(out.pending()[0], 150_000u32 as u8);
        out.consume(50_000);
        assert!(out.is_empty() && !out.begun());
        out.tail().push(1);
        out.push_front(&[9, 8]);
        assert_eq!(out.pending(), [9, 8, 1]);
    }
}
