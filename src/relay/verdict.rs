//! Why a peer is behind, in one word, out of what the kernel tells.

use crate::wire::TcpInfo;

/// One segment in so many sent again: the network loses.
const LOSS_ONE_IN: u64 = 20;

/// See [`Verdict::of`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Takes what it is sent.
    Fine,
    /// Its program does not read, or not fast enough.
    NotReading,
    /// The network between loses what it is sent.
    Losing,
    /// Neither: the path, or the machine at its end, is slow.
    Slow,
    /// The kernel tells nothing.
    Unknown,
}

impl Verdict {
    /// The first of these that holds, of a connection with `blocked` private output or log:
    ///
    /// 1. unknown: nothing is told;
    /// 2. losing: segments are being sent again now;
    /// 3. not reading: its window is closed, or has no room for one segment, and bytes wait for it;
    /// 4. fine: it is not blocked, and nothing waits in the kernel;
    /// 5. losing: one segment in 20 was sent again;
    /// 6. not reading: its window was what held us up for half of the time that we had something
    ///    to send;
    /// 7. slow.
    pub fn of(tcp: Option<&TcpInfo>, blocked: bool) -> Verdict {
        let Some(tcp) = tcp else {
            return Verdict::Unknown;
        };
        let waits = tcp.unsent_bytes > 0;
        let lost = u64::from(tcp.retransmits) * LOSS_ONE_IN;
        if tcp.recovering {
            Verdict::Losing
        } else if tcp.probing || waits && tcp.window_bytes < tcp.segment_bytes {
            Verdict::NotReading
        } else if !blocked && !waits {
            Verdict::Fine
        } else if lost > 0 && lost >= u64::from(tcp.segments) {
            Verdict::Losing
        } else if tcp.window_limited_us > 0 && tcp.window_limited_us >= tcp.busy_us / 2 {
            Verdict::NotReading
        } else {
            Verdict::Slow
        }
    }

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Fine => "fine",
            Verdict::NotReading => "not_reading",
            Verdict::Losing => "losing",
            Verdict::Slow => "slow",
            Verdict::Unknown => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A connection at rest that has sent a thousand segments.
    const REST: TcpInfo = TcpInfo {
        rtt_us: 200,
        segments: 1000,
        retransmits: 0,
        recovering: false,
        unsent_bytes: 0,
        unacked: 0,
        segment_bytes: 1448,
        window_bytes: 64 * 1024,
        probing: false,
        busy_us: 1_000_000,
        window_limited_us: 0,
    };

    fn word(tcp: TcpInfo, blocked: bool) -> &'static str {
        Verdict::of(Some(&tcp), blocked).word()
    }

    #[test]
    fn each_rule_in_its_order() {
        let waits = TcpInfo {
            unsent_bytes: 100_000,
            ..REST
        };
        assert_eq!(Verdict::of(None, true).word(), "unknown");
        assert_eq!(word(REST, false), "fine");
        assert_eq!(word(REST, true), "slow");
        assert_eq!(word(waits, true), "slow");
        for (window_bytes, is) in [(0, "not_reading"), (1447, "not_reading"), (1448, "slow")] {
            let tcp = TcpInfo {
                window_bytes,
                ..waits
            };
            assert_eq!(word(tcp, true), is, "{window_bytes}");
        }
        // A closed window with nothing to send for it says nothing.
        let closed = TcpInfo {
            window_bytes: 0,
            ..REST
        };
        assert_eq!(word(closed, false), "fine");
        for (retransmits, is) in [(49, "slow"), (50, "losing")] {
            let tcp = TcpInfo {
                retransmits,
                ..waits
            };
            assert_eq!(word(tcp, true), is, "{retransmits}");
            // That was once; now it takes everything.
            assert_eq!(
                word(
                    TcpInfo {
                        retransmits,
                        ..REST
                    },
                    false
                ),
                "fine"
            );
        }
        for (window_limited_us, is) in [(499_999, "slow"), (500_000, "not_reading")] {
            let tcp = TcpInfo {
                window_limited_us,
                ..waits
            };
            assert_eq!(word(tcp, true), is, "{window_limited_us}");
        }
        let probing = TcpInfo {
            probing: true,
            ..waits
        };
        assert_eq!(word(probing, true), "not_reading");
        let recovering = TcpInfo {
            recovering: true,
            ..probing
        };
        assert_eq!(word(recovering, true), "losing");
    }
}
