//! What a channel is bounded by, resolved once when the channel is made.

use wildmatch::WildMatch;

use crate::settings::{Begin, ChannelRule, Settings, Slow};

/// The policy of one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// What becomes of subscribers that lag too far.
    pub slow: Slow,
    /// See `Limits::lag_bytes_max`.
    pub lag_bytes_max: u64,
    /// See `Limits::lag_timeout_ms`; 0 is no limit.
    pub lag_timeout_ms: u64,
    /// See `Limits::history_messages_max`. Of the three bounds of history either all are 0 or none.
    pub history_messages: usize,
    /// See `Limits::history_age_ms`.
    pub history_age_ms: u64,
    /// See `Limits::history_bytes_max`.
    pub history_bytes: u64,
    /// Where a subscriber begins that names no message.
    pub start: Begin,
}

impl Policy {
    /// As the settings say for all channels, but for what the rule says.
    fn resolved(settings: &Settings, rule: &ChannelRule) -> Policy {
        let limits = &settings.limits;
        let lag_bytes_max = rule.lag_bytes_max.unwrap_or(limits.lag_bytes_max);
        let history_bytes = rule.history_bytes.unwrap_or(limits.history_bytes_max);
        let policy = Policy {
            slow: rule.slow.unwrap_or(settings.slow),
            lag_bytes_max: lag_bytes_max as u64,
            lag_timeout_ms: rule.lag_timeout_ms.unwrap_or(limits.lag_timeout_ms),
            history_messages: rule.history_messages.unwrap_or(limits.history_messages_max),
            history_age_ms: rule.history_age_ms.unwrap_or(limits.history_age_ms),
            history_bytes: history_bytes as u64,
            start: rule.start.unwrap_or(settings.start),
        };
        if policy.history_messages > 0 && policy.history_age_ms > 0 && policy.history_bytes > 0 {
            return policy;
        }
        Policy {
            history_messages: 0,
            history_age_ms: 0,
            history_bytes: 0,
            ..policy
        }
    }

    /// What holds for who hears a channel of either policy: one of both bounds that differ, the
    /// stricter; closed where only one would skip; what is old only where both begin with it. Each
    /// channel's history is bounded by its own policy.
    pub fn strictest(self, other: Policy) -> Policy {
        // 0 is no limit.
        let timeout = self.lag_timeout_ms.min(other.lag_timeout_ms);
        Policy {
            slow: match self.slow == other.slow {
                true => self.slow,
                false => Slow::Close,
            },
            lag_bytes_max: self.lag_bytes_max.min(other.lag_bytes_max),
            lag_timeout_ms: match timeout {
                0 => self.lag_timeout_ms.max(other.lag_timeout_ms),
                timeout => timeout,
            },
            start: match self.start == other.start {
                true => self.start,
                false => Begin::Newest,
            },
            ..self
        }
    }

    /// Whether messages are kept for those who come late or again.
    pub fn keeps_history(&self) -> bool {
        self.history_messages > 0
    }
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
        let rules = settings.channels.iter().map(|rule| {
            let policy = Policy::resolved(settings, rule);
            (WildMatch::new(&rule.pattern), policy)
        });
        Policies {
            rules: rules.collect(),
            all: Policy::resolved(settings, &ChannelRule::default()),
        }
    }

    /// What holds for channels that no pattern names.
    pub fn of_all(&self) -> Policy {
        self.all
    }

    /// The policy of the channel of this name.
    pub fn of(&self, name: &str) -> Policy {
        self.rule(name).map_or(self.all, |(_, policy)| *policy)
    }

    /// The pattern whose rule holds for the channel of this name; `None`: what holds for all.
    pub fn pattern(&self, name: &str) -> Option<String> {
        self.rule(name).map(|(pattern, _)| pattern.pattern())
    }

    fn rule(&self, name: &str) -> Option<&(WildMatch, Policy)> {
        self.rules.iter().find(|(pattern, _)| pattern.matches(name))
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
        assert_eq!(policies.pattern("news/a").as_deref(), Some("news/*"));
        assert_eq!(policies.pattern("xnews/"), None);
        assert_eq!([of("news"), of("New"), of("xnews/")], [5, 5, 5]);
        assert_eq!(policies.of("naws").slow, Slow::Skip);
        assert_eq!(policies.of("news/a").slow, Slow::Close);
    }

    #[test]
    fn who_hears_channels_of_several_policies_is_bounded_by_the_strictest() {
        let all = Policies::new(&Settings::default()).of_all();
        let skipping = Policy {
            slow: Slow::Skip,
            lag_bytes_max: all.lag_bytes_max + 1,
            lag_timeout_ms: 7,
            start: Begin::Oldest,
            ..all
        };
        let hasty = Policy {
            lag_timeout_ms: 5,
            ..skipping
        };
        assert_eq!(all.lag_timeout_ms, 0);
        for (a, b) in [(all, skipping), (skipping, all)] {
            let both = a.strictest(b);
            assert_eq!((both.slow, both.start), (Slow::Close, Begin::Newest));
            assert_eq!(both.lag_bytes_max, all.lag_bytes_max);
            assert_eq!(both.lag_timeout_ms, 7);
        }
        for same in [all, skipping] {
            assert_eq!(same.strictest(same), same);
        }
        assert_eq!(hasty.strictest(skipping), hasty);
        assert_eq!(skipping.strictest(hasty), hasty);
    }

    #[test]
    fn history_is_kept_where_no_bound_of_it_is_0() {
        let rule = |pattern: &str| ChannelRule {
            pattern: pattern.into(),
            ..ChannelRule::default()
        };
        let mut settings = Settings {
            channels: ["kept", "aged", "none", "tiny"].map(rule).into(),
            ..Settings::default()
        };
        settings.limits.history_messages_max = 0;
        settings.channels[0].history_messages = Some(3);
        settings.channels[0].start = Some(Begin::Oldest);
        settings.channels[1].history_messages = Some(3);
        settings.channels[1].history_age_ms = Some(0);
        settings.channels[3].history_messages = Some(3);
        settings.channels[3].history_bytes = Some(0);
        let policies = Policies::new(&settings);
        let bounds = |name| {
            let policy = policies.of(name);
            assert_eq!(policy.keeps_history(), policy.history_bytes > 0);
            let Policy {
                history_messages,
                history_age_ms,
                history_bytes,
                ..
            } = policy;
            (history_messages, history_age_ms, history_bytes)
        };
        assert_eq!(bounds("kept"), (3, 600_000, 2 << 20));
        for name in ["aged", "none", "tiny", "others"] {
            assert_eq!(bounds(name), (0, 0, 0), "{name}");
        }
        assert_eq!(policies.of("kept").start, Begin::Oldest);
        assert_eq!(policies.of("others").start, Begin::Newest);
    }
}
