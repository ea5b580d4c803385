//! An event stream read as the HTML standard says (9.2.6), and stricter: lines end with LF, and
//! nothing stands in them that nobody asked for.

/// What stands between two empty lines.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// `id:`.
    pub id: Option<String>,
    /// `event:`, empty without one.
    pub name: String,
    /// `data:`, its lines with LF between them; `None`: a comment, or `retry:`.
    pub data: Option<String>,
}

/// Takes one event off the front: its length and itself; `None`: not whole yet.
pub fn read(bytes: &[u8]) -> Result<Option<(usize, Event)>, String> {
    let Some(end) = end(bytes) else {
        return Ok(None);
    };
    let text = str::from_utf8(&bytes[..end]).map_err(|e| format!("an event: {e}"))?;
    let mut event = Event::default();
    for line in text.split_terminator('\n') {
        if line.contains(['\r', '\0']) {
            return Err(format!("a line {line:?}"));
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            // An empty line at the very beginning, or a comment.
            "" => {}
            "id" if event.id.is_none() => event.id = Some(value.into()),
            "event" if event.name.is_empty() && !value.is_empty() => event.name = value.into(),
            "retry" if value.parse::<u32>().is_ok() => {}
            "data" => match &mut event.data {
                None => event.data = Some(value.into()),
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
            },
            _ => return Err(format!("a line {line:?}")),
        }
    }
    Ok(Some((end, event)))
}

/// Where the first empty line ends.
fn end(bytes: &[u8]) -> Option<usize> {
    if bytes.first() == Some(&b'\n') {
        return Some(1);
    }
    Some(bytes.windows(2).position(|w| w == b"\n\n")? + 2)
}

/// The value of each digit of base64; 64 for what is none.
const DIGITS: [u8; 256] = {
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut table = [64; 256];
    let mut value = 0;
    while value < 64 {
        table[digits[value] as usize] = value as u8;
        value += 1;
    }
    table
};

/// The bytes that base64 stands for (RFC 4648 4), padding and all.
pub fn base64(text: &str) -> Result<Vec<u8>, String> {
    let bad = || format!("base64 {:?}", text.get(..40).unwrap_or(text));
    let digits = text.trim_end_matches('=');
    if !text.len().is_multiple_of(4) || text.len() - digits.len() > 2 {
        return Err(bad());
    }
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let mut wrong = 0;
    for group in digits.as_bytes().chunks(4) {
        let digits = group.iter().map(|&b| DIGITS[usize::from(b)]);
        let word = digits.fold(0, |word, digit| {
            wrong |= digit & 64;
            word << 6 | u32::from(digit)
        });
        let word = word << (6 * (4 - group.len()));
        out.extend_from_slice(&word.to_be_bytes()[1..group.len()]);
    }
    if wrong > 0 {
        return Err(bad());
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: Option<&str>, name: &str, data: Option<&str>) -> Event {
        Event {
            id: id.map(Into::into),
            name: name.into(),
            data: data.map(Into::into),
        }
    }

    #[test]
    fn events_one_after_another() {
        let wire =
            b": hi\nretry: 2000\n\nid: 1:2\nevent: a b\ndata: x\ndata:\ndata:  y\n\ndata\n\n";
        let want = [
            event(None, "", None),
            event(Some("1:2"), "a b", Some("x\n\n y")),
            event(None, "", Some("")),
        ];
        let mut at = 0;
        for want in want {
            let (n, got) = read(&wire[at..]).unwrap().unwrap();
            assert_eq!(got, want);
            for cut in 0..n {
                assert_eq!(read(&wire[at..at + cut]), Ok(None), "{cut}");
            }
            at += n;
        }
        assert_eq!(at, wire.len());
        for bad in [
            "data: x\ry\n\n",
            "dataa: x\n\n",
            "retry: x\n\n",
            "id: 1\nid: 2\n\n",
        ] {
            assert!(read(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_samples_of_rfc_4648() {
        for (text, bytes) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9vYmE=", "fooba"),
            ("Zm9vYmFy", "foobar"),
        ] {
            assert_eq!(base64(text), Ok(bytes.as_bytes().to_vec()));
        }
        for bad in ["Zg=", "Z===", "Zm9v\n", "Zm-v"] {
            assert!(base64(bad).is_err(), "{bad}");
        }
    }
}
