//! Answers to polls: private lines in front of shared bytes, one `writev` for both.

use super::Relay;
use super::peer::{Peer, Phase};
use super::subscribe::GAP;
use crate::close::Reason;
use crate::conn::{Conn, HttpConn, PollConn};
use crate::counters::Counters;
use crate::http::{Cors, Reply};
use crate::hub::{Hub, Id, Piece, Progress};
use crate::mark::mark;
use crate::stream::mixed;
use crate::wire::Wire;

/// What the answer to a poll depends on.
pub(super) const POLL_VARY: &str = "If-None-Match, If-Modified-Since, Accept";

impl Relay {
    /// A poll has waited as long as it may: it is told where the channel stands.
    pub(super) fn poll_late(&mut self, slot: u32, now: u64) {
        let peer = &mut self.peers[slot as usize];
        let Conn::Poll(poll) = &mut peer.conn else {
            return;
        };
        if poll.is_begun() {
            mark("poll_answer_not_taken");
            return self.doom_with_reset(slot, Reason::Silent);
        }
        self.end_poll(slot, Reason::PollTimeout, now);
    }

    /// An answer is being taken, and the hold is over. From each time that the kernel took some of it, it
    /// has as long as the connection may rest after it.
    pub(super) fn poll_goes_on(&mut self, slot: u32, now: u64) {
        let due = now.saturating_add(self.settings.limits.idle_timeout_ms);
        let peer = self.peer(slot);
        if let (Phase::Open, Conn::Poll(poll)) = (peer.phase, &peer.conn)
            && poll.is_begun()
        {
            peer.set_due(due);
            self.arm(slot);
        }
    }

    /// A poll ends without a message: with a status that says why, and the channel's position.
    pub(super) fn end_poll(&mut self, slot: u32, reason: Reason, now: u64) {
        let peer = &mut self.peers[slot as usize];
        let Some(place) = peer.place() else {
            return;
        };
        let gap = self.hub.take_gap_json(place);
        let position = self.hub.position(place);
        let conn = std::mem::replace(&mut peer.conn, Conn::Http(Box::<HttpConn>::default()));
        let Conn::Poll(poll) = conn else {
            return;
        };
        mark("poll_ended");
        self.leave(slot, now);
        let PollConn { reply, origin, .. } = *poll;
        self.refuse_poll(
            slot,
            reason,
            position,
            gap.as_deref(),
            (reply, origin.as_deref()),
            now,
        );
        self.make_ready(slot);
    }

    fn refuse_poll(
        &mut self,
        slot: u32,
        reason: Reason,
        position: Id,
        gap: Option<&str>,
        (reply, origin): (Reply, Option<&str>),
        now: u64,
    ) {
        let (modified, tag) = (self.hub.modified().to_owned(), position.number.to_string());
        let mut also = vec![
            ("Last-Modified", &*modified),
            ("Etag", &*tag),
            ("Vary", POLL_VARY),
            ("Cache-Control", "no-store"),
        ];
        also.extend(gap.map(|gap| (GAP, gap)));
        self.refuse_with(slot, reason, reply, origin, &also, now);
    }

    /// The answer has left: the connection is one of HTTP again.
    pub(super) fn poll_answered(&mut self, slot: u32, now: u64) {
        self.leave(slot, now);
        let peer = self.peer(slot);
        let conn = std::mem::replace(&mut peer.conn, Conn::Http(Box::<HttpConn>::default()));
        let Conn::Poll(poll) = conn else {
            return;
        };
        self.answered(slot, poll.keeps_alive(), Reason::Done, now);
        // What came meanwhile is the next request.
        self.make_ready(slot);
    }
}

/// Sends the answer to a poll as far as the kernel takes it; nothing where there is none yet.
pub(super) fn drain_poll<W: Wire>(
    peer: &mut Peer,
    hub: &mut Hub,
    wire: &mut W,
    counters: &mut Counters,
) -> Progress {
    let Some(place) = peer.place() else {
        return Progress::All;
    };
    let Peer { conn, out, .. } = peer;
    let Conn::Poll(poll) = conn else {
        return Progress::All;
    };
    let out = out.get_or_insert_default();
    if !poll.is_begun() {
        let Some(piece) = hub.answer(place, poll.several) else {
            return Progress::All;
        };
        poll.gap = hub.take_gap_json(place).map(Into::into);
        append_head(poll, &piece, hub, out.tail());
        poll.begin(piece.end);
    }
    let (front, progress) = hub.push_behind(place, out.pending(), poll.end, wire, counters);
    out.consume(front);
    if progress != Progress::All {
        return progress;
    }
    if poll.several && !poll.is_ended() {
        out.tail().extend_from_slice(mixed::END);
        poll.ends();
        let (front, progress) = hub.push_behind(place, out.pending(), poll.end, wire, counters);
        out.consume(front);
        if progress != Progress::All {
            return progress;
        }
    }
    poll.ends();
    Progress::All
}

/// The lines of an answer that are this poll's own.
fn append_head(poll: &PollConn, piece: &Piece, hub: &Hub, out: &mut Vec<u8>) {
    out.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
    Cors::Shared(poll.origin.as_deref()).append(out);
    let mut head = String::new();
    if let Some(gap) = &poll.gap {
        head.extend([GAP, ": ", gap, "\r\n"]);
    }
    match (poll.keeps_alive(), poll.reply.minor) {
        (false, _) => head.push_str("Connection: close\r\n"),
        (true, 0) => head.push_str("Connection: keep-alive\r\n"),
        (true, _) => {}
    }
    if poll.several {
        let number = piece.last;
        let len = mixed::HEAD.len() + piece.bytes + mixed::END.len();
        head.push_str(&format!(
            "Content-Type: multipart/mixed; boundary={}\r\nContent-Length: {len}\r\n\
             Last-Modified: {}\r\nEtag: {number}\r\n\
             Vary: {POLL_VARY}\r\nCache-Control: no-store\r\n\
             X-Content-Type-Options: nosniff\r\n\
             Content-Security-Policy: sandbox\r\n\r\n",
            mixed::BOUNDARY,
            hub.modified(),
        ));
    }
    out.extend_from_slice(head.as_bytes());
    if poll.several {
        out.extend_from_slice(mixed::HEAD);
    }
}
