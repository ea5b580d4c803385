//! Who comes back: known again by the private id it was given, it takes up where it was, and is not told
//! what it said itself.

use std::borrow::Cow;
use std::collections::VecDeque;

use serde::Deserialize;

use super::ids::Sid;
use crate::hub::{Id, Place, Start};
use crate::limits::OWN_EVENTS_MAX;
use crate::mark::{mark, planted};
use crate::relay::Relay;

/// What a client that comes back says of where it was.
#[derive(Deserialize)]
struct Back<'a> {
    #[serde(borrow)]
    pid: Cow<'a, str>,
    /// The id of the last event it had, if it had one.
    #[serde(borrow)]
    offset: Option<Cow<'a, str>>,
}

/// Who comes back: its id of old, and where it begins.
pub(super) struct Recovered {
    pub socket: Sid,
    pub private: String,
    pub from: u64,
}

/// Which messages came from which socket: the newest, as many as are kept.
#[derive(Debug, Default)]
pub(super) struct Own(VecDeque<(u64, u64)>);

impl Own {
    /// A socket has published the message with this number, the highest so far.
    pub fn note(&mut self, number: u64, socket: Sid) {
        if self.0.len() == OWN_EVENTS_MAX {
            self.0.pop_front();
        }
        self.0.push_back((number, socket.word()));
    }

    /// The numbers above `from` of what a socket published.
    pub fn of(&self, socket: Sid, from: u64) -> VecDeque<u64> {
        let first = self.0.partition_point(|&(number, _)| number <= from);
        let entries = self.0.range(first..);
        let own = entries.filter(|&&(_, word)| word == socket.word());
        own.map(|&(number, _)| number).collect()
    }
}

impl Relay {
    /// Whether somebody who says that it was here before can take up where it was.
    pub(super) fn recovered(
        &mut self,
        name: &str,
        namespace: &str,
        auth: &str,
        now: u64,
    ) -> Option<Recovered> {
        if !self.settings.socketio.recovery {
            return None;
        }
        let back: Back<'_> = serde_json::from_str(auth).ok()?;
        let known = self.sessions.ids.socket_of(&back.pid, namespace);
        let recovered = known.and_then(|(socket, began)| {
            let channel = self.hub.find(name)?;
            let offset = back.offset.as_deref().and_then(id_of);
            let from = self.reach_back(channel, offset, began, now)?;
            Some(Recovered {
                socket,
                private: back.pid.into_owned(),
                from: match planted("recovery_forgets_missed") {
                    true => self.hub.newest().number,
                    false => from,
                },
            })
        });
        match recovered {
            Some(_) => self.sessions.counts.recovered += 1,
            None => self.sessions.counts.not_recovered += 1,
        }
        recovered
    }

    /// Where somebody begins who came when the newest message had the number `began`, and had this one last;
    /// `None`: not all that it missed is there. Who had none since it came begins there; a client keeps the
    /// offset of an earlier life until it gets an event, or may know an earlier one from elsewhere.
    fn reach_back(
        &mut self,
        channel: u32,
        offset: Option<Id>,
        began: u64,
        now: u64,
    ) -> Option<u64> {
        let began = Id {
            number: began,
            ..self.hub.newest()
        };
        let offset = offset.filter(|id| id.epoch == began.epoch);
        let earlier = offset.is_none_or(|id| id.number < began.number);
        let starts = [offset, Some(began).filter(|_| earlier)];
        starts.into_iter().flatten().find_map(|after| {
            let reach = self.hub.reach(channel, Start::After(after), now);
            reach.missed.is_none().then_some(reach.from)
        })
    }

    /// Up to where a socket that came back can be sent what it missed: to the next that it published itself,
    /// which its cursor is moved over when it comes there, or to the end of what it missed.
    pub(super) fn missed_up_to(&mut self, index: u32, at: usize, place: Place) -> Option<u64> {
        let owed = &mut self.sessions.table[index as usize].spaces[at].owed;
        let owed = owed.as_mut()?;
        while let Some(&number) = owed.own.front() {
            match self.hub.start_of(place, number) {
                Some(start) if !self.hub.has_reached(place, start) => return Some(start),
                Some(start) if !self.hub.has_reached(place, start + 1) => {
                    mark("own_missed_skipped");
                    self.hub.skip_message(place);
                }
                _ => {}
            }
            owed.own.pop_front();
        }
        Some(owed.at)
    }
}

/// The id that an offset is.
fn id_of(offset: &str) -> Option<Id> {
    let (epoch, number) = offset.split_once(':')?;
    Some(Id {
        epoch: epoch.parse().ok()?,
        number: number.parse().ok()?,
    })
}
