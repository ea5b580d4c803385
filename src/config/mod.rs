//! Flags, variables and the configuration file: what the relay is told, and by whom.
//!
//! Rules:
//! - A flag wins over its variable, a variable over the file, the file over the default.
//! - A bad value is refused wherever it stands, even if something else overrides it.
//! - An error is one line: where it stands, the name, the value, and what is allowed.
//! - Every option is one row of [`options::OPTIONS`]; its flag, variable, file key, help line and
//!   line of `--check` all come from there.

pub mod channels;
pub mod cli;
pub mod file;
pub mod files;
pub mod logging;
pub mod media;
pub mod merge;
pub mod options;
pub mod show;
pub mod socketio;
pub mod units;
pub mod values;

#[cfg(test)]
mod tests;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};

use crate::limits::Limits;
use crate::settings::Settings;

pub use cli::{Command, Error, command};
pub use logging::LogFormat;

/// Everything that can be configured.
///
/// ```
/// use longwave::config::{Config, limits_for};
///
/// let mut config = Config { listen: vec!["127.0.0.1:0".parse().unwrap()], ..Config::default() };
/// config.settings.limits = limits_for(16 << 20);
/// config.check().unwrap();
/// ```
#[derive(Clone)]
pub struct Config {
    /// Addresses to listen on, at least one; port 0 is any free port. Default 127.0.0.1:8080.
    pub listen: Vec<SocketAddr>,
    /// Addresses for operators, may be none: metrics, connections and probes are there and no
    /// longer on `listen`.
    pub admin_listen: Vec<SocketAddr>,
    /// The directory whose files are served at `/`, read once at start.
    pub static_dir: Option<String>,
    /// What the relay is told: its bounds, whom it lets in, what it offers.
    pub settings: Settings,
    /// How a log line looks.
    pub log_format: LogFormat,
    /// Which log lines are written: a level, or `target=level` directives with commas.
    pub log_filter: String,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            listen: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 8080))],
            admin_listen: Vec::new(),
            static_dir: None,
            settings: Settings::default(),
            log_format: LogFormat::Human,
            log_filter: "info".to_owned(),
        }
    }
}

/// The file form, so that a key for publishing never gets into a log.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_toml())
    }
}

impl Config {
    /// Refuses a value out of range and bounds that contradict each other, each with one sentence.
    pub fn check(&self) -> Result<(), String> {
        if self.listen.is_empty() {
            return Err("listen names no address".to_owned());
        }
        let fixed = |a: &&SocketAddr| a.port() != 0;
        let mut public = self.listen.iter().filter(fixed);
        if let Some(both) = public.find(|a| self.admin_listen.contains(a)) {
            return Err(format!(
                "listen and admin_listen both name {both}: operators need an address of their own"
            ));
        }
        for option in options::OPTIONS {
            option.check(self)?;
        }
        self.settings.limits.check()?;
        socketio::check(&self.settings.socketio)?;
        if self.settings.socketio.recovery && !self.settings.limits.keeps_history() {
            return Err(
                "socketio_recovery without a history: nobody could get what it missed".to_owned(),
            );
        }
        channels::check(self)
    }

    /// The configuration as text that `--config` takes; the publish key is left out of it.
    pub fn to_toml(&self) -> String {
        show::toml(self, |_| show::Note::Plain)
    }
}

/// The default bounds for messages of up to so many bytes: those that must be in proportion to
/// one message (lag, unflushed, mailbox, memory) follow it.
pub fn limits_for(message_bytes_max: usize) -> Limits {
    let mut limits = Limits {
        message_bytes_max,
        ..Limits::default()
    };
    merge::follow(&mut limits, |_| false);
    limits
}
