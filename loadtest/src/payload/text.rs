//! Payloads as text and as JSON, for servers and dialects that carry no bytes.
//!
//! Text is the mark `lw1:`, then 24 bytes as 32 letters of base64url, then words. JSON is
//! `{"proof":"lw1:` and those 32 letters, then a document of orders; it has no spaces, escapes or
//! fractions, so that a server that parses it and writes it again writes the same bytes. The 24 bytes
//! are what binary payloads begin with; the checksum is over the other 20 and over the rest.
//!
//! Such a payload is found inside what a server wrapped around it, because it tells itself where it
//! ends: text at the first quote or backslash, JSON at its last brace.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use memchr::{memchr2, memmem};

use super::{Form, HEADER_BYTES, Stamp, checksum};
use crate::random::Random;

const MARK: &[u8] = b"lw1:";
const OPEN: &[u8] = b"{\"proof\":\"lw1:";
/// The same inside a JSON string.
const OPEN_ESCAPED: &[u8] = b"{\\\"proof\\\":\\\"lw1:";
/// Letters of the header.
const LETTERS: usize = HEADER_BYTES / 3 * 4;
/// Letters of hexadecimal that differ from message to message.
const WORD: usize = 16;
const ID: &[u8] = b"\",\"id\":\"";
const NOTE: &[u8] = b"\",\"note\":\"";
const CLOSE: &[u8] = b"\"}";

/// The smallest text.
pub const TEXT_BYTES_MIN: usize = MARK.len() + LETTERS;
/// The smallest document.
pub const JSON_BYTES_MIN: usize = OPEN.len() + LETTERS + ID.len() + WORD + NOTE.len() + CLOSE.len();

const NAMES: [&str; 8] = [
    "lamp", "chair", "table", "carpet", "mirror", "bookcase", "curtain", "cushion",
];

/// A text of `size` bytes whose header is still empty.
pub fn text(size: usize, random: &mut Random) -> Vec<u8> {
    let mut text = MARK.to_vec();
    text.resize(TEXT_BYTES_MIN, b'-');
    text.resize(size.min(TEXT_BYTES_MIN + WORD), b'0');
    fill(&mut text, size, random);
    text
}

/// A document of `size` bytes whose header is still empty, and where its digits are.
pub fn json(size: usize, random: &mut Random) -> (Vec<u8>, Vec<usize>) {
    let mut json = OPEN.to_vec();
    json.resize(OPEN.len() + LETTERS, b'-');
    json.extend_from_slice(ID);
    json.resize(json.len() + WORD, b'0');
    let (first, last) = (b"\",\"items\":[", b"],\"note\":\"");
    let mut digits = Vec::new();
    let mut items = 0;
    loop {
        let item = item(random);
        let before: &[u8] = if items == 0 { first } else { b"," };
        if json.len() + before.len() + item.len() + last.len() + CLOSE.len() > size {
            break;
        }
        let start = json.len() + before.len();
        json.extend_from_slice(before);
        json.extend_from_slice(item.as_bytes());
        let is_digit = |at: &usize| json[*at].is_ascii_digit();
        digits.extend((start..json.len()).filter(is_digit));
        items += 1;
    }
    json.extend_from_slice(if items == 0 { NOTE } else { last });
    fill(&mut json, size - CLOSE.len(), random);
    json.extend_from_slice(CLOSE);
    (json, digits)
}

fn item(random: &mut Random) -> String {
    let name = NAMES[random.next_u64() as usize % NAMES.len()];
    let [number, quantity, price] = [9000, 9, 90_000].map(|n| random.next_u64() % n + n / 9);
    format!(
        "{{\"sku\":\"{name}-{number}\",\"name\":\"{name}\",\"quantity\":{},\"price\":{price},\"currency\":\"EUR\",\"available\":true}}",
        quantity.clamp(1, 9)
    )
}

/// Words up to `size` bytes.
fn fill(out: &mut Vec<u8>, size: usize, random: &mut Random) {
    while out.len() < size {
        let name = NAMES[random.next_u64() as usize % NAMES.len()];
        out.push(b' ');
        out.extend_from_slice(name.as_bytes());
    }
    out.truncate(size);
}

/// Puts a message's header into a text or document, and what makes its body differ from others'.
pub fn stamp(payload: &mut [u8], digits: &[usize], stamp: &Stamp) {
    let is_json = payload.starts_with(OPEN);
    let header = if is_json { OPEN } else { MARK }.len();
    let body = header + LETTERS;
    let word = body + if is_json { ID.len() } else { 0 };
    let hex = format!("{:016x}", stamp.word());
    for (to, from) in payload.iter_mut().skip(word).zip(hex.bytes()).take(WORD) {
        if *to != b'"' {
            *to = from;
        }
    }
    let mut random = Random::new(stamp.word());
    for at in digits {
        // From 1, because a number does not begin with 0.
        payload[*at] = b'1' + (random.next_u64() % 9) as u8;
    }
    let mut bytes = [0; HEADER_BYTES];
    bytes[4..].copy_from_slice(&stamp.bytes());
    let sum = sum(&bytes[4..], &payload[body..]);
    bytes[..4].copy_from_slice(&sum.to_le_bytes());
    let to = &mut payload[header..body];
    let written = URL_SAFE_NO_PAD.encode_slice(bytes, to);
    debug_assert_eq!(written, Ok(LETTERS));
}

/// A changed header changes the one, a changed body the other.
fn sum(header: &[u8], body: &[u8]) -> u32 {
    checksum(header) ^ checksum(body).rotate_left(7)
}

/// Reads a text or document back; `None` when it is none, or not whole and unharmed.
pub fn check(payload: &[u8]) -> Option<Stamp> {
    let rest = payload.strip_prefix(OPEN);
    let (letters, body) = rest
        .or_else(|| payload.strip_prefix(MARK))?
        .split_at_checked(LETTERS)?;
    let mut bytes = [0; HEADER_BYTES];
    let read = URL_SAFE_NO_PAD.decode_slice(letters, &mut bytes);
    read.ok().filter(|&n| n == HEADER_BYTES)?;
    let found = u32::from_le_bytes(*bytes.first_chunk()?);
    let header = &bytes[4..];
    (found == sum(header, body)).then(|| Stamp::read(header))?
}

/// The payload inside what a server wrapped around it; `None` when there is none.
pub fn find(form: Form, message: &[u8]) -> Option<Cow<'_, [u8]>> {
    match form {
        Form::Binary => Some(Cow::Borrowed(message)),
        Form::Text => {
            let from = &message[memmem::find(message, MARK)?..];
            let end = memchr2(b'"', b'\\', from).unwrap_or(from.len());
            Some(Cow::Borrowed(&from[..end]))
        }
        Form::Json => match memmem::find(message, OPEN) {
            Some(at) => Some(Cow::Borrowed(&message[at..at + document(&message[at..])])),
            None => {
                let from = &message[memmem::find(message, OPEN_ESCAPED)?..];
                let escaped = &from[..document(from)];
                let plain = escaped.iter().copied().filter(|b| *b != b'\\');
                Some(Cow::Owned(plain.collect()))
            }
        },
    }
}

/// Bytes of the document at the start of `bytes`. Its strings hold no braces.
fn document(bytes: &[u8]) -> usize {
    let mut depth = 0;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::super::Maker;
    use super::*;

    const FORMS: [Form; 2] = [Form::Text, Form::Json];

    #[test]
    fn a_message_reads_back_at_every_size() {
        for form in FORMS {
            for size in (form.least_bytes()..300).chain([1000, 16384]) {
                let mut maker = Maker::of(form, 9, size, 1);
                let bytes = maker.make(3, 70_000, u64::MAX).to_vec();
                assert_eq!(bytes.len(), size, "{form:?}");
                let stamp = super::super::check(&bytes).expect("it is whole");
                assert_eq!((stamp.run, stamp.publisher, stamp.sequence), (9, 3, 70_000));
                assert_eq!(stamp.intended_ns, u64::MAX);
            }
        }
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_found() {
        for form in FORMS {
            let bytes = Maker::of(form, 9, 400, 1).make(0, 1, 2).to_vec();
            for bit in 0..bytes.len() * 8 {
                let mut harmed = bytes.clone();
                harmed[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(super::super::check(&harmed), None, "{form:?} bit {bit}");
            }
            for n in 0..bytes.len() {
                assert_eq!(
                    super::super::check(&bytes[..n]),
                    None,
                    "{form:?} cut to {n}"
                );
            }
        }
    }

    #[test]
    fn bodies_differ_from_message_to_message() {
        for form in FORMS {
            let mut maker = Maker::of(form, 9, 500, 1);
            let mut first = maker.make(0, 1, 5).to_vec();
            let second = maker.make(0, 2, 5).to_vec();
            let body = OPEN.len() + LETTERS;
            first[body..].copy_from_slice(&second[body..]);
            assert_eq!(check(&first), None, "{form:?}");
        }
    }

    #[test]
    fn a_document_is_json_that_survives_being_parsed_and_compresses() {
        for size in [JSON_BYTES_MIN, 300, 16384] {
            let bytes = Maker::of(Form::Json, 9, size, 1).make(0, 1, 2).to_vec();
            let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
            assert_eq!(serde_json::to_vec(&value).unwrap(), bytes);
            if size > 250 {
                assert!(value["items"][0]["quantity"].as_u64() > Some(0));
            }
        }
    }

    #[test]
    fn payloads_are_found_inside_what_is_wrapped_around_them() {
        for form in FORMS {
            let payload = Maker::of(form, 9, 300, 1).make(0, 1, 2).to_vec();
            let text = String::from_utf8(payload.clone()).unwrap();
            let as_string = serde_json::to_string(&text).unwrap();
            let as_is = match form {
                Form::Json => text.clone(),
                _ => as_string.clone(),
            };
            for wrapped in [
                format!("{{\"a\":1,\"data\":{as_is},\"b\":{{}}}}"),
                format!("[\"x\",{as_string}]"),
                text.clone(),
            ] {
                let found = find(form, wrapped.as_bytes());
                assert_eq!(found.as_deref(), Some(&payload[..]), "{wrapped}");
            }
            assert_eq!(find(form, b"{\"subscribed\":true}"), None);
        }
    }
}
