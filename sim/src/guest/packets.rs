//! Socket.IO v5 from the client's side, written for the oracle alone: the server's packets taken apart.

use super::json;

/// What a packet of the server says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// The namespace is joined: the sid, and the pid where there is recovery.
    Connected(String, Option<String>),
    /// The namespace is left.
    Disconnected,
    /// The namespace is not to be had, and why.
    Refused(String),
    /// An event with so many attachments: the elements of its array.
    Event(usize, Vec<String>),
    /// The answer to the event of this number: what it holds.
    Ack(u64, Vec<String>),
}

/// Takes a message apart: its namespace and what it says.
pub fn read(text: &str) -> Result<(String, Said), String> {
    let bad = |why: &str| format!("{why}: a message {:?}", text.get(..80).unwrap_or(text));
    let kind = text.bytes().next().ok_or_else(|| bad("empty"))?;
    let mut rest = &text[1..];
    let mut attachments = 0;
    if kind == b'5' {
        let (count, behind) = rest.split_once('-').ok_or_else(|| bad("no count"))?;
        attachments = count.parse().map_err(|_| bad("a count"))?;
        rest = behind;
        if attachments == 0 {
            return Err(bad("no attachments"));
        }
    }
    let mut namespace = "/";
    if rest.starts_with('/') {
        (namespace, rest) = rest.split_once(',').ok_or_else(|| bad("no namespace"))?;
    }
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let number: Option<u64> = match digits {
        0 => None,
        _ => Some(rest[..digits].parse().map_err(|_| bad("a number"))?),
    };
    let said = said(kind, attachments, number, &rest[digits..]).map_err(|e| bad(&e))?;
    Ok((namespace.to_owned(), said))
}

fn said(kind: u8, attachments: usize, number: Option<u64>, data: &str) -> Result<Said, String> {
    let list = |data| -> Result<Vec<String>, String> {
        let elements = json::elements(data)?;
        Ok(elements.into_iter().map(Into::into).collect())
    };
    let said = match (kind, number) {
        (b'0', None) => {
            let (sid, pid) = connected(data)?;
            Said::Connected(sid, pid)
        }
        (b'1', None) if data.is_empty() => Said::Disconnected,
        (b'2' | b'5', None) => Said::Event(attachments, list(data)?),
        (b'3', Some(number)) => Said::Ack(number, list(data)?),
        (b'4', None) => Said::Refused(refused(data)?),
        _ => return Err("unknown, or with a number where none belongs".into()),
    };
    Ok(said)
}

fn connected(data: &str) -> Result<(String, Option<String>), String> {
    let (mut sid, mut pid) = (None, None);
    for (name, value) in json::members(data)? {
        let value = Some(json::string(value)?);
        match name.as_str() {
            "sid" => sid = value,
            "pid" => pid = value,
            _ => return Err(format!("a member {name:?}")),
        }
    }
    Ok((sid.ok_or("no sid")?, pid))
}

fn refused(data: &str) -> Result<String, String> {
    match &json::members(data)?[..] {
        [(name, value), ..] if name == "message" => json::string(value),
        _ => Err("no message".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_of_every_kind() {
        let read = |text| read(text).unwrap();
        let red = "/red".to_owned();
        let one = |text: &str| vec![text.to_owned()];
        assert_eq!(
            read(r#"0/red,{"sid":"x","pid":"y"}"#),
            (red.clone(), Said::Connected("x".into(), Some("y".into())))
        );
        assert_eq!(read(r#"0{"sid":"x"}"#).0, "/");
        assert_eq!(read("1/red,"), (red.clone(), Said::Disconnected));
        assert_eq!(
            read(r#"2/red,["a"]"#),
            (red.clone(), Said::Event(0, one("\"a\"")))
        );
        assert_eq!(
            read(r#"52-["a"]"#),
            ("/".into(), Said::Event(2, one("\"a\"")))
        );
        assert_eq!(read("3/red,12[7]"), (red.clone(), Said::Ack(12, one("7"))));
        let why = Said::Refused("Invalid namespace".into());
        assert_eq!(read(r#"4/red,{"message":"Invalid namespace"}"#), (red, why));
    }

    #[test]
    fn what_is_no_packet_of_a_server() {
        for bad in [
            "",
            "9",
            "0",
            "0{}",
            "2",
            "2{}",
            "21[\"a\"]",
            "3[1]",
            "50-[\"a\"]",
            "5[\"a\"]",
            "2/red",
            "4{}",
        ] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }
}
