//! The command line and the variables, and what the command is asked to do.
//!
//! Rules: clap finds the flags and writes the help; values are read by the same code wherever
//! they come from. Exit codes: 0 done, 1 a bad value or file, 2 a flag that does not exist or
//! lacks its value.

use std::ffi::OsString;

use clap::{Arg, ArgAction, ArgMatches};

use super::merge::{FOLLOWERS, Given, merge, nearest};
use super::options::{Kind, OPTIONS, Opt, variable};
use super::show::Note;
use super::{Config, file, files, show, values};

/// What the command is asked to do.
#[derive(Debug)]
pub enum Command {
    /// Serve with this configuration.
    Run(Box<Config>),
    /// Print this, the effective configuration, and exit.
    Check(String),
}

/// Why the command cannot start.
#[derive(Debug)]
pub enum Error {
    /// The flags make no sense to clap; also `--help` and `--version`.
    Usage(clap::Error),
    /// A bad value, key, variable or file, or bounds that contradict each other: one line.
    Config(String),
}

impl Error {
    /// Tells the person at the terminal (help on standard output, errors on standard error) and
    /// gives the exit code: 0 for help and version, 1 for a bad configuration, 2 for bad usage.
    pub fn report(&self) -> u8 {
        match self {
            Error::Usage(error) => {
                // Nobody is left to tell if even this cannot be written.
                let _ = error.print();
                u8::try_from(error.exit_code()).unwrap_or(2)
            }
            Error::Config(line) => {
                eprintln!("longwave: {line}");
                1
            }
        }
    }
}

impl From<String> for Error {
    fn from(line: String) -> Error {
        Error::Config(line)
    }
}

const AFTER: &str = "\
Every option is also a variable (--ping-interval is LONGWAVE_PING_INTERVAL; a list has commas) and
a key of the file (ping_interval = \"25s\"; not so --config and --check). A flag wins over its
variable, a variable over the file. `longwave --check > longwave.toml` writes a file to start from.

Exit code: 0 after a clean stop, 1 if something is wrong with a value or at start, 2 for a wrong
flag, 128 and the signal's number after a second signal.";

/// Reads flags and variables (and the file they name). `args` begins with the program's name.
pub fn command(
    args: impl IntoIterator<Item = OsString>,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Command, Error> {
    let flags = parser().try_get_matches_from(args).map_err(Error::Usage)?;
    let variables = Variables::new(variables)?;
    let check = meta(&flags, &variables, "check");
    let check = match check {
        Some((from, text)) => values::switch(&text)
            .map_err(|bad| format!("{from} {text:?} {}; allowed: {}", bad.problem, bad.allowed))?,
        None => false,
    };
    let mut channels = Vec::new();
    let mut layers: Vec<Given> = variables.rust_log().into_iter().collect();
    if let Some((from, path)) = meta(&flags, &variables, "config") {
        let (given, rules) = file::read(&from, &path)?;
        layers.extend(given);
        channels = rules;
    }
    layers.extend(OPTIONS.iter().filter_map(|o| variables.given(o)));
    layers.extend(OPTIONS.iter().filter_map(|o| flag(&flags, o)));
    let (config, sources) = merge(layers, channels)?;
    if !check {
        return Ok(Command::Run(Box::new(config)));
    }
    files::load(&config)?;
    let text = show::toml(&config, |o| match sources.get(&o.key()) {
        Some(from) => Note::From(from.clone()),
        None if FOLLOWERS.contains(&o.key().as_str()) => Note::Follows,
        None => Note::Plain,
    });
    Ok(Command::Check(text))
}

/// The flags and the help.
pub fn parser() -> clap::Command {
    let defaults = Config::default();
    clap::Command::new("longwave")
        .version(env!("CARGO_PKG_VERSION"))
        .about(env!("CARGO_PKG_DESCRIPTION"))
        .after_help(AFTER)
        .args(OPTIONS.iter().map(|o| arg(o, &defaults)))
        .arg(config_arg())
        .arg(switch(Arg::new("check").long("check")).help_heading(CONFIGURATION).help(
            "Check everything, print the effective configuration as a file for --config, and exit",
        ))
}

const CONFIGURATION: &str = "Configuration";

fn config_arg() -> Arg {
    Arg::new("config")
        .long("config")
        .value_name("FILE")
        .help_heading(CONFIGURATION)
        .help("Read this TOML file")
}

fn arg(option: &'static Opt, defaults: &Config) -> Arg {
    let default = match (option.default, &option.kind) {
        ("", _) => show::value(defaults, option).replace(['"', '[', ']'], ""),
        (words, _) => words.to_owned(),
    };
    let arg = Arg::new(option.flag)
        .long(option.flag)
        .value_name(option.value)
        .help_heading(option.heading)
        .help(format!("{} [default: {default}]", option.help));
    match option.kind {
        Kind::List { .. } => arg.action(ArgAction::Append),
        Kind::Switch { .. } => switch(arg).help(option.help),
        Kind::Text { .. } | Kind::Secret { .. } | Kind::Bound { .. } => arg,
    }
}

/// Alone it means true; `=false` takes back what a variable or the file says.
fn switch(arg: Arg) -> Arg {
    arg.num_args(0..=1)
        .require_equals(true)
        .value_name("BOOL")
        .default_missing_value("true")
}

fn flag(flags: &ArgMatches, option: &'static Opt) -> Option<Given> {
    let texts = flags.get_many::<String>(option.flag)?.cloned().collect();
    let from = format!("--{}", option.flag);
    Some(Given {
        option,
        from,
        texts,
    })
}

/// The value of `--config` or `--check` with the flag or variable it is from.
fn meta(flags: &ArgMatches, variables: &Variables, name: &str) -> Option<(String, String)> {
    let flag = flags.get_one::<String>(name).cloned();
    flag.map(|text| (format!("--{name}"), text)).or_else(|| {
        let name = variable(name);
        variables.get(&name).map(|text| (name, text.to_owned()))
    })
}

/// The variables that concern us.
struct Variables(Vec<(String, String)>);

impl Variables {
    /// Refuses what is not UTF-8, and names that are a misspelling of ours. Other names that
    /// begin like ours are left alone: Kubernetes sets `LONGWAVE_PORT` and more for a service
    /// called longwave.
    fn new(all: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Variables, String> {
        let flags = OPTIONS.iter().map(|o| o.flag).chain(["config", "check"]);
        let known: Vec<String> = flags.map(variable).collect();
        let mut ours = Vec::new();
        for (name, value) in all {
            let name = name.to_string_lossy().into_owned();
            if known.contains(&name) || name == RUST_LOG {
                let text = value.into_string();
                ours.push((
                    name.clone(),
                    text.map_err(|_| format!("{name} is not UTF-8"))?,
                ));
            } else if let Some(near) = name.strip_prefix("LONGWAVE_").and(nearest(&name, &known)) {
                return Err(format!("unknown variable {name}; did you mean {near}?"));
            }
        }
        Ok(Variables(ours))
    }

    fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(n, _)| n == name);
        found.map(|(_, text)| text.as_str())
    }

    fn given(&self, option: &'static Opt) -> Option<Given> {
        let from = option.variable();
        let text = self.get(&from)?;
        let texts = match option.kind {
            Kind::List { .. } if text.trim().is_empty() => Vec::new(),
            Kind::List { .. } => text.split(',').map(|item| item.trim().to_owned()).collect(),
            _ => vec![text.to_owned()],
        };
        Some(Given {
            option,
            from,
            texts,
        })
    }

    /// The variable that Rust programs share counts if nothing of ours says otherwise.
    fn rust_log(&self) -> Option<Given> {
        let text = self.get(RUST_LOG).filter(|text| !text.is_empty())?;
        Some(Given {
            option: Opt::of_key("log_level")?,
            from: RUST_LOG.to_owned(),
            texts: vec![text.to_owned()],
        })
    }
}

const RUST_LOG: &str = "RUST_LOG";
