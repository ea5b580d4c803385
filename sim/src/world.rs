//! One seed from beginning to end: a server, its network, its crowd, and the verdict.
//!
//! The phases: witnesses join → the operations → (in some seeds) a night without any → rest, when
//! everything owed must have been given → (in every second seed) all leave, nothing is left behind,
//! and a fresh pair still talks → stop.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use longwave::close::Reason;
use longwave::counters::Counters;
use longwave::limits::REFUSALS_MAX;
use longwave::link::{Handle, mailbox};
use longwave::server::Server;

use crate::client::Role;
use crate::crowd::{CHANNELS, Crowd, Mailbox};
use crate::fault::{FAULT_COUNT, Weather};
use crate::kernel::Kernel;
use crate::net::{Outside, SimNet};
use crate::plan::{Seeded, seeded};
use crate::rng::Rng;

/// Turns that a seed may take, for each of its operations and at all.
const TURNS_PER_OPERATION: u64 = 4;
/// See `TURNS_PER_OPERATION`.
const TURNS_LEAST: u64 = 20_000;
/// Turns in a row that memory may be over its budget by more than a channel's window.
const TURNS_OVER_BUDGET_MAX: u32 = 20;
/// Longest that any phase but the operations may take.
const PHASE_MS_MAX: u64 = 120_000;

/// What came of a seed.
#[derive(Debug)]
pub struct Outcome {
    /// What was wrong, and the last lines of the trace.
    pub failure: Option<(String, String)>,
    /// How often each fault happened.
    pub faults: [u64; FAULT_COUNT],
    /// How often each operation was done.
    pub done: BTreeMap<&'static str, u64>,
    /// The trace in one number.
    pub trace_hash: u64,
    /// Turns taken.
    pub turns: u64,
    /// Connections made.
    pub connections: usize,
    /// Messages that reached a channel.
    pub messages: usize,
}

struct Post(Handle);

impl Mailbox for Post {
    fn publish(&self, channel: &str, text: bool, payload: Vec<u8>) -> bool {
        let taken = match text {
            true => self
                .0
                .publish_text(channel, str::from_utf8(&payload).expect("text is UTF-8")),
            false => self.0.publish_binary(channel, &payload),
        };
        taken.is_ok()
    }
}

struct World {
    server: Server<SimNet<Crowd>>,
    handle: Handle,
    seeded: Seeded,
    turns: u64,
    turns_over_budget: u32,
    running: bool,
}

/// Runs one seed.
pub fn run(seed: u64, operations: u32, verbose: bool) -> Outcome {
    let mut rng = Rng::new(seed);
    let world = World::new(operations, verbose, &mut rng, None);
    world.judged(seed.is_multiple_of(2))
}

/// Runs a small world in which bytes say what the crowd does: one operation for every eight.
pub fn run_led_by(tape: &[u8]) -> Outcome {
    let seed = tape.first().copied().unwrap_or_default();
    let operations = (tape.len() / 8).clamp(20, 2000) as u32;
    let mut rng = Rng::new(u64::from(seed));
    let crowd = Rng::led_by(tape.get(1..).unwrap_or_default());
    World::new(operations, false, &mut rng, Some(crowd)).judged(seed.is_multiple_of(2))
}

/// What the server says that it got wrong itself, a cursor outside its log above all. Its peer sees
/// no more of that than a reset, which may have other causes.
fn mistakes(counters: &Counters) -> usize {
    let at = Reason::Internal as usize;
    (counters.closed[at] + counters.refused[at]) as usize
}

fn describe(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("panic: {}", text.unwrap_or("of an unknown kind"))
}

impl World {
    fn new(operations: u32, verbose: bool, rng: &mut Rng, lead: Option<Rng>) -> World {
        let seeded = seeded(operations, rng);
        let mut kernel = Kernel::new(2, Weather::of(rng), rng.fork());
        kernel.trace.verbose = verbose;
        let lead = lead.unwrap_or_else(|| rng.fork());
        let mut crowd = Crowd::new(seeded.plan.clone(), seeded.rules, lead);
        crowd.left = 0;
        let (handle, inbox) = mailbox(&seeded.settings.limits);
        crowd.attach(Box::new(Post(handle.clone())));
        let server = Server::new(SimNet::new(kernel, crowd), seeded.settings.clone(), inbox);
        World {
            server,
            handle,
            seeded,
            turns: 0,
            turns_over_budget: 0,
            running: true,
        }
    }

    /// Lives, and gives its outcome, a panic included.
    fn judged(mut self, leave: bool) -> Outcome {
        let verdict = catch_unwind(AssertUnwindSafe(|| self.live(leave)));
        self.outcome(verdict.unwrap_or_else(|panic| Err(describe(&*panic))))
    }

    fn live(&mut self, leave: bool) -> Result<(), String> {
        self.gather_witnesses()?;
        self.crowd().left = self.seeded.plan.operations;
        while self.crowd().left > 0 {
            self.turn()?;
        }
        if self.seeded.plan.night {
            self.night()?;
        }
        self.last_words();
        self.come_to_rest("after the operations")?;
        self.crowd().polls_are_due();
        self.until("polls are answered", |w| w.crowd().polls_are_answered())?;
        if leave {
            self.empty_the_house()?;
            self.a_fresh_pair_talks()?;
        }
        self.stop()
    }

    fn net(&mut self) -> &mut SimNet<Crowd> {
        self.server.net_mut()
    }

    fn crowd(&mut self) -> &mut Crowd {
        &mut self.server.net_mut().outside
    }

    fn now_ms(&mut self) -> u64 {
        self.net().kernel.now_ms()
    }

    /// One turn of the server, and a look at its bounds.
    fn turn(&mut self) -> Result<(), String> {
        self.turns += 1;
        let most = TURNS_LEAST + TURNS_PER_OPERATION * u64::from(self.seeded.plan.operations);
        if self.turns > most {
            return Err(format!("the server spins: {most} turns"));
        }
        self.running = self.server.turn();
        self.crowd().failure.take().map_or(Ok(()), Err)?;
        self.check_bounds()
    }

    fn check_bounds(&mut self) -> Result<(), String> {
        let limits = &self.seeded.settings.limits;
        let relay = self.server.relay();
        let window =
            limits.lag_bytes_max + limits.unflushed_bytes_max + 2 * limits.message_bytes_max;
        // The budget is kept at the end of a turn, one connection at a time.
        let over = relay.memory_bytes() > limits.memory_bytes_max + window;
        self.turns_over_budget = if over { self.turns_over_budget + 1 } else { 0 };
        let lasting = if self.turns_over_budget > TURNS_OVER_BUDGET_MAX {
            relay.memory_bytes()
        } else {
            0
        };
        let forms = if self.seeded.plan.readers { 6 } else { 3 };
        let bounds = [
            (
                "connections",
                relay.connections(),
                limits.connections_max + REFUSALS_MAX,
            ),
            ("channels", relay.hub().channels(), limits.channels_max),
            ("sessions", relay.sessions(), limits.sessions_max),
            ("mistakes of its own", mistakes(relay.counters()), 0),
            // What one turn reads is encoded once for each form before the budget is kept.
            (
                "memory",
                relay.memory_bytes(),
                forms * limits.memory_bytes_max,
            ),
            (
                "memory in the end",
                lasting,
                limits.memory_bytes_max + window,
            ),
        ];
        match bounds.iter().find(|(_, is, most)| is > most) {
            Some((what, is, most)) => Err(format!("{what}: {is} is over {most}")),
            None => Ok(()),
        }
    }

    /// Takes turns until `done`; `doing` says what takes too long.
    fn until(&mut self, doing: &str, done: impl Fn(&mut World) -> bool) -> Result<(), String> {
        let deadline = self.now_ms() + PHASE_MS_MAX;
        while !done(self) {
            if self.now_ms() > deadline {
                return Err(format!("{doing}: not within {PHASE_MS_MAX} ms"));
            }
            self.net().until_ms = deadline + 1;
            self.turn()?;
        }
        self.net().until_ms = u64::MAX;
        Ok(())
    }

    fn come_to_rest(&mut self, when: &str) -> Result<(), String> {
        let now = self.now_ms();
        self.crowd().seek_rest(now);
        self.until(&format!("rest {when}"), |w| !w.crowd().to_rest)
            .map_err(|e| format!("{when}: {e}"))
    }

    fn gather_witnesses(&mut self) -> Result<(), String> {
        for channel in 0..CHANNELS.len() {
            let SimNet {
                kernel, outside, ..
            } = self.net();
            outside.join(Role::Witness(channel), kernel);
        }
        self.until("witnesses join", |w| {
            w.crowd().clients.iter().all(|c| c.joined.is_some())
        })
    }

    /// Nobody does anything for long enough that whoever does not answer is found out.
    fn night(&mut self) -> Result<(), String> {
        let limits = &self.seeded.settings.limits;
        let ms = 2 * (limits.ping_interval_ms + limits.ping_timeout_ms) + limits.close_timeout_ms;
        let morning = self.now_ms() + ms;
        self.until("the night", |w| w.now_ms() >= morning)
    }

    /// The last connection comes while there are no descriptors, and no further edge follows it.
    fn last_words(&mut self) {
        let SimNet {
            kernel, outside, ..
        } = self.net();
        outside.join(
            Role::Member {
                channel: 0,
                echo: true,
            },
            kernel,
        );
        kernel.emfile_until_ms = kernel.now_ms() + 150;
        outside.join(
            Role::Member {
                channel: 1,
                echo: false,
            },
            kernel,
        );
    }

    fn empty_the_house(&mut self) -> Result<(), String> {
        let SimNet {
            kernel, outside, ..
        } = self.net();
        outside.everybody_leaves(kernel);
        self.until("all leave", |w| {
            let relay = w.server.relay();
            let left = relay.connections() + relay.sessions() + relay.hub().channels();
            left == 0 && !w.net().kernel.has_events()
        })?;
        let open = self.net().kernel.open_slots();
        let memory = self.server.relay().memory_bytes();
        match (open, memory) {
            (0, 0) => Ok(()),
            _ => Err(format!(
                "all have left; {open} sockets and {memory} bytes are still held"
            )),
        }
    }

    fn a_fresh_pair_talks(&mut self) -> Result<(), String> {
        self.net().kernel.emfile_until_ms = 0;
        for role in [
            Role::Witness(0),
            Role::Member {
                channel: 0,
                echo: false,
            },
        ] {
            let SimNet {
                kernel, outside, ..
            } = self.net();
            outside.join(role, kernel);
            self.until("a fresh pair joins", |w| {
                w.crowd().clients.last().is_some_and(|c| c.joined.is_some())
            })?;
        }
        let before = self.crowd().ledger.order_len(0);
        self.crowd().last_speaks();
        self.come_to_rest("a fresh pair")?;
        match self.crowd().ledger.order_len(0) > before {
            true => Ok(()),
            false => Err("a fresh pair exchanges nothing".into()),
        }
    }

    fn stop(&mut self) -> Result<(), String> {
        self.crowd().rules.draining = true;
        self.crowd().readers_retire();
        let listeners = self.crowd().listeners();
        let guests = self.crowd().guests_listening();
        self.handle.stop();
        self.until("the server stops", |w| !w.running)?;
        let SimNet {
            kernel, outside, ..
        } = self.net();
        outside.wake_everybody(kernel.now_ms());
        outside.settle(kernel);
        outside.failure.take().map_or(Ok(()), Err)?;
        outside.check_farewell(&listeners)?;
        outside.check_guests_farewell(&guests)
    }

    fn outcome(mut self, verdict: Result<(), String>) -> Outcome {
        let turns = self.turns;
        let kernel = &self.net().kernel;
        let (faults, trace_hash) = (*kernel.weather.counts(), kernel.trace.hash());
        let failure = verdict.err().map(|e| (e, kernel.trace.tail()));
        let crowd = self.crowd();
        let resumes = crowd.resumes();
        *crowd.done.entry("reader_comes_back").or_default() += resumes;
        *crowd.done.entry("guest_recovers").or_default() += crowd.recovered;
        Outcome {
            failure,
            faults,
            done: std::mem::take(&mut crowd.done),
            trace_hash,
            turns,
            connections: crowd.clients.len(),
            messages: (0..CHANNELS.len()).map(|c| crowd.ledger.order_len(c)).sum(),
        }
    }
}
