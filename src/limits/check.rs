//! Which bounds contradict each other, which give way to others, and what follows from them.

use super::{Limits, MESSAGE_BYTES, PAYLOAD_BYTES};

impl Limits {
    /// Refuses combinations that contradict each other, each with one clear sentence.
    pub fn check(&self) -> Result<(), String> {
        let no = |text: String| Err(text);
        if self.lag_bytes_max < self.message_bytes_max {
            return no(format!(
                "lag_bytes_max ({}) is below message_bytes_max ({}): one message would close every slow subscriber",
                self.lag_bytes_max, self.message_bytes_max
            ));
        }
        if self.unflushed_bytes_max > self.lag_bytes_max {
            return no(format!(
                "unflushed_bytes_max ({}) is above lag_bytes_max ({}): subscribers would be closed before publishers are slowed",
                self.unflushed_bytes_max, self.lag_bytes_max
            ));
        }
        if self.mailbox_bytes_max < self.message_bytes_max {
            return no(format!(
                "mailbox_bytes_max ({}) is below message_bytes_max ({})",
                self.mailbox_bytes_max, self.message_bytes_max
            ));
        }
        let window = self.lag_bytes_max.saturating_add(self.message_bytes_max);
        if self.memory_bytes_max / 2 < window {
            return no(format!(
                "memory_bytes_max ({}) is below twice lag_bytes_max plus message_bytes_max ({window}): one channel could take it all",
                self.memory_bytes_max
            ));
        }
        if self.connections_per_address_max > self.connections_max {
            return no(format!(
                "connections_per_address_max ({}) is above connections_max ({})",
                self.connections_per_address_max, self.connections_max
            ));
        }
        self.check_history()?;
        self.check_payload()
    }

    /// What Engine.IO clients may send at once where messages have at most so many bytes: the
    /// proportion of the defaults.
    pub(crate) fn payload_for(message_bytes_max: usize) -> usize {
        let bytes = message_bytes_max as u128 * PAYLOAD_BYTES as u128 / MESSAGE_BYTES as u128;
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// Bytes of the largest message that an Engine.IO client can publish: attachments grow by a third
    /// where they become base64.
    pub const fn event_bytes_max(&self) -> usize {
        self.payload_bytes_max
            .saturating_add(self.payload_bytes_max / 3)
    }

    fn check_payload(&self) -> Result<(), String> {
        let event = self.event_bytes_max();
        if event > self.lag_bytes_max {
            return Err(format!(
                "socketio_payload_max ({}) is above three quarters of lag_bytes_max ({}): one event would close every slow subscriber",
                self.payload_bytes_max, self.lag_bytes_max
            ));
        }
        let window = self.lag_bytes_max.saturating_add(event);
        if self.memory_bytes_max / 2 < window {
            return Err(format!(
                "memory_bytes_max ({}) is below twice lag_bytes_max plus an event of socketio_payload_max as base64 ({window}): one channel could take it all",
                self.memory_bytes_max
            ));
        }
        Ok(())
    }

    /// Whether anything is kept for those who come late: each of the three bounds of a channel's
    /// history turns it off.
    pub const fn keeps_history(&self) -> bool {
        self.history_messages_max > 0 && self.history_age_ms > 0 && self.history_bytes_max > 0
    }

    fn check_history(&self) -> Result<(), String> {
        if !self.keeps_history() {
            return Ok(());
        }
        if self.history_bytes_max > self.lag_bytes_max / 2 {
            return Err(format!(
                "history_bytes ({}) is above half of lag_bytes_max ({}): who resumes would lag before it has read anything",
                self.history_bytes_max, self.lag_bytes_max
            ));
        }
        if self.history_bytes_max > self.history_memory_max {
            return Err(format!(
                "history_bytes ({}) is above history_memory ({}): not even one channel could keep that much",
                self.history_bytes_max, self.history_memory_max
            ));
        }
        if self.history_memory_max > self.memory_bytes_max / 2 {
            return Err(format!(
                "history_memory ({}) is above half of memory_bytes_max ({}): too little would be left for what is on its way",
                self.history_memory_max, self.memory_bytes_max
            ));
        }
        Ok(())
    }

    /// Lowers what is kept as history, and what one event may have, to what the other bounds allow.
    pub fn fit(&mut self) {
        self.fit_history();
        self.fit_payload();
    }

    /// Lowers what one event may have to what the other bounds allow.
    pub(crate) fn fit_payload(&mut self) {
        let memory = (self.memory_bytes_max / 2).saturating_sub(self.lag_bytes_max);
        let room = self.lag_bytes_max.min(memory);
        let fitting = (room / 4).saturating_mul(3).max(1);
        self.payload_bytes_max = self.payload_bytes_max.min(fitting);
    }

    /// Lowers what is kept as history to what the other bounds allow.
    pub(crate) fn fit_history(&mut self) {
        let memory = self.history_memory_max.min(self.memory_bytes_max / 2);
        self.history_memory_max = memory;
        self.history_bytes_max = self
            .history_bytes_max
            .min(self.lag_bytes_max / 2)
            .min(memory);
    }

    /// Bytes of a compressed message before it is inflated: what does not shrink may grow a little,
    /// and each flush of the sender adds five bytes.
    pub const fn compressed_bytes_max(&self) -> u64 {
        let most = self.message_bytes_max as u64;
        most + most / 8 + 1024
    }

    /// How many fragments one message may have: enough for fragments of 16 bytes, and 1024 more.
    pub const fn fragments_max(&self) -> u32 {
        let n = 1024 + self.message_bytes_max / 16;
        if n > u32::MAX as usize {
            u32::MAX
        } else {
            n as u32
        }
    }
}
