//! The loop: `wait → note readiness → accept → read → inbox → expire → flush → reap`, and in no
//! other order. Generic over its network; everything it decides, the relay decides.

use tracing::{info, warn};

use crate::limits::{
    ACCEPT_RETRY_MS, ACCEPTS_PER_TURN, EVENTS_PER_TURN, EXPIRE_SKIPS_MAX, INBOX_PER_TURN,
    READ_BYTES_PER_TURN, SCRATCH_BYTES, STALL_MS_LEAST,
};
use crate::link::{Handle, Inbox};
use crate::mark::{mark, planted};
use crate::net::{Accept, Event, Net, Recv};
use crate::relay::app::App;
use crate::relay::{Relay, Room, Stop};
use crate::settings::Settings;
use crate::wire::Role;

/// One reactor.
#[derive(Debug)]
pub struct Server<N: Net> {
    net: N,
    relay: Relay,
    inbox: Inbox,
    scratch: Box<[u8]>,
    events: Vec<Event>,
    ready: Vec<u32>,
    finished: Vec<u32>,
    /// What each listener is for.
    roles: Vec<Role>,
    /// Listeners with connections still to accept: their edge has been taken.
    backlog: Vec<bool>,
    /// Accepting failed for want of descriptors: not before then.
    accept_retry_ms: Option<u64>,
    /// It was logged that descriptors ran out, and nobody has stopped waiting since.
    exhausted: bool,
    /// The mailbox has more than was taken.
    more_letters: bool,
    /// When it was last looked at, not everything was taken.
    letters_left: bool,
    /// The order to stop, once given.
    stop: Option<Stop>,
    skipped_expires: u32,
    stopping: bool,
    /// When the last turn ended, in microseconds.
    ended_us: u64,
    now_ms: u64,
}

impl<N: Net> Server<N> {
    /// A server on this network.
    pub fn new(mut net: N, settings: Settings, inbox: Inbox) -> Server<N> {
        inbox.set_waker(net.waker());
        let roles: Vec<Role> = (0..net.listeners()).map(|l| net.role(l)).collect();
        let backlog = vec![true; roles.len()];
        let mut relay = Relay::new(settings);
        relay.start_ids(net.unix_ns());
        relay.seed_ids(net.secret());
        if roles.contains(&Role::Admin) {
            relay.keep_admin_apart();
        }
        let (now_ms, ended_us) = (net.now_ms(), net.now_us());
        Server {
            net,
            relay,
            inbox,
            scratch: vec![0; SCRATCH_BYTES].into_boxed_slice(),
            events: Vec::with_capacity(EVENTS_PER_TURN),
            ready: Vec::new(),
            finished: Vec::new(),
            roles,
            backlog,
            accept_retry_ms: None,
            exhausted: false,
            more_letters: true,
            letters_left: false,
            stop: None,
            skipped_expires: 0,
            stopping: false,
            ended_us,
            now_ms,
        }
    }

    /// From now on this program is asked what becomes of events. Before the first turn.
    pub fn set_app(&mut self, app: Box<dyn App>) {
        self.relay.set_app(app);
    }

    /// Another thread's way in.
    pub fn handle(&self) -> Handle {
        self.inbox.handle()
    }

    /// Takes turns until the server has stopped.
    pub fn run(&mut self) {
        self.inbox.runs_here();
        while self.turn() {}
        self.inbox.close();
    }

    /// One turn; false: the server has stopped.
    pub fn turn(&mut self) -> bool {
        let timeout = self.timeout();
        self.events.clear();
        self.net.wait(&mut self.events, timeout);
        self.now_ms = self.net.now_ms();
        self.hear_first();
        let begun_us = self.net.now_us();
        self.note_stall(timeout, begun_us);
        self.relay.turn_begins(begun_us);
        self.note();
        self.accept();
        self.read();
        if !self.read_inbox() {
            return false;
        }
        self.expire();
        while self.relay.flush(&mut self.net, self.now_ms) {
            self.relay.sent_at(self.net.now_us());
        }
        self.relay.keep_budget(self.now_ms);
        self.reap();
        let ended_us = self.net.now_us();
        self.relay.sent_at(ended_us);
        let took_us = ended_us - begun_us;
        self.relay.counters_mut().turn(took_us);
        if took_us > STALL_MS_LEAST * 1000 {
            self.stood_still();
        }
        self.ended_us = ended_us;
        let stopped = self.stopping && self.relay.is_drained(self.now_ms);
        if stopped {
            self.relay.stop(self.now_ms);
            info!(connections_left = self.relay.connections(), "stopped");
        }
        !stopped
    }

    /// Whoever was in time is heard before deadlines are judged, also where the wait was
    /// interrupted, or ended before a stall: all that came before `now_ms` is among the events
    /// then. A stall meanwhile begins it anew, or deadlines set in this turn would lie in the past.
    fn hear_first(&mut self) {
        while self.relay.next_due().is_some_and(|due| due <= self.now_ms) {
            self.net.wait(&mut self.events, Some(0));
            let now_ms = self.net.now_ms();
            if now_ms - self.now_ms < STALL_MS_LEAST {
                break;
            }
            self.now_ms = now_ms;
        }
    }

    /// Time that went by although nobody waited for it (SIGSTOP, a machine asleep): what was sent
    /// just before could not be answered in it.
    fn note_stall(&mut self, timeout_us: Option<u64>, begun_us: u64) {
        let away_us = begun_us.saturating_sub(self.ended_us);
        if timeout_us.is_some_and(|us| away_us > us.saturating_add(STALL_MS_LEAST * 1000)) {
            self.stood_still();
        }
    }

    /// Between two turns or in the middle of one: what was not answered meanwhile could not be.
    fn stood_still(&mut self) {
        mark("stalled");
        let now = self.net.now_ms();
        self.relay.stalled(now);
    }

    /// How long to wait for events, in microseconds: not at all while there is work that none will
    /// announce.
    fn timeout(&mut self) -> Option<u64> {
        let accepts = self.accept_retry_ms.is_none() && self.backlog.contains(&true);
        if accepts || self.more_letters || self.relay.is_busy() {
            return Some(0);
        }
        let due = [self.relay.next_due(), self.accept_retry_ms]
            .into_iter()
            .flatten()
            .min();
        // The turn took time: what was due in it is due now.
        let now = self.net.now_ms();
        let due = due.map(|due| due.saturating_sub(now).saturating_mul(1000));
        match self.relay.next_batch_us() {
            None => due,
            Some(batch) => {
                let left = batch.saturating_sub(self.net.now_us());
                Some(due.map_or(left, |due| due.min(left)))
            }
        }
    }

    fn note(&mut self) {
        for event in &self.events {
            match *event {
                Event::Accept(listener) => self.backlog[listener] = true,
                Event::Wake => self.more_letters = true,
                Event::Ready {
                    token,
                    readable,
                    writable,
                    hangup,
                } => {
                    if !self.relay.is_current(token) && !planted("reused_slot") {
                        mark("stale_event");
                        continue;
                    }
                    if !self.relay.is_slot(token.slot) {
                        continue;
                    }
                    if writable {
                        self.relay.writable(token.slot, self.now_ms);
                    }
                    if hangup {
                        self.relay.hung_up(token.slot);
                    } else if readable {
                        self.relay.make_ready(token.slot);
                    }
                }
            }
        }
    }

    fn accept(&mut self) {
        if self.accept_retry_ms.is_some_and(|at| self.now_ms < at) {
            return;
        }
        let retried = self.accept_retry_ms.take().is_some();
        for listener in 0..self.backlog.len() {
            let mut left = ACCEPTS_PER_TURN;
            while left > 0 && self.backlog[listener] && self.accept_one(listener, retried) {
                left -= 1;
            }
            self.relay.counters_mut().accept_budget_spent += u64::from(left == 0);
        }
    }

    /// Accepts one connection; false: no more from this listener now.
    fn accept_one(&mut self, listener: usize, retried: bool) -> bool {
        let role = self.roles[listener];
        let (room, token) = (self.relay.room(role), self.relay.next_token());
        match self.net.accept(listener, token) {
            Accept::Open(_) if room == Room::None => {
                self.relay.turned_away();
                self.net.reset(token.slot);
            }
            Accept::Open(address) => {
                if retried {
                    mark("emfile_recovered");
                }
                self.relay.accepted(role, address, self.now_ms);
            }
            Accept::Aborted => {}
            Accept::Drained => {
                self.backlog[listener] = false;
                self.exhausted = false;
            }
            Accept::Exhausted => {
                mark("emfile");
                if !std::mem::replace(&mut self.exhausted, true) {
                    warn!("out of descriptors: accepting waits");
                }
                self.relay.counters_mut().accept_exhausted += 1;
                if planted("emfile_waits_for_edge") {
                    self.backlog[listener] = false;
                } else {
                    self.accept_retry_ms = Some(self.now_ms + ACCEPT_RETRY_MS);
                }
                return false;
            }
        }
        true
    }

    fn read(&mut self) {
        let mut ready = std::mem::take(&mut self.ready);
        self.relay.take_ready(&mut ready);
        for slot in ready.drain(..) {
            // Freed, or taken again, or read already since it was listed.
            if self.relay.is_ready(slot) {
                self.read_slot(slot);
            }
        }
        self.ready = ready;
        self.list();
    }

    /// Answers one who asks for a listing: the relay says of whom, the network how they are.
    fn list(&mut self) {
        if let Some(mut listing) = self.relay.take_listing(self.now_ms) {
            for row in &mut listing.rows {
                row.inspected = self.net.inspect(row.slot);
            }
            self.relay.answer_listing(listing, self.now_ms);
        }
    }

    fn read_slot(&mut self, slot: u32) {
        let now = self.now_ms;
        let mut fill = self.relay.restore(slot, &mut self.scratch, now);
        if fill > 0 {
            fill = self.parse(slot, fill, true);
        }
        let mut budget = READ_BYTES_PER_TURN;
        while self.relay.may_read(slot) {
            if fill == self.scratch.len() {
                let rest = self.parse(slot, fill, false);
                if rest == fill {
                    // Nothing that is allowed needs a whole scratch: ours to mend.
                    return self.relay.broken_input(slot, now);
                }
                fill = rest;
                continue;
            }
            let got = self.net.recv(slot, &mut self.scratch[fill..]);
            let (n, more) = match got {
                Recv::More(n) => (n, true),
                Recv::Drained(n) => (n, false),
                Recv::Eof => {
                    self.relay.ended(slot, now);
                    // Requests that came before are answered after the one that is being answered.
                    return self.relay.keep(slot, &self.scratch[..fill], now);
                }
                Recv::Gone => return self.relay.broke(slot),
            };
            self.relay.heard(slot, n, now);
            budget = budget.saturating_sub(n);
            fill = self.parse(slot, fill + n, more && budget > 0);
            if !more {
                break;
            }
            if budget == 0 {
                mark("read_budget_spent");
                self.relay.counters_mut().read_budget_spent += 1;
                if !planted("forgotten_readable") {
                    self.relay.make_ready(slot);
                }
                break;
            }
        }
        if fill > 0 {
            fill = self.parse(slot, fill, false);
        }
        self.relay.keep(slot, &self.scratch[..fill], now);
    }

    /// Shows input to the relay; what it leaves moves to the front of the scratch.
    fn parse(&mut self, slot: u32, fill: usize, hold: bool) -> usize {
        // What was kept while a channel is paused stays kept: requests are answered in order.
        if !self.relay.may_read(slot) {
            return fill;
        }
        let used = self
            .relay
            .input(slot, &mut self.scratch[..fill], hold, self.now_ms);
        self.scratch.copy_within(used..fill, 0);
        fill - used
    }

    /// Deals with letters, and with the order to stop; false: stop at once.
    fn read_inbox(&mut self) -> bool {
        let room = INBOX_PER_TURN.saturating_sub(self.relay.letters());
        if self.more_letters {
            let relay = &mut self.relay;
            let taken = self.inbox.take(room, |letter| relay.take_letter(letter));
            // With no room left the mailbox waits for a channel to resume, which is a turn.
            self.more_letters = taken.more && room > 0;
            self.letters_left = taken.more;
            self.relay.counters_mut().mailbox_full += taken.refused;
            self.stop = taken.stop;
        }
        self.relay.read_letters(self.now_ms);
        self.more_letters |= self.letters_left && self.relay.letters() < INBOX_PER_TURN;
        if self.stop == Some(Stop::Drain) && !self.stopping && !self.letters_left {
            info!(connections = self.relay.connections(), "stopping");
            self.stopping = true;
            self.net.stop_listening();
            self.backlog.fill(false);
            self.relay.begin_drain(self.now_ms);
        }
        self.stop != Some(Stop::Now)
    }

    /// Deadlines. While there are more events than one batch holds, input that came in time may be
    /// among the rest: it is read first, for a bounded number of turns.
    fn expire(&mut self) {
        if self.events.len() >= EVENTS_PER_TURN && self.skipped_expires < EXPIRE_SKIPS_MAX {
            self.skipped_expires += 1;
            return;
        }
        self.skipped_expires = 0;
        self.relay.expire(self.now_ms);
    }

    fn reap(&mut self) {
        self.relay.take_finished(&mut self.finished);
        for slot in self.finished.drain(..) {
            self.net.shutdown(slot);
        }
        while let Some(reaped) = self.relay.reap(self.now_ms) {
            if reaped.reset {
                self.net.reset(reaped.slot);
            } else {
                self.net.close(reaped.slot);
            }
            if planted("double_close") {
                self.net.close(reaped.slot);
            }
            // There is a descriptor again.
            if let Some(at) = &mut self.accept_retry_ms {
                *at = self.now_ms;
            }
        }
        // Who left without a message counts for those that wait for it to be sent.
        self.relay.answer_waiters(self.now_ms);
    }

    /// The network.
    pub fn net_mut(&mut self) -> &mut N {
        &mut self.net
    }

    /// Connections and channels.
    pub fn relay(&self) -> &Relay {
        &self.relay
    }
}

#[cfg(test)]
mod tests;
