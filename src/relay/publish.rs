//! Messages that come by HTTP: gathered, published, answered; held while their channel is paused.

use super::Relay;
use super::manage::published;
use super::peer::WAITING;
use crate::close::Reason;
use crate::conn::{Conn, Upload};
use crate::http::{Answer, PUBLISHED_BYTES_MAX, Reply, Told};
use crate::hub::{Body, Message};
use crate::mark::mark;
use crate::ws::Kind;

impl Relay {
    /// A whole message came by POST or PUT.
    pub(super) fn publish_upload(&mut self, slot: u32, mut upload: Box<Upload>, now: u64) {
        let channel = match self.hub.open(&upload.channel, now) {
            Ok(channel) => channel,
            Err(reason) => {
                return self.refuse(slot, reason, upload.reply, upload.origin.as_deref(), now);
            }
        };
        if self.hub.paused(channel) {
            mark("upload_held");
            let peer = &mut self.peers[slot as usize];
            peer.flags |= WAITING;
            let token = peer.token(slot);
            if let Conn::Http(http) = &mut peer.conn {
                http.held = Some(upload);
            }
            return self.hub.await_resume(channel, token);
        }
        let len = upload.gather.len() as u64;
        // Text where it can be: bytes that are not UTF-8 cannot go out as a text frame.
        let text = !upload.binary && crate::ws::utf8::valid(upload.gather.payload());
        let kind = if text { Kind::Text } else { Kind::Binary };
        let message = Message {
            kind,
            content_type: Some(&*upload.content_type).filter(|given| !given.is_empty()),
            event: Some(&*upload.event).filter(|given| !given.is_empty()),
            body: Body::Gathered(&mut upload.gather),
        };
        let (reply, told, origin) = (upload.reply, upload.told, upload.origin.take());
        let submitted = self.hub.submit(channel, message, None, now);
        self.spares.keep_upload(upload);
        let submitted = match submitted {
            Ok(submitted) => submitted,
            Err(reason) => return self.refuse(slot, reason, reply, origin.as_deref(), now),
        };
        self.counters.messages_in += 1;
        self.counters.message_bytes_in += len;
        self.tell_publisher(
            slot,
            channel,
            submitted.subscribers,
            (reply, told),
            origin.as_deref(),
            now,
        );
    }

    /// Answers who has published: with how the channel stands now.
    fn tell_publisher(
        &mut self,
        slot: u32,
        channel: u32,
        subscribers: usize,
        (reply, told): (Reply, Told),
        origin: Option<&str>,
        now: u64,
    ) {
        let (mut room, stands) = (
            [0; PUBLISHED_BYTES_MAX],
            published(&self.hub.facts(channel, now)),
        );
        let mut rest = &mut room[..];
        let whole = stands.write(told, &mut rest);
        debug_assert!(whole.is_ok(), "the room is for the longest");
        let left = rest.len();
        let answer = Answer {
            status: if subscribers > 0 { 201 } else { 202 },
            content_type: told.content_type(),
            body: &room[..PUBLISHED_BYTES_MAX - left],
            reply,
            ..Answer::default()
        };
        self.answer(slot, answer, origin, now);
    }

    /// Publishes a message that was held, if its channel has resumed.
    pub(super) fn publish_held(&mut self, slot: u32, now: u64) {
        let peer = self.peer(slot);
        if peer.is(WAITING) {
            return;
        }
        let Conn::Http(http) = &mut peer.conn else {
            return;
        };
        if let Some(upload) = http.held.take() {
            self.publish_upload(slot, upload, now);
        }
    }

    /// The deadline of a held message has come.
    pub(super) fn give_up_held(&mut self, slot: u32, reason: Reason, now: u64) -> bool {
        let Conn::Http(http) = &mut self.peer(slot).conn else {
            return false;
        };
        let Some(upload) = http.held.take() else {
            return false;
        };
        mark("upload_given_up");
        self.peer(slot).flags &= !WAITING;
        self.refuse(slot, reason, upload.reply, upload.origin.as_deref(), now);
        self.make_ready(slot);
        true
    }
}
