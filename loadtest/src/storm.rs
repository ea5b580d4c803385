//! Opening connections: a bounded number under way at once, one clear sentence when it fails.

use std::time::{Duration, Instant};

use crate::reactor::{Reactor, Sink};

/// How long no connection may finish before the opening counts as stuck.
const STUCK: Duration = Duration::from_secs(10);

/// How connections are opened.
#[derive(Debug, Clone, Copy)]
pub struct Storm {
    /// Connections under way at once.
    pub in_flight: usize,
    /// When to give up.
    pub deadline: Instant,
}

impl Storm {
    /// Opens connections until `total` are open; `each` is told how many are.
    ///
    /// # Errors
    /// A sentence: which connection failed, or how far it got in time.
    pub fn open(
        &self,
        reactor: &mut Reactor,
        total: usize,
        sink: &mut impl Sink,
        mut each: impl FnMut(usize),
    ) -> Result<(), String> {
        let (mut progress, mut last) = (Instant::now(), reactor.open());
        while reactor.open() < total {
            if let Some((id, ended)) = reactor.ended().first() {
                return Err(format!("connection {} of {total}: {ended}", id + 1));
            }
            while reactor.begun() < total && reactor.begun() - reactor.open() < self.in_flight {
                let id = reactor.begun();
                let begun = reactor.connect();
                begun.map_err(|e| {
                    format!("connection {} of {total}: cannot connect: {e}", id + 1)
                })?;
            }
            let now = Instant::now();
            if reactor.open() > last {
                (progress, last) = (now, reactor.open());
                each(last);
            }
            let until = self.deadline.min(progress + STUCK);
            if now >= until {
                return Err(format!(
                    "only {last} of {total} connections opened, and none for {:.1} s",
                    progress.elapsed().as_secs_f64()
                ));
            }
            reactor.turn(until, sink).map_err(|e| e.to_string())?;
        }
        each(total);
        Ok(())
    }
}
