//! `versus`: servers side by side, over the same loads, in turn, by the ratio of what they spend.
//!
//! | file | job |
//! |---|---|
//! | `recipe` | who meets whom, and over which loads |
//! | `contest` | the rounds |
//! | `score` | what the rounds say |
//! | `memory` | what an idle connection costs each |
//! | `table` | how it is shown |

mod contest;
mod memory;
mod recipe;
mod score;
mod table;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use crate::cli::duration;
use crate::report::{Environment, to_json};
use crate::stats::Interval;
use crate::{progress, target};
use contest::Terms;
use memory::Memory;
use recipe::{Recipe, Shape};
use score::Board;

/// Options of `versus`.
#[derive(Debug, Clone, Args)]
pub struct Versus {
    /// Who meets whom: a TOML file such as loadtest/peers/peers.toml
    pub recipe: PathBuf,
    /// Rounds that count, for each peer and shape [default: the file's, or 31]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub rounds: Option<u32>,
    /// Time of one round [default: the file's `seconds`, or 500ms]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub time: Option<Duration>,
    /// Only these peers (with those they are measured by) and shapes
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Leave out peers that are not installed
    #[arg(long)]
    pub skip_missing: bool,
    /// Idle connections for the memory of one; 0: leave it out [default: the file's]
    #[arg(long, value_name = "N")]
    pub idle: Option<u32>,
    /// Keep the servers on these cores, and this process off them [default: all but the last]
    #[arg(long, value_name = "LIST")]
    pub target_cores: Option<String>,
    /// Also write everything, round by round, as JSON into this file; "-" prints it instead
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Everything random comes from this number
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// How everyone did.
#[derive(Debug, Clone, Serialize)]
pub struct Standings {
    /// Where and when.
    pub environment: Environment,
    /// Rounds that counted.
    pub rounds: u32,
    /// Seconds of one.
    pub seconds: f64,
    /// What reproduces the order.
    pub seed: u64,
    /// All peers, in the order of the tables.
    pub peers: Vec<Summary>,
    /// Peers left out because they are not installed.
    pub missing: Vec<String>,
    /// A board for each shape.
    pub boards: Vec<Board>,
}

/// What a peer did over all shapes.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// Its name.
    pub peer: String,
    /// Geometric mean of its CPU ratios, when it was in all shapes.
    pub mean: Option<Interval>,
    /// Its cost in one shape by that in another.
    pub quotients: Vec<Quotient>,
    /// What an idle connection costs it.
    pub memory: Option<Memory>,
    /// Its CPU while others had their turn, as a share of one core.
    pub idle_cpu_share: f64,
    /// Whether every delivery was right.
    pub right: bool,
}

/// One shape's cost by another's.
#[derive(Debug, Clone, Serialize)]
pub struct Quotient {
    #[allow(missing_docs)]
    pub of: String,
    #[allow(missing_docs)]
    pub by: String,
    /// `None` when the peer was not in both.
    pub ratio: Option<Interval>,
}

/// Runs it and says how everyone did; 1 when deliveries were wrong, 3 when a peer has no round that
/// counts.
///
/// # Errors
/// A sentence, when the file is wrong or a peer cannot be started.
pub fn run(options: &Versus) -> Result<u8, String> {
    let mut recipe = Recipe::read(&options.recipe)?;
    recipe.keep_only(&options.only)?;
    let missing = match options.skip_missing {
        true => recipe.skip_missing(),
        false => Vec::new(),
    };
    recipe.peers.iter().try_for_each(|p| p.check_installed())?;
    recipe.check_references()?;
    target::raise_descriptors();
    let terms = Terms {
        rounds: options.rounds.unwrap_or(recipe.rounds),
        time: options
            .time
            .unwrap_or(Duration::from_secs_f64(recipe.seconds)),
        seed: options.seed,
        cores: options.target_cores.clone(),
    };
    let idle = options.idle.unwrap_or(recipe.idle);
    let standings = play(&recipe, &terms, idle, missing)?;
    standings.write_out(options)?;
    Ok(standings.exit_code())
}

fn play(
    recipe: &Recipe,
    terms: &Terms,
    idle: u32,
    missing: Vec<String>,
) -> Result<Standings, String> {
    let environment = Environment::gather();
    let pairs = recipe
        .shapes
        .iter()
        .map(|s| recipe.peers.iter().filter(|p| recipe.plays(p, s)).count());
    let bar = progress::bar(
        "rounds",
        pairs.sum::<usize>() as u64 * u64::from(terms.rounds + 1),
    );
    let rounds = contest::play(recipe, terms, |peer, what| {
        bar.set_message(format!("{peer} {what}"));
        if what != "starts" {
            bar.inc(1);
        }
    })?;
    bar.finish_and_clear();
    let board = |(shape, cells): (&Shape, _)| {
        let reference = recipe.reference_of(shape).to_owned();
        Board::new(shape, reference, cells, terms.seed)
    };
    let boards: Vec<Board> = recipe.shapes.iter().zip(rounds.cells).map(board).collect();
    let mut peers = Vec::new();
    for (peer, (_, idleness)) in recipe.peers.iter().zip(rounds.idle) {
        let memory = match idle {
            0 => None,
            n => Some(memory::measure(peer, n, terms)?),
        };
        let mut lines = boards.iter().filter_map(|b| b.line(&peer.name));
        peers.push(Summary {
            peer: peer.name.clone(),
            mean: score::mean_over(&boards, &peer.name, terms.seed),
            quotients: quotients(recipe, &boards, &peer.name, terms.seed),
            idle_cpu_share: idleness.share(),
            right: lines.all(|l| l.cell.is_right()),
            memory,
        });
    }
    Ok(Standings {
        environment,
        rounds: terms.rounds,
        seconds: terms.time.as_secs_f64(),
        seed: terms.seed,
        peers,
        missing,
        boards,
    })
}

fn quotients(recipe: &Recipe, boards: &[Board], peer: &str, seed: u64) -> Vec<Quotient> {
    let board = |name: &str| boards.iter().find(|b| b.shape == name);
    let pairs = recipe.quotients.iter();
    let each = pairs.map(|[of, by]| Quotient {
        of: of.clone(),
        by: by.clone(),
        ratio: board(of)
            .zip(board(by))
            .and_then(|(of, by)| score::quotient(of, by, peer, seed)),
    });
    each.collect()
}

impl Standings {
    fn exit_code(&self) -> u8 {
        let mut lines = self.boards.iter().flat_map(|b| &b.lines);
        let wrong = |s: &Summary| !s.right || s.memory.as_ref().is_some_and(|m| !m.right);
        match self.peers.iter().any(wrong) {
            true => 1,
            false if lines.any(|l| l.cpu.is_none()) => 3,
            false => 0,
        }
    }

    fn write_out(&self, options: &Versus) -> Result<(), String> {
        match &options.json {
            Some(path) if path.as_os_str() == "-" => {
                print!("{}", to_json(self));
                return Ok(());
            }
            Some(path) => {
                let written = std::fs::write(path, to_json(self));
                written.map_err(|e| format!("cannot write {}: {e}", path.display()))?;
            }
            None => {}
        }
        print!("{self}");
        Ok(())
    }
}
