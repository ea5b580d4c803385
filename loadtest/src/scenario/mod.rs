//! One file per scenario. Each takes its options and gives a report, or a sentence why the run
//! could not be made.

pub mod echo;
pub mod fanout;
pub mod idle;

use crate::cli::Sending;
use crate::drive::{Driven, Load, Span, Stage};
use crate::pace::{Lateness, Pace};
use crate::report::{Client, Latencies, Report, Verdict};

/// A sender whose output waits with more than this is not given more: the server pushes back.
const HELD_BYTES: usize = 1 << 20;
/// Ticks sent before what came is read again.
const TICKS_PER_TURN: u32 = 64;

/// What the clock says to an open loop.
#[derive(Debug, PartialEq, Eq)]
enum Due {
    /// This sender sends a batch, due at this time.
    Send { sender: usize, intended_ns: u64 },
    /// Nothing before this time.
    Wait(u64),
}

/// An open loop: senders in turn, by the clock. What the server holds up stays due, with the time
/// it was meant for, and does not count as the client's lateness.
struct OpenLoop {
    pace: Pace,
    senders: usize,
    ticks: usize,
    /// The server pushed back, and the pace has not caught up since.
    held: bool,
    /// Lateness counts from here, and nothing is due from there on.
    span: Span,
    batch: u32,
}

impl OpenLoop {
    /// `None` for a closed loop.
    fn of(sending: &Sending, senders: usize) -> Option<OpenLoop> {
        (sending.rate > 0.0).then(|| OpenLoop {
            pace: Pace::new(sending.rate, sending.batch),
            senders,
            ticks: 0,
            held: false,
            span: Span::of(sending),
            batch: sending.batch,
        })
    }

    /// Whether something was due before `end_ns` that the client itself has not sent yet. It must
    /// be, or what a stall of the client held up would be missing from the figures.
    fn owes(&self, end_ns: u64) -> bool {
        !self.held && self.pace.left(end_ns) > 0
    }

    /// Messages that were due and not sent.
    fn unsent(&self) -> u64 {
        self.pace.left(self.span.to_ns) * u64::from(self.batch)
    }

    /// The next batch, if it is due. `waiting` tells how many bytes of a sender's output wait.
    fn next(
        &mut self,
        waiting: impl Fn(usize) -> usize,
        now_ns: u64,
        lateness: &mut Lateness,
    ) -> Due {
        let sender = self.ticks % self.senders;
        if waiting(sender) > HELD_BYTES {
            self.held = true;
            return Due::Wait(u64::MAX);
        }
        let Some(intended_ns) = self.pace.due(now_ns.min(self.span.to_ns - 1)) else {
            self.held = false;
            return Due::Wait(self.pace.next_ns());
        };
        if !self.held && intended_ns >= self.span.from_ns {
            lateness.note(now_ns - intended_ns);
        }
        self.ticks += 1;
        Due::Send {
            sender,
            intended_ns,
        }
    }
}

/// What a scenario has in the end, as a report.
struct Finished<'a> {
    scenario: &'static str,
    sending: &'a Sending,
    driven: Driven,
    latency: Latencies,
    lateness: &'a Lateness,
    foreign: u64,
    /// Messages that were due and not sent.
    unsent: u64,
}

impl Finished<'_> {
    fn report(self, stage: &Stage, load: &impl Load) -> Report {
        let ended = stage.reactor.ended();
        let (expected, delivered) = (load.expected(), load.delivered());
        let verdict = Verdict::new(expected, delivered, load.verdict(), self.foreign, ended);
        let Driven {
            mut measured,
            own_cpu_share,
            server,
        } = self.driven;
        let size = self.sending.size as f64;
        measured.payload_bytes_per_s = Some(measured.deliveries_per_s * size);
        let client = Client::new(own_cpu_share, self.lateness, self.unsent);
        Report {
            server,
            latency: self.latency,
            ..Report::new(self.scenario, measured, client, verdict)
        }
    }
}

fn lateness_of(sending: &Sending) -> Lateness {
    Lateness {
        threshold_ns: sending.late.as_nanos() as u64,
        ..Lateness::default()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Scenario};

    const MS: u64 = 1_000_000;

    /// 100 messages a second in twos for 100 ms, the first 40 ms warm-up, two senders.
    fn open_loop() -> (OpenLoop, Lateness) {
        let words =
            "x echo --url ws://127.0.0.1:1/ --rate 100 --batch 2 --warmup 40ms --duration 60ms";
        let Scenario::Echo(echo) = Cli::parse_from(words.split(' ')).scenario else {
            panic!("echo");
        };
        let sending = &echo.sending;
        (OpenLoop::of(sending, 2).unwrap(), lateness_of(sending))
    }

    fn send(sender: usize, ms: u64) -> Due {
        Due::Send {
            sender,
            intended_ns: ms * MS,
        }
    }

    #[test]
    fn a_stall_across_the_end_leaves_nothing_out_and_adds_nothing() {
        let (mut open, mut lateness) = open_loop();
        assert_eq!(open.next(|_| 0, 0, &mut lateness), send(0, 0));
        assert_eq!(open.next(|_| 0, 0, &mut lateness), Due::Wait(20 * MS));
        assert!(open.owes(100 * MS));
        for (sender, ms) in [(1, 20), (0, 40), (1, 60), (0, 80)] {
            assert_eq!(open.next(|_| 0, 500 * MS, &mut lateness), send(sender, ms));
        }
        assert_eq!(
            open.next(|_| 0, 500 * MS, &mut lateness),
            Due::Wait(100 * MS)
        );
        assert!(!open.owes(100 * MS));
        assert_eq!(open.unsent(), 0);
        // Those of the warm-up do not count.
        assert_eq!(
            (lateness.sends, lateness.late, lateness.max_ns),
            (3, 3, 460 * MS)
        );
    }

    #[test]
    fn what_the_server_holds_back_stays_due_and_is_not_the_clients_lateness() {
        let (mut open, mut lateness) = open_loop();
        assert_eq!(open.next(|_| 0, 0, &mut lateness), send(0, 0));
        let full = |_| HELD_BYTES + 1;
        assert_eq!(open.next(full, 70 * MS, &mut lateness), Due::Wait(u64::MAX));
        assert!(!open.owes(100 * MS));
        assert_eq!(open.unsent(), 8);
        for (sender, ms) in [(1, 20), (0, 40), (1, 60)] {
            assert_eq!(open.next(|_| 0, 70 * MS, &mut lateness), send(sender, ms));
        }
        assert_eq!(open.next(|_| 0, 70 * MS, &mut lateness), Due::Wait(80 * MS));
        assert_eq!((lateness.sends, open.unsent()), (0, 2));
    }
}
