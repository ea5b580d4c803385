//! Publishers that wait until their message has left (`?wait=flush`): answered once the kernel has its
//! bytes for everybody who was there, or they are gone, or the time is over that was given.
//!
//! Who waits is not read meanwhile. Of nobody else anything is noted while nobody waits.

use serde::Serialize;

use super::Relay;
use super::peer::{Phase, WAITING};
use crate::close::Reason;
use crate::conn::Upload;
use crate::http::{self, Answer, Reply, Request};
use crate::hub::{Id, Left, Submitted};
use crate::limits::{FLUSH_WAIT_MS, FLUSH_WAIT_MS_MAX, FLUSH_WAITERS_MAX};
use crate::mark::mark;
use crate::wire::Token;

/// One publisher that waits.
#[derive(Debug)]
pub(super) struct Waiter {
    /// In the hub.
    watch: u32,
    /// Its message, the last if it were several.
    id: Id,
    /// How many they were.
    several: Option<u64>,
    reply: Reply,
    origin: Option<Box<str>>,
}

/// What it is told.
#[derive(Serialize)]
struct Told {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    published: Option<u64>,
    subscribers: usize,
    flushed: usize,
    behind: usize,
    closed: usize,
}

/// How long the publisher of this request wants to wait for its message to leave; `None`: not at all.
pub(super) fn flush_wait(request: &Request<'_, '_>) -> Result<Option<u64>, Reason> {
    match http::query_value(request.query, "wait").as_deref() {
        None => return Ok(None),
        Some("flush") => {}
        Some(_) => return Err(Reason::BadQuery),
    }
    let Some(given) = http::query_value(request.query, "timeout") else {
        return Ok(Some(FLUSH_WAIT_MS));
    };
    let ms = given.parse().ok();
    let ms = ms.filter(|ms| (1..=FLUSH_WAIT_MS_MAX).contains(ms));
    ms.ok_or(Reason::BadQuery).map(Some)
}

impl Relay {
    /// Whether one more may wait.
    pub(super) fn may_wait(&self, upload: &Upload) -> Result<(), Reason> {
        match upload.wait_ms.is_some() && self.waiters.len() >= FLUSH_WAITERS_MAX {
            true => Err(Reason::FullWaiters),
            false => Ok(()),
        }
    }

    /// A message was published a moment ago; its publisher waits for it to leave.
    pub(super) fn await_flush(
        &mut self,
        slot: u32,
        (channel, ms): (u32, u64),
        (submitted, several): (Submitted, Option<u64>),
        (reply, origin): (Reply, Option<Box<str>>),
        now: u64,
    ) {
        mark("publisher_awaits_flush");
        let peer = &mut self.peers[slot as usize];
        peer.flags |= WAITING;
        peer.set_due(now.saturating_add(ms));
        let watch = self.hub.watch(channel, peer.token(slot));
        let waiter = Waiter {
            watch,
            id: submitted.id,
            several,
            reply,
            origin,
        };
        self.waiters.insert(slot, waiter);
        self.arm(slot);
    }

    /// A turn is over: answers those whose message has left.
    pub fn answer_waiters(&mut self, now: u64) {
        if !self.hub.is_watching() {
            return;
        }
        let mut over: Vec<Token> = Vec::new();
        self.hub.settle_watches(now, &mut over);
        for token in over {
            if self.is_current(token) {
                self.answer_waiter(token.slot, now);
            }
        }
    }

    /// Tells a publisher that waits what became of its message so far; false: it does not wait.
    pub(super) fn answer_waiter(&mut self, slot: u32, now: u64) -> bool {
        let Some(waiter) = self.waiters.remove(&slot) else {
            return false;
        };
        let Left {
            subscribers,
            flushed,
            behind,
            closed,
        } = self.hub.unwatch(waiter.watch);
        let peer = self.peer(slot);
        if peer.phase != Phase::Open {
            return false;
        }
        peer.flags &= !WAITING;
        if behind > 0 {
            mark("flush_not_awaited");
        }
        let told = Told {
            id: waiter.id.to_string(),
            published: waiter.several,
            subscribers,
            flushed,
            behind,
            closed,
        };
        let mut text = serde_json::to_string(&told).unwrap_or_default();
        text.push('\n');
        let answer = Answer {
            status: if subscribers > 0 { 201 } else { 202 },
            content_type: "application/json",
            body: text.as_bytes(),
            reply: waiter.reply,
            ..Answer::default()
        };
        self.answer(slot, answer, waiter.origin.as_deref(), now);
        self.make_ready(slot);
        true
    }

    /// Whether this connection waits for its message to leave.
    pub(super) fn awaits_flush(&self, slot: u32) -> bool {
        self.waiters.contains_key(&slot)
    }

    /// Nobody waits any more for what this connection published.
    pub(super) fn forget_waiter(&mut self, slot: u32) {
        if let Some(waiter) = self.waiters.remove(&slot) {
            mark("waiter_gone");
            self.hub.unwatch(waiter.watch);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    #[test]
    fn so_many_wait_and_no_more() {
        let mut relay = Relay::new(Settings::default());
        let channel = relay.hub.open("a", 0).unwrap();
        let mut upload = Upload::default();
        for slot in 0..FLUSH_WAITERS_MAX as u32 {
            upload.wait_ms = Some(1);
            assert_eq!(relay.may_wait(&upload), Ok(()));
            let token = Token {
                slot,
                generation: 1,
            };
            let waiter = Waiter {
                watch: relay.hub.watch(channel, token),
                id: relay.hub.newest(),
                several: None,
                reply: Reply::default(),
                origin: None,
            };
            relay.waiters.insert(slot, waiter);
        }
        assert_eq!(relay.may_wait(&upload), Err(Reason::FullWaiters));
        upload.wait_ms = None;
        assert_eq!(relay.may_wait(&upload), Ok(()));
        relay.forget_waiter(7);
        upload.wait_ms = Some(1);
        assert_eq!(relay.may_wait(&upload), Ok(()));
    }
}
