//! Which cores the server runs on, and which are left for this process.

use std::fmt;
use std::sync::OnceLock;

use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use super::process;

/// A set of cores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cores(Vec<usize>);

impl Cores {
    /// Takes `0-3,6` apart.
    ///
    /// # Errors
    /// What was expected instead.
    pub fn parse(text: &str) -> Result<Cores, String> {
        let odd = || format!("{text}: expected cores such as 0, 2-5 or 0,3");
        let mut cores = Vec::new();
        for part in text.split(',') {
            let (from, to) = part.split_once('-').unwrap_or((part, part));
            let number = |text: &str| text.parse::<usize>().map_err(|_| odd());
            let (from, to) = (number(from)?, number(to)?);
            if from > to || to >= CpuSet::MAX_CPU {
                return Err(odd());
            }
            cores.extend(from..=to);
        }
        cores.sort_unstable();
        cores.dedup();
        Ok(Cores(cores))
    }

    /// The cores that this thread may use.
    ///
    /// # Errors
    /// What the system said.
    pub fn allowed() -> Result<Cores, String> {
        let set = sched_getaffinity(None).map_err(|e| format!("cannot read the cores: {e}"))?;
        Ok(Cores(
            (0..CpuSet::MAX_CPU).filter(|&c| set.is_set(c)).collect(),
        ))
    }

    /// The cores that this process could use when it first asked, whatever it was pinned to since.
    ///
    /// # Errors
    /// As [`Cores::allowed`].
    pub fn at_start() -> Result<&'static Cores, String> {
        static AT_START: OnceLock<Result<Cores, String>> = OnceLock::new();
        AT_START
            .get_or_init(Cores::allowed)
            .as_ref()
            .map_err(Clone::clone)
    }

    /// All of these but the last, and the last; `None` when there is but one.
    pub fn divide(&self) -> Option<(Cores, Cores)> {
        let (last, others) = self.0.split_last().filter(|(_, o)| !o.is_empty())?;
        Some((Cores(others.to_vec()), Cores(vec![*last])))
    }

    /// These without those; `None` when nothing is left.
    pub fn without(&self, others: &Cores) -> Option<Cores> {
        let rest = self.0.iter().filter(|c| !others.0.contains(c));
        let rest: Vec<usize> = rest.copied().collect();
        (!rest.is_empty()).then_some(Cores(rest))
    }

    /// Keeps the calling thread, and what it starts from now on, on these cores.
    ///
    /// # Errors
    /// A sentence: no such core, or not allowed.
    pub fn pin_this_thread(&self) -> Result<(), String> {
        self.pin(None)
    }

    /// Keeps all threads that a process has now on these cores.
    ///
    /// # Errors
    /// A sentence: no such core, or not allowed.
    pub fn pin_process(&self, pid: u32) -> Result<(), String> {
        let threads = process::threads(pid).into_iter();
        let mut pids = threads.filter_map(|thread| Pid::from_raw(thread as i32));
        pids.try_for_each(|thread| self.pin(Some(thread)))
    }

    fn pin(&self, thread: Option<Pid>) -> Result<(), String> {
        let mut set = CpuSet::new();
        self.0.iter().for_each(|&core| set.set(core));
        sched_setaffinity(thread, &set).map_err(|e| format!("cannot use the cores {self}: {e}"))
    }
}

impl fmt::Display for Cores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, core) in self.0.iter().enumerate() {
            write!(f, "{}{core}", if i > 0 { "," } else { "" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_cores() {
        let text = |text| Cores::parse(text).map(|c| c.to_string());
        assert_eq!(text("0-3,6,2"), Ok("0,1,2,3,6".to_owned()));
        for bad in ["", "a", "3-1", "1,", "-1", "99999999"] {
            assert!(text(bad).unwrap_err().contains("expected cores"), "{bad}");
        }
    }

    #[test]
    fn the_last_core_is_ours() {
        let (server, own) = Cores::parse("1-3").unwrap().divide().unwrap();
        assert_eq!(
            (server.to_string(), own.to_string()),
            ("1,2".into(), "3".into())
        );
        assert_eq!(Cores(vec![4]).divide(), None);
        assert_eq!(own.without(&own), None);
        assert_eq!(server.without(&own), Some(server));
    }

    #[test]
    fn a_pinned_thread_may_use_no_other_core() {
        std::thread::spawn(|| {
            let one = Cores(vec![*Cores::allowed().unwrap().0.first().unwrap()]);
            one.pin_this_thread().unwrap();
            assert_eq!(Cores::allowed().unwrap(), one);
            let none = Cores(vec![CpuSet::MAX_CPU - 1]);
            assert!(none.pin_this_thread().unwrap_err().contains("cannot use"));
        })
        .join()
        .unwrap();
    }
}
