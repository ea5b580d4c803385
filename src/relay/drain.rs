//! Stopping: what is under way is finished, everybody is told 1001, and it takes `drain_ms` at most.

use super::Relay;
use super::peer::{ENGINE, Phase};
use crate::close::Reason;
use crate::conn::Conn;
use crate::limits::DRAIN_LOOK_MS;

/// A stop under way.
#[derive(Debug)]
pub(super) struct Drain {
    /// Everything ends then.
    deadline_ms: u64,
    /// From then on nobody is waited for: half of the time is left for the close handshake.
    hurry_ms: u64,
    /// See `LOOK_MS`.
    pub next_look_ms: u64,
}

impl Relay {
    /// Begins to stop. The caller accepts no more.
    pub fn begin_drain(&mut self, now: u64) {
        if self.drain.is_none() {
            let ms = self.settings.limits.drain_ms;
            self.drain = Some(Drain {
                deadline_ms: now.saturating_add(ms),
                hurry_ms: now.saturating_add(ms / 2),
                next_look_ms: now,
            });
        }
    }

    /// The stop has come to its end: whoever embeds the relay is told who has gone by that.
    pub fn stop(&mut self, now: u64) {
        self.end_sessions(now);
    }

    /// Whether a stop has come to its end.
    pub fn is_drained(&self, now: u64) -> bool {
        self.drain
            .as_ref()
            .is_some_and(|d| self.peers.is_empty() || now >= d.deadline_ms)
    }

    pub(super) fn look_at_drain(&mut self, now: u64) {
        let Some(drain) = &mut self.drain else { return };
        if now < drain.next_look_ms {
            return;
        }
        drain.next_look_ms = now + DRAIN_LOOK_MS;
        if now >= drain.hurry_ms {
            self.end_sessions(now);
        }
        for slot in 0..self.peers.capacity() as u32 {
            if self.peers.contains(slot as usize) {
                self.drain_peer_now(slot, now);
            }
        }
    }

    /// Ends one connection if it has nothing more to get, or there is no more time.
    pub(super) fn drain_peer_now(&mut self, slot: u32, now: u64) {
        let Some(drain) = &self.drain else { return };
        let hurry = now >= drain.hurry_ms;
        let peer = &self.peers[slot as usize];
        if peer.phase != Phase::Open {
            return;
        }
        match &peer.conn {
            Conn::Ws(_) | Conn::Stream => {
                let has_all = self.letters.is_empty()
                    && match peer.is(ENGINE) {
                        true => self.session_has_all(slot),
                        false => peer.place().is_none_or(|p| self.hub.caught_up(p)),
                    };
                if hurry || (has_all && peer.out_len() == 0) {
                    self.end_subscriber(slot, Reason::Drain, now);
                }
            }
            Conn::Poll(poll) if poll.is_begun() => {
                if hurry {
                    self.doom_with_reset(slot, Reason::Drain);
                }
            }
            Conn::Poll(_) => self.end_poll(slot, Reason::Drain, now),
            Conn::Carry(carry) if carry.is_begun() => {
                if hurry {
                    self.doom_with_reset(slot, Reason::Drain);
                }
            }
            Conn::Carry(_) => {
                if hurry || self.session_has_all(slot) {
                    self.end_polling(slot, Reason::Drain, now);
                }
            }
            Conn::Http(_) if self.awaits_flush(slot) => {
                if hurry {
                    self.answer_waiter(slot, now);
                }
            }
            Conn::Http(http) => {
                let resting = http.resting || (http.is_idle() && peer.tail().is_empty());
                if !self.give_up_held(slot, Reason::Drain, now) && (resting || hurry) {
                    self.finish(slot, Reason::Drain, now);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::IoSlice;
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::relay::Letter;
    use crate::settings::{Settings, Slow};
    use crate::wire::{Role, Sent, Wire};
    use crate::ws::Kind;

    /// Takes so many bytes, and keeps them.
    #[derive(Default)]
    struct Kernel {
        room: usize,
        got: Vec<u8>,
    }

    impl Wire for Kernel {
        fn send(&mut self, _slot: u32, bytes: &[u8]) -> Sent {
            let n = bytes.len().min(self.room);
            self.room -= n;
            self.got.extend_from_slice(&bytes[..n]);
            if n == bytes.len() {
                Sent::All
            } else {
                Sent::Blocked(n)
            }
        }

        fn send_vectored(&mut self, slot: u32, slices: &[IoSlice<'_>]) -> Sent {
            let bytes: Vec<u8> = slices.iter().flat_map(|s| s.iter().copied()).collect();
            self.send(slot, &bytes)
        }
    }

    fn flush(relay: &mut Relay, kernel: &mut Kernel, now: u64) {
        while relay.flush(kernel, now) {
            relay.sent_at(0);
        }
    }

    fn publish(relay: &mut Relay, text: &str) {
        relay.take_letter(Letter::Publish {
            channel: "news".into(),
            kind: Kind::Text,
            payload: text.as_bytes().into(),
        });
        relay.read_letters(0);
    }

    #[test]
    fn who_was_moved_on_is_told_of_the_gap_before_it_is_told_to_go() {
        let mut settings = Settings {
            slow: Slow::Skip,
            ..Settings::default()
        };
        settings.limits.lag_bytes_max = 100;
        let (mut relay, mut kernel) = (Relay::new(settings), Kernel::default());
        relay.accepted(Role::Public, IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        let mut request = b"GET /channels/news HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\
            Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
            Sec-WebSocket-Protocol: ws+meta.nchan\r\n\r\n"
            .to_vec();
        let len = request.len();
        assert_eq!(relay.input(0, &mut request, false, 0), len);
        kernel.room = 1 << 20;
        flush(&mut relay, &mut kernel, 0);
        assert!(kernel.got.starts_with(b"HTTP/1.1 101 "));

        kernel.room = 0;
        for _ in 0..3 {
            publish(&mut relay, &"x".repeat(200));
        }
        flush(&mut relay, &mut kernel, 0);
        assert_eq!((relay.counters.gaps, relay.counters.skipped), (1, 3));
        relay.begin_drain(0);
        relay.expire(0);
        kernel.room = 1 << 20;
        relay.writable(0, 1);
        flush(&mut relay, &mut kernel, 1);
        flush(&mut relay, &mut kernel, 1);
        let got = String::from_utf8_lossy(&kernel.got);
        assert!(got.contains("\"missed\":3}"), "{got}");
        let close = kernel.got.iter().rposition(|&b| b == 0x88).unwrap();
        assert_eq!(kernel.got[close + 2..close + 4], 1001u16.to_be_bytes());
    }
}
