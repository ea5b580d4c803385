//! The file that says who meets whom, and over which distances.
//!
//! Shapes are named `SIZExOUTSTANDING` (`128x16`), with the subscribers behind when the file has
//! several numbers of them (`128x16x1000`). Two peers need no entry: `bare` and `coalesced`, the
//! built-in `baseline` without and with `--coalesce`.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::cli::message_size;

/// The whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Whom the others are measured by, where a shape names nobody else.
    pub reference: String,
    /// Rounds that count.
    #[serde(default = "rounds")]
    pub rounds: u32,
    /// Seconds of one round.
    #[serde(default = "seconds")]
    pub seconds: f64,
    /// Idle connections for the memory of one; 0: not asked.
    #[serde(default)]
    pub idle: u32,
    /// Who takes part.
    #[serde(default, rename = "peer")]
    pub peers: Vec<Peer>,
    /// What is asked of them.
    #[serde(rename = "shape")]
    pub shapes: Vec<Shape>,
    /// Pairs of shapes: the first's cost by the second's, for each peer that has both.
    #[serde(default)]
    pub quotients: Vec<[String; 2]>,
}

fn rounds() -> u32 {
    31
}

fn seconds() -> f64 {
    0.5
}

/// One server.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    /// Its name in the tables.
    pub name: String,
    /// The command that starts it, for `sh -c`.
    pub spawn: String,
    /// Where it listens then; port 0 for any free one.
    pub url: String,
    /// Further options of `fanout` and `idle` that it needs.
    #[serde(default)]
    pub options: Vec<String>,
    /// A file without which it is not installed.
    #[serde(default)]
    pub needs: Option<String>,
    /// What installs it.
    #[serde(default)]
    pub setup: Option<String>,
}

/// One load.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// Connections that listen.
    #[serde(default = "subscribers")]
    pub subscribers: u32,
    /// Bytes of a message, as `128` or `"16KiB"`.
    pub size: Size,
    /// Messages under way at once, sent in one write.
    #[serde(default = "outstanding")]
    pub outstanding: u32,
    /// Whom the others are measured by here.
    #[serde(default)]
    pub reference: Option<String>,
    /// Who takes part here; none named: all.
    #[serde(default)]
    pub peers: Vec<String>,
    /// Further options of `fanout`, such as `--rate`.
    #[serde(default)]
    pub options: Vec<String>,
    /// Its name; given by [`Recipe::read`].
    #[serde(skip)]
    pub name: String,
}

fn subscribers() -> u32 {
    1000
}

fn outstanding() -> u32 {
    1
}

/// A size as a number or as text.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Size {
    /// Bytes.
    Bytes(u64),
    /// Bytes, or with a unit.
    Text(String),
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Size::Bytes(n) => n.fmt(f),
            Size::Text(text) => text.fmt(f),
        }
    }
}

/// What `{here}`, `{bin}`, `{target}` and `{self}` stand for.
#[derive(Debug, Clone)]
pub struct Places {
    here: PathBuf,
    myself: PathBuf,
}

impl Places {
    /// Beside this file, and around this program.
    ///
    /// # Errors
    /// A sentence, when one of them cannot be found.
    pub fn of(file: &Path) -> Result<Places, String> {
        let whole = file.canonicalize();
        let whole = whole.map_err(|e| format!("cannot read {}: {e}", file.display()))?;
        let myself = std::env::current_exe();
        Ok(Places {
            here: whole.parent().unwrap_or(Path::new("/")).to_owned(),
            myself: myself.map_err(|e| format!("cannot find this program: {e}"))?,
        })
    }

    /// Puts them into a text; `quoted` for a shell.
    fn fill(&self, text: &str, quoted: bool) -> String {
        let bin = self.myself.parent().unwrap_or(Path::new("/"));
        let target = bin.parent().unwrap_or(Path::new("/"));
        let places = [
            ("{here}", &*self.here),
            ("{bin}", bin),
            ("{target}", target),
            ("{self}", &*self.myself),
        ];
        let mut text = text.to_owned();
        for (name, path) in places {
            let path = path.to_string_lossy();
            let plain = |c: char| c.is_alphanumeric() || "/._-+".contains(c);
            match quoted && !path.chars().all(plain) {
                true => text = text.replace(name, &format!("'{}'", path.replace('\'', r"'\''"))),
                false => text = text.replace(name, &path),
            }
        }
        text
    }
}

impl Recipe {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// A sentence: what is wrong, and where.
    pub fn read(file: &Path) -> Result<Recipe, String> {
        let text = std::fs::read_to_string(file);
        let text = text.map_err(|e| format!("cannot read {}: {e}", file.display()))?;
        let recipe = Recipe::parse(&text, &Places::of(file)?);
        recipe.map_err(|why| format!("{}: {why}", file.display()))
    }

    fn parse(text: &str, places: &Places) -> Result<Recipe, String> {
        let mut recipe: Recipe = toml::from_str(text).map_err(|e| e.to_string())?;
        recipe.add_built_in();
        recipe.name_shapes();
        for peer in &mut recipe.peers {
            peer.spawn = places.fill(&peer.spawn, true);
            peer.needs = peer.needs.as_ref().map(|path| places.fill(path, false));
            peer.url = places.fill(&peer.url, false);
            for option in &mut peer.options {
                *option = places.fill(option, false);
            }
        }
        recipe.check()?;
        Ok(recipe)
    }

    fn add_built_in(&mut self) {
        // Put before the others one by one, `bare` last: it stands first.
        for (name, options) in [("coalesced", " --coalesce"), ("bare", "")] {
            let of_shapes = |s: &Shape| {
                s.reference.as_deref() == Some(name) || s.peers.iter().any(|p| p == name)
            };
            let named = self.reference == name || self.shapes.iter().any(of_shapes);
            if !named || self.peers.iter().any(|p| p.name == name) {
                continue;
            }
            let peer = Peer {
                name: name.to_owned(),
                spawn: format!("exec {{self}} baseline{options} --listen {{address}}"),
                url: "ws://127.0.0.1:0/channels/bench".to_owned(),
                options: Vec::new(),
                needs: None,
                setup: None,
            };
            self.peers.insert(0, peer);
        }
    }

    fn name_shapes(&mut self) {
        let numbers: HashSet<u32> = self.shapes.iter().map(|s| s.subscribers).collect();
        for shape in &mut self.shapes {
            shape.name = format!("{}x{}", shape.size, shape.outstanding);
            if numbers.len() > 1 {
                shape.name += &format!("x{}", shape.subscribers);
            }
        }
    }

    /// Refuses what contradicts itself.
    fn check(&self) -> Result<(), String> {
        if self.rounds == 0 || !(0.01..=3600.0).contains(&self.seconds) {
            return Err("`rounds` from 1 on, `seconds` from 0.01 to 3600".to_owned());
        }
        let mut names = HashSet::new();
        if let Some(twice) = self.peers.iter().find(|p| !names.insert(&p.name)) {
            return Err(format!("two peers are called `{}`", twice.name));
        }
        let mut shapes = HashSet::new();
        for shape in &self.shapes {
            message_size(&shape.size.to_string()).map_err(|e| format!("{}: {e}", shape.name))?;
            if !shapes.insert(&shape.name) {
                return Err(format!("two shapes are called `{}`", shape.name));
            }
            let reference = self.reference_of(shape);
            let mut all = shape.peers.iter().map(String::as_str).chain([reference]);
            if let Some(unknown) = all.find(|name| !names.iter().any(|n| *n == name)) {
                return Err(format!("{}: no peer is called `{unknown}`", shape.name));
            }
        }
        match self
            .quotients
            .iter()
            .flatten()
            .find(|s| !shapes.contains(s))
        {
            Some(unknown) => Err(format!("quotients: no shape is called `{unknown}`")),
            None if self.shapes.is_empty() => Err("no shapes".to_owned()),
            None => Ok(()),
        }
    }

    /// Whom the others are measured by in this shape.
    pub fn reference_of<'a>(&'a self, shape: &'a Shape) -> &'a str {
        shape.reference.as_deref().unwrap_or(&self.reference)
    }

    /// Whether this peer has its part in this shape, be it as the reference.
    pub fn plays(&self, peer: &Peer, shape: &Shape) -> bool {
        shape.has(&peer.name) || self.reference_of(shape) == peer.name
    }

    /// Leaves only these peers, with those they are measured by, and only these shapes. Names of
    /// one kind alone leave all of the other kind.
    ///
    /// # Errors
    /// A sentence with the name that is neither, and all there are.
    pub fn keep_only(&mut self, names: &[String]) -> Result<(), String> {
        let is_peer = |name: &String| self.peers.iter().any(|p| p.name == *name);
        let is_shape = |name: &String| self.shapes.iter().any(|s| s.name == *name);
        if let Some(neither) = names.iter().find(|n| !is_peer(n) && !is_shape(n)) {
            let peers = self.peers.iter().map(|p| p.name.as_str());
            let all: Vec<&str> = peers.chain(self.shapes.iter().map(|s| &*s.name)).collect();
            return Err(format!(
                "--only: no `{neither}`; there are {}",
                all.join(", ")
            ));
        }
        let only_shapes: Vec<String> = names.iter().filter(|n| is_shape(n)).cloned().collect();
        let only_peers: Vec<String> = names.iter().filter(|n| is_peer(n)).cloned().collect();
        if !only_shapes.is_empty() {
            self.shapes.retain(|s| only_shapes.contains(&s.name));
        }
        if !only_peers.is_empty() {
            let mut kept = only_peers;
            kept.extend(self.shapes.iter().map(|s| self.reference_of(s).to_owned()));
            self.peers.retain(|p| kept.contains(&p.name));
        }
        self.drop_the_absent();
        Ok(())
    }

    /// Leaves out peers that are not installed; their names.
    pub fn skip_missing(&mut self) -> Vec<String> {
        let (here, missing) = std::mem::take(&mut self.peers)
            .into_iter()
            .partition(Peer::is_installed);
        self.peers = here;
        self.drop_the_absent();
        let missing: Vec<Peer> = missing;
        missing.into_iter().map(|p| p.name).collect()
    }

    /// Refuses to go on without somebody whom others are measured by.
    ///
    /// # Errors
    /// A sentence with the name.
    pub fn check_references(&self) -> Result<(), String> {
        let is_there = |name: &str| self.peers.iter().any(|p| p.name == name);
        let gone = self.shapes.iter().map(|s| self.reference_of(s));
        match gone.into_iter().find(|name| !is_there(name)) {
            Some(name) => Err(format!(
                "others are measured by {name}, which is not installed"
            )),
            None => Ok(()),
        }
    }

    /// Takes out of shapes and quotients what is no longer there, and peers that meet nobody.
    fn drop_the_absent(&mut self) {
        let shapes: HashSet<String> = self.shapes.iter().map(|s| s.name.clone()).collect();
        self.quotients
            .retain(|pair| pair.iter().all(|s| shapes.contains(s)));
        let used = |peer: &Peer| self.shapes.iter().any(|s| self.plays(peer, s));
        let used: Vec<bool> = self.peers.iter().map(used).collect();
        let mut used = used.into_iter();
        self.peers.retain(|_| used.next().unwrap_or(true));
    }
}

impl Peer {
    /// Whether what it needs is there.
    pub fn is_installed(&self) -> bool {
        self.needs
            .as_ref()
            .is_none_or(|path| Path::new(path).exists())
    }

    /// # Errors
    /// A sentence: what is missing, and how it gets there.
    pub fn check_installed(&self) -> Result<(), String> {
        match &self.needs {
            Some(path) if !self.is_installed() => {
                let how = self
                    .setup
                    .as_ref()
                    .map(|s| format!("run {s}, "))
                    .unwrap_or_default();
                Err(format!(
                    "{} is not installed, there is no {path}: {how}leave it out with --only, or give --skip-missing",
                    self.name
                ))
            }
            _ => Ok(()),
        }
    }
}

impl Shape {
    /// Whether this peer is named here, or nobody is.
    pub fn has(&self, peer: &str) -> bool {
        self.peers.is_empty() || self.peers.iter().any(|p| p == peer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
        reference = "bare"
        quotients = [["128x16", "128x1"]]
        [[peer]]
        name = "a"
        spawn = "NODE_PATH={here}/n exec {target}/a {port}"
        url = "ws://127.0.0.1:0/a"
        needs = "{target}/a"
        setup = "make a"
        [[peer]]
        name = "b"
        spawn = "b"
        url = "ws://127.0.0.1:0/b"
        [[shape]]
        size = 128
        [[shape]]
        size = "128"
        outstanding = 16
        reference = "coalesced"
        peers = ["b"]
    "#;

    fn parse(text: &str) -> Result<Recipe, String> {
        let places = Places {
            here: "/it's here".into(),
            myself: "/x/target/release/loadtest".into(),
        };
        Recipe::parse(text, &places)
    }

    fn names(recipe: &Recipe) -> Vec<&str> {
        recipe.peers.iter().map(|p| p.name.as_str()).collect()
    }

    #[test]
    fn shapes_have_names_and_the_built_in_peers_are_there_when_named() {
        let recipe = parse(TEXT).unwrap();
        assert_eq!(names(&recipe), ["bare", "coalesced", "a", "b"]);
        let shapes: Vec<&str> = recipe.shapes.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(shapes, ["128x1", "128x16"]);
        assert_eq!(recipe.reference_of(&recipe.shapes[1]), "coalesced");
        let spawn = &recipe.peers[1].spawn;
        assert_eq!(
            spawn,
            "exec /x/target/release/loadtest baseline --coalesce --listen {address}"
        );
        let two = parse(&TEXT.replace("size = 128\n", "size = 128\nsubscribers = 5\n"));
        assert!(two.unwrap_err().contains("no shape is called `128x16`"));
    }

    #[test]
    fn places_are_filled_in_and_quoted_for_the_shell() {
        let recipe = parse(TEXT).unwrap();
        assert_eq!(
            recipe.peers[2].spawn,
            r"NODE_PATH='/it'\''s here'/n exec /x/target/a {port}"
        );
        assert_eq!(recipe.peers[2].needs.as_deref(), Some("/x/target/a"));
    }

    #[test]
    fn only_some_peers_keep_those_they_are_measured_by() {
        let only = |names: &[&str]| {
            let mut recipe = parse(TEXT).unwrap();
            let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
            recipe.keep_only(&names).map(|()| recipe)
        };
        let recipe = only(&["b"]).unwrap();
        assert_eq!(names(&recipe), ["bare", "coalesced", "b"]);
        let recipe = only(&["128x16"]).unwrap();
        assert_eq!(names(&recipe), ["coalesced", "b"]);
        assert_eq!((recipe.shapes.len(), recipe.quotients.len()), (1, 0));
        let why = only(&["c"]).unwrap_err();
        assert!(
            why.contains("`c`; there are bare, coalesced, a, b, 128x1, 128x16"),
            "{why}"
        );
    }

    #[test]
    fn what_is_not_installed_is_named_or_skipped() {
        let mut recipe = parse(TEXT).unwrap();
        let why = recipe.peers[2].check_installed().unwrap_err();
        assert!(why.starts_with("a is not installed, there is no /x/target/a: run make a"));
        assert_eq!(recipe.peers[3].check_installed(), Ok(()));
        assert_eq!(recipe.skip_missing(), ["a"]);
        assert_eq!(names(&recipe), ["bare", "coalesced", "b"]);
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        for (from, to, why) in [
            ("\"coalesced\"", "\"c\"", "no peer is called `c`"),
            ("name = \"b\"", "name = \"a\"", "two peers are called `a`"),
            ("\"128\"", "\"3\"", "24 bytes"),
            (
                "outstanding = 16",
                "outstanding = 1",
                "two shapes are called `128x1`",
            ),
            ("[\"b\"]", "[\"c\"]", "no peer is called `c`"),
            (
                "reference = \"bare\"",
                "reference = \"bare\"\nrounds = 0",
                "rounds",
            ),
            ("spawn = \"b\"", "spawn = \"b\"\nspwan = 1", "spwan"),
        ] {
            assert!(TEXT.contains(from), "{from}");
            let error = parse(&TEXT.replacen(from, to, 1)).unwrap_err();
            assert!(error.contains(why), "{to}: {error}");
        }
    }
}
