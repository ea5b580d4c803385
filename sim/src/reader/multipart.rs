//! Parts of `multipart/mixed` off the front of a body (RFC 2046 5.1), each with a length of its own
//! or ending at the next delimiter.

/// A part, or the end of all.
#[derive(Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// Header lines and what they stand before.
    Message(Vec<&'a str>, &'a [u8]),
    /// No part follows.
    End,
}

/// The boundary that a content type names.
pub fn boundary(content_type: &str) -> Option<&str> {
    let rest = content_type.strip_prefix("multipart/mixed")?;
    let value = rest.split_once("boundary=")?.1.trim();
    let value = value
        .strip_prefix('"')
        .map_or(value, |v| v.trim_end_matches('"'));
    (1..=70).contains(&value.len()).then_some(value)
}

/// Takes one part off the front: its length and itself; `None`: not whole yet. `bytes` begin with a
/// delimiter, with or without the line end before it, and the next one is left where it is.
pub fn read<'a>(bytes: &'a [u8], boundary: &str) -> Result<Option<(usize, Part<'a>)>, String> {
    let delimiter = format!("--{boundary}");
    if bytes == b"\r" {
        return Ok(None);
    }
    let from = if bytes.starts_with(b"\r\n") { 2 } else { 0 };
    let rest = &bytes[from..];
    let known = rest.len().min(delimiter.len());
    if rest[..known] != delimiter.as_bytes()[..known] {
        let seen = String::from_utf8_lossy(&rest[..rest.len().min(80)]);
        return Err(format!("no delimiter: {seen:?}"));
    }
    let Some(behind) = rest.get(delimiter.len()..).filter(|b| b.len() >= 2) else {
        return Ok(None);
    };
    if behind.starts_with(b"--") {
        let whole = from + delimiter.len() + 4;
        return match behind {
            [_, _] | [_, _, b'\r'] => Ok(None),
            [_, _, b'\r', b'\n', ..] => Ok(Some((whole, Part::End))),
            _ => Err("an end without a line end".into()),
        };
    }
    if !behind.starts_with(b"\r\n") {
        return Err("a delimiter without a line end".into());
    }
    let Some(end) = find(behind, b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = str::from_utf8(&behind[2.min(end)..end]).map_err(|e| e.to_string())?;
    let lines: Vec<&str> = head.split("\r\n").filter(|l| !l.is_empty()).collect();
    let body = &behind[end + 4..];
    let len = match header(&lines, "content-length") {
        Some(len) => len.parse().map_err(|_| format!("a length {len:?}"))?,
        None => match find(body, format!("\r\n{delimiter}").as_bytes()) {
            Some(len) => len,
            None => return Ok(None),
        },
    };
    let before = bytes.len() - body.len();
    Ok((body.len() >= len).then(|| (before + len, Part::Message(lines, &body[..len]))))
}

/// The value of a header, by its name in any case.
pub fn header<'a>(lines: &[&'a str], name: &str) -> Option<&'a str> {
    lines.iter().find_map(|line| {
        let (n, v) = line.split_once(':')?;
        n.eq_ignore_ascii_case(name).then_some(v.trim())
    })
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|w| w == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_one_after_another() {
        let wire = b"--b\r\nEtag: 5\r\n\r\nhello\r\n--b\r\nContent-Length: 7\r\n\r\nx\r\n--b!\r\n--b--\r\n";
        let (n, part) = read(wire, "b").unwrap().unwrap();
        assert_eq!(part, Part::Message(vec!["Etag: 5"], b"hello"));
        let (m, part) = read(&wire[n..], "b").unwrap().unwrap();
        assert_eq!(part, Part::Message(vec!["Content-Length: 7"], b"x\r\n--b!"));
        assert_eq!(read(&wire[n + m..], "b").unwrap().unwrap().1, Part::End);
        for cut in 0..n {
            assert_eq!(read(&wire[..cut], "b"), Ok(None), "{cut}");
        }
        assert!(read(b"hello", "b").is_err());
        assert!(read(b"--bx\r\n", "b").is_err());
    }

    #[test]
    fn boundaries() {
        assert_eq!(boundary("multipart/mixed; boundary=a-b"), Some("a-b"));
        assert_eq!(boundary("multipart/mixed; boundary=\"a b\""), Some("a b"));
        assert_eq!(boundary("text/plain; boundary=a"), None);
    }
}
