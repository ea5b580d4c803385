//! The project's files, read once: path below the root with `/`, text, and tokens where it is Rust.
//!
//! What git ignores is not the project's: build output, installed packages, dot directories but `.ci`,
//! and `.git` itself, which is a file in a further work tree.

use std::path::{Path, PathBuf};

use crate::code::{Token, tokens};

/// One text file of the project.
pub struct File {
    /// Path below the root, with `/`.
    pub path: String,
    /// The whole text.
    pub text: String,
}

impl File {
    /// The code without comments and literals, as tokens.
    pub fn tokens(&self) -> Vec<Token> {
        tokens(&self.text)
    }

    /// A complaint about a line (from 1) of this file.
    pub fn complain(&self, line: usize, text: &str) -> String {
        format!("{}:{line}: {text}", self.path)
    }
}

/// The root of the project.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All text files of the project, in the order of their paths.
pub fn read() -> Vec<File> {
    let mut paths = Vec::new();
    walk(root(), &mut paths);
    paths.sort();
    paths.iter().filter_map(|path| load(path)).collect()
}

fn load(path: &Path) -> Option<File> {
    let below = path.strip_prefix(root()).expect("below the root");
    // What is not UTF-8 is a picture or a corpus.
    let text = std::fs::read_to_string(path).ok()?;
    Some(File {
        path: below.to_str()?.replace('\\', "/"),
        text,
    })
}

fn walk(directory: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).expect("a readable directory") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            if !ignored(&name) {
                walk(&path, into);
            }
        } else if name != "Cargo.lock" && name != ".git" {
            into.push(path);
        }
    }
}

fn ignored(directory: &str) -> bool {
    let hidden = directory.starts_with('.') && directory != ".ci";
    let built = directory == "target" || directory.starts_with("target-");
    hidden
        || built
        || matches!(
            directory,
            "node_modules" | "__pycache__" | "corpus" | "artifacts"
        )
}
