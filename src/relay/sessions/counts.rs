//! What there is of sessions, and what happened to them, for the metrics.

use super::session::Carrier;

/// See the top of the file.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(in crate::relay) struct Counts {
    /// Sessions that poll.
    pub polling: usize,
    /// Sessions that a WebSocket carries.
    pub websockets: usize,
    /// Sessions that began.
    pub begun: u64,
    /// Sessions that went from polling to a WebSocket.
    pub upgraded: u64,
    /// WebSockets that wanted to take over a session and did not.
    pub not_upgraded: u64,
    /// Sockets that connected.
    pub connected: u64,
    /// Sockets that were not let in.
    pub not_connected: u64,
    /// Sockets that came back and missed nothing.
    pub recovered: u64,
    /// Sockets that asked to come back and could not.
    pub not_recovered: u64,
}

impl Counts {
    /// How many sessions there are that are carried like this one.
    pub fn carried_like(&mut self, carrier: Carrier) -> &mut usize {
        match carrier {
            Carrier::Polling { .. } => &mut self.polling,
            Carrier::WebSocket(_) => &mut self.websockets,
        }
    }

    /// How many sessions there are, by what carries them.
    pub fn by_transport(&self) -> [(&'static str, usize); 2] {
        [("polling", self.polling), ("websocket", self.websockets)]
    }

    /// What happened: a metric's name, its help, and how often.
    pub fn totals(&self) -> [(&'static str, &'static str, u64); 7] {
        [
            (
                "sessions_begun",
                "Sessions of Engine.IO that began",
                self.begun,
            ),
            (
                "session_upgrades",
                "Sessions that went from polling to a WebSocket",
                self.upgraded,
            ),
            (
                "session_upgrades_failed",
                "WebSockets that did not complete an upgrade",
                self.not_upgraded,
            ),
            (
                "sockets_connected",
                "Sockets of Socket.IO that connected to a namespace",
                self.connected,
            ),
            (
                "sockets_refused",
                "Sockets that were not let into a namespace",
                self.not_connected,
            ),
            (
                "sockets_recovered",
                "Sockets that came back and got what they had missed",
                self.recovered,
            ),
            (
                "sockets_not_recovered",
                "Sockets that came back, too late or to another run",
                self.not_recovered,
            ),
        ]
    }
}
