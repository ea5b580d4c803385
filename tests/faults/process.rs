//! Descriptors, stalls and signals: what only a process of its own can be given.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use longwave::limits::{DESCRIPTORS_RESERVE, REFUSALS_MAX};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};

use crate::support::*;

/// The binary on a free port; killed when dropped.
struct Longwave {
    child: Child,
    address: SocketAddr,
    log: Arc<Mutex<String>>,
}

impl Longwave {
    fn start(arguments: &[&str]) -> Longwave {
        Longwave::spawn(Command::new(env!("CARGO_BIN_EXE_longwave")).args(arguments))
    }

    /// Under a limit of open files that it cannot raise.
    fn start_with_open_files(open_files: u32, arguments: &[&str]) -> Longwave {
        let script = format!("ulimit -n {open_files}; exec \"$0\" \"$@\"");
        let mut shell = Command::new("sh");
        shell.args(["-c", &script, env!("CARGO_BIN_EXE_longwave")]);
        shell.args(arguments);
        Longwave::spawn(&mut shell)
    }

    fn spawn(command: &mut Command) -> Longwave {
        let mut child = command
            .args(["--listen", "127.0.0.1:0"])
            .env_remove("RUST_LOG")
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let log = Arc::new(Mutex::new(String::new()));
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let into = log.clone();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                *into.lock().unwrap() += &(line + "\n");
            }
        });
        let found = wait_for(
            "it listens",
            || named(&log, "listening on"),
            Option::is_some,
        );
        let address = found.expect("just seen");
        Longwave {
            child,
            address,
            log,
        }
    }

    /// Where it listens for operators.
    fn admin(&self) -> SocketAddr {
        let find = || named(&self.log, "for operators:");
        let found = wait_for("it listens for operators", find, Option::is_some);
        found.expect("just seen")
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("it runs");
    }

    /// Stops it for a while; it takes no step from when this returns to the next SIGCONT.
    fn stall(&self) {
        self.signal(Signal::STOP);
        let state = || {
            let path = format!("/proc/{}/stat", self.child.id());
            let text = std::fs::read_to_string(path).expect("Linux");
            text.rsplit_once(") ")
                .and_then(|(_, rest)| rest.chars().next())
        };
        wait_for("it stands still", state, |state| *state == Some('T'));
    }

    fn has_ended(&mut self) -> ExitStatus {
        wait_until("it ends", || self.child.try_wait().unwrap().is_some());
        self.child.wait().unwrap()
    }

    /// How many descriptors it has open.
    fn open_files(&self) -> u64 {
        let path = format!("/proc/{}/fd", self.child.id());
        std::fs::read_dir(path).expect("Linux").count() as u64
    }

    /// Lowers or raises the soft limit of the running process.
    fn limit_open_files(&self, most: u64) {
        let limit = Rlimit {
            current: Some(most),
            maximum: getrlimit(Resource::Nofile).maximum,
        };
        prlimit(Some(self.pid()), Resource::Nofile, limit).expect("within the hard limit");
    }
}

/// The address that the log names behind these words.
fn named(log: &Mutex<String>, words: &str) -> Option<SocketAddr> {
    let log = log.lock().unwrap();
    let (_, rest) = log.split_once(&format!("{words} http://"))?;
    rest.split_once('/')?.0.parse().ok()
}

impl Drop for Longwave {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Out of descriptors: accepting waits without spinning, and goes on by itself when some are free
/// again, without a new connection to wake it.
#[test]
fn connections_that_wait_for_descriptors_are_served_when_some_are_free() {
    let server = Longwave::start(&[]);
    let mut scraper = Peer::connect(server.address);
    let mut scrape = |name: &str| {
        scraper
            .ask("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            .metric(name)
    };
    let exhausted = "accept_exhausted_total";
    assert_eq!(scrape(exhausted), 0);
    let files = server.open_files();
    server.limit_open_files(files + 10);
    let mut peers: Vec<Peer> = (0..20).map(|_| Peer::connect(server.address)).collect();
    for peer in &mut peers {
        peer.write(upgrade("/channels/a", ""));
    }
    let first = wait_for("it runs out", || scrape(exhausted), |&n| n > 0);
    let served = scrape("connections") as usize - 1;
    assert!((5..15).contains(&served), "{served} fit");
    for peer in &mut peers[..served] {
        assert_eq!(peer.answer().status, 101);
    }
    // Tried again now and then, not all the time.
    let begun = Instant::now();
    wait_until("it tries again", || scrape(exhausted) >= first + 5);
    assert!(begun.elapsed() >= Duration::from_millis(300), "it spins");
    assert_eq!(scrape("connections") as usize, 1 + served);
    // Some go: as many of those that wait get their turn, then the rest.
    drop(peers.drain(..4));
    for peer in &mut peers[served - 4..served] {
        assert_eq!(peer.answer().status, 101);
    }
    drop(peers.drain(..served));
    for peer in &mut peers {
        assert_eq!(peer.answer().status, 101);
    }
    let said = server
        .log
        .lock()
        .unwrap()
        .matches("out of descriptors")
        .count();
    assert_eq!(said, 1, "said once, not each time");
    server.limit_open_files(files + 1000);
    drop(peers);
    exchange(server.address);
    wait_until("connections return", || scrape("connections") == 1);
    wait_until("descriptors return", || server.open_files() == files);
}

/// The limit of open files lowers how many connections are taken; one more is answered 503, so
/// that descriptors never run out by connections alone.
#[test]
fn connections_are_as_many_as_descriptors_allow() {
    let server = Longwave::start_with_open_files(200, &[]);
    let mut scraper = Peer::connect(server.address);
    let answer = scraper.ask("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    let max = answer.metric("connections_max");
    assert_eq!(max, 200 - DESCRIPTORS_RESERVE as u64);
    let _peers: Vec<Peer> = (1..max)
        .map(|_| Peer::ws(server.address, "/channels/a"))
        .collect();
    for _ in 0..3 {
        assert_eq!(Peer::connect(server.address).answer().status, 503);
    }
    let answer = scraper.ask("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(answer.metric("refused_total{reason=\"full\"}"), 3);
    assert_eq!(answer.metric("accept_exhausted_total"), 0);
}

/// The public has every descriptor that it may have, and those who are refused theirs: operators
/// still have a few.
#[test]
fn operators_come_in_although_the_public_has_all_its_descriptors() {
    let server = Longwave::start_with_open_files(200, &["--admin-listen", "127.0.0.1:0"]);
    let admin = server.admin();
    let max = metric(admin, "connections_max");
    let _inside: Vec<Peer> = (0..max)
        .map(|_| Peer::ws(server.address, "/channels/a"))
        .collect();
    let mut refused: Vec<Peer> = (0..REFUSALS_MAX)
        .map(|_| Peer::connect(server.address))
        .collect();
    for peer in &mut refused {
        assert_eq!(peer.answer().status, 503);
    }
    let all = max + REFUSALS_MAX as u64;
    assert_eq!(metric(admin, "connections"), all);
    assert_eq!(metric(admin, "accept_exhausted_total"), 0);
}

/// Standard error is a pipe that is full and that nobody reads: it serves, stops in order, and what it
/// had to say is written once somebody reads.
#[test]
fn a_full_pipe_for_its_log_holds_nobody_up() {
    let (reads, writes) = std::io::pipe().expect("a pipe");
    let mut filler = writes.try_clone().expect("a descriptor");
    fcntl_setfl(&filler, OFlags::NONBLOCK).expect("a pipe can");
    while filler.write(&[b'\n'; 4096]).is_ok() {}
    fcntl_setfl(&filler, OFlags::empty()).expect("a pipe can");
    drop(filler);
    // Its log cannot tell the port, so it is given one that was free a moment ago.
    let free = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr());
    let address = free.expect("a port is free");
    let mut child = Command::new(env!("CARGO_BIN_EXE_longwave"))
        .args(["--listen", &address.to_string()])
        .env_remove("RUST_LOG")
        .stderr(writes)
        .spawn()
        .expect("the binary starts");
    wait_until("it listens", || TcpStream::connect(address).is_ok());
    exchange(address);
    kill_process(Pid::from_child(&child), Signal::TERM).expect("it runs");
    wait_until("it listens no more", || {
        TcpStream::connect(address).is_err()
    });
    let mut text = String::new();
    let reader = std::thread::spawn(move || {
        let mut reads = reads;
        reads.read_to_string(&mut text).expect("it is text");
        text
    });
    wait_until("it ends", || child.try_wait().unwrap().is_some());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let text = reader.join().expect("the log was read");
    for words in ["listening on", "stopping", "stopped"] {
        assert!(text.contains(words), "{words} is not in {}", text.trim());
    }
}

/// A proxy on this machine that adds no header makes everybody local.
#[test]
fn it_is_logged_that_whoever_is_local_may_delete_channels() {
    for (arguments, warns) in [
        (&[][..], true),
        (&["--publish-key", "secret"], false),
        (&["--admin-listen", "127.0.0.1:0"], false),
    ] {
        let server = Longwave::start(arguments);
        let all = wait_for(
            "all is said",
            || server.log.lock().unwrap().clone(),
            |log| log.contains("any origin is let in"),
        );
        let warning = all
            .lines()
            .find(|l| l.contains("WARN") && l.contains("delete channels"));
        assert_eq!(warning.is_some(), warns, "{all}");
        if let Some(warning) = warning {
            assert!(warning.contains("set --publish-key or --admin-listen"));
        }
    }
}

/// More connections than one turn accepts wait at once, and no further edge comes; among them are
/// some that were reset before they were accepted.
#[test]
fn a_backlog_is_accepted_to_its_end_and_the_aborted_in_it_are_passed_over() {
    let server = Longwave::start(&["--head-timeout", "60s"]);
    server.stall();
    let mut peers = Vec::new();
    for i in 0..400 {
        let mut peer = Peer::connect(server.address);
        peer.write(upgrade("/echo", ""));
        if i % 10 == 9 {
            peer.reset();
        } else {
            peers.push(peer);
        }
    }
    server.signal(Signal::CONT);
    for peer in &mut peers {
        assert_eq!(peer.answer().status, 101);
    }
    drop(peers);
    exchange(server.address);
    wait_until("connections return", || {
        metric(server.address, "connections") == 1
    });
}

/// A process that was stopped for longer than any of its deadlines reads first and only then
/// judges who was late.
#[test]
fn after_a_stall_what_came_in_time_counts() {
    let server = Longwave::start(&[
        "--head-timeout",
        "1500ms",
        "--ping-interval",
        "300ms",
        "--ping-timeout",
        "1000ms",
    ]);
    for _ in 0..2 {
        let mut http = Peer::connect(server.address);
        http.write("GET /healthz HTTP/1.1\r\n");
        let mut ws = Peer::ws(server.address, "/echo");
        // Pinged, and not yet answered.
        assert_eq!(ws.frame().unwrap().first, PING);
        server.stall();
        ws.send(PONG, b"");
        ws.send(TEXT, b"in time");
        http.write("Host: x\r\n\r\n");
        // The stall itself: longer than each of the deadlines.
        std::thread::sleep(Duration::from_millis(1800));
        server.signal(Signal::CONT);
        assert_eq!(ws.message(), b"in time");
        assert_eq!(http.answer().status, 200);
    }
    assert_eq!(
        metric(server.address, "refused_total{reason=\"silent\"}"),
        0
    );
    exchange(server.address);
}

/// What a subscriber leaves while the server stands still is no lag of its own.
#[test]
fn a_stall_is_not_the_lag_of_those_who_could_not_be_served() {
    let server = Longwave::start(&["--lag-timeout", "1500ms", "--send-buffer", "16KiB"]);
    let mut slow = Peer::connect_narrow(server.address).upgraded("/channels/a");
    let mut publisher = Peer::ws(server.address, "/channels/a");
    let large = vec![5; 500_000];
    publisher.send(BINARY, &large);
    wait_until("it is behind", || {
        metric(server.address, "behind_bytes{le=\"+Inf\"}") == 1
    });
    server.stall();
    std::thread::sleep(Duration::from_millis(2500));
    server.signal(Signal::CONT);
    // The server has taken a turn, and looked, before anything is read.
    assert_eq!(metric(server.address, "lag_closes_total"), 0);
    assert_eq!(slow.message(), large);
    publisher.send(BINARY, &large);
    wait_until("without a stall it lags", || {
        metric(server.address, "closed_total{reason=\"lagged_long\"}") == 1
    });
    assert_eq!(slow.end(), End::Reset);
    exchange(server.address);
}

/// SIGTERM: no more connections, what waits is delivered, everybody is told 1001, exit code 0.
#[test]
fn sigterm_delivers_says_goodbye_and_ends_with_0() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = Longwave::start(&["--send-buffer", "16KiB", "--drain", "60s"]);
        let mut slow = Peer::connect_narrow(server.address).upgraded("/channels/a");
        let mut idle = Peer::ws(server.address, "/channels/b");
        let mut publisher = Peer::ws(server.address, "/channels/a");
        for i in 0..20 {
            publisher.send(BINARY, &[i; 50_000]);
        }
        publisher.send(PING, b"all read");
        assert_eq!(publisher.frame().unwrap().first, PONG);
        server.signal(signal);
        idle.answers_goodbye();
        publisher.answers_goodbye();
        assert!(
            std::net::TcpStream::connect(server.address).is_err(),
            "it still listens"
        );
        for i in 0..20 {
            assert_eq!(slow.message(), [i; 50_000]);
        }
        slow.answers_goodbye();
        assert_eq!(server.has_ended().code(), Some(0));
    }
}

impl Peer {
    /// Reads a close frame with 1001, answers it, and sees the end of the stream.
    fn answers_goodbye(&mut self) {
        assert_eq!(self.end(), End::Close(1001));
        self.send(CLOSE, &1001u16.to_be_bytes());
        assert_eq!(self.rest(), End::Eof);
    }
}

/// A second signal ends it at once, whoever is still waited for.
#[test]
fn a_second_signal_ends_it_at_once() {
    let mut server = Longwave::start(&["--drain", "1h", "--close-timeout", "1h"]);
    let mut peer = Peer::ws(server.address, "/channels/a");
    server.signal(Signal::TERM);
    assert_eq!(peer.end(), End::Close(1001));
    assert!(
        server.child.try_wait().unwrap().is_none(),
        "it waits for the close frame"
    );
    server.signal(Signal::TERM);
    assert_eq!(server.has_ended().code(), Some(128 + 15));
}
