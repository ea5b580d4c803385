//! A timer of the kernel's as a descriptor to poll.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Interest, Poll, Token};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

/// Makes the poll return at a given time.
#[derive(Debug)]
pub struct Timer {
    fd: OwnedFd,
    armed: Option<Instant>,
}

impl Timer {
    /// A timer that is registered under `token` and not armed.
    pub fn new(poll: &Poll, token: Token) -> io::Result<Timer> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let fd = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        let mut source = SourceFd(&fd.as_raw_fd());
        let registry = poll.registry();
        registry.register(&mut source, token, Interest::READABLE)?;
        Ok(Timer { fd, armed: None })
    }

    /// Arms it for `at`, which is `left` from now. It is edge-triggered and never read: setting it
    /// clears what had expired.
    pub fn arm(&mut self, at: Instant, left: Duration) -> io::Result<()> {
        if self.armed == Some(at) || left.is_zero() {
            return Ok(());
        }
        let zero = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let value = Timespec {
            tv_sec: left.as_secs() as i64,
            tv_nsec: i64::from(left.subsec_nanos()),
        };
        let once = Itimerspec {
            it_interval: zero,
            it_value: value,
        };
        timerfd_settime(&self.fd, TimerfdTimerFlags::empty(), &once)?;
        self.armed = Some(at);
        Ok(())
    }
}
