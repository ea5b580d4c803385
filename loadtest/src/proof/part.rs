//! The proof for one who is there for a part of the time, or who may fall behind: between its
//! joining and its leaving nothing may be missing, come twice, or come in another order.

use super::{Announced, Book, Faults, Gaps, Place, Read, Seen, Stream};
use crate::payload::Stamp;

/// One receiver, from when it joined until it left or was closed.
#[derive(Debug, Clone)]
pub struct Part {
    streams: Vec<Stretch>,
    /// What each publisher had sent when this receiver had its answer to the handshake.
    joined: Option<Vec<u32>>,
    /// What each had sent when it decided to leave; all that must have come.
    leaving: Option<Vec<u32>>,
    faults: Faults,
    foreign: u64,
    fresh: u64,
    bytes: u64,
    /// What the server says is missing here.
    announced: Option<Box<Announced>>,
}

/// One publisher's messages: none yet, or from some sequence on.
#[derive(Debug, Clone, Default)]
struct Stretch {
    first: Option<u32>,
    stream: Stream,
}

impl Stretch {
    /// How many of those from `from` up to `to` are behind the newest that came.
    fn behind(&self, from: u32, to: u32) -> u64 {
        match self.first {
            None => u64::from(to.saturating_sub(from)),
            Some(_) => self.stream.behind(to),
        }
    }
}

impl Part {
    /// One that has begun to connect; messages may come with the answer to its handshake.
    pub fn new(book: &Book) -> Part {
        Part {
            streams: vec![Stretch::default(); book.sent().len()],
            joined: None,
            leaving: None,
            faults: Faults::default(),
            foreign: 0,
            fresh: 0,
            bytes: 0,
            announced: None,
        }
    }

    /// It is in: what is sent from now on must come. One that already means to leave was never in.
    pub fn join(&mut self, book: &Book) {
        if self.leaving.is_none() {
            self.joined.get_or_insert_with(|| book.sent().to_vec());
        }
    }

    /// It means to leave: what is sent from now on may come or not.
    pub fn leave(&mut self, book: &Book) {
        self.leaving.get_or_insert_with(|| book.sent().to_vec());
    }

    /// Whether it means to leave and has all it must have.
    pub fn may_go(&self) -> bool {
        self.leaving.is_some() && self.verdict().lost == 0
    }

    /// Notes that the server says messages are missing here.
    pub fn gap(&mut self, missed: Option<u64>) {
        let announced = self.announced.get_or_insert_default();
        announced.announce(self.streams.len(), missed);
    }

    /// Checks one delivery.
    pub fn deliver(&mut self, book: &Book, text: bool, payload: &[u8]) -> Seen {
        let stamp = match book.read(text, payload) {
            Read::Ours(stamp) => stamp,
            other => {
                self.faults.note(other);
                self.foreign += u64::from(other == Read::Foreign);
                return Seen::Other;
            }
        };
        let skipped = self.skipped_before(&stamp);
        let stretch = &mut self.streams[stamp.publisher as usize];
        if stretch.first.is_none() {
            stretch.first = Some(stamp.sequence);
            stretch.stream = Stream::from(stamp.sequence);
        }
        match stretch.stream.note(stamp.sequence) {
            Place::New => {}
            Place::Late => self.faults.reordered += 1,
            Place::Again => {
                self.faults.duplicated += 1;
                return Seen::Other;
            }
        }
        self.fresh += 1;
        self.bytes += payload.len() as u64;
        Seen::Fresh(stamp, skipped)
    }

    /// How many are missing directly before this one, and were announced.
    fn skipped_before(&mut self, stamp: &Stamp) -> u32 {
        let publisher = stamp.publisher as usize;
        let Some(announced) = &mut self.announced else {
            return 0;
        };
        let stretch = &self.streams[publisher];
        let ahead = match (stretch.first, &self.joined) {
            (Some(_), _) => stretch.stream.ahead(stamp.sequence),
            (None, Some(joined)) => Some(stamp.sequence.saturating_sub(joined[publisher])),
            (None, None) => Some(0),
        };
        ahead.map_or(0, |ahead| announced.next(publisher, ahead))
    }

    /// First-time deliveries.
    pub fn fresh(&self) -> u64 {
        self.fresh
    }

    /// Payload bytes of these.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Messages of other runs.
    pub fn foreign(&self) -> u64 {
        self.foreign
    }

    /// Messages missing between the first and the last that came.
    pub fn gaps(&self) -> u64 {
        self.streams.iter().map(|s| s.stream.holes()).sum()
    }

    /// Of these, how many were not announced.
    pub fn unannounced(&self) -> u64 {
        let skipped = self.announced.as_ref().map_or(0, |a| a.skipped());
        self.gaps().saturating_sub(skipped)
    }

    /// What is missing and was announced.
    pub fn announced(&self) -> Gaps {
        let behind = |p: usize| match (&self.joined, &self.leaving) {
            (Some(joined), Some(leaving)) => self.streams[p].behind(joined[p], leaving[p]),
            _ => 0,
        };
        let announced = self.announced.as_ref();
        announced.map_or(Gaps::default(), |a| a.gaps(behind))
    }

    /// What went wrong, apart from what is missing.
    pub fn faults(&self) -> Faults {
        self.faults
    }

    /// The verdict: nothing may be missing from the joining until the leaving.
    pub fn verdict(&self) -> Faults {
        Faults {
            lost: self.missing().saturating_sub(self.announced().skipped),
            ..self.faults
        }
    }

    /// Of what was sent between joining and leaving, how much has not come.
    fn missing(&self) -> u64 {
        let (Some(joined), Some(leaving)) = (&self.joined, &self.leaving) else {
            return self.gaps();
        };
        let ends = joined.iter().zip(leaving);
        let each = self.streams.iter().zip(ends);
        each.map(|(s, (&from, &to))| match s.first {
            None => u64::from(to.saturating_sub(from)),
            Some(first) => u64::from(first.saturating_sub(from)) + s.stream.missing(to),
        })
        .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::Maker;

    const RUN: u32 = 5;

    fn publish_ten(book: &mut Book) {
        for _ in 0..10 {
            book.publish(0);
        }
    }

    /// A part that joined after 10 messages of one publisher and means to leave after 20 of 30.
    struct Scene {
        book: Book,
        part: Part,
    }

    impl Scene {
        fn new() -> Scene {
            let mut book = Book::new(RUN, 7, 1);
            let mut part = Part::new(&book);
            publish_ten(&mut book);
            part.join(&book);
            publish_ten(&mut book);
            part.leave(&book);
            publish_ten(&mut book);
            Scene { book, part }
        }

        fn get(&mut self, sequences: impl Iterator<Item = u32>) -> Faults {
            for sequence in sequences {
                let message = Maker::new(RUN, 40, 1).make(7, sequence, 0).to_vec();
                self.part.deliver(&self.book, false, &message);
            }
            self.part.verdict()
        }
    }

    #[test]
    fn what_came_before_the_joining_or_after_the_leaving_may_come_or_not() {
        for range in [10..20, 8..20, 10..25, 0..30] {
            let mut scene = Scene::new();
            assert!(!scene.part.may_go());
            assert_eq!(scene.get(range.clone()), Faults::default(), "{range:?}");
            assert!(scene.part.may_go());
            assert_eq!(scene.part.fresh(), range.len() as u64);
            assert_eq!(scene.part.bytes(), range.len() as u64 * 40);
        }
    }

    #[test]
    fn one_that_leaves_before_it_counts_as_in_misses_nothing_but_holes() {
        let mut scene = Scene::new();
        scene.part.joined = None;
        assert_eq!(scene.get([12, 13].into_iter()), Faults::default());
        assert!(scene.part.may_go());
        scene.part.join(&scene.book);
        assert_eq!(scene.part.verdict(), Faults::default());
        assert_eq!(scene.get([15].into_iter()).lost, 1);
    }

    #[test]
    fn what_is_missing_in_between_is_lost() {
        let lost = |lost| Faults {
            lost,
            ..Faults::default()
        };
        assert_eq!(Scene::new().get(0..0), lost(10));
        assert_eq!(Scene::new().get(12..20), lost(2));
        assert_eq!(Scene::new().get(10..19), lost(1));
        assert_eq!(Scene::new().get((10..20).filter(|&s| s != 15)), lost(1));
        // A hole is a hole, also before it joined.
        assert_eq!(Scene::new().get((5..20).filter(|&s| s != 7)), lost(1));
        assert_eq!(Scene::new().get(20..22), lost(10));
    }

    #[test]
    fn what_is_announced_to_be_missing_is_not_lost() {
        // After one message, or before any: 10 to 19 are due.
        for (before, missed, after, lost) in [
            (1, Some(3), 14..20, 0),
            (1, Some(2), 14..20, 1),
            (1, None, 19..20, 0),
            (0, Some(4), 14..20, 0),
            (0, Some(3), 14..20, 1),
            (1, Some(9), 0..0, 0),
            (1, Some(8), 0..0, 1),
        ] {
            let mut scene = Scene::new();
            scene.get(10..10 + before);
            scene.part.gap(missed);
            assert_eq!(scene.get(after.clone()).lost, lost, "{missed:?} {after:?}");
            assert_eq!(scene.part.may_go(), lost == 0);
            let announced = scene.part.announced();
            assert_eq!(announced.announced, 1);
            assert_eq!(scene.part.fresh() + announced.skipped + lost, 10);
        }
        let mut scene = Scene::new();
        scene.get(10..12);
        scene.part.gap(Some(2));
        scene.get([14, 17].into_iter());
        assert_eq!((scene.part.gaps(), scene.part.unannounced()), (4, 2));
    }

    #[test]
    fn each_planted_fault_is_named() {
        let faults = Scene::new().get((10..20).chain([19]));
        assert_eq!((faults.duplicated, faults.lost), (1, 0));
        let faults = Scene::new().get([10, 12, 11, 13].into_iter().chain(14..20));
        assert_eq!((faults.reordered, faults.lost), (1, 0));
        let faults = Scene::new().get((10..20).chain([30]));
        assert_eq!(faults.phantom, 1);

        let mut scene = Scene::new();
        let mut harmed = Maker::new(RUN, 40, 1).make(7, 10, 0).to_vec();
        harmed[30] ^= 1;
        let stranger = Maker::new(RUN, 40, 1).make(6, 10, 0).to_vec();
        let foreign = Maker::new(RUN + 1, 40, 1).make(7, 10, 0).to_vec();
        for message in [harmed, stranger, foreign] {
            let seen = scene.part.deliver(&scene.book, false, &message);
            assert_eq!(seen, Seen::Other);
        }
        let faults = scene.part.faults();
        assert_eq!((faults.corrupted, faults.phantom), (1, 1));
        assert_eq!(scene.part.foreign(), 1);
    }

    #[test]
    fn one_that_never_leaves_by_itself_must_have_no_holes() {
        let mut book = Book::new(RUN, 7, 1);
        let mut part = Part::new(&book);
        part.join(&book);
        publish_ten(&mut book);
        for sequence in [0, 1, 4] {
            let message = Maker::new(RUN, 40, 1).make(7, sequence, 0).to_vec();
            part.deliver(&book, false, &message);
        }
        assert_eq!((part.gaps(), part.verdict().lost), (2, 2));
    }
}
