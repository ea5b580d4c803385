//! Events of clients as messages: `["msg",12,5]` is published as `{"name":"msg","data":[12,5]}`.
//!
//! Rule: what is taken apart here is data of an event that [`parse`](super::parse) has let pass.

use std::borrow::Cow;

use super::append_base64;
use super::json::{Token, tokens, unquoted};

/// Appends the message that an event with these attachments is. All its values are what the client wrote;
/// a number as its name becomes a string of it.
pub fn append_message(data: &str, attachments: &[Vec<u8>], out: &mut Vec<u8>) {
    let (name, args) = split(data);
    let quote = if name.starts_with('"') { "" } else { "\"" };
    let bytes: usize = attachments
        .iter()
        .map(|bytes| bytes.len() / 3 * 4 + 8)
        .sum();
    out.reserve(data.len() + bytes + 48);
    for part in ["{\"name\":", quote, name, quote, ",\"data\":[", args, "]"] {
        out.extend_from_slice(part.as_bytes());
    }
    for (i, bytes) in attachments.iter().enumerate() {
        out.extend_from_slice(if i == 0 {
            b",\"attachments\":[\""
        } else {
            b",\""
        });
        append_base64(bytes, out);
        out.push(b'"');
    }
    if !attachments.is_empty() {
        out.push(b']');
    }
    out.push(b'}');
}

/// The name of an event, and the JSON of its arguments with commas between them, *without* brackets around
/// them, for it is a part of the data; empty if there are none. A name that holds half of a surrogate pair,
/// which Rust's text cannot have, stays as it is written, quotes and escapes included.
pub fn name_and_args(data: &str) -> (Cow<'_, str>, &str) {
    let (name, args) = split(data);
    (unquoted(name).unwrap_or(Cow::Borrowed(name)), args)
}

/// The JSON of the first element of an array, and that of the others, without blanks around it.
fn split(data: &str) -> (&str, &str) {
    let mut tokens = tokens(data).skip(1);
    let (Some((_, Token::Word(name))), Some((at, _))) = (tokens.next(), tokens.next()) else {
        debug_assert!(false, "no event: {data}");
        return ("\"\"", "");
    };
    let end = data.trim_ascii_end().len() - 1;
    (name, data.get(at + 1..end).unwrap_or_default().trim_ascii())
}

#[cfg(test)]
mod tests;
