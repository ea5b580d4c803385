//! What of a directory is served, and for what the start is refused.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use super::*;
use crate::files::Found;

/// A directory of one test's own, gone at its end.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Directory {
        let name = format!("longwave-files-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Directory(path)
    }

    fn with(self, path: &str, body: impl AsRef<[u8]>) -> Directory {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, body).unwrap();
        self
    }

    fn link(self, path: &str, to: impl AsRef<Path>) -> Directory {
        symlink(to, self.0.join(path)).unwrap();
        self
    }

    fn read(&self, bytes_max: usize) -> Result<Vec<(String, File)>, String> {
        read(self.0.to_str().unwrap(), bytes_max, 40)
    }

    fn refused(&self) -> String {
        self.read(1000).map(|all| all.len()).unwrap_err()
    }

    fn names(&self) -> Vec<String> {
        let all = self.read(1000).unwrap();
        all.into_iter().map(|(name, _)| name).collect()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn what_can_be_seen_is_served_with_its_type_and_its_tag() {
    let directory = Directory::new("seen")
        .with("index.html", "<p>")
        .with("docs/a b.txt", "same")
        .with("docs/deep/ä.js", "same")
        .with(".git/config", "no")
        .with(".env", "no")
        .with("docs/.hidden", "no")
        .with("docs/.well-known/x", "no")
        .with(".well-known/security.txt", "yes");
    let names = [
        ".well-known/security.txt",
        "docs/a b.txt",
        "docs/deep/ä.js",
        "index.html",
    ];
    assert_eq!(directory.names(), names);
    let all = directory.read(1000).unwrap();
    let file = |i: usize| &all[i].1;
    assert_eq!(file(3).content_type, "text/html; charset=utf-8");
    assert_eq!(&*file(3).body, b"<p>");
    assert_eq!(file(1).etag, file(2).etag);
    assert_ne!(file(1).etag, file(3).etag);
    // `printf same | sha1sum`
    assert_eq!(file(1).etag, "\"ff3390557335ba88d37755e41514beb03bc499ec\"");
}

#[test]
fn links_are_followed_within_the_directory_only() {
    let inside = Directory::new("inside")
        .with("a.txt", "a")
        .with("..data/b.txt", "b")
        .link("b.txt", "..data/b.txt")
        .link("again", "a.txt");
    assert_eq!(inside.names(), ["a.txt", "again", "b.txt"]);
    let secret = Directory::new("secret").with("key", "s3cret");
    for (name, to) in [
        ("file", secret.0.join("key")),
        ("directory", secret.0.clone()),
        ("above", PathBuf::from("..")),
    ] {
        let outside = Directory::new(&format!("outside-{name}")).link("a", to);
        assert_eq!(
            outside.refused(),
            "has \"a\", which is a link that leads out of it"
        );
    }
    let lost = Directory::new("lost").link("a", "nowhere");
    assert!(
        lost.refused()
            .starts_with("has \"a\", which cannot be read: ")
    );
    let itself = Directory::new("itself").link("a", "a");
    assert!(
        itself
            .refused()
            .starts_with("has \"a\", which cannot be read: ")
    );
    let round = Directory::new("round").link("a", ".");
    assert!(round.refused().contains("is more than 32 directories deep"));
}

#[test]
fn a_directory_beside_it_whose_name_begins_the_same_is_outside() {
    let longer = Directory::new("prefix-longer").with("key", "s3cret");
    let directory = Directory::new("prefix").link("a", longer.0.join("key"));
    assert!(directory.refused().ends_with("leads out of it"));
}

#[test]
fn exactly_the_bytes_are_read_and_one_more_is_refused() {
    let directory = Directory::new("bytes")
        .with("a", "12345")
        .with("b", "67890");
    assert_eq!(directory.read(10).unwrap().len(), 2);
    let error = directory.read(9).unwrap_err();
    assert_eq!(
        error,
        "has more than static_bytes_max (9) in its files, with \"b\""
    );
}

#[test]
fn exactly_so_many_files_are_read_and_one_more_is_refused() {
    // Directories count, and what is left out.
    let full = (1..39).fold(Directory::new("many").with("d/.0", ""), |all, i| {
        all.with(&format!("d/{i}"), "")
    });
    assert_eq!(full.names().len(), 38);
    let more = full.with("one more", "");
    assert_eq!(more.refused(), "has more than 40 files and directories");
}

#[test]
fn exactly_so_deep_is_read_and_deeper_is_refused() {
    let deep = |depth| {
        let directory = Directory::new(&format!("deep-{depth}"));
        let path = format!("{}a", "d/".repeat(depth));
        let directory = directory.with(&path, "");
        read(directory.0.to_str().unwrap(), 0, 1000).map(|all| all[0].0 == path)
    };
    assert_eq!(deep(STATIC_DEPTH_MAX), Ok(true));
    let error = deep(STATIC_DEPTH_MAX + 1).unwrap_err();
    assert!(
        error.contains("is more than 32 directories deep"),
        "{error}"
    );
}

#[test]
fn what_nobody_could_ask_for_is_refused() {
    for name in ["channels", "echo", "healthz"] {
        let own = Directory::new(&format!("own-{name}")).with(name, "");
        assert_eq!(
            own.refused(),
            format!("has {name:?}, which is a path of the relay's own")
        );
    }
    let below = Directory::new("below")
        .with("docs/channels", "")
        .with("metrics.html", "");
    assert_eq!(below.names(), ["docs/channels", "metrics.html"]);
    for name in [&b"a\\b"[..], b"a\nb", b"a\xff"] {
        let directory = Directory::new("name");
        fs::write(directory.0.join(std::ffi::OsStr::from_bytes(name)), "").unwrap();
        assert!(
            directory
                .refused()
                .ends_with("which is a name that nobody can ask for")
        );
    }
    let directory = Directory::new("socket");
    let _socket = UnixListener::bind(directory.0.join("s")).unwrap();
    assert_eq!(
        directory.refused(),
        "has \"s\", which is neither a file nor a directory"
    );
}

#[test]
fn the_client_of_socket_io_may_lie_beside_its_path_but_nothing_in_it() {
    let with = |name: &str, path: &str| {
        let directory = Directory::new("socketio").with(name, "");
        let mut config = Config {
            static_dir: Some(directory.0.to_str().unwrap().to_owned()),
            ..Config::default()
        };
        config.settings.socketio.path = path.to_owned();
        load(&config).map(|files| files.unwrap().len())
    };
    for (name, path) in [
        ("socket.io/socket.io.min.js", "/socket.io/"),
        ("socket.io.js", "/socket.io/"),
        ("socket.io/a/index.html", "/socket.io/"),
        ("socket.io/index.html", "/app/io/"),
        ("socket.io", ""),
        ("index.html", ""),
    ] {
        assert_eq!(with(name, path), Ok(1), "{name} {path}");
    }
    for (name, path) in [
        ("socket.io", "/socket.io/"),
        ("socket.io/index.html", "/socket.io/"),
        ("app/io", "/app/io/"),
    ] {
        let error = with(name, path).unwrap_err();
        let end = format!("has {name:?}, which lies where Socket.IO is spoken (socketio_path)");
        assert!(error.ends_with(&end), "{error}");
    }
}

#[test]
fn a_directory_that_is_none_is_named() {
    let directory = Directory::new("none").with("file", "");
    let mut config = Config::default();
    assert!(load(&config).unwrap().is_none());
    let error = |config: &Config| load(config).map(|_| ()).unwrap_err();
    let file = directory.0.join("file");
    config.static_dir = Some(file.to_str().unwrap().to_owned());
    assert_eq!(
        error(&config),
        format!("static {file:?} is not a directory")
    );
    config.static_dir = Some("no/such".to_owned());
    assert!(error(&config).starts_with("static \"no/such\" cannot be read: "));
    config.static_dir = Some(directory.0.to_str().unwrap().to_owned());
    let files = load(&config).unwrap().unwrap();
    assert!(matches!(files.find("file"), Some(Found::File(_))));
}
