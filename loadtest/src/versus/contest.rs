//! The rounds themselves. All peers run at once, with their connections open, and take turns; who
//! has no turn gets nothing to do, and how little it does is measured beside.
//!
//! A round begins and ends in silence: the server's CPU is taken before its first message and after
//! what comes behind its last delivery, so no message is cut in two by it. The first round of each
//! peer and shape warms up and does not count. What is late from one round is not taken for the
//! next one's: each has its own number.

use std::time::{Duration, Instant};

use clap::Parser;

use super::recipe::{Peer, Recipe, Shape};
use super::score::{Cell, Figures};
use crate::cli::{Cli, Scenario};
use crate::dialect::Heard;
use crate::drive::{Connected, Stage};
use crate::report::Report;
use crate::scenario::fanout::{self, Fanout};
use crate::stats;
use crate::target::Sample;

/// How long a round waits for deliveries that are missing.
const GRACE: Duration = Duration::from_secs(3);

/// What holds for all rounds.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Rounds that count.
    pub rounds: u32,
    /// Time of one.
    pub time: Duration,
    /// Everything random comes from it.
    pub seed: u64,
    /// The servers' cores, as `--target-cores` takes them.
    pub cores: Option<String>,
}

/// What a peer did while others had their turn.
#[derive(Debug, Clone, Copy, Default)]
pub struct Idleness {
    /// Its CPU, nanoseconds.
    pub cpu_ns: u64,
    /// That time.
    pub wall: Duration,
}

impl Idleness {
    /// As a share of one core.
    pub fn share(&self) -> f64 {
        self.cpu_ns as f64 / 1e9 / self.wall.as_secs_f64().max(1e-9)
    }
}

/// A peer with its server, and its connections open.
struct Seat<'a> {
    peer: &'a Peer,
    stage: Stage,
    connected: Connected,
    idle: Idleness,
    /// When its turn ended, and what it had spent by then.
    rested: Option<(Instant, Sample)>,
    gone: Option<String>,
}

/// The options of a scenario, from the words of a command line.
///
/// # Errors
/// What clap says of them.
pub fn options(scenario: &str, words: Vec<String>) -> Result<Scenario, String> {
    let all = ["longwave-loadtest".to_owned(), scenario.to_owned()];
    let cli = Cli::try_parse_from(all.into_iter().chain(words));
    cli.map(|cli| cli.scenario).map_err(|e| e.to_string())
}

/// What every scenario takes to reach a peer.
pub fn words_of(peer: &Peer, terms: &Terms) -> Vec<String> {
    let fixed = ["--url", &peer.url, "--spawn", &peer.spawn];
    let mut words: Vec<String> = fixed.map(str::to_owned).to_vec();
    words.extend(["--seed".to_owned(), terms.seed.to_string()]);
    if let Some(cores) = &terms.cores {
        words.extend(["--target-cores".to_owned(), cores.clone()]);
    }
    words.extend(peer.options.iter().cloned());
    words
}

fn fanout_of(peer: &Peer, shape: &Shape, terms: &Terms) -> Result<Fanout, String> {
    let mut words = words_of(peer, terms);
    let mut add = |name: &str, value: String| words.extend([name.to_owned(), value]);
    add("--subscribers", shape.subscribers.to_string());
    add("--size", shape.size.to_string());
    add("--window", shape.outstanding.to_string());
    add("--batch", shape.outstanding.to_string());
    add("--duration", format!("{}us", terms.time.as_micros()));
    add("--warmup", "0s".to_owned());
    add("--grace", format!("{}ms", GRACE.as_millis()));
    words.extend(shape.options.iter().cloned());
    match options("fanout", words)? {
        Scenario::Fanout(fanout) => Ok(fanout),
        _ => Err("not a fan-out".to_owned()),
    }
}

impl<'a> Seat<'a> {
    fn take(peer: &'a Peer, shape: &Shape, terms: &Terms) -> Result<Seat<'a>, String> {
        let named = |why| format!("{}: {why}", peer.name);
        let opened = fanout_of(peer, shape, terms).and_then(|o| fanout::open(&o));
        let (stage, connected) = opened.map_err(named)?;
        Ok(Seat {
            peer,
            stage,
            connected,
            idle: Idleness::default(),
            rested: None,
            gone: None,
        })
    }

    /// Answers pings and the like while another has its turn.
    fn attend(&mut self) {
        let turned = self
            .stage
            .reactor
            .turn(Instant::now(), &mut |_, _: Heard<'_>, _| {});
        if let Err(e) = turned {
            self.gone.get_or_insert(format!("polling failed: {e}"));
        }
    }

    /// One round: the report and the CPU it took, nanoseconds.
    fn round(&mut self, options: &Fanout) -> Result<(Report, u64), String> {
        self.stage.allow(options.sending.measuring.duration + GRACE);
        let before = self.sample()?;
        if let Some((at, sample)) = self.rested.take() {
            self.idle.cpu_ns += spent(&before, &sample);
            self.idle.wall += at.elapsed();
        }
        let report = fanout::round(&mut self.stage, &self.connected, options)?;
        let after = self.sample()?;
        self.rested = Some((Instant::now(), after));
        Ok((report, spent(&after, &before)))
    }

    fn sample(&self) -> Result<Sample, String> {
        let sample = self.stage.sample()?;
        sample.ok_or("the server's process is not known".to_owned())
    }
}

fn spent(now: &Sample, earlier: &Sample) -> u64 {
    let (user, system) = now.cpu_since(earlier);
    user + system
}

/// What all rounds gave.
#[derive(Debug, Default)]
pub struct Rounds {
    /// For each shape, in the recipe's order, a cell for each of its peers.
    pub cells: Vec<Vec<Cell>>,
    /// Peers in the order of the recipe.
    pub idle: Vec<(String, Idleness)>,
}

/// Plays all rounds. Shapes with as many subscribers share their connections.
///
/// # Errors
/// A sentence, when a peer cannot be started or reached. One that fails later is only marked.
pub fn play(
    recipe: &Recipe,
    terms: &Terms,
    mut each: impl FnMut(&str, &str),
) -> Result<Rounds, String> {
    let mut sizes: Vec<u32> = recipe.shapes.iter().map(|s| s.subscribers).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let mut rounds = Rounds {
        cells: vec![Vec::new(); recipe.shapes.len()],
        idle: recipe
            .peers
            .iter()
            .map(|p| (p.name.clone(), Idleness::default()))
            .collect(),
    };
    for size in sizes {
        let of_size = |i: &usize| recipe.shapes[*i].subscribers == size;
        let shapes: Vec<usize> = (0..recipe.shapes.len()).filter(of_size).collect();
        meet(recipe, terms, &shapes, &mut rounds, &mut each)?;
    }
    Ok(rounds)
}

/// Plays these shapes over one set of connections.
fn meet(
    recipe: &Recipe,
    terms: &Terms,
    shapes: &[usize],
    rounds: &mut Rounds,
    each: &mut impl FnMut(&str, &str),
) -> Result<(), String> {
    let plays = |peer: &Peer, shape: usize| recipe.plays(peer, &recipe.shapes[shape]);
    let mut seats = Vec::new();
    for peer in &recipe.peers {
        let Some(&first) = shapes.iter().find(|s| plays(peer, **s)) else {
            continue;
        };
        each(&peer.name, "starts");
        seats.push(Seat::take(peer, &recipe.shapes[first], terms)?);
    }
    let mut tables: Vec<Vec<(usize, Fanout, Cell)>> = Vec::new();
    for &shape in shapes {
        let playing = (0..seats.len()).filter(|s| plays(seats[*s].peer, shape));
        tables.push(
            playing
                .map(|s| place(s, seats[s].peer, &recipe.shapes[shape], terms))
                .collect::<Result<_, _>>()?,
        );
    }
    for round in 0..=terms.rounds as usize {
        for t in stats::order(tables.len(), round, terms.seed) {
            let table = &mut tables[t];
            for p in stats::order(table.len(), round, terms.seed ^ (t as u64 + 1)) {
                let (seat, options, cell) = &mut table[p];
                each(&cell.peer, &cell.shape);
                play_one(&mut seats[*seat], options, cell, round > 0);
                seats.iter_mut().for_each(Seat::attend);
            }
        }
    }
    for (&shape, table) in shapes.iter().zip(tables) {
        rounds.cells[shape] = table.into_iter().map(|(_, _, cell)| cell).collect();
    }
    for mut seat in seats {
        seat.stage.reactor.close();
        let all = rounds
            .idle
            .iter_mut()
            .find(|(name, _)| *name == seat.peer.name);
        if let Some((_, idle)) = all {
            idle.cpu_ns += seat.idle.cpu_ns;
            idle.wall += seat.idle.wall;
        }
    }
    Ok(())
}

/// A place at a shape's table: seat, options, and an empty cell.
fn place(
    seat: usize,
    peer: &Peer,
    shape: &Shape,
    terms: &Terms,
) -> Result<(usize, Fanout, Cell), String> {
    let cell = Cell {
        peer: peer.name.clone(),
        shape: shape.name.clone(),
        ..Cell::default()
    };
    Ok((seat, fanout_of(peer, shape, terms)?, cell))
}

fn play_one(seat: &mut Seat, options: &Fanout, cell: &mut Cell, counts: bool) {
    let mut figures = None;
    if seat.gone.is_none() {
        match seat.round(options) {
            Ok((report, cpu_ns)) => {
                figures = judge(&report, cpu_ns, options, cell, counts);
                seat.gone = report
                    .verdict
                    .ended_shown()
                    .next()
                    .map(|(why, n)| format!("{n} connections ended: {why}"));
            }
            Err(why) => seat.gone = Some(why),
        }
    }
    if let Some(why) = &seat.gone {
        cell.ended.get_or_insert(why.clone());
    }
    if counts {
        cell.rounds.push(figures);
    }
}

/// What a round is worth. Wrong deliveries are marked whether it counts or not. A client that was
/// too slow spoils the latencies of a closed loop, but not what its messages cost the server; in an
/// open loop the server batches what the client holds up, so there it spoils the round.
fn judge(
    report: &Report,
    cpu_ns: u64,
    options: &Fanout,
    cell: &mut Cell,
    counts: bool,
) -> Option<Figures> {
    cell.faults.add(&report.verdict.faults);
    cell.skipped += report.verdict.skipped;
    if !counts {
        return None;
    }
    let (measured, invalid) = (&report.measured, report.client.invalid.first());
    let closed = options.sending.rate == 0.0;
    let useless = match invalid {
        _ if measured.deliveries == 0 => Some("no deliveries".to_owned()),
        _ if cpu_ns == 0 => Some("its process used no CPU: the server is another".to_owned()),
        Some(why) if !closed => Some(why.clone()),
        _ if !report.verdict.ended.is_empty() => Some("connections ended in it".to_owned()),
        _ => None,
    };
    if let Some(why) = useless {
        cell.dropped += 1;
        cell.why.get_or_insert(why);
        return None;
    }
    cell.saturated += u32::from(invalid.is_some());
    let latency = report.latency.get("all").filter(|_| invalid.is_none());
    Some(Figures {
        cpu_us: cpu_ns as f64 / 1e3 / measured.deliveries as f64,
        deliveries_per_s: measured.deliveries_per_s,
        p50_us: latency.map(|l| l.p50_us),
        p99_us: latency.map(|l| l.p99_us),
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::report::{Client, Measured, Verdict};

    fn terms() -> Terms {
        Terms {
            rounds: 1,
            time: Duration::from_millis(500),
            seed: 1,
            cores: None,
        }
    }

    /// Options of a closed or an open loop.
    fn fanout(rate: &str) -> Fanout {
        let text = r#"
            reference = "bare"
            [[shape]]
            size = 128
            outstanding = 16
        "#;
        let mut recipe: Recipe = toml::from_str(text).unwrap();
        recipe.shapes[0].options = vec!["--rate".to_owned(), rate.to_owned()];
        let peer = "name = \"a\"\nspawn = \"a\"\nurl = \"ws://127.0.0.1:0/\"";
        fanout_of(&toml::from_str(peer).unwrap(), &recipe.shapes[0], &terms()).unwrap()
    }

    fn report(deliveries: u64, invalid: bool, lost: u64) -> Report {
        let measured = Measured {
            deliveries,
            ..Measured::default()
        };
        let mut client = Client::default();
        client
            .invalid
            .extend(invalid.then(|| "too slow".to_owned()));
        let mut verdict = Verdict::default();
        verdict.faults.lost = lost;
        Report::new("fanout", measured, client, verdict)
    }

    #[test]
    fn words_become_options() {
        let options = fanout("0");
        let sending = &options.sending;
        assert_eq!((sending.size, sending.window, sending.batch), (128, 16, 16));
        assert_eq!(sending.measuring.duration, Duration::from_millis(500));
        assert!(sending.measuring.warmup.is_zero());
    }

    #[test]
    fn a_slow_client_spoils_latencies_in_a_closed_loop_and_the_round_in_an_open_one() {
        let mut cell = Cell::default();
        let closed = judge(
            &report(100, true, 0),
            200_000,
            &fanout("0"),
            &mut cell,
            true,
        );
        let closed = closed.unwrap();
        assert_eq!((closed.cpu_us, closed.p99_us), (2.0, None));
        assert_eq!((cell.saturated, cell.dropped), (1, 0));
        let open = judge(
            &report(100, true, 0),
            200_000,
            &fanout("10"),
            &mut cell,
            true,
        );
        assert_eq!((open, cell.dropped), (None, 1));
        assert_eq!(cell.why.as_deref(), Some("too slow"));
    }

    #[test]
    fn losses_are_marked_and_counted_in_the_warm_up_too() {
        let mut cell = Cell::default();
        let options = fanout("0");
        assert_eq!(
            judge(&report(5, false, 2), 1, &options, &mut cell, false),
            None
        );
        assert!(judge(&report(5, false, 1), 1, &options, &mut cell, true).is_some());
        assert_eq!(
            judge(&report(0, false, 4), 1, &options, &mut cell, true),
            None
        );
        assert_eq!((cell.faults.lost, cell.dropped), (7, 1));
        // What a peer leaves out and says so is counted too, but is no fault.
        let mut skipping = report(5, false, 0);
        skipping.verdict.skipped = 3;
        assert!(judge(&skipping, 1, &options, &mut cell, true).is_some());
        assert_eq!((cell.faults.lost, cell.skipped), (7, 3));
        // A cost of nothing would be the best of all.
        assert_eq!(
            judge(&report(9, false, 0), 0, &options, &mut cell, true),
            None
        );
    }

    #[test]
    fn the_recipes_that_come_along_make_sense() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
        for name in [
            "peers.toml",
            "paired.toml",
            "deflate.toml",
            "transports.toml",
        ] {
            let recipe = Recipe::read(&folder.join(name)).unwrap();
            for (peer, shape) in recipe
                .peers
                .iter()
                .flat_map(|p| recipe.shapes.iter().map(move |s| (p, s)))
            {
                let options = fanout_of(peer, shape, &terms());
                assert!(options.is_ok(), "{name}, {}: {options:?}", peer.name);
            }
        }
    }
}
