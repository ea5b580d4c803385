//! The table of options: one row each, the only place to add one.
//!
//! A row gives the flag's name; the file key is the same with underscores, the variable the same
//! in capitals behind `LONGWAVE_`. `get` and `set` work on texts as the file holds them.

use super::units::Unit;
use super::values::{self, Bad};
use super::{Config, LogFormat, logging, socketio};
use crate::limits::{Limits, RANGES};
use crate::settings::Origins;

/// One option.
#[derive(Debug)]
pub struct Opt {
    /// The flag without its dashes.
    pub flag: &'static str,
    /// What kind of value it takes, and where the value goes.
    pub kind: Kind,
    /// The heading it stands under.
    pub heading: &'static str,
    /// What stands for the value in the help.
    pub value: &'static str,
    /// One or two sentences.
    pub help: &'static str,
    /// The default in words, where the value alone does not say it; else empty.
    pub default: &'static str,
}

/// What kind of value an option takes, and where in [`Config`] it goes.
#[derive(Debug)]
#[allow(missing_docs)]
pub enum Kind {
    /// Any number of texts.
    List {
        get: fn(&Config) -> Vec<String>,
        set: fn(&mut Config, &[String]) -> Result<(), Bad>,
    },
    /// One text, or none.
    Text {
        get: fn(&Config) -> Option<String>,
        set: fn(&mut Config, &str) -> Result<(), Bad>,
    },
    /// One text, or none, that is never shown.
    Secret {
        get: fn(&Config) -> Option<String>,
        set: fn(&mut Config, &str) -> Result<(), Bad>,
    },
    /// Yes or no.
    Switch {
        get: fn(&Config) -> bool,
        set: fn(&mut Config, bool),
    },
    /// A number with a range.
    Bound {
        unit: Unit,
        get: fn(&Limits) -> u64,
        set: fn(&mut Limits, u64),
    },
}

const LISTENING: &str = "Listening";
const ADMISSION: &str = "Who may come in";
const BOUNDS: &str = "Bounds (sizes as plain bytes or 64KiB, 16MiB, 1GiB)";
const TIMES: &str = "Times (as 250ms, 10s, 2m, 1h)";
const HISTORY: &str =
    "History (for who comes late or again; 0 messages, bytes or time: none is kept)";
const SOCKETIO: &str = "Socket.IO (for its clients of versions 3 and 4)";
const COMPRESSION: &str = "Compression (permessage-deflate)";
const LOGGING: &str = "Logging (to standard error)";

/// A row for one field of `Limits`: sizes and counts are `usize`, times are `u64`.
macro_rules! bound {
    (Micros $field:ident, $flag:literal, $help:literal) => {
        Opt {
            flag: $flag,
            kind: Kind::Bound { unit: Unit::Micros, get: |l| l.$field, set: |l, n| l.$field = n },
            heading: TIMES,
            value: "MICROSECONDS",
            help: $help,
            default: "",
        }
    };
    (Millis $field:ident, $flag:literal, $help:literal $(, $default:literal)?) => {
        bound!(@ TIMES Millis $field, $flag, $help $(, $default)?)
    };
    (@ $heading:ident Millis $field:ident, $flag:literal, $help:literal $(, $default:literal)?) => {
        Opt {
            flag: $flag,
            kind: Kind::Bound { unit: Unit::Millis, get: |l| l.$field, set: |l, n| l.$field = n },
            heading: $heading,
            value: "TIME",
            help: $help,
            default: concat!("" $(, $default)?),
        }
    };
    (Bytes $field:ident, $flag:literal, $help:literal $(, $default:literal)?) => {
        bound!(@ BOUNDS Bytes "SIZE" $field, $flag, $help $(, $default)?)
    };
    (Count $field:ident, $flag:literal, $help:literal $(, $default:literal)?) => {
        bound!(@ BOUNDS Count "N" $field, $flag, $help $(, $default)?)
    };
    (@ $heading:ident $unit:ident $value:literal $field:ident, $flag:literal, $help:literal $(, $default:literal)?) => {
        Opt {
            flag: $flag,
            kind: Kind::Bound {
                unit: Unit::$unit,
                get: |l| l.$field as u64,
                set: |l, n| l.$field = usize::try_from(n).unwrap_or(usize::MAX),
            },
            heading: $heading,
            value: $value,
            help: $help,
            default: concat!("" $(, $default)?),
        }
    };
}

/// Every option but `--config` and `--check`, in the order of the help.
#[rustfmt::skip]
pub const OPTIONS: &[Opt] = &[
    Opt {
        flag: "listen",
        kind: Kind::List {
            get: |c| texts(&c.listen),
            set: |c, list| values::listen(list).map(|found| c.listen = found),
        },
        heading: LISTENING,
        value: "ADDR",
        help: "Listen on HOST:PORT, [IPV6]:PORT or :PORT (every IPv4 address); port 0 takes a free one. Repeatable",
        default: "",
    },
    Opt {
        flag: "admin-listen",
        kind: Kind::List {
            get: |c| texts(&c.admin_listen),
            set: |c, list| values::all_addresses(list).map(|found| c.admin_listen = found),
        },
        heading: LISTENING,
        value: "ADDR",
        help: "Serve /metrics, /connections, /healthz and /readyz here, and no longer on the public addresses. Repeatable",
        default: "none",
    },
    Opt {
        flag: "admin-host",
        kind: Kind::List { get: |c| c.settings.admin_hosts.clone(), set: set_admin_hosts },
        heading: LISTENING,
        value: "NAME",
        help: "Let in requests for this host name at the admin addresses, besides localhost and IP addresses. Repeatable",
        default: "none",
    },
    Opt {
        flag: "no-page",
        kind: Kind::Switch { get: |c| c.settings.no_page, set: |c, on| c.settings.no_page = on },
        heading: LISTENING,
        value: "BOOL",
        help: "Do not serve the page to try it at /",
        default: "",
    },
    Opt {
        flag: "static",
        kind: Kind::Text {
            get: |c| c.static_dir.clone(),
            set: |c, text| {
                c.static_dir = (!text.is_empty()).then(|| text.to_owned());
                Ok(())
            },
        },
        heading: LISTENING,
        value: "DIR",
        help: "Serve the files of this directory at /, from memory: it is read once, at start. Its index.html takes the place of the page to try it",
        default: "none",
    },
    Opt {
        flag: "allow-origin",
        kind: Kind::List { get: origins, set: set_origins },
        heading: ADMISSION,
        value: "ORIGIN",
        help: "Let in browser pages of this origin only, such as https://chat.example, null or file://; compared exactly. Repeatable",
        default: "any origin (*)",
    },
    Opt {
        flag: "subprotocol",
        kind: Kind::List { get: |c| c.settings.subprotocols.clone(), set: set_subprotocols },
        heading: ADMISSION,
        value: "NAME",
        help: "Choose only this WebSocket subprotocol from those a client offers. Repeatable",
        default: "the first one offered",
    },
    Opt {
        flag: "publish-key",
        kind: Kind::Secret {
            get: |c| c.settings.publish_key.clone(),
            set: |c, text| values::key(text).map(|()| c.settings.publish_key = Some(text.to_owned())),
        },
        heading: ADMISSION,
        value: "KEY",
        help: "Key that publishing by HTTP needs (Authorization: Bearer KEY). Flags show in process lists: better a variable or the file",
        default: "none, everyone may publish",
    },
    Opt {
        flag: "trusted-proxy",
        kind: Kind::List { get: |c| texts(&c.settings.trusted_proxies), set: set_proxies },
        heading: ADMISSION,
        value: "CIDR",
        help: "Believe X-Forwarded-For from peers in this network, such as 10.0.0.0/8 or 127.0.0.1. Repeatable",
        default: "none",
    },
    bound!(Count connections_max, "connections-max", "Connections at once; further ones get 503. The descriptor limit may lower it"),
    bound!(Count connections_per_address_max, "connections-per-address-max", "Connections at once from one address; further ones get 429", "0, no limit"),
    bound!(Count channels_max, "channels-max", "Channels at once; for a further one the longest idle goes, or it is refused with 503"),
    bound!(Bytes head_bytes_max, "head-bytes-max", "Request line and headers of one request; a larger head gets 431"),
    bound!(Bytes message_bytes_max, "message-bytes-max", "One message over all its fragments; a larger one is refused with 1009 or 413"),
    Opt {
        flag: "slow",
        kind: Kind::Text {
            get: |c| Some(values::slow_word(c.settings.slow).to_owned()),
            set: |c, text| values::slow(text).map(|slow| c.settings.slow = slow),
        },
        heading: BOUNDS,
        value: "POLICY",
        help: "What becomes of a subscriber that lags: close it with 1013, or skip to the newest message where its protocol can tell of the gap. The file can say so by channel: [[channels]]",
        default: "",
    },
    bound!(Bytes lag_bytes_max, "lag-bytes-max", "Messages waiting for a subscriber that takes no more; past it, it lags", "16 x message-bytes-max, or more if socketio-payload-max needs it"),
    bound!(Bytes unflushed_bytes_max, "unflushed-bytes-max", "Messages of one channel not yet offered to its subscribers; past it, publishers wait", "4 x message-bytes-max, at most lag-bytes-max"),
    bound!(Bytes send_buffer_bytes, "send-buffer", "The kernel's send buffer of one connection; 0 leaves it to the kernel"),
    bound!(Bytes memory_bytes_max, "memory-bytes-max", "All messages in memory together; past it, the most lagging or largest are closed", "1GiB, or more if lag-bytes-max needs it"),
    bound!(Bytes static_bytes_max, "static-bytes-max", "All files of --static together; with more it does not start"),
    bound!(Count mailbox_messages_max, "mailbox-messages-max", "Messages that another thread has handed over and the relay has not taken yet"),
    bound!(Bytes mailbox_bytes_max, "mailbox-bytes-max", "Bytes of such messages", "16MiB, or more if message-bytes-max needs it"),
    bound!(Millis head_timeout_ms, "head-timeout", "From connecting to a complete request; slower ones get 408"),
    bound!(Millis idle_timeout_ms, "idle-timeout", "An HTTP connection without a further request is closed after this"),
    bound!(Millis ping_interval_ms, "ping-interval", "A WebSocket peer silent for this long is pinged"),
    bound!(Millis ping_timeout_ms, "ping-timeout", "And dropped if still silent this long after the ping"),
    bound!(Millis lag_timeout_ms, "lag-timeout", "A subscriber that takes no more, and left what it was offered for this long, lags", "0, no limit"),
    bound!(Millis close_timeout_ms, "close-timeout", "From our close frame to the end of the connection, at most"),
    bound!(Millis channel_linger_ms, "channel-linger", "A channel without subscribers or messages is forgotten after this"),
    bound!(Micros batch_us, "batch", "Messages of a channel wait this long (as 250 or 250us) for more that go out with them; 0: not at all"),
    bound!(Millis drain_ms, "drain", "From SIGTERM or SIGINT to exit, at most"),
    bound!(Millis poll_hold_ms, "poll-hold", "A long-poll is held for this long at most while there is no message; then 408"),
    bound!(Millis retry_ms, "retry", "An EventSource is told to wait this long before it connects again"),
    bound!(@ HISTORY Count "N" history_messages_max, "history-messages", "Newest messages of a channel that are kept"),
    bound!(@ HISTORY Millis history_age_ms, "history-age", "How long a message is kept"),
    bound!(@ HISTORY Bytes "SIZE" history_bytes_max, "history-bytes", "Messages of one channel that are kept, at most half of lag-bytes-max", "2MiB, or less if lag-bytes-max needs it"),
    bound!(@ HISTORY Bytes "SIZE" history_memory_max, "history-memory", "Kept messages of all channels together; past it, the oldest go", "64MiB, or less if memory-bytes-max needs it"),
    Opt {
        flag: "start",
        kind: Kind::Text {
            get: |c| Some(values::start_word(c.settings.start).to_owned()),
            set: |c, text| values::start(text).map(|start| c.settings.start = start),
        },
        heading: HISTORY,
        value: "WHERE",
        help: "Where a subscriber begins that names no message: newest, with the next one, or oldest, with all that is kept",
        default: "",
    },
    Opt {
        flag: "socketio-path",
        kind: Kind::Text {
            get: |c| Some(c.settings.socketio.path.clone()),
            set: |c, text| socketio::path(text).map(|()| c.settings.socketio.path = text.to_owned()),
        },
        heading: SOCKETIO,
        value: "PATH",
        help: "Serve its clients at this path, with / at both ends; empty: not at all",
        default: "",
    },
    Opt {
        flag: "socketio-channel",
        kind: Kind::Text {
            get: |c| Some(c.settings.socketio.channel.clone()),
            set: |c, text| socketio::channel(text).map(|()| c.settings.socketio.channel = text.to_owned()),
        },
        heading: SOCKETIO,
        value: "NAME",
        help: "The channel that is the namespace /; the namespace /NAME is the channel NAME",
        default: "",
    },
    Opt {
        flag: "socketio-recovery",
        kind: Kind::Switch {
            get: |c| c.settings.socketio.recovery,
            set: |c, on| c.settings.socketio.recovery = on,
        },
        heading: SOCKETIO,
        value: "BOOL",
        help: "Send a client that was cut off what it missed, out of the channel's history; handlers then see an id as one more argument of each event",
        default: "",
    },
    bound!(@ SOCKETIO Bytes "SIZE" payload_bytes_max, "socketio-payload-max", "One POST, one WebSocket message, and one event with its attachments; clients are told", "1500000, in proportion to message-bytes-max, or less if lag-bytes-max needs it"),
    bound!(@ SOCKETIO Count "N" sessions_max, "sessions-max", "Sessions at once; further ones get 503"),
    bound!(@ SOCKETIO Millis connect_timeout_ms, "connect-timeout", "A session without a namespace ends after this"),
    bound!(@ SOCKETIO Millis upgrade_timeout_ms, "upgrade-timeout", "A WebSocket that does not complete its upgrade is closed after this; polling goes on"),
    Opt {
        flag: "no-deflate",
        kind: Kind::Switch { get: |c| c.settings.no_deflate, set: |c, on| c.settings.no_deflate = on },
        heading: COMPRESSION,
        value: "BOOL",
        help: "Decline permessage-deflate: no WebSocket message is compressed",
        default: "",
    },
    bound!(@ COMPRESSION Bytes "SIZE" deflate_bytes_min, "deflate-bytes-min", "Smaller messages go uncompressed to everybody"),
    bound!(@ COMPRESSION Count "N" deflate_level, "deflate-level", "How hard to compress: 1 is fastest, 9 smallest"),
    Opt {
        flag: "log-format",
        kind: Kind::Text {
            get: |c| Some(c.log_format.word().to_owned()),
            set: |c, text| LogFormat::parse(text).map(|format| c.log_format = format),
        },
        heading: LOGGING,
        value: "FORMAT",
        help: "human: lines to read; json: one object per line",
        default: "",
    },
    Opt {
        flag: "log-level",
        kind: Kind::Text {
            get: |c| Some(c.log_filter.clone()),
            set: |c, text| logging::check_filter(text).map(|()| c.log_filter = text.to_owned()),
        },
        heading: LOGGING,
        value: "LEVEL",
        help: "off, error, warn, info, debug or trace, or TARGET=LEVEL with commas between",
        default: "RUST_LOG, else info",
    },
];

impl Opt {
    /// The option with this file key.
    pub fn of_key(key: &str) -> Option<&'static Opt> {
        OPTIONS.iter().find(|o| o.key() == key)
    }

    /// Its key in the file.
    pub fn key(&self) -> String {
        self.flag.replace('-', "_")
    }

    /// Its variable.
    pub fn variable(&self) -> String {
        variable(self.flag)
    }

    /// Gives it a value, or several if it is a list.
    pub fn set(&self, config: &mut Config, list: &[String]) -> Result<(), Bad> {
        if let Kind::List { set, .. } = self.kind {
            return set(config, list);
        }
        let [text] = list else {
            return Err(Bad::new(&list.join(","), "is a list", "one value"));
        };
        match self.kind {
            Kind::Text { set, .. } | Kind::Secret { set, .. } => set(config, text),
            Kind::Switch { set, .. } => values::switch(text).map(|on| set(config, on)),
            Kind::Bound { unit, set, .. } => self
                .number(unit, text)
                .map(|n| set(&mut config.settings.limits, n)),
            Kind::List { .. } => unreachable!("handled above"),
        }
    }

    /// Refuses a value out of its range (one that did not come through [`Opt::set`]).
    pub fn check(&self, config: &Config) -> Result<(), String> {
        let Kind::Bound { unit, get, .. } = self.kind else {
            return Ok(());
        };
        let text = unit.show(get(&config.settings.limits));
        let refuse = |bad: Bad| {
            format!(
                "{} {text} {}; allowed: {}",
                self.key(),
                bad.problem,
                bad.allowed
            )
        };
        self.number(unit, &text).map(drop).map_err(refuse)
    }

    /// Smallest and largest value of a bound.
    pub fn range(&self) -> Option<(u64, u64)> {
        let key = self.key();
        let row = RANGES.iter().find(|(name, ..)| *name == key);
        row.map(|&(_, least, most)| (least, most))
    }

    fn number(&self, unit: Unit, text: &str) -> Result<u64, Bad> {
        let (least, most) = self.range().unwrap_or((0, u64::MAX));
        let bad = |problem| {
            let (least, most) = (unit.show(least), unit.show(most));
            Bad::new(
                text,
                problem,
                format!("{least} to {most}{}", unit.examples()),
            )
        };
        match unit.parse(text) {
            Ok(n) if n < least => Err(bad("is too small")),
            Ok(n) if n > most => Err(bad("is too large")),
            Ok(n) => Ok(n),
            Err(problem) => Err(bad(problem)),
        }
    }
}

/// The variable of a flag.
pub fn variable(flag: &str) -> String {
    format!("LONGWAVE_{}", flag.replace('-', "_").to_uppercase())
}

fn texts<T: ToString>(list: &[T]) -> Vec<String> {
    list.iter().map(T::to_string).collect()
}

fn origins(config: &Config) -> Vec<String> {
    match &config.settings.origins {
        Origins::Any => vec!["*".to_owned()],
        Origins::List(list) => list.clone(),
    }
}

/// An empty list is refused: it could be meant as "none" as well as "any".
fn set_origins(config: &mut Config, list: &[String]) -> Result<(), Bad> {
    if list.is_empty() {
        return Err(Bad::new(
            "",
            "names no origin",
            "at least one, or * for any",
        ));
    }
    if list == ["*"] {
        config.settings.origins = Origins::Any;
        return Ok(());
    }
    list.iter().try_for_each(|text| values::origin(text))?;
    config.settings.origins = Origins::List(list.to_vec());
    Ok(())
}

fn set_subprotocols(config: &mut Config, list: &[String]) -> Result<(), Bad> {
    list.iter().try_for_each(|text| values::token(text))?;
    config.settings.subprotocols = list.to_vec();
    Ok(())
}

fn set_admin_hosts(config: &mut Config, list: &[String]) -> Result<(), Bad> {
    list.iter().try_for_each(|text| values::host_name(text))?;
    config.settings.admin_hosts = list.to_vec();
    Ok(())
}

fn set_proxies(config: &mut Config, list: &[String]) -> Result<(), Bad> {
    let networks: Result<_, _> = list.iter().map(|text| values::network(text)).collect();
    networks.map(|found| config.settings.trusted_proxies = found)
}
