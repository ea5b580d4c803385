//! Compressed messages on their way in: inflated, checked, and published like any other.

use super::Relay;
use super::peer::READY;
use crate::close::Reason;
use crate::hub::Body;
use crate::limits::INFLATED_BYTES_PER_TURN;
use crate::mark::{mark, planted};
use crate::ws::{self, Kind};

impl Relay {
    /// Publishes a message that has to be inflated first.
    pub(super) fn publish_inflated(
        &mut self,
        slot: u32,
        kind: Kind,
        body: &Body<'_>,
        now: u64,
    ) -> Result<(), Reason> {
        let mut inflater = std::mem::take(&mut self.inflater);
        let most = self.settings.limits.message_bytes_max + usize::from(planted("bomb_passes"));
        let inflated = match body {
            Body::Masked { payload, key } => inflater.inflate_masked(payload, *key, most),
            Body::Plain(payload) => inflater.inflate(payload, most),
            Body::Gathered(gather) => inflater.inflate(gather.payload(), most),
        };
        let result = match inflated {
            Ok(payload) => self.inflated(slot, kind, payload, body.len(), now),
            Err(reason) => {
                let bomb = reason == Reason::MessageTooBig;
                self.counters.inflate_bombs += u64::from(bomb);
                Err(reason)
            }
        };
        inflater.trim();
        self.inflater = inflater;
        result
    }

    fn inflated(
        &mut self,
        slot: u32,
        kind: Kind,
        payload: &[u8],
        compressed_len: usize,
        now: u64,
    ) -> Result<(), Reason> {
        self.inflated_in_turn += payload.len();
        self.counters.inflate_messages += 1;
        self.counters.inflate_bytes_before += compressed_len as u64;
        self.counters.inflate_bytes_after += payload.len() as u64;
        let check = kind == Kind::Text && !planted("inflated_text_unchecked");
        if check && !ws::utf8::valid(payload) {
            mark("inflated_text_refused");
            return Err(Reason::BadUtf8);
        }
        self.publish_ws(slot, kind, Body::Plain(payload), now)
    }

    /// Whether the connection being read has had its part of this turn: little input can become
    /// much. The rest of it comes next turn.
    pub(super) fn inflated_enough(&mut self, slot: u32) -> bool {
        if self.inflated_in_turn < INFLATED_BYTES_PER_TURN {
            return false;
        }
        if !self.peer(slot).is(READY) {
            mark("inflate_budget_spent");
            self.counters.read_budget_spent += 1;
            self.make_ready(slot);
        }
        true
    }
}
