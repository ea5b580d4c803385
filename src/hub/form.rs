//! Wire forms: what a message looks like to those who take it in that form, and the one place that
//! makes it so.

use crate::buf::{Log, Pool};
use crate::ws::{self, Kind};

/// How messages are encoded for a member. Closed: nothing that a client sends is part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// WebSocket frames (RFC 6455).
    Plain,
    /// WebSocket frames, compressed where that pays (RFC 7692), for those who agreed to a window of
    /// so many bits: 9 to 15.
    Deflated(u8),
}

/// Appends a message to the log of any form but [`Form::Plain`], whose bytes go into its log as
/// they come. Text is UTF-8: this cannot fail.
pub(super) fn encode(
    form: Form,
    kind: Kind,
    payload: &[u8],
    origin: u64,
    log: &mut Log,
    pool: &mut Pool,
) {
    match form {
        // A message may always go uncompressed (RFC 7692 6).
        Form::Plain | Form::Deflated(_) => frame(kind, &[], payload, origin, log, pool),
    }
}

/// Appends one frame whose payload is `head`, then `payload`.
fn frame(kind: Kind, head: &[u8], payload: &[u8], origin: u64, log: &mut Log, pool: &mut Pool) {
    let mut header = [0; ws::HEADER_ROOM];
    let len = head.len() + payload.len();
    let header_len = ws::encode_header(&mut header, kind.opcode(), len);
    let room = log.reserve(header_len + len, pool);
    let (front, rest) = room.split_at_mut(header_len);
    front.copy_from_slice(&header[..header_len]);
    rest[..head.len()].copy_from_slice(head);
    rest[head.len()..].copy_from_slice(payload);
    log.commit(header_len + len, origin);
}
