//! Who looks after channels: lists them, is told how one stands, deletes one.
//!
//! Rules, for all three alike:
//! - At an admin address they are served to whoever comes there (see `relay/admin.rs`).
//! - Where a publish key is set, whoever gives it may; else, with an admin address, nobody elsewhere.
//! - With neither they are for this machine: a peer from a loopback address that nobody says to speak
//!   for (a proxy on this machine would make everybody local), under a `Host` that no page of another can
//!   have, and without the `Origin` of another page.

use super::Relay;
use super::admin::HEADERS;
use super::peer::{ENGINE, LOCAL};
use super::requests::INFO_METHODS;
use super::routes::plain;
use crate::close::Reason;
use crate::http::{self, Answer, BodyKind, Published, Request, Told};
use crate::hub::Facts;
use crate::limits::{SEAT_BIT, SKIP_REST_BYTES_MAX};
use crate::mark::mark;

/// What somebody looks after, by path segments as they came.
#[derive(Debug, Clone, Copy)]
pub(super) enum Managed<'a> {
    /// Which channels there are.
    All,
    /// How this one stands.
    Told(&'a str),
    /// It is to go.
    Deleted(&'a str),
}

impl Relay {
    /// Does it for somebody at a public address.
    pub(super) fn manage(
        &mut self,
        slot: u32,
        request: &Request<'_, '_>,
        what: Managed<'_>,
        origin: Option<&str>,
        now: u64,
    ) -> Result<(), Reason> {
        if request.method == "OPTIONS" {
            if let Managed::Told(segment) = what {
                http::channel_name(segment)?;
            }
            return self.preflight(
                slot,
                request,
                (INFO_METHODS, http::REQUEST_HEADERS),
                origin,
                now,
            );
        }
        self.may_manage(slot, request, origin)?;
        self.managed(slot, request, what, origin, now)
    }

    /// Does what an operator asks of channels.
    pub(super) fn admin_channels(
        &mut self,
        slot: u32,
        request: &Request<'_, '_>,
        now: u64,
    ) -> Result<(), Reason> {
        let what = match request.path.strip_prefix("/channels/") {
            None => Managed::All,
            Some(rest) => match (rest.strip_suffix("/info"), request.method) {
                (Some(segment), _) => Managed::Told(segment),
                (None, "DELETE") => Managed::Deleted(rest),
                (None, _) => return Err(Reason::NotFound),
            },
        };
        self.managed(slot, request, what, None, now)
    }

    fn managed(
        &mut self,
        slot: u32,
        request: &Request<'_, '_>,
        what: Managed<'_>,
        origin: Option<&str>,
        now: u64,
    ) -> Result<(), Reason> {
        match what {
            Managed::All => self.list_channels(slot, request, origin, now),
            Managed::Told(segment) => {
                let name = http::channel_name(segment)?;
                self.tell_channel(slot, request, &name, origin, now)
            }
            Managed::Deleted(segment) => {
                let name = http::channel_name(segment)?;
                self.delete_channel(slot, request, &name, origin, now)
            }
        }
    }

    /// See the rules.
    fn may_manage(
        &self,
        slot: u32,
        request: &Request<'_, '_>,
        origin: Option<&str>,
    ) -> Result<(), Reason> {
        if self.settings.publish_key.is_some() {
            return self.authorize(request);
        }
        if self.has_admin {
            return Err(Reason::AdminOnly);
        }
        if !self.peers[slot as usize].is(LOCAL) || is_forwarded(request) {
            return Err(Reason::NotLocal);
        }
        let host = request.header("host").unwrap_or_default();
        if !self.is_own_host(host) {
            return Err(Reason::ForeignHost);
        }
        match origin {
            Some(origin) if !is_origin_of(origin, host) => Err(Reason::BadOrigin),
            _ => Ok(()),
        }
    }

    fn delete_channel(
        &mut self,
        slot: u32,
        request: &Request<'_, '_>,
        name: &str,
        origin: Option<&str>,
        now: u64,
    ) -> Result<(), Reason> {
        if !matches!(request.body, BodyKind::None | BodyKind::Length(0)) {
            return Err(Reason::BadRequest);
        }
        let channel = self.hub.find(name).ok_or(Reason::NotFound)?;
        let (told, mut text) = (Told::of(request), Vec::new());
        // Writing to a Vec cannot fail.
        let _ = published(&self.hub.facts(channel, now)).write(told, &mut text);
        self.end_channel(channel, now);
        let answer = Answer {
            headers: HEADERS,
            reply: request.reply(),
            ..plain(told.content_type(), &text)
        };
        self.answer(slot, answer, origin, now);
        Ok(())
    }

    /// Ends all who hear a channel, and the channel. What was not sent yet is not sent any more.
    fn end_channel(&mut self, channel: u32, now: u64) {
        for slot in self.hub.hearers(channel) {
            if slot & SEAT_BIT != 0 || self.peers[slot as usize].is(ENGINE) {
                self.end_hearing(slot, channel, now);
            } else {
                self.end_hearer(slot, now);
            }
        }
        let mut reports = std::mem::take(&mut self.reports);
        self.hub.delete(channel, &mut reports, now);
        self.reports = reports;
        self.act_on_reports(now);
    }

    fn end_hearer(&mut self, slot: u32, now: u64) {
        let place = self.peers[slot as usize].place();
        if place.is_some_and(|place| self.hub.rest_len(place) > SKIP_REST_BYTES_MAX) {
            mark("deleted_inside_message");
            self.doom_with_reset(slot, Reason::Deleted);
        } else {
            self.end_subscriber(slot, Reason::Deleted, now);
        }
        // Who is reset, or was on its way out, is freed later in this turn, and must not be a member of
        // what is gone.
        self.leave(slot, now);
        self.recount(slot);
    }
}

/// As publishers are told of a channel.
pub(super) fn published(facts: &Facts<'_>) -> Published {
    Published {
        published: None,
        messages: facts.messages as u64,
        requested: facts.requested_ms.map(|ms| ms / 1000),
        subscribers: facts.subscribers as u64,
        last_message_id: facts.last.map(|id| (id.epoch, id.number)),
    }
}

/// Whether somebody says that the request is another's.
fn is_forwarded(request: &Request<'_, '_>) -> bool {
    const NAMES: [&str; 3] = ["forwarded", "via", "x-real-ip"];
    const PREFIX: &[u8] = b"x-forwarded-";
    request.headers.iter().any(|h| {
        let start = h.name.as_bytes().get(..PREFIX.len());
        NAMES.iter().any(|name| h.name.eq_ignore_ascii_case(name))
            || start.is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
    })
}

/// Whether this is the origin of pages from that host.
fn is_origin_of(origin: &str, host: &[u8]) -> bool {
    let at = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"));
    at.is_some_and(|at| at.as_bytes().eq_ignore_ascii_case(host))
}
