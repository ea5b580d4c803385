//! From a publisher's message to bytes in the log: the one copy, unmasking on the way.

use super::form::{Content, encode};
use super::{Form, Hub, Id, Place};
use crate::buf::{Gather, Log, Pool};
use crate::close::Reason;
use crate::limits::ADOPT_BYTES_MIN;
use crate::mark::{mark, planted};
use crate::ws::{self, Kind};

/// The payload of a message, as it came.
#[derive(Debug)]
pub enum Body<'a> {
    /// Whole in the scratch and still masked.
    Masked {
        /// The masked bytes.
        payload: &'a [u8],
        /// The masking key.
        key: [u8; 4],
    },
    /// As it is.
    Plain(&'a [u8]),
    /// Gathered by its connection, unmasked; a large one is taken, leaving nothing.
    Gathered(&'a mut Gather),
}

impl Body<'_> {
    /// Payload bytes.
    pub fn len(&self) -> usize {
        self.bytes().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes as they lie there: masked ones are masked.
    fn bytes(&self) -> &[u8] {
        match self {
            Body::Masked { payload, .. } | Body::Plain(payload) => payload,
            Body::Gathered(gather) => gather.payload(),
        }
    }
}

/// A message to be published.
#[derive(Debug)]
pub struct Message<'a> {
    /// Text or binary.
    pub kind: Kind,
    /// Its media type, where the publisher gave one that [`check_content_type`](super::check_content_type) lets pass.
    pub content_type: Option<&'a str>,
    /// The name of the event, where the publisher gave one that [`check_event`](super::check_event) lets pass.
    pub event: Option<&'a str>,
    /// Its payload. Masked text is checked here; any other text has to be UTF-8.
    pub body: Body<'a>,
}

/// A member that publishes and is not to hear itself.
#[derive(Debug, Clone, Copy)]
pub struct Sender(pub Place);

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Submitted {
    /// Its id.
    pub id: Id,
    /// To how many subscribers it goes.
    pub subscribers: usize,
}

/// What is known of a message beside its payload.
#[derive(Debug, Clone, Copy)]
pub(super) struct About<'a> {
    pub id: Id,
    pub content_type: Option<&'a str>,
    pub event: Option<&'a str>,
    sender: Option<Sender>,
    pub now: u64,
}

/// Where a message goes beside the plain log, and where it was encoded.
#[derive(Debug, Default)]
pub(super) struct Receivers {
    streams: Vec<u32>,
    encoded: Vec<Encoded>,
}

/// A message in a stream's log, as its last.
#[derive(Debug)]
struct Encoded {
    form: Form,
    stream: u32,
    begin: u64,
}

impl Hub {
    /// Publishes one message to a channel: encoded once per form that has members. `BadUtf8`:
    /// nothing happened.
    pub fn submit(
        &mut self,
        channel: u32,
        message: Message<'_>,
        sender: Option<Sender>,
        now: u64,
    ) -> Result<Submitted, Reason> {
        let id = self.newest.next();
        let about = About {
            id,
            content_type: message.content_type,
            event: message.event,
            sender,
            now,
        };
        let members = self.append(channel, message, about)?;
        self.newest = id;
        let c = &mut self.channels[channel as usize];
        c.history.newest = id.number;
        if !c.policy.keeps_history() {
            c.history.lost = id.number;
        }
        if members == 0 {
            self.note_idle(channel, now);
        } else {
            c.used_ms = now;
        }
        Ok(Submitted {
            id,
            subscribers: members - usize::from(sender.is_some()),
        })
    }

    /// Appends the message to every stream that is to have it; tells how many members there are. What
    /// can fail does so before anything is committed.
    fn append(
        &mut self,
        channel: u32,
        message: Message<'_>,
        about: About<'_>,
    ) -> Result<usize, Reason> {
        let c = &self.channels[channel as usize];
        let (mut plain, mut others, mut members) = (None, !c.sets.is_empty(), 0);
        for &id in &c.streams {
            let s = &self.streams[id as usize];
            members += s.members.len();
            match s.form {
                Form::Plain => plain = Some(id),
                // Without members, too: who joins later may resume in it, and finds no hole.
                _ => others = true,
            }
        }
        if c.keeps_history() {
            let plain = plain.unwrap_or_else(|| self.stream_for(channel, Form::Plain));
            self.append_kept(channel, plain, others, message, about)?;
        } else if others {
            let mut scratch = std::mem::take(&mut self.scratch);
            let result = self.append_forms(channel, plain, message, about, &mut scratch);
            self.scratch = scratch;
            result?;
        } else if let Some(stream) = plain {
            self.append_plain(stream, message, about)?;
        }
        if !self.channels[channel as usize].sets.is_empty() {
            members = self.listeners(channel);
        }
        Ok(members)
    }

    /// Appends to the plain log, which keeps it; other forms are encoded from there.
    fn append_kept(
        &mut self,
        channel: u32,
        plain: u32,
        others: bool,
        message: Message<'_>,
        about: About<'_>,
    ) -> Result<(), Reason> {
        let begin = self.streams[plain as usize].log.end();
        self.append_plain(plain, message, about)?;
        self.remember(channel, plain, begin, about);
        if others {
            self.encode_kept(channel, plain, begin, about);
        }
        Ok(())
    }

    /// Encodes what was appended to the plain log last for all other forms, those of sets included.
    #[inline(never)]
    fn encode_kept(&mut self, channel: u32, plain: u32, begin: u64, about: About<'_>) {
        let About {
            id,
            content_type,
            event,
            sender,
            ..
        } = about;
        let origin = self.origin(sender);
        let mut to = self.others(channel, plain);
        for &stream in &to.streams {
            let Some((p, s)) = self.streams.get2_mut(plain as usize, stream as usize) else {
                continue;
            };
            if to.encoded.iter().any(|e| e.form == s.form) {
                self.copy_encoded(stream, id, origin, sender, &to.encoded);
                continue;
            }
            let frame = p.log.run_from(begin).unwrap_or_default();
            let frame = &frame[..frame.len().min((p.log.end() - begin) as usize)];
            let content = Content {
                id,
                kind: match frame.first().map(|b| b & 0xf) {
                    Some(2) => ws::Kind::Binary,
                    _ => ws::Kind::Text,
                },
                content_type,
                event,
                payload: ws::payload_of(frame),
            };
            let at = s.log.end();
            encode(
                s.form,
                &self.channels[s.channel as usize].name,
                content,
                origin,
                &mut s.log,
                &mut self.pool,
                &mut self.tools,
            );
            to.encoded.push(Encoded {
                form: s.form,
                stream,
                begin: at,
            });
            self.committed(stream, at, sender);
        }
        self.receivers = to;
    }

    /// The streams that a message of the channel goes to, but for this one. The caller puts them back
    /// for their memory.
    fn others(&mut self, channel: u32, but: u32) -> Receivers {
        let mut to = std::mem::take(&mut self.receivers);
        to.streams.clear();
        to.encoded.clear();
        let c = &self.channels[channel as usize];
        let of_sets = |&set: &u32| self.channels[set as usize].streams.iter();
        let all = c.streams.iter().chain(c.sets.iter().flat_map(of_sets));
        to.streams.extend(all.copied().filter(|id| *id != but));
        to
    }

    /// Appends what was encoded for another stream of the same form: many sets may hear one channel.
    fn copy_encoded(
        &mut self,
        stream: u32,
        id: Id,
        origin: u64,
        sender: Option<Sender>,
        encoded: &[Encoded],
    ) {
        let form = self.streams[stream as usize].form;
        let Some(source) = encoded.iter().find(|e| e.form == form) else {
            return;
        };
        let streams = (source.stream as usize, stream as usize);
        let Some((from, s)) = self.streams.get2_mut(streams.0, streams.1) else {
            return;
        };
        mark("encoded_copied");
        let begin = s.log.end();
        // One message is in one segment, and the last one ends it; a form may have nothing to say.
        if let Some(bytes) = from.log.run_from(source.begin) {
            s.log
                .reserve(bytes.len(), &mut self.pool)
                .copy_from_slice(bytes);
            s.log.commit(bytes.len(), origin);
            s.log.number(id.number, &mut self.pool);
        }
        self.committed(stream, begin, sender);
    }

    /// Appends to streams of several forms: all of them are encoded from one unmasked payload.
    #[inline(never)]
    fn append_forms(
        &mut self,
        channel: u32,
        plain: Option<u32>,
        message: Message<'_>,
        about: About<'_>,
        scratch: &mut Vec<u8>,
    ) -> Result<(), Reason> {
        let message = message.unmasked(scratch)?;
        let About { id, sender, .. } = about;
        let origin = self.origin(sender);
        let mut to = self.others(channel, plain.unwrap_or(u32::MAX));
        for &stream in &to.streams {
            let s = &mut self.streams[stream as usize];
            if to.encoded.iter().any(|e| e.form == s.form) {
                self.copy_encoded(stream, id, origin, sender, &to.encoded);
                continue;
            }
            let begin = s.log.end();
            let content = Content {
                id,
                kind: message.kind,
                content_type: message.content_type,
                event: message.event,
                payload: message.body.bytes(),
            };
            encode(
                s.form,
                &self.channels[s.channel as usize].name,
                content,
                origin,
                &mut s.log,
                &mut self.pool,
                &mut self.tools,
            );
            to.encoded.push(Encoded {
                form: s.form,
                stream,
                begin,
            });
            self.committed(stream, begin, sender);
        }
        self.receivers = to;
        plain.map_or(Ok(()), |stream| self.append_plain(stream, message, about))
    }

    fn append_plain(
        &mut self,
        stream: u32,
        message: Message<'_>,
        about: About<'_>,
    ) -> Result<(), Reason> {
        let About { id, sender, .. } = about;
        let origin = self.origin(sender);
        let log = &mut self.streams[stream as usize].log;
        let begin = log.end();
        append_frame(log, &mut self.pool, message, origin)?;
        log.number(id.number, &mut self.pool);
        self.committed(stream, begin, sender);
        Ok(())
    }

    /// What the messages of a sender are marked with.
    fn origin(&self, sender: Option<Sender>) -> u64 {
        sender.map_or(0, |Sender(at)| {
            self.streams[at.stream as usize].members[at.member as usize].origin()
        })
    }

    /// A stream has one message more, from `begin` on.
    fn committed(&mut self, stream: u32, begin: u64, sender: Option<Sender>) {
        let s = &mut self.streams[stream as usize];
        if s.log.end() == begin {
            return;
        }
        s.unswept.add(self.turn_us);
        if let Some(Sender(place)) = sender.filter(|s| s.0.stream == stream) {
            let member = &mut s.members[place.member as usize];
            if planted("sender_not_excluded") {
            } else if member.cursor == begin {
                member.cursor = s.log.end();
            } else {
                member.set_own(true);
            }
        }
        if s.unflushed() > self.limits.unflushed_bytes_max {
            let channel = s.channel;
            if !self.channels[channel as usize].paused {
                self.pauses += 1;
                self.set_paused(channel, true);
            }
        }
        if self.limits.batch_us == 0 {
            self.mark_dirty(stream);
        } else {
            self.gather(stream);
        }
    }
}

impl<'a> Message<'a> {
    /// The same with its payload in the clear, text checked: what was masked is in `scratch`, which
    /// grows to at most what one read takes.
    fn unmasked<'b>(self, scratch: &'b mut Vec<u8>) -> Result<Message<'b>, Reason>
    where
        'a: 'b,
    {
        let Body::Masked { payload, key } = self.body else {
            return Ok(self);
        };
        if scratch.len() < payload.len() {
            scratch.resize(payload.len(), 0);
        }
        let clear = &mut scratch[..payload.len()];
        ws::unmask_into(clear, payload, key);
        let check = self.kind == Kind::Text && !planted("form_without_check");
        if check && !ws::utf8::valid(clear) {
            mark("no_form_encoded");
            return Err(Reason::BadUtf8);
        }
        Ok(Message {
            body: Body::Plain(clear),
            ..self
        })
    }
}

/// Appends a message as a frame: unmasked straight into the log, or its buffer as it is.
fn append_frame(
    log: &mut Log,
    pool: &mut Pool,
    message: Message<'_>,
    origin: u64,
) -> Result<(), Reason> {
    let len = message.body.len();
    let mut header = [0; ws::HEADER_ROOM];
    let header_len = ws::encode_header(&mut header, message.kind.opcode(), len);
    let header = &header[..header_len];
    let body = match message.body {
        Body::Gathered(gather) if len >= ADOPT_BYTES_MIN => {
            mark("gather_becomes_segment");
            let (bytes, first) = std::mem::take(gather).into_message(header);
            log.adopt(bytes, first, origin, pool);
            return Ok(());
        }
        body => body,
    };
    let room = log.reserve(header_len + len, pool);
    let (head, payload) = room.split_at_mut(header_len);
    head.copy_from_slice(header);
    let mut valid = true;
    match body {
        Body::Masked { payload: src, key } if message.kind == Kind::Text => {
            valid = ws::unmask_into_valid(payload, src, key);
        }
        Body::Masked { payload: src, key } => ws::unmask_into(payload, src, key),
        Body::Plain(bytes) => payload.copy_from_slice(bytes),
        Body::Gathered(gather) => payload.copy_from_slice(gather.payload()),
    }
    if !valid {
        mark("append_cancelled");
        if !planted("bad_text_committed") {
            log.cancel(pool);
            return Err(Reason::BadUtf8);
        }
    }
    log.commit(header_len + len, origin);
    Ok(())
}
