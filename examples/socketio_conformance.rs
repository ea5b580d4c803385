//! What the official conformance suites of Engine.IO v4 and Socket.IO v5 talk to, and a first program that
//! handles events itself.
//!
//! ```text
//! cargo run --release --example socketio_conformance -- --listen 127.0.0.1:3000
//! ```
//!
//! Engine.IO, on `/engine.io/`: every message comes back as it is. Socket.IO, on `/socket.io/`, in the namespaces
//! `/` and `/custom`, and in no other: who connects is told what it gave as `auth`; the event `message` comes
//! back as `message-back`, `message-with-ack` is answered, both with their arguments, bytes included.

use std::net::SocketAddr;

use longwave::app::{App, Cx, Data, Event, Failed, Refused, Socket, Then, To};
use longwave::{Config, Server};

pub(crate) struct Conformance;

impl App for Conformance {
    fn connect(&mut self, cx: &mut Cx, socket: &Socket<'_>, auth: &str) -> Result<(), Refused> {
        if !["/", "/custom"].contains(&socket.namespace) {
            return Err(Refused::new("Invalid namespace"));
        }
        cx.emit(To::One(socket.id), "auth", &format!("[{auth}]"))?;
        Ok(())
    }

    fn event(
        &mut self,
        cx: &mut Cx,
        socket: &Socket<'_>,
        event: &Event<'_>,
    ) -> Result<Then, Failed> {
        match (event.name, &event.ack) {
            ("message", _) => cx.emit(To::One(socket.id), "message-back", event.args)?,
            ("message-with-ack", Some(ack)) => cx.ack(ack, event.args)?,
            _ => {}
        }
        // Nothing goes to the others by itself.
        Ok(Then::Done)
    }

    fn message(&mut self, cx: &mut Cx, session: &str, data: Data<'_>) -> Result<(), Failed> {
        cx.send(session, data)?;
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut server = Server::bind_with(&config(address()?), Box::new(Conformance))?;
    println!("listening on {}", server.addresses()[0]);
    server.run();
    Ok(())
}

/// What the suites expect: they want to see sessions time out, and not to wait for it.
pub(crate) fn config(address: SocketAddr) -> Config {
    let mut config = Config {
        listen: vec![address],
        ..Config::default()
    };
    let settings = &mut config.settings;
    settings.socketio.engine_path = "/engine.io/".to_owned();
    settings.limits.ping_interval_ms = 300;
    settings.limits.ping_timeout_ms = 200;
    settings.limits.connect_timeout_ms = 1_000;
    settings.limits.payload_bytes_max = 1_000_000;
    config
}

/// The address behind `--listen`.
fn address() -> Result<SocketAddr, Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => Ok("127.0.0.1:3000".parse()?),
        ["--listen", address] => Ok(address.parse()?),
        _ => Err("usage: socketio_conformance [--listen ADDR]".into()),
    }
}
