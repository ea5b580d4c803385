//! Event streams (`text/event-stream`, WHATWG HTML 9.2), cut anywhere, in; events out.
//!
//! An event whose data is one line inside one piece of input is given as a slice of that input,
//! uncopied; a stream between events owns little more than the id of the last.

use super::MESSAGE_BYTES_MAX;

/// A buffer larger than this is given back once its event is told.
const KEEP_BYTES_MAX: usize = 4096;

/// One event.
#[derive(Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// Its name; empty for one that has none, which is a `message`.
    pub name: &'a [u8],
    /// Its lines, with line feeds between.
    pub data: &'a [u8],
}

/// The events of one stream.
#[derive(Debug, Default)]
pub struct Events {
    /// Whether the first line was seen: only there a byte order mark is none of it.
    begun: bool,
    /// The last line ended with CR: an LF behind it belongs to that.
    after_cr: bool,
    /// A line that is not whole.
    kept: Vec<u8>,
    /// The event under way: its name, its id, its lines so far.
    name: Vec<u8>,
    id: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    /// The id of the last event that was whole.
    last_id: Vec<u8>,
}

/// A line of the event under way.
enum Line<'a> {
    /// It is whole.
    End,
    Data(&'a [u8]),
    Other,
}

impl Events {
    /// What `Last-Event-ID` is to say after what came so far; empty when no event had an id.
    pub fn last_id(&self) -> &[u8] {
        &self.last_id
    }

    /// Takes the next bytes and gives each event to `each`. After an error it is not to be fed.
    ///
    /// # Errors
    /// An event without end, or what `each` said.
    pub fn feed(
        &mut self,
        mut bytes: &[u8],
        each: &mut impl FnMut(Event<'_>) -> Result<(), String>,
    ) -> Result<(), String> {
        // The data so far, where it lies in the input.
        let mut lying = None;
        while let Some(first) = bytes.first() {
            if std::mem::take(&mut self.after_cr) && *first == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let Some(end) = memchr::memchr2(b'\r', b'\n', bytes) else {
                self.kept.extend_from_slice(bytes);
                break;
            };
            self.after_cr = bytes[end] == b'\r';
            let line = &bytes[..end];
            bytes = &bytes[end + 1..];
            if self.kept.is_empty() {
                match self.line(line) {
                    Line::End => self.tell(lying.take(), each)?,
                    Line::Data(value) if lying.is_none() && !self.has_data => lying = Some(value),
                    Line::Data(value) => {
                        self.keep(lying.take());
                        self.keep(Some(value));
                    }
                    Line::Other => {}
                }
            } else {
                self.finish_kept(line);
            }
        }
        self.keep(lying);
        match self.kept.len().max(self.data.len()) > MESSAGE_BYTES_MAX {
            true => Err("an event is over 256 MiB".to_owned()),
            false => Ok(()),
        }
    }

    /// Completes the line under way, which is not empty, and so does not end the event.
    fn finish_kept(&mut self, rest: &[u8]) {
        let mut kept = std::mem::take(&mut self.kept);
        kept.extend_from_slice(rest);
        if let Line::Data(value) = self.line(&kept) {
            self.keep(Some(value));
        }
        if kept.capacity() <= KEEP_BYTES_MAX {
            kept.clear();
            self.kept = kept;
        }
    }

    fn line<'l>(&mut self, mut line: &'l [u8]) -> Line<'l> {
        if !std::mem::replace(&mut self.begun, true) {
            line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        }
        if line.is_empty() {
            return Line::End;
        }
        let colon = memchr::memchr(b':', line).unwrap_or(line.len());
        let value = line.get(colon + 1..).unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match &line[..colon] {
            b"data" => return Line::Data(value),
            b"event" => set(&mut self.name, value),
            b"id" if !value.contains(&0) => set(&mut self.id, value),
            // Comments, `retry`, and what nobody knows.
            _ => {}
        }
        Line::Other
    }

    /// Copies a line of data.
    fn keep(&mut self, line: Option<&[u8]>) {
        let Some(line) = line else { return };
        if std::mem::replace(&mut self.has_data, true) {
            self.data.push(b'\n');
        }
        self.data.extend_from_slice(line);
    }

    /// The event is whole; one without data is none, but for its id.
    fn tell(
        &mut self,
        lying: Option<&[u8]>,
        each: &mut impl FnMut(Event<'_>) -> Result<(), String>,
    ) -> Result<(), String> {
        if self.last_id != self.id {
            set(&mut self.last_id, &self.id);
        }
        let told = match (lying, self.has_data) {
            (None, false) => Ok(()),
            (lying, _) => each(Event {
                name: &self.name,
                data: lying.unwrap_or(&self.data),
            }),
        };
        self.has_data = false;
        self.name.clear();
        self.data.clear();
        if self.data.capacity() > KEEP_BYTES_MAX {
            self.data = Vec::new();
        }
        told
    }
}

fn set(field: &mut Vec<u8>, value: &[u8]) {
    field.clear();
    field.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `name=data@id` of each event in these pieces.
    fn events(pieces: &[&[u8]]) -> Vec<String> {
        let (mut events, mut told) = (Events::default(), Vec::new());
        for piece in pieces {
            let mut names = Vec::new();
            let mut each = |event: Event<'_>| {
                let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
                names.push(format!("{}={}", text(event.name), text(event.data)));
                Ok(())
            };
            events.feed(piece, &mut each).unwrap();
            told.append(&mut names);
        }
        told.push(String::from_utf8_lossy(events.last_id()).into_owned());
        told
    }

    /// However the stream is cut, these events come of it, and this id in the end.
    fn check(stream: &[u8], expected: &[&str]) {
        assert_eq!(events(&[stream]), expected);
        for at in 0..=stream.len() {
            let (a, b) = stream.split_at(at);
            assert_eq!(events(&[a, b]), expected, "cut at {at}");
        }
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(events(&bytes), expected);
    }

    #[test]
    fn the_examples_of_the_standard() {
        check(
            b"data: YHOO\ndata: +2\ndata: 10\n\n",
            &["=YHOO\n+2\n10", ""],
        );
        check(
            b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
            &["=first event", "=second event", "= third event", ""],
        );
        check(b"data\n\ndata\ndata\n\ndata:", &["=", "=\n", ""]);
        check(b"data:test\n\ndata: test\n\n", &["=test", "=test", ""]);
    }

    #[test]
    fn every_end_of_line_and_a_byte_order_mark() {
        for end in ["\n", "\r", "\r\n"] {
            let stream = "\u{feff}data: a@data: b@@:hi@@event: x@data: c@id: 7@retry: 5@@";
            let stream = stream.replace('@', end);
            check(stream.as_bytes(), &["=a\nb", "x=c", "7"]);
        }
        check(b"data: a\r\n\rdata: b\n\r", &["=a", "=b", ""]);
        check(b"data: a\n\n\xef\xbb\xbfdata: b\n\n", &["=a", ""]);
    }

    #[test]
    fn ids_count_once_their_event_is_whole_and_names_only_for_one() {
        check(b"id: 1\ndata: a\n\nid: 2\ndata: b\n", &["=a", "1"]);
        check(b"id: 1\n\nid: 2\0\nevent: x\n\ndata: a\n\n", &["=a", "1"]);
        check(
            b"event: gap\nid: 5:9\ndata: {}\n\ndata: a\n\n",
            &["gap={}", "=a", "5:9"],
        );
        check(b"datax: a\nDATA: b\ndata : c\n\n", &[""]);
    }

    #[test]
    fn what_the_receiver_of_events_says_ends_it() {
        let mut events = Events::default();
        let fed = events.feed(b"data: a\n\n", &mut |_| Err("enough".to_owned()));
        assert_eq!(fed, Err("enough".to_owned()));
    }
}
