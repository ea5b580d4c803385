//! For when memory is short: what can be let go at once, and who holds most.

use super::{Form, Hub};

impl Hub {
    /// Cuts every log at its slowest member, whatever the sweep has yet to find out. Costs a visit
    /// to every member: for when memory is short.
    pub fn trim(&mut self) {
        for (_, s) in &mut self.streams {
            // What was put in front is not with those yet who wait for it.
            if s.log.segments() > 0 && !s.is_filling() {
                let kept = match s.form {
                    Form::Plain => self.channels[s.channel as usize].history.start(),
                    _ => None,
                };
                let cursors = s.members.iter().map(|m| m.cursor).chain(kept);
                let needed = cursors.min().unwrap_or(s.log.end());
                s.log.cut(needed, &mut self.pool);
            }
        }
    }

    /// The blocked members that are most behind in the stream with the largest lag: all within an
    /// eighth of the worst. Who has everything holds no log, blocked or not.
    pub fn most_lagging(&self) -> Vec<u32> {
        let lags = self.streams.iter().filter_map(|(id, s)| {
            let blocked = s.members.iter().filter(|m| m.is_blocked());
            let lag = s.log.end() - blocked.map(|m| m.cursor).min()?;
            (lag > 0).then_some((lag, id))
        });
        let Some((worst, id)) = lags.max() else {
            return Vec::new();
        };
        let s = &self.streams[id];
        let least = (worst / 8 * 7).max(1);
        let near = s
            .members
            .iter()
            .filter(|m| m.is_blocked() && s.log.end() - m.cursor >= least);
        near.map(|m| m.slot).collect()
    }
}
