//! Which name a message goes out under.
//!
//! Rule: names that mean something of their own to a reader are never passed on: a published `error` would
//! look like a lost connection. Such messages go out without a name, which loses nothing.

use std::borrow::Cow;

use super::Item;
use crate::event::parse;
use crate::limits::EVENT_NAME_BYTES_MAX;

/// The name under which bytes go out.
pub const BINARY: &str = "binary";

/// Names that no message of a publisher goes out under: what readers, and we, say with them is none.
const RESERVED: &[&str] = &["open", "error", "gap", "message", BINARY];

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
