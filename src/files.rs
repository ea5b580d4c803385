//! The files that are served at `/`: in memory since the start, shared by all who ask.
//!
//! Rules: a path is decoded, relative, and ends in `/` where it names a directory (the root is
//! empty). The table never changes; whoever fills it answers for the names in it.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// What a directory shows.
pub const INDEX: &str = "index.html";

/// First segments that are the relay's own: no file is served there.
pub const OWN: [&str; 6] = [
    "channels",
    "connections",
    "echo",
    "healthz",
    "metrics",
    "readyz",
];

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its media type.
    pub content_type: &'static str,
    /// Its strong entity tag, quotes included (RFC 9110 8.8.3).
    pub etag: String,
    /// All of it.
    pub body: Arc<[u8]>,
}

/// What a path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// This file.
    File(Arc<File>),
    /// A directory that has something to show, but for the slash that is missing at the end.
    Directory,
}

/// See the top of the file.
#[derive(Clone, Default)]
pub struct Files(Arc<HashMap<String, Arc<File>>>);

impl Files {
    /// Each file by its path.
    pub fn new(all: impl IntoIterator<Item = (String, File)>) -> Files {
        let all = all.into_iter().map(|(path, file)| (path, Arc::new(file)));
        Files(Arc::new(all.collect()))
    }

    /// What a path leads to, if anything.
    pub fn find(&self, path: &str) -> Option<Found> {
        if path.is_empty() || path.ends_with('/') {
            return self.get(&format!("{path}{INDEX}"));
        }
        let shows = || self.0.contains_key(&format!("{path}/{INDEX}"));
        self.get(path)
            .or_else(|| shows().then_some(Found::Directory))
    }

    fn get(&self, path: &str) -> Option<Found> {
        self.0.get(path).cloned().map(Found::File)
    }

    /// Whether the root has something to show.
    pub fn has_index(&self) -> bool {
        self.0.contains_key(INDEX)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Files {
    /// How many: what is in them is not for logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} files", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_a_file_to_an_index_or_to_the_slash_that_is_missing() {
        let file = |name: &str| File {
            content_type: "text/plain",
            etag: format!("\"{name}\""),
            body: name.as_bytes().into(),
        };
        let names = ["index.html", "a.js", "docs/index.html", "empty/b.js"];
        let files = Files::new(names.map(|name| (name.to_owned(), file(name))));
        let body = |path: &str| match files.find(path)? {
            Found::File(file) => Some(String::from_utf8_lossy(&file.body).into_owned()),
            Found::Directory => Some("slash".into()),
        };
        for (path, leads) in [
            ("", "index.html"),
            ("index.html", "index.html"),
            ("a.js", "a.js"),
            ("docs", "slash"),
            ("docs/", "docs/index.html"),
            ("empty/b.js", "empty/b.js"),
        ] {
            assert_eq!(body(path).as_deref(), Some(leads), "{path}");
        }
        for path in ["a.js/", "a", "empty", "empty/", "docs//", "/", "A.js"] {
            assert_eq!(body(path), None, "{path}");
        }
        assert!(files.has_index() && !Files::default().has_index());
        assert_eq!(format!("{files:?}"), "4 files");
    }
}
