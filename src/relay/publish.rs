//! Messages that come by HTTP: gathered, published, answered; held while their channel is paused.

use super::Relay;
use super::manage::published;
use super::peer::{ENGINE, WAITING};
use super::several::messages;
use crate::close::Reason;
use crate::conn::{Conn, Shape, Upload};
use crate::http::{Answer, PUBLISHED_BYTES_MAX, Published, Told};
use crate::hub::{Body, Message, Submitted};
use crate::mark::mark;
use crate::ws::Kind;

impl Relay {
    /// A whole body came by POST or PUT.
    pub(super) fn publish_upload(&mut self, slot: u32, upload: Box<Upload>, now: u64) {
        if upload.shape == Shape::Packets {
            return self.post_packets(slot, upload, now);
        }
        let channel = match self.hub.open(&upload.channel, now) {
            Ok(channel) => channel,
            Err(reason) => return self.refuse_upload(slot, upload, reason, now),
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
        self.publish_now(slot, channel, upload, now);
    }

    fn publish_now(&mut self, slot: u32, channel: u32, mut upload: Box<Upload>, now: u64) {
        match self.submit_upload(channel, &mut upload, now) {
            Ok(submitted) => self.published(slot, channel, upload, submitted, now),
            Err(reason) => self.refuse_upload(slot, upload, reason, now),
        }
    }

    /// Answers who has published, at once or when what it published has left.
    fn published(
        &mut self,
        slot: u32,
        channel: u32,
        mut upload: Box<Upload>,
        (submitted, several): (Submitted, Option<u64>),
        now: u64,
    ) {
        let (reply, told, origin) = (upload.reply, upload.told, upload.origin.take());
        let wait_ms = upload.wait_ms;
        self.spares.keep_upload(upload);
        if let Some(ms) = wait_ms {
            let submitted = (submitted, several);
            return self.await_flush(slot, (channel, ms), submitted, (reply, origin), now);
        }
        let stands = Published {
            published: several,
            ..published(&self.hub.facts(channel, now))
        };
        let answer = Answer {
            status: if submitted.subscribers > 0 { 201 } else { 202 },
            reply,
            ..Answer::default()
        };
        self.tell_publisher(slot, answer, (stands, told), origin.as_deref(), now);
    }

    fn refuse_upload(&mut self, slot: u32, mut upload: Box<Upload>, reason: Reason, now: u64) {
        let (reply, origin) = (upload.reply, upload.origin.take());
        self.spares.keep_upload(upload);
        self.refuse(slot, reason, reply, origin.as_deref(), now);
    }

    /// Publishes what a body holds: one message, or so many.
    fn submit_upload(
        &mut self,
        channel: u32,
        upload: &mut Upload,
        now: u64,
    ) -> Result<(Submitted, Option<u64>), Reason> {
        self.may_wait(upload)?;
        let Some(several) = messages(upload)? else {
            return Ok((self.submit_one(channel, upload, now)?, None));
        };
        let event = Some(&*upload.event).filter(|given| !given.is_empty());
        let submitted = self.submit_all(channel, &several, event, now)?;
        Ok((submitted, Some(several.len() as u64)))
    }

    /// Publishes a body that is one message.
    fn submit_one(
        &mut self,
        channel: u32,
        upload: &mut Upload,
        now: u64,
    ) -> Result<Submitted, Reason> {
        let len = upload.gather.len() as u64;
        // Text where it can be: bytes that are not UTF-8 cannot go out as a text frame.
        let text = !upload.binary && crate::ws::utf8::valid(upload.gather.payload());
        let message = Message {
            kind: if text { Kind::Text } else { Kind::Binary },
            content_type: Some(&*upload.content_type).filter(|given| !given.is_empty()),
            event: Some(&*upload.event).filter(|given| !given.is_empty()),
            body: Body::Gathered(&mut upload.gather),
        };
        let submitted = self.hub.submit(channel, message, None, now)?;
        self.counters.messages_in += 1;
        self.counters.message_bytes_in += len;
        Ok(submitted)
    }

    /// Answers who has published: with how the channel stands now.
    fn tell_publisher(
        &mut self,
        slot: u32,
        answer: Answer<'_>,
        (stands, told): (Published, Told),
        origin: Option<&str>,
        now: u64,
    ) {
        let mut room = [0; PUBLISHED_BYTES_MAX];
        let mut rest = &mut room[..];
        let whole = stands.write(told, &mut rest);
        debug_assert!(whole.is_ok(), "the room is for the longest");
        let left = rest.len();
        let answer = Answer {
            content_type: told.content_type(),
            body: &room[..PUBLISHED_BYTES_MAX - left],
            ..answer
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
        if self.peer(slot).is(ENGINE) {
            self.carrier_ends(slot, reason, now);
        }
        self.refuse(slot, reason, upload.reply, upload.origin.as_deref(), now);
        self.make_ready(slot);
        true
    }
}
