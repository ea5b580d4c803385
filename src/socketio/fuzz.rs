//! The body of a fuzz target: a plain function over bytes, run over a corpus by the tests and over
//! anything by a fuzzer. It panics when the code is wrong, never for what the bytes are.

use super::engine::SEPARATOR;
use super::json::{Judge, placeholders_fit};
use super::{
    EnginePacket, Packet, PacketKind, RESERVED, Said, Spoken, append_connect_error, append_head,
    append_message, append_polled, append_polled_binary, connect_of, name_and_args, parse, payload,
    say,
};
use crate::limits::{ATTACHMENTS_MAX, SAID_ATTACHMENTS_MAX};

/// What clients and publishers send. The first byte says what the others are: a polled payload, a packet
/// of Socket.IO, text or bytes of a publisher, or MessagePack.
pub fn fuzz_socketio(data: &[u8]) {
    let Some((&first, input)) = data.split_first() else {
        return;
    };
    let text = std::str::from_utf8(input);
    match (first % 5, text) {
        (0, Ok(text)) => fuzz_payload(text),
        (1, Ok(text)) => fuzz_packet(text),
        (2, Ok(text)) => fuzz_text(text),
        (3, _) => fuzz_bytes(input),
        (4, _) => fuzz_msgpack(input),
        _ => {}
    }
}

/// A payload, beside itself written anew.
fn fuzz_payload(body: &str) {
    let mut written = Vec::new();
    let mut packets = 0;
    for packet in payload(body) {
        packets += 1;
        match packet {
            Ok(EnginePacket::Message(text)) => {
                append_polled(b'4', text.as_bytes(), &mut written);
                fuzz_packet(text);
            }
            Ok(EnginePacket::Binary(bytes)) => append_polled_binary(&bytes, &mut written),
            Ok(EnginePacket::Ping(text)) => append_polled(b'2', text.as_bytes(), &mut written),
            Ok(EnginePacket::Pong(text)) => append_polled(b'3', text.as_bytes(), &mut written),
            Ok(EnginePacket::Close) => append_polled(b'1', b"", &mut written),
            Ok(EnginePacket::Upgrade) => append_polled(b'5', b"", &mut written),
            Ok(EnginePacket::Noop) => append_polled(b'6', b"", &mut written),
            Err(_) => return,
        }
    }
    assert_eq!(written.first(), Some(&SEPARATOR));
    let again = std::str::from_utf8(&written[1..]).expect("made of text");
    assert!(payload(body).eq(payload(again)), "{body:?} {again:?}");
    assert_eq!(payload(again).count(), packets);
}

/// A packet: what is let pass holds what its type promises, and an event comes back from its message.
fn fuzz_packet(text: &str) {
    let Ok(packet) = parse(text) else { return };
    let Packet {
        kind,
        attachments,
        namespace,
        ack,
        data,
    } = packet;
    assert!(namespace.starts_with('/') && !namespace.contains(','));
    assert_eq!(kind.is_binary(), attachments > 0);
    assert!(attachments <= ATTACHMENTS_MAX);
    let mut again = Vec::new();
    append_head(kind, attachments, namespace, ack, &mut again);
    again.extend_from_slice(data.unwrap_or_default().as_bytes());
    let again = String::from_utf8(again).expect("made of text");
    assert_eq!(parse(&again), Ok(packet), "{text:?} {again:?}");
    if let Some(data) = data {
        let value = serde_json::from_str::<serde::de::IgnoredAny>(data);
        assert!(value.is_ok(), "{data:?}");
        if matches!(kind, PacketKind::Event | PacketKind::BinaryEvent) {
            fuzz_event(data, attachments);
        }
    }
}

/// An event: it goes out as it came in, or as text.
fn fuzz_event(data: &str, attachments: usize) {
    let bytes: Vec<Vec<u8>> = (0..attachments).map(|n| vec![n as u8; n % 5]).collect();
    let mut message = Vec::new();
    append_message(data, &bytes, &mut message);
    let spoken = spoken_of(&message, false);
    let (name, args) = name_and_args(data);
    let packet = text_of(&spoken);
    let packet = parse(&packet[1..]).expect("what we say is well formed");
    let (said, said_args) = name_and_args(packet.data.expect("an event has data"));
    if packet.attachments == attachments && said_args == args {
        assert_eq!(said, name);
        assert!(spoken.attachments().eq(bytes.iter().map(Vec::as_slice)));
    } else {
        // Only what no client takes as an event goes out as text.
        assert_eq!((&*said, packet.attachments), ("message", 0));
        let text: String = serde_json::from_str(said_args).expect("one string");
        assert_eq!(text.as_bytes(), message);
        let fits = attachments == 0 || placeholders_fit(data, attachments, Judge::Everyone);
        assert!(
            attachments > SAID_ATTACHMENTS_MAX || !fits || data.len() > 512 || name.contains('\\'),
            "{data:?}"
        );
    }
}

/// Any text of a publisher.
fn fuzz_text(text: &str) {
    let spoken = spoken_of(text.as_bytes(), false);
    let packet = text_of(&spoken);
    let packet = parse(&packet[1..]).expect("what we say is well formed");
    assert_eq!(packet.namespace, "/news");
    assert_eq!(packet.attachments, spoken.attachments().count());
    assert!(packet.attachments <= SAID_ATTACHMENTS_MAX);
    let (name, args) = name_and_args(packet.data.expect("an event has data"));
    assert!(!RESERVED.contains(&&*name));
    if crate::event::parse(text.as_bytes()).is_none() {
        assert_eq!(
            serde_json::from_str::<String>(args).ok().as_deref(),
            Some(text)
        );
    }
    assert!(!spoken.text.contains(&SEPARATOR));
}

fn fuzz_bytes(bytes: &[u8]) {
    let spoken = spoken_of(bytes, true);
    assert!(spoken.attachments().eq([bytes]));
}

/// MessagePack, which is let pass or not; what we answer is not mistaken for a question.
fn fuzz_msgpack(bytes: &[u8]) {
    if let Some(namespace) = connect_of(bytes) {
        assert!(namespace.len() < bytes.len());
        let mut answer = Vec::new();
        append_connect_error(&namespace, "no", &mut answer);
        assert_eq!(connect_of(&answer), None);
    }
}

fn spoken_of(payload: &[u8], binary: bool) -> Spoken {
    let said = Said {
        id: "1:2",
        binary,
        event: None,
        payload,
    };
    let (mut spoken, mut with_id) = (Spoken::default(), Spoken::default());
    say(&said, "/news", false, &mut spoken);
    say(&said, "/news", true, &mut with_id);
    let (without, with_id) = (text_of(&spoken), text_of(&with_id));
    let open = without.strip_suffix(']').expect("an array");
    assert_eq!(with_id, format!("{open},\"1:2\"]"));
    spoken
}

fn text_of(spoken: &Spoken) -> &str {
    std::str::from_utf8(&spoken.text).expect("a packet is text")
}

#[cfg(test)]
mod tests;
