//! Puts together what the file, the variables and the flags give.
//!
//! Rules: layers are applied from the weakest to the strongest, so that every value is checked
//! and the last one holds; a list replaces a list. Bounds that nobody gave follow
//! `message_bytes_max`.

use std::collections::BTreeMap;

use super::Config;
use super::options::{Kind, Opt};
use super::values::Bad;
use crate::limits::Limits;
use crate::settings::ChannelRule;

/// What one place gives one option.
#[derive(Debug)]
pub struct Given {
    /// The option.
    pub option: &'static Opt,
    /// The place as an error names it: the flag, the variable, or file, line and key.
    pub from: String,
    /// The value, or the values of a list.
    pub texts: Vec<String>,
}

/// Which place each option has its value from, by key; what is not in it has its default.
pub type Sources = BTreeMap<String, String>;

/// Applies what was given, the weakest first, with the rules for single channels, and checks the
/// whole.
pub fn merge(
    layers: impl IntoIterator<Item = Given>,
    channels: Vec<ChannelRule>,
) -> Result<(Config, Sources), String> {
    let mut config = Config::default();
    let mut sources = Sources::new();
    for given in layers {
        let set = given.option.set(&mut config, &given.texts);
        set.map_err(|bad| refusal(&given, bad))?;
        sources.insert(given.option.key(), given.from);
    }
    let limits = &mut config.settings.limits;
    follow(limits, |key| sources.contains_key(key));
    if !sources.contains_key(PAYLOAD) {
        fit_channels(limits, &channels);
    }
    config.settings.channels = channels;
    config.check()?;
    Ok((config, sources))
}

/// The bounds that [`follow`] may change, by key.
pub const FOLLOWERS: &[&str] = &[
    "lag_bytes_max",
    "unflushed_bytes_max",
    "mailbox_bytes_max",
    "memory_bytes_max",
    "history_bytes",
    "history_memory",
    PAYLOAD,
];

/// What Socket.IO clients may send at once.
const PAYLOAD: &str = "socketio_payload_max";

/// One event fits what may wait in any channel.
fn fit_channels(limits: &mut Limits, channels: &[ChannelRule]) {
    for lag_bytes_max in channels.iter().filter_map(|rule| rule.lag_bytes_max) {
        let mut own = Limits {
            lag_bytes_max,
            ..limits.clone()
        };
        own.fit_payload();
        limits.payload_bytes_max = own.payload_bytes_max;
    }
}

/// The bounds that were not given follow those they must be in proportion to.
pub fn follow(limits: &mut Limits, given: impl Fn(&str) -> bool) {
    let message = limits.message_bytes_max;
    if !given("lag_bytes_max") {
        limits.lag_bytes_max = message.saturating_mul(16);
        if given(PAYLOAD) {
            limits.lag_bytes_max = limits.lag_bytes_max.max(limits.event_bytes_max());
        }
    }
    if !given(PAYLOAD) {
        limits.payload_bytes_max = Limits::payload_for(message);
    }
    if !given("unflushed_bytes_max") {
        limits.unflushed_bytes_max = message.saturating_mul(4).min(limits.lag_bytes_max);
    }
    if !given("mailbox_bytes_max") {
        let least = message.saturating_mul(4);
        limits.mailbox_bytes_max = limits.mailbox_bytes_max.max(least);
    }
    if !given("memory_bytes_max") {
        let largest = message.max(limits.event_bytes_max().min(limits.lag_bytes_max));
        let window = limits.lag_bytes_max.saturating_add(largest);
        limits.memory_bytes_max = limits.memory_bytes_max.max(window.saturating_mul(2));
    }
    if !given(PAYLOAD) {
        limits.fit_payload();
    }
    follow_history(limits, given);
}

fn follow_history(limits: &mut Limits, given: impl Fn(&str) -> bool) {
    let (bytes, memory) = (limits.history_bytes_max, limits.history_memory_max);
    limits.fit_history();
    if given("history_bytes") {
        limits.history_bytes_max = bytes;
        limits.history_memory_max = limits.history_memory_max.max(bytes);
    }
    if given("history_memory") {
        limits.history_memory_max = memory;
    }
}

fn refusal(given: &Given, bad: Bad) -> String {
    let Bad {
        value,
        problem,
        allowed,
    } = bad;
    let value = match given.option.kind {
        Kind::Secret { .. } => String::new(),
        _ => format!(" {value:?}"),
    };
    format!("{}{value} {problem}; allowed: {allowed}", given.from)
}

/// The sentence for a name that does not exist: with the one that was probably meant, else all.
pub fn unknown(what: &str, name: &str, known: &[String]) -> String {
    match nearest(name, known) {
        Some(near) => format!("unknown {what} {name:?}; did you mean {near}?"),
        None => format!("unknown {what} {name:?}; allowed: {}", known.join(", ")),
    }
}

/// The known name that `name` is a misspelling of: the same but for case and dashes, or at most
/// two letters apart (one in short names).
pub fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a String> {
    let plain = |text: &str| text.replace('-', "_").to_lowercase();
    let apart = |candidate: &&String| distance(&plain(name), &plain(candidate));
    let near = known.iter().min_by_key(apart)?;
    let most = if near.len() < 8 { 1 } else { 2 };
    (apart(&near) <= most).then_some(near)
}

/// Letters to insert, drop or replace to get from one to the other (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, apart) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
            ("listen", "lisen", 1),
            ("drain", "drian", 2),
        ] {
            assert_eq!(distance(a, b), apart, "{a} {b}");
            assert_eq!(distance(b, a), apart, "{b} {a}");
        }
    }

    #[test]
    fn bounds_follow_the_message() {
        for message in [1, 1000, 1 << 20, 16 << 20, 64 << 20, 1 << 30] {
            let limits = super::super::limits_for(message);
            assert_eq!(limits.check(), Ok(()), "{message}");
            assert_eq!(limits.lag_bytes_max, 16 * message);
            assert_eq!(limits.unflushed_bytes_max, 4 * message);
        }
        assert_eq!(super::super::limits_for(1 << 20), Limits::default());
    }

    #[test]
    fn an_event_follows_the_message_and_gives_way_to_what_may_wait() {
        const MIB: usize = 1 << 20;
        let payload = |message| super::super::limits_for(message).payload_bytes_max;
        assert_eq!(payload(MIB), 1_500_000);
        assert_eq!(payload(4 * MIB), 6_000_000);
        assert_eq!(payload(64 * 1024), 93_750);
        let followed = |given: &'static [&str], change: fn(&mut Limits)| {
            let mut limits = Limits::default();
            change(&mut limits);
            follow(&mut limits, |key| given.contains(&key));
            assert_eq!(limits.check(), Ok(()));
            (limits.payload_bytes_max, limits.lag_bytes_max)
        };
        let low = |l: &mut Limits| l.lag_bytes_max = MIB;
        assert_eq!(followed(&["lag_bytes_max"], low), (MIB / 4 * 3, MIB));
        let high = |l: &mut Limits| l.payload_bytes_max = 30 * MIB;
        assert_eq!(followed(&[PAYLOAD], high), (30 * MIB, 40 * MIB));
        let short = |l: &mut Limits| l.memory_bytes_max = 34 * MIB;
        assert_eq!(followed(&["memory_bytes_max"], short).0, MIB / 4 * 3);
    }

    #[test]
    fn an_event_fits_every_channel() {
        const MIB: usize = 1 << 20;
        let rule = |lag| ChannelRule {
            pattern: "*".into(),
            lag_bytes_max: lag,
            ..ChannelRule::default()
        };
        let mut limits = Limits::default();
        fit_channels(&mut limits, &[rule(None), rule(Some(32 * MIB))]);
        assert_eq!(limits, Limits::default());
        fit_channels(&mut limits, &[rule(Some(MIB)), rule(Some(32 * MIB))]);
        assert_eq!(limits.payload_bytes_max, MIB / 4 * 3);
    }

    #[test]
    fn history_follows_and_makes_room_for_what_was_given() {
        const MIB: usize = 1 << 20;
        let fitted = |given: &[&str], bytes: usize, memory: usize, lag: usize| {
            let mut limits = Limits {
                history_bytes_max: bytes,
                history_memory_max: memory,
                lag_bytes_max: lag,
                ..Limits::default()
            };
            let given = |key: &str| key == "lag_bytes_max" || given.contains(&key);
            follow(&mut limits, given);
            (limits.history_bytes_max, limits.history_memory_max)
        };
        let (bytes, memory) = ("history_bytes", "history_memory");
        assert_eq!(fitted(&[], MIB, 64 * MIB, MIB), (MIB / 2, 64 * MIB));
        assert_eq!(fitted(&[bytes], MIB, 64 * MIB, MIB), (MIB, 64 * MIB));
        assert_eq!(
            fitted(&[bytes], 80 * MIB, 64 * MIB, 200 * MIB),
            (80 * MIB, 80 * MIB)
        );
        assert_eq!(
            fitted(&[memory], MIB, MIB / 4, 16 * MIB),
            (MIB / 4, MIB / 4)
        );
        let all = [bytes, memory];
        assert_eq!(fitted(&all, 2 * MIB, MIB, 16 * MIB), (2 * MIB, MIB));
    }
}
