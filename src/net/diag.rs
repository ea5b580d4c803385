//! The state of a TCP connection as the kernel has it, asked over netlink: `sock_diag(7)`.
//!
//! `getsockopt(TCP_INFO)` says the same, but there is no safe way to it. One connection is one
//! request and one answer, by its addresses; the kernel answers while it takes the request, so
//! nothing is waited for. Where netlink is closed to the process, nothing is known.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use netlink_packet_core::{NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP};
use netlink_packet_sock_diag::inet::nlas::Nla;
use netlink_packet_sock_diag::inet::{
    ExtensionFlags, InetRequest, InetResponse, SocketId, StateFlags, Timer,
};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with,
};

use crate::wire::TcpInfo;

/// Room for an answer: two headers and `struct tcp_info` are some 350 bytes.
const ANSWER_BYTES: usize = 4096;
/// Answers read at most for one request: what an interrupted one left is passed over.
const ANSWERS_MAX: usize = 4;
/// No cookie is known (`INET_DIAG_NOCOOKIE`).
const NO_COOKIE: [u8; 8] = [0xff; 8];

/// A netlink socket, opened when first needed.
#[derive(Debug, Default)]
pub struct Diag {
    socket: Option<OwnedFd>,
    sequence: u32,
}

impl Diag {
    /// The state of the connection between these addresses; `None` where the kernel tells nothing.
    pub fn tcp_info(&mut self, local: SocketAddr, peer: SocketAddr) -> Option<TcpInfo> {
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => open().ok()?,
        };
        self.sequence = self.sequence.wrapping_add(1);
        let answer = ask(&socket, local, peer, self.sequence);
        // One that failed is opened anew the next time.
        self.socket = answer.is_ok().then_some(socket);
        answer.ok().flatten().as_ref().and_then(info)
    }
}

fn open() -> rustix::io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let protocol = Some(netlink::SOCK_DIAG);
    socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, protocol)
}

fn ask(
    socket: &OwnedFd,
    local: SocketAddr,
    peer: SocketAddr,
    sequence: u32,
) -> rustix::io::Result<Option<InetResponse>> {
    send(socket, &request(local, peer, sequence), SendFlags::empty())?;
    let mut buffer = [0; ANSWER_BYTES];
    for _ in 0..ANSWERS_MAX {
        let (n, _) = recv(socket, &mut buffer, RecvFlags::empty())?;
        let Ok(message) = NetlinkMessage::<SockDiagMessage>::deserialize(&buffer[..n]) else {
            return Ok(None);
        };
        if message.header.sequence_number != sequence {
            continue;
        }
        return Ok(match message.payload {
            NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(answer)) => Some(*answer),
            // No such connection any more.
            _ => None,
        });
    }
    Ok(None)
}

fn request(local: SocketAddr, peer: SocketAddr, sequence: u32) -> Vec<u8> {
    let scope = match peer {
        SocketAddr::V4(_) => 0,
        SocketAddr::V6(address) => address.scope_id(),
    };
    let request = InetRequest {
        family: if peer.is_ipv4() { AF_INET } else { AF_INET6 },
        protocol: IPPROTO_TCP,
        extensions: ExtensionFlags::INFO,
        states: StateFlags::all(),
        socket_id: SocketId {
            source_port: local.port(),
            destination_port: peer.port(),
            source_address: local.ip(),
            destination_address: peer.ip(),
            interface_id: scope,
            cookie: NO_COOKIE,
        },
    };
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST;
    header.sequence_number = sequence;
    let payload = SockDiagMessage::InetRequest(request).into();
    let mut message = NetlinkMessage::new(header, payload);
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

fn info(answer: &InetResponse) -> Option<TcpInfo> {
    let found = answer.nlas.iter().find_map(|nla| match nla {
        Nla::TcpInfo(info) => Some(info),
        _ => None,
    });
    found.map(|info| TcpInfo {
        rtt_us: info.rtt,
        segments: info.data_segs_out,
        retransmits: info.total_retrans,
        recovering: info.retransmits > 0 || info.retrans > 0 || info.lost > 0,
        unsent_bytes: info.notsent_bytes,
        unacked: info.unacked,
        segment_bytes: info.snd_mss,
        window_bytes: info.snd_wnd,
        probing: matches!(answer.header.timer, Some(Timer::Probe(_))),
        busy_us: info.busy_time,
        window_limited_us: info.rwnd_limited,
    })
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read, Write};
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};

    use super::*;

    fn pair(address: IpAddr) -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind((address, 0)).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (listener.accept().unwrap().0, client)
    }

    fn look(diag: &mut Diag, stream: &TcpStream) -> Option<TcpInfo> {
        diag.tcp_info(stream.local_addr().unwrap(), stream.peer_addr().unwrap())
    }

    #[test]
    fn what_waits_for_a_peer_that_does_not_read_is_seen() {
        let mut diag = Diag::default();
        let addresses = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        for address in addresses {
            let (mut server, mut client) = pair(address);
            let idle = look(&mut diag, &server).expect("the kernel tells");
            assert_eq!((idle.unsent_bytes, idle.probing), (0, false));
            assert!(idle.segment_bytes > 0 && idle.window_bytes > 0);
            server.set_nonblocking(true).unwrap();
            let mut sent = 0;
            let full = loop {
                match server.write(&[7; 65_536]) {
                    Ok(n) => sent += n,
                    Err(e) => break e.kind(),
                }
            };
            assert_eq!(full, ErrorKind::WouldBlock);
            let full = look(&mut diag, &server).expect("the kernel tells");
            assert!(full.unsent_bytes > 0, "{full:?}");
            client.read_exact(&mut vec![0; sent]).unwrap();
        }
    }

    #[test]
    fn of_a_connection_that_is_gone_nothing_is_known() {
        let mut diag = Diag::default();
        let (server, client) = pair(Ipv4Addr::LOCALHOST.into());
        let nowhere = "192.0.2.1:9".parse().unwrap();
        assert_eq!(diag.tcp_info(server.local_addr().unwrap(), nowhere), None);
        // The next is told again.
        assert!(look(&mut diag, &client).is_some());
    }
}
