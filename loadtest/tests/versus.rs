//! Bare servers side by side: the same cannot be told apart, a slow one can, a dead one is marked.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use common::{Ran, run, table};
use serde_json::Value;

const SHAPE: &str = "
    [[shape]]
    size = 128
    subscribers = 50
";

/// A file of its own for a test, with these peers; gone in the end.
struct Recipe(PathBuf);

impl Recipe {
    fn new(name: &str, peers: &[(&str, &str)], rest: &str) -> Recipe {
        let mut text = "reference = \"bare\"\nrounds = 9\nseconds = 0.1\n".to_owned();
        for (name, spawn) in peers {
            text += &format!(
                "[[peer]]\nname = {name:?}\nspawn = {spawn:?}\nurl = \"ws://127.0.0.1:0/x\"\n"
            );
        }
        let file = std::env::temp_dir().join(format!("versus-{}-{name}.toml", std::process::id()));
        fs::write(&file, text + rest).unwrap();
        Recipe(file)
    }

    fn run(&self, words: &str) -> Ran {
        run(&format!("versus {} {words}", self.0.display()))
    }
}

impl Drop for Recipe {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

const SAME: &str = "exec {self} baseline --listen {address}";

/// A bare server with a companion that burns CPU, for a while.
const SLOW: &str =
    "timeout 60 sh -c 'while :; do :; done' & exec {self} baseline --listen {address}";

/// A line of the first board.
fn line<'a>(ran: &'a Ran, peer: &str) -> &'a Value {
    let lines = ran.report["boards"][0]["lines"].as_array();
    let lines = lines.unwrap_or_else(|| panic!("no board: {} {:#}", ran.stderr, ran.report));
    let found = lines.iter().find(|l| l["peer"] == peer);
    found.unwrap_or_else(|| panic!("no {peer} in {:#}", ran.report))
}

fn ends(interval: &Value) -> [f64; 2] {
    ["low", "high"].map(|end| interval[end].as_f64().unwrap_or(f64::NAN))
}

#[test]
fn two_of_the_same_cannot_be_told_apart_and_a_slow_one_can() {
    let recipe = Recipe::new("slow", &[("same", SAME), ("slow", SLOW)], SHAPE);
    let ran = recipe.run("");
    assert_eq!(ran.code, 0, "{} {:#}", ran.stderr, ran.report);
    // A test machine is busy and rounds are few: a tenth to either side is still the same.
    let [low, high] = ends(&line(&ran, "same")["cpu"]);
    assert!(low < 1.1 && high > 0.9, "{low} to {high}");
    let [low, _] = ends(&line(&ran, "slow")["cpu"]);
    assert!(low > 1.3, "{low}");
    for peer in ["same", "slow", "bare"] {
        let line = line(&ran, peer);
        assert_eq!(line["rounds"].as_array().unwrap().len(), 9);
        // On a busy machine a round may pass before anything was sent.
        let dropped = line["dropped"].as_u64();
        assert!(dropped < Some(5) && line["ended"].is_null(), "{line:#}");
    }
    // What burns CPU while others have their turn is seen.
    let idle = |peer: usize| ran.number(&format!("/peers/{peer}/idle_cpu_share"));
    assert_eq!(ran.report["peers"][2]["peer"], "slow");
    assert!(
        idle(2) > 0.01 && idle(2) > 5.0 * idle(1),
        "{} {}",
        idle(1),
        idle(2)
    );
}

/// Kills the server that wrote its id into this file, once all are connected and messages flow: it
/// has its descriptors, has rested for a moment, and spends CPU again.
fn kill_when_busy(file: &Path, connections: usize) {
    let until = Instant::now() + Duration::from_secs(100);
    let (mut spent, mut since, mut rested) = (0, Instant::now(), None);
    while Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
        let text = fs::read_to_string(file).unwrap_or_default();
        let Ok(pid) = text.trim().parse::<u32>() else {
            continue;
        };
        let open = fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, |all| all.count());
        let cpu = fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap_or_default();
        let cpu_ns: u64 = cpu.split(' ').next().unwrap().parse().unwrap_or(0);
        if open <= connections || cpu_ns != spent {
            (spent, since) = (cpu_ns, Instant::now());
        } else if since.elapsed() > Duration::from_millis(100) {
            rested.get_or_insert(cpu_ns);
        }
        if rested.is_some_and(|at| cpu_ns > at + 2_000_000) {
            let killed = Command::new("kill").args(["-9", &pid.to_string()]).status();
            return assert!(killed.unwrap().success());
        }
    }
}

#[test]
fn one_that_dies_is_marked_and_the_others_go_on() {
    let file = std::env::temp_dir().join(format!("versus-{}-mortal", std::process::id()));
    let mortal = format!("echo $$ >{}; {SAME}", file.display());
    let recipe = Recipe::new("mortal", &[("mortal", &mortal), ("same", SAME)], SHAPE);
    let killer = std::thread::spawn({
        let file = file.clone();
        move || kill_when_busy(&file, 51)
    });
    let seen = table(&format!(
        "versus {} --rounds 15 --json {}.json",
        recipe.0.display(),
        file.display()
    ));
    killer.join().unwrap();
    let report = fs::read_to_string(file.with_extension("json")).unwrap();
    let ran = Ran {
        code: 1,
        report: serde_json::from_str(&report).unwrap(),
        stderr: String::new(),
    };
    let mortal = line(&ran, "mortal");
    assert!(mortal["ended"].is_string(), "{mortal:#}");
    assert!(mortal["rounds"][14].is_null(), "{mortal:#}");
    assert!(line(&ran, "same")["rounds"][14].is_object());
    let right = |peer: usize| ran.report["peers"][peer]["right"].as_bool();
    assert_eq!([0, 1, 2].map(right), [Some(true), Some(false), Some(true)]);
    assert!(seen.contains("ENDED") || seen.contains("WRONG"), "{seen}");
    let _ = fs::remove_file(file.with_extension("json"));
    let _ = fs::remove_file(file);
}

#[test]
fn shapes_of_all_kinds_in_one_table() {
    let shapes = "
        [[shape]]
        size = 128
        subscribers = 20
        [[shape]]
        size = \"1KiB\"
        subscribers = 20
        outstanding = 16
        reference = \"coalesced\"
        [[shape]]
        size = 128
        subscribers = 10
        peers = [\"same\"]
    ";
    let quotients = "quotients = [[\"1KiBx16x20\", \"128x1x20\"]]";
    let recipe = Recipe::new("shapes", &[("same", SAME)], shapes);
    let text = fs::read_to_string(&recipe.0).unwrap();
    fs::write(&recipe.0, format!("{quotients}\n{text}")).unwrap();
    let words = format!(
        "versus {} --rounds 2 --time 50ms --idle 40",
        recipe.0.display()
    );
    let seen = table(&words);
    for expected in [
        "| CPU per delivery ÷ the reference's | bare | coalesced | same |",
        "| 20 subscribers × 1 KiB × 16 ÷ coalesced |",
        "| 10 subscribers × 128 B × 1 ÷ bare |",
        "| 1KiBx16x20 ÷ 128x1x20 |",
        "| RSS per idle connection, bytes |",
        "| deliveries | all right | all right | all right |",
    ] {
        assert!(seen.contains(expected), "{expected} is not in\n{seen}");
    }
    let only = table(&format!("{words} --only 128x1x10"));
    assert!(
        only.contains("| bare | same |") && !only.contains("KiB"),
        "{only}"
    );
}

#[test]
fn what_cannot_be_run_is_a_sentence() {
    let recipe = Recipe::new("bad", &[("dead", "echo no luck; exit 7")], SHAPE);
    let ran = recipe.run("");
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr.contains("dead: the server has ended") && ran.stderr.contains("no luck"),
        "{}",
        ran.stderr
    );
    let ran = recipe.run("--only nobody");
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr
            .contains("no `nobody`; there are bare, dead, 128x1"),
        "{}",
        ran.stderr
    );
    let ran = run("versus /nowhere.toml");
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr.contains("cannot read /nowhere.toml"),
        "{}",
        ran.stderr
    );
}
