//! Starts the server under test, waits until it listens, keeps its last words, and ends it with all
//! that it started.
//!
//! It runs in a process group of its own, so that a `^C` on the terminal reaches us alone; we end
//! it then. Daemons whose parents end become our children (a "subreaper", prctl(2)), so that they
//! are counted and ended too.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::Read;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, Once};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, set_child_subreaper, waitpid};

use super::cores::Cores;
use super::process::{self, Stat};

/// How much of its output is kept for an error message.
const WORDS_BYTES_MAX: usize = 4096;
/// How long it may take to end after SIGTERM; then it is killed.
const ENDING: Duration = Duration::from_secs(3);
/// A server may listen a moment before it is all there; its memory is looked at after this.
const SETTLE: Duration = Duration::from_millis(200);
/// How often we look whether it listens, or has ended.
const LOOK: Duration = Duration::from_millis(10);

/// What to start.
#[derive(Debug, Clone)]
pub struct Launch<'a> {
    /// For `sh -c`; `{port}`, `{host}` and `{address}` stand for parts of `address`.
    pub command: &'a str,
    /// Where it will listen.
    pub address: SocketAddr,
    /// Its cores; `None`: all but the last of ours, which this process then keeps to itself.
    pub cores: Option<&'a Cores>,
    /// Variables beside our own.
    pub environment: &'a [(String, String)],
    /// Where it runs; `None`: here.
    pub directory: Option<&'a Path>,
    /// How long it may take until it listens.
    pub patience: Duration,
}

/// A server that we started; ended when dropped.
#[derive(Debug)]
pub struct Spawned {
    child: Child,
    words: Arc<Mutex<VecDeque<u8>>>,
    /// That it ended has been said.
    told: bool,
}

impl Launch<'_> {
    /// Starts it and waits until it listens.
    ///
    /// # Errors
    /// A sentence with the server's last words: it ended, or did not listen in time; or somebody
    /// else listens there already.
    pub fn start(&self) -> Result<Spawned, String> {
        if self.listens() {
            return Err(format!(
                "somebody listens on {} already: the server could not be told from it",
                self.address
            ));
        }
        end_with_us();
        let _ = set_child_subreaper(Pid::from_raw(1));
        let child = self.start_pinned()?;
        let mut spawned = Spawned::new(child);
        spawned.wait_until(self.patience, || self.listens())?;
        std::thread::sleep(SETTLE);
        Ok(spawned)
    }

    fn listens(&self) -> bool {
        TcpStream::connect_timeout(&self.address, Duration::from_millis(500)).is_ok()
    }

    fn start_pinned(&self) -> Result<Child, String> {
        let all = Cores::at_start()?;
        let (server, own) = match self.cores {
            Some(cores) => (Some(cores.clone()), all.without(cores)),
            None => all.divide().unzip(),
        };
        // A child begins on the cores of the thread that starts it.
        if let Some(cores) = &server {
            cores.pin_this_thread()?;
        }
        let child = self.command().spawn();
        own.as_ref().unwrap_or(all).pin_this_thread()?;
        child.map_err(|e| format!("cannot start sh: {e}"))
    }

    fn command(&self) -> Command {
        let text = self
            .command
            .replace("{port}", &self.address.port().to_string())
            .replace("{host}", &self.address.ip().to_string())
            .replace("{address}", &self.address.to_string());
        let mut command = Command::new("sh");
        command
            .args(["-c", &text])
            .envs(self.environment.iter().map(|(k, v)| (k, v)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        if let Some(directory) = self.directory {
            command.current_dir(directory);
        }
        command
    }
}

/// A port of this address that is free at this moment.
///
/// # Errors
/// A sentence, when the system gives none.
pub fn free_port(ip: IpAddr) -> Result<u16, String> {
    let listener = TcpListener::bind((ip, 0));
    let address = listener.and_then(|l| l.local_addr());
    address
        .map(|a| a.port())
        .map_err(|e| format!("no free port on {ip}: {e}"))
}

impl Spawned {
    fn new(mut child: Child) -> Spawned {
        let words = Arc::new(Mutex::new(VecDeque::new()));
        if let Some(out) = child.stdout.take() {
            keep(out, words.clone());
        }
        if let Some(err) = child.stderr.take() {
            keep(err, words.clone());
        }
        living(|groups| groups.push(child.id()));
        Spawned {
            child,
            words,
            told: false,
        }
    }

    fn wait_until(
        &mut self,
        patience: Duration,
        mut ready: impl FnMut() -> bool,
    ) -> Result<(), String> {
        let until = Instant::now() + patience;
        while !ready() {
            if let Some(ended) = self.ended() {
                self.told = true;
                return Err(ended);
            }
            if Instant::now() >= until {
                let seconds = patience.as_secs_f64();
                let why = format!("the server does not listen after {seconds} s");
                return Err(self.quote(why));
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// The process that we started, and its process group.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A sentence with its last words, if nothing of it runs any more.
    pub fn ended(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok().flatten()?;
        // What it left in the background is the server then, if anything is.
        let others = self.tree();
        if others
            .iter()
            .any(|&pid| pid != self.child.id() && lives(pid))
        {
            return None;
        }
        Some(self.quote(format!("the server has ended: {}", status)))
    }

    /// A sentence and the last that the server wrote.
    pub fn quote(&self, mut why: String) -> String {
        // What was written just before the end may still be on its way.
        std::thread::sleep(LOOK);
        let words = self.words.lock().map(|w| w.iter().copied().collect());
        let words: Vec<u8> = words.unwrap_or_default();
        let words = String::from_utf8_lossy(&words);
        if !words.trim().is_empty() {
            let _ = write!(why, "; it wrote:\n{}", words.trim_end());
        }
        why
    }

    fn tree(&self) -> Vec<u32> {
        let pid = self.child.id();
        process::tree(&[pid], Some(pid))
    }

    /// Ends all of it: asks, and kills what has not ended in time.
    fn stop(&mut self) {
        let members = self.tree();
        end(&members, Signal::TERM);
        let until = Instant::now() + ENDING;
        while Instant::now() < until && self.any_left(&members) {
            std::thread::sleep(LOOK);
        }
        let mut left = self.tree();
        left.extend(&members);
        end(&left, Signal::KILL);
        let _ = self.child.wait();
        left.iter().for_each(|&pid| reap(pid));
        living(|groups| groups.retain(|&pid| pid != self.child.id()));
    }

    fn any_left(&mut self, members: &[u32]) -> bool {
        let _ = self.child.try_wait();
        members.iter().any(|&pid| lives(pid))
    }
}

impl Drop for Spawned {
    fn drop(&mut self) {
        if !self.told
            && let Some(ended) = self.ended()
        {
            eprintln!("{ended}");
        }
        self.stop();
    }
}

fn lives(pid: u32) -> bool {
    Stat::read(pid).is_ok_and(|stat| stat.lives())
}

fn end(pids: &[u32], signal: Signal) {
    for pid in pids.iter().filter(|&&pid| lives(pid)) {
        if let Some(pid) = Pid::from_raw(*pid as i32) {
            let _ = kill_process(pid, signal);
        }
    }
}

/// Takes the end of a daemon that had become our child.
fn reap(pid: u32) {
    let ours = Stat::read(pid).is_ok_and(|stat| stat.parent == std::process::id());
    if let Some(pid) = Pid::from_raw(pid as i32).filter(|_| ours) {
        let _ = waitpid(Some(pid), WaitOptions::empty());
    }
}

/// Keeps the last that a stream says, until it ends.
fn keep(mut from: impl Read + Send + 'static, words: Arc<Mutex<VecDeque<u8>>>) {
    std::thread::spawn(move || {
        let mut piece = [0; 4096];
        while let Ok(n @ 1..) = from.read(&mut piece) {
            let Ok(mut words) = words.lock() else { return };
            words.extend(&piece[..n]);
            let over = words.len().saturating_sub(WORDS_BYTES_MAX);
            words.drain(..over);
        }
    });
}

/// The servers that run now, by process group.
fn living<T>(with: impl FnOnce(&mut Vec<u32>) -> T) -> T {
    static LIVING: Mutex<Vec<u32>> = Mutex::new(Vec::new());
    with(&mut LIVING.lock().unwrap_or_else(|broken| broken.into_inner()))
}

/// Ends the servers when we are told to end.
fn end_with_us() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
        let Ok(mut signals) = signal_hook::iterator::Signals::new([SIGHUP, SIGINT, SIGTERM]) else {
            return;
        };
        std::thread::spawn(move || {
            if let Some(signal) = signals.forever().next() {
                let groups = living(|groups| groups.clone());
                for group in groups {
                    end(&process::tree(&[group], Some(group)), Signal::KILL);
                }
                std::process::exit(128 + signal);
            }
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nowhere() -> SocketAddr {
        let ip = IpAddr::from([127, 0, 0, 1]);
        SocketAddr::new(ip, free_port(ip).unwrap())
    }

    fn launch(command: &str, address: SocketAddr, ms: u64) -> Result<Spawned, String> {
        Launch {
            command,
            address,
            cores: None,
            environment: &[("WORD".to_owned(), "hi".to_owned())],
            directory: None,
            patience: Duration::from_millis(ms),
        }
        .start()
    }

    #[test]
    fn a_server_that_ends_is_quoted() {
        let error = launch("echo $WORD {port} >&2; exit 3", nowhere(), 5000).unwrap_err();
        assert!(error.contains("has ended: exit status: 3"), "{error}");
        assert!(error.contains("it wrote:\nhi "), "{error}");
    }

    #[test]
    fn a_server_that_does_not_listen_is_given_up_and_ended() {
        let begun = Instant::now();
        let error = launch("echo waiting; sleep 60", nowhere(), 200).unwrap_err();
        assert!(error.contains("does not listen after 0.2 s"), "{error}");
        assert!(error.contains("waiting"), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn somebody_else_on_the_port_is_not_taken_for_the_server() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let error = launch("sleep 60", listener.local_addr().unwrap(), 100).unwrap_err();
        assert!(error.contains("somebody listens"), "{error}");
    }

    #[test]
    fn a_daemon_and_one_that_does_not_listen_to_sigterm_are_ended_too() {
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' TERM; (sleep 61 &) ; sleep 62"]);
        let _ = set_child_subreaper(Pid::from_raw(1));
        let child = command.process_group(0).spawn().unwrap();
        let mut spawned = Spawned::new(child);
        let pid = spawned.pid();
        let all = || process::tree(&[pid], Some(pid)).len() >= 3;
        assert_eq!(spawned.wait_until(Duration::from_secs(5), all), Ok(()));
        let members = spawned.tree();
        drop(spawned);
        assert!(members.iter().all(|&pid| !lives(pid)));
    }
}
