//! The body of an answer, whatever says where it ends: chunks, a length, or the connection.

/// What says where a body ends (RFC 9112 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// So many bytes, these still to come.
    Length(usize),
    /// Chunks.
    Chunked,
    /// The end of the connection.
    Close,
}

/// A body as it comes in.
#[derive(Debug)]
pub struct Body {
    framing: Framing,
    /// What has come of it and has not been taken yet.
    pub bytes: Vec<u8>,
    /// Where in `bytes` each whole chunk ends.
    pub chunks: Vec<usize>,
    /// Nothing of it follows.
    pub done: bool,
}

impl Body {
    /// Nothing of it yet.
    pub fn new(framing: Framing) -> Body {
        Body {
            framing,
            bytes: Vec::new(),
            chunks: Vec::new(),
            done: framing == Framing::Length(0),
        }
    }

    /// Whether it may end with the connection.
    pub fn ends_anywhere(&self) -> bool {
        self.framing == Framing::Close
    }

    /// Takes what it can use off the front of `input`: how much that was.
    pub fn feed(&mut self, input: &[u8]) -> Result<usize, String> {
        match &mut self.framing {
            Framing::Close => {
                self.bytes.extend(input);
                Ok(input.len())
            }
            Framing::Length(left) => {
                let n = input.len().min(*left);
                self.bytes.extend(&input[..n]);
                *left -= n;
                self.done = *left == 0;
                Ok(n)
            }
            Framing::Chunked => self.feed_chunks(input),
        }
    }

    /// Whole chunks only: the rest of one comes again with what follows it.
    fn feed_chunks(&mut self, input: &[u8]) -> Result<usize, String> {
        let mut at = 0;
        while !self.done {
            let rest = &input[at..];
            let Some(line) = rest.windows(2).position(|w| w == b"\r\n") else {
                if rest.len() > 16 {
                    return Err(format!("a chunk without a size: {:?}", &rest[..16]));
                }
                break;
            };
            let size = str::from_utf8(&rest[..line]).ok();
            let digits = size.filter(|s| s.bytes().all(|b| b.is_ascii_hexdigit()));
            let size = digits.and_then(|s| usize::from_str_radix(s, 16).ok());
            let size = size.ok_or_else(|| format!("a chunk's size {:?}", &rest[..line]))?;
            let whole = line + 2 + size + 2;
            if rest.len() < whole {
                break;
            }
            let (data, end) = rest[line + 2..whole].split_at(size);
            if end != b"\r\n" {
                return Err(format!("a chunk of {size} bytes ends with {end:?}"));
            }
            self.bytes.extend(data);
            self.chunks.push(self.bytes.len());
            self.done = size == 0;
            at += whole;
        }
        Ok(at)
    }

    /// Takes `n` bytes off the front of what has come.
    pub fn take(&mut self, n: usize) {
        self.bytes.drain(..n);
        self.chunks.retain(|end| *end > n);
        self.chunks.iter_mut().for_each(|end| *end -= n);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_comes_whole_however_it_is_cut() {
        let wire = b"5\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\nrest";
        let end = wire.len() - 4;
        for cut in 0..wire.len() {
            let mut body = Body::new(Framing::Chunked);
            let n = body.feed(&wire[..cut]).unwrap();
            let m = body.feed(&wire[n..]).unwrap();
            assert_eq!((n + m, body.done), (end, true), "{cut}");
            assert_eq!(body.bytes, b"hello0123456789");
            assert_eq!(body.chunks[..2], [5, 15]);
        }
        let mut body = Body::new(Framing::Length(5));
        assert_eq!(body.feed(b"hel"), Ok(3));
        assert_eq!(body.feed(b"lo, HTTP"), Ok(2));
        assert!(body.done && body.bytes == b"hello");
    }

    #[test]
    fn chunks_that_are_none() {
        for bad in [
            &b"x\r\nhello\r\n"[..],
            b"2\r\nhello",
            b"\r\n",
            b"0123456789abcdef01",
        ] {
            assert!(Body::new(Framing::Chunked).feed(bad).is_err(), "{bad:?}");
        }
    }
}
