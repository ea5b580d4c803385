//! Bytes of one connection on their way in: what is kept, what is used, and when to stop.
//!
//! The caller reads into its scratch, behind what `restore` put there, and shows it to `input`.
//! What `input` leaves is shown again with more behind it, or kept with `keep`.

use super::Relay;
use super::peer::{BLOCKED, ENGINE, FULL_OUT, Phase, READY, WAITING};
use crate::close::Reason;
use crate::conn::Conn;
use crate::limits::OUT_BYTES_LEAST;
use crate::mark::mark;

impl Relay {
    /// Begins to read a slot: puts the input it kept into `scratch` and tells how much that is.
    pub fn restore(&mut self, slot: u32, scratch: &mut [u8], now: u64) -> usize {
        self.inflated_in_turn = 0;
        self.peer(slot).flags &= !READY;
        self.publish_held(slot, now);
        let peer = self.peer(slot);
        let kept = peer.tail().len();
        scratch[..kept].copy_from_slice(peer.tail());
        peer.set_tail(&[]);
        kept
    }

    /// Keeps input until the slot is read again.
    pub fn keep(&mut self, slot: u32, rest: &[u8], now: u64) {
        let peer = self.peer(slot);
        if peer.phase != Phase::Open && peer.phase != Phase::Closing {
            peer.set_tail(&[]);
        } else if !rest.is_empty() {
            peer.set_tail(rest);
            self.request_begins(slot, now);
        }
        self.recount(slot);
    }

    /// Whether the slot may be read now. When not, it is made ready once it may.
    pub fn may_read(&mut self, slot: u32) -> bool {
        let out_bytes_max = (self.settings.limits.message_bytes_max / 2).max(OUT_BYTES_LEAST);
        let peer = &mut self.peers[slot as usize];
        match peer.phase {
            Phase::Doomed => return false,
            Phase::Open => {}
            _ => return true,
        }
        if peer.is(WAITING) {
            return false;
        }
        if self.inflated_in_turn > 0 && self.inflated_enough(slot) {
            return false;
        }
        let peer = &mut self.peers[slot as usize];
        if peer.out_len() > out_bytes_max {
            mark("reader_waits_for_output");
            peer.flags |= FULL_OUT;
            if !peer.is(BLOCKED) {
                self.queue(slot);
            }
            return false;
        }
        // Room enough, though not all of it has been flushed.
        peer.flags &= !FULL_OUT;
        let channel = match (&peer.conn, peer.is(ENGINE)) {
            (Conn::Ws(_), true) => self.pausing_session(slot),
            (Conn::Ws(_), false) => {
                let channel = peer.place().map(|place| self.hub.channel_of(place));
                channel.filter(|&channel| self.hub.paused(channel))
            }
            _ => None,
        };
        if let Some(channel) = channel {
            mark("publisher_paused");
            let peer = &mut self.peers[slot as usize];
            peer.flags |= WAITING;
            let token = peer.token(slot);
            self.hub.await_resume(channel, token);
            return false;
        }
        true
    }

    /// What comes while a poll waits is the next request, which waits as well: so much of it.
    fn poll_input(&mut self, slot: u32, waiting: usize, used: usize) -> usize {
        if waiting > self.settings.limits.head_bytes_max {
            mark("too_much_behind_a_poll");
            self.counters.refuse(Reason::HeadTooLarge);
            self.doom_with_reset(slot, Reason::HeadTooLarge);
        }
        used
    }

    /// Bytes came: a sign of life.
    pub fn heard(&mut self, slot: u32, bytes: usize, now: u64) {
        if bytes == 0 {
            return;
        }
        self.counters.bytes_in += bytes as u64;
        let peer = &mut self.peers[slot as usize];
        peer.hear(now);
        if matches!(peer.conn, Conn::Http(_)) {
            self.request_begins(slot, now);
        }
    }

    /// Uses input as far as it goes and tells how much that was. `hold`: more can be read behind
    /// it at once, so a frame that is not whole may stay.
    pub fn input(&mut self, slot: u32, data: &mut [u8], hold: bool, now: u64) -> usize {
        let mut at = 0;
        while at < data.len() {
            let peer = &self.peers[slot as usize];
            if peer.phase == Phase::Open && peer.is(WAITING | FULL_OUT) {
                break;
            }
            let (used, go_on) = match (peer.phase, &peer.conn) {
                (Phase::Finishing | Phase::Lingering | Phase::Doomed, _) => return data.len(),
                (_, Conn::Http(_)) => self.http_input(slot, &data[at..], now),
                (_, Conn::Ws(_)) => self.ws_input(slot, &mut data[at..], hold, now),
                // Nothing that the reader of a stream says means anything.
                (_, Conn::Stream) => return data.len(),
                (_, Conn::Poll(_) | Conn::Carry(_)) => {
                    return self.poll_input(slot, data.len() - at, at);
                }
            };
            at += used;
            if !go_on {
                break;
            }
        }
        at
    }
}
