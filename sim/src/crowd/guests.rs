//! Guests among the others: when they come, what they do, and what is owed to them.

use super::Crowd;
use crate::guest::{ACTS, Act, Around, Guest};
use crate::kernel::Kernel;

/// Guests at once.
const MOST: usize = 8;
/// How often in a thousand times, when a guest is to do something, somebody new comes.
const NEW: u32 = 60;

impl Crowd {
    /// Lets `f` do something with every guest; `None` where there are none.
    fn with_guests<T>(
        &mut self,
        kernel: &mut Kernel,
        f: impl FnOnce(&mut Vec<Guest>, &mut Around<'_>) -> T,
    ) -> Option<T> {
        let terms = self.plan.guests.as_ref()?;
        let mut around = Around {
            kernel,
            ledger: &mut self.ledger,
            rng: &mut self.rng,
            rules: self.rules,
            terms,
            thaws_ms: self.thaws_ms,
            pause_ms: if self.left > 0 { 30 } else { 5 },
            next_publisher: &mut self.last_publisher,
            recovered: &mut self.recovered,
            hopeless: self.left == 0 && (self.rules.tight || self.rules.frugal),
            closing: self.closing,
        };
        Some(f(&mut self.guests, &mut around))
    }

    /// Every guest moves what it can.
    pub(super) fn pump_guests(&mut self, kernel: &mut Kernel) {
        let verdict = self.with_guests(kernel, |guests, around| {
            guests.iter_mut().try_for_each(|guest| guest.pump(around))
        });
        self.judge(verdict.unwrap_or(Ok(())));
    }

    /// Somebody comes, or a guest does something.
    pub(super) fn operate_guests(&mut self, kernel: &mut Kernel) {
        let there = self.guests.iter().filter(|g| !g.gone).count();
        if there < MOST && (there == 0 || self.rng.chance(NEW)) {
            self.guests.push(Guest::new(&mut self.rng));
            *self.done.entry("guest").or_default() += 1;
            return;
        }
        let total = ACTS.iter().map(|a| a.1).sum();
        let mut at = self.rng.below(total);
        let chosen = ACTS.iter().find(|(_, weight, _)| {
            let here = at < *weight;
            at = at.saturating_sub(*weight);
            here
        });
        let Some(&(act, _, name)) = chosen else {
            return;
        };
        let done = self.with_guests(kernel, |guests, around| somebody(guests, act, around));
        *self.done.entry(name).or_default() += u64::from(done == Some(true));
    }

    /// The server stands still until then.
    pub(super) fn excuse_guests(&mut self, until_ms: u64) {
        self.thaws_ms = until_ms;
        if let Some(terms) = &self.plan.guests {
            self.guests
                .iter_mut()
                .for_each(|g| g.excuse(until_ms, terms));
        }
    }

    /// All go.
    pub(super) fn guests_leave(&mut self, kernel: &mut Kernel) {
        self.with_guests(kernel, |guests, around| {
            guests.iter_mut().for_each(|guest| guest.leave(around));
        });
    }

    /// After everything has come to rest: all guests have what they are owed.
    pub(super) fn check_guests(&self) -> Result<(), String> {
        let short = self.rules.tight || self.rules.frugal;
        let mut guests = self.guests.iter();
        guests.try_for_each(|g| g.check_rest(&self.ledger, short))
    }

    /// Which guests the server has to tell that it stops.
    pub fn guests_listening(&self) -> Vec<usize> {
        let all = 0..self.guests.len();
        all.filter(|&at| self.guests[at].listens()).collect()
    }

    /// They were told.
    pub fn check_guests_farewell(&self, listening: &[usize]) -> Result<(), String> {
        match listening.iter().find(|&&at| self.guests[at].listens()) {
            Some(at) => Err(format!("guest {at} was not told that the server stops")),
            None => Ok(()),
        }
    }
}

/// A guest that can does it.
fn somebody(guests: &mut [Guest], act: Act, around: &mut Around<'_>) -> bool {
    let from = around.rng.below(guests.len() as u64) as usize;
    let turn = |i: usize| (from + i) % guests.len();
    let order: Vec<usize> = (0..guests.len()).map(turn).collect();
    order.into_iter().any(|at| guests[at].act(act, around))
}
