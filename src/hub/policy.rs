//! What a channel is bounded by, resolved once when the channel is made.

use wildmatch::WildMatch;

use crate::settings::{Settings, Slow};

/// The policy of one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// What becomes of subscribers that lag too far.
    pub slow: Slow,
    /// See `Limits::lag_bytes_max`.
    pub lag_bytes_max: u64,
    /// See `Limits::lag_timeout_ms`; 0 is no limit.
    pub lag_timeout_ms: u64,
}

/// The policies by channel name: the first pattern that matches, else what holds for all.
#[derive(Debug, Clone)]
pub struct Policies {
    rules: Vec<(WildMatch, Policy)>,
    all: Policy,
}

impl Policies {
    /// As the settings say.
    pub fn new(settings: &Settings) -> Policies {
        let limits = &settings.limits;
        let all = Policy {
            slow: settings.slow,
            lag_bytes_max: limits.lag_bytes_max as u64,
            lag_timeout_ms: limits.lag_timeout_ms,
        };
        let rules = settings.channels.iter().map(|rule| {
            let policy = Policy {
                slow: rule.slow.unwrap_or(all.slow),
                lag_bytes_max: rule.lag_bytes_max.map_or(all.lag_bytes_max, |n| n as u64),
                lag_timeout_ms: rule.lag_timeout_ms.unwrap_or(all.lag_timeout_ms),
            };
            (WildMatch::new(&rule.pattern), policy)
        });
        Policies {
            rules: rules.collect(),
            all,
        }
    }

    /// The policy of the channel of this name.
    pub fn of(&self, name: &str) -> Policy {
        let rule = self.rules.iter().find(|(pattern, _)| pattern.matches(name));
        rule.map_or(self.all, |(_, policy)| *policy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::ChannelRule;

    #[test]
    fn the_first_pattern_that_matches_holds_and_leaves_the_rest_as_it_is_for_all() {
        let rule = |pattern: &str, lag| ChannelRule {
            pattern: pattern.into(),
            lag_bytes_max: lag,
            ..ChannelRule::default()
        };
        let mut settings = Settings {
            channels: vec![
                rule("news/*", Some(7)),
                rule("n?ws", None),
                rule("*ä", Some(9)),
                rule("news*", Some(8)),
            ],
            ..Settings::default()
        };
        settings.channels[1].slow = Some(Slow::Skip);
        settings.limits.lag_bytes_max = 5;
        let policies = Policies::new(&settings);
        let of = |name| policies.of(name).lag_bytes_max;
        assert_eq!([of("news/a/b"), of("newsx"), of("xä")], [7, 8, 9]);
        assert_eq!([of("news"), of("New"), of("xnews/")], [5, 5, 5]);
        assert_eq!(policies.of("naws").slow, Slow::Skip);
        assert_eq!(policies.of("news/a").slow, Slow::Close);
    }
}
