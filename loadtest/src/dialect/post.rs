//! Publishing by HTTP: each payload is the body of a POST, one after the other on one connection.
//!
//! Requests do not wait for the answers to those before them (pipelining, RFC 9112 9.3.2), so that
//! a window of messages is as many requests outstanding.

use std::rc::Rc;

use super::{Endpoint, Wire};
use crate::codec::http::{Answers, Part};
use crate::payload::Form;
use crate::reactor::Ended;

/// The session.
#[derive(Debug)]
pub struct Post {
    endpoint: Rc<Endpoint>,
    answers: Answers,
    /// Requests that are not answered.
    asked: u64,
}

impl Post {
    pub fn new(endpoint: Rc<Endpoint>) -> Post {
        Post {
            endpoint,
            answers: Answers::default(),
            asked: 0,
        }
    }

    pub fn publish(&mut self, payload: &[u8], wire: &mut Wire<'_>) {
        let kind = match self.endpoint.form {
            Form::Binary => "application/octet-stream",
            Form::Text => "text/plain",
            Form::Json => "application/json",
        };
        let url = &self.endpoint.url;
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            url.path,
            url.authority,
            payload.len()
        );
        wire.out.extend_from_slice(head.as_bytes());
        wire.out.extend_from_slice(payload);
        self.asked += 1;
    }

    pub fn take(&mut self, bytes: &[u8]) -> Result<(), Ended> {
        let asked = &mut self.asked;
        let mut closed = false;
        let mut each = |part: Part<'_>| match part {
            Part::Head(head) if !(100..300).contains(&head.code) => {
                Err(format!("a POST was answered {} {}", head.code, head.reason))
            }
            Part::Head(..) if *asked == 0 => Err("an answer that nobody asked for".to_owned()),
            Part::End { closes } => {
                *asked -= 1;
                closed |= closes;
                Ok(())
            }
            Part::Head(..) | Part::Body(_) => Ok(()),
        };
        let fed = self.answers.feed(bytes, &mut each);
        fed.map_err(Ended::Rejected)?;
        match closed {
            true => Err(Ended::Cut("the server ends its HTTP connection".to_owned())),
            false => Ok(()),
        }
    }
}
