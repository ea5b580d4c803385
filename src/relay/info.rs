//! What is told of channels: which there are, and how one of them stands.
//!
//! A list is made in pieces, so that it holds the loop for a few milliseconds at most: an answer that
//! was cut short says in `next` where to go on (`?from=`). A channel that comes or goes between two pieces
//! may be in none of them; none is in two.

use std::collections::BTreeMap;

use serde::Serialize;
use wildmatch::WildMatch;

use super::Relay;
use super::admin::HEADERS;
use super::routes::plain;
use crate::close::Reason;
use crate::http::{self, Answer, Request};
use crate::hub::{Facts, Id};
use crate::limits::{
    CHANNEL_NAME_BYTES_MAX, CHANNELS_LISTED_DEFAULT, CHANNELS_LISTED_MAX, LIST_STEPS_MAX,
};

/// What to look at a channel costs, whatever its name.
const LOOK_STEPS: usize = 16;

/// Which channels are asked for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Query {
    pattern: Option<String>,
    limit: Option<usize>,
    from: Option<usize>,
}

/// A piece of the list, as JSON.
#[derive(Serialize)]
struct Page<'a> {
    channels: Vec<Listed<'a>>,
    /// How many channels there are, listed or not.
    total: usize,
    /// Where to go on; `None`: that was all.
    next: Option<usize>,
}

#[derive(Serialize)]
struct Listed<'a> {
    name: &'a str,
    subscribers: usize,
    messages: usize,
    last_message_id: Option<String>,
    idle_seconds: u64,
}

/// How one channel stands, as JSON.
#[derive(Serialize)]
struct Info<'a> {
    name: &'a str,
    /// Of the rule that holds for it.
    pattern: Option<String>,
    subscribers: usize,
    transports: BTreeMap<&'static str, usize>,
    history: Held,
    last_message_id: Option<String>,
    requested_seconds: Option<u64>,
    idle_seconds: u64,
}

/// How far history reaches.
#[derive(Serialize)]
struct Held {
    messages: usize,
    bytes: u64,
    oldest_id: Option<String>,
    newest_id: Option<String>,
    age_seconds: Option<u64>,
    /// Who resumes from here, or from what is newer, misses nothing.
    reaches_back_to: String,
}

impl Query {
    fn parse(query: Option<&str>) -> Result<Query, Reason> {
        let mut asked = Query::default();
        for (key, value) in http::query_pairs(query) {
            let number = || value.parse().map_err(|_| Reason::BadQuery);
            let twice = match &*key {
                "pattern" if value.len() <= CHANNEL_NAME_BYTES_MAX => {
                    asked.pattern.replace(value.into_owned()).is_some()
                }
                "limit" => asked.limit.replace(number()?).is_some(),
                "from" => asked.from.replace(number()?).is_some(),
                // Nothing else can be asked, not even once.
                _ => true,
            };
            if twice {
                return Err(Reason::BadQuery);
            }
        }
        match asked.limit {
            Some(limit) if !(1..=CHANNELS_LISTED_MAX).contains(&limit) => Err(Reason::BadQuery),
            _ => Ok(asked),
        }
    }
}

impl Relay {
    pub(super) fn list_channels(
        &mut self,
        slot: u32,
        request: &Request<'_, '_>,
        origin: Option<&str>,
        now: u64,
    ) -> Result<(), Reason> {
        let asked = Query::parse(request.query)?;
        let text = json(&self.page(&asked, now));
        self.tell(slot, request, &text, origin, now)
    }

    fn page(&self, asked: &Query, now: u64) -> Page<'_> {
        let limit = asked.limit.unwrap_or(CHANNELS_LISTED_DEFAULT);
        let pattern = asked.pattern.as_deref();
        let (matcher, len) = (pattern.map(WildMatch::new), pattern.map_or(0, str::len));
        let (mut channels, mut next, mut steps) = (Vec::new(), None, 0);
        for (index, there) in self.hub.places_from(asked.from.unwrap_or(0)) {
            if channels.len() == limit || steps >= LIST_STEPS_MAX {
                next = Some(index);
                break;
            }
            steps += LOOK_STEPS;
            let Some((channel, name, sets)) = there else {
                continue;
            };
            steps += name.len() * len + sets * LOOK_STEPS;
            if matcher.as_ref().is_none_or(|m| m.matches(name)) {
                channels.push(listed(&self.hub.facts(channel, now)));
            }
        }
        Page {
            channels,
            total: self.hub.named(),
            next,
        }
    }

    pub(super) fn tell_channel(
        &mut self,
        slot: u32,
        request: &Request<'_, '_>,
        name: &str,
        origin: Option<&str>,
        now: u64,
    ) -> Result<(), Reason> {
        let channel = self.hub.find(name).ok_or(Reason::NotFound)?;
        let facts = self.hub.facts(channel, now);
        let text = json(&Info {
            name,
            pattern: self.hub.pattern(channel),
            subscribers: facts.subscribers,
            transports: self.hub.transports(channel),
            history: Held {
                messages: facts.messages,
                bytes: facts.bytes,
                oldest_id: facts.held.map(|(first, _)| first.to_string()),
                newest_id: facts.held.map(|(_, last)| last.to_string()),
                age_seconds: facts.age_ms.map(|ms| ms / 1000),
                reaches_back_to: self.hub.reaches_back_to(channel).to_string(),
            },
            last_message_id: told(facts.last),
            requested_seconds: facts.requested_ms.map(|ms| ms / 1000),
            idle_seconds: facts.idle_ms / 1000,
        });
        self.tell(slot, request, &text, origin, now)
    }

    fn tell(
        &mut self,
        slot: u32,
        request: &Request<'_, '_>,
        text: &str,
        origin: Option<&str>,
        now: u64,
    ) -> Result<(), Reason> {
        let answer = Answer {
            headers: HEADERS,
            ..plain("application/json", text.as_bytes())
        };
        self.get(slot, request, answer, origin, now)
    }
}

fn listed<'a>(facts: &Facts<'a>) -> Listed<'a> {
    Listed {
        name: facts.name,
        subscribers: facts.subscribers,
        messages: facts.messages,
        last_message_id: told(facts.last),
        idle_seconds: facts.idle_ms / 1000,
    }
}

fn told(id: Option<Id>) -> Option<String> {
    id.map(|id| id.to_string())
}

fn json(value: &impl Serialize) -> String {
    let mut text = serde_json::to_string(value).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    #[test]
    fn queries_are_read_to_the_letter() {
        let parse = |text: &str| Query::parse(Some(text));
        assert_eq!(Query::parse(None), Ok(Query::default()));
        let all = Query {
            pattern: Some("news*".into()),
            limit: Some(CHANNELS_LISTED_MAX),
            from: Some(7),
        };
        let text = format!("pattern=news%2A&from=7&limit={CHANNELS_LISTED_MAX}");
        assert_eq!(parse(&text), Ok(all));
        for text in [
            "limit=0",
            "limit=1001",
            "limit=x",
            "from=-1",
            "from=",
            "from=1&from=1",
            "n=1",
            &format!("pattern={}", "x".repeat(CHANNEL_NAME_BYTES_MAX + 1)),
        ] {
            assert_eq!(parse(text), Err(Reason::BadQuery), "{text}");
        }
        let told = format!("limit=1 to {CHANNELS_LISTED_MAX} ");
        assert!(Reason::BadQuery.text().contains(&told));
    }

    /// However many channels there are and however few match, a piece looks at a bounded number.
    #[test]
    fn pieces_are_bounded_and_together_name_every_channel_once() {
        let mut relay = Relay::new(Settings::default());
        let long = |i| format!("{i:0>CHANNEL_NAME_BYTES_MAX$}");
        for i in 0..200 {
            relay.hub.open(&long(i), 0).unwrap();
        }
        relay.hub.open_set(&[&long(1), &long(2)], 0).unwrap();
        let mut asked = Query {
            // As dear as it can be.
            pattern: Some("*".repeat(CHANNEL_NAME_BYTES_MAX)),
            ..Query::default()
        };
        let (mut names, mut pieces) = (Vec::new(), 0);
        loop {
            let page = relay.page(&asked, 0);
            assert_eq!(page.total, 200);
            assert!(page.channels.len() <= CHANNELS_LISTED_DEFAULT);
            names.extend(page.channels.iter().map(|c| c.name.to_owned()));
            pieces += 1;
            match page.next {
                Some(next) => asked.from = Some(next),
                None => break,
            }
        }
        assert!(pieces > 200 * CHANNEL_NAME_BYTES_MAX.pow(2) / LIST_STEPS_MAX);
        names.sort();
        assert_eq!(names, (0..200).map(long).collect::<Vec<_>>());
        asked.from = Some(usize::MAX);
        assert!(relay.page(&asked, 0).next.is_none());
    }
}
