//! Packets of Engine.IO 4 and, inside its messages, Socket.IO 5 (the protocol documents of
//! socket.io, "Engine.IO protocol" and "Socket.IO protocol", revision 5).
//!
//! As text: `0{…}` opens, `2` pings, `3` answers it, `4` carries a Socket.IO packet: `40` connect,
//! `41` disconnect, `42` event, `44` refused, `451-` event with one binary attachment, which follows
//! as a binary message. A namespace other than `/` is written before the rest: `42/name,[…]`.

use crate::payload::Form;

/// Answers a ping.
pub const PONG: &str = "3";

/// What a text message of the server's is.
#[derive(Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// Engine.IO is open: join a namespace.
    Open,
    /// To be answered.
    Ping,
    /// The namespace is joined.
    Connected,
    /// The namespace is not to be had.
    Refused(String),
    /// The server ends it.
    Disconnected,
    /// An event with this argument; a string without its quotes.
    Event(&'a [u8]),
    /// An event whose argument follows as a binary message.
    Attached,
    /// Anything else: other events, other namespaces, acknowledgements.
    Other,
}

/// Asks to join a namespace.
pub fn connect(namespace: &str) -> String {
    format!("40{}", prefix(namespace))
}

fn prefix(namespace: &str) -> String {
    match namespace {
        "/" => String::new(),
        other => format!("{other},"),
    }
}

/// An event with one argument: the payload as a string or as JSON; for a binary payload what goes
/// before it.
pub fn event(namespace: &str, event: &str, form: Form, payload: &[u8]) -> Vec<u8> {
    let kind = if form == Form::Binary { "451-" } else { "42" };
    let start = format!("{kind}{}[\"{event}\",", prefix(namespace));
    let mut packet = start.into_bytes();
    match form {
        Form::Binary => packet.extend_from_slice(b"{\"_placeholder\":true,\"num\":0}"),
        Form::Json => packet.extend_from_slice(payload),
        Form::Text => {
            packet.push(b'"');
            packet.extend_from_slice(payload);
            packet.push(b'"');
        }
    }
    packet.push(b']');
    packet
}

/// Reads a text message; events by other names and of other namespaces are [`Packet::Other`].
pub fn packet<'a>(message: &'a [u8], namespace: &str, event: &str) -> Packet<'a> {
    let (kind, rest) = match message {
        [b'0', ..] => return Packet::Open,
        [b'2'] => return Packet::Ping,
        [b'4', kind, rest @ ..] => (kind, rest),
        _ => return Packet::Other,
    };
    let (attachments, rest) = match kind {
        b'5' => match rest.strip_prefix(b"1-") {
            Some(rest) => (true, rest),
            None => return Packet::Other,
        },
        _ => (false, rest),
    };
    let Some(rest) = inside(rest, namespace) else {
        return Packet::Other;
    };
    match kind {
        b'0' => Packet::Connected,
        b'1' => Packet::Disconnected,
        b'4' => Packet::Refused(format!(
            "Socket.IO refused {namespace}: {}",
            String::from_utf8_lossy(rest)
        )),
        b'2' | b'5' => match argument(rest, event) {
            Some(_) if attachments => Packet::Attached,
            Some(argument) => Packet::Event(argument),
            None => Packet::Other,
        },
        _ => Packet::Other,
    }
}

/// What is behind the namespace, if it is this one.
fn inside<'a>(rest: &'a [u8], namespace: &str) -> Option<&'a [u8]> {
    match (rest.first(), namespace) {
        (Some(b'/'), "/") => None,
        (_, "/") => Some(rest),
        _ => {
            let rest = rest.strip_prefix(namespace.as_bytes())?;
            // A disconnect may leave the comma out.
            Some(rest.strip_prefix(b",").unwrap_or(rest))
        }
    }
}

/// The only argument of `["event",argument]`, a string without its quotes.
fn argument<'a>(rest: &'a [u8], event: &str) -> Option<&'a [u8]> {
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    let rest = rest[digits..].strip_prefix(b"[\"")?;
    let rest = rest.strip_prefix(event.as_bytes())?.strip_prefix(b"\",")?;
    let argument = rest.strip_suffix(b"]")?;
    let string = argument.strip_prefix(b"\"");
    Some(
        string
            .and_then(|s| s.strip_suffix(b"\""))
            .unwrap_or(argument),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_of_a_server() {
        let main = |text: &'static str| packet(text.as_bytes(), "/", "message");
        assert_eq!(
            main("0{\"sid\":\"x\",\"pingInterval\":25000}"),
            Packet::Open
        );
        assert_eq!(main("2"), Packet::Ping);
        assert_eq!(main("40{\"sid\":\"y\"}"), Packet::Connected);
        assert_eq!(main("41"), Packet::Disconnected);
        assert_eq!(main("42[\"message\",\"abc\"]"), Packet::Event(b"abc"));
        assert_eq!(
            main("4217[\"message\",{\"a\":[1]}]"),
            Packet::Event(b"{\"a\":[1]}")
        );
        let attached = "451-[\"message\",{\"_placeholder\":true,\"num\":0}]";
        assert_eq!(main(attached), Packet::Attached);
        let refused = Packet::Refused("Socket.IO refused /: {\"message\":\"no\"}".to_owned());
        assert_eq!(main("44{\"message\":\"no\"}"), refused);
        for other in [
            "",
            "6",
            "42[\"messages\",1]",
            "42/a,[\"message\",1]",
            "430[1]",
            "452-[\"message\",1]",
        ] {
            assert_eq!(main(other), Packet::Other, "{other}");
        }
    }

    #[test]
    fn another_namespace() {
        let of = |text: &'static str| packet(text.as_bytes(), "/room", "news");
        assert_eq!(connect("/room"), "40/room,");
        assert_eq!(of("40/room,{\"sid\":\"y\"}"), Packet::Connected);
        assert_eq!(of("41/room"), Packet::Disconnected);
        assert_eq!(of("42/room,[\"news\",1]"), Packet::Event(b"1"));
        assert_eq!(of("42[\"news\",1]"), Packet::Other);
    }

    #[test]
    fn what_we_send_is_what_we_would_read() {
        for (form, payload) in [(Form::Text, "abc"), (Form::Json, "{\"a\":1}")] {
            for namespace in ["/", "/room"] {
                let sent = event(namespace, "message", form, payload.as_bytes());
                let read = packet(&sent, namespace, "message");
                assert_eq!(read, Packet::Event(payload.as_bytes()));
            }
        }
        let sent = event("/", "message", Form::Binary, b"\x00");
        assert_eq!(packet(&sent, "/", "message"), Packet::Attached);
    }
}
