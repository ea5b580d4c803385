//! `mixed`: several channels at once, each with its own people and pace, out of a file. What one
//! notices of the others is the ratio of its latency with them and without.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde::Deserialize;

use super::crowd::Crowd;
use super::fates::Fates;
use super::finish;
use super::group::Plan;
use super::inside::Inside;
use super::pairs::{Pairs, Round, Side};
use super::senders::Pacing;
use super::slow::{Kind, catch_up, come};
use crate::cli::{Common, Measuring, duration};
use crate::dialect::{Dialect, DialectOptions};
use crate::drive::{Connected, Driven, Span, Stage, connect, measure};
use crate::pace::Lateness;
use crate::payload::HEADER_BYTES;
use crate::report::Report;
use crate::timeline::Recorder;

/// The most channels in a file.
const GROUPS_MAX: usize = 64;
/// The most connections of one group.
const CONNECTIONS_MAX: u32 = 1_000_000;

/// Options of `mixed`.
#[derive(Debug, Clone, Args)]
pub struct Mixed {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub common: Common,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub measuring: Measuring,
    /// What is to happen on which channels, as TOML; see loadtest/examples
    #[arg(long)]
    pub file: PathBuf,
    /// Measure in turn with this group alone and with all: prints the ratio of its p99
    #[arg(long, value_name = "GROUP")]
    pub alone: Option<String>,
    /// So many times
    #[arg(long, default_value_t = 5, requires = "alone", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,
    /// Messages missing between others are no fault at a slow subscriber (a server may skip)
    #[arg(long)]
    pub gaps_allowed: bool,
    /// How long the slow may take to read what is left for them, once they read again
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub catch_up: Duration,
}

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scene {
    group: Vec<Channel>,
}

/// One channel of the file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Channel {
    name: String,
    path: String,
    /// The path where its publishers go, with `--publish-url`.
    publish_path: Option<String>,
    subscribers: u32,
    #[serde(default = "one")]
    publishers: u32,
    #[serde(default)]
    own: bool,
    #[serde(default = "default_size")]
    size: usize,
    #[serde(default)]
    rate: f64,
    #[serde(default = "one")]
    window: u32,
    #[serde(default = "one")]
    batch: u32,
    #[serde(default)]
    stalled: u32,
    #[serde(default)]
    trickling: u32,
    #[serde(default = "default_trickle")]
    trickle: u32,
}

fn one() -> u32 {
    1
}

fn default_size() -> usize {
    128
}

fn default_trickle() -> u32 {
    1024
}

impl Scene {
    fn parse(text: &str) -> Result<Scene, String> {
        let scene: Scene = toml::from_str(text).map_err(|e| e.to_string())?;
        if !(1..=GROUPS_MAX).contains(&scene.group.len()) {
            return Err(format!("expected 1 to {GROUPS_MAX} groups"));
        }
        for (n, group) in scene.group.iter().enumerate() {
            let fails = |why: &str| Err(format!("group {}: {why}", group.name));
            let twice = |other: &Channel| other.name == group.name || other.path == group.path;
            let people = [group.subscribers, group.stalled, group.trickling];
            match group {
                g if scene.group[..n].iter().any(twice) => {
                    return fails(&format!("the name or the path {} is there twice", g.path));
                }
                g if !g.path.starts_with('/') => return fails("path must begin with /"),
                g if g.publish_path.as_ref().is_some_and(|p| !p.starts_with('/')) => {
                    return fails("publish_path must begin with /");
                }
                g if g.subscribers == 0 => return fails("subscribers must be 1 or more"),
                g if !(1..=4096).contains(&g.publishers) => {
                    return fails("publishers must be 1 to 4096");
                }
                _ if people.iter().any(|&n| n > CONNECTIONS_MAX) => {
                    return fails("too many connections");
                }
                g if !(HEADER_BYTES..=64 << 20).contains(&g.size) => {
                    return fails("size must be 24 to 64 MiB");
                }
                g if !(0.0..=1e7).contains(&g.rate) => return fails("rate must be 0 to 10000000"),
                g if g.window == 0 || g.batch == 0 => {
                    return fails("window and batch must be 1 or more");
                }
                g if g.rate == 0.0 && g.batch > g.window => {
                    return fails("batch is over window: it could never send");
                }
                g if g.trickle < 10 => return fails("trickle must be 10 or more"),
                _ => {}
            }
        }
        Ok(scene)
    }

    /// Refuses channels that this dialect cannot tell apart.
    fn fits(&self, dialect: &DialectOptions) -> Result<(), String> {
        if dialect.dialect == Dialect::Socketio {
            return Err(
                "Socket.IO has namespaces, not paths: mixed needs another dialect".to_owned(),
            );
        }
        let elsewhere = dialect.publish_url.is_some();
        match self
            .group
            .iter()
            .find(|g| g.publish_path.is_some() != elsewhere)
        {
            Some(g) if elsewhere => Err(format!(
                "group {}: --publish-url needs its publish_path",
                g.name
            )),
            Some(g) => Err(format!(
                "group {}: publish_path needs --publish-url",
                g.name
            )),
            None => Ok(()),
        }
    }
}

impl Channel {
    fn plan(&self, options: &Mixed) -> Plan {
        Plan {
            name: self.name.clone(),
            path: Some(self.path.clone()),
            publish_path: self.publish_path.clone(),
            subscribers: self.subscribers,
            publishers: self.publishers,
            own: self.own,
            size: self.size,
            talk: options.common.dialect.talk(),
            pacing: Pacing {
                rate: self.rate,
                window: self.window,
                batch: self.batch,
                late_ns: options.measuring.late.as_nanos() as u64,
            },
        }
    }

    fn slow(&self) -> Kind {
        Kind {
            stalled: self.stalled as usize,
            trickling: self.trickling as usize,
            trickle: self.trickle,
        }
    }
}

/// Runs it.
///
/// # Errors
/// A sentence, when the run could not be made.
pub fn run(options: &Mixed) -> Result<Report, String> {
    let (common, measuring) = (&options.common, &options.measuring);
    measuring.check()?;
    let file = options.file.display();
    let text = std::fs::read_to_string(&options.file);
    let text = text.map_err(|e| format!("cannot read {file}: {e}"))?;
    let scene = Scene::parse(&text).map_err(|why| format!("{file}: {why}"))?;
    let fits = scene.fits(&common.dialect);
    fits.map_err(|why| format!("{file}: {why}"))?;
    let plans: Vec<Plan> = scene.group.iter().map(|g| g.plan(options)).collect();
    plans.iter().try_for_each(|p| common.dialect.fits(p.size))?;
    let named = |name: &String| {
        let found = plans.iter().position(|p| p.name == *name);
        found.ok_or_else(|| format!("--alone {name}: {file} has no such group"))
    };
    let alone = options.alone.as_ref().map(named).transpose()?;
    let stay: usize = plans.iter().map(Plan::connections).sum();
    let slow: usize = scene
        .group
        .iter()
        .map(|g| (g.stalled + g.trickling) as usize)
        .sum();
    let spans = alone.map_or(1, |_| 2 * options.rounds);
    let takes = (measuring.whole() + common.grace) * spans + options.catch_up;
    let mut stage = Stage::new(common, (stay + slow) as u64, takes)?;
    let mut crowd = Crowd::new(&plans, stage.run, common.seed, Span::of(measuring));
    let connected = connect(&mut stage, &mut crowd, stay)?;
    let mut slow = Vec::new();
    for (g, group) in scene.group.iter().enumerate() {
        slow.extend(come(&mut stage, &mut crowd, g, group.slow())?);
    }

    let inside = Inside::begin(&measuring.inside)?;
    let mut pairs = Pairs::default();
    let mut lateness = Lateness::default();
    let driven = match alone {
        None => one_span(options, &mut stage, &mut crowd, &connected, None)?,
        Some(group) => pairs.run(options.rounds, common.seed, |side| {
            let inside = Inside::begin(&measuring.inside)?;
            let only = (side == Side::Without).then_some(group);
            let driven = one_span(options, &mut stage, &mut crowd, &connected, only)?;
            lateness.add(&crowd.groups[group].senders.lateness);
            Ok(Round {
                driven,
                latency: crowd.groups[group].all.clone(),
                inside_p99: inside.p99()?,
            })
        })?,
    };
    catch_up(&mut stage, &mut crowd, &slow, options.catch_up)?;
    let mut fates = Fates::default();
    fates.end(&slow, &mut stage.reactor, &mut crowd, options.gaps_allowed);
    let mut report = finish::report("mixed", &stage, &mut crowd, driven);
    if alone.is_some() {
        finish::rejudge(&mut report, &lateness);
    }
    if !fates.is_empty() {
        fates.tell(&mut report);
    }
    pairs.tell(&mut report, "others", common.seed);
    inside.end(&mut report.figures)?;
    stage.reactor.close();
    Ok(report)
}

/// One measured span, with all groups or with only one.
fn one_span(
    options: &Mixed,
    stage: &mut Stage,
    crowd: &mut Crowd,
    connected: &Connected,
    only: Option<usize>,
) -> Result<Driven, String> {
    let (measuring, span) = (&options.measuring, Span::of(&options.measuring));
    crowd.begin(span);
    let silent = |g: usize| only.is_some_and(|only| only != g);
    for (_, group) in crowd
        .groups
        .iter_mut()
        .enumerate()
        .filter(|(g, _)| silent(*g))
    {
        group.senders.silence();
    }
    crowd.recorder = Some(Recorder::new(measuring.warmup, measuring.whole()));
    measure(stage, crowd, connected, span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_can_be_read() {
        let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
        let mut seen = 0;
        for entry in std::fs::read_dir(examples).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            assert!(!Scene::parse(&text).unwrap().group.is_empty());
            seen += 1;
        }
        assert!(seen >= 2);
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        let base = "[[group]]\nname='a'\npath='/a'\nsubscribers=3\n";
        assert_eq!(Scene::parse(base).unwrap().group[0].size, 128);
        for (more, word) in [
            ("batch=2", "batch"),
            ("size=5", "size"),
            ("rate=-1.0", "rate"),
            ("publishers=0", "publishers"),
            ("subscribes=4", "unknown field"),
            ("trickle=1", "trickle"),
            ("publish_path='a'", "publish_path must begin"),
            ("[[group]]\nname='b'\npath='/a'\nsubscribers=3", "twice"),
            ("[[group]]\nname='b'\npath='b'\nsubscribers=3", "path"),
            (
                "[[group]]\nname='b'\npath='/b'\nsubscribers=0",
                "subscribers",
            ),
        ] {
            let why = Scene::parse(&format!("{base}{more}\n")).unwrap_err();
            assert!(why.contains(word), "{more}: {why}");
        }
        assert!(Scene::parse("group = []").unwrap_err().contains("1 to 64"));
    }
}
