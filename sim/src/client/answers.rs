//! HTTP from the client's side: requests as bytes and answers read back, sharing no code with
//! the server.

/// Keys with the answers that belong to them (RFC 6455 1.3; computed apart).
pub const KEYS: [(&str, &str); 4] = [
    ("dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
    ("AAECAwQFBgcICQoLDA0ODw==", "Bz3qJYTGdOe8gUSpLosEdiLKDrk="),
    ("/////////////////////w==", "XXpj4jYzLM2yUE0C7TIgMwTQh2g="),
    ("AAAAAAAAAAAAAAAAAAAAAA==", "ICX+Yqv66kxgM0FcWaLWlFLwTAI="),
];

/// An answer with its head in lines.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    /// 100 to 599.
    pub status: u16,
    /// Status line first.
    pub lines: Vec<&'a str>,
    /// As long as Content-Length says.
    pub body: &'a [u8],
}

impl Answer<'_> {
    /// The value of a header, by its name in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.lines, name)
    }

    /// Whether the server said that it closes after this.
    pub fn closes(&self) -> bool {
        self.header("connection")
            .is_some_and(|v| v.split(',').any(|t| t.trim().eq_ignore_ascii_case("close")))
    }
}

fn header<'a>(lines: &[&'a str], name: &str) -> Option<&'a str> {
    lines.iter().skip(1).find_map(|line| {
        let (n, v) = line.split_once(':')?;
        n.eq_ignore_ascii_case(name).then_some(v.trim())
    })
}

/// An answer up to its body.
#[derive(Debug, PartialEq, Eq)]
pub struct Head<'a> {
    /// 100 to 599.
    pub status: u16,
    /// Status line first.
    pub lines: Vec<&'a str>,
}

impl Head<'_> {
    /// The value of a header, by its name in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.lines, name)
    }

    /// Whether the server said that it closes after this.
    pub fn closes(&self) -> bool {
        self.header("connection")
            .is_some_and(|v| v.split(',').any(|t| t.trim().eq_ignore_ascii_case("close")))
    }
}

/// Takes the head of an answer off the front: its length and itself; `None`: not whole yet.
pub fn head(buf: &[u8]) -> Result<Option<(usize, Head<'_>)>, String> {
    let Some(end) = buf.windows(4).position(|w| w == b"\r\n\r\n") else {
        let start = &buf[..buf.len().min(5)];
        return if b"HTTP/".starts_with(start) {
            Ok(None)
        } else {
            Err(format!("not HTTP: {start:?}"))
        };
    };
    let head = str::from_utf8(&buf[..end]).map_err(|e| e.to_string())?;
    let lines: Vec<&str> = head.split("\r\n").collect();
    let status = status(lines[0])?;
    Ok(Some((end + 4, Head { status, lines })))
}

/// Takes one answer off the front: its length and itself; `None`: not whole yet.
pub fn read(buf: &[u8]) -> Result<Option<(usize, Answer<'_>)>, String> {
    let Some((from, Head { status, lines })) = head(buf)? else {
        return Ok(None);
    };
    let len = match header(&lines, "content-length") {
        Some(v) => v
            .parse::<usize>()
            .map_err(|_| format!("Content-Length {v:?}"))?,
        None if matches!(status, 100..=199 | 204 | 304) => 0,
        None => return Err(format!("no Content-Length in {lines:?}")),
    };
    let body = &buf[from..];
    Ok((body.len() >= len).then(|| {
        (
            from + len,
            Answer {
                status,
                lines,
                body: &body[..len],
            },
        )
    }))
}

fn status(line: &str) -> Result<u16, String> {
    let code = line.strip_prefix("HTTP/1.1 ").and_then(|r| r.get(..3));
    code.and_then(|c| c.parse().ok())
        .ok_or_else(|| format!("status line {line:?}"))
}

/// Appends `body` in chunks of the sizes given; the last chunk takes the rest.
pub fn append_chunked(out: &mut Vec<u8>, mut body: &[u8], sizes: &[usize]) {
    for &size in sizes {
        let (part, rest) = body.split_at(size.min(body.len()));
        append_chunk(out, part);
        body = rest;
    }
    append_chunk(out, body);
    out.extend(b"0\r\n\r\n");
}

fn append_chunk(out: &mut Vec<u8>, part: &[u8]) {
    if !part.is_empty() {
        out.extend(format!("{:X}\r\n", part.len()).bytes());
        out.extend(part);
        out.extend(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_one_after_another() {
        let wire = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\nConnection: x, CLOSE\r\n\r\nokHTTP/1.1 204 No\r\n\r\n";
        let (n, a) = read(wire).unwrap().unwrap();
        assert_eq!((a.status, a.body, a.closes()), (201, &b"ok"[..], true));
        let (m, b) = read(&wire[n..]).unwrap().unwrap();
        assert_eq!((b.status, n + m, b.closes()), (204, wire.len(), false));
        for cut in 0..n {
            assert_eq!(read(&wire[..cut]), Ok(None), "{cut}");
        }
        assert!(read(b"\x81\x05Hello").is_err());
        assert!(read(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }

    #[test]
    fn chunks() {
        let mut out = Vec::new();
        append_chunked(&mut out, b"hello, world", &[5, 0, 2]);
        assert_eq!(out, b"5\r\nhello\r\n2\r\n, \r\n5\r\nworld\r\n0\r\n\r\n");
    }
}
