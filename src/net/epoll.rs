//! The network on epoll; the only file that names mio.
//!
//! Every socket is registered once, edge-triggered, for reading and writing. A short read means
//! drained, as an edge will come for what arrives later; but an end of stream that came together
//! with the last bytes has had its edge already, so after one that told of a hang-up it reads on.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mio::event::Source;
use mio::net::{TcpListener, TcpStream};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll};
use rustix::io::Errno;
use rustix::rand::GetRandomFlags;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

use super::diag::Diag;
use super::listen::{SocketOptions, listen, reset_on_close};
use super::{Accept, Event, Inspected, Net, Recv, Role, Token, Waker};
use crate::limits::EVENTS_PER_TURN;
use crate::wire::{Sent, Wire};

const WAKE: mio::Token = mio::Token(usize::MAX);
const ALARM: mio::Token = mio::Token(usize::MAX - 1);
/// Listeners have the numbers below; connections, with 24 bits of generation, never get there.
const LISTENERS: usize = usize::MAX / 2 + 1;

#[derive(Debug)]
struct Socket {
    stream: TcpStream,
    /// An event told that the peer ended its direction: a short read is not the end.
    ended: bool,
}

/// See the top of the file.
#[derive(Debug)]
pub struct Epoll {
    poll: Poll,
    events: Events,
    listeners: Vec<(TcpListener, Role)>,
    sockets: Vec<Option<Socket>>,
    waker: Arc<mio::Waker>,
    diag: Diag,
    alarm: Alarm,
    begun: Instant,
}

impl Epoll {
    /// Listens on all of these addresses. Those that come first accept first.
    ///
    /// # Errors
    /// The address that failed, and why.
    pub fn bind(
        addresses: &[(SocketAddr, Role)],
        options: SocketOptions,
    ) -> Result<Epoll, (Option<SocketAddr>, io::Error)> {
        let poll = Poll::new().map_err(|e| (None, e))?;
        let waker = mio::Waker::new(poll.registry(), WAKE).map_err(|e| (None, e))?;
        let mut listeners = Vec::new();
        for (i, &(address, role)) in addresses.iter().enumerate() {
            let bind = || {
                let mut listener = TcpListener::from_std(listen(address, options)?);
                let token = mio::Token(LISTENERS + i);
                poll.registry()
                    .register(&mut listener, token, Interest::READABLE)?;
                Ok((listener, role))
            };
            listeners.push(bind().map_err(|e| (Some(address), e))?);
        }
        Ok(Epoll {
            poll,
            events: Events::with_capacity(EVENTS_PER_TURN),
            listeners,
            sockets: Vec::new(),
            waker: Arc::new(waker),
            diag: Diag::default(),
            alarm: Alarm::default(),
            begun: Instant::now(),
        })
    }

    /// Where it listens in this role; port 0 has become a number.
    pub fn addresses(&self, role: Role) -> Vec<SocketAddr> {
        let listeners = self.listeners.iter().filter(|(_, r)| *r == role);
        listeners
            .filter_map(|(listener, _)| listener.local_addr().ok())
            .collect()
    }

    fn stream(&self, slot: u32) -> Option<&TcpStream> {
        self.sockets.get(slot as usize)?.as_ref().map(|s| &s.stream)
    }

    fn note(&mut self, event: &mio::event::Event) -> Event {
        let number = event.token().0;
        if event.token() == WAKE {
            return Event::Wake;
        }
        if number >= LISTENERS {
            return Event::Accept(number - LISTENERS);
        }
        let token = Token {
            slot: number as u32,
            generation: (number >> 32) as u32,
        };
        let hangup = event.is_error() || (event.is_read_closed() && event.is_write_closed());
        if event.is_read_closed() || hangup {
            // A stale event only makes this connection read once more than it needs.
            if let Some(Some(socket)) = self.sockets.get_mut(token.slot as usize) {
                socket.ended = true;
            }
        }
        let readable = event.is_readable() || event.is_read_closed();
        Event::Ready {
            token,
            readable,
            writable: event.is_writable(),
            hangup,
        }
    }
}

/// Ends a wait to the microsecond, where epoll's own timeout knows milliseconds: a timer of the
/// kernel (timerfd_create(2)), made when first needed.
#[derive(Debug, Default)]
struct Alarm {
    timer: Option<OwnedFd>,
}

impl Alarm {
    /// Goes off after `timeout`, and not any more when it was set to before. Where that fails, the
    /// wait is as long as epoll makes it.
    fn set(&mut self, timeout: Duration, registry: &mio::Registry) {
        if self.timer.is_none() {
            self.timer = new_timer(registry).ok();
        }
        let Some(timer) = &self.timer else { return };
        let once = Itimerspec {
            it_interval: Timespec::default(),
            it_value: Timespec {
                tv_sec: timeout.as_secs() as i64,
                tv_nsec: timeout.subsec_nanos().into(),
            },
        };
        // To set it anew also takes back that it went off: it is never read.
        let _ = timerfd_settime(timer, TimerfdTimerFlags::empty(), &once);
    }
}

fn new_timer(registry: &mio::Registry) -> io::Result<OwnedFd> {
    let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
    let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
    SourceFd(&timer.as_raw_fd()).register(registry, ALARM, Interest::READABLE)?;
    Ok(timer)
}

fn sent(result: io::Result<usize>, len: usize) -> Option<Sent> {
    match result {
        Ok(n) if n == len => Some(Sent::All),
        Ok(n) => Some(Sent::Blocked(n)),
        Err(e) => match e.kind() {
            ErrorKind::WouldBlock => Some(Sent::Blocked(0)),
            ErrorKind::Interrupted => None,
            _ => Some(Sent::Gone),
        },
    }
}

impl Wire for Epoll {
    fn send(&mut self, slot: u32, bytes: &[u8]) -> Sent {
        let Some(mut stream) = self.stream(slot) else {
            return Sent::Gone;
        };
        loop {
            if let Some(sent) = sent(stream.write(bytes), bytes.len()) {
                return sent;
            }
        }
    }

    fn send_vectored(&mut self, slot: u32, slices: &[IoSlice<'_>]) -> Sent {
        if let [only] = slices {
            return self.send(slot, only);
        }
        let Some(mut stream) = self.stream(slot) else {
            return Sent::Gone;
        };
        let len = slices.iter().map(|s| s.len()).sum();
        loop {
            if let Some(sent) = sent(stream.write_vectored(slices), len) {
                return sent;
            }
        }
    }
}

impl Net for Epoll {
    fn wait(&mut self, events: &mut Vec<Event>, timeout_us: Option<u64>) {
        let timeout = timeout_us.map(Duration::from_micros);
        if let Some(timeout) = timeout.filter(|t| t.subsec_micros() % 1000 != 0) {
            self.alarm.set(timeout, self.poll.registry());
        }
        match self.poll.poll(&mut self.events, timeout) {
            Ok(()) => {}
            Err(e) if e.kind() == ErrorKind::Interrupted => return,
            Err(e) => panic!("epoll_wait: {e}"),
        }
        let found = std::mem::replace(&mut self.events, Events::with_capacity(0));
        let noted = found.iter().filter(|event| event.token() != ALARM);
        events.extend(noted.map(|event| self.note(event)));
        self.events = found;
    }

    fn now_ms(&mut self) -> u64 {
        self.begun.elapsed().as_millis() as u64
    }

    fn now_us(&mut self) -> u64 {
        self.begun.elapsed().as_micros() as u64
    }

    fn unix_ns(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(0, |since| since.as_nanos() as u64)
    }

    fn secret(&self) -> [u8; 32] {
        let mut secret = [0; 32];
        let mut at = 0;
        while at < secret.len() {
            match rustix::rand::getrandom(&mut secret[at..], GetRandomFlags::empty()) {
                Ok(n) => at += n,
                Err(Errno::INTR) => {}
                // Every system that this runs on has it; ids that can be guessed would be worse.
                Err(error) => panic!("no random bytes to be had: {error}"),
            }
        }
        secret
    }

    fn listeners(&self) -> usize {
        self.listeners.len()
    }

    fn role(&self, listener: usize) -> Role {
        self.listeners[listener].1
    }

    fn accept(&mut self, listener: usize, token: Token) -> Accept {
        let Some((listener, _)) = self.listeners.get(listener) else {
            return Accept::Drained;
        };
        let (mut stream, address) = match listener.accept() {
            Ok(accepted) => accepted,
            Err(e) if e.kind() == ErrorKind::WouldBlock => return Accept::Drained,
            Err(e) if is_exhausted(&e) => return Accept::Exhausted,
            Err(_) => return Accept::Aborted,
        };
        let number = mio::Token(token.number() as usize);
        let interest = Interest::READABLE | Interest::WRITABLE;
        if self
            .poll
            .registry()
            .register(&mut stream, number, interest)
            .is_err()
        {
            return Accept::Aborted;
        }
        let slot = token.slot as usize;
        if self.sockets.len() <= slot {
            self.sockets.resize_with(slot + 1, || None);
        }
        self.sockets[slot] = Some(Socket {
            stream,
            ended: false,
        });
        Accept::Open(address.ip())
    }

    fn stop_listening(&mut self) {
        self.listeners.clear();
    }

    fn recv(&mut self, slot: u32, into: &mut [u8]) -> Recv {
        let Some(Some(socket)) = self.sockets.get_mut(slot as usize) else {
            return Recv::Gone;
        };
        loop {
            return match (&socket.stream).read(into) {
                Ok(0) => Recv::Eof,
                Ok(n) if n < into.len() && !socket.ended => Recv::Drained(n),
                Ok(n) => Recv::More(n),
                Err(e) if e.kind() == ErrorKind::WouldBlock => Recv::Drained(0),
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(_) => Recv::Gone,
            };
        }
    }

    fn shutdown(&mut self, slot: u32) {
        if let Some(stream) = self.stream(slot) {
            // Where it fails the connection is gone, and reading will tell.
            let _ = stream.shutdown(std::net::Shutdown::Write);
        }
    }

    fn close(&mut self, slot: u32) {
        // Closing the descriptor takes it out of epoll.
        self.sockets[slot as usize] = None;
    }

    fn reset(&mut self, slot: u32) {
        if let Some(stream) = self.stream(slot) {
            reset_on_close(stream);
        }
        self.close(slot);
    }

    fn inspect(&mut self, slot: u32) -> Option<Inspected> {
        let stream = &self.sockets.get(slot as usize)?.as_ref()?.stream;
        let (local, address) = (stream.local_addr().ok()?, stream.peer_addr().ok()?);
        let tcp = self.diag.tcp_info(local, address);
        Some(Inspected { address, tcp })
    }

    fn waker(&self) -> Waker {
        let waker = self.waker.clone();
        Arc::new(move || {
            // It can only fail when the loop is gone, which its mailbox tells.
            let _ = waker.wake();
        })
    }
}

/// Out of descriptors or memory: no event will come for what waits in the backlog.
fn is_exhausted(error: &io::Error) -> bool {
    // EMFILE, ENFILE, ENOBUFS, ENOMEM as Linux numbers them.
    matches!(error.raw_os_error(), Some(24 | 23 | 105 | 12))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shortest of many: what else the machine does can only make a wait longer.
    #[test]
    fn a_wait_is_over_within_a_millisecond_where_that_is_asked() -> io::Result<()> {
        let options = SocketOptions {
            send_buffer_bytes: 0,
            user_timeout: Duration::from_secs(1),
            keepalive: Duration::from_secs(1),
        };
        let mut net = Epoll::bind(&[], options).map_err(|(_, e)| e)?;
        let mut events = Vec::new();
        let mut shortest = u64::MAX;
        for _ in 0..200 {
            let begun = net.now_us();
            net.wait(&mut events, Some(250));
            shortest = shortest.min(net.now_us() - begun);
        }
        assert!((250..900).contains(&shortest), "{shortest}");
        assert_eq!(events, []);
        Ok(())
    }
}
