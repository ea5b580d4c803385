//! Named messages: the form `{"name":…,"data":…}`, by which an event is one message on every transport.
//!
//! Rules:
//! - The form is an object with exactly these two members, in any order, each once; the name a
//!   string. All of it is checked to be JSON, for `data` is put into other JSON elsewhere. It is a
//!   part of the payload, never written anew: numbers keep their digits, objects their order.
//! - An event with bytes has a third member, `attachments`, an array of the bytes as base64. Where
//!   they stand in `data` is an object `{"_placeholder":true,"num":N}` with their place in the array.
//!   Here it is only seen that there is an array: who hands the bytes on looks at what is in it.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// A message that names itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event<'a> {
    /// The name; decoded, so not always a part of the payload.
    pub name: Cow<'a, str>,
    /// The JSON of the data, without blanks around it.
    pub data: &'a [u8],
    /// The JSON of the attachments, an array of whatever it is, without blanks around it.
    pub attachments: Option<&'a [u8]>,
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
    #[serde(borrow, default, deserialize_with = "array")]
    attachments: Option<&'a RawValue>,
}

/// An array as it is written; anything else, `null` too, is not of the form.
fn array<'de, D: Deserializer<'de>>(from: D) -> Result<Option<&'de RawValue>, D::Error> {
    let value = <&RawValue>::deserialize(from)?;
    if value.get().starts_with('[') {
        return Ok(Some(value));
    }
    Err(serde::de::Error::custom("attachments are an array"))
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
        attachments: members.attachments.map(|json| json.get().as_bytes()),
    })
}

/// Whether an object begins whose first key may be one of the three: a quick no to nearly all other
/// JSON. Arrays end here too, which would be read as the values without their keys.
fn may_be_named(payload: &[u8]) -> bool {
    let key = |payload: &[u8]| -> Option<u8> {
        let object = payload.trim_ascii_start().strip_prefix(b"{")?;
        let key = object.trim_ascii_start().strip_prefix(b"\"")?;
        key.first().copied()
    };
    // A backslash begins an escape, which may stand for any letter.
    matches!(key(payload), Some(b'n' | b'd' | b'a' | b'\\'))
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
