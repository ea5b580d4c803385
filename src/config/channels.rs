//! The tables `[[channels]]` of the file: what differs for channels whose name matches a pattern.
//!
//! A table has a `pattern` and some of the options that hold for all, under their own names.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Config;
use super::file::{refuse, texts};
use super::merge::unknown;
use super::options::{Kind, Opt};
use super::show::{quote, value};
use crate::settings::ChannelRule;

/// The key of the file.
pub const KEY: &str = "channels";

/// The options that a table may hold.
const OPTIONS: [&str; 7] = [
    "slow",
    "lag_bytes_max",
    "lag_timeout",
    "history_messages",
    "history_age",
    "history_bytes",
    "start",
];

/// Reads the tables. `place` names a key of the file by its line; `text` is the file.
pub fn parse(
    tables: &Spanned<DeValue<'_>>,
    place: &dyn Fn(usize) -> String,
    text: &str,
) -> Result<Vec<ChannelRule>, String> {
    let wrong = |at: usize| {
        format!(
            "{}: channels is not a list of tables [[channels]]",
            place(at)
        )
    };
    let DeValue::Array(items) = tables.get_ref() else {
        return Err(wrong(tables.span().start));
    };
    let mut rules = Vec::new();
    for item in items {
        let DeValue::Table(table) = item.get_ref() else {
            return Err(wrong(item.span().start));
        };
        rules.push(rule(table, &place(item.span().start), place, text)?);
    }
    Ok(rules)
}

fn rule(
    table: &DeTable<'_>,
    begin: &str,
    place: &dyn Fn(usize) -> String,
    text: &str,
) -> Result<ChannelRule, String> {
    let mut rule = ChannelRule::default();
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    for (key, given) in entries {
        let from = format!("{}: {}", place(key.span().start), key.get_ref());
        if key.get_ref() == "pattern" {
            let pattern = given.get_ref().as_str().filter(|p| !p.is_empty());
            let pattern =
                pattern.ok_or(format!("{from} is not a string of at least one letter"))?;
            rule.pattern = pattern.to_owned();
            continue;
        }
        let known = OPTIONS.iter().find(|o| **o == key.get_ref().as_ref());
        let Some(option) = known.and_then(|key| Opt::of_key(key)) else {
            let keys: Vec<String> = ["pattern"]
                .iter()
                .chain(&OPTIONS)
                .map(|k| k.to_string())
                .collect();
            let place = place(key.span().start);
            return Err(format!(
                "{place}: {}",
                unknown("key of a channel", key.get_ref(), &keys)
            ));
        };
        let texts = texts(option, given)
            .map_err(|want| refuse(option, &from, &text[given.span()], want))?;
        // Read as the option that holds for all, and taken from there.
        let mut config = Config::default();
        option.set(&mut config, &texts).map_err(|bad| {
            format!(
                "{from} {:?} {}; allowed: {}",
                bad.value, bad.problem, bad.allowed
            )
        })?;
        take(&mut rule, option, &config);
    }
    if rule.pattern.is_empty() {
        return Err(format!("{begin}: a table of channels has no pattern"));
    }
    Ok(rule)
}

fn take(rule: &mut ChannelRule, option: &Opt, config: &Config) {
    let limits = &config.settings.limits;
    match option.key().as_str() {
        "slow" => rule.slow = Some(config.settings.slow),
        "lag_bytes_max" => rule.lag_bytes_max = Some(limits.lag_bytes_max),
        "lag_timeout" => rule.lag_timeout_ms = Some(limits.lag_timeout_ms),
        "history_messages" => rule.history_messages = Some(limits.history_messages_max),
        "history_age" => rule.history_age_ms = Some(limits.history_age_ms),
        "history_bytes" => rule.history_bytes = Some(limits.history_bytes_max),
        "start" => rule.start = Some(config.settings.start),
        key => unreachable!("{key} is not an option of a channel"),
    }
}

/// The whole configuration as it is for the channels of one rule.
fn applied(rule: &ChannelRule, config: &Config) -> Config {
    let mut config = config.clone();
    let settings = &mut config.settings;
    let l = &mut settings.limits;
    override_with(&mut l.lag_bytes_max, rule.lag_bytes_max);
    override_with(&mut l.lag_timeout_ms, rule.lag_timeout_ms);
    override_with(&mut l.history_messages_max, rule.history_messages);
    override_with(&mut l.history_age_ms, rule.history_age_ms);
    override_with(&mut l.history_bytes_max, rule.history_bytes);
    override_with(&mut settings.slow, rule.slow);
    override_with(&mut settings.start, rule.start);
    config
}

fn override_with<T>(value: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *value = given;
    }
}

/// Refuses bounds out of range or in contradiction with the others.
pub fn check(config: &Config) -> Result<(), String> {
    for rule in &config.settings.channels {
        let named = |error| format!("channels {:?}: {error}", rule.pattern);
        let own = applied(rule, config);
        for option in OPTIONS.iter().filter_map(|key| Opt::of_key(key)) {
            option.check(&own).map_err(named)?;
        }
        own.settings.limits.check().map_err(named)?;
    }
    Ok(())
}

/// The tables as the file holds them.
pub fn toml(config: &Config) -> String {
    let mut text = String::new();
    for rule in &config.settings.channels {
        text.push_str(&format!(
            "\n[[channels]]\npattern = {}\n",
            quote(&rule.pattern)
        ));
        let own = applied(rule, config);
        let given = [
            rule.slow.is_some(),
            rule.lag_bytes_max.is_some(),
            rule.lag_timeout_ms.is_some(),
            rule.history_messages.is_some(),
            rule.history_age_ms.is_some(),
            rule.history_bytes.is_some(),
            rule.start.is_some(),
        ];
        for (key, _) in OPTIONS.iter().zip(given).filter(|(_, given)| *given) {
            if let Some(option) =
                Opt::of_key(key).filter(|o| !matches!(o.kind, Kind::Secret { .. }))
            {
                text.push_str(&format!("{key} = {}\n", value(&own, option)));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::file;
    use crate::config::merge::merge;
    use crate::settings::{Begin, Slow};

    fn parsed(text: &str) -> Result<Config, String> {
        let (given, rules) = file::parse("f.toml", text)?;
        merge(given, rules).map(|(config, _)| config)
    }

    #[test]
    fn tables_are_read_in_order_and_written_back() {
        let text = "slow = 'skip'\n[[channels]]\npattern = 'news/*'\nlag_bytes_max = '32MiB'\n\
                    [[channels]]\npattern = 'old/*'\nhistory_bytes = '2MiB'\nstart = 'oldest'\n\
                    history_messages = 9\nhistory_age = '1h'\n\
                    [[channels]]\nlag_timeout = '5s'\nslow = 'close'\npattern = '*'\n";
        let config = parsed(text).unwrap();
        let expected = [
            ChannelRule {
                pattern: "news/*".into(),
                lag_bytes_max: Some(32 << 20),
                ..ChannelRule::default()
            },
            ChannelRule {
                pattern: "old/*".into(),
                history_messages: Some(9),
                history_age_ms: Some(3_600_000),
                history_bytes: Some(2 << 20),
                start: Some(Begin::Oldest),
                ..ChannelRule::default()
            },
            ChannelRule {
                pattern: "*".into(),
                slow: Some(Slow::Close),
                lag_timeout_ms: Some(5000),
                ..ChannelRule::default()
            },
        ];
        assert_eq!(config.settings.slow, Slow::Skip);
        assert_eq!(config.settings.channels, expected);
        let again = parsed(&config.to_toml()).unwrap();
        assert_eq!(again.settings.channels, expected);
    }

    #[test]
    fn errors_name_line_and_key() {
        for (text, start) in [
            (
                "channels = 1",
                "f.toml line 1: channels is not a list of tables",
            ),
            (
                "channels = [1]",
                "f.toml line 1: channels is not a list of tables",
            ),
            (
                "\n[[channels]]\nslow = 'skip'",
                "f.toml line 2: a table of channels has no pattern",
            ),
            (
                "[[channels]]\npattern = 1",
                "f.toml line 2: pattern is not a string",
            ),
            (
                "[[channels]]\npattern = ''",
                "f.toml line 2: pattern is not a string",
            ),
            (
                "[[channels]]\npatern = 'a'",
                "f.toml line 2: unknown key of a channel \"patern\"; did you mean pattern?",
            ),
            (
                "[[channels]]\npattern = 'a'\ndrain = '1s'",
                "f.toml line 3: unknown key of a channel \"drain\"",
            ),
            (
                "[[channels]]\npattern = 'a'\nslow = 'wait'",
                "f.toml line 3: slow \"wait\" is not a policy; allowed: close, skip",
            ),
            (
                "[[channels]]\npattern = 'a'\nslow = 1",
                "f.toml line 3: slow 1 is of the wrong type",
            ),
            (
                "[[channels]]\npattern = 'a'\nlag_timeout = '2d'",
                "f.toml line 3: lag_timeout \"2d\"",
            ),
            (
                "[[channels]]\npattern = 'a'\nlag_bytes_max = 9",
                "channels \"a\": lag_bytes_max (9) is below message_bytes_max",
            ),
            (
                "[[channels]]\npattern = 'a'\nlag_bytes_max = '600MiB'",
                "channels \"a\": memory_bytes_max",
            ),
            (
                "[[channels]]\npattern = 'a'\nstart = 'middle'",
                "f.toml line 3: start \"middle\" is not a place to start; allowed: newest, oldest",
            ),
            (
                "[[channels]]\npattern = 'a'\nhistory_bytes = '9MiB'",
                "channels \"a\": history_bytes (9437184) is above half of lag_bytes_max (16777216)",
            ),
            (
                "unflushed_bytes_max = '1MiB'\n[[channels]]\npattern = 'b'\nlag_bytes_max = '1MiB'",
                "channels \"b\": history_bytes (2097152) is above half of lag_bytes_max (1048576)",
            ),
        ] {
            let error = parsed(text).unwrap_err();
            assert!(error.starts_with(start), "{text}\n gave {error}");
        }
    }
}
