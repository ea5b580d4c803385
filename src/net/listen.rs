//! Listening sockets; the only file that names socket2.
//!
//! What is set on a listener is inherited by the connections it accepts (Linux copies the socket
//! on accept), so accepting costs no call per option: TCP_NODELAY, the send buffer, how much of it may
//! be unsent, keepalive and TCP_USER_TIMEOUT are all set here, once.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::time::Duration;

use crate::limits::{BACKLOG, UNSENT_BYTES};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

/// Options of connections.
#[derive(Debug, Clone, Copy)]
pub struct SocketOptions {
    /// The kernel's send buffer; 0 leaves it to the kernel.
    pub send_buffer_bytes: usize,
    /// Sent bytes unacknowledged for so long end a connection (TCP_USER_TIMEOUT).
    pub user_timeout: Duration,
    /// Keepalive probes begin after so long without traffic.
    pub keepalive: Duration,
}

/// Binds and listens, without waiting ever.
pub fn listen(address: SocketAddr, options: SocketOptions) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        // `[::]:8080` and `0.0.0.0:8080` are two addresses and may both be given.
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_user_timeout(Some(options.user_timeout))?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(options.keepalive))?;
    if options.send_buffer_bytes > 0 {
        socket.set_send_buffer_size(options.send_buffer_bytes)?;
    }
    socket.set_tcp_notsent_lowat(UNSENT_BYTES)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Makes closing this socket a reset: what the kernel still holds for it is freed at once.
pub fn reset_on_close(socket: &impl AsFd) {
    // If it fails the connection is as good as reset already.
    let _ = SockRef::from(socket).set_linger(Some(Duration::ZERO));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepted_connections_inherit_the_options() -> io::Result<()> {
        let options = SocketOptions {
            send_buffer_bytes: 100_000,
            user_timeout: Duration::from_secs(33),
            keepalive: Duration::from_secs(44),
        };
        let listener = listen(([127, 0, 0, 1], 0).into(), options)?;
        let _client = std::net::TcpStream::connect(listener.local_addr()?)?;
        let accepted = loop {
            match listener.accept() {
                Ok((stream, _)) => break stream,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => std::thread::yield_now(),
                Err(e) => return Err(e),
            }
        };
        let socket = SockRef::from(&accepted);
        assert!(socket.tcp_nodelay()?);
        assert!(socket.keepalive()?);
        assert_eq!(socket.tcp_keepalive_time()?, options.keepalive);
        assert_eq!(socket.tcp_user_timeout()?, Some(options.user_timeout));
        assert_eq!(socket.tcp_notsent_lowat()?, UNSENT_BYTES);
        // The kernel doubles what it is asked for.
        assert_eq!(socket.send_buffer_size()?, 2 * options.send_buffer_bytes);
        Ok(())
    }
}
