//! Where and with what a run was made: machine, version, command line, options.

use clap::{ArgMatches, Command};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Every option by its long name, as given or by default: a number, a truth value, text, or a list of them.
pub type Options = IndexMap<String, Value>;

/// Where and when a run was made.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Environment {
    /// This program's version.
    pub version: String,
    /// When it began, RFC 3339, UTC.
    pub started: String,
    /// The command line.
    pub command: Vec<String>,
    /// System, release and architecture.
    pub kernel: String,
    /// The processor's name for itself.
    pub cpu: Option<String>,
    /// Cores that this process may use.
    pub cores: u64,
    /// How the first core's clock is governed, where the system tells.
    pub governor: Option<String>,
    /// All memory of the machine.
    pub memory_bytes: Option<u64>,
    /// The machine's load average over one minute, before the run: above 0 means company.
    pub load_before: Option<f64>,
}

impl Environment {
    /// Looks around; to be called before the run.
    pub fn gather() -> Environment {
        let uname = rustix::system::uname();
        let word = |s: &std::ffi::CStr| s.to_string_lossy().into_owned();
        let kernel = [uname.sysname(), uname.release(), uname.machine()].map(word);
        let now = humantime::format_rfc3339_seconds(std::time::SystemTime::now());
        Environment {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: now.to_string(),
            command: std::env::args_os()
                .map(|word| word.to_string_lossy().into_owned())
                .collect(),
            kernel: kernel.join(" "),
            cpu: text("/proc/cpuinfo").and_then(|t| field(&t, "model name")),
            cores: std::thread::available_parallelism().map_or(0, |n| n.get() as u64),
            governor: text("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
                .map(|t| t.trim().to_owned()),
            memory_bytes: text("/proc/meminfo").and_then(|t| memory_bytes(&t)),
            load_before: text("/proc/loadavg").and_then(|t| t.split(' ').next()?.parse().ok()),
        }
    }
}

fn text(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

/// The value of the first line `name : value`.
fn field(text: &str, name: &str) -> Option<String> {
    let value = |line: &str| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    };
    text.lines().find_map(value)
}

fn memory_bytes(meminfo: &str) -> Option<u64> {
    let total = field(meminfo, "MemTotal")?;
    Some(total.strip_suffix(" kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// What the options of `command` were set to, whether on the command line or by default. An option
/// that was not given and has no default is absent.
pub fn options(command: &Command, matches: &ArgMatches) -> Options {
    let mut options = Options::new();
    for arg in command.get_arguments() {
        let id = arg.get_id().as_str();
        let Ok(Some(raw)) = matches.try_get_raw(id) else {
            continue;
        };
        let mut values: Vec<Value> = raw.map(|v| typed(&v.to_string_lossy())).collect();
        let one = !matches!(arg.get_action(), clap::ArgAction::Append) && values.len() == 1;
        let value = if one {
            values.remove(0)
        } else {
            Value::Array(values)
        };
        options.insert(arg.get_long().unwrap_or(id).to_owned(), value);
    }
    options
}

fn typed(text: &str) -> Value {
    if let Ok(n) = text.parse::<u64>() {
        return n.into();
    }
    match text {
        "true" => true.into(),
        "false" => false.into(),
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[derive(Parser)]
    struct Few {
        #[arg(long, default_value = "128")]
        _size: u32,
        #[arg(long)]
        _pid: Vec<u32>,
        #[arg(long)]
        _own: bool,
        #[arg(long)]
        _json: Option<String>,
        #[arg(long, default_value = "10s")]
        _long_time: String,
    }

    #[test]
    fn options_are_those_given_and_those_by_default() {
        let read = |words: &str| {
            let matches = Few::command().get_matches_from(words.split(' '));
            serde_json::to_string(&options(&Few::command(), &matches)).unwrap()
        };
        assert_eq!(read("x"), r#"{"size":128,"own":false,"long-time":"10s"}"#);
        assert_eq!(
            read("x --own --pid 7 --size 9 --json a"),
            r#"{"size":9,"pid":[7],"own":true,"json":"a","long-time":"10s"}"#
        );
    }

    #[test]
    fn what_linux_tells_of_the_machine() {
        let environment = Environment::gather();
        assert!(
            environment.kernel.starts_with("Linux "),
            "{}",
            environment.kernel
        );
        assert!(environment.cores > 0 && environment.started.ends_with('Z'));
        assert_eq!(memory_bytes("MemTotal:       2048 kB\n"), Some(2 << 20));
        assert_eq!(
            field("a : b\nmodel name\t: X 1: 2\n", "model name"),
            Some("X 1: 2".to_owned())
        );
        assert_eq!(field("", "model name"), None);
    }
}
