//! UTF-8 (RFC 6455 8.1), whole or as it arrives.
//!
//! Rules: an error is reported with the first byte that no further byte can mend; a sequence cut
//! by the end of what is there is fine until the message is complete.

use crate::close::Reason;

/// Below this, to ask first whether it is all ASCII is cheaper than the general routines.
const SHORT: usize = 64;

#[inline]
fn short_ascii(bytes: &[u8]) -> bool {
    bytes.len() < SHORT && bytes.is_ascii()
}

/// How far a gathered text has been checked.
///
/// Invariant: `gathered[..checked]` is UTF-8 and at most three bytes behind it were looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Utf8 {
    checked: usize,
}

impl Utf8 {
    /// Checks what was added to `gathered`, the message's bytes so far, since the last call;
    /// `complete`: nothing more will be added.
    ///
    /// # Panics
    /// When `gathered` is shorter than what was checked.
    pub fn check(&mut self, gathered: &[u8], complete: bool) -> Result<(), Reason> {
        let added = &gathered[self.checked..];
        if short_ascii(added) {
            self.checked = gathered.len();
            return Ok(());
        }
        match simdutf8::compat::from_utf8(added) {
            Ok(_) => self.checked = gathered.len(),
            Err(e) if e.error_len().is_none() && !complete => self.checked += e.valid_up_to(),
            Err(_) => return Err(Reason::BadUtf8),
        }
        Ok(())
    }
}

/// Whether a whole payload is UTF-8.
#[inline]
pub fn valid(bytes: &[u8]) -> bool {
    short_ascii(bytes) || simdutf8::basic::from_utf8(bytes).is_ok()
}

#[cfg(test)]
mod tests;
