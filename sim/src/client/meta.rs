//! The subprotocol `ws+meta.nchan` from the client's side: the lines in front of a message, and what
//! is told of gaps, read without the server's code.

use crate::reader::Gap;

/// Its name.
pub const PROTOCOL: &str = "ws+meta.nchan";
/// What every id begins with.
const EPOCH: &str = "1700000000:";
/// The type of what is told of a gap.
pub const GAP: &str = "application/vnd.longwave.gap+json";

/// What a frame holds.
#[derive(Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// A message with its number.
    Message(u64, &'a [u8]),
    /// Messages that do not come.
    Gap(Gap),
}

/// What a client has learnt from ids.
#[derive(Debug, Default)]
pub struct Ids {
    /// The number of the last message got, or told to be just before a gap.
    last: u64,
    /// The number that the last gap said to come next, until it has.
    next: Option<u64>,
    /// Whether a gap came last.
    in_gap: bool,
    /// How many messages are missing, and how many had been got before.
    pub gaps: Vec<(usize, u64)>,
}

impl Ids {
    /// The next message came.
    pub fn message(&mut self, number: u64) -> Result<(), String> {
        if number <= self.last {
            return Err(format!("id {number} after {}", self.last));
        }
        if let Some(next) = self.next.take().filter(|next| *next != number) {
            return Err(format!("id {number} after a gap that said {next}"));
        }
        (self.last, self.in_gap) = (number, false);
        Ok(())
    }

    /// A gap was told, after `got` messages. `all`: of no message it is a publisher itself, so the
    /// last one got is the last one before the gap.
    pub fn gap(
        &mut self,
        after: u64,
        next: Option<u64>,
        missed: u64,
        got: usize,
        all: bool,
    ) -> Result<(), String> {
        let begins = match self.last {
            0 => true,
            last if all && !self.in_gap => after == last,
            last => after >= last,
        };
        let before = self.next.is_none_or(|next| after < next);
        if !begins || !before || missed == 0 || next.is_some_and(|next| next <= after) {
            return Err(format!(
                "a gap of {missed} after {after}, next {next:?}, behind {} and {:?}",
                self.last, self.next
            ));
        }
        (self.last, self.next, self.in_gap) = (after, next, true);
        self.gaps.push((got, missed));
        Ok(())
    }
}

/// Takes a frame's payload apart. `stale`: as in [`read_gap`].
pub fn read<'a>(text: bool, payload: &'a [u8], stale: Option<&str>) -> Result<Record<'a>, String> {
    let (id, rest) = line(payload)?;
    let id = id.strip_prefix("id: ").ok_or("no id")?;
    let id = match stale == Some(id) {
        true => 0,
        false => number(id)?,
    };
    let (second, rest) = line(rest)?;
    if second.is_empty() {
        return match text {
            true => Ok(Record::Message(id, rest)),
            false => Err("bytes without a type".into()),
        };
    }
    let content_type = second.strip_prefix("content-type: ");
    let content_type = content_type.ok_or_else(|| format!("a line {second:?}"))?;
    let (empty, rest) = line(rest)?;
    if !empty.is_empty() {
        return Err(format!("a line {empty:?}"));
    }
    if content_type != GAP {
        return Ok(Record::Message(id, rest));
    }
    let gap = read_gap(str::from_utf8(rest).map_err(|e| e.to_string())?, stale)?;
    if id != gap.after {
        return Err(format!("a gap of id {id} after {}", gap.after));
    }
    Ok(Record::Gap(gap))
}

/// What the JSON says that tells of a gap. `stale`: the id of another run that was resumed from, which
/// stands for the beginning of this one.
pub fn read_gap(json: &str, stale: Option<&str>) -> Result<Gap, String> {
    let fields = json
        .strip_prefix("{\"after\":\"")
        .and_then(|j| j.strip_suffix('}'));
    let (after, rest) = fields
        .and_then(|f| f.split_once("\",\"next\":"))
        .ok_or(json)?;
    let (next, missed) = rest.split_once(",\"missed\":").ok_or(json)?;
    let next = match next {
        "null" => None,
        text => Some(number(text.trim_matches('"'))?),
    };
    let after = match stale == Some(after) {
        true => 0,
        false => number(after)?,
    };
    let missed = match missed {
        "null" => None,
        count => Some(count.parse().map_err(|_| json)?),
    };
    Ok(Gap {
        after,
        next,
        missed,
    })
}

fn line(bytes: &[u8]) -> Result<(&str, &[u8]), String> {
    let end = bytes.iter().position(|b| *b == b'\n').ok_or("no line")?;
    let text = str::from_utf8(&bytes[..end]).map_err(|e| e.to_string())?;
    Ok((text, &bytes[end + 1..]))
}

/// The number in an id of this run.
pub fn number(id: &str) -> Result<u64, String> {
    let number = id.strip_prefix(EPOCH).and_then(|n| n.parse().ok());
    number.ok_or_else(|| format!("an id {id:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_and_nothing_else_is() {
        let read = |text, payload: &'static str| read(text, payload.as_bytes(), None);
        assert_eq!(
            read(true, "id: 1700000000:5\n\n\nx"),
            Ok(Record::Message(5, b"\nx"))
        );
        let typed = "id: 1700000000:5\ncontent-type: a/b\n\nx";
        assert_eq!(read(false, typed), Ok(Record::Message(5, b"x")));
        let gap = "id: 1700000000:5\ncontent-type: application/vnd.longwave.gap+json\n\n\
                   {\"after\":\"1700000000:5\",\"next\":null,\"missed\":3}";
        assert_eq!(
            read(true, gap),
            Ok(Record::Gap(Gap {
                after: 5,
                next: None,
                missed: Some(3)
            }))
        );
        for bad in ["", "x\n\n", "id: 1:5\n\n", "id: 1700000000:5\nx: y\n\n"] {
            assert!(read(true, bad).is_err(), "{bad:?}");
        }
        assert!(read(false, "id: 1700000000:5\n\nx").is_err());
    }

    #[test]
    fn gaps_have_to_fit_what_came_before_and_comes_after() {
        let mut ids = Ids::default();
        assert_eq!(ids.message(5), Ok(()));
        assert!(ids.message(5).is_err());
        assert!(ids.gap(6, None, 1, 1, true).is_err());
        assert!(ids.gap(5, None, 0, 1, true).is_err());
        assert_eq!(ids.gap(5, Some(9), 2, 1, true), Ok(()));
        assert!(ids.message(8).is_err());
        let mut ids = Ids::default();
        assert_eq!(ids.gap(3, Some(9), 2, 0, true), Ok(()));
        assert!(ids.gap(9, None, 2, 0, true).is_err());
        assert_eq!(ids.gap(8, Some(12), 2, 0, true), Ok(()));
        assert_eq!(ids.message(12), Ok(()));
        assert_eq!(ids.gaps, [(0, 2), (0, 2)]);
    }
}
