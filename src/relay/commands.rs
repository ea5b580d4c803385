//! What a program that embeds the relay wants done, carried out.

use super::Relay;
use super::app::{Command, Target};
use crate::socketio::append_message;
use crate::ws::Kind;

impl Relay {
    /// Does one thing that the program wants. What is meant for a socket or a session that is not
    /// there is dropped.
    pub(super) fn carry_out(&mut self, command: Command, now: u64) {
        if let Command::Emit {
            to: Target::Channel(channel),
            data,
            attachments,
        } = command
        {
            let mut text = Vec::new();
            append_message(&data, &attachments, &mut text);
            self.publish_own(&channel, Kind::Text, &text, now);
        }
    }
}
