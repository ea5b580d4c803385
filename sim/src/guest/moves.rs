//! What a session does by itself: it reads, asks for packets, brings them, and goes over to its WebSocket.

use super::engine;
use super::line::{Duty, Line};
use super::session::{ASKED_TWICE, Room, SLACK_MS, Session, State};
use super::stay::Stay;
use super::{Around, Terms};
use crate::client::Milestone;

impl Session {
    /// Moves what can be moved now.
    pub fn pump(&mut self, stays: &mut Vec<Stay>, around: &mut Around<'_>) -> Result<(), String> {
        if self.over.is_some() {
            return Ok(());
        }
        for at in 0..self.lines.len() {
            let stalled = self.is_stalled(around.kernel.now_ms());
            let duty = self.lines[at].duty;
            // Of two polls the first is answered first.
            let second =
                duty == Duty::Double && self.must.is_some_and(|(why, _)| why == ASKED_TWICE);
            let first = |l: &Line| l.duty == Duty::Get && l.asked > 0 && !l.over;
            let held = second && self.lines.iter().any(first);
            if !stalled && !held {
                let read = self.lines[at].read(around.kernel, around.rng);
                for came in read.map_err(|e| self.blame(&e))? {
                    if self.over.is_none() {
                        self.came(at, duty, came, stays, around)?;
                    }
                }
            }
            for milestone in self.lines[at].write(around.kernel, around.rng) {
                if let Milestone::Fin = milestone {
                    self.cut_request(at, around);
                }
                self.reached(milestone, around);
            }
        }
        self.lines.retain(|l| !l.over);
        if self.over.is_some() {
            return Ok(());
        }
        self.think(stays, around)
    }

    /// Ends a request half-way. A reset may overtake it, so that the server never hears of it.
    fn cut_request(&mut self, at: usize, around: &mut Around<'_>) {
        let unread = !around.kernel.socket(self.lines[at].socket).down.is_empty();
        let reset = unread || around.rng.chance(300);
        if reset {
            (self.must, self.lazy) = (None, true);
        }
        self.lines[at].drop_it(around.kernel, reset);
    }

    fn reached(&mut self, milestone: Milestone, around: &mut Around<'_>) {
        match milestone {
            Milestone::Message(id) => around.ledger.sent(id),
            Milestone::Connect(channel) => {
                if let Room::Asked { not_before, .. } = &mut self.rooms[channel] {
                    *not_before = around.ledger.order_len(channel);
                }
            }
            Milestone::Upgrade | Milestone::Fin => {}
        }
    }

    /// Begins what it is time for.
    fn think(&mut self, stays: &[Stay], around: &mut Around<'_>) -> Result<(), String> {
        let now = around.kernel.now_ms();
        self.check_time(now, stays, around)?;
        match self.state {
            State::Begin => {}
            State::Polling => {
                let free = !self.is_stalled(now) && self.line(Duty::Double).is_none();
                if now >= self.poll_at_ms && free {
                    self.ask(around);
                }
                self.bring(around);
                if self.upgrades() && now >= self.upgrade_at_ms {
                    self.open_socket(around);
                }
            }
            State::Switching => self.switch(around),
            State::WebSocket => self.flush(around),
        }
        Ok(())
    }

    fn check_time(&self, now: u64, stays: &[Stay], around: &Around<'_>) -> Result<(), String> {
        if let Some((why, by)) = self.must
            && now > by
            && !around.is_short()
        {
            return Err(self.blame(&format!("is still there: {why}")));
        }
        let socket = self
            .lines
            .iter()
            .any(|l| l.duty == Duty::Socket && l.upgraded);
        if socket
            && self.state == State::Polling
            && now > self.probe_by_ms.max(self.stalled_until_ms + SLACK_MS)
        {
            return Err(self.blame("has a WebSocket that does not take over"));
        }
        let Terms {
            ping_interval_ms,
            ping_timeout_ms,
            ..
        } = around.terms;
        let silent = now > self.pinged_ms + ping_interval_ms + ping_timeout_ms + SLACK_MS;
        let calm = self.is_open() && self.state != State::Switching;
        if silent && calm && !self.excused(stays, around) {
            return Err(self.blame("has not been pinged"));
        }
        Ok(())
    }

    /// Asks for packets.
    fn ask(&mut self, around: &mut Around<'_>) {
        if let Some(line) = self.idle_line(Duty::Get, around) {
            let target = around.terms.target(Duty::Get, &self.sid);
            self.lines[line].get(&target);
        }
    }

    /// Brings packets, as many as a request may hold.
    fn bring(&mut self, around: &mut Around<'_>) {
        if self.queue.is_empty() {
            return;
        }
        let Some(line) = self.idle_line(Duty::Post, around) else {
            return;
        };
        let (mut body, mut milestones) = (Vec::new(), Vec::new());
        while let Some(out) = self.queue.front() {
            if !body.is_empty() && body.len() + out.len() > around.terms.payload_bytes_max {
                break;
            }
            engine::append(&mut body, Ok(&out.text));
            for attachment in &out.attachments {
                engine::append(&mut body, Err(attachment));
            }
            milestones.extend(out.milestone);
            self.queue.pop_front();
            if around.rng.chance(100) {
                break;
            }
        }
        let target = around.terms.target(Duty::Post, &self.sid);
        self.lines[line].post(&target, &body);
        let outbox = &mut self.lines[line].outbox;
        milestones.into_iter().for_each(|m| outbox.milestone(m));
    }

    /// A connection that can take a request now, made if there is none.
    fn idle_line(&mut self, duty: Duty, around: &mut Around<'_>) -> Option<usize> {
        let known = self
            .lines
            .iter()
            .position(|l| l.duty == duty && !l.over && !l.last);
        match known {
            Some(at) => self.lines[at].is_idle().then_some(at),
            None => {
                let line = Line::connect(duty, around.kernel, around.rng)?;
                self.lines.push(line);
                Some(self.lines.len() - 1)
            }
        }
    }

    fn open_socket(&mut self, around: &mut Around<'_>) {
        if let Some(mut line) = Line::connect(Duty::Socket, around.kernel, around.rng) {
            line.upgrade(&around.terms.target(Duty::Socket, &self.sid), around.rng);
            self.lines.push(line);
        }
    }

    /// Everything it asked is answered: it goes over to its WebSocket.
    fn switch(&mut self, around: &mut Around<'_>) {
        let waits = |l: &Line| l.duty != Duty::Socket && !l.is_idle() && !l.over;
        if self.lines.iter().any(waits) {
            return;
        }
        for line in self.lines.iter_mut().filter(|l| l.duty != Duty::Socket) {
            let reset = around.rng.chance(100);
            line.drop_it(around.kernel, reset);
        }
        self.state = State::WebSocket;
        self.switched_ms = around.kernel.now_ms();
        if let Some(socket) = self.line(Duty::Socket) {
            socket.say(true, b"5", around.rng);
        }
        self.flush(around);
    }

    /// Sends what waits over the WebSocket.
    fn flush(&mut self, around: &mut Around<'_>) {
        let most = 4 * around.terms.message_bytes_max;
        let Some(at) = self
            .lines
            .iter()
            .position(|l| l.duty == Duty::Socket && !l.over)
        else {
            return;
        };
        while self.lines[at].outbox.len() < most {
            let Some(out) = self.queue.pop_front() else {
                break;
            };
            self.lines[at].say(true, out.text.as_bytes(), around.rng);
            for attachment in &out.attachments {
                self.lines[at].say(false, attachment, around.rng);
            }
            out.milestone
                .into_iter()
                .for_each(|m| self.lines[at].outbox.milestone(m));
        }
        if self.leaving && self.queue.is_empty() {
            self.lines[at].say_goodbye();
        }
    }
}
