//! From a publisher's message to bytes in the log: the one copy, unmasking on the way.

use super::{Hub, Place};
use crate::buf::Gather;
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
    /// Gathered by its connection, unmasked.
    Gathered(Gather),
}

impl Body<'_> {
    /// Payload bytes.
    pub fn len(&self) -> usize {
        match self {
            Body::Masked { payload, .. } | Body::Plain(payload) => payload.len(),
            Body::Gathered(gather) => gather.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A message to be published.
#[derive(Debug)]
pub struct Message<'a> {
    /// Text or binary.
    pub kind: Kind,
    /// Its payload. Masked text is checked here; any other text has to be UTF-8.
    pub body: Body<'a>,
}

/// A member that publishes and is not to hear itself.
#[derive(Debug, Clone, Copy)]
pub struct Sender(pub Place);

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Submitted {
    /// Its id: one counter over all channels.
    pub id: u64,
    /// To how many subscribers it goes.
    pub subscribers: usize,
}

impl Hub {
    /// Publishes one message to a channel. `BadUtf8`: nothing happened.
    pub fn submit(
        &mut self,
        channel: u32,
        message: Message<'_>,
        sender: Option<Sender>,
        now: u64,
    ) -> Result<Submitted, Reason> {
        let c = &mut self.channels[channel as usize];
        if c.members.is_empty() {
            return Ok(self.submit_to_nobody(channel, now));
        }
        let begin = c.log.end();
        let origin = sender.map_or(0, |s| c.members[s.0.member as usize].origin());
        append(c, &mut self.pool, message, origin)?;
        if let Some(Sender(place)) = sender {
            let member = &mut c.members[place.member as usize];
            if planted("sender_not_excluded") {
            } else if member.cursor == begin {
                member.cursor = c.log.end();
            } else {
                member.set_own(true);
            }
        }
        let subscribers = c.members.len() - usize::from(sender.is_some());
        if c.unflushed() > self.limits.unflushed_bytes_max {
            self.pauses += u64::from(!c.paused);
            c.paused = true;
        }
        c.used_ms = now;
        self.sequence += 1;
        self.mark_dirty(channel);
        Ok(Submitted {
            id: self.sequence,
            subscribers,
        })
    }

    fn submit_to_nobody(&mut self, channel: u32, now: u64) -> Submitted {
        self.sequence += 1;
        self.note_idle(channel, now);
        Submitted {
            id: self.sequence,
            subscribers: 0,
        }
    }
}

fn append(
    c: &mut super::Channel,
    pool: &mut crate::buf::Pool,
    message: Message<'_>,
    origin: u64,
) -> Result<(), Reason> {
    let len = message.body.len();
    let mut header = [0; ws::HEADER_ROOM];
    let header_len = ws::encode_header(&mut header, message.kind.opcode(), len);
    let header = &header[..header_len];
    let check = message.kind == Kind::Text && matches!(message.body, Body::Masked { .. });
    let body = match message.body {
        Body::Gathered(gather) if len >= ADOPT_BYTES_MIN => {
            mark("gather_becomes_segment");
            let (bytes, first) = gather.into_message(header);
            c.log.adopt(bytes, first, origin, pool);
            return Ok(());
        }
        body => body,
    };
    let room = c.log.reserve(header_len + len, pool);
    let (head, payload) = room.split_at_mut(header_len);
    head.copy_from_slice(header);
    match body {
        Body::Masked {
            payload: masked,
            key,
        } => ws::unmask_into(payload, masked, key),
        Body::Plain(bytes) => payload.copy_from_slice(bytes),
        Body::Gathered(gather) => payload.copy_from_slice(gather.payload()),
    }
    if check && !ws::utf8::valid(payload) {
        mark("append_cancelled");
        if !planted("bad_text_committed") {
            c.log.cancel(pool);
            return Err(Reason::BadUtf8);
        }
    }
    c.log.commit(header_len + len, origin);
    Ok(())
}
