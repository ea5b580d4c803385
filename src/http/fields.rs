//! Looking up header fields: by name, once, and as comma-separated lists.
//!
//! Rules:
//! - Names compare without case (RFC 9110 5.1).
//! - A list may be spread over several lines of one name (RFC 9110 5.3); its members are trimmed.

use httparse::Header;

use crate::close::Reason;

/// The values of every line of this name, in order.
pub(crate) fn values<'h, 'b>(
    headers: &'h [Header<'b>],
    name: &'h str,
) -> impl Iterator<Item = &'b [u8]> + 'h {
    headers
        .iter()
        .filter(move |h| h.name.eq_ignore_ascii_case(name))
        .map(|h| h.value)
}

/// The members of a list over all lines of this name, empty ones included.
pub(crate) fn members<'h, 'b: 'h>(
    headers: &'h [Header<'b>],
    name: &'h str,
) -> impl Iterator<Item = &'b [u8]> + 'h {
    values(headers, name)
        .flat_map(|value| value.split(|&b| b == b','))
        .map(<[u8]>::trim_ascii)
}

/// The value of the first line of this name.
pub fn header<'b>(headers: &[Header<'b>], name: &str) -> Option<&'b [u8]> {
    headers
        .iter()
        .find(|h| h.name.eq_ignore_ascii_case(name))
        .map(|h| h.value)
}

/// The value of the only line of this name.
///
/// # Errors
/// [`Reason::BadRequest`] when there is more than one.
pub fn header_once<'b>(headers: &[Header<'b>], name: &str) -> Result<Option<&'b [u8]>, Reason> {
    let mut lines = headers.iter().filter(|h| h.name.eq_ignore_ascii_case(name));
    let first = lines.next().map(|h| h.value);
    match lines.next() {
        None => Ok(first),
        Some(_) => Err(Reason::BadRequest),
    }
}

/// Whether the list of this name has this member, compared without case: for tokens such as those
/// of `Connection` and `Upgrade`, not for lists with quoted strings.
pub fn has_token(headers: &[Header<'_>], name: &str, token: &str) -> bool {
    members(headers, name).any(|m| m.eq_ignore_ascii_case(token.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers<'a>(lines: &[(&'a str, &'a str)]) -> Vec<Header<'a>> {
        let header = |&(name, value): &(&'a str, &'a str)| Header {
            name,
            value: value.as_bytes(),
        };
        lines.iter().map(header).collect()
    }

    #[test]
    fn names_compare_without_case_and_repetition_is_told() {
        let h = headers(&[("X-A", "1"), ("x-a", "2"), ("Y", "3"), ("X-AB", "4")]);
        assert_eq!(header(&h, "x-A"), Some(&b"1"[..]));
        assert_eq!(header(&h, "z"), None);
        assert_eq!(header_once(&h, "y"), Ok(Some(&b"3"[..])));
        assert_eq!(header_once(&h, "z"), Ok(None));
        assert_eq!(header_once(&h, "X-a"), Err(Reason::BadRequest));
        assert_eq!(values(&h, "X-A").collect::<Vec<_>>(), [b"1", b"2"]);
    }

    #[test]
    fn tokens_are_whole_members_of_lists_over_repeated_lines() {
        let h = headers(&[
            ("Connection", "keep-alive , \tUPgrade"),
            ("CONNECTION", ",,x;y=1, z"),
        ]);
        for yes in ["Keep-Alive", "upgrade", "Z", "x;y=1"] {
            assert!(has_token(&h, "connection", yes), "{yes}");
        }
        for no in ["keep", "alive", "upgrades", "x", "keep-alive , upgrade"] {
            assert!(!has_token(&h, "connection", no), "{no}");
        }
        assert!(!has_token(&h, "upgrade", "upgrade"));
    }
}
