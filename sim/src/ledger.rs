//! What was published and in which order it was seen: the books of the oracle.
//!
//! Rules: a channel's order is what its witness saw, a subscriber that reads at once and joined
//! before anybody published. A publisher's messages keep their order in it. Every other member
//! saw one run of that order, without its own messages unless it asked for them, unbroken but for
//! gaps that it was told of.

use std::collections::BTreeMap;

use crate::guest::spoken;
use crate::reader::trail::Numbered;
use crate::rng;

/// A message by channel and index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageId {
    /// Which channel.
    pub channel: usize,
    /// Which of its messages, in the order in which they were written.
    pub index: usize,
}

/// What its publisher knows of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Nothing yet.
    Open,
    /// It will reach everybody.
    Accepted,
    /// It will reach nobody.
    Refused,
}

#[derive(Debug)]
struct Message {
    publisher: u32,
    digest: u64,
    len: usize,
    /// When its last byte left its publisher, on the ledger's own clock; 0: not yet.
    sent: u64,
    fate: Fate,
    seen: bool,
}

#[derive(Debug, Default)]
struct Channel {
    messages: Vec<Message>,
    by_digest: BTreeMap<u64, Vec<usize>>,
    /// Indices of each publisher's messages, oldest first, and how many of them are settled.
    by_publisher: BTreeMap<u32, (Vec<usize>, usize)>,
    order: Vec<usize>,
}

/// A publisher as the ledger treats it.
#[derive(Debug, Clone, Copy, Default)]
struct Publisher {
    /// It may lose its later messages: it was reset, or closed.
    cut: bool,
    /// Any of its messages may be refused by itself (POST), which a WebSocket's cannot.
    each_alone: bool,
}

/// What one member saw, to be compared with the order.
#[derive(Debug)]
pub struct View<'a> {
    /// In which channel.
    pub channel: usize,
    /// Whose messages it does not get.
    pub without: Option<u32>,
    /// Digests of what it got.
    pub seen: &'a [u64],
    /// Messages that it was told it would not get: how many, and how many it had got before.
    pub gaps: &'a [(usize, u64)],
    /// Length of the order when its upgrade was sent.
    pub not_before: usize,
    /// When it knew that it had joined, on the ledger's clock.
    pub joined: u64,
    /// It must have seen everything up to the order's end.
    pub whole: bool,
}

/// What a guest got in one namespace, over one session or several.
#[derive(Debug)]
pub struct Stayed<'a> {
    /// In which channel.
    pub channel: usize,
    /// Whose messages it does not get: its own.
    pub never: u32,
    /// Whose messages it may get: its own of former sessions.
    pub perhaps: &'a [u32],
    /// See [`View`].
    pub seen: &'a [u64],
    /// See [`View`].
    pub not_before: usize,
    /// See [`View`].
    pub joined: u64,
    /// See [`View`].
    pub whole: bool,
}

/// The books.
#[derive(Debug)]
pub struct Ledger {
    /// By channel and the key of the event that a message is heard as: its digest and publisher. Only
    /// where there are guests.
    pub events: Option<BTreeMap<(usize, u64), (u64, u32)>>,
    channels: Vec<Channel>,
    publishers: BTreeMap<u32, Publisher>,
    /// Channel and digest by the number in a message's id.
    numbers: BTreeMap<u64, (usize, u64)>,
    /// All that the witnesses saw, where they ask for ids.
    pub by_number: Numbered,
    clock: u64,
}

impl Ledger {
    /// Empty books for so many channels.
    pub fn new(channels: usize) -> Ledger {
        let channels = (0..channels).map(|_| Channel::default()).collect();
        Ledger {
            events: None,
            channels,
            publishers: BTreeMap::new(),
            numbers: BTreeMap::new(),
            by_number: Numbered::new(),
            clock: 0,
        }
    }

    /// The next moment on the ledger's own clock.
    pub fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    /// Each of this publisher's messages is refused or accepted by itself.
    pub fn each_alone(&mut self, publisher: u32) {
        self.publishers.entry(publisher).or_default().each_alone = true;
    }

    /// From now on this publisher's messages may be lost, from some one on.
    pub fn cut(&mut self, publisher: u32) {
        self.publishers.entry(publisher).or_default().cut = true;
    }

    /// Enters a message that is about to be sent.
    pub fn add(&mut self, channel: usize, publisher: u32, text: bool, payload: &[u8]) -> MessageId {
        let (digest, len) = (rng::digest(text, payload), payload.len());
        if let Some(events) = &mut self.events {
            let key = spoken::key_of(text, payload);
            events.entry((channel, key)).or_insert((digest, publisher));
        }
        let c = &mut self.channels[channel];
        let index = c.messages.len();
        c.messages.push(Message {
            publisher,
            digest,
            len,
            sent: 0,
            fate: Fate::Open,
            seen: false,
        });
        c.by_digest.entry(digest).or_default().push(index);
        c.by_publisher.entry(publisher).or_default().0.push(index);
        MessageId { channel, index }
    }

    /// Its last byte left the publisher.
    pub fn sent(&mut self, id: MessageId) {
        let now = self.tick();
        self.channels[id.channel].messages[id.index].sent = now;
    }

    /// Its publisher has been answered.
    pub fn settle(&mut self, id: MessageId, fate: Fate) -> Result<(), String> {
        let m = &mut self.channels[id.channel].messages[id.index];
        m.fate = fate;
        if fate == Fate::Refused && m.seen {
            return Err(format!("message {id:?} was refused and delivered"));
        }
        Ok(())
    }

    /// How many messages the channel's order has.
    pub fn order_len(&self, channel: usize) -> usize {
        self.channels[channel].order.len()
    }

    /// Whether such a message was sent there at all.
    pub fn known(&self, channel: usize, digest: u64) -> bool {
        let c = &self.channels[channel];
        c.by_digest
            .get(&digest)
            .is_some_and(|l| l.iter().any(|&i| c.messages[i].sent > 0))
    }

    /// The message that is heard as this event: its digest and publisher.
    pub fn heard(&self, channel: usize, key: u64) -> Option<(u64, u32)> {
        self.events.as_ref()?.get(&(channel, key)).copied()
    }

    /// The channel's witness saw this message next, with its number if it asks for ids.
    pub fn witness(
        &mut self,
        channel: usize,
        digest: u64,
        number: Option<u64>,
    ) -> Result<(), String> {
        let publishers = &self.publishers;
        let c = &mut self.channels[channel];
        let same = c.by_digest.get(&digest).map_or(&[][..], Vec::as_slice);
        let mut why = "nobody sent it".to_string();
        let found = same
            .iter()
            .copied()
            .find(|&i| match c.next_in_line(i, publishers) {
                Ok(()) => true,
                Err(e) => {
                    why = e;
                    false
                }
            });
        let index =
            found.ok_or_else(|| format!("channel {channel}, message {}: {why}", c.order.len()))?;
        c.take(index);
        if let Some(number) = number {
            let sent = c.messages[index].sent;
            self.by_number.insert(number, (channel, digest, sent));
        }
        Ok(())
    }

    /// The newest number in any of these channels, which are bits; 0: none yet.
    pub fn newest_of(&self, channels: u8) -> u64 {
        let newest = self.by_number.iter().rev();
        let mine = newest.filter(|(_, m)| channels >> m.0 & 1 == 1);
        mine.map(|(number, _)| *number).next().unwrap_or(0)
    }

    /// A member saw this number in a message's id, which has to be the same for everybody.
    pub fn numbered(&mut self, number: u64, channel: usize, digest: u64) -> Result<(), String> {
        let known = self.numbers.entry(number).or_insert((channel, digest));
        match *known == (channel, digest) {
            true => Ok(()),
            false => Err(format!("id {number} is that of two messages")),
        }
    }

    /// Everything that must have been delivered was.
    pub fn check_complete(&self, channel: usize) -> Result<(), String> {
        let c = &self.channels[channel];
        for (publisher, (list, _)) in &c.by_publisher {
            let cut = self.publishers.get(publisher).is_some_and(|p| p.cut);
            let lost = list.iter().find(|&&i| {
                let m = &c.messages[i];
                !m.seen
                    && (m.fate == Fate::Accepted || (m.fate == Fate::Open && m.sent > 0 && !cut))
            });
            if let Some(i) = lost {
                let m = &c.messages[*i];
                return Err(format!(
                    "channel {channel}: message {i} of publisher {publisher} ({} bytes, {:?}) was never delivered",
                    m.len, m.fate
                ));
            }
        }
        Ok(())
    }

    /// The member's view is one run of the order, unbroken but for the gaps it was told of.
    pub fn check_view(&self, view: &View<'_>) -> Result<(), String> {
        let c = &self.channels[view.channel];
        let first_due = c
            .order
            .iter()
            .position(|&i| c.messages[i].sent > view.joined);
        let last_start = first_due.unwrap_or(c.order.len());
        let mut best = 0;
        for start in view.not_before.min(last_start)..=last_start {
            match c.run_from(start, view) {
                Ok(()) => return Ok(()),
                Err(matched) => best = best.max(matched),
            }
        }
        let total = c.order.len();
        Err(format!(
            "a member of channel {} saw {} messages, not a run of the order of {total} (starts {} to {last_start}, {best} alike, whole {})",
            view.channel,
            view.seen.len(),
            view.not_before,
            view.whole
        ))
    }

    /// Bytes in the channel's order behind the first `seen` messages of others than `own`, as bytes that
    /// became base64 in JSON. What it published itself counts like any other.
    pub fn bytes_left(&self, channel: usize, own: &[u32], not_before: usize, seen: usize) -> usize {
        let c = &self.channels[channel];
        let mut left = seen;
        let messages = c.order[not_before..].iter().map(|&i| &c.messages[i]);
        let behind = messages.skip_while(|m| {
            let before = left > 0;
            left -= usize::from(before && !own.contains(&m.publisher));
            before
        });
        // The witness may not have got yet what others were sent.
        let unseen = c.messages.iter().filter(|m| m.sent > 0 && !m.seen);
        behind.chain(unseen).map(|m| (m.len + 100) * 4 / 3).sum()
    }

    /// What a guest got is one run of the order.
    pub fn check_stay(&self, stay: &Stayed<'_>) -> Result<(), String> {
        let c = &self.channels[stay.channel];
        let due = |i: &usize| c.messages[*i].sent > stay.joined;
        let last_start = c.order.iter().position(due).unwrap_or(c.order.len());
        let mut best = 0;
        for start in stay.not_before.min(last_start)..=last_start {
            match c.stay_from(start, stay) {
                Ok(()) => return Ok(()),
                Err(alike) => best = best.max(alike),
            }
        }
        Err(format!(
            "in channel {} it got {} events, not a run of the order of {} (starts {} to {last_start}, {best} alike, whole {}, own {} and {:?})",
            stay.channel,
            stay.seen.len(),
            c.order.len(),
            stay.not_before,
            stay.whole,
            stay.never,
            stay.perhaps,
        ))
    }

    /// Bytes in the channel's order behind what a member saw, its own messages there included.
    pub fn bytes_behind(&self, view: &View<'_>) -> usize {
        let c = &self.channels[view.channel];
        let missed: u64 = view.gaps.iter().map(|(_, missed)| missed).sum();
        let mut left = view.seen.len() + missed as usize;
        let behind = c.order.iter().skip(view.not_before).skip_while(|&&i| {
            let before = left > 0;
            let own = view.without == Some(c.messages[i].publisher);
            left -= usize::from(before && !own);
            before
        });
        // A tiny message counts for what it holds.
        behind.map(|&i| (c.messages[i].len + 10).max(32)).sum()
    }
}

impl Channel {
    /// Whether message `index` may be the next one that everybody gets.
    fn next_in_line(
        &self,
        index: usize,
        publishers: &BTreeMap<u32, Publisher>,
    ) -> Result<(), String> {
        let m = &self.messages[index];
        let (list, settled) = &self.by_publisher[&m.publisher];
        if m.seen {
            return Err(format!("message {index} came twice"));
        }
        if m.sent == 0 {
            return Err(format!("message {index} came before it was sent whole"));
        }
        if m.fate == Fate::Refused {
            return Err(format!("message {index} was refused and delivered"));
        }
        let alone = publishers.get(&m.publisher).is_some_and(|p| p.each_alone);
        let earlier: Vec<usize> = list[*settled..]
            .iter()
            .copied()
            .take_while(|&i| i < index)
            .collect();
        if !list[*settled..].contains(&index) {
            return Err(format!(
                "message {index} of publisher {} came after a later one",
                m.publisher
            ));
        }
        let skipped = earlier
            .iter()
            .any(|&i| !alone || self.messages[i].fate == Fate::Accepted);
        match skipped {
            true => Err(format!(
                "message {index} of publisher {} came before {earlier:?}",
                m.publisher
            )),
            false => Ok(()),
        }
    }

    fn take(&mut self, index: usize) {
        let m = &mut self.messages[index];
        m.seen = true;
        let (list, settled) = self
            .by_publisher
            .get_mut(&m.publisher)
            .expect("entered with its message");
        *settled = list.iter().position(|&i| i == index).expect("entered") + 1;
        self.order.push(index);
    }

    /// Compares a guest's from one start; the error is how many were alike.
    fn stay_from(&self, start: usize, stay: &Stayed<'_>) -> Result<(), usize> {
        let mut alike = 0;
        for &i in &self.order[start..] {
            let m = &self.messages[i];
            match stay.seen.get(alike) {
                _ if m.publisher == stay.never => {}
                Some(digest) if *digest == m.digest => alike += 1,
                _ if stay.perhaps.contains(&m.publisher) => {}
                None if !stay.whole => return Ok(()),
                _ => return Err(alike),
            }
        }
        match alike == stay.seen.len() {
            true => Ok(()),
            false => Err(alike),
        }
    }

    /// Compares from one start; the error is how many were alike.
    fn run_from(&self, start: usize, view: &View<'_>) -> Result<(), usize> {
        let mut seen = view.seen.iter();
        let mut gaps = view.gaps.iter().peekable();
        let (mut alike, mut missing) = (0, 0);
        for &i in &self.order[start..] {
            let m = &self.messages[i];
            if view.without == Some(m.publisher) {
                continue;
            }
            while let Some((_, missed)) = gaps.next_if(|(got, _)| *got == alike) {
                missing += missed;
            }
            if missing > 0 {
                missing -= 1;
                continue;
            }
            match seen.next() {
                Some(d) if *d == m.digest => alike += 1,
                None if !view.whole => return Ok(()),
                _ => return Err(alike),
            }
        }
        if seen.next().is_none() && missing == 0 && gaps.next().is_none() {
            Ok(())
        } else {
            Err(alike)
        }
    }
}
