//! Opening connections: a bounded number under way at once, one clear sentence when it fails.

use std::io;
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
    /// Opens `more` connections, each begun by `begin`, which is told the how manieth it is; `each`
    /// is told how many are open.
    ///
    /// # Errors
    /// A sentence: which connection failed, or how far it got in time.
    pub fn open(
        &self,
        reactor: &mut Reactor,
        more: usize,
        begin: &mut impl FnMut(&mut Reactor, usize) -> io::Result<()>,
        sink: &mut impl Sink,
        mut each: impl FnMut(usize),
    ) -> Result<(), String> {
        let (first, opened_before) = (reactor.begun(), reactor.opened_ever());
        let (mut progress, mut last) = (Instant::now(), 0);
        let mut ends_seen = reactor.ended().len();
        loop {
            let open = reactor.opened_ever() - opened_before;
            let failed = reactor.ended()[ends_seen..]
                .iter()
                .find(|(id, _)| *id >= first);
            if let Some((id, ended)) = failed {
                let nth = id - first + 1;
                return Err(format!("connection {nth} of {more}: {ended}"));
            }
            ends_seen = reactor.ended().len();
            if open == more {
                break;
            }
            let begun = |reactor: &Reactor| reactor.begun() - first;
            while begun(reactor) < more && begun(reactor) - open < self.in_flight {
                let nth = begun(reactor);
                begin(reactor, nth).map_err(|e| {
                    format!("connection {} of {more}: cannot connect: {e}", nth + 1)
                })?;
            }
            let now = Instant::now();
            if open > last {
                (progress, last) = (now, open);
                each(last);
            }
            let until = self.deadline.min(progress + STUCK);
            if now >= until {
                return Err(format!(
                    "only {last} of {more} connections opened, and none for {:.1} s",
                    progress.elapsed().as_secs_f64()
                ));
            }
            reactor.turn(until, sink).map_err(|e| e.to_string())?;
        }
        each(more);
        Ok(())
    }
}
