//! The configuration file: TOML, the options' names with underscores, nothing nested but the tables
//! of [`super::channels`].
//!
//! Rules: a bound is a string with its unit or a plain integer, a switch `true` or `false`, a
//! list an array of strings or one string. Anything else is refused with its line.

use std::fs::File;
use std::io::Read as _;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::channels;
use super::merge::{Given, unknown};
use super::options::{Kind, OPTIONS, Opt};
use crate::settings::ChannelRule;

/// The largest file that is read.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// What a file says: its options, and its tables of channels.
pub type Read = (Vec<Given>, Vec<ChannelRule>);

/// Reads the file that `from` (a flag or variable) names; an error is one line.
pub fn read(from: &str, path: &str) -> Result<Read, String> {
    let mut text = String::new();
    let read = File::open(path).and_then(|f| f.take(FILE_BYTES_MAX + 1).read_to_string(&mut text));
    match read {
        Err(e) => Err(format!("{from} {path:?} cannot be read: {e}")),
        Ok(n) if n as u64 > FILE_BYTES_MAX => {
            Err(format!("{from} {path:?} is over {FILE_BYTES_MAX} bytes"))
        }
        Ok(_) => parse(path, &text),
    }
}

/// Takes a file's text apart, in the order of its lines. `name` is for errors.
pub fn parse(name: &str, text: &str) -> Result<Read, String> {
    let place = |byte: usize| format!("{name} line {}", line(text, byte));
    let at = |span: &Range<usize>| place(span.start);
    let table = DeTable::parse(text).map_err(|e| {
        let span = e.span().unwrap_or(0..0);
        let message = e.message().replace('\n', ", ");
        format!("{}: {message}", at(&span))
    })?;
    let mut entries: Vec<_> = table.get_ref().iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let (mut all, mut rules) = (Vec::new(), Vec::new());
    for (key, value) in entries {
        if key.get_ref() == channels::KEY {
            rules = channels::parse(value, &place, text)?;
            continue;
        }
        let place = at(&key.span());
        let option =
            Opt::of_key(key.get_ref()).ok_or_else(|| no_such_key(&place, key.get_ref()))?;
        let from = format!("{place}: {}", option.key());
        let texts = texts(option, value)
            .map_err(|want| refuse(option, &from, &text[value.span()], want))?;
        all.push(Given {
            option,
            from,
            texts,
        });
    }
    Ok((all, rules))
}

/// The value as the texts that a flag would give, or what it should have been.
pub(super) fn texts(
    option: &Opt,
    value: &Spanned<DeValue<'_>>,
) -> Result<Vec<String>, &'static str> {
    match (&option.kind, value.get_ref()) {
        (Kind::List { .. }, DeValue::Array(items)) => items
            .iter()
            .map(|item| item.get_ref().as_str().map(str::to_owned))
            .collect::<Option<_>>()
            .ok_or("a list of strings"),
        (Kind::Switch { .. }, DeValue::Boolean(on)) => Ok(vec![on.to_string()]),
        (Kind::Bound { .. }, DeValue::Integer(n)) => i128::from_str_radix(n.as_str(), n.radix())
            .map(|n| vec![n.to_string()])
            .map_err(|_| "a smaller number"),
        (Kind::Switch { .. }, _) => Err("true or false"),
        (_, DeValue::String(text)) => Ok(vec![text.to_string()]),
        (Kind::List { .. }, _) => Err("a list of strings"),
        (Kind::Bound { .. }, _) => Err("a string with a unit, or a whole number"),
        (Kind::Text { .. } | Kind::Secret { .. }, _) => Err("a string"),
    }
}

/// The line that refuses a value of the wrong type.
pub(super) fn refuse(option: &Opt, from: &str, source: &str, want: &str) -> String {
    if matches!(option.kind, Kind::Secret { .. }) {
        return format!("{from} is of the wrong type; allowed: {want}");
    }
    let shown: String = source
        .lines()
        .next()
        .unwrap_or("")
        .chars()
        .take(60)
        .collect();
    format!("{from} {shown} is of the wrong type; allowed: {want}")
}

fn no_such_key(place: &str, key: &str) -> String {
    if matches!(key, "config" | "check") {
        return format!("{place}: {key} is a flag or variable only, not a key of the file");
    }
    let keys: Vec<String> = OPTIONS.iter().map(Opt::key).collect();
    format!("{place}: {}", unknown("key", key, &keys))
}

/// The line, from 1, of a byte of the text.
fn line(text: &str, byte: usize) -> usize {
    1 + text.as_bytes()[..byte]
        .iter()
        .filter(|b| **b == b'\n')
        .count()
}
