//! A session that listens by long-poll: a request at a time on one connection, each for what follows
//! the message before. The server holds it until there is a message.
//!
//! A request is not answered when it is taken, so nothing tells when the first of them is in.

use std::rc::Rc;

use super::{Endpoint, Hear, Heard, Position, Wire, missed};
use crate::codec::http::{Answers, Head, Part};
use crate::reactor::Ended;

/// A buffer larger than this is given back once its message is told.
const KEEP_BYTES_MAX: usize = 4096;

/// The session.
#[derive(Debug)]
pub struct Poll {
    endpoint: Rc<Endpoint>,
    after: Option<Position>,
    asked: bool,
    answers: Answers,
    answer: Answer,
}

/// The answer under way.
#[derive(Debug, Default)]
struct Answer {
    /// It is a message, and not only word that there was none.
    has_message: bool,
    /// Where one stands who has all of it.
    place: Option<Position>,
    /// It says that messages are missing before it.
    gap: Option<Heard<'static>>,
    /// Bytes of its body, if it says so.
    length: Option<usize>,
    /// What came of it and was not told.
    body: Vec<u8>,
    told: bool,
}

impl Poll {
    /// One that goes on after this position, or begins with what is new.
    pub fn new(endpoint: Rc<Endpoint>, after: Option<Position>) -> Poll {
        Poll {
            endpoint,
            after,
            asked: false,
            answers: Answers::default(),
            answer: Answer::default(),
        }
    }

    /// Asks for what follows.
    pub fn begin(&mut self, wire: &mut Wire<'_>) {
        self.asked = true;
        let url = &self.endpoint.url;
        for piece in ["GET ", &url.path, " HTTP/1.1\r\nHost: ", &url.authority] {
            wire.out.extend_from_slice(piece.as_bytes());
        }
        wire.out.extend_from_slice(b"\r\n");
        if let Some(after) = &self.after {
            wire.out.extend_from_slice(after.lines());
        }
        wire.out.extend_from_slice(b"\r\n");
    }

    /// Whether it has asked.
    pub fn is_open(&self) -> bool {
        self.asked
    }

    /// What asks for all that follows what came.
    pub fn position(&self) -> Option<Position> {
        self.after.clone()
    }

    pub fn take(
        &mut self,
        bytes: &[u8],
        wire: &mut Wire<'_>,
        hear: &mut impl Hear,
    ) -> Result<(), Ended> {
        let (answer, after) = (&mut self.answer, &mut self.after);
        let (mut closed, mut ends) = (false, 0);
        let mut each = |part: Part<'_>| match part {
            Part::Head(head) if head.code < 200 => Ok(()),
            Part::Head(_) if ends > 0 => Err("an answer that nobody asked for".to_owned()),
            Part::Head(head) => answer.begin(&head),
            Part::Body(piece) => {
                answer.piece(piece, hear);
                Ok(())
            }
            Part::End { closes } => {
                *after = answer.end(hear).or(after.take());
                closed |= closes;
                ends += 1;
                Ok(())
            }
        };
        self.answers.feed(bytes, &mut each).map_err(Ended::Http)?;
        if closed {
            return Err(Ended::Cut("the server ends its HTTP connection".to_owned()));
        }
        if ends > 0 {
            self.begin(wire);
        }
        Ok(())
    }
}

impl Answer {
    fn begin(&mut self, head: &Head<'_>) -> Result<(), String> {
        let place = head.field("last-modified").zip(head.field("etag"));
        if !matches!(head.code, 200 | 408) {
            return Err(format!("a poll was answered {} {}", head.code, head.reason));
        }
        self.has_message = head.code == 200;
        if self.has_message && place.is_none() {
            return Err("an answer without Last-Modified and Etag: what follows it?".to_owned());
        }
        self.place = place.map(|(time, tag)| {
            Position::new(&[("If-Modified-Since", time), ("If-None-Match", tag)])
        });
        let gap = head.field("longwave-gap");
        self.gap = gap.map(|gap| Heard::Gap(missed(gap)));
        let length = head.field("content-length").map(std::str::from_utf8);
        self.length = length.and_then(|text| text.ok()?.parse().ok());
        Ok(())
    }

    fn piece(&mut self, piece: &[u8], hear: &mut impl Hear) {
        if self.has_message && self.body.is_empty() && self.length == Some(piece.len()) {
            self.told = true;
            self.gap.take().into_iter().for_each(&mut *hear);
            hear(payload(piece));
        } else if self.has_message {
            self.body.extend_from_slice(piece);
        }
    }

    fn end(&mut self, hear: &mut impl Hear) -> Option<Position> {
        self.gap.take().into_iter().for_each(&mut *hear);
        if self.has_message && !std::mem::take(&mut self.told) {
            hear(payload(&self.body));
        }
        self.body.clear();
        if self.body.capacity() > KEEP_BYTES_MAX {
            self.body = Vec::new();
        }
        self.place.take()
    }
}

fn payload(bytes: &[u8]) -> Heard<'_> {
    Heard::Payload { odd: false, bytes }
}
