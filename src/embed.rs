//! The relay as a library: bind, take a handle, run.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crate::config::{Config, files};
use crate::link::{Handle, mailbox};
use crate::net::descriptors;
use crate::net::epoll::Epoll;
use crate::net::listen::SocketOptions;
use crate::relay::app::App;
use crate::server;
use crate::wire::Role;

/// The longest time before keepalive probes that Linux takes (tcp(7)).
const KEEPALIVE_MS_MAX: u64 = 32_767_000;

/// A relay that listens. [`Server::run`] serves on the thread that calls it.
///
/// ```
/// use longwave::{Config, Server};
///
/// let config = Config { listen: vec!["127.0.0.1:0".parse()?], ..Config::default() };
/// let mut server = Server::bind(&config)?;
/// let handle = server.handle();
/// let thread = std::thread::spawn(move || server.run());
///
/// handle.publish_text("news", "hello")?;
/// assert_eq!(handle.subscribers("news")?, 0);
/// handle.stop();
/// thread.join().expect("the server stopped");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Server {
    server: server::Server<Epoll>,
    addresses: Vec<SocketAddr>,
    admin_addresses: Vec<SocketAddr>,
    connections_max: usize,
    descriptors: Option<u64>,
}

/// Why a server could not be set up.
#[derive(Debug)]
pub enum BindError {
    /// The configuration contradicts itself; the sentence says how.
    Config(String),
    /// An address could not be listened on.
    Listen(SocketAddr, io::Error),
    /// The system refused what every server needs.
    System(io::Error),
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BindError::Config(text) => f.write_str(text),
            BindError::Listen(address, error) => write!(f, "cannot listen on {address}: {error}"),
            BindError::System(error) => write!(f, "cannot set up epoll: {error}"),
        }
    }
}

impl std::error::Error for BindError {}

impl Server {
    /// Listens on the addresses of `config`. Raises the limit of open files to the hard limit and
    /// lowers `connections_max` to what it leaves room for.
    ///
    /// # Errors
    /// [`BindError`].
    pub fn bind(config: &Config) -> Result<Server, BindError> {
        config.check().map_err(BindError::Config)?;
        let mut settings = config.settings.clone();
        if let Some(files) = files::load(config).map_err(BindError::Config)? {
            settings.files = files;
        }
        let limits = &mut settings.limits;
        let descriptors = descriptors::raise_limit();
        limits.connections_max = descriptors::connections(limits.connections_max, descriptors);
        limits.connections_per_address_max = limits
            .connections_per_address_max
            .min(limits.connections_max);
        let connections_max = limits.connections_max;
        let silence = limits.ping_interval_ms + limits.ping_timeout_ms + limits.close_timeout_ms;
        let options = SocketOptions {
            send_buffer_bytes: limits.send_buffer_bytes,
            user_timeout: Duration::from_millis(silence),
            keepalive: Duration::from_millis(silence.clamp(1000, KEEPALIVE_MS_MAX)),
        };
        // An operator who knocks when there are few descriptors left comes first.
        let admin = config.admin_listen.iter().map(|&a| (a, Role::Admin));
        let public = config.listen.iter().map(|&a| (a, Role::Public));
        let listeners: Vec<_> = admin.chain(public).collect();
        let net = Epoll::bind(&listeners, options).map_err(|(address, error)| match address {
            Some(address) => BindError::Listen(address, error),
            None => BindError::System(error),
        })?;
        let addresses = net.addresses(Role::Public);
        let admin_addresses = net.addresses(Role::Admin);
        let (_, inbox) = mailbox(limits);
        let server = server::Server::new(net, settings, inbox);
        Ok(Server {
            server,
            addresses,
            admin_addresses,
            connections_max,
            descriptors,
        })
    }

    /// Listens like [`Server::bind`], for a program that takes part in what its Socket.IO clients do: see
    /// [`app`](crate::app).
    ///
    /// # Errors
    /// [`BindError`].
    pub fn bind_with(config: &Config, app: Box<dyn App>) -> Result<Server, BindError> {
        let mut server = Server::bind(config)?;
        server.server.set_app(app);
        Ok(server)
    }

    /// Where it listens; port 0 has become a number.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where it listens for operators; port 0 has become a number.
    pub fn admin_addresses(&self) -> &[SocketAddr] {
        &self.admin_addresses
    }

    /// How many connections it takes, and the limit of open files (`None`: no limit).
    pub fn connections_max(&self) -> (usize, Option<u64>) {
        (self.connections_max, self.descriptors)
    }

    /// A way into the server from other threads.
    pub fn handle(&self) -> Handle {
        self.server.handle()
    }

    /// Serves until it is stopped by a handle.
    pub fn run(&mut self) {
        self.server.run();
    }
}
