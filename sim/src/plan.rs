//! A seed's world: the server's settings, the weather, and what the crowd is going to do.

use longwave::limits::Limits;
use longwave::settings::{ChannelRule, Settings, Slow, SocketIo};

use crate::client::Rules;
use crate::client::deflate::{OFFERS, Offer};
use crate::crowd::{CHANNELS, Plan, Throng};
use crate::guest::Terms;
use crate::rng::Rng;

/// What a seed says.
#[derive(Debug, Clone)]
pub struct Seeded {
    /// For the server.
    pub settings: Settings,
    /// For the crowd.
    pub plan: Plan,
    /// For the judge.
    pub rules: Rules,
}

/// What the seed says, with so many operations.
pub fn seeded(operations: u32, rng: &mut Rng) -> Seeded {
    let tight = rng.chance(200);
    let frugal = rng.chance(200);
    let throng = rng.chance(300).then(|| Throng {
        channel: rng.below(CHANNELS.len() as u64) as usize,
        ids: rng.chance(300),
    });
    let clients = match throng {
        Some(_) => rng.between(26, 44),
        None => rng.between(18, 30),
    };
    let limits = limits(tight, frugal, clients, rng);
    debug_assert_eq!(limits.check(), Ok(()));
    let plan = Plan {
        operations,
        clients,
        message_bytes_max: limits.message_bytes_max,
        stall_ms_max: limits.ping_timeout_ms / 2,
        pause_ms_max: *rng.pick(&[0, 1, 3, 3, 10]),
        throng,
        readers: rng.chance(600),
        night: rng.chance(300),
        offers: offers(rng),
        guests: None,
    };
    let (slow, channels, skips) = policies(rng);
    // Chance of its own, so that worlds without guests are the same whether there are any in others.
    let (socketio, guests) = guests(&limits, &mut rng.clone().fork());
    let rules = Rules {
        tight,
        frugal,
        draining: false,
        lag_bytes_max: limits.lag_bytes_max,
        lag_timed: limits.lag_timeout_ms > 0,
        skips,
    };
    Seeded {
        settings: Settings {
            limits,
            slow,
            channels,
            socketio,
            ..Settings::default()
        },
        plan: Plan { guests, ..plan },
        rules,
    }
}

/// In how many of a thousand seeds there are guests.
const WITH_GUESTS: u32 = 250;

/// Where Socket.IO is spoken, and what its clients know of that, where there are any.
fn guests(limits: &Limits, rng: &mut Rng) -> (SocketIo, Option<Terms>) {
    let mut namespaces = ["/red", "/green", "/blue"];
    let mut socketio = SocketIo {
        recovery: rng.chance(500),
        ..SocketIo::default()
    };
    if rng.chance(500) {
        let channel = rng.below(3) as usize;
        socketio.channel = CHANNELS[channel].to_owned();
        namespaces[channel] = "/";
    }
    let terms = Terms {
        namespaces,
        recovery: socketio.recovery,
        payload_bytes_max: limits.payload_bytes_max,
        message_bytes_max: limits.message_bytes_max,
        ping_interval_ms: limits.ping_interval_ms,
        ping_timeout_ms: limits.ping_timeout_ms,
        upgrade_timeout_ms: limits.upgrade_timeout_ms,
    };
    (socketio, rng.chance(WITH_GUESTS).then_some(terms))
}

/// With what compression is offered.
fn offers(rng: &mut Rng) -> Vec<Offer> {
    let many = *rng.pick(&[0, 0, 1, 2, 3]);
    (0..many).map(|_| *rng.pick(OFFERS)).collect()
}

/// What becomes of those that lag, for all and by channel, and in which channels they are moved on.
fn policies(rng: &mut Rng) -> (Slow, Vec<ChannelRule>, [bool; 3]) {
    let pick = |rng: &mut Rng| *rng.pick(&[Slow::Close, Slow::Skip]);
    let all = pick(rng);
    let mut rules = Vec::new();
    for pattern in ["r?d", "*e*", "*"] {
        if rng.chance(300) {
            rules.push(ChannelRule {
                pattern: pattern.to_owned(),
                slow: Some(pick(rng)),
                ..ChannelRule::default()
            });
        }
    }
    let fits = |pattern: &str, name: &str| match pattern {
        "r?d" => name == "red",
        "*e*" => name.contains('e'),
        _ => true,
    };
    let slow = |name: &str| {
        let rule = rules
            .iter()
            .find(|rule: &&ChannelRule| fits(&rule.pattern, name));
        rule.and_then(|rule| rule.slow).unwrap_or(all)
    };
    let skips = CHANNELS.map(|name| slow(name) == Slow::Skip);
    (all, rules, skips)
}

fn limits(tight: bool, frugal: bool, clients: usize, rng: &mut Rng) -> Limits {
    let message = if frugal {
        65_536
    } else {
        *rng.pick(&[2_000, 16_384, 65_536])
    };
    let lag = message * rng.between(2, 4) / 2;
    let mut limits = Limits {
        message_bytes_max: message,
        lag_bytes_max: lag,
        lag_timeout_ms: *rng.pick(&[0, 0, 300, 2000]),
        unflushed_bytes_max: rng.between(500, lag),
        memory_bytes_max: if frugal { 1 << 20 } else { 256 << 20 },
        connections_max: if tight {
            clients * rng.between(6, 9) / 10
        } else {
            1000
        },
        channels_max: 6,
        channel_linger_ms: *rng.pick(&[0, 10, 1000]),
        mailbox_messages_max: rng.between(2, 20),
        mailbox_bytes_max: message * rng.between(1, 4),
        ping_interval_ms: *rng.pick(&[1500, 3000, 8000]),
        ping_timeout_ms: *rng.pick(&[1000, 2000, 5000]),
        close_timeout_ms: 4000,
        idle_timeout_ms: 3_600_000,
        drain_ms: 6000,
        deflate_bytes_min: *rng.pick(&[0, 64, 300]),
        batch_us: *rng.pick(&[0, 0, 300, 3000]),
        history_messages_max: *rng.pick(&[0, 3, 30, 1000, 100_000]),
        history_age_ms: *rng.pick(&[300, 3000, 30_000]),
        history_bytes_max: rng.between(100, lag / 2),
        history_memory_max: if frugal {
            1 << 19
        } else {
            *rng.pick(&[lag, 64 << 20])
        },
        poll_hold_ms: *rng.pick(&[1000, 5000]),
        sessions_max: if tight { clients / 4 } else { 1000 },
        connect_timeout_ms: 4000,
        upgrade_timeout_ms: 1000,
        // Chance of its own, as in [`guests`].
        payload_bytes_max: message * rng.clone().fork().between(3, 6) / 2,
        ..Limits::default()
    };
    limits.fit();
    limits
}
