//! Gaps that the server announces: what is missing by them is counted apart, and is not lost.
//!
//! An announcement stands for what is missing directly before each publisher's next message, or
//! behind its last, and for no more than it says is missing.

/// What was announced at one receiver.
#[derive(Debug, Clone, Default)]
pub struct Announced {
    /// Announcements.
    count: u64,
    /// Messages that may still turn out to be missing by them; `None`: they do not say.
    left: Option<u64>,
    /// By publisher: nothing of it came since the last announcement.
    open: Box<[bool]>,
    /// Messages that turned out to be missing.
    skipped: u64,
}

/// What is missing and was announced, over many receivers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gaps {
    /// Announcements.
    pub announced: u64,
    /// Deliveries that are missing by them.
    pub skipped: u64,
}

impl Gaps {
    /// Adds another's counts.
    pub fn add(&mut self, other: Gaps) {
        self.announced += other.announced;
        self.skipped += other.skipped;
    }
}

impl Announced {
    /// Notes an announcement to a receiver of so many publishers.
    pub fn announce(&mut self, publishers: usize, missed: Option<u64>) {
        self.count += 1;
        let before = match self.open.contains(&true) {
            true => self.left,
            // Nobody's next message is waited for: that one has said its all.
            false => Some(0),
        };
        self.left = before.zip(missed).map(|(a, b)| a.saturating_add(b));
        self.open = vec![true; publishers].into();
    }

    /// Notes a publisher's next message, with so many missing directly before it; how many of these
    /// were announced.
    pub fn next(&mut self, publisher: usize, missing: u32) -> u32 {
        if !std::mem::take(&mut self.open[publisher]) {
            return 0;
        }
        let left = self.left.unwrap_or(u64::MAX);
        let skipped = u64::from(missing).min(left);
        self.left = self.left.map(|left| left - skipped);
        self.skipped += skipped;
        skipped as u32
    }

    /// Messages that turned out to be missing so far.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Everything, once nothing more is to come; `behind` tells how many are missing behind a
    /// publisher's last.
    pub fn gaps(&self, behind: impl Fn(usize) -> u64) -> Gaps {
        let open = (0..self.open.len()).filter(|p| self.open[*p]);
        let behind: u64 = open.map(behind).sum();
        Gaps {
            announced: self.count,
            skipped: self.skipped + behind.min(self.left.unwrap_or(u64::MAX)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn none(_: usize) -> u64 {
        0
    }

    #[test]
    fn an_announcement_stands_for_what_is_missing_next_and_for_no_more_than_it_says() {
        let mut announced = Announced::default();
        announced.announce(2, Some(5));
        assert_eq!(announced.next(0, 3), 3);
        // Its next one has come: what is missing later was not announced.
        assert_eq!(announced.next(0, 3), 0);
        assert_eq!(announced.next(1, 3), 2);
        assert_eq!((announced.skipped(), announced.gaps(none).skipped), (5, 5));
        assert_eq!(announced.gaps(none).announced, 1);
    }

    #[test]
    fn one_that_does_not_say_how_many_stands_for_all_before_the_next_ones() {
        let mut announced = Announced::default();
        announced.announce(2, None);
        assert_eq!((announced.next(1, 0), announced.next(0, 900)), (0, 900));
        announced.announce(2, Some(1));
        assert_eq!((announced.next(0, 2), announced.next(1, 2)), (1, 0));
    }

    #[test]
    fn announcements_before_anything_came_add_up() {
        let mut announced = Announced::default();
        announced.announce(1, Some(2));
        announced.announce(1, Some(3));
        assert_eq!(announced.next(0, 9), 5);
        announced.announce(1, Some(2));
        announced.announce(1, None);
        assert_eq!(announced.next(0, 9), 9);
        assert_eq!(announced.gaps(none).announced, 4);
    }

    #[test]
    fn what_is_missing_behind_the_last_may_be_announced_too() {
        let mut announced = Announced::default();
        announced.announce(2, Some(4));
        assert_eq!(announced.next(1, 1), 1);
        let behind = |publisher| [2, 50][publisher];
        assert_eq!(announced.gaps(behind).skipped, 3);
        let behind = |publisher| [5, 50][publisher];
        assert_eq!(announced.gaps(behind).skipped, 4);
        assert_eq!(announced.skipped(), 1);
    }
}
