//! Private output of one connection: control frames, direct replies and HTTP answers.
//!
//! It goes out at a message border of the log only, and whole before the log goes on.

use std::sync::Arc;

use crate::limits::SEND_BYTES_PER_TURN;

/// Bytes waiting to be sent to one connection.
#[derive(Debug, Default)]
pub struct Out {
    bytes: Vec<u8>,
    sent: usize,
    /// What follows them and is not ours alone, and how much of it has been sent.
    shared: Option<(Arc<[u8]>, usize)>,
}

impl Out {
    /// What is still to be sent, or its first part.
    pub fn pending(&self) -> &[u8] {
        match (&self.bytes[self.sent..], &self.shared) {
            ([], Some((body, sent))) => {
                let rest = &body[*sent..];
                &rest[..rest.len().min(SEND_BYTES_PER_TURN)]
            }
            (bytes, _) => bytes,
        }
    }

    /// How much is still to be sent.
    pub fn len(&self) -> usize {
        let shared = self.shared.as_ref();
        self.bytes.len() - self.sent + shared.map_or(0, |(body, sent)| body.len() - sent)
    }

    /// Whether nothing is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the kernel has taken a part: nothing may be put in front any more. What is shared
    /// alone has had something in front of it.
    pub fn begun(&self) -> bool {
        self.sent > 0 || (self.bytes.is_empty() && self.shared.is_some())
    }

    /// Where to append. What is shared becomes a copy of its rest: who appends behind something
    /// large waits first, and for something small a copy is cheap.
    pub fn tail(&mut self) -> &mut Vec<u8> {
        if let Some((body, sent)) = self.shared.take() {
            self.bytes.extend_from_slice(&body[sent..]);
        }
        &mut self.bytes
    }

    /// Appends bytes that others send too, without a copy.
    pub fn share(&mut self, body: Arc<[u8]>) {
        self.tail();
        self.shared = Some((body, 0)).filter(|(body, _)| !body.is_empty());
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

    /// The kernel took `n` bytes of what was pending.
    pub fn consume(&mut self, n: usize) {
        let own = self.bytes.len() - self.sent;
        match &mut self.shared {
            Some((body, sent)) if own == 0 => {
                *sent += n;
                assert!(*sent <= body.len(), "more sent than there was");
                if *sent == body.len() {
                    self.shared = None;
                }
            }
            _ => self.consume_own(n),
        }
    }

    fn consume_own(&mut self, n: usize) {
        self.sent += n;
        assert!(self.sent <= self.bytes.len(), "more sent than there was");
        if self.sent == self.bytes.len() {
            self.bytes.clear();
            self.sent = 0;
        } else if self.sent >= 64 * 1024 && self.sent * 2 >= self.bytes.len() {
            self.bytes.drain(..self.sent);
            self.sent = 0;
        }
    }

    /// Memory held; what is shared is not.
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

    #[test]
    fn what_is_shared_goes_out_in_its_place_and_is_not_copied() {
        let body: Arc<[u8]> = (0..600_000u32).map(|i| i as u8).collect();
        let mut out = Out::default();
        out.tail().extend(b"head");
        out.share(body.clone());
        assert_eq!((out.len(), out.pending()), (600_004, &b"head"[..]));
        assert!(out.capacity() < 100);
        out.consume(3);
        assert_eq!((out.pending(), out.begun()), (&b"d"[..], true));
        out.consume(1);
        assert!(out.begun() && !out.is_empty());
        let mut sent = 0;
        while !out.is_empty() {
            let pending = out.pending();
            assert!(pending.len() <= SEND_BYTES_PER_TURN);
            let n = pending.len().min(100_000);
            assert_eq!(pending[..n], body[sent..][..n]);
            out.consume(n);
            sent += n;
        }
        assert_eq!((sent, Arc::strong_count(&body)), (600_000, 1));
        assert!(!out.begun() && out.pending().is_empty());
    }

    #[test]
    fn what_is_appended_behind_shared_bytes_follows_them() {
        let body: Arc<[u8]> = (*b"shared").into();
        for (taken, rest) in [
            (0, &b"1shared2shared"[..]),
            (1, b"shared2shared"),
            (4, b"red2shared"),
        ] {
            let mut out = Out::default();
            out.tail().push(b'1');
            out.share(body.clone());
            for _ in 0..taken {
                out.consume(1);
            }
            out.tail().push(b'2');
            out.share(body.clone());
            let mut got = Vec::new();
            while !out.is_empty() {
                got.extend_from_slice(out.pending());
                out.consume(out.pending().len());
            }
            assert_eq!(got, rest);
        }
        let mut out = Out::default();
        out.share(Arc::default());
        assert!(out.is_empty() && !out.begun());
    }
}
