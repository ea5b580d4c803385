//! Packets for one session alone: into frames, or behind each other until there is a poll.

use super::session::Carrier;
use crate::close::Reason;
use crate::mark::mark;
use crate::relay::Relay;
use crate::socketio::{self, PacketKind};
use crate::ws;

impl Relay {
    /// Sends a packet of text; `packet` begins with its type.
    pub(super) fn send_text(&mut self, index: u32, packet: &[u8]) {
        let session = &mut self.sessions.table[index as usize];
        match session.carrier {
            Carrier::WebSocket(slot) => {
                ws::append_frame(self.out_tail(slot), ws::header::opcode::TEXT, packet);
            }
            Carrier::Polling { .. } => {
                session.out.push(socketio::SEPARATOR);
                session.out.extend_from_slice(packet);
            }
        }
        self.sent_alone(index);
    }

    /// Sends a message of bytes.
    pub(super) fn send_binary(&mut self, index: u32, bytes: &[u8]) {
        let session = &mut self.sessions.table[index as usize];
        match session.carrier {
            Carrier::WebSocket(slot) => {
                ws::append_frame(self.out_tail(slot), ws::header::opcode::BINARY, bytes);
            }
            Carrier::Polling { .. } => socketio::append_polled_binary(bytes, &mut session.out),
        }
        self.sent_alone(index);
    }

    fn sent_alone(&mut self, index: u32) {
        self.wake_session(index);
        self.recount_session(index);
    }

    /// Whether more waits for a session alone than may; then it ends.
    pub(super) fn ends_for_output(&mut self, index: u32, now: u64) -> bool {
        let session = &self.sessions.table[index as usize];
        let waits = match session.carrier {
            Carrier::WebSocket(slot) => self.peers[slot as usize].out_len(),
            Carrier::Polling { .. } => session.out.len(),
        };
        if waits <= self.settings.limits.lag_bytes_max {
            return false;
        }
        mark("session_output_full");
        self.counters.refuse(Reason::Lagged);
        self.end_session(index, Reason::Lagged, now);
        true
    }

    /// Sends a packet of Socket.IO with the attachments it has.
    pub(super) fn send_packet(
        &mut self,
        index: u32,
        kind: PacketKind,
        (namespace, ack): (&str, Option<u64>),
        data: &str,
        attachments: &[Vec<u8>],
    ) {
        let mut packet = std::mem::take(&mut self.sessions.scratch);
        packet.clear();
        packet.push(b'4');
        socketio::append_head(kind, attachments.len(), namespace, ack, &mut packet);
        packet.extend_from_slice(data.as_bytes());
        self.send_text(index, &packet);
        packet.clear();
        packet.shrink_to(crate::limits::ENCODED_KEPT_BYTES_MAX);
        self.sessions.scratch = packet;
        for bytes in attachments {
            self.send_binary(index, bytes);
        }
    }

    /// Counts anew what a session holds.
    pub(super) fn recount_session(&mut self, index: u32) {
        let session = &mut self.sessions.table[index as usize];
        let memory = session.memory();
        let before = std::mem::replace(&mut session.counted, memory);
        self.private_bytes = self.private_bytes - before + memory;
    }
}
