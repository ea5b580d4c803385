//! Connections and channels together: what arrives on one goes out on the others.
//!
//! Rules:
//! - Everything about a connection happens through its slot; nothing is freed but in
//!   [`Relay::reap`], the last phase of a turn.
//! - Appending marks, flushing writes: no send happens while input is being read.
//! - `private_bytes` is the sum of `Peer::memory` and `Session::memory`; with the logs it is held to
//!   `memory_bytes_max`.
//! - Time is an argument.

mod address;
mod admin;
pub mod app;
mod closing;
mod drain;
mod expire;
mod files;
mod flush;
mod frames;
mod inbox;
mod inflate;
mod info;
mod input;
mod listing;
mod manage;
mod memory;
mod metrics;
mod page;
mod peer;
mod polls;
mod publish;
mod refusing;
mod requests;
mod routes;
mod sessions;
mod several;
mod slow;
mod streams;
mod subscribe;
mod verdict;
mod waiting;

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use slab::Slab;

use crate::close::Reason;
use crate::conn::Spares;
use crate::counters::Counters;
use crate::hub::{Hub, HubLimits, Policies, Report, Spaces};
use crate::limits::{ADMIN_CONNECTIONS_MAX, ADMIN_REFUSALS_MAX, REFUSALS_MAX};
use crate::settings::Settings;
use crate::timers::Timers;
use crate::wire::{Role, Token};
use crate::ws::{DecodeLimits, DeflateSettings, Inflater};
use app::{App, Program};
use peer::Peer;

pub use closing::Reaped;
pub use inbox::{Letter, Stop};
pub use listing::{Listing, Row};

/// See the top of the file.
#[derive(Debug)]
pub struct Relay {
    peers: Slab<Peer>,
    hub: Hub,
    timers: Timers,
    settings: Settings,
    /// The page to try it.
    page: Cow<'static, [u8]>,
    /// Of connections without compression, of those with it, and of those that carry a session.
    decode_limits: [DecodeLimits; 3],
    inflater: Inflater,
    /// For messages on their way in.
    spares: Spares,
    /// Bytes inflated for the connection that is being read.
    inflated_in_turn: usize,
    counters: Counters,
    /// Counts connections; never 0 for one of them.
    generation: u32,
    /// Slots to be read, although no event will say so.
    ready: Vec<u32>,
    /// Slots with something to send.
    queued: VecDeque<u32>,
    /// Slots to be reaped.
    doomed: Vec<u32>,
    /// Slots whose output has ended: the network is to send a FIN.
    finished: Vec<u32>,
    /// What the hub reported; kept for its memory.
    reports: Vec<Report>,
    /// Connections per address, where that is limited.
    addresses: HashMap<IpAddr, usize>,
    /// See the rules.
    private_bytes: usize,
    /// The same of those who came by an admin listener; see [`Relay::held_by`].
    admin_bytes: usize,
    /// How many of those there are.
    admins: usize,
    /// There is an admin listener: what operators ask is answered there only.
    has_admin: bool,
    /// Letters taken from the mailbox that wait for their channel.
    letters: VecDeque<Letter>,
    letter_bytes: usize,
    /// Where the flush of a turn has stopped on the way.
    stage: flush::Stage,
    /// Requests for listings, in their order.
    asked: VecDeque<listing::Asked>,
    drain: Option<drain::Drain>,
    /// Publishers that wait for their message to leave, by slot.
    waiters: HashMap<u32, waiting::Waiter>,
    /// When the last stall of the loop ended.
    resumed_ms: u64,
    /// What embeds the relay.
    program: Program,
    /// Sessions of Engine.IO.
    sessions: sessions::Sessions,
}

/// Whether a further connection can be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// Yes.
    Free,
    /// Only to be answered 503.
    Refuse,
    /// Not even that.
    None,
}

impl Relay {
    /// A relay without connections.
    pub fn new(settings: Settings) -> Relay {
        let limits = &settings.limits;
        let hub_limits = HubLimits {
            channels_max: limits.channels_max,
            unflushed_bytes_max: limits.unflushed_bytes_max as u64,
            linger_ms: limits.channel_linger_ms,
            deflate: DeflateSettings {
                bytes_min: limits.deflate_bytes_min,
                level: limits.deflate_level as u32,
            },
            batch_us: limits.batch_us,
            history_memory_max: limits.history_memory_max as u64,
        };
        let mut hub = Hub::new(hub_limits, Policies::new(&settings));
        hub.set_spaces(Spaces {
            root: settings.socketio.channel.as_str().into(),
            ids: settings.socketio.recovery,
        });
        let program = Program::new(None, limits.payload_bytes_max);
        let decode_limits = [
            (limits.message_bytes_max, None),
            (
                limits.message_bytes_max,
                Some(limits.compressed_bytes_max()),
            ),
            (limits.payload_bytes_max, None),
        ];
        let decode_limits =
            decode_limits.map(|(message_bytes_max, compressed_bytes_max)| DecodeLimits {
                message_bytes_max: message_bytes_max as u64,
                compressed_bytes_max,
                fragments_max: limits.fragments_max(),
            });
        Relay {
            peers: Slab::new(),
            hub,
            timers: Timers::default(),
            page: page::page(&settings),
            settings,
            decode_limits,
            inflater: Inflater::default(),
            spares: Spares::default(),
            inflated_in_turn: 0,
            counters: Counters::default(),
            generation: 0,
            ready: Vec::new(),
            queued: VecDeque::new(),
            doomed: Vec::new(),
            finished: Vec::new(),
            reports: Vec::new(),
            addresses: HashMap::new(),
            private_bytes: 0,
            admin_bytes: 0,
            admins: 0,
            has_admin: false,
            letters: VecDeque::new(),
            letter_bytes: 0,
            stage: flush::Stage::default(),
            asked: VecDeque::new(),
            drain: None,
            waiters: HashMap::new(),
            resumed_ms: 0,
            program,
            sessions: sessions::Sessions::default(),
        }
    }

    /// From now on this program is asked what becomes of events. Before the first connection.
    pub fn set_app(&mut self, app: Box<dyn App>) {
        let limits = &self.settings.limits;
        self.program = Program::new(Some(app), limits.payload_bytes_max);
    }

    /// Ids of sessions are made with this secret. Before the first connection.
    pub fn seed_ids(&mut self, secret: [u8; 32]) {
        self.sessions.seed(secret);
    }

    /// How many sessions of Engine.IO there are.
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// There is an admin listener: metrics, connections and probes are served there only.
    pub fn keep_admin_apart(&mut self) {
        self.has_admin = true;
    }

    /// Whether a further connection of this kind can be taken. Operators have a few of their own,
    /// whatever the public takes.
    pub fn room(&self, role: Role) -> Room {
        let (count, max, refusals) = match role {
            Role::Public => {
                let max = self.settings.limits.connections_max;
                (self.peers.len() - self.admins, max, REFUSALS_MAX)
            }
            Role::Admin => (self.admins, ADMIN_CONNECTIONS_MAX, ADMIN_REFUSALS_MAX),
        };
        match count {
            n if n < max && self.drain.is_none() => Room::Free,
            n if n < max.saturating_add(refusals) => Room::Refuse,
            _ => Room::None,
        }
    }

    /// Counts message ids from this time on. Before the first message.
    pub fn start_ids(&mut self, unix_ns: u64) {
        self.hub.start_ids(unix_ns);
    }

    /// The token that the next connection will have.
    pub fn next_token(&self) -> Token {
        let slot = self.peers.vacant_key() as u32;
        // Generation 0 marks no connection; 24 bits are kept by channel members.
        let generation = (self.generation + 1) & 0xff_ffff;
        Token {
            slot,
            generation: generation.max(1),
        }
    }

    /// A connection was accepted under `next_token`.
    pub fn accepted(&mut self, role: Role, address: IpAddr, now: u64) {
        let room = self.room(role);
        let token = self.next_token();
        self.generation = token.generation;
        let due = now.saturating_add(self.settings.limits.head_timeout_ms);
        let slot = self.peers.insert(Peer::new(token.generation, now, due)) as u32;
        debug_assert_eq!(slot, token.slot);
        self.counters.accepted += 1;
        if role == Role::Admin {
            self.admins += 1;
            self.peer(slot).flags |= peer::ADMIN;
        }
        if address.to_canonical().is_loopback() {
            self.peer(slot).flags |= peer::LOCAL;
        }
        self.arm(slot);
        if room != Room::Free {
            let reason = if self.drain.is_some() {
                Reason::Drain
            } else {
                Reason::Full
            };
            self.refuse_connection(slot, reason, now);
        } else if role == Role::Public
            && let Err(reason) = self.note_address(slot, address)
        {
            self.refuse_connection(slot, reason, now);
        }
    }

    /// A connection was accepted with no room even to refuse it.
    pub fn turned_away(&mut self) {
        self.counters.accepted += 1;
        self.counters.refuse(Reason::Full);
    }

    /// Whether the token names a connection that is still there.
    pub fn is_current(&self, token: Token) -> bool {
        self.peers
            .get(token.slot as usize)
            .is_some_and(|p| p.generation == token.generation)
    }

    /// Whether there is any connection in this slot.
    pub fn is_slot(&self, slot: u32) -> bool {
        self.peers.contains(slot as usize)
    }

    /// Whether the slot is on the list of those to be read.
    pub fn is_ready(&self, slot: u32) -> bool {
        self.peers
            .get(slot as usize)
            .is_some_and(|p| p.is(peer::READY))
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        self.peers.len()
    }

    /// A turn begins, in microseconds: what is read in it is as old as this, and what has been
    /// gathered for long enough goes out.
    pub fn turn_begins(&mut self, us: u64) {
        self.hub.turn_begins(us);
    }

    /// When messages that are gathered go out at the latest, in microseconds.
    pub fn next_batch_us(&self) -> Option<u64> {
        self.hub.next_batch_us()
    }

    /// The channels.
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// What was counted.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Where the loop counts what only it sees.
    pub fn counters_mut(&mut self) -> &mut Counters {
        &mut self.counters
    }

    /// The slots that want to be read although no event says so. The caller reads each once.
    pub fn take_ready(&mut self, into: &mut Vec<u32>) {
        into.append(&mut self.ready);
    }

    /// Whether there is work that no event will announce.
    pub fn is_busy(&self) -> bool {
        !self.ready.is_empty()
            || !self.queued.is_empty()
            || self.hub.is_dirty()
            || self.hub.is_filling()
            || self.sessions.is_busy()
            || !self.asked.is_empty()
            || !self.letters.is_empty() && self.letters_can_move()
    }

    fn peer(&mut self, slot: u32) -> &mut Peer {
        &mut self.peers[slot as usize]
    }

    /// Puts a slot on the list of those to be read.
    pub fn make_ready(&mut self, slot: u32) {
        let peer = self.peer(slot);
        if !peer.is(peer::READY) {
            peer.flags |= peer::READY;
            self.ready.push(slot);
        }
    }

    /// Puts a slot on the list of those to be flushed.
    fn queue(&mut self, slot: u32) {
        let peer = self.peer(slot);
        if !peer.is(peer::QUEUED) {
            peer.flags |= peer::QUEUED;
            self.queued.push_back(slot);
        }
    }

    /// Sees to it that the peer's timer comes up in time.
    fn arm(&mut self, slot: u32) {
        let interval = self.settings.limits.ping_interval_ms;
        let peer = &mut self.peers[slot as usize];
        let due = peer.due(interval);
        self.timers.arm(&mut peer.armed_ms, due, slot);
    }
}

const _: () = assert!(size_of::<Peer>() <= 72);

#[cfg(test)]
mod tests;
