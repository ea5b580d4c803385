//! Somebody who listens over one connection after another: cut at any time, it comes back by its last
//! id on whatever transport chance says.
//!
//! Rules: a reader knows what a client would know: the last id that it was told. Where a transport
//! tells none, it takes its place from the oracle's books. What came over all its connections is a
//! [`Trail`], which is judged as a whole.

pub mod answer;
pub mod body;
mod content;
pub mod gunzip;
pub mod iframe;
pub mod multipart;
mod request;
pub mod sse;
pub mod trail;

use crate::ledger::Ledger;
use crate::rng::Rng;
use answer::Stage;
pub use trail::{Came, Gap, Trail};

/// Over what it listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An event stream.
    Sse {
        /// Compressed.
        gzip: bool,
        /// Text as base64, too.
        base64: bool,
        /// Of HTTP/1.0.
        old: bool,
    },
    /// A chunk a message.
    Chunked,
    /// A part a message.
    Mixed,
    /// A script a message.
    Iframe,
    /// A request a message.
    Poll {
        /// The server holds it until there is one.
        wait: bool,
        /// All that waits, as parts of one answer.
        several: bool,
    },
    /// A WebSocket, with ids or without.
    WebSocket {
        /// `ws+meta.nchan`.
        ids: bool,
    },
}

impl Kind {
    /// Any of them. `told`: one that tells ids.
    fn any(told: bool, rng: &mut Rng) -> Kind {
        match rng.below(if told { 14 } else { 17 }) {
            0..=3 => Kind::Sse {
                gzip: rng.chance(150),
                base64: rng.chance(200),
                old: rng.chance(200),
            },
            4..=8 => Kind::Poll {
                wait: rng.chance(700),
                several: rng.chance(300),
            },
            9..=10 => Kind::Mixed,
            11 => Kind::Iframe,
            12..=13 => Kind::WebSocket { ids: true },
            14 => Kind::Chunked,
            _ => Kind::WebSocket { ids: false },
        }
    }

    /// Whether each message comes with its id.
    pub fn tells(self) -> bool {
        !matches!(self, Kind::Chunked | Kind::WebSocket { ids: false })
    }

    /// Whether one request brings one answer, and the connection goes on.
    pub fn is_poll(self) -> bool {
        matches!(self, Kind::Poll { .. })
    }

    /// Whether it is a WebSocket.
    pub fn is_web_socket(self) -> bool {
        matches!(self, Kind::WebSocket { .. })
    }
}

/// See the top of the file.
#[derive(Debug)]
pub struct Reader {
    /// What came.
    pub trail: Trail,
    /// Over what it listens now.
    pub kind: Kind,
    /// The last id that it was told.
    pub last: Option<u64>,
    /// Messages came since without an id.
    untold: bool,
    /// The id of another run that it began with, as long as nothing has come of it.
    pub stale: Option<&'static str>,
    stage: Stage,
    /// The last number that was out when its request left: an answer without a message must not
    /// come where there is one.
    due_by: u64,
    /// Everything has come to rest since, and no answer has come.
    pub unanswered: bool,
    /// It is answered, and asks again then.
    pub asks_at_ms: Option<u64>,
    /// It was turned away for want of something.
    pub refused: bool,
    /// How often it came back.
    pub resumes: u32,
}

/// An id that no run of the simulation gives.
const STALE: &str = "1600000000:7";

impl Reader {
    /// Somebody new, who has an id of another run or none.
    pub fn new(channels: u8, rng: &mut Rng) -> Reader {
        let stale = rng.chance(100).then_some(STALE);
        let mut trail = Trail {
            channels,
            ..Trail::default()
        };
        trail.came.extend(stale.map(|_| Came::Place(0)));
        Reader {
            trail,
            kind: Kind::any(true, rng),
            last: None,
            untold: false,
            stale,
            stage: Stage::Head,
            due_by: 0,
            unanswered: false,
            asks_at_ms: None,
            refused: false,
            resumes: 0,
        }
    }

    /// It has lost its connection and picks the next; false: it has to wait until its place is known.
    pub fn turn(&mut self, ledger: &Ledger, rng: &mut Rng) -> bool {
        if self.untold {
            // The books are behind it for a moment, and where something is wrong, they say so later.
            let Ok(place) = self.trail.place(&ledger.by_number) else {
                return false;
            };
            (self.last, self.untold) = (place, false);
        }
        let fresh = self.last.is_none() && self.stale.is_none();
        self.kind = Kind::any(fresh || self.stale.is_some(), rng);
        self.resumes += 1;
        if fresh {
            self.trail.joined = None;
        }
        true
    }

    /// Whether it hears more than one channel.
    pub fn is_several(&self) -> bool {
        !self.trail.channels.is_power_of_two()
    }

    /// It keeps its connection and asks again.
    pub fn ask_again(&mut self, hold: bool) {
        if let Kind::Poll { wait, .. } = &mut self.kind {
            *wait |= hold;
        }
        self.asks_at_ms = None;
    }

    /// Nothing happens any more: the next answer to a poll has to account for all that there is.
    pub fn is_due_all(&mut self, ledger: &Ledger) {
        self.due_by = ledger.newest_of(self.trail.channels);
        self.unanswered = true;
    }

    /// A stream has begun: it has all that there is once nothing happens any more. What a poll missed
    /// it may be told with its answer only.
    pub fn listens(&self) -> bool {
        match (&self.stage, self.kind) {
            (Stage::Head, _) => false,
            (Stage::Body(_), kind) => !kind.is_poll(),
        }
    }

    /// Everything came as it should. `whole`: also the last message.
    pub fn check(&self, ledger: &Ledger, whole: bool) -> Result<(), String> {
        let what = |e| {
            format!(
                "a reader of channels {:#b}, now {:?}: {e}",
                self.trail.channels, self.kind
            )
        };
        self.trail.check(&ledger.by_number, whole).map_err(what)
    }

    /// It knows that it is heard from now on.
    pub fn joined(&mut self, ledger: &mut Ledger) {
        if self.last.is_none() && self.trail.came.is_empty() {
            self.trail.joined = Some(ledger.tick());
        }
    }

    /// A WebSocket was closed, with where it stands or, after a gap, where it can go on.
    pub fn told_place(&mut self, place: u64, gap: bool) {
        if gap {
            self.came(Came::Gap(Gap {
                after: self.last.unwrap_or(0),
                next: Some(place + 1),
                missed: None,
            }));
        }
        self.came(Came::Place(place));
    }

    /// Notes what came.
    pub fn came(&mut self, came: Came) {
        self.stale = None;
        match came {
            Came::Message(Some(number), _) => self.last = Some(number),
            Came::Place(number) => (self.last, self.untold) = (Some(number), false),
            Came::Message(None, _) | Came::Chunk(..) => self.untold = true,
            Came::Gap(gap) => self.last = Some(gap.after),
            Came::Resume(_) => {}
        }
        self.trail.came.push(came);
    }
}
