//! A form as browsers send it, `multipart/form-data`, taken apart (RFC 7578, RFC 2046 5.1).
//!
//! Rules:
//! - The body is complete and parts borrow from it; one search for the boundary goes over it once,
//!   whatever is in it.
//! - Strict where two readers could disagree: lines end with CRLF, nothing stands before the first
//!   boundary or behind the last but white space, and the boundary at the start of a line ends a part: with
//!   more behind it on its line the form is refused, not read on.
//! - A part says once that it is `form-data` and what its name is (RFC 7578 4.2). Its head holds no control
//!   character but HTAB, so nothing in it can become a line of its own elsewhere.
//! - Names are UTF-8 (RFC 7578 5.1). Browsers write a quote as `%22`, others as `\"`: both are read. A
//!   `%0D` or `%0A` stays as it is, for no name may break a line; other `%` are not escapes, for
//!   browsers do not write them so. Other backslashes are backslashes: old browsers send whole paths.
//! - `filename*` is no parameter of a form (RFC 7578 4.2) and ignored, as other unknown ones are.
//! - A coding of a part (RFC 7578 4.7) that is not the identity is refused, for it would have to be undone.

use std::borrow::Cow;

use memchr::memmem::Finder;
use memchr::{memchr, memchr2};

use super::{is_text_byte, is_token_byte};
use crate::close::Reason;
use crate::limits::{FORM_PARTS_MAX, PART_HEAD_BYTES_MAX};

/// The longest boundary (RFC 2046 5.1.1).
const BOUNDARY_BYTES_MAX: usize = 70;

/// One part of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part<'a> {
    /// The name of its field, may be empty.
    pub name: Cow<'a, str>,
    /// The name of its file, if it is one; as the sender says it, never a path to use.
    pub filename: Option<Cow<'a, str>>,
    /// Its media type as it was sent.
    pub content_type: Option<&'a str>,
    /// What it holds.
    pub body: &'a [u8],
}

/// The boundary of a form, if that is what this `Content-Type` says.
///
/// # Errors
/// [`Reason::BadBoundary`] when it is one without a boundary, or with two.
pub fn form_boundary(content_type: &[u8]) -> Result<Option<Cow<'_, str>>, Reason> {
    let text = std::str::from_utf8(content_type).unwrap_or_default();
    match parameters_of(text, "multipart/form-data") {
        None => Ok(None),
        Some(parameters) => boundary(parameters).ok_or(Reason::BadBoundary).map(Some),
    }
}

fn boundary(parameters: Parameters<'_>) -> Option<Cow<'_, str>> {
    let mut found = None;
    for parameter in parameters {
        let (name, value) = parameter?;
        if name.eq_ignore_ascii_case("boundary") && found.replace(value).is_some() {
            return None;
        }
    }
    found.filter(|boundary| is_boundary(boundary.as_bytes()))
}

/// `boundary` of RFC 2046 5.1.1.
fn is_boundary(boundary: &[u8]) -> bool {
    let allowed = |b: &u8| b.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(b);
    (1..=BOUNDARY_BYTES_MAX).contains(&boundary.len())
        && boundary.iter().all(allowed)
        && !boundary.ends_with(b" ")
}

/// The parts of a complete body, in order. After an error there is nothing more: take all parts
/// before the first is used.
///
/// Errors are [`Reason::BadForm`], [`Reason::BadPart`] and [`Reason::TooManyParts`].
#[derive(Debug)]
pub struct Parts<'a> {
    /// Finds CRLF and the boundary.
    delimiter: Finder<'static>,
    /// What follows the boundary in front of the next part; `None`: nothing more is to come.
    rest: Option<&'a [u8]>,
    taken: usize,
}

impl<'a> Parts<'a> {
    /// Of a body with this boundary.
    pub fn new(boundary: &str, body: &'a [u8]) -> Result<Parts<'a>, Reason> {
        let delimiter = format!("\r\n--{boundary}");
        let first = body.strip_prefix(b"\r\n").unwrap_or(body);
        let rest = first.strip_prefix(&delimiter.as_bytes()[2..]);
        Ok(Parts {
            delimiter: Finder::new(&delimiter).into_owned(),
            rest: Some(rest.ok_or(Reason::BadForm)?),
            taken: 0,
        })
    }

    /// The part behind a boundary, or `None` behind the last boundary.
    fn part(&mut self, behind: &'a [u8]) -> Result<Option<Part<'a>>, Reason> {
        if let Some(epilogue) = behind.strip_prefix(b"--") {
            let blank = epilogue.iter().all(u8::is_ascii_whitespace);
            return if blank {
                Ok(None)
            } else {
                Err(Reason::BadForm)
            };
        }
        if self.taken == FORM_PARTS_MAX {
            return Err(Reason::TooManyParts);
        }
        let padding = behind.iter().take_while(|b| matches!(b, b' ' | b'\t'));
        let line_end = &behind[padding.count()..];
        if !line_end.starts_with(b"\r\n") {
            return Err(Reason::BadForm);
        }
        // The line end may be that of the next boundary already: then there is no head.
        let end = self.delimiter.find(line_end).ok_or(Reason::BadForm)?;
        self.rest = Some(&line_end[end + self.delimiter.needle().len()..]);
        self.taken += 1;
        let lines = line_end[..end].get(2..).ok_or(Reason::BadPart)?;
        read_part(lines).map(Some).ok_or(Reason::BadPart)
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = Result<Part<'a>, Reason>;

    fn next(&mut self) -> Option<Self::Item> {
        let behind = self.rest.take()?;
        let part = self.part(behind);
        if part.is_err() {
            self.rest = None;
        }
        part.transpose()
    }
}

/// A part from its first header line on.
fn read_part(mut rest: &[u8]) -> Option<Part<'_>> {
    let (mut disposition, mut content_type) = (None, None);
    let mut left = PART_HEAD_BYTES_MAX;
    while let (name, value) = header_line(&mut rest, &mut left)?
        && !name.is_empty()
    {
        let is = |wanted| name.eq_ignore_ascii_case(wanted);
        let refused = if is("content-disposition") {
            disposition.replace(value).is_some()
        } else if is("content-type") {
            content_type.replace(value).is_some()
        } else {
            is("content-transfer-encoding") && !is_identity(value)
        };
        if refused {
            return None;
        }
    }
    let (name, filename) = names(disposition?)?;
    Some(Part {
        name,
        filename,
        content_type,
        body: rest,
    })
}

/// Takes a header line off the front: its name and its value, or nothing twice for the empty line.
/// `left`: how many bytes the head may still have.
fn header_line<'a>(rest: &mut &'a [u8], left: &mut usize) -> Option<(&'a str, &'a str)> {
    let window = &rest[..rest.len().min(*left)];
    let line = &window[..memchr(b'\r', window)?];
    let used = line.len() + 2;
    if window.get(line.len() + 1) != Some(&b'\n') {
        return None;
    }
    (*rest, *left) = (&rest[used..], *left - used);
    if line.is_empty() {
        return Some(("", ""));
    }
    let (name, value) = line.split_at(memchr(b':', line)?);
    let good = !name.is_empty()
        && name.iter().copied().all(is_token_byte)
        && value.iter().copied().all(is_text_byte);
    let text = |bytes| std::str::from_utf8(bytes).ok().filter(|_| good);
    Some((text(name)?, text(&value[1..])?.trim_matches(BLANKS)))
}

/// Codings that change nothing (RFC 2045 6.2).
fn is_identity(coding: &str) -> bool {
    let is = |name: &&str| coding.eq_ignore_ascii_case(name);
    ["7bit", "8bit", "binary"].iter().any(is)
}

/// A part's name, and that of its file (RFC 7578 4.2).
fn names(disposition: &str) -> Option<(Cow<'_, str>, Option<Cow<'_, str>>)> {
    let (mut name, mut filename) = (None, None);
    for parameter in parameters_of(disposition, "form-data")? {
        let (key, value) = parameter?;
        let twice = if key.eq_ignore_ascii_case("name") {
            name.replace(with_quotes(value)).is_some()
        } else if key.eq_ignore_ascii_case("filename") {
            filename.replace(with_quotes(value)).is_some()
        } else {
            false
        };
        if twice {
            return None;
        }
    }
    Some((name?, filename))
}

/// Quotes as browsers write them (HTML standard 4.10.21.8).
fn with_quotes(name: Cow<'_, str>) -> Cow<'_, str> {
    match name.contains("%22") {
        true => Cow::Owned(name.replace("%22", "\"")),
        false => name,
    }
}

const BLANKS: [char; 2] = [' ', '\t'];

/// What follows a value's first part, if that is `essence`.
fn parameters_of<'a>(value: &'a str, essence: &str) -> Option<Parameters<'a>> {
    let (first, rest) = value.split_at(value.find(';').unwrap_or(value.len()));
    let first = first.trim_matches(BLANKS);
    first
        .eq_ignore_ascii_case(essence)
        .then_some(Parameters(rest))
}

/// Parameters, each behind a `;` (RFC 9110 5.6.6), empty ones left out; `None` ends them: malformed.
struct Parameters<'a>(&'a str);

impl<'a> Iterator for Parameters<'a> {
    type Item = Option<(&'a str, Cow<'a, str>)>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = std::mem::take(&mut self.0).trim_start_matches(BLANKS);
        let from = rest.trim_start_matches([';', ' ', '\t']);
        if from.is_empty() {
            return None;
        }
        let parameter = rest.starts_with(';').then(|| parameter(from)).flatten();
        Some(parameter.map(|(name, value, behind)| {
            self.0 = behind;
            (name, value)
        }))
    }
}

/// Name, value, and what follows.
fn parameter(text: &str) -> Option<(&str, Cow<'_, str>, &str)> {
    let (name, value) = text.split_once('=')?;
    if name.is_empty() || !name.bytes().all(is_token_byte) {
        return None;
    }
    if let Some(quoted) = value.strip_prefix('"') {
        let (value, behind) = unquote(quoted)?;
        return Some((name, value, behind));
    }
    let (value, behind) = value.split_at(value.find(';').unwrap_or(value.len()));
    let value = value.trim_end_matches(BLANKS);
    let whole = !value.is_empty() && !value.contains([' ', '\t', '"']);
    whole.then_some((name, Cow::Borrowed(value), behind))
}

/// The text of a quoted string from behind its first quote, and what follows its last.
fn unquote(quoted: &str) -> Option<(Cow<'_, str>, &str)> {
    let bytes = quoted.as_bytes();
    let (mut text, mut copied, mut at) = (String::new(), 0, 0);
    loop {
        let found = at + memchr2(b'"', b'\\', &bytes[at..])?;
        match (bytes[found], bytes.get(found + 1)) {
            (b'"', _) => {
                let last = &quoted[copied..found];
                let value = match copied {
                    0 => Cow::Borrowed(last),
                    _ => Cow::Owned(text + last),
                };
                return Some((value, &quoted[found + 1..]));
            }
            (_, Some(b'"' | b'\\')) => {
                text.push_str(&quoted[copied..found]);
                (copied, at) = (found + 1, found + 2);
            }
            _ => at = found + 1,
        }
    }
}
