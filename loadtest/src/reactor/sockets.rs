//! Sockets of connections: from which address they go, and what the kernel keeps for them.
//!
//! One address has some 28,000 ports for connections to one server. A server on 127.0.0.0/8 is
//! reached from all of 127.0.0.1 to 127.0.0.254 alike, each of which has as many.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};

/// The most source addresses.
pub const SOURCES_MAX: u8 = 254;
/// Where the kernel says which ports it gives away by itself.
const PORT_RANGE: &str = "/proc/sys/net/ipv4/ip_local_port_range";

/// How sockets are made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sockets {
    /// Spread over 127.0.0.1 to 127.0.0.N; 0: the system chooses.
    pub sources: u8,
    /// Bytes of the kernel's receive buffer (it doubles them for its own needs: socket(7));
    /// `None`: it grows as the kernel sees fit.
    pub receive_buffer: Option<u32>,
}

/// How many source addresses so many connections to `server` take: 0 when the system may choose.
/// `asked`: what was asked for, 0 for as many as are needed.
///
/// # Errors
/// A sentence, when there are too many connections, or when sources are no use.
pub fn sources(asked: u8, connections: u64, server: SocketAddr) -> Result<u8, String> {
    let local = server.is_ipv4() && server.ip().is_loopback();
    if asked > 0 && !local {
        return Err("--source-addresses needs a server on 127.0.0.0/8".to_owned());
    }
    let ports = std::fs::read_to_string(PORT_RANGE).ok();
    let ports = ports.and_then(|text| parse_range(&text)).unwrap_or(28_232);
    needed(asked, connections, ports, local)
}

fn needed(asked: u8, connections: u64, ports: u64, local: bool) -> Result<u8, String> {
    // Near the end of its ports an address is slow to find a free one, and others use some too.
    let comfortable = (ports * 3 / 4).max(1);
    let needed = connections.div_ceil(comfortable);
    match u8::try_from(needed) {
        _ if asked > 0 && connections <= ports * u64::from(asked) => Ok(asked),
        _ if asked > 0 => Err(format!(
            "{connections} connections need {needed} source addresses: --source-addresses {asked} gives each {ports} ports"
        )),
        Ok(0 | 1) => Ok(0),
        _ if !local && connections <= ports => Ok(0),
        Ok(n @ ..=SOURCES_MAX) if local => Ok(n),
        _ => Err(format!(
            "{connections} connections are more than the {ports} ports that there are for them: see {PORT_RANGE}"
        )),
    }
}

fn parse_range(text: &str) -> Option<u64> {
    let mut bounds = text.split_ascii_whitespace().map(str::parse::<u64>);
    let (from, to) = (bounds.next()?.ok()?, bounds.next()?.ok()?);
    to.checked_sub(from).map(|n| n + 1)
}

impl Sockets {
    /// Begins the `nth` connection.
    ///
    /// # Errors
    /// What the system said.
    pub fn begin(&self, nth: usize, to: SocketAddr) -> io::Result<Socket> {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        if let Some(bytes) = self.receive_buffer {
            socket.set_recv_buffer_size(bytes as usize)?;
        }
        if self.sources > 0 {
            // The port is chosen when connecting, so that one is free if it is free for this server.
            setsockopt(&socket, sockopt::IpBindAddressNoPort, &true)?;
            let last = 1 + (nth % usize::from(self.sources)) as u8;
            let from = SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), 0));
            socket.bind(&from.into())?;
        }
        match socket.connect(&to.into()) {
            Err(e) if !in_progress(&e) => Err(e),
            _ => Ok(socket),
        }
    }
}

fn in_progress(e: &io::Error) -> bool {
    e.kind() == io::ErrorKind::WouldBlock
        || e.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn as_many_sources_as_it_takes() {
        assert_eq!(parse_range("32768\t60999\n"), Some(28_232));
        let local = |asked, connections| needed(asked, connections, 28_000, true);
        assert_eq!(local(0, 21_000), Ok(0));
        assert_eq!(local(0, 21_001), Ok(2));
        assert_eq!(local(0, 100_000), Ok(5));
        assert_eq!(local(4, 100), Ok(4));
        assert_eq!(local(4, 112_000), Ok(4));
        assert!(local(4, 112_001).unwrap_err().contains("need 6 source"));
        assert!(local(0, 10_000_000).unwrap_err().contains("more than"));
        let far = |connections| needed(0, connections, 28_000, false);
        assert_eq!(far(28_000), Ok(0));
        assert!(far(28_001).unwrap_err().contains("more than the 28000"));
        let six = "[::1]:80".parse().unwrap();
        assert!(sources(2, 10, six).unwrap_err().contains("127.0.0.0/8"));
    }

    #[test]
    fn sockets_go_from_where_they_should_with_the_buffer_they_should_have() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let sockets = Sockets {
            sources: 3,
            receive_buffer: Some(8192),
        };
        for nth in 0..4 {
            let to = listener.local_addr().unwrap();
            let socket = sockets.begin(nth, to).unwrap();
            let (_, from) = listener.accept().unwrap();
            let last = 1 + (nth % 3) as u8;
            assert_eq!(from.ip(), Ipv4Addr::new(127, 0, 0, last));
            assert_eq!(socket.recv_buffer_size().unwrap(), 2 * 8192);
        }
    }
}
