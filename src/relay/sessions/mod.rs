//! Sessions of Engine.IO, and the sockets of Socket.IO in them.
//!
//! Rules:
//! - A session is carried by requests that come and go, or by a WebSocket. Every connection that is a
//!   part of one has the flag `ENGINE` and is in `carriers`, for as long as it is.
//! - A socket is a member of its channel like any subscriber: a cursor. The first one of a WebSocket
//!   stands for the connection itself and is swept; all others have a seat, which the hub reports when
//!   something waits and which is sent to here. One connection is inside at most one message: whoever is
//!   goes first, and while the kernel takes no more all of them are held.
//! - A session ends as a whole, in one place ([`ending`]): by its client, by silence, by whatever ends a
//!   connection that it cannot do without, or by a packet that is none.
//! - An [`App`](super::app::App) is called when a change is done, with commands carried out behind it.

mod answers;
mod commands;
mod counts;
mod deadlines;
mod ending;
mod flush;
mod ids;
mod order;
mod packets;
mod recovery;
mod requests;
mod seats;
mod sending;
mod session;
mod spaces;
mod upgrade;

use std::collections::{HashMap, VecDeque};

use slab::Slab;

use super::app::Command;
use crate::hub::Place;
use crate::limits::SEAT_BIT;
use crate::timers::Timers;
use crate::wire::Token;
pub(super) use counts::Counts;
use ids::{Ids, Sid};
use session::{Part, Session};

/// See the top of the file.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    table: Slab<Session>,
    by_sid: HashMap<Sid, u32>,
    /// Which session a socket is in.
    by_socket: HashMap<Sid, u32>,
    /// Which session a connection is a part of, by slot.
    carriers: HashMap<u32, (u32, Part)>,
    seats: Slab<Seat>,
    /// Counts seats; never 0 for one of them.
    generation: u32,
    timers: Timers,
    ids: Ids,
    /// Where what is sent to one session is put together.
    scratch: Vec<u8>,
    /// Slots of those who brought more packets than one turn takes.
    posting: Vec<u32>,
    /// Who published what, where sockets can come back.
    own: recovery::Own,
    /// What an embedding program wants done, in its order.
    commands: VecDeque<Command>,
    /// Counts of what happened.
    pub counts: Counts,
}

/// A socket's place in its channel, where that is not its connection's.
#[derive(Debug)]
struct Seat {
    session: u32,
    place: Place,
}

impl Sessions {
    /// Ids are made with this secret. Before the first session.
    pub fn seed(&mut self, secret: [u8; 32]) {
        self.ids.seed(secret);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether nothing is left of any session.
    #[cfg(test)]
    pub fn is_clean(&self) -> bool {
        self.by_sid.is_empty()
            && self.by_socket.is_empty()
            && self.carriers.is_empty()
            && self.seats.is_empty()
    }

    /// The session that holds most, where that is more than so many bytes.
    pub fn larger_than(&self, bytes: usize) -> Option<u32> {
        let largest = self.table.iter().max_by_key(|(_, s)| s.counted);
        let larger = largest.filter(|(_, s)| s.counted > bytes);
        larger.map(|(index, _)| index as u32)
    }

    /// Whether there is something to be done that no event will announce.
    pub fn is_busy(&self) -> bool {
        !self.commands.is_empty() || !self.posting.is_empty()
    }

    /// How many sockets there are in them.
    pub fn sockets(&self) -> usize {
        self.by_socket.len()
    }

    /// When something is due next.
    pub fn next_due(&self) -> Option<u64> {
        self.timers.next()
    }

    /// Whether the session is still the same.
    fn is(&self, index: u32, sid: Sid) -> bool {
        self.table.get(index as usize).is_some_and(|s| s.sid == sid)
    }

    /// Which session this connection is a part of, and as what.
    fn part_of(&self, slot: u32) -> Option<(u32, Part)> {
        self.carriers.get(&slot).copied()
    }

    /// The session that a seat belongs to.
    fn session_of_seat(&self, slot: u32) -> Option<u32> {
        let seat = self.seats.get((slot & !SEAT_BIT) as usize);
        seat.map(|seat| seat.session)
    }

    /// A seat for the session, which takes its place next.
    fn next_seat(&mut self) -> Token {
        self.generation = (self.generation + 1) & 0xff_ffff;
        self.generation = self.generation.max(1);
        Token {
            slot: SEAT_BIT | self.seats.vacant_key() as u32,
            generation: self.generation,
        }
    }

    /// A member has moved: it is in this seat.
    pub fn seat_moved(&mut self, slot: u32, member: u32) {
        if let Some(seat) = self.seats.get_mut((slot & !SEAT_BIT) as usize) {
            seat.place.member = member;
        }
    }
}
