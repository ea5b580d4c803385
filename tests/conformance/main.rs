//! The rules of the protocol documents of Engine.IO v4 and Socket.IO v5, held by `examples/socketio_conformance.rs`.
//!
//! Each test names the section that its rule stands in (`docs/engine.io-protocol/v4-current.md` and
//! `docs/socket.io-protocol/v5-current.md` in the socket.io repository), or says where else it is from.

#[allow(dead_code)]
#[path = "../../examples/socketio_conformance.rs"]
mod application;
mod client;
mod handshake;
mod heartbeat;
mod namespaces;
mod packets;
mod polling;
#[path = "../faults/support.rs"]
mod support;
mod upgrade;

use longwave::Server;
use longwave::limits::Limits;
use support::Relay;

/// The application with other bounds than those that the suites want: nothing ends while a test is slow.
fn calm(change: impl FnOnce(&mut Limits)) -> Relay {
    start(|limits| {
        limits.ping_interval_ms = 20_000;
        limits.ping_timeout_ms = 20_000;
        limits.connect_timeout_ms = 20_000;
        change(limits);
    })
}

/// The application with its own bounds, changed.
fn start(change: impl FnOnce(&mut Limits)) -> Relay {
    let mut config = application::config(([127, 0, 0, 1], 0).into());
    let limits = &mut config.settings.limits;
    // What is kept for those who come back would look like memory that is lost.
    limits.history_messages_max = 0;
    change(limits);
    let app = Box::new(application::Conformance);
    Relay::run(Server::bind_with(&config, app).unwrap_or_else(|e| panic!("{e}")))
}
