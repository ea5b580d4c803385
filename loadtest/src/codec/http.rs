//! Answers to HTTP requests (RFC 9112), cut anywhere, in; heads and pieces of bodies out.

/// An answer's head over this many bytes is refused.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Header lines looked at.
const HEADERS_MAX: usize = 64;

/// The head of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head<'a> {
    /// Its status.
    pub code: u16,
    /// The words behind that.
    pub reason: &'a str,
    headers: &'a [httparse::Header<'a>],
}

impl<'a> Head<'a> {
    /// The first field of this name, in small letters, without white space around it.
    pub fn field(&self, name: &'static str) -> Option<&'a [u8]> {
        let mut all = self.headers.iter();
        let found = all.find(|h| h.name.eq_ignore_ascii_case(name))?;
        Some(found.value.trim_ascii())
    }
}

/// One thing the server said.
#[derive(Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// The head of an answer.
    Head(Head<'a>),
    /// A piece of its body.
    Body(&'a [u8]),
    /// It is whole; whether the server closes the connection now.
    End {
        /// The server said so.
        closes: bool,
    },
}

/// What follows next on the connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Next {
    #[default]
    Head,
    /// So many bytes of a body.
    Bytes(u64),
    /// A line with the size of a chunk.
    ChunkSize,
    /// So many bytes of a chunk.
    Chunk(u64),
    /// The end of the line behind a chunk.
    ChunkEnd,
    /// Lines behind the last chunk, up to an empty one.
    Trailer,
    /// A body until the connection ends.
    Everything,
}

/// Answers, cut anywhere.
#[derive(Debug, Default)]
pub struct Answers {
    next: Next,
    /// A head or line that is not whole.
    kept: Vec<u8>,
    closes: bool,
}

impl Answers {
    /// Takes the next bytes and gives each part to `each`. After an error it is not to be fed.
    ///
    /// # Errors
    /// Why this is no HTTP, or what `each` said.
    pub fn feed(
        &mut self,
        mut bytes: &[u8],
        each: &mut impl FnMut(Part<'_>) -> Result<(), String>,
    ) -> Result<(), String> {
        while !bytes.is_empty() {
            bytes = match self.next {
                Next::Head => self.head(bytes, each)?,
                Next::Bytes(left) => {
                    let n = self.body(bytes, left, each)?;
                    self.next = Next::Bytes(left - n as u64);
                    if self.next == Next::Bytes(0) {
                        self.end(each)?;
                    }
                    &bytes[n..]
                }
                Next::Chunk(left) => {
                    let n = self.body(bytes, left, each)?;
                    self.next = match left - n as u64 {
                        0 => Next::ChunkEnd,
                        left => Next::Chunk(left),
                    };
                    &bytes[n..]
                }
                Next::ChunkSize | Next::ChunkEnd | Next::Trailer => self.line(bytes, each)?,
                Next::Everything => {
                    each(Part::Body(bytes))?;
                    &[]
                }
            };
        }
        Ok(())
    }

    fn body(
        &mut self,
        bytes: &[u8],
        left: u64,
        each: &mut impl FnMut(Part<'_>) -> Result<(), String>,
    ) -> Result<usize, String> {
        let n = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
        each(Part::Body(&bytes[..n]))?;
        Ok(n)
    }

    fn end(&mut self, each: &mut impl FnMut(Part<'_>) -> Result<(), String>) -> Result<(), String> {
        self.next = Next::Head;
        each(Part::End {
            closes: self.closes,
        })
    }

    /// Completes the head and returns what is behind it.
    fn head<'b>(
        &mut self,
        bytes: &'b [u8],
        each: &mut impl FnMut(Part<'_>) -> Result<(), String>,
    ) -> Result<&'b [u8], String> {
        let mut kept = std::mem::take(&mut self.kept);
        let before = kept.len();
        // A head that is whole is read where it lies.
        if before == 0 {
            if let Some(head) = self.whole_head(bytes, each)? {
                return Ok(&bytes[head..]);
            }
            self.kept = bytes.to_vec();
            return Ok(&[]);
        }
        kept.extend_from_slice(bytes);
        match self.whole_head(&kept, each)? {
            Some(head) => Ok(&bytes[head - before..]),
            None => {
                self.kept = kept;
                Ok(&[])
            }
        }
    }

    /// The bytes of the head at the start of `bytes`, which it tells of; `None` while it is not whole.
    fn whole_head(
        &mut self,
        bytes: &[u8],
        each: &mut impl FnMut(Part<'_>) -> Result<(), String>,
    ) -> Result<Option<usize>, String> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut answer = httparse::Response::new(&mut headers);
        let parsed = answer.parse(bytes);
        let head = match parsed.map_err(|e| format!("the answer is not HTTP: {e}"))? {
            httparse::Status::Complete(head) => head,
            httparse::Status::Partial if bytes.len() > HEAD_BYTES_MAX => {
                return Err(format!("the answer's head is over {HEAD_BYTES_MAX} bytes"));
            }
            httparse::Status::Partial => return Ok(None),
        };
        let code = answer.code.unwrap_or(0);
        each(Part::Head(Head {
            code,
            reason: answer.reason.unwrap_or(""),
            headers: answer.headers,
        }))?;
        self.closes = has(answer.headers, "connection", "close");
        self.next = framing(code, answer.headers)?;
        if code >= 200 && self.next == Next::Bytes(0) {
            self.end(each)?;
        }
        if code < 200 {
            self.next = Next::Head;
        }
        Ok(Some(head))
    }

    /// Completes a line of the chunked form and returns what is behind it.
    fn line<'b>(
        &mut self,
        bytes: &'b [u8],
        each: &mut impl FnMut(Part<'_>) -> Result<(), String>,
    ) -> Result<&'b [u8], String> {
        let Some(newline) = memchr::memchr(b'\n', bytes) else {
            self.kept.extend_from_slice(bytes);
            return match self.kept.len() > HEAD_BYTES_MAX {
                true => Err("a line of the chunked answer does not end".to_owned()),
                false => Ok(&[]),
            };
        };
        let mut kept = std::mem::take(&mut self.kept);
        // A line that is whole is read where it lies.
        let line = match kept.is_empty() {
            true => &bytes[..newline],
            false => {
                kept.extend_from_slice(&bytes[..newline]);
                &kept
            }
        };
        let line = line.trim_ascii();
        match self.next {
            Next::ChunkEnd if line.is_empty() => self.next = Next::ChunkSize,
            Next::ChunkSize => {
                self.next = match chunk_size(line).ok_or("a chunk has no size")? {
                    0 => Next::Trailer,
                    size => Next::Chunk(size),
                }
            }
            Next::Trailer if line.is_empty() => self.end(each)?,
            Next::Trailer => {}
            _ => return Err("a chunk is longer than it says".to_owned()),
        }
        Ok(&bytes[newline + 1..])
    }
}

/// The size at the start of the line before a chunk (RFC 9112 7.1).
fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits = line.split(|b| matches!(b, b';' | b' ')).next()?;
    let digits = std::str::from_utf8(digits).ok()?;
    let plain = digits.bytes().all(|b| b.is_ascii_hexdigit());
    u64::from_str_radix(digits, 16).ok().filter(|_| plain)
}

/// What follows a head (RFC 9112 6.3).
fn framing(code: u16, headers: &[httparse::Header<'_>]) -> Result<Next, String> {
    if code < 200 || matches!(code, 204 | 304) {
        return Ok(Next::Bytes(0));
    }
    if has(headers, "transfer-encoding", "chunked") {
        return Ok(Next::ChunkSize);
    }
    let mut lengths = values(headers, "content-length");
    match lengths.next() {
        Some(length) => {
            let length = length.trim().parse();
            length
                .map(Next::Bytes)
                .map_err(|_| "the answer's Content-Length is no number".to_owned())
        }
        None => Ok(Next::Everything),
    }
}

fn values<'h>(
    headers: &'h [httparse::Header<'_>],
    name: &'static str,
) -> impl Iterator<Item = &'h str> {
    let named = headers
        .iter()
        .filter(move |h| h.name.eq_ignore_ascii_case(name));
    named.filter_map(|h| std::str::from_utf8(h.value).ok())
}

fn has(headers: &[httparse::Header<'_>], name: &'static str, token: &str) -> bool {
    let mut tokens = values(headers, name).flat_map(|v| v.split(','));
    tokens.any(|t| t.trim().eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes out, bodies joined.
    fn parts(pieces: &[&[u8]]) -> Result<String, String> {
        let (mut answers, mut said) = (Answers::default(), String::new());
        for piece in pieces {
            answers.feed(piece, &mut |part| {
                said += &match part {
                    Part::Head(head) => format!("<{} {}>", head.code, head.reason),
                    Part::Body(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                    Part::End { closes } => format!("</{closes}>"),
                };
                Ok(())
            })?;
        }
        Ok(said)
    }

    #[test]
    fn answers_one_after_the_other_cut_anywhere() {
        let stream: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n\
            HTTP/1.1 201 Created\r\nContent-Length: 3\r\n\r\nabc\
            HTTP/1.1 204 No Content\r\n\r\n\
            HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;x=y\r\nwxyz\r\n10\r\n0123456789abcdef\r\n0\r\nA: b\r\n\r\n\
            HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        let expected = "<100 Continue><201 Created>abc</false><204 No Content></false>\
            <200 OK>wxyz0123456789abcdef</false><202 Accepted></true>";
        for at in 0..=stream.len() {
            let (a, b) = stream.split_at(at);
            assert_eq!(parts(&[a, b]).as_deref(), Ok(expected), "cut at {at}");
        }
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(parts(&bytes).as_deref(), Ok(expected));
    }

    #[test]
    fn fields_are_found_by_name_wherever_the_head_is_cut() {
        let head =
            b"HTTP/1.1 200 OK\r\nETag: 5\r\nLAST-MODIFIED:  Sun, 06 Nov 1994 08:49:37 GMT \r\n\r\n";
        for at in 0..=head.len() {
            let (mut answers, mut seen) = (Answers::default(), 0);
            for piece in [&head[..at], &head[at..]] {
                let mut each = |part: Part<'_>| {
                    let Part::Head(head) = part else {
                        return Err("no head".to_owned());
                    };
                    let time = head.field("last-modified");
                    assert_eq!(time, Some(&b"Sun, 06 Nov 1994 08:49:37 GMT"[..]));
                    assert_eq!(head.field("etag"), Some(&b"5"[..]));
                    assert_eq!(head.field("date"), None);
                    seen += 1;
                    Ok(())
                };
                answers.feed(piece, &mut each).unwrap();
            }
            assert_eq!(seen, 1, "cut at {at}");
        }
    }

    #[test]
    fn a_body_without_a_length_goes_on_to_the_end() {
        let said = parts(&[b"HTTP/1.1 200 OK\r\n\r\nabc", b"def"]);
        assert_eq!(said.as_deref(), Ok("<200 OK>abcdef"));
    }

    #[test]
    fn what_is_no_http() {
        for (bytes, word) in [
            (&b"nonsense\r\n\r\n"[..], "not HTTP"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "no number"),
            (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
                "no size",
            ),
            (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
                "longer",
            ),
        ] {
            let error = parts(&[bytes]).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }
}
