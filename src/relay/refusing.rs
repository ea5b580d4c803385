//! Who cannot be served now: told so in the way that lets it come back.
//!
//! An `EventSource` gives up for good at any status but 200, so it is told by an event stream that
//! ends at once when to come back; an iframe shows no status to the page around it, so it gets a page that
//! ends at once; everybody else a status. Which of them a connection is shows
//! only in its request: one for which there is no place is refused when that has come.

use super::Relay;
use super::peer::{Phase, REFUSED};
use crate::close::Reason;
use crate::conn::Conn;
use crate::http::{Reply, Request, Transport, subscribe};
use crate::limits::REFUSED_MS;
use crate::mark::mark;
use crate::stream::{iframe, sse};

/// Whether this passes: who comes back a while later may be served.
const fn passes(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::Drain
            | Reason::Full
            | Reason::FullAddress
            | Reason::FullChannels
            | Reason::FullSets
            | Reason::Memory
    )
}

/// The head of an event stream that ends at once, up to its CORS headers.
const EVENT_SOURCE_HEAD: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\
    Cache-Control: no-store\r\nX-Accel-Buffering: no\r\n";

/// The same of an iframe's page.
const IFRAME_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\
    Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\
    Content-Security-Policy: default-src 'none'; script-src 'unsafe-inline'\r\n";

impl Relay {
    /// A connection that cannot be taken: it is answered when its request has come, or after a while
    /// without one.
    pub(super) fn refuse_connection(&mut self, slot: u32, reason: Reason, now: u64) {
        mark("connection_refused");
        let due = now.saturating_add(self.settings.limits.head_timeout_ms.min(REFUSED_MS));
        let peer = self.peer(slot);
        peer.flags |= REFUSED;
        peer.reason = reason;
        peer.set_due(due);
        self.arm(slot);
    }

    /// No request came of a connection that cannot be taken; false: it can.
    pub(super) fn refuse_silent(&mut self, slot: u32, now: u64) -> bool {
        let peer = &self.peers[slot as usize];
        if !peer.is(REFUSED) || peer.phase != Phase::Open || !matches!(peer.conn, Conn::Http(_)) {
            return false;
        }
        let reason = peer.reason;
        self.refuse(slot, reason, Reply::default(), None, now);
        true
    }

    /// The reason for which a connection's request is refused, whatever it asks for.
    pub(super) fn refused(&self, slot: u32) -> Option<Reason> {
        let peer = &self.peers[slot as usize];
        peer.is(REFUSED).then_some(peer.reason)
    }

    /// Refuses a request that was understood.
    pub(super) fn refuse_request(
        &mut self,
        slot: u32,
        reason: Reason,
        request: &Request<'_, '_>,
        (reply, origin): (Reply, Option<&str>),
        now: u64,
    ) {
        let listens = request.path.starts_with("/channels/") && request.method == "GET";
        let asked = subscribe(request)
            .ok()
            .filter(|_| listens && passes(reason));
        let callback = asked.as_ref().and_then(|asked| asked.callback.as_deref());
        let (head, body) = match (asked.as_ref().map(|asked| asked.transport), callback) {
            (Some(Transport::EventSource), _) => {
                mark("event_source_sent_away");
                let mut body = Vec::new();
                sse::head(self.spread_retry_ms(slot), None, &mut body);
                (EVENT_SOURCE_HEAD, body)
            }
            (Some(Transport::Iframe), Some(name)) if iframe::check_callback(name).is_some() => {
                let mut body = Vec::new();
                iframe::head(name, &mut body);
                iframe::end(&mut body);
                (IFRAME_HEAD, body)
            }
            _ => return self.refuse(slot, reason, reply, origin, now),
        };
        self.counters.refuse(reason);
        let cors = self.cors(slot, origin);
        let out = self.out_tail(slot);
        out.extend_from_slice(head);
        cors.append(out);
        out.extend_from_slice(b"Connection: close\r\n\r\n");
        out.extend_from_slice(&body);
        self.answered(slot, false, reason, now);
    }

    /// When to come back: between one and three times what is told to everybody, so that those who
    /// are sent away together do not come back together.
    pub(super) fn spread_retry_ms(&self, slot: u32) -> u64 {
        let seed = self.counters.accepted ^ u64::from(self.peers[slot as usize].generation) << 32;
        // The golden ratio's bits (Knuth, The Art of Computer Programming 6.4) spread what counts up.
        let part = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48;
        let retry_ms = self.settings.limits.retry_ms;
        retry_ms + ((2 * retry_ms * part) >> 16)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::settings::Settings;
    use crate::wire::Role;

    /// What a connection beyond `connections_max` is told that sends this head.
    fn told(head: &str) -> String {
        let mut settings = Settings::default();
        settings.limits.connections_max = 1;
        let mut relay = Relay::new(settings);
        for _ in 0..2 {
            relay.accepted(Role::Public, IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        }
        if head.is_empty() {
            relay.expire(REFUSED_MS);
        } else {
            let mut head = head.as_bytes().to_vec();
            let len = head.len();
            assert_eq!(relay.input(1, &mut head, false, 0), len);
        }
        assert_eq!(relay.counters.refused.iter().sum::<u64>(), 1);
        let out = relay.peers[1].out.as_ref().unwrap();
        String::from_utf8(out.pending().to_vec()).unwrap()
    }

    #[test]
    fn an_event_source_is_told_when_to_come_back_and_others_get_a_status() {
        let source = "GET /channels/a HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n";
        let answer = told(source);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        let retry = answer.split("retry: ").nth(1).unwrap();
        let retry: u64 = retry.lines().next().unwrap().parse().unwrap();
        assert!((2_000..6_000).contains(&retry), "{retry}");
        assert!(answer.contains("\r\nConnection: close\r\n"));
        let frame =
            "GET /channels/a?transport=iframe&callback=parent.f HTTP/1.1\r\nHost: x\r\n\r\n";
        let answer = told(frame);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains("m(null,null,\"error\")"), "{answer}");
        for other in [
            "",
            "GET /channels/a HTTP/1.1\r\nHost: x\r\n\r\n",
            "?\r\n\r\n",
        ] {
            let answer = told(other);
            let status = if other == "?\r\n\r\n" { "400" } else { "503" };
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status} ")),
                "{answer}"
            );
        }
    }
}
