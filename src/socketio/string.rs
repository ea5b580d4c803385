//! Text as a string of JSON.
//!
//! Rule: control characters are escaped, so the string ends no packet of a payload. All other characters
//! stay as they are.

/// So many bytes are looked at together.
const BLOCK: usize = 32;

/// Appends text as a string, with its quotes.
pub fn append_string(text: &str, out: &mut Vec<u8>) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    let mut rest = text.as_bytes();
    loop {
        let (clean, behind) = rest.split_at(clean(rest));
        out.extend_from_slice(clean);
        let Some((&byte, behind)) = behind.split_first() else {
            break;
        };
        append_escape(byte, out);
        rest = behind;
    }
    out.push(b'"');
}

/// Whether a byte cannot stand in a string.
const fn is_escaped(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

/// How many bytes come before the first that cannot stand in a string.
fn clean(bytes: &[u8]) -> usize {
    // Without a way out of the inner loop, a block is a few instructions.
    let is_clean = |block: &&[u8]| {
        !block
            .iter()
            .fold(false, |any, &byte| any | is_escaped(byte))
    };
    let clean = BLOCK * bytes.chunks_exact(BLOCK).take_while(is_clean).count();
    let rest = bytes[clean..].iter().position(|&byte| is_escaped(byte));
    rest.map_or(bytes.len(), |at| clean + at)
}

fn append_escape(byte: u8, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        b'\x08' => b'b',
        b'\x0c' => b'f',
        _ => {
            let (high, low) = (
                DIGITS[usize::from(byte >> 4)],
                DIGITS[usize::from(byte & 15)],
            );
            return out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        append_string(text, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_character_is_written_as_serde_does_it_wherever_it_stands() {
        for before in [0, 1, BLOCK - 1, BLOCK, 3 * BLOCK] {
            for character in (0..=0x100u32).chain([0x2028, 0x1f600]) {
                let character = char::from_u32(character).unwrap();
                let text = format!("{}{character}{character}é", "x".repeat(before));
                assert_eq!(written(&text), serde_json::to_string(&text).unwrap());
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_is_written_as_serde_does_it(text in "(.|[x\"\\\\\n\u{1e}]){0,100}") {
            prop_assert_eq!(written(&text), serde_json::to_string(&text).unwrap());
        }
    }
}
