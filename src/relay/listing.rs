//! `GET /connections`: the connections that are worst off, and why.
//!
//! Rules:
//! - A listing is made in two steps: the relay picks who is in it, the loop asks the network about
//!   each. One listing a turn, of `LISTED_MAX` connections at most, so that it holds nobody up for
//!   long; whoever has asked is not read until it is answered.

use std::collections::BinaryHeap;

use serde::Serialize;

use super::Relay;
use super::admin::{HEADERS, TEXT};
use super::peer::{BLOCKED, ECHO, ENGINE, Phase, WAITING};
use super::routes::plain;
use super::verdict::Verdict;
use crate::close::Reason;
use crate::conn::Conn;
use crate::http::{self, Answer, BodyKind, Reply, Request};
use crate::hub::{Behind, Form};
use crate::limits::{LISTED_DEFAULT, LISTED_MAX};
use crate::wire::{Inspected, TcpInfo, Token};

/// Which are the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    /// Most bytes behind, of those who are behind.
    Lag,
    /// Longest here.
    Age,
}

/// What was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Query {
    sort: Sort,
    limit: usize,
}

/// A request for a listing that waits for its turn.
#[derive(Debug)]
pub(super) struct Asked {
    token: Token,
    query: Query,
    /// A table to read, rather than JSON.
    table: bool,
    reply: Reply,
}

/// Who is in a listing.
#[derive(Debug)]
pub struct Listing {
    asked: Asked,
    /// One for each connection, the worst first.
    pub rows: Vec<Row>,
}

/// One connection of a listing.
#[derive(Debug)]
pub struct Row {
    /// Where it is.
    pub slot: u32,
    /// What the network says of it.
    pub inspected: Option<Inspected>,
    channel: Option<String>,
    transport: &'static str,
    bytes_behind: u64,
    ms_behind: u64,
    blocked: bool,
    age_s: u64,
}

/// A listing as JSON.
#[derive(Serialize)]
struct Page<'a> {
    connections: Vec<Shown<'a>>,
}

/// One connection as JSON.
#[derive(Serialize)]
struct Shown<'a> {
    channel: Option<&'a str>,
    transport: &'a str,
    address: Option<String>,
    age_seconds: u64,
    bytes_behind: u64,
    seconds_behind: f64,
    blocked: bool,
    state: &'a str,
    tcp: Option<Tcp>,
}

/// `TCP_INFO` as JSON.
#[derive(Serialize)]
struct Tcp {
    rtt_us: u32,
    segments_sent: u32,
    retransmits: u32,
    recovering: bool,
    unsent_bytes: u32,
    unacked_segments: u32,
    window_bytes: u32,
    probing: bool,
}

impl Query {
    fn parse(query: Option<&str>) -> Result<Query, Reason> {
        let (mut sort, mut limit) = (None, None);
        for (key, value) in http::query_pairs(query) {
            let twice = match &*key {
                "sort" => sort
                    .replace(match &*value {
                        "lag" => Sort::Lag,
                        "age" => Sort::Age,
                        _ => return Err(Reason::BadQuery),
                    })
                    .is_some(),
                "limit" => {
                    let n = value.parse().map_err(|_| Reason::BadQuery)?;
                    if !(1..=LISTED_MAX).contains(&n) {
                        return Err(Reason::BadQuery);
                    }
                    limit.replace(n).is_some()
                }
                // Nothing else can be asked, not even once.
                _ => true,
            };
            if twice {
                return Err(Reason::BadQuery);
            }
        }
        Ok(Query {
            sort: sort.unwrap_or(Sort::Lag),
            limit: limit.unwrap_or(LISTED_DEFAULT),
        })
    }
}

impl Relay {
    /// Notes who asks for a listing.
    pub(super) fn ask_listing(
        &mut self,
        slot: u32,
        request: &Request<'_, '_>,
    ) -> Result<(), Reason> {
        if !matches!(request.method, "GET" | "HEAD") {
            return Err(Reason::BadMethod);
        }
        if request.body != BodyKind::None {
            return Err(Reason::BadRequest);
        }
        let query = Query::parse(request.query)?;
        let peer = self.peer(slot);
        peer.flags |= WAITING;
        let token = peer.token(slot);
        self.asked.push_back(Asked {
            token,
            query,
            table: request.accepts("text/plain") && !request.accepts("application/json"),
            reply: request.reply(),
        });
        Ok(())
    }

    /// The next listing that was asked for. The caller fills in what the network says and gives it
    /// to [`Relay::answer_listing`].
    pub fn take_listing(&mut self, now: u64) -> Option<Listing> {
        let asked = self.asked.pop_front()?;
        let rows = match asked.query.sort {
            Sort::Lag => self.most_behind(asked.query.limit, now),
            Sort::Age => self.oldest(asked.query.limit, now),
        };
        Some(Listing { asked, rows })
    }

    fn most_behind(&self, limit: usize, now: u64) -> Vec<Row> {
        let behind = self.hub.most_behind(limit, now).into_iter();
        let rows = behind.filter_map(|b| Some(self.row(self.connection_of(b.slot)?, Some(b), now)));
        rows.collect()
    }

    fn oldest(&self, limit: usize, now: u64) -> Vec<Row> {
        let mut youngest_first = BinaryHeap::with_capacity(limit + 1);
        for (slot, peer) in &self.peers {
            // Within a second, generations tell who came first.
            youngest_first.push((peer.begun_s, peer.generation, slot as u32));
            if youngest_first.len() > limit {
                youngest_first.pop();
            }
        }
        let oldest = youngest_first.into_sorted_vec().into_iter();
        oldest
            .map(|(_, _, slot)| {
                let peer = &self.peers[slot as usize];
                let standing = match peer.is(ENGINE) {
                    true => self.worst_of_session(slot, now),
                    false => peer.place().map(|place| self.hub.standing(place, now)),
                };
                self.row(slot, standing, now)
            })
            .collect()
    }

    fn row(&self, slot: u32, standing: Option<Behind<'_>>, now: u64) -> Row {
        let peer = &self.peers[slot as usize];
        let transport = match (&peer.conn, &standing) {
            (Conn::Http(_), _) => "http",
            (Conn::Carry(_), _) => Form::Payload.word(),
            (Conn::Ws(_), _) if peer.is(ENGINE) => Form::Packets.word(),
            (Conn::Stream | Conn::Poll(_), standing) => standing.map_or("http", |s| s.form.word()),
            (Conn::Ws(_), Some(standing)) => standing.form.word(),
            (Conn::Ws(_), None) if peer.is(ECHO) => "echo",
            (Conn::Ws(_), None) => "websocket",
        };
        Row {
            slot,
            inspected: None,
            channel: standing.map(|s| s.channel.to_owned()),
            transport,
            bytes_behind: standing.map_or(0, |s| s.bytes),
            ms_behind: standing.map_or(0, |s| s.ms),
            blocked: peer.is(BLOCKED),
            age_s: (now / 1000).saturating_sub(peer.begun_s.into()),
        }
    }

    /// Answers who asked for it, if they are still there.
    pub fn answer_listing(&mut self, listing: Listing, now: u64) {
        let Listing { asked, rows } = listing;
        let slot = asked.token.slot;
        if !self.is_current(asked.token) || self.peer(slot).phase != Phase::Open {
            return;
        }
        self.peer(slot).flags &= !WAITING;
        self.make_ready(slot);
        let (content_type, text) = match asked.table {
            true => (TEXT, table(&rows)),
            false => ("application/json", json(&rows)),
        };
        let answer = Answer {
            headers: HEADERS,
            reply: asked.reply,
            ..plain(content_type, text.as_bytes())
        };
        self.answer(slot, answer, None, now);
    }
}

impl Row {
    fn tcp(&self) -> Option<&TcpInfo> {
        self.inspected.as_ref().and_then(|i| i.tcp.as_ref())
    }

    fn state(&self) -> &'static str {
        Verdict::of(self.tcp(), self.blocked).word()
    }

    fn shown(&self) -> Shown<'_> {
        Shown {
            channel: self.channel.as_deref(),
            transport: self.transport,
            address: self.inspected.map(|i| i.address.to_string()),
            age_seconds: self.age_s,
            bytes_behind: self.bytes_behind,
            seconds_behind: self.ms_behind as f64 / 1e3,
            blocked: self.blocked,
            state: self.state(),
            tcp: self.tcp().map(|tcp| Tcp {
                rtt_us: tcp.rtt_us,
                segments_sent: tcp.segments,
                retransmits: tcp.retransmits,
                recovering: tcp.recovering,
                unsent_bytes: tcp.unsent_bytes,
                unacked_segments: tcp.unacked,
                window_bytes: tcp.window_bytes,
                probing: tcp.probing,
            }),
        }
    }
}

fn json(rows: &[Row]) -> String {
    let connections = rows.iter().map(Row::shown).collect();
    // Nothing in it can fail: no map, and no number that JSON has not.
    let mut text = serde_json::to_string(&Page { connections }).unwrap_or_default();
    text.push('\n');
    text
}

/// A table for a terminal: what is of no width of its own, the channel, comes last.
fn table(rows: &[Row]) -> String {
    let head = [
        "behind",
        "seconds",
        "age",
        "blocked",
        "state",
        "unsent",
        "unacked",
        "retrans",
        "rtt_us",
        "transport",
        "address",
        "channel",
    ];
    let mut lines = vec![head.map(str::to_owned)];
    for row in rows {
        let tcp = |get: fn(&TcpInfo) -> u32| row.tcp().map_or("-".into(), |t| get(t).to_string());
        lines.push([
            row.bytes_behind.to_string(),
            format!("{:.1}", row.ms_behind as f64 / 1e3),
            row.age_s.to_string(),
            if row.blocked { "yes" } else { "no" }.into(),
            row.state().into(),
            tcp(|t| t.unsent_bytes),
            tcp(|t| t.unacked),
            tcp(|t| t.retransmits),
            tcp(|t| t.rtt_us),
            row.transport.into(),
            row.inspected.map_or("-".into(), |i| i.address.to_string()),
            row.channel.clone().unwrap_or("-".into()),
        ]);
    }
    let width = |at: usize| lines.iter().map(|line| line[at].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        for (cell, width) in line.iter().zip(&widths).take(head.len() - 1) {
            text.push_str(&format!("{cell:<width$}  "));
        }
        text.push_str(&line[head.len() - 1]);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read_to_the_letter() {
        let query = |sort, limit| Ok(Query { sort, limit });
        let parse = |text: &str| Query::parse(Some(text));
        assert_eq!(Query::parse(None), query(Sort::Lag, LISTED_DEFAULT));
        assert_eq!(parse("sort=age&limit=1"), query(Sort::Age, 1));
        assert_eq!(
            parse(&format!("limit={LISTED_MAX}")),
            query(Sort::Lag, LISTED_MAX)
        );
        for text in [
            "sort=name",
            "sort=",
            "limit=0",
            "limit=x",
            "limit=-1",
            "limit=1&limit=2",
            "n=1",
            "sort=lag&sort=lag",
        ] {
            assert_eq!(parse(text), Err(Reason::BadQuery), "{text}");
        }
        let told = format!("limit=1 to {LISTED_MAX} ");
        assert!(Reason::BadQuery.text().contains(&told));
        assert_eq!(
            parse(&format!("limit={}", LISTED_MAX + 1)),
            Err(Reason::BadQuery)
        );
    }
}
