//! An HTTP peer: requests one after another, each answered before the next is read (RFC 9112 9.3).

use super::Spares;
use crate::buf::Gather;
use crate::close::Reason;
use crate::http::{self, Body, BodyKind, Reply, Told};

/// What the peer did.
#[derive(Debug)]
pub enum HttpEvent<'a> {
    /// A whole request head. Its body, if any, has to be taken with [`HttpConn::begin`].
    Head(&'a [u8]),
    /// The body that was begun is complete.
    Upload(Box<Upload>),
    /// A part of the body was gathered; more is to come.
    Part,
}

/// How the messages of a body lie in it.
#[derive(Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// It is one.
    #[default]
    One,
    /// Each is a part of a form with this boundary.
    Form(Box<str>),
    /// Each is a line.
    Lines,
    /// Packets of a session of Engine.IO.
    Packets,
}

/// What is published by one POST or PUT, on its way in.
#[derive(Debug, Default)]
pub struct Upload {
    body: Body,
    /// What came of it.
    pub gather: Gather,
    /// The channel that it is for.
    pub channel: String,
    /// How many messages it is.
    pub shape: Shape,
    /// Bytes of it that have been used, where it takes several turns.
    pub taken: usize,
    /// Declared to be bytes rather than text.
    pub binary: bool,
    /// The media type it was given, to be passed on; empty: none.
    pub content_type: String,
    /// The event's name, to be passed on; empty: none.
    pub event: String,
    /// How the request is to be answered.
    pub reply: Reply,
    /// How long its publisher waits for it to leave, where it does.
    pub wait_ms: Option<u64>,
    /// In which form.
    pub told: Told,
    /// The `Origin` to be named in the answer.
    pub origin: Option<Box<str>>,
}

impl Upload {
    /// The body begins now; what is left of another upload is replaced.
    pub fn start(
        &mut self,
        kind: BodyKind,
        channel: &str,
        content_type: &str,
        event: &str,
        reply: Reply,
    ) {
        (self.body, self.reply) = (Body::new(kind), reply);
        (self.gather, self.binary, self.told, self.origin) = Default::default();
        (self.shape, self.wait_ms, self.taken) = Default::default();
        self.channel.clear();
        self.channel.push_str(channel);
        self.content_type.clear();
        self.content_type.push_str(content_type);
        self.event.clear();
        self.event.push_str(event);
    }
}

/// See the top of the file.
#[derive(Debug, Default)]
pub struct HttpConn {
    /// How far the end of the head has been looked for.
    scanned: usize,
    upload: Option<Box<Upload>>,
    /// The last request was answered, and nothing of a further one has come.
    pub resting: bool,
    /// A complete upload that waits for its channel to resume.
    pub held: Option<Box<Upload>>,
}

impl HttpConn {
    /// Takes one event from the front of `input`; `(0, None)`: need more.
    pub fn next<'a>(
        &mut self,
        input: &'a [u8],
        head_bytes_max: usize,
        message_bytes_max: usize,
        spares: &mut Spares,
    ) -> Result<(usize, Option<HttpEvent<'a>>), Reason> {
        if self.upload.is_some() {
            return self.collect(input, message_bytes_max, spares);
        }
        match http::head_end(input, &mut self.scanned) {
            Some(end) if end <= head_bytes_max => {
                self.scanned = 0;
                Ok((end, Some(HttpEvent::Head(&input[..end]))))
            }
            None if input.len() < head_bytes_max => Ok((0, None)),
            _ => Err(Reason::HeadTooLarge),
        }
    }

    /// The body of the request just read goes into `upload`.
    pub fn begin(&mut self, upload: Box<Upload>) {
        self.upload = Some(upload);
    }

    fn collect(
        &mut self,
        input: &[u8],
        message_bytes_max: usize,
        spares: &mut Spares,
    ) -> Result<(usize, Option<HttpEvent<'static>>), Reason> {
        let Some(upload) = &mut self.upload else {
            return Ok((0, None));
        };
        let piece = upload.body.decode(input)?;
        let data = piece.data.unwrap_or_default();
        let left = upload.body.declared();
        let so_far = (upload.gather.len() + data.len()) as u64;
        if so_far.saturating_add(left) > message_bytes_max as u64 {
            return Err(Reason::MessageTooBig);
        }
        upload.gather.extend(data, left, &mut spares.buffers);
        if !piece.done {
            let event = (piece.consumed > 0).then_some(HttpEvent::Part);
            return Ok((piece.consumed, event));
        }
        let upload = self.upload.take();
        Ok((piece.consumed, upload.map(HttpEvent::Upload)))
    }

    /// Drops the message that is coming in; how its request is to be answered, and to which origin.
    pub fn give_up(&mut self) -> Option<(Reply, Option<Box<str>>)> {
        self.upload.take().map(|u| (u.reply, u.origin))
    }

    /// Drops a message under way: nobody will publish it.
    pub fn forget(&mut self) {
        self.upload = None;
        self.held = None;
    }

    /// Between requests, with nothing begun.
    pub fn is_idle(&self) -> bool {
        self.upload.is_none() && self.held.is_none() && self.scanned == 0
    }

    /// Memory held by a message under way.
    pub fn memory(&self) -> usize {
        let of = |u: &Option<Box<Upload>>| u.as_ref().map_or(0, |u| u.gather.capacity());
        of(&self.upload) + of(&self.held)
    }
}
