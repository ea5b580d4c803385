//! Ids of sessions and sockets: unguessable, and never given twice.
//!
//! They are SHA-1 over a secret of this run and a count. A private id, by which a socket takes up where
//! it was, is such an id with a seal: it is known again without being remembered.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha1::{Digest, Sha1};

/// Characters of an id: 120 bits.
const ID_CHARS: usize = 20;
/// Characters of a seal: 48 bits, for somebody who asks over the network.
const SEAL_CHARS: usize = 8;

/// An id of a session or a socket.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sid([u8; ID_CHARS]);

impl Sid {
    /// As text.
    pub fn as_str(&self) -> &str {
        // It is made of ASCII.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// As one number, by which ids are told apart well enough where nobody can choose them.
    pub fn word(self) -> u64 {
        let mut word = [0; 8];
        word.copy_from_slice(&self.0[..8]);
        u64::from_be_bytes(word)
    }

    /// What may be an id.
    pub fn parse(text: &str) -> Option<Sid> {
        text.as_bytes().try_into().ok().map(Sid)
    }
}

impl fmt::Debug for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Makes ids.
#[derive(Default)]
pub struct Ids {
    secret: [u8; 32],
    count: u64,
}

impl fmt::Debug for Ids {
    /// Not the secret, which must not get into a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ids").field("count", &self.count).finish()
    }
}

impl Ids {
    /// From now on ids are made with this secret.
    pub fn seed(&mut self, secret: [u8; 32]) {
        self.secret = secret;
    }

    /// An id that was never given before.
    pub fn make(&mut self) -> Sid {
        self.count += 1;
        self.hashed("id", &[&self.count.to_be_bytes()])
    }

    /// A private id for a socket that comes to a namespace when the newest message has this number; and
    /// the socket's own id.
    pub fn make_private(&mut self, namespace: &str, newest: u64) -> (String, Sid) {
        let id = self.make();
        let seal = self.seal(id, namespace, newest);
        let private = format!("{}{}{newest}", id.as_str(), &seal.as_str()[..SEAL_CHARS]);
        (private, self.hashed("socket", &[&id.0]))
    }

    /// The socket that a private id belongs to, and the number that was the newest when it came; `None`:
    /// it was not given in this run, or for another namespace.
    pub fn socket_of(&self, private: &str, namespace: &str) -> Option<(Sid, u64)> {
        let (id, rest) = private.split_at_checked(ID_CHARS)?;
        let (seal, newest) = rest.split_at_checked(SEAL_CHARS)?;
        let (id, newest) = (Sid::parse(id)?, newest.parse().ok()?);
        let right = self.seal(id, namespace, newest);
        // The time this takes must not tell how much of a guess was right.
        let pairs = seal.bytes().zip(right.0);
        let differ = pairs.fold(0, |d, (a, b)| d | (a ^ b));
        (differ == 0).then(|| (self.hashed("socket", &[&id.0]), newest))
    }

    fn seal(&self, id: Sid, namespace: &str, newest: u64) -> Sid {
        let newest = newest.to_be_bytes();
        self.hashed("seal", &[&id.0, &newest, namespace.as_bytes()])
    }

    fn hashed(&self, what: &str, parts: &[&[u8]]) -> Sid {
        let mut hash = Sha1::new();
        hash.update(self.secret);
        hash.update(what);
        for part in parts {
            hash.update(part);
        }
        let text = URL_SAFE_NO_PAD.encode(hash.finalize());
        Sid::parse(&text[..ID_CHARS]).unwrap_or(Sid([b'-'; ID_CHARS]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_and_depend_on_the_secret() {
        let (mut one, mut two) = (Ids::default(), Ids::default());
        two.seed([1; 32]);
        let ids = [one.make(), one.make(), two.make()];
        assert!(ids[0] != ids[1] && ids[0] != ids[2]);
        assert!(ids.iter().all(|id| id.as_str().len() == ID_CHARS));
        assert!(!format!("{two:?}").contains("1, 1"));
    }

    #[test]
    fn a_private_id_is_known_again_in_its_namespace_only() {
        let mut ids = Ids::default();
        let (private, socket) = ids.make_private("/news", 7);
        assert_eq!(ids.socket_of(&private, "/news"), Some((socket, 7)));
        assert_eq!(ids.socket_of(&private, "/"), None);
        assert!(!private.contains(socket.as_str()));
        let mut forged = private.clone();
        let other = if private.starts_with('A') { "B" } else { "A" };
        forged.replace_range(0..1, other);
        let later = format!("{private}0");
        for bad in [
            "",
            "x",
            &forged,
            &private[..27],
            &private[..28],
            &later,
            "ä",
        ] {
            assert_eq!(ids.socket_of(bad, "/news"), None, "{bad}");
        }
        let mut restarted = Ids::default();
        restarted.seed([9; 32]);
        assert_eq!(restarted.socket_of(&private, "/news"), None);
    }
}
