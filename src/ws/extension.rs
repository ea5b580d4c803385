//! Negotiating permessage-deflate (RFC 7692 7.1), as a function of `Sec-WebSocket-Extensions`.
//!
//! Rules:
//! - Offers are taken in the client's order, over all header lines; the first that can be kept by
//!   the letter wins. One with an unknown, repeated or malformed parameter is declined, and the
//!   next is looked at; so is everything that is no extension at all.
//! - Both sides begin every message with an empty window, asked or not (7.1.1): the answer says so,
//!   and a connection owns no window.
//! - A window that the client asks of the server is granted as asked (7.1.2.1). What the client
//!   says of its own window needs no answer: we inflate with the largest (7.1.2.2).

use super::list::{self, trim};

/// The extension's name (RFC 7692 7).
const NAME: &[u8] = b"permessage-deflate";

/// permessage-deflate as it was agreed upon.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Deflate {
    /// `server_max_window_bits` of the offer, 8 to 15; `None`: it was not named.
    server_max_window_bits: Option<u8>,
}

impl Deflate {
    /// The window to compress with, in bits, 9 to 15. `None`: messages go to this client as they
    /// are, since no library compresses with the window of 8 bits that it asked for.
    pub fn window_bits(self) -> Option<u8> {
        match self.server_max_window_bits {
            Some(8) => None,
            Some(bits) => Some(bits),
            None => Some(15),
        }
    }

    /// Appends the value that answers the offer.
    pub fn append_answer(self, out: &mut Vec<u8>) {
        out.extend_from_slice(NAME);
        out.extend_from_slice(b"; server_no_context_takeover; client_no_context_takeover");
        if let Some(bits) = self.server_max_window_bits {
            out.extend_from_slice(format!("; server_max_window_bits={bits}").as_bytes());
        }
    }
}

/// The first offer of one header line that can be kept.
pub fn choose(line: &[u8]) -> Option<Deflate> {
    list::split(line, b',').find_map(accept)
}

/// What is agreed upon if this offer is taken; `None`: it is declined.
fn accept(offer: &[u8]) -> Option<Deflate> {
    let mut parts = list::split(offer, b';');
    if trim(parts.next()?) != NAME {
        return None;
    }
    let mut seen = 0;
    let mut deflate = Deflate::default();
    for part in parts {
        let (parameter, value) = parameter(part)?;
        let (bit, fits) = match parameter {
            b"server_no_context_takeover" => (1, value.is_none()),
            b"client_no_context_takeover" => (2, value.is_none()),
            b"client_max_window_bits" => (4, value.is_none_or(|v| window_bits(&v).is_some())),
            b"server_max_window_bits" => {
                deflate.server_max_window_bits = value.as_deref().and_then(window_bits);
                (8, deflate.server_max_window_bits.is_some())
            }
            _ => return None,
        };
        if !fits || seen & bit != 0 {
            return None;
        }
        seen |= bit;
    }
    Some(deflate)
}

/// A parameter's name, and its value without quotes (RFC 6455 9.1).
fn parameter(part: &[u8]) -> Option<(&[u8], Option<Vec<u8>>)> {
    let Some(equals) = part.iter().position(|&b| b == b'=') else {
        return Some((trim(part), None));
    };
    let value = list::unquote(trim(&part[equals + 1..]))?;
    Some((trim(&part[..equals]), Some(value)))
}

/// 8 to 15, without leading zeros (RFC 7692 7.1.2).
fn window_bits(value: &[u8]) -> Option<u8> {
    match value {
        [b'8'] => Some(8),
        [b'9'] => Some(9),
        [b'1', digit @ b'0'..=b'5'] => Some(10 + digit - b'0'),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
