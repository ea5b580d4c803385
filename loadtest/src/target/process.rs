//! Processes as `/proc` shows them (proc(5)): what one has used, and who descends from whom.

use std::fs;
use std::path::Path;

use nix::time::ClockId;
use nix::unistd::Pid;

/// What `/proc/PID/stat` says; times in clock ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// `Z` or `X` for one that has ended.
    pub state: u8,
    /// Its parent.
    pub parent: u32,
    /// Its process group.
    pub group: u32,
    /// CPU in user code.
    pub user: u64,
    /// CPU in the kernel.
    pub system: u64,
    /// CPU of its children that have ended and were waited for.
    pub children: u64,
}

impl Stat {
    /// Reads it.
    ///
    /// # Errors
    /// A sentence, when there is no such process.
    pub fn read(pid: u32) -> Result<Stat, String> {
        let path = format!("/proc/{pid}/stat");
        let text = fs::read_to_string(&path).map_err(|e| format!("cannot read {path}: {e}"))?;
        Stat::parse(&text).ok_or(format!("cannot make sense of {path}"))
    }

    /// The fields are counted behind the name, which may itself hold spaces and parentheses.
    fn parse(text: &str) -> Option<Stat> {
        let (_, behind) = text.rsplit_once(')')?;
        let fields: Vec<&str> = behind.split_ascii_whitespace().take(15).collect();
        let number = |at: usize| fields.get(at)?.parse().ok();
        Some(Stat {
            state: *fields.first()?.as_bytes().first()?,
            parent: number(1)? as u32,
            group: number(2)? as u32,
            user: number(11)?,
            system: number(12)?,
            children: number(13)? + number(14)?,
        })
    }

    /// Whether it still runs.
    pub fn lives(&self) -> bool {
        !matches!(self.state, b'Z' | b'X')
    }
}

/// The process's CPU clock, exact to nanoseconds and with the threads that have ended;
/// `None` where the system does not tell.
pub fn cpu_ns(pid: u32) -> Option<u64> {
    let clock = ClockId::pid_cpu_clock_id(Pid::from_raw(pid as i32)).ok()?;
    let time = clock.now().ok()?;
    Some(time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64)
}

/// A line `Name:  123 kB` (or without a unit) of a status file.
fn status_number(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|l| l.strip_prefix(name))?;
    line.strip_prefix(':')?
        .split_ascii_whitespace()
        .next()?
        .parse()
        .ok()
}

/// Resident memory and its highest mark so far, bytes.
pub fn memory(pid: u32) -> Option<[u64; 2]> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let bytes = |name| Some(status_number(&text, name)? * 1024);
    Some([bytes("VmRSS")?, bytes("VmHWM")?])
}

/// Context switches of all its threads that live: those it asked for by waiting, and the others.
pub fn switches(pid: u32) -> [u64; 2] {
    let mut sum = [0; 2];
    for thread in numbers_in(&format!("/proc/{pid}/task")) {
        let path = format!("/proc/{pid}/task/{thread}/status");
        let Ok(text) = fs::read_to_string(path) else {
            continue;
        };
        let names = ["voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"];
        for (sum, name) in sum.iter_mut().zip(names) {
            *sum += status_number(&text, name).unwrap_or(0);
        }
    }
    sum
}

/// Its threads.
pub fn threads(pid: u32) -> Vec<u32> {
    numbers_in(&format!("/proc/{pid}/task"))
}

/// These processes and all that descend from them. A daemon whose parent has ended is found as
/// long as it is in the process group `group`.
pub fn tree(roots: &[u32], group: Option<u32>) -> Vec<u32> {
    let mut found: Vec<u32> = Vec::new();
    let add = |found: &mut Vec<u32>, pid| {
        if !found.contains(&pid) {
            found.push(pid);
        }
    };
    roots.iter().for_each(|&pid| add(&mut found, pid));
    if let Some(group) = group {
        let ours = children(std::process::id());
        let orphans = ours.into_iter().filter(|&pid| in_group(pid, group));
        orphans.for_each(|pid| add(&mut found, pid));
    }
    let mut at = 0;
    while let Some(&pid) = found.get(at) {
        let next = children(pid);
        next.into_iter().for_each(|pid| add(&mut found, pid));
        at += 1;
    }
    found
}

fn in_group(pid: u32, group: u32) -> bool {
    Stat::read(pid).is_ok_and(|stat| stat.group == group)
}

/// Its children. Kernels built without lists of children are asked for every process there is.
fn children(pid: u32) -> Vec<u32> {
    if !Path::new("/proc/thread-self/children").exists() {
        let mut all = numbers_in("/proc");
        all.retain(|&child| Stat::read(child).is_ok_and(|stat| stat.parent == pid));
        return all;
    }
    let lists = threads(pid).into_iter().filter_map(|thread| {
        fs::read_to_string(format!("/proc/{pid}/task/{thread}/children")).ok()
    });
    lists
        .flat_map(|list| {
            let pids = list.split_ascii_whitespace();
            pids.filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()
        })
        .collect()
}

/// The entries of a directory that are numbers; none when it cannot be read.
pub fn numbers_in(directory: &str) -> Vec<u32> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let stat = "7 (a) b (c) S 1 6 7 0 -1 4194560 10 11 12 13 140 150 16 17 20 0 1 0 100 200";
        let expected = Stat {
            state: b'S',
            parent: 1,
            group: 6,
            user: 140,
            system: 150,
            children: 33,
        };
        assert_eq!(Stat::parse(stat), Some(expected));
        assert_eq!(Stat::parse("7 (a) S 1"), None);
    }

    #[test]
    fn numbers_of_a_status_file() {
        let text = "Name:\tx\nVmHWM:\t  17 kB\nvoluntary_ctxt_switches:\t4\nnonvoluntary_ctxt_switches:\t9\n";
        let numbers = ["VmHWM", "voluntary_ctxt_switches", "VmRSS"];
        let numbers = numbers.map(|name| status_number(text, name));
        assert_eq!(numbers, [Some(17), Some(4), None]);
    }

    #[test]
    fn a_grandchild_belongs_to_the_tree() {
        let mut shell = std::process::Command::new("sh")
            .args(["-c", "sleep 5 & read x"])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let until = std::time::Instant::now() + std::time::Duration::from_secs(5);
        while tree(&[shell.id()], None).len() < 2 && std::time::Instant::now() < until {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let found = tree(&[shell.id()], None);
        assert!(tree(&[std::process::id()], None).contains(&found[1]));
        let _ = rustix::process::kill_process(
            rustix::process::Pid::from_raw(found[1] as i32).unwrap(),
            rustix::process::Signal::KILL,
        );
        shell.kill().unwrap();
        shell.wait().unwrap();
        assert_eq!((found.len(), found[0]), (2, shell.id()));
    }
}
