//! Socket.IO v5: packets, `<type>[<attachments>-][<namespace>,][<ack>][<json>]`.
//!
//! Rules:
//! - What the official parser refuses is refused, and some of what it lets pass by JavaScript's rules
//!   for numbers: counts and ids are digits. An event and an answer have data.
//! - Data is JSON of the shape that its type has: an object or nothing to connect, nothing to disconnect,
//!   an array else; that of an event begins with its name, a string that is not [reserved](RESERVED) or a
//!   number.
//! - A packet with attachments says how many messages of bytes follow it, one at least. Whatever stands
//!   for an attachment in its data has to be one of them.
//! - A namespace begins with a slash and ends before a comma; it is taken as it is written, a `?` is a
//!   part of it.
//! - Packets that only servers send are read, for whoever plays a client: the caller refuses them.

use std::io::Write;

use super::RESERVED;
use super::json::{Judge, Token, is_json, placeholders_fit, tokens, unquoted};
use crate::close::Reason;
use crate::limits::ATTACHMENTS_MAX;

/// What a packet is for; the number is its type on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum PacketKind {
    /// To a namespace.
    Connect,
    /// From a namespace.
    Disconnect,
    /// A name and arguments.
    Event,
    /// The answer to an event.
    Ack,
    /// The namespace is not to be had.
    ConnectError,
    /// An event with attachments.
    BinaryEvent,
    /// An answer with attachments.
    BinaryAck,
}

impl PacketKind {
    fn of(first: u8) -> Option<PacketKind> {
        Some(match first {
            b'0' => PacketKind::Connect,
            b'1' => PacketKind::Disconnect,
            b'2' => PacketKind::Event,
            b'3' => PacketKind::Ack,
            b'4' => PacketKind::ConnectError,
            b'5' => PacketKind::BinaryEvent,
            b'6' => PacketKind::BinaryAck,
            _ => return None,
        })
    }

    /// Whether messages of bytes follow it.
    pub const fn is_binary(self) -> bool {
        matches!(self, PacketKind::BinaryEvent | PacketKind::BinaryAck)
    }
}

/// A packet, without the bytes that follow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// What it is for.
    pub kind: PacketKind,
    /// How many messages of bytes follow it.
    pub attachments: usize,
    /// `/` where none is named.
    pub namespace: &'a str,
    /// Of an event, that an answer is waited for; of an answer, to what.
    pub ack: Option<u64>,
    /// JSON of the shape that the kind has. Events and answers always have some.
    pub data: Option<&'a str>,
}

/// Reads a packet from its text, without the `4` of Engine.IO in front.
///
/// # Errors
/// It is malformed, names a reserved event, or its attachments do not fit.
pub fn parse(text: &str) -> Result<Packet<'_>, Reason> {
    let first = text.as_bytes().first().copied();
    let kind = first.and_then(PacketKind::of).ok_or(Reason::BadPacket)?;
    let mut rest = &text[1..];
    let mut attachments = 0;
    if kind.is_binary() {
        let (count, behind) = rest.split_once('-').ok_or(Reason::BadPacket)?;
        attachments = attachments_of(count)?;
        rest = behind;
    }
    let mut namespace = "/";
    if rest.starts_with('/') {
        (namespace, rest) = rest.split_once(',').unwrap_or((rest, ""));
    }
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (id, data) = rest.split_at(digits);
    let ack = match id {
        "" => None,
        id => Some(id.parse().map_err(|_| Reason::BadPacket)?),
    };
    let data = (!data.is_empty()).then_some(data);
    check(kind, data, attachments)?;
    Ok(Packet {
        kind,
        attachments,
        namespace,
        ack,
        data,
    })
}

fn attachments_of(count: &str) -> Result<usize, Reason> {
    if count.is_empty() || !count.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Reason::BadPacket);
    }
    match count.parse() {
        Ok(count @ 1..=ATTACHMENTS_MAX) => Ok(count),
        _ => Err(Reason::BadAttachments),
    }
}

/// Whether data is what a packet of this kind has.
fn check(kind: PacketKind, data: Option<&str>, attachments: usize) -> Result<(), Reason> {
    let Some(json) = data else {
        let may_lack = matches!(kind, PacketKind::Connect | PacketKind::Disconnect);
        return may_lack.then_some(()).ok_or(Reason::BadPacket);
    };
    let begins = match kind {
        PacketKind::Connect => json.starts_with('{'),
        PacketKind::Disconnect => false,
        PacketKind::ConnectError => json.starts_with(['{', '"']),
        _ => json.starts_with('['),
    };
    if !begins || !is_json(json) {
        return Err(Reason::BadPacket);
    }
    if matches!(kind, PacketKind::Event | PacketKind::BinaryEvent) {
        check_name(json)?;
    }
    if kind.is_binary() && !placeholders_fit(json, attachments, Judge::Official) {
        return Err(Reason::BadAttachments);
    }
    Ok(())
}

/// Whether an array begins with the name of an event.
fn check_name(json: &str) -> Result<(), Reason> {
    let Some((_, Token::Word(word))) = tokens(json).nth(1) else {
        return Err(Reason::BadPacket);
    };
    if !word.starts_with(|first: char| first == '"' || first == '-' || first.is_ascii_digit()) {
        return Err(Reason::BadPacket);
    }
    match unquoted(word) {
        Some(name) if RESERVED.contains(&&*name) => Err(Reason::ReservedEvent),
        _ => Ok(()),
    }
}

/// Appends all of a packet but its data, and without the `4` of Engine.IO in front.
pub fn append_head(
    kind: PacketKind,
    attachments: usize,
    namespace: &str,
    ack: Option<u64>,
    out: &mut Vec<u8>,
) {
    debug_assert_eq!(kind.is_binary(), attachments > 0);
    out.push(b'0' + kind as u8);
    let mut append = |part: std::fmt::Arguments<'_>| {
        let written = out.write_fmt(part);
        debug_assert!(written.is_ok(), "a Vec takes all");
    };
    if kind.is_binary() {
        append(format_args!("{attachments}-"));
    }
    if namespace != "/" {
        append(format_args!("{namespace},"));
    }
    if let Some(id) = ack {
        append(format_args!("{id}"));
    }
}

#[cfg(test)]
mod tests;
