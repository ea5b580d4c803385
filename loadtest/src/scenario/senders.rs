//! Who sends when: by the clock (open loop), or by what came back (closed loop).

use crate::cli::Sending;
use crate::drive::{Clock, Span};
use crate::pace::{Lateness, Pace};
use crate::reactor::Reactor;

/// A sender whose output waits with more than this is not given more: the server pushes back.
const HELD_BYTES: usize = 1 << 20;
/// Ticks sent before what came is read again.
const TICKS_PER_TURN: u32 = 64;

/// How messages are paced.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pacing {
    /// Messages a second over all senders; 0: closed loop.
    pub rate: f64,
    /// Closed loop: messages that one sender may have outstanding.
    pub window: u32,
    /// Messages that one sender sends in one write.
    pub batch: u32,
    /// A send this much after its time is late.
    pub late_ns: u64,
}

impl From<&Sending> for Pacing {
    fn from(sending: &Sending) -> Pacing {
        Pacing {
            rate: sending.rate,
            window: sending.window,
            batch: sending.batch,
            late_ns: sending.measuring.late.as_nanos() as u64,
        }
    }
}

/// What senders send into.
pub(super) trait Outlet {
    /// Bytes of a sender's output that the system has not taken yet.
    fn waiting_bytes(&self, sender: usize, reactor: &Reactor) -> usize;
    /// How many of a sender's messages have not come to everybody.
    fn outstanding(&self, sender: usize) -> u32;
    /// Sends a batch that was due at this time.
    fn publish(&mut self, sender: usize, intended_ns: u64, reactor: &mut Reactor);
}

/// All senders of one channel.
#[derive(Debug)]
pub(super) struct Senders {
    pacing: Pacing,
    count: usize,
    /// `None`: closed loop.
    open: Option<OpenLoop>,
    /// Closed loop: who may have room in its window.
    room: Vec<usize>,
    /// They send nothing until the next run begins.
    silent: bool,
    /// Open loop: how late sends were.
    pub lateness: Lateness,
}

impl Senders {
    /// So many senders that begin with a run over this span.
    pub fn new(pacing: Pacing, count: usize, span: Span) -> Senders {
        let mut senders = Senders {
            pacing,
            count,
            open: None,
            room: Vec::new(),
            silent: false,
            lateness: Lateness::default(),
        };
        senders.begin(span);
        senders
    }

    /// Begins another run, with the clock at 0 again.
    pub fn begin(&mut self, span: Span) {
        self.open = OpenLoop::of(self.pacing, self.count, span);
        self.room = (0..self.count).collect();
        self.silent = false;
        self.lateness = Lateness {
            threshold_ns: self.pacing.late_ns,
            ..Lateness::default()
        };
    }

    /// Sends at another rate from the next run on; 0: a closed loop.
    pub fn pace(&mut self, rate: f64) {
        self.pacing.rate = rate;
    }

    /// Sends nothing until the next run begins.
    pub fn silence(&mut self) {
        self.silent = true;
    }

    /// This sender may have room again.
    pub fn release(&mut self, sender: usize) {
        if self.open.is_none() {
            self.room.push(sender);
        }
    }

    /// Whether they go by what came back.
    pub fn is_closed_loop(&self) -> bool {
        self.open.is_none()
    }

    /// Whether something was due before `end_ns` that the client itself has not sent yet.
    pub fn owes(&self, end_ns: u64) -> bool {
        let owes = |open: &OpenLoop| open.owes(end_ns);
        !self.silent && self.open.as_ref().is_some_and(owes)
    }

    /// Messages that were due and not sent.
    pub fn unsent(&self) -> u64 {
        match self.silent {
            true => 0,
            false => self.open.as_ref().map_or(0, OpenLoop::unsent),
        }
    }

    /// Sends what is due; when to be asked again.
    pub fn send(&mut self, out: &mut impl Outlet, reactor: &mut Reactor, clock: &Clock) -> u64 {
        if self.silent {
            return u64::MAX;
        }
        let Some(open) = &mut self.open else {
            self.send_closed(out, reactor, clock);
            return u64::MAX;
        };
        for _ in 0..TICKS_PER_TURN {
            let waiting = |sender| out.waiting_bytes(sender, reactor);
            match open.next(waiting, clock.now_ns(), &mut self.lateness) {
                Due::Wait(until_ns) => return until_ns,
                Due::Send {
                    sender,
                    intended_ns,
                } => out.publish(sender, intended_ns, reactor),
            }
        }
        clock.now_ns()
    }

    fn send_closed(&mut self, out: &mut impl Outlet, reactor: &mut Reactor, clock: &Clock) {
        for sender in std::mem::take(&mut self.room) {
            while out.outstanding(sender) + self.pacing.batch <= self.pacing.window {
                out.publish(sender, clock.now_ns(), reactor);
            }
        }
    }
}

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
#[derive(Debug)]
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
    fn of(pacing: Pacing, senders: usize, span: Span) -> Option<OpenLoop> {
        (pacing.rate > 0.0).then(|| OpenLoop {
            pace: Pace::new(pacing.rate, pacing.batch),
            senders,
            ticks: 0,
            held: false,
            span,
            batch: pacing.batch,
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

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// 100 messages a second in twos for 100 ms, the first 40 ms warm-up, two senders.
    fn open_loop() -> (OpenLoop, Lateness) {
        let pacing = Pacing {
            rate: 100.0,
            window: 1,
            batch: 2,
            late_ns: 10 * MS,
        };
        let span = Span {
            from_ns: 40 * MS,
            to_ns: 100 * MS,
        };
        let lateness = Lateness {
            threshold_ns: 10 * MS,
            ..Lateness::default()
        };
        (OpenLoop::of(pacing, 2, span).unwrap(), lateness)
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
