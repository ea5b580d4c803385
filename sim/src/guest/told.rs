//! What a session is told by Socket.IO: whether it was right, and what follows from it.

use super::packets::Said;
use super::session::{Building, Room, Session};
use super::stay::Stay;
use super::{Around, json, spoken};
use crate::client::meta::number;
use crate::ledger::Fate;

/// Names that no event may have: a client that hears one ends its connection.
const RESERVED: [&str; 6] = [
    "connect",
    "connect_error",
    "disconnect",
    "disconnecting",
    "newListener",
    "removeListener",
];

impl Session {
    pub(super) fn said(
        &mut self,
        namespace: &str,
        said: Said,
        stays: &mut Vec<Stay>,
        around: &mut Around<'_>,
    ) -> Result<(), String> {
        let Some(channel) = around.terms.channel(namespace) else {
            return match said {
                Said::Refused(why) if why == "Invalid namespace" => Ok(()),
                said => Err(format!("{said:?} in {namespace}")),
            };
        };
        match said {
            Said::Connected(sid, pid) => self.connected(channel, sid, pid, stays, around),
            Said::Refused(_) if around.is_short() => {
                self.rooms[channel] = Room::Out;
                Ok(())
            }
            Said::Event(0, elements) => {
                let whole = Building {
                    channel,
                    elements,
                    wanted: 0,
                    attachments: Vec::new(),
                };
                self.event(whole, stays, around)
            }
            Said::Event(wanted, elements) => {
                self.building = Some(Building {
                    channel,
                    elements,
                    wanted,
                    attachments: Vec::new(),
                });
                Ok(())
            }
            Said::Ack(number, elements) => self.acked(channel, number, &elements, around),
            said => Err(format!("{said:?} in {namespace}")),
        }
    }

    fn acked(
        &mut self,
        channel: usize,
        number: u64,
        elements: &[String],
        around: &mut Around<'_>,
    ) -> Result<(), String> {
        let Some((asked, id)) = self.asks.remove(&number) else {
            if number <= self.forgotten {
                return Ok(());
            }
            return Err(format!("the answer {number} to nothing asked, or twice"));
        };
        // The witness is always there.
        let count: Option<u64> = match elements {
            [one] => one.parse().ok(),
            _ => None,
        };
        if asked != channel || !count.is_some_and(|n| (1..1000).contains(&n)) {
            return Err(format!("the answer {number} in {channel}: {elements:?}"));
        }
        around.ledger.settle(id, Fate::Accepted)
    }

    fn connected(
        &mut self,
        channel: usize,
        sid: String,
        pid: Option<String>,
        stays: &mut Vec<Stay>,
        around: &mut Around<'_>,
    ) -> Result<(), String> {
        if pid.is_some() != around.terms.recovery || sid == self.sid {
            return Err(format!("connected as {sid} with {pid:?}"));
        }
        let Room::Asked {
            not_before,
            resumes,
            early,
            again,
        } = std::mem::replace(&mut self.rooms[channel], Room::Out)
        else {
            return Err("connected without having asked".into());
        };
        let recovered = resumes.filter(|&at| stays[at].pid == pid);
        match recovered {
            Some(at) => {
                if stays[at].sid != sid {
                    return Err(format!("recovered as another: {sid}"));
                }
                stays[at].publishers.push(self.publisher);
                for (digest, number) in early {
                    stays[at].came(digest, number)?;
                }
                *around.recovered += 1;
                self.rooms[channel] = Room::In(at);
            }
            None if early.is_empty() || again => {
                stays.push(Stay {
                    channel,
                    publishers: vec![self.publisher],
                    not_before,
                    joined: around.ledger.tick(),
                    seen: Vec::new(),
                    last: None,
                    sid,
                    pid,
                });
                self.rooms[channel] = Room::In(stays.len() - 1);
            }
            None => return Err(format!("{} events before it was connected", early.len())),
        }
        Ok(())
    }

    pub(super) fn event(
        &mut self,
        mut event: Building,
        stays: &mut [Stay],
        around: &mut Around<'_>,
    ) -> Result<(), String> {
        let place = match around.terms.recovery {
            false => None,
            true => {
                let id = event.elements.pop().ok_or("an event without its id")?;
                Some(number(&json::string(&id)?)?)
            }
        };
        let (name, arguments) = event
            .elements
            .split_first()
            .ok_or("an event without a name")?;
        let name = json::string(name)?;
        if RESERVED.contains(&name.as_str()) {
            return Err(format!("an event {name:?}"));
        }
        let key = spoken::key(&name, arguments, &event.attachments)?;
        let channel = event.channel;
        let Some((digest, publisher)) = around.ledger.heard(channel, key) else {
            return Err(format!(
                "an event {name:?} that nobody sent, {} attachments, {arguments:.60?}",
                event.attachments.len()
            ));
        };
        if publisher == self.publisher {
            return Err("its own event".into());
        }
        if let Some(place) = place {
            around.ledger.numbered(place, channel, digest)?;
        }
        match &mut self.rooms[channel] {
            Room::In(at) => stays[*at].came(digest, place),
            Room::Asked { early, .. } => {
                early.push((digest, place));
                Ok(())
            }
            Room::Left(_) => Ok(()),
            Room::Out => Err("an event where it is not".into()),
        }
    }
}
