//! What a publisher is told of the channel: Nchan's lines, or JSON where that is asked for.

use std::io::{self, Write};

use super::Request;
use super::fields::members;

/// In which form a publisher is answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Told {
    /// `text/plain`, byte for byte as Nchan writes it.
    #[default]
    Plain,
    /// `application/json`
    Json,
}

impl Told {
    /// As the request accepts it: JSON if that is named before plain text and `*/*`, whatever the weights.
    pub fn of(request: &Request<'_, '_>) -> Told {
        let known = members(request.headers, "accept").find_map(|member| {
            let name = member.split(|&b| b == b';').next().unwrap_or_default();
            let is = |wanted: &[u8]| name.trim_ascii_end().eq_ignore_ascii_case(wanted);
            match () {
                () if is(b"application/json") || is(b"text/json") => Some(Told::Json),
                () if is(b"text/plain") || is(b"text/*") || is(b"*/*") => Some(Told::Plain),
                () => None,
            }
        });
        known.unwrap_or_default()
    }

    /// The media type of the answer.
    pub fn content_type(self) -> &'static str {
        match self {
            Told::Plain => "text/plain",
            Told::Json => "application/json",
        }
    }
}

/// How a channel stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Published {
    /// How many messages were published, where a body could have several.
    pub published: Option<u64>,
    /// Messages that its history holds.
    pub messages: u64,
    /// Seconds since somebody asked for messages; `None`: nobody has.
    pub requested: Option<u64>,
    /// Subscribers now.
    pub subscribers: u64,
    /// The id of its newest message, epoch and number; `None`: it had none.
    pub last_message_id: Option<(u64, u64)>,
}

/// The longest body: all numbers at their largest.
pub const PUBLISHED_BYTES_MAX: usize = 240;

impl Published {
    /// Writes the answer's body, at most [`PUBLISHED_BYTES_MAX`] bytes, without an end of line, as Nchan.
    pub fn write(&self, told: Told, out: &mut impl Write) -> io::Result<()> {
        match told {
            Told::Plain => self.plain(out),
            Told::Json => self.json(out),
        }
    }

    fn plain(&self, out: &mut impl Write) -> io::Result<()> {
        if let Some(published) = self.published {
            write!(out, "published messages: {published}\r\n")?;
        }
        write!(out, "queued messages: {}\r\n", self.messages)?;
        match self.requested {
            Some(seconds) => write!(out, "last requested: {seconds} sec. ago\r\n")?,
            None => write!(out, "last requested: never\r\n")?,
        }
        write!(out, "active subscribers: {}\r\n", self.subscribers)?;
        match self.last_message_id {
            Some((epoch, number)) => write!(out, "last message id: {epoch}:{number}"),
            None => write!(out, "last message id: none"),
        }
    }

    fn json(&self, out: &mut impl Write) -> io::Result<()> {
        write!(out, "{{")?;
        if let Some(published) = self.published {
            write!(out, "\"published\": {published}, ")?;
        }
        write!(out, "\"messages\": {}, \"requested\": ", self.messages)?;
        match self.requested {
            Some(seconds) => write!(out, "{seconds}")?,
            None => write!(out, "null")?,
        }
        let subscribers = self.subscribers;
        write!(
            out,
            ", \"subscribers\": {subscribers}, \"last_message_id\": "
        )?;
        match self.last_message_id {
            Some((epoch, number)) => write!(out, "\"{epoch}:{number}\"}}"),
            None => write!(out, "null}}"),
        }
    }
}
