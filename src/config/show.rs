//! The effective configuration as a file that `--config` takes.

use super::Config;
use super::channels;
use super::options::{Kind, OPTIONS, Opt};

/// Where a value is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// This flag, variable, or line of a file: told in a comment.
    From(String),
    /// Nobody gave it and it follows another: a comment as a whole, so that it still does when
    /// the text has become a file.
    Follows,
    /// Not told.
    Plain,
}

/// Every option under its heading, one `key = value` a line, and the tables of channels. A secret is only a comment.
pub fn toml(config: &Config, note: impl Fn(&Opt) -> Note) -> String {
    let mut text = String::new();
    let mut heading = "";
    for option in OPTIONS {
        if heading != option.heading {
            heading = option.heading;
            let gap = if text.is_empty() { "" } else { "\n" };
            text.push_str(&format!("{gap}# {heading}\n"));
        }
        let entry = entry(config, option);
        text.push_str(&match note(option) {
            Note::From(from) => format!("{entry} # {}\n", one_line(&from)),
            Note::Follows => format!("# {entry} # {}\n", option.default),
            Note::Plain => format!("{entry}\n"),
        });
    }
    text + &channels::toml(config)
}

fn entry(config: &Config, option: &Opt) -> String {
    let key = option.key();
    match option.kind {
        Kind::Secret { get, .. } if get(config).is_none() => format!("# {key} is not set"),
        Kind::Secret { .. } => format!("# {key} = \"***\" # is set; not shown, so give it again"),
        _ => format!("{key} = {}", value(config, option)),
    }
}

/// The value of an option as TOML; of a secret, only stars.
pub fn value(config: &Config, option: &Opt) -> String {
    match option.kind {
        Kind::List { get, .. } => {
            let items: Vec<_> = get(config).iter().map(|item| quote(item)).collect();
            format!("[{}]", items.join(", "))
        }
        Kind::Text { get, .. } => quote(&get(config).unwrap_or_default()),
        Kind::Secret { .. } => quote("***"),
        Kind::Switch { get, .. } => get(config).to_string(),
        Kind::Bound { unit, get, .. } => {
            let shown = unit.show(get(&config.settings.limits));
            let plain = shown.bytes().all(|b| b.is_ascii_digit());
            if plain { shown } else { quote(&shown) }
        }
    }
}

/// A TOML basic string.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04X}", c as u32)),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A comment must not end before its line does.
fn one_line(text: &str) -> String {
    text.replace(char::is_control, "?")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_quoted_text_reads_back(text: String) {
            let line = format!("a = {}", quote(&text));
            let table = toml::de::DeTable::parse(&line).unwrap();
            prop_assert_eq!(table.get_ref()["a"].get_ref().as_str(), Some(text.as_str()));
        }
    }
}
