//! Bare servers side by side: the same cannot be told apart, a slow one can, a dead one is marked.

mod common;

use std::fs;
use std::path::PathBuf;

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
        assert_eq!(
            (&line["ended"], line["dropped"].as_u64()),
            (&Value::Null, Some(0))
        );
    }
    // What burns CPU while others have their turn is seen.
    let idle = |peer: usize| ran.number(&format!("/peers/{peer}/idle_cpu_share"));
    assert_eq!(ran.report["peers"][1]["peer"], "slow");
    assert!(idle(0) < 0.05 && idle(1) > 0.2, "{} {}", idle(0), idle(1));
}

#[test]
fn one_that_dies_is_marked_and_the_others_go_on() {
    let mortal = format!("exec timeout 0.7 sh -c '{SAME}'");
    let recipe = Recipe::new("mortal", &[("mortal", &mortal), ("same", SAME)], SHAPE);
    let ran = recipe.run("");
    assert_eq!(ran.code, 1, "{} {:#}", ran.stderr, ran.report);
    let mortal = line(&ran, "mortal");
    assert!(mortal["ended"].is_string(), "{mortal:#}");
    assert!(mortal["rounds"][8].is_null(), "{mortal:#}");
    assert!(line(&ran, "same")["rounds"][8].is_object());
    assert_eq!(ran.report["peers"][1]["right"], true);
    assert!(table(&format!("versus {} --rounds 5", recipe.0.display())).contains("ENDED"));
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
        "| CPU per delivery ÷ the reference's | same | bare | coalesced |",
        "| 20 subscribers × 1KiB × 16 ÷ coalesced |",
        "| 10 subscribers × 128 B × 1 ÷ bare |",
        "| 1KiBx16x20 ÷ 128x1x20 |",
        "| RSS per idle connection, bytes |",
        "| deliveries | all right | all right | all right |",
    ] {
        assert!(seen.contains(expected), "{expected} is not in\n{seen}");
    }
    let only = table(&format!("{words} --only 128x1x10"));
    assert!(
        only.contains("| same | bare |") && !only.contains("1KiB"),
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
            .contains("no `nobody`; there are dead, bare, 128x1"),
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
