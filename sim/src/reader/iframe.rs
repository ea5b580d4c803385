//! A page that never ends, read without a browser: what stands in front of its scripts, and the
//! arguments of their calls.

/// A call of the page: `m(data, id, event)`.
#[derive(Debug, PartialEq, Eq)]
pub struct Call {
    /// `None`: the page ends.
    pub data: Option<String>,
    /// The id of the message.
    pub id: Option<String>,
    /// Its name, empty without one.
    pub event: String,
}

/// Where the padding ends, behind which there are calls.
const PADDED: &[u8] = b"-->\n";
const BEGIN: &str = "<script>m(";
const END: &str = ")</script>";
const PAGE_END: &[u8] = b"</body></html>\n";

/// How long what comes before the calls is; `None`: not all of it is there.
pub fn head(bytes: &[u8], callback: &str) -> Result<Option<usize>, String> {
    let Some(at) = bytes.windows(PADDED.len()).position(|w| w == PADDED) else {
        return Ok(None);
    };
    let text = str::from_utf8(&bytes[..at]).map_err(|e| e.to_string())?;
    match text.contains(callback) && at >= 2048 {
        true => Ok(Some(at + PADDED.len())),
        false => Err(format!("a page begins with {text:?}")),
    }
}

/// Takes one call off the front: its length and itself; `None`: not whole yet.
pub fn read(bytes: &[u8]) -> Result<Option<(usize, Option<Call>)>, String> {
    let begin = BEGIN.as_bytes();
    if bytes.first() == Some(&b'\n') {
        return Ok(Some((1, None)));
    }
    if bytes.starts_with(PAGE_END) {
        return Ok(Some((PAGE_END.len(), None)));
    }
    if PAGE_END.starts_with(bytes) {
        return Ok(None);
    }
    let known = bytes.len().min(begin.len());
    if bytes[..known] != begin[..known] {
        return Err(format!(
            "in a page: {:?}",
            String::from_utf8_lossy(&bytes[..known])
        ));
    }
    let Some(end) = bytes.windows(END.len()).position(|w| w == END.as_bytes()) else {
        return Ok(None);
    };
    let text = str::from_utf8(&bytes[begin.len()..end]).map_err(|e| e.to_string())?;
    let mut arguments = Vec::new();
    let mut rest = text;
    loop {
        let (argument, behind) = argument(rest)?;
        arguments.push(argument);
        match behind.strip_prefix(',') {
            Some(behind) => rest = behind,
            None if behind.is_empty() => break,
            None => return Err(format!("behind an argument: {behind:?}")),
        }
    }
    if !(2..=3).contains(&arguments.len()) {
        return Err(format!("a call with {} arguments", arguments.len()));
    }
    let mut arguments = arguments.into_iter();
    let mut next = || arguments.next().flatten();
    let call = Call {
        data: next(),
        id: next(),
        event: next().unwrap_or_default(),
    };
    Ok(Some((end + END.len(), Some(call))))
}

/// A string of JSON (RFC 8259 7) or `null`, and what stands behind it.
fn argument(text: &str) -> Result<(Option<String>, &str), String> {
    if let Some(rest) = text.strip_prefix("null") {
        return Ok((None, rest));
    }
    let bad = || {
        format!(
            "an argument {:?}",
            text.chars().take(40).collect::<String>()
        )
    };
    let mut rest = text.strip_prefix('"').ok_or_else(bad)?;
    let mut out = String::new();
    loop {
        let at = rest.find(['"', '\\']).ok_or_else(bad)?;
        if rest[..at].contains(['<', '>', '&', '\n', '\u{2028}', '\u{2029}']) {
            return Err(format!("{} holds what ends a script or a line", bad()));
        }
        out.push_str(&rest[..at]);
        if rest.as_bytes()[at] == b'"' {
            return Ok((Some(out), &rest[at + 1..]));
        }
        let escape = rest.as_bytes().get(at + 1).ok_or_else(bad)?;
        let mut len = 2;
        out.push(match escape {
            b'"' => '"',
            b'\\' => '\\',
            b'n' => '\n',
            b'u' => {
                len = 6;
                let digits = rest.get(at + 2..at + 6).ok_or_else(bad)?;
                let code = u32::from_str_radix(digits, 16).map_err(|_| bad())?;
                char::from_u32(code).ok_or_else(bad)?
            }
            _ => return Err(bad()),
        });
        rest = &rest[at + len..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_one_after_another() {
        let wire = "<script>m(\"a\\u003c\\\"\\n€\",\"1:2\",\"x\")</script>\n<script>m(\"\",\"1:3\")</script></body></html>\n";
        let mut at = 0;
        let mut calls = Vec::new();
        while at < wire.len() {
            let (n, call) = read(&wire.as_bytes()[at..]).unwrap().unwrap();
            for cut in 0..n {
                let cut = &wire.as_bytes()[at..at + cut];
                assert!(cut.is_empty() || read(cut).unwrap().is_none(), "{cut:?}");
            }
            at += n;
            calls.extend(call);
        }
        let call = |data: &str, id: &str, event: &str| Call {
            data: Some(data.into()),
            id: Some(id.into()),
            event: event.into(),
        };
        assert_eq!(calls, [call("a<\"\n€", "1:2", "x"), call("", "1:3", "")]);
        assert!(read(b"<script>alert(1)</script>").is_err());
        assert!(read(b"<script>m(\"<b>\",\"1:2\")</script>").is_err());
    }

    #[test]
    fn a_head_is_padded_and_names_its_function() {
        let head_of = |name: &str| format!("<html>{name}<!--{}-->\nrest", " ".repeat(2100));
        let page = head_of("parent.f");
        assert_eq!(head(page.as_bytes(), "parent.f"), Ok(Some(page.len() - 4)));
        assert_eq!(head(&page.as_bytes()[..1000], "parent.f"), Ok(None));
        assert!(head(head_of("parent.g").as_bytes(), "parent.f").is_err());
        assert!(head(b"<html>parent.f<!-- -->\n", "parent.f").is_err());
    }
}
