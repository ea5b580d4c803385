//! Lists in header fields: elements, tokens, quoted strings (RFC 9110 5.6).

/// Without the blanks and tabs around it (RFC 9110 5.6.3).
pub fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// The elements of a list of tokens that are not empty, without the blanks around them.
pub fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value
        .split(|&b| b == b',')
        .map(trim)
        .filter(|element| !element.is_empty())
}

/// A token (RFC 9110 5.6.2), which is ASCII.
pub fn token(bytes: &[u8]) -> Option<&str> {
    let fits = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b);
    if bytes.iter().all(fits) {
        std::str::from_utf8(bytes).ok()
    } else {
        None
    }
}

/// The parts between separators that stand in no quoted string, empty ones included. A string that
/// does not end takes everything behind it.
pub fn split(value: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    value.split(move |&b| {
        if escaped {
            escaped = false;
            return false;
        }
        escaped = quoted && b == b'\\';
        quoted ^= b == b'"';
        b == separator && !quoted
    })
}

/// The value of a quoted string (RFC 9110 5.6.4), or of anything without quotes as it is; `None`:
/// a quoted string that does not end, or goes on behind its end.
pub fn unquote(value: &[u8]) -> Option<Vec<u8>> {
    let Some(quoted) = value.strip_prefix(b"\"") else {
        return Some(value.to_vec());
    };
    let mut text = Vec::new();
    let mut bytes = quoted.iter();
    loop {
        match bytes.next()? {
            b'"' => return bytes.as_slice().is_empty().then_some(text),
            b'\\' => text.push(*bytes.next()?),
            &b => text.push(b),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_in_quoted_strings_separate_nothing() {
        let parts = |value: &'static str| -> Vec<&str> {
            let parts = split(value.as_bytes(), b',');
            parts.map(|p| std::str::from_utf8(p).unwrap()).collect()
        };
        assert_eq!(parts("a,b"), ["a", "b"]);
        assert_eq!(parts(""), [""]);
        assert_eq!(parts(",a,"), ["", "a", ""]);
        assert_eq!(parts(r#"a="x,y",b"#), [r#"a="x,y""#, "b"]);
        assert_eq!(parts(r#"a="x\",y",b"#), [r#"a="x\",y""#, "b"]);
        assert_eq!(parts(r#"a="x\\",y",b"#), [r#"a="x\\""#, r#"y",b"#]);
        assert_eq!(
            parts(r#"a\",b"#),
            [r#"a\",b"#],
            "a backslash outside of one escapes nothing"
        );
    }

    #[test]
    fn a_quoted_string_is_its_text() {
        let text = |value: &str| unquote(value.as_bytes());
        assert_eq!(text("15"), Some(b"15".to_vec()));
        assert_eq!(text(r#""15""#), Some(b"15".to_vec()));
        assert_eq!(text(r#""1\5""#), Some(b"15".to_vec()));
        assert_eq!(text(r#""""#), Some(vec![]));
        for bad in [r#"""#, r#""15"#, r#""15"x"#, r#""15\"#, r#""15\""#] {
            assert_eq!(text(bad), None, "{bad}");
        }
    }
}
