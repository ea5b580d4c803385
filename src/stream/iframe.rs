//! A page that never ends, for browsers that have nothing better: each message is a script in it.
//!
//! Rules:
//! - The page calls a function of the page around it: `parent.NAME(data, id, event)`, always with
//!   strings; bytes are base64 and their event is `binary`; a message without a name has no third argument.
//! - Whatever a payload holds, it stays a string: it is escaped for JSON and for HTML at once.
//! - The name of the function is the only thing of a request that gets into the page. It is checked:
//!   identifiers joined by dots, none of them by which a text becomes a program. And the page does
//!   nothing where nobody has put it into a frame: then `parent` would be the page itself.
//! - A script takes itself out of the page before it calls, so that the page does not grow.

use std::io::Write;

use super::{Item, append_base64, event};
use crate::limits::CALLBACK_BYTES_MAX;

/// Sent when nothing else was for a while: a blank, which joins the one before it.
pub const HEARTBEAT: &[u8] = b"\n";

/// Browsers may hold back the first bytes of a page until there are so many.
const PADDING: usize = 2048;

/// What the page begins with, up to the name of the function.
const BEFORE_NAME: &str = "<!doctype html><html><head><meta charset=\"utf-8\"><title>longwave</title><script>\
    var f=parent===self?null:";

/// What follows the name. `m` is there even if the name cannot be read.
const AFTER_NAME: &str = ";function m(d,i,e){var s=document.currentScript;if(s)s.remove();if(f)f(d,i,e)}\
    </script></head><body>";

/// Parts of a name by which a text would become a program, a page or a request of the page around.
/// Not all there are: a page that is framed by strangers has to guard its own functions.
const REFUSED: &[&str] = &[
    "$",
    "Function",
    "__proto__",
    "constructor",
    "document",
    "eval",
    "execScript",
    "fetch",
    "history",
    "import",
    "jQuery",
    "location",
    "navigate",
    "navigation",
    "open",
    "prototype",
    "setImmediate",
    "setInterval",
    "setTimeout",
    "showModalDialog",
];

/// Lets the name of a function pass: `parent`, and then identifiers of ASCII letters, digits, `_` and
/// `$`, each after a dot.
pub fn check_callback(name: &str) -> Option<&str> {
    let below = name.strip_prefix("parent.")?;
    let fits = name.len() <= CALLBACK_BYTES_MAX
        && below
            .split('.')
            .all(|part| is_identifier(part) && !REFUSED.contains(&part));
    fits.then_some(name)
}

fn is_identifier(part: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$');
    part.bytes().all(inner) && part.bytes().next().is_some_and(|b| !b.is_ascii_digit())
}

/// Appends the beginning of the page. `callback` has passed [`check_callback`].
pub fn head(callback: &str, out: &mut Vec<u8>) {
    debug_assert!(check_callback(callback).is_some(), "{callback:?}");
    for part in [BEFORE_NAME, callback, AFTER_NAME] {
        out.extend_from_slice(part.as_bytes());
    }
    out.extend_from_slice(b"<!--");
    out.resize(out.len() + PADDING, b' ');
    out.extend_from_slice(b"-->\n");
}

/// Appends a message.
pub fn append(item: &Item<'_>, out: &mut Vec<u8>) {
    debug_assert!(item.is_checked(), "not one line: {item:?}");
    out.reserve(item.payload.len() + 64);
    out.extend_from_slice(b"<script>m(");
    if item.binary {
        out.push(b'"');
        append_base64(item.payload, out);
        out.push(b'"');
    } else {
        append_string(item.payload, out);
    }
    append_rest(item.id, event::name_of(item).as_deref(), out);
}

/// Appends the call that tells of a gap: its JSON is the data, the event is `gap`.
pub fn gap(id: &str, json: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"<script>m(");
    append_string(json.as_bytes(), out);
    append_rest(id, Some("gap"), out);
}

/// Appends the end of the page. Its last call says, as `EventSource` would, that the connection is
/// lost: no data, no id, the event `error`. Who wants more loads the page again with the last id.
pub fn end(out: &mut Vec<u8>) {
    out.extend_from_slice(b"<script>m(null,null,\"error\")</script></body></html>\n");
}

/// Appends what follows the data of a call.
fn append_rest(id: &str, event: Option<&str>, out: &mut Vec<u8>) {
    for argument in [Some(id), event].into_iter().flatten() {
        out.push(b',');
        append_string(argument.as_bytes(), out);
    }
    out.extend_from_slice(b")</script>");
}

/// Appends a text as a string of JSON that is one of JavaScript too and has nothing that HTML heeds.
fn append_string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let mut copied = 0;
    for at in 0..text.len() {
        let Some((character, len)) = to_escape(&text[at..]) else {
            continue;
        };
        out.extend_from_slice(&text[copied..at]);
        append_escape(character, out);
        copied = at + len;
    }
    out.extend_from_slice(&text[copied..]);
    out.push(b'"');
}

/// The character that a text begins with and its bytes, if it must not go out as it is.
fn to_escape(text: &[u8]) -> Option<(u16, usize)> {
    match *text {
        [byte @ (0..0x20 | b'"' | b'\\' | b'<' | b'>' | b'&'), ..] => Some((byte.into(), 1)),
        // U+2028 and U+2029, which end a line in older JavaScript.
        [0xe2, 0x80, last @ (0xa8 | 0xa9), ..] => Some((0x2000 | u16::from(last & 0x3f), 3)),
        _ => None,
    }
}

fn append_escape(character: u16, out: &mut Vec<u8>) {
    match character {
        0x22 => out.extend_from_slice(b"\\\""),
        0x5c => out.extend_from_slice(b"\\\\"),
        0x0a => out.extend_from_slice(b"\\n"),
        // Writing to a Vec cannot fail.
        _ => drop(write!(out, "\\u{character:04x}")),
    }
}

#[cfg(test)]
mod tests;
