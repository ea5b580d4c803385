//! What messages on their way in and the answers to them were kept in, for the next ones: a bounded
//! number of each.

use super::http::Upload;
use super::ws::Collect;
use crate::buf::{Buffers, Gather, Out};
use crate::limits::{SPARE_OUT_BYTES_MAX, SPARES_MAX};

/// See the top of the file.
#[derive(Debug, Default)]
#[expect(
    clippy::vec_box,
    reason = "boxes go back and forth between connections and here"
)]
pub struct Spares {
    pub(super) buffers: Buffers,
    collects: Vec<Box<Collect>>,
    uploads: Vec<Box<Upload>>,
    outs: Vec<Box<Out>>,
}

impl Spares {
    /// Bytes of what is kept, by capacity; the boxes are left out.
    pub fn free_bytes(&self) -> usize {
        let outs = self.outs.iter().map(|o| o.capacity());
        self.buffers.free_bytes() + outs.sum::<usize>()
    }

    /// Takes back what is left of a message that was published.
    pub fn keep(&mut self, gather: Gather) {
        gather.give_back(&mut self.buffers);
    }

    /// Takes back the upload of a message that was published.
    pub fn keep_upload(&mut self, mut upload: Box<Upload>) {
        self.keep(std::mem::take(&mut upload.gather));
        keep(&mut self.uploads, upload);
    }

    /// Takes back private output that was sent, unless it is large.
    pub fn keep_out(&mut self, out: Box<Out>) {
        if out.is_empty() && out.capacity() <= SPARE_OUT_BYTES_MAX {
            keep(&mut self.outs, out);
        }
    }

    /// Private output, empty.
    pub fn out(&mut self) -> Box<Out> {
        self.outs.pop().unwrap_or_default()
    }

    pub(super) fn keep_collect(&mut self, collect: Box<Collect>) {
        keep(&mut self.collects, collect);
    }

    /// An upload, to be started.
    pub fn upload(&mut self) -> Box<Upload> {
        self.uploads.pop().unwrap_or_default()
    }

    /// A collection; everything in it is still to be set.
    pub(super) fn collect(&mut self) -> Box<Collect> {
        self.collects.pop().unwrap_or_default()
    }
}

fn keep<T>(spares: &mut Vec<T>, one: T) {
    if spares.len() < SPARES_MAX {
        spares.push(one);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spares_are_bounded() {
        let mut spares = Spares::default();
        for _ in 0..2 * SPARES_MAX {
            spares.keep_collect(Box::default());
            spares.keep_upload(Box::default());
            spares.keep_out(out(SPARE_OUT_BYTES_MAX));
        }
        let kept = (spares.collects.len(), spares.uploads.len());
        assert_eq!(kept, (SPARES_MAX, SPARES_MAX));
        assert_eq!(spares.free_bytes(), SPARES_MAX * SPARE_OUT_BYTES_MAX);
    }

    #[test]
    fn large_output_is_not_kept() {
        let mut spares = Spares::default();
        spares.keep_out(out(SPARE_OUT_BYTES_MAX + 1));
        assert_eq!(spares.free_bytes(), 0);
    }

    fn out(capacity: usize) -> Box<Out> {
        let mut out = Box::<Out>::default();
        out.tail().reserve_exact(capacity);
        out
    }
}
