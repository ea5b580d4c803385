//! Walks over JSON, without a value being made of it.
//!
//! Rules:
//! - All but [`is_json`] take only what that has let pass, and read on regardless otherwise: they may
//!   answer wrongly then, but end.
//! - No recursion: how deep a publisher's values lie in each other is nothing to our stack.
//! - A member that an object has twice counts as JavaScript has it: the last one. What lies in an earlier
//!   one is looked at all the same, which may refuse what nobody writes.

use memchr::memchr2;
use serde::de::IgnoredAny;

use crate::limits::{EVENT_ARGUMENTS_MAX, EVENT_DEPTH_MAX};

/// A part of JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token<'a> {
    /// `[` or `{`.
    Open(u8),
    /// `]` or `}`.
    Close,
    /// `,`
    Comma,
    /// A string, with its quotes, a number, `true`, `false` or `null`.
    Word(&'a str),
}

/// Whether a text is JSON, all of it. Halves of surrogate pairs pass, as they do in JavaScript.
pub fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// The tokens of JSON, without colons, each with its place.
pub fn tokens(json: &str) -> impl Iterator<Item = (usize, Token<'_>)> {
    let bytes = json.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        while matches!(bytes.get(at)?, b' ' | b'\t' | b'\n' | b'\r' | b':') {
            at += 1;
        }
        let start = at;
        let (length, token) = match bytes[at] {
            open @ (b'[' | b'{') => (1, Token::Open(open)),
            b']' | b'}' => (1, Token::Close),
            b',' => (1, Token::Comma),
            first => {
                let length = match first {
                    b'"' => string(&bytes[at..]),
                    _ => scalar(&bytes[at..]),
                };
                (length, Token::Word(json.get(at..at + length)?))
            }
        };
        at += length;
        Some((start, token))
    })
}

/// The length of a string with its quotes.
fn string(bytes: &[u8]) -> usize {
    let mut at = 1;
    while let Some(found) = memchr2(b'"', b'\\', bytes.get(at..).unwrap_or_default()) {
        at += found;
        if bytes[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    bytes.len()
}

/// The length of a number or a name.
fn scalar(bytes: &[u8]) -> usize {
    let ends = |b: &u8| matches!(b, b',' | b']' | b'}' | b' ' | b'\t' | b'\n' | b'\r');
    // One at least: a walk over anything ends.
    bytes.iter().position(ends).unwrap_or(bytes.len()).max(1)
}

/// Whether clients can be given a value as the data of an event: neither too deep nor, as an array, with
/// too many elements.
pub fn is_modest(json: &str) -> bool {
    // Nearly all have too few brackets and commas for either, which is counted many bytes at a time.
    let count = |picked: fn(u8) -> bool| json.bytes().filter(|&byte| picked(byte)).count();
    let may_be_deep = count(|byte| matches!(byte, b'[' | b'{')) > EVENT_DEPTH_MAX;
    let may_be_long = count(|byte| byte == b',') >= EVENT_ARGUMENTS_MAX;
    !(may_be_deep || may_be_long) || {
        let (depth, elements) = shape(json.as_bytes());
        depth <= EVENT_DEPTH_MAX && elements <= EVENT_ARGUMENTS_MAX
    }
}

/// How deep arrays and objects lie in each other, and how many elements or members the outermost has, if
/// it has any; else 1. By bytes, not by tokens: this is done for each message that is large.
fn shape(json: &[u8]) -> (usize, usize) {
    let (mut depth, mut deepest, mut elements) = (0usize, 0, 1);
    let mut at = 0;
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => {
                at += string(&json[at..]);
                continue;
            }
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 1 => elements += 1,
            _ => {}
        }
        at += 1;
    }
    (deepest, elements)
}

/// Who has to be content with what stands for attachments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judge {
    /// The official parser: it takes any object for a placeholder whose `_placeholder` is true, and throws
    /// if its `num` is not below the count. Of one that is no integer it makes nothing, which we refuse.
    Official,
    /// All clients: Python's takes other values for true too, and nothing but an integer for `num`; after
    /// one that does not fit it hears no more events, without a word.
    Everyone,
}

/// What a key means for attachments.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    Placeholder,
    Num,
    Other,
}

/// An array or object that a walk is in.
struct Level<'a> {
    object: bool,
    /// The key whose value is next; `None`: a key is.
    key: Option<Key>,
    /// What it has as `_placeholder`, empty if an array or object: it may stand for an attachment.
    placeholder: Option<&'a str>,
    /// What it has as `num`: for which.
    num: Option<&'a str>,
    /// Something in it stands for an attachment that there is not.
    misfit: bool,
}

/// Whether everything in a value that stands for an attachment stands for one of `count`. Values that are
/// too deep for clients have no attachments that fit.
pub fn placeholders_fit(json: &str, count: usize, judge: Judge) -> bool {
    let mut levels = vec![Level::new(b'[')];
    for (_, token) in tokens(json) {
        let Some(level) = levels.last_mut() else {
            return false;
        };
        match token {
            Token::Open(open) => {
                level.value("");
                levels.push(Level::new(open));
            }
            Token::Close => {
                let misfit = level.ends_in_misfit(count, judge);
                levels.pop();
                match levels.last_mut() {
                    Some(around) => around.misfit |= misfit,
                    None => return false,
                }
            }
            Token::Comma => level.key = None,
            Token::Word(word) if level.object && level.key.is_none() => {
                level.key = Some(key(word));
            }
            Token::Word(word) => level.value(word),
        }
        if levels.len() > EVENT_DEPTH_MAX + 1 {
            return false;
        }
    }
    levels.len() == 1 && !levels[0].misfit
}

impl<'a> Level<'a> {
    fn new(open: u8) -> Level<'a> {
        Level {
            object: open == b'{',
            key: None,
            placeholder: None,
            num: None,
            misfit: false,
        }
    }

    /// Notes a value of it, empty if that is an array or object.
    fn value(&mut self, word: &'a str) {
        match self.key {
            Some(Key::Placeholder) => self.placeholder = Some(word),
            Some(Key::Num) => self.num = Some(word),
            Some(Key::Other) | None => {}
        }
    }

    /// Whether it, or something in it, stands for an attachment that there is not. What lies in one that
    /// stands for an attachment goes with it.
    fn ends_in_misfit(&self, count: usize, judge: Judge) -> bool {
        let num = self.num.unwrap_or_default();
        match (self.placeholder, judge) {
            (None, _) => self.misfit,
            (Some("true"), Judge::Official) => {
                let is_one = |num: f64| num >= 0.0 && num < count as f64 && num.fract() == 0.0;
                !num.parse().is_ok_and(is_one)
            }
            (Some(_), Judge::Official) => self.misfit,
            (Some("true"), Judge::Everyone) => !num.parse().is_ok_and(|num: usize| num < count),
            (Some(_), Judge::Everyone) => true,
        }
    }
}

/// What the key is whose text this is, with its quotes.
fn key(word: &str) -> Key {
    match unquoted(word).as_deref() {
        Some("_placeholder") => Key::Placeholder,
        Some("num") => Key::Num,
        _ => Key::Other,
    }
}

/// The text of a string of JSON; `None`: it holds half of a surrogate pair, or it is none.
pub fn unquoted(word: &str) -> Option<std::borrow::Cow<'_, str>> {
    match word.contains('\\') {
        true => serde_json::from_str(word).ok().map(std::borrow::Cow::Owned),
        false => {
            let inner = word.strip_prefix('"')?.strip_suffix('"')?;
            Some(std::borrow::Cow::Borrowed(inner))
        }
    }
}

#[cfg(test)]
mod tests;
