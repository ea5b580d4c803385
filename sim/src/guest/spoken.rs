//! How a message sounds as an event, and an event as a message: the oracle's own reading of the rules.
//!
//! An event `["a",1]` is the text `{"name":"a","data":[1]}`, with its attachments as base64 behind it.
//! Such a text is that event; any other message is the event `message` with what it holds. A key names
//! an event whatever way its strings are escaped.

use super::engine::append_base64;
use super::json;
use crate::rng::{Rng, digest};

/// Names of events; none of them is that of a message without one.
pub const NAMES: [&str; 4] = ["msg", "say it", "ärger", "x"];
/// Bytes by which [`named`] makes a text longer, at most.
pub const NAMED_BYTES_MAX: usize = 200;

/// An argument as it counts for the key.
enum Argument<'a> {
    Text(&'a str),
    Json(&'a str),
}

/// What stands for the first attachment.
const FIRST: &str = "{\"_placeholder\":true,\"num\":0}";

fn append(bytes: &mut Vec<u8>, argument: Argument<'_>) -> Result<(), String> {
    match argument {
        Argument::Json(json) if json.starts_with('"') => {
            return append(bytes, Argument::Text(&json::string(json)?));
        }
        Argument::Json(json) => {
            bytes.extend(b"\0j");
            bytes.extend(json.bytes());
        }
        Argument::Text(text) => {
            bytes.extend(b"\0t");
            bytes.extend(text.bytes());
        }
    }
    Ok(())
}

fn append_attachment(bytes: &mut Vec<u8>, attachment: &[u8]) {
    bytes.extend(b"\0b");
    bytes.extend(attachment.len().to_le_bytes());
    bytes.extend(attachment);
}

/// The key of an event: its name and arguments as JSON, and its attachments.
pub fn key(name: &str, arguments: &[String], attachments: &[Vec<u8>]) -> Result<u64, String> {
    let mut bytes = name.as_bytes().to_vec();
    for argument in arguments {
        append(&mut bytes, Argument::Json(argument))?;
    }
    attachments
        .iter()
        .for_each(|a| append_attachment(&mut bytes, a));
    Ok(digest(true, &bytes))
}

/// The key of the event that a message is heard as.
pub fn key_of(text: bool, payload: &[u8]) -> u64 {
    if let Some(key) = str::from_utf8(payload)
        .ok()
        .filter(|_| text)
        .and_then(key_of_form)
    {
        return key;
    }
    let mut bytes = b"message".to_vec();
    match str::from_utf8(payload).ok().filter(|_| text) {
        Some(text) => append(&mut bytes, Argument::Text(text)).expect("nothing to decode"),
        None => {
            append(&mut bytes, Argument::Json(FIRST)).expect("nothing to decode");
            append_attachment(&mut bytes, payload);
        }
    }
    digest(true, &bytes)
}

fn key_of_form(text: &str) -> Option<u64> {
    let members = json::members(text).ok()?;
    let [name, data, more @ ..] = &members[..] else {
        return None;
    };
    if (name.0.as_str(), data.0.as_str()) != ("name", "data") {
        return None;
    }
    let arguments = match data.1.starts_with('[') {
        true => json::elements(data.1).ok()?,
        false => vec![data.1],
    };
    let arguments: Vec<String> = arguments.into_iter().map(Into::into).collect();
    let mut attachments = Vec::new();
    for (_, list) in more {
        for one in json::elements(list).ok()? {
            attachments.push(crate::reader::sse::base64(&json::string(one).ok()?).ok()?);
        }
    }
    key(&json::string(name.1).ok()?, &arguments, &attachments).ok()
}

/// What a text of the form calls itself.
pub fn name_of(text: &str) -> Option<String> {
    let members = json::members(text).ok()?;
    match &members[..] {
        [(name, value), (data, _), ..] if (&**name, &**data) == ("name", "data") => {
            json::string(value).ok()
        }
        _ => None,
    }
}

/// A text that is an event, and calls itself so; `text` needs no escapes.
pub fn named(text: &str, rng: &mut Rng) -> String {
    let name = *rng.pick(&NAMES);
    match rng.below(3) {
        0 => format!("{{\"name\":\"{name}\",\"data\":\"{text}\"}}"),
        1 => form(name, &format!("\"{text}\",-0.50,[]"), &[]),
        _ => {
            let attachments = [vec![0; rng.between(0, 5)], b"two".to_vec()];
            let places =
                "{\"b\":{\"_placeholder\":true,\"num\":1}},{\"_placeholder\":true,\"num\":0}";
            form(name, &format!("\"{text}\",{places}"), &attachments)
        }
    }
}

/// The text that an event is on other transports; `arguments` is what stands between the brackets.
pub fn form(name: &str, arguments: &str, attachments: &[Vec<u8>]) -> String {
    let mut out = format!("{{\"name\":\"{name}\",\"data\":[{arguments}]").into_bytes();
    for (at, attachment) in attachments.iter().enumerate() {
        out.extend(if at == 0 {
            &b",\"attachments\":[\""[..]
        } else {
            b",\""
        });
        append_base64(&mut out, attachment);
        out.push(b'"');
    }
    out.extend(if attachments.is_empty() {
        &b"}"[..]
    } else {
        b"]}"
    });
    String::from_utf8(out).expect("made of text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_and_its_event_have_one_key() {
        let args = |list: &[&str]| list.iter().map(|a| a.to_string()).collect::<Vec<_>>();
        let plain = key("message", &args(&["\"a\\u0062\\n\""]), &[]).unwrap();
        assert_eq!(key_of(true, b"ab\n"), plain);
        assert_ne!(key_of(false, b"ab\n"), plain);
        let bytes = key("message", &args(&[FIRST]), &[b"ab\n".to_vec()]).unwrap();
        assert_eq!(key_of(false, b"ab\n"), bytes);
        let attachments = [vec![1, 2], vec![]];
        let event = key("é", &args(&["1", "[2,{}]", FIRST]), &attachments).unwrap();
        let text = form("é", &format!("1,[2,{{}}],{FIRST}"), &attachments);
        assert!(text.ends_with(r#","attachments":["AQI=",""]}"#), "{text}");
        assert_eq!(key_of(true, text.as_bytes()), event);
        let one = key("é", &args(&["\"x\""]), &[]).unwrap();
        assert_eq!(key_of(true, r#"{"name":"é","data":"x"}"#.as_bytes()), one);
        assert_ne!(one, event);
    }
}
