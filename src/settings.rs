//! What the relay was told to do, apart from bounds: whom it lets in and what it offers.

use std::fmt;
use std::sync::Arc;

use ipnet::IpNet;

use crate::files::Files;
use crate::limits::Limits;

/// Everything the relay is told at start.
#[derive(Clone, Default)]
pub struct Settings {
    /// Every bound.
    pub limits: Limits,
    /// Which `Origin` values are let in.
    pub origins: Origins,
    /// Subprotocols that may be chosen; empty: the first one offered.
    pub subprotocols: Vec<String>,
    /// Key that HTTP publishing needs (`Authorization: Bearer KEY`).
    pub publish_key: Option<String>,
    /// Peers whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<IpNet>,
    /// Do not serve the page at `/`.
    pub no_page: bool,
    /// What becomes of subscribers that lag too far.
    pub slow: Slow,
    /// What differs for some channels; the first pattern that matches a name holds.
    pub channels: Vec<ChannelRule>,
    /// Names besides localhost that a request at an admin address may be for.
    pub admin_hosts: Vec<String>,
    /// Log lines that were lost, for the metrics.
    pub log_lines_lost: Lost,
    /// Decline permessage-deflate.
    pub no_deflate: bool,
    /// Where a subscriber begins that names no message.
    pub start: Begin,
    /// What is served at `/` beside all else.
    pub files: Files,
    /// Where Socket.IO is spoken, and how.
    pub socketio: SocketIo,
}

impl fmt::Debug for Settings {
    /// Everything but the publish key, which must not get into a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("limits", &self.limits)
            .field("origins", &self.origins)
            .field("subprotocols", &self.subprotocols)
            .field("publish_key", &self.publish_key.as_ref().map(|_| "***"))
            .field("trusted_proxies", &self.trusted_proxies)
            .field("no_page", &self.no_page)
            .field("slow", &self.slow)
            .field("channels", &self.channels)
            .field("admin_hosts", &self.admin_hosts)
            .field("no_deflate", &self.no_deflate)
            .field("start", &self.start)
            .field("files", &self.files)
            .field("socketio", &self.socketio)
            .finish()
    }
}

/// Where Socket.IO is spoken, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketIo {
    /// The path of its requests, which begins and ends with `/`; empty: it is not spoken.
    pub path: String,
    /// The channel that is the namespace `/`.
    pub channel: String,
    /// Whether a client that lost its connection gets what it missed: every event then has its id
    /// as a last argument.
    pub recovery: bool,
    /// The path of bare Engine.IO sessions, whose messages an embedding program takes; empty: none.
    pub engine_path: String,
}

impl Default for SocketIo {
    /// As its clients expect it.
    fn default() -> SocketIo {
        SocketIo {
            path: "/socket.io/".to_owned(),
            channel: "socket.io".to_owned(),
            recovery: false,
            engine_path: String::new(),
        }
    }
}

/// What becomes of a subscriber that lags too far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Slow {
    /// It is closed with 1013.
    #[default]
    Close,
    /// It is moved to the newest message and told what it missed, where its form can tell that;
    /// else it is closed.
    Skip,
}

/// Where a subscriber begins that names no message to go on behind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Begin {
    /// With the next message.
    #[default]
    Newest,
    /// With the oldest that history holds.
    Oldest,
}

/// What differs for channels whose name matches a pattern; `None`: as for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChannelRule {
    /// Compared with the decoded name: `*` stands for any characters, `?` for one.
    pub pattern: String,
    /// What becomes of subscribers that lag too far.
    pub slow: Option<Slow>,
    /// See `Limits::lag_bytes_max`.
    pub lag_bytes_max: Option<usize>,
    /// See `Limits::lag_timeout_ms`.
    pub lag_timeout_ms: Option<u64>,
    /// See `Limits::history_messages_max`.
    pub history_messages: Option<usize>,
    /// See `Limits::history_age_ms`.
    pub history_age_ms: Option<u64>,
    /// See `Limits::history_bytes_max`.
    pub history_bytes: Option<usize>,
    /// Where a subscriber begins that names no message.
    pub start: Option<Begin>,
}

/// Counts what is lost outside the relay, when it is asked.
#[derive(Clone, Default)]
pub struct Lost(Option<Arc<dyn Fn() -> u64 + Send + Sync>>);

impl Lost {
    /// Counted by `count`.
    pub fn counted_by(count: impl Fn() -> u64 + Send + Sync + 'static) -> Lost {
        Lost(Some(Arc::new(count)))
    }

    /// How many so far.
    pub fn count(&self) -> u64 {
        self.0.as_ref().map_or(0, |count| count())
    }
}

/// Which `Origin` values are let in. A request without `Origin` always is: it is not a browser's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Origins {
    /// All of them.
    #[default]
    Any,
    /// Exactly these, compared byte for byte (RFC 6454 7); `null` and `file://` can be named.
    List(Vec<String>),
}

impl Origins {
    /// Whether a request with this `Origin` is let in.
    pub fn allow(&self, origin: &[u8]) -> bool {
        match self {
            Origins::Any => true,
            Origins::List(list) => list.iter().any(|o| o.as_bytes() == origin),
        }
    }
}
