//! Files beside the relay, over sockets: as they are, only them, and at no cost to anybody else.

#[path = "faults/support.rs"]
mod support;

use std::path::{Path, PathBuf};

use longwave::files::{File, Files};
use support::*;

/// A site of this test's own, with so large a file in it.
fn site(name: &str, large: usize) -> PathBuf {
    let top = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("static-{name}"));
    let _ = std::fs::remove_dir_all(&top);
    std::fs::create_dir_all(top.join("docs")).unwrap();
    let write = |path: &str, body: &[u8]| std::fs::write(top.join(path), body).unwrap();
    write("index.html", b"<!doctype html><p>hello");
    write("docs/index.html", b"<p>docs");
    write("docs/a b.js", b"1");
    write("app.js", b"let x");
    write("large.bin", &pattern(large));
    write(".secret", b"s3cret");
    top
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len as u32).map(|i| (i ^ (i >> 9)) as u8).collect()
}

fn serving(name: &str, large: usize) -> Relay {
    let top = site(name, large);
    Relay::start(|config| config.static_dir = top.to_str().map(str::to_owned))
}

/// A request; `further` are whole lines.
fn request(method: &str, path: &str, further: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{further}\r\n")
}

/// A GET over a connection of its own.
fn get(relay: &Relay, path: &str, further: &str) -> Answer {
    relay.connect().ask(request("GET", path, further))
}

#[test]
fn files_are_served_as_they_are_with_type_and_tag() {
    let relay = serving("plain", 1);
    for (path, content_type, body) in [
        ("/", "text/html; charset=utf-8", "<!doctype html><p>hello"),
        (
            "/index.html",
            "text/html; charset=utf-8",
            "<!doctype html><p>hello",
        ),
        (
            "/?v=2",
            "text/html; charset=utf-8",
            "<!doctype html><p>hello",
        ),
        ("/app.js", "text/javascript; charset=utf-8", "let x"),
        ("/docs/", "text/html; charset=utf-8", "<p>docs"),
        ("/docs/a%20b.js", "text/javascript; charset=utf-8", "1"),
        ("/large.bin", "application/octet-stream", "\0"),
    ] {
        let answer = get(&relay, path, "Range: bytes=0-1\r\n");
        assert_eq!(
            (answer.status, &*answer.body),
            (200, body.as_bytes()),
            "{path}"
        );
        assert_eq!(answer.header("content-type"), Some(content_type), "{path}");
        assert_eq!(answer.header("cache-control"), Some("no-cache"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("content-security-policy"), None);
        let etag = answer.header("etag").unwrap();
        assert!(etag.len() > 20 && etag.starts_with('"') && etag.ends_with('"'));
        let again = get(&relay, path, &format!("If-None-Match: \"x\", {etag}\r\n"));
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
        assert_eq!(again.header("etag"), Some(etag));
        assert_eq!(again.header("cache-control"), Some("no-cache"));
        assert_eq!(
            (again.header("content-length"), again.header("content-type")),
            (None, None)
        );
        assert_eq!(get(&relay, path, "If-None-Match: \"x\"\r\n").status, 200);
    }
    relay.recovers();
}

#[test]
fn head_has_everything_but_the_body() {
    let relay = serving("head", 300_000);
    for (path, len) in [("/app.js", "5"), ("/large.bin", "300000")] {
        let mut peer = relay.connect();
        peer.write(request("HEAD", path, "Connection: close\r\n"));
        assert_eq!(peer.rest(), End::Eof);
        let head = String::from_utf8(peer.input).unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(
            head.contains(&format!("Content-Length: {len}\r\n")),
            "{head}"
        );
        assert!(head.ends_with("\r\n\r\n"), "{head}");
    }
    relay.recovers();
}

#[test]
fn a_directory_without_its_slash_leads_to_the_one_with_it() {
    let relay = serving("slash", 1);
    for (path, location) in [
        ("/docs", "./docs/"),
        ("/docs?a=b&c", "./docs/?a=b&c"),
        ("/%64ocs", "./%64ocs/"),
    ] {
        let answer = get(&relay, path, "");
        assert_eq!(
            (answer.status, answer.header("location")),
            (301, Some(location)),
            "{path}"
        );
        assert_eq!(answer.header("cache-control"), Some("no-cache"));
    }
    relay.recovers();
}

#[test]
fn no_path_leads_to_what_is_not_served() {
    let relay = serving("tricks", 1);
    let mut peer = relay.connect();
    for path in [
        "/.secret",
        "/%2esecret",
        "/docs/../.secret",
        "/docs/../app.js",
        "/..",
        "/../static-tricks/app.js",
        "/%2e%2e/static-tricks/app.js",
        "/docs%2f..%2fapp.js",
        "/docs/..%2fapp.js",
        "/docs%5ca%20b.js",
        "/docs/.",
        "/./app.js",
        "//app.js",
        "/docs//a%20b.js",
        "/app.js/",
        "/app.js%00",
        "/app.js%00.html",
        "/%00",
        "/app%2ejs%",
        "/%c0%ae%c0%ae/app.js",
        "/APP.JS",
        "/app.js%20",
        "/docs/index.html/",
        "/etc/passwd",
        "/file:///etc/passwd",
        "/docs/a+b.js",
    ] {
        assert_eq!(peer.ask(request("GET", path, "")).status, 404, "{path}");
    }
    assert_eq!(peer.ask(request("GET", "/app%2ejs", "")).body, b"let x");
    assert_eq!(
        peer.ask(request("GET", "http://x/app.js", "")).body,
        b"let x"
    );
    drop(peer);
    relay.recovers();
}

#[test]
fn files_are_only_read() {
    let relay = serving("methods", 1);
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        let answer = relay.connect().ask(request(method, "/app.js", ""));
        assert_eq!(
            (answer.status, answer.header("allow")),
            (405, Some("GET, HEAD")),
            "{method}"
        );
    }
    let answer = relay
        .connect()
        .ask(request("GET", "/app.js", "Content-Length: 1\r\n") + "x");
    assert_eq!(answer.status, 400);
    let answer = get(&relay, "/app.js", "Origin: https://a.example\r\n");
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some("https://a.example")
    );
    relay.recovers();
}

#[test]
fn what_is_the_relays_own_stays_so() {
    let file = |name: &str| File {
        content_type: "text/plain",
        etag: "\"1\"".into(),
        body: name.as_bytes().into(),
    };
    let names = [
        "healthz",
        "readyz",
        "metrics",
        "echo",
        "channels/news",
        "channels/news/info",
        "a",
    ];
    let files = Files::new(names.map(|name| (name.to_owned(), file(name))));
    let relay = Relay::start(|config| config.settings.files = files);
    for name in &names[..6] {
        // A poll of a channel is not to wait.
        let answer = get(&relay, &format!("/{name}?wait=0"), "");
        assert_ne!(answer.body, name.as_bytes(), "{name}");
    }
    assert_eq!(get(&relay, "/a", "").body, b"a");
    let page = get(&relay, "/", "");
    assert!(
        page.status == 200 && page.header("etag").is_none(),
        "the page to try it"
    );
    relay.recovers();
    let files = Files::new([("a".to_owned(), file("a"))]);
    let relay = Relay::start(|config| {
        config.settings.files = files;
        config.settings.no_page = true;
    });
    assert_eq!(get(&relay, "/", "").status, 404);
    relay.recovers();
}

/// The body is shared: who asks for it and does not read costs hardly anything, and gets it whole
/// in the end.
#[test]
fn many_who_do_not_read_a_large_file_hold_no_copy_of_it() {
    const LARGE: usize = 8 << 20;
    let relay = serving("large", LARGE);
    let mut stalled: Vec<Peer> = (0..40)
        .map(|_| Peer::connect_narrow(relay.address))
        .collect();
    for peer in &mut stalled {
        peer.write(request("GET", "/large.bin", "").repeat(3));
    }
    assert!(get(&relay, "/large.bin", "").body == pattern(LARGE));
    exchange(relay.address);
    let held = relay.metric("memory_bytes");
    assert!(held < 40 * 1024, "{held} bytes");
    let mut peer = stalled.pop().unwrap();
    for _ in 0..3 {
        let answer = peer.answer();
        assert!(answer.status == 200 && answer.body == pattern(LARGE));
    }
    drop((peer, stalled));
    relay.recovers();
}

/// Requests sent at once are answered in their order, small and large.
#[test]
fn pipelined_files_come_whole_and_in_order() {
    const LARGE: usize = 100_000;
    let relay = serving("pipelined", LARGE);
    let mut peer = relay.connect();
    let paths = [
        "/app.js",
        "/large.bin",
        "/large.bin",
        "/docs/",
        "/nowhere",
        "/large.bin",
        "/app.js",
    ];
    let all: String = paths.iter().map(|path| request("GET", path, "")).collect();
    for _ in 0..20 {
        peer.write(&all);
    }
    let large = pattern(LARGE);
    for _ in 0..20 {
        for path in paths {
            let answer = peer.answer();
            match path {
                "/app.js" => assert_eq!(answer.body, b"let x"),
                "/docs/" => assert_eq!(answer.body, b"<p>docs"),
                "/nowhere" => assert_eq!(answer.status, 404),
                _ => assert!(answer.body == large),
            }
        }
    }
    drop(peer);
    relay.recovers();
}

/// An answer does not wait for that of a poll which was sent behind its request.
#[test]
fn a_file_comes_at_once_although_a_poll_waits_behind_it() {
    const LARGE: usize = 200_000;
    let relay = serving("poll", LARGE);
    for (path, len) in [("/app.js", 5), ("/large.bin", LARGE)] {
        let mut peer = relay.connect();
        peer.write(request("GET", path, "") + &request("GET", "/channels/news", ""));
        assert_eq!(peer.answer().body.len(), len, "{path}");
        let kind = "Content-Type: text/plain\r\nContent-Length: 2\r\n";
        wait_until("the poll is there", || {
            let post = request("POST", "/channels/news", kind) + "hi";
            relay.connect().ask(post).status == 201
        });
        assert_eq!(peer.answer().body, b"hi", "{path}");
    }
    relay.recovers();
}
