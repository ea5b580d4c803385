//! A session that listens to an event stream (EventSource): one request, and an answer without end.

use std::rc::Rc;

use super::{Endpoint, Hear, Heard, Position, Wire, missed};
use crate::codec::http::{Answers, Head, Part};
use crate::codec::sse::{Event, Events};
use crate::reactor::Ended;

/// The session.
#[derive(Debug)]
pub struct Sse {
    endpoint: Rc<Endpoint>,
    after: Option<Position>,
    open: bool,
    answers: Answers,
    events: Events,
}

impl Sse {
    /// One that goes on after this position, or begins with what is new.
    pub fn new(endpoint: Rc<Endpoint>, after: Option<Position>) -> Sse {
        Sse {
            endpoint,
            after,
            open: false,
            answers: Answers::default(),
            events: Events::default(),
        }
    }

    /// Asks for the stream.
    pub fn begin(&mut self, wire: &mut Wire<'_>) {
        let url = &self.endpoint.url;
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nAccept: text/event-stream\r\nCache-Control: no-store\r\n",
            url.path, url.authority
        );
        wire.out.extend_from_slice(request.as_bytes());
        if let Some(after) = &self.after {
            wire.out.extend_from_slice(after.lines());
        }
        wire.out.extend_from_slice(b"\r\n");
    }

    pub fn is_open(&self) -> bool {
        self.open
    }

    /// What asks for all that follows what came.
    pub fn position(&self) -> Option<Position> {
        match self.events.last_id() {
            [] => self.after.clone(),
            id => Some(Position::new(&[("Last-Event-ID", id)])),
        }
    }

    pub fn take(&mut self, bytes: &[u8], hear: &mut impl Hear) -> Result<(), Ended> {
        let (open, events) = (&mut self.open, &mut self.events);
        let mut over = false;
        let mut each = |part: Part<'_>| match part {
            Part::Head(head) if head.code < 200 => Ok(()),
            Part::Head(head) => check(&head).map(|()| *open = true),
            Part::Body(piece) => events.feed(piece, &mut |event| {
                hear(heard(&event));
                Ok(())
            }),
            Part::End { .. } => {
                over = true;
                Err(String::new())
            }
        };
        match self.answers.feed(bytes, &mut each) {
            Err(_) if over => Err(Ended::Cut("the event stream ended".to_owned())),
            Err(why) if !self.open => Err(Ended::Refused(why)),
            Err(why) => Err(Ended::Http(why)),
            Ok(()) => Ok(()),
        }
    }
}

fn check(head: &Head<'_>) -> Result<(), String> {
    if head.code != 200 {
        return Err(format!(
            "the server answered {} {} instead of an event stream",
            head.code, head.reason
        ));
    }
    let kind = head.field("content-type").unwrap_or_default();
    let kind = kind.split(|b| *b == b';').next().unwrap_or_default();
    match kind.trim_ascii().eq_ignore_ascii_case(b"text/event-stream") {
        true => Ok(()),
        false => Err("the answer is no text/event-stream".to_owned()),
    }
}

/// Payloads are published without a name: one that has a name came as something else.
fn heard<'a>(event: &Event<'a>) -> Heard<'a> {
    match event.name {
        b"gap" => Heard::Gap(missed(event.data)),
        name => Heard::Payload {
            odd: !matches!(name, b"" | b"message"),
            bytes: event.data,
        },
    }
}
