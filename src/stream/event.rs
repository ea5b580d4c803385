//! Named messages: the form `{"name":…,"data":…}`, and which name a message goes out under.
//!
//! Rules:
//! - The form is an object with exactly these two members, in any order, each once; the name a
//!   string. All of it is checked to be JSON, for `data` is put into other JSON elsewhere. It is a
//!   part of the payload, never written anew: numbers keep their digits, objects their order.
//! - Names that mean something of their own to a reader are never passed on: a published `error` would
//!   look like a lost connection. Such messages go out without a name, which loses nothing.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::Item;
use crate::limits::EVENT_NAME_BYTES_MAX;

/// The name under which bytes go out.
pub const BINARY: &str = "binary";

/// Names that no message of a publisher goes out under: what readers, and we, say with them is none.
const RESERVED: &[&str] = &["open", "error", "gap", "message", BINARY];

/// A message that names itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event<'a> {
    /// The name; decoded, so not always a part of the payload.
    pub name: Cow<'a, str>,
    /// The JSON of the data, without blanks around it.
    pub data: &'a [u8],
}

impl Event<'_> {
    /// How many elements the data has if it is an array: what a listener is called with.
    pub fn arguments(&self) -> Option<usize> {
        let mut json = serde_json::Deserializer::from_slice(self.data);
        json.deserialize_seq(Count).ok()
    }
}

/// The members of the form.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Members<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// Reads a payload of the form; `None`: it is not of it.
pub fn parse(payload: &[u8]) -> Option<Event<'_>> {
    if !may_be_named(payload) {
        return None;
    }
    let members: Members<'_> = serde_json::from_slice(payload).ok()?;
    Some(Event {
        name: members.name,
        data: members.data.get().as_bytes(),
    })
}

/// Whether an object begins whose first key may be one of the two: a quick no to nearly all other
/// JSON. Arrays end here too, which would be read as the two values without their keys.
fn may_be_named(payload: &[u8]) -> bool {
    let key = |payload: &[u8]| -> Option<u8> {
        let object = payload.trim_ascii_start().strip_prefix(b"{")?;
        let key = object.trim_ascii_start().strip_prefix(b"\"")?;
        key.first().copied()
    };
    // A backslash begins an escape, which may stand for either letter.
    matches!(key(payload), Some(b'n' | b'd' | b'\\'))
}

/// The name under which a message goes out: of bytes always [`BINARY`], of text what its publisher gave,
/// or what the message calls itself. `None`: it goes out as any message.
pub fn name_of<'a>(item: &Item<'a>) -> Option<Cow<'a, str>> {
    if item.binary {
        return Some(Cow::Borrowed(BINARY));
    }
    let name = match item.event {
        Some(given) => Cow::Borrowed(given),
        None => parse(item.payload)?.name,
    };
    is_passed_on(&name).then_some(name)
}

/// Whether a name may go out.
fn is_passed_on(name: &str) -> bool {
    is_plain(name) && !RESERVED.contains(&name)
}

/// Whether a name is one, and fits a line. Long ones would double what a message takes.
pub(super) fn is_plain(name: &str) -> bool {
    (1..=EVENT_NAME_BYTES_MAX).contains(&name.len()) && !name.contains(char::is_control)
}

/// Counts the elements of an array and keeps none.
struct Count;

impl<'de> Visitor<'de> for Count {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<usize, A::Error> {
        let mut count = 0;
        while elements.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
