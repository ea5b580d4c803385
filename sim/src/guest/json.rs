//! The little of JSON (RFC 8259) that a guest has to take apart: arrays, objects and strings. What it
//! does not look into stays the text that it was.

/// What follows a string, and the string, unescaped.
fn string_of(json: &str) -> Result<(&str, String), String> {
    let bad = || format!("no string: {:?}", json.get(..40).unwrap_or(json));
    let mut out = String::new();
    let mut rest = json.strip_prefix('"').ok_or_else(bad)?;
    loop {
        let at = rest.find(['"', '\\']).ok_or_else(bad)?;
        out.push_str(&rest[..at]);
        if rest[..at].bytes().any(|b| b < 0x20) {
            return Err(bad());
        }
        let mark = rest.as_bytes()[at];
        rest = &rest[at + 1..];
        if mark == b'"' {
            return Ok((rest, out));
        }
        let (c, behind) = escape(rest).ok_or_else(bad)?;
        out.push(c);
        rest = behind;
    }
}

/// The character behind a backslash, and what follows it.
fn escape(rest: &str) -> Option<(char, &str)> {
    let c = match rest.chars().next()? {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'b' => '\u{8}',
        'f' => '\u{c}',
        c @ ('"' | '\\' | '/') => c,
        'u' => {
            let unit = |text: &str| u32::from_str_radix(text, 16).ok();
            let high = unit(rest.get(1..5)?)?;
            if !(0xd800..0xdc00).contains(&high) {
                return Some((char::from_u32(high)?, &rest[5..]));
            }
            let low = unit(rest.get(5..)?.strip_prefix("\\u")?.get(..4)?)?;
            let low = low.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
            let c = char::from_u32(0x10000 + (high - 0xd800) * 0x400 + low)?;
            return Some((c, &rest[11..]));
        }
        _ => return None,
    };
    Some((c, &rest[1..]))
}

/// A string, unescaped.
pub fn string(json: &str) -> Result<String, String> {
    match string_of(json)? {
        ("", text) => Ok(text),
        (behind, _) => Err(format!("behind a string: {behind:?}")),
    }
}

/// What stands between the commas of an array.
pub fn elements(array: &str) -> Result<Vec<&str>, String> {
    inside(array, '[', ']').map(split)
}

/// The members of an object: name and value.
pub fn members(object: &str) -> Result<Vec<(String, &str)>, String> {
    let pair = |member: &'_ str| -> Result<(String, usize), String> {
        let (rest, name) = string_of(member)?;
        let value = rest.strip_prefix(':').ok_or("a member without a value")?;
        Ok((name, member.len() - value.len()))
    };
    let parts = split(inside(object, '{', '}')?);
    let each = parts.into_iter().map(|member| {
        let (name, from) = pair(member)?;
        Ok((name, &member[from..]))
    });
    each.collect()
}

fn inside(json: &str, open: char, close: char) -> Result<&str, String> {
    let inner = json.strip_prefix(open).and_then(|j| j.strip_suffix(close));
    inner.ok_or_else(|| format!("no {open}…{close}: {:?}", json.get(..40).unwrap_or(json)))
}

/// Cuts at the commas that are in no string, array or object.
fn split(inner: &str) -> Vec<&str> {
    let (mut parts, mut from, mut depth) = (Vec::new(), 0, 0usize);
    let (mut quoted, mut escaped) = (false, false);
    for (at, b) in inner.bytes().enumerate() {
        match b {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                parts.push(&inner[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    if !inner.is_empty() {
        parts.push(&inner[from..]);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_with_and_without_escapes() {
        assert_eq!(
            string(r#""aé\n\"\\\/\u0041\ud83d\ude00""#).unwrap(),
            "aé\n\"\\/A😀"
        );
        for bad in [
            "",
            "a",
            "\"",
            "\"\\x\"",
            "\"\\ud800\"",
            "\"a\"b",
            "\"\\u00\"",
            "\"\n\"",
        ] {
            assert!(string(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn commas_count_at_the_top_only() {
        let parts = elements(r#"["a,]\"",[1,2],{"b":[3,"}"]},4]"#).unwrap();
        assert_eq!(parts, [r#""a,]\"""#, "[1,2]", r#"{"b":[3,"}"]}"#, "4"]);
        assert_eq!(elements("[]").unwrap(), [""; 0]);
        assert!(elements("{}").is_err());
        let object = members(r#"{"sid":"x","n":[1,{"a":2}]}"#).unwrap();
        assert_eq!(object[0], ("sid".to_owned(), "\"x\""));
        assert_eq!(object[1], ("n".to_owned(), r#"[1,{"a":2}]"#));
    }
}
