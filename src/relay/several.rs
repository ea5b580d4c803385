//! Bodies of several messages: a form, whose parts they are, or lines.
//!
//! Rules:
//! - All or nothing: the whole body is judged before its first message is published.
//! - In their order, one behind the other, and counted as what they are: several messages.
//! - A field of a form that was left empty where a file could stand is no message.
//! - A file's name goes with its media type, as the parameter `name` (`name*` of RFC 8187 where it is not
//!   ASCII): that is the one label which every transport that has labels carries, and whoever does not look
//!   for it is not disturbed; an event named by a file would reach no listener. Of a path only the last part
//!   is told. Where the label would be longer than a media type may be, the name is left out.

use std::borrow::Cow;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::Relay;
use super::routes::is_binary;
use crate::close::Reason;
use crate::conn::{Shape, Upload};
use crate::http::{self, Part, Parts};
use crate::hub::{Body, Message, Submitted, check_content_type};
use crate::limits::CONTENT_TYPE_BYTES_MAX;
use crate::ws::Kind;
use crate::ws::utf8;

/// One message of a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Given<'a> {
    kind: Kind,
    content_type: Option<Cow<'a, str>>,
    payload: &'a [u8],
}

/// The messages of a body that has several; `None`: it is one.
pub(super) fn messages(upload: &Upload) -> Result<Option<Vec<Given<'_>>>, Reason> {
    let body = upload.gather.payload();
    let messages = match &upload.shape {
        Shape::One | Shape::Packets => return Ok(None),
        Shape::Lines => http::lines(body)?.map(line).collect(),
        Shape::Form(boundary) => of_form(boundary, body)?,
    };
    match messages.is_empty() {
        true => Err(Reason::NoMessages),
        false => Ok(Some(messages)),
    }
}

fn line(line: &str) -> Given<'_> {
    Given {
        kind: Kind::Text,
        content_type: None,
        payload: line.as_bytes(),
    }
}

fn of_form<'a>(boundary: &str, body: &'a [u8]) -> Result<Vec<Given<'a>>, Reason> {
    let mut messages = Vec::new();
    for part in Parts::new(boundary, body)? {
        let part = part?;
        let left_empty = part.filename.as_deref() == Some("") && part.body.is_empty();
        if !left_empty {
            messages.push(of_part(part)?);
        }
    }
    Ok(messages)
}

fn of_part(part: Part<'_>) -> Result<Given<'_>, Reason> {
    let declared = part.content_type.unwrap_or_default();
    let declared = check_content_type(declared.as_bytes())?;
    let text = !is_binary(declared.as_bytes()) && utf8::valid(part.body);
    let (kind, implied) = match text {
        true => (Kind::Text, "text/plain"),
        false => (Kind::Binary, "application/octet-stream"),
    };
    let filename = part.filename.as_deref().unwrap_or_default();
    let name = filename.rsplit(['/', '\\']).next().unwrap_or_default();
    let content_type = match (declared, name) {
        ("", "") => None,
        (declared, "") => Some(Cow::Borrowed(declared)),
        ("", name) => Some(named(implied, name)),
        (declared, name) => Some(named(declared, name)),
    };
    Ok(Given {
        kind,
        content_type,
        payload: part.body,
    })
}

/// A media type with the name of a file, if there is room for it.
fn named<'a>(content_type: &'a str, name: &str) -> Cow<'a, str> {
    let plain = |b: u8| matches!(b, b' '..=b'~');
    let label = match name.bytes().all(plain) {
        true => {
            let quoted = name.replace('"', "\\\"");
            format!("{content_type}; name=\"{quoted}\"")
        }
        false => {
            let encoded = utf8_percent_encode(name, NON_ALPHANUMERIC);
            format!("{content_type}; name*=UTF-8''{encoded}")
        }
    };
    match label.len() <= CONTENT_TYPE_BYTES_MAX {
        true => Cow::Owned(label),
        false => Cow::Borrowed(content_type),
    }
}

impl Relay {
    /// Publishes the messages of one body; tells what became of the last.
    pub(super) fn submit_all(
        &mut self,
        channel: u32,
        messages: &[Given<'_>],
        event: Option<&str>,
        now: u64,
    ) -> Result<Submitted, Reason> {
        let mut last = Err(Reason::NoMessages);
        for given in messages {
            let message = Message {
                kind: given.kind,
                content_type: given.content_type.as_deref(),
                event,
                body: Body::Plain(given.payload),
            };
            last = Ok(self.hub.submit(channel, message, None, now)?);
            self.counters.messages_in += 1;
            self.counters.message_bytes_in += given.payload.len() as u64;
        }
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(content_type: Option<&'static str>, filename: Option<&'static str>) -> Part<'static> {
        Part {
            name: "f".into(),
            filename: filename.map(Into::into),
            content_type,
            body: b"text",
        }
    }

    #[test]
    fn a_part_has_its_type_and_the_name_of_its_file() {
        let long = "x".repeat(CONTENT_TYPE_BYTES_MAX);
        let long: &'static str = long.leak();
        for (given, name, kind, label) in [
            (None, None, Kind::Text, None),
            (None, Some(""), Kind::Text, None),
            (Some("text/html"), None, Kind::Text, Some("text/html")),
            (Some("image/png"), None, Kind::Binary, Some("image/png")),
            (
                Some("image/png"),
                Some("a b.png"),
                Kind::Binary,
                Some("image/png; name=\"a b.png\""),
            ),
            (
                None,
                Some("say \"hi\".txt"),
                Kind::Text,
                Some("text/plain; name=\"say \\\"hi\\\".txt\""),
            ),
            (
                Some("image/png"),
                Some("C:\\pictures\\..\\ä.png"),
                Kind::Binary,
                Some("image/png; name*=UTF-8''%C3%A4%2Epng"),
            ),
            (
                Some("image/png"),
                Some("a/b/"),
                Kind::Binary,
                Some("image/png"),
            ),
            (
                Some("image/png"),
                Some(long),
                Kind::Binary,
                Some("image/png"),
            ),
        ] {
            let message = of_part(part(given, name)).unwrap();
            let found = (message.kind, message.content_type.as_deref());
            assert_eq!(found, (kind, label), "{given:?} {name:?}");
            let label = message.content_type.unwrap_or_default();
            assert!(check_content_type(label.as_bytes()).is_ok(), "{label}");
        }
        let reserved = part(Some(crate::hub::GAP_TYPE), Some("x"));
        assert_eq!(of_part(reserved), Err(Reason::BadContentType));
        let bytes = Part {
            body: b"\xff",
            ..part(None, Some("x"))
        };
        let message = of_part(bytes).unwrap();
        let label = "application/octet-stream; name=\"x\"";
        assert_eq!(message.content_type.as_deref(), Some(label));
        assert_eq!(message.kind, Kind::Binary);
    }
}
