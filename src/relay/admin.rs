//! What operators ask: probes and metrics, and how the admin addresses are kept from pages.
//!
//! Rules, at an admin address:
//! - Nothing is served but what is named here.
//! - No answer can be read by a page of another origin: a request with an `Origin` is refused, no
//!   answer names one, and one for a host that is neither an address nor known is refused, as a
//!   page could have had its own name resolved to our address (DNS rebinding).

use std::net::IpAddr;

use super::Relay;
use super::routes::plain;
use crate::close::Reason;
use crate::http::{Answer, Request};

pub(super) const TEXT: &str = "text/plain; charset=utf-8";
const METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Nothing keeps such an answer, takes it for something else, or embeds it.
pub(super) const HEADERS: &[(&str, &str)] = &[
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
];

impl Relay {
    /// Does what a request at an admin address asks for; it has no `Origin`.
    pub(super) fn admin_route(
        &mut self,
        slot: u32,
        request: &Request<'_, '_>,
        now: u64,
    ) -> Result<(), Reason> {
        if !self.is_own_host(request.header("host").unwrap_or_default()) {
            return Err(Reason::ForeignHost);
        }
        match request.path {
            "/connections" => self.ask_listing(slot, request),
            path if path == "/channels" || path.starts_with("/channels/") => {
                self.admin_channels(slot, request, now)
            }
            _ => self.probe(slot, request, HEADERS, None, now),
        }
    }

    /// Whether a page that reads an answer under this `Host` must be our own.
    pub(super) fn is_own_host(&self, host: &[u8]) -> bool {
        let Ok(host) = std::str::from_utf8(host) else {
            return false;
        };
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
            _ => host,
        };
        let bare = name.strip_prefix('[').and_then(|n| n.strip_suffix(']'));
        let own = |own: &String| own.eq_ignore_ascii_case(name);
        // No browser sends an empty one.
        name.is_empty()
            || bare.unwrap_or(name).parse::<IpAddr>().is_ok()
            || name.eq_ignore_ascii_case("localhost")
            || self.settings.admin_hosts.iter().any(own)
    }

    /// Answers `/healthz`, `/readyz` and `/metrics`.
    pub(super) fn probe(
        &mut self,
        slot: u32,
        request: &Request<'_, '_>,
        headers: &[(&str, &str)],
        origin: Option<&str>,
        now: u64,
    ) -> Result<(), Reason> {
        let metrics;
        let answer = match request.path {
            "/healthz" => plain(TEXT, b"ok\n"),
            "/readyz" if self.drain.is_some() => return Err(Reason::Drain),
            "/readyz" => plain(TEXT, b"ready\n"),
            "/metrics" => {
                metrics = self.metrics(now);
                plain(METRICS, metrics.as_bytes())
            }
            _ => return Err(Reason::NotFound),
        };
        let answer = Answer { headers, ..answer };
        self.get(slot, request, answer, origin, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    #[test]
    fn hosts_that_no_page_of_another_can_have() {
        let relay = Relay::new(Settings {
            admin_hosts: vec!["relay.internal".into()],
            ..Settings::default()
        });
        for host in [
            "",
            "127.0.0.1",
            "127.0.0.1:9100",
            "[::1]:9100",
            "[fd00::1]",
            "LOCALHOST:9100",
            "Relay.internal:1",
        ] {
            assert!(relay.is_own_host(host.as_bytes()), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:9100",
            "127.0.0.1.evil.example",
            "localhost.evil.example:9100",
            "relay.internal.evil.example",
            "x",
            "[::1",
            "localhost:x",
        ] {
            assert!(!relay.is_own_host(host.as_bytes()), "{host}");
        }
    }
}
