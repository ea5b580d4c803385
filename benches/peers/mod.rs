//! Other makers' decoders over bytes in memory: `tungstenite`, and `fastwebsockets` polled by hand.

use std::io::{self, Read, Write};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use fastwebsockets::{FragmentCollector, Role as FastRole, WebSocket as FastSocket};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tungstenite::protocol::{Role, WebSocket};

/// A stream that gives at most `step` bytes a read, then nothing more, and takes everything.
struct Steps<'a> {
    rest: &'a [u8],
    step: usize,
}

impl<'a> Steps<'a> {
    fn piece(&mut self, room: usize) -> &'a [u8] {
        let n = self.step.min(room).min(self.rest.len());
        let (now, rest) = self.rest.split_at(n);
        self.rest = rest;
        now
    }
}

impl Read for Steps<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let bytes = self.piece(into.len());
        into[..bytes.len()].copy_from_slice(bytes);
        if bytes.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(bytes.len())
    }
}

impl Write for Steps<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncRead for Steps<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let bytes = self.piece(into.remaining());
        into.put_slice(bytes);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Steps<'_> {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Appends `count` messages of a stream to `log`, read with `tungstenite`.
pub fn tungstenite(stream: &[u8], step: usize, count: usize, log: &mut Vec<u8>) {
    let mut socket = WebSocket::from_raw_socket(Steps { rest: stream, step }, Role::Server, None);
    for _ in 0..count {
        log.extend_from_slice(&socket.read().expect("a message").into_data());
    }
}

/// Appends `count` messages of a stream to `log`, read with `fastwebsockets`.
pub fn fastwebsockets(stream: &[u8], step: usize, count: usize, log: &mut Vec<u8>) {
    let socket = FastSocket::after_handshake(Steps { rest: stream, step }, FastRole::Server);
    let mut socket = FragmentCollector::new(socket);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..count {
        // The bytes are there, so a future is ready when it is first asked.
        let Poll::Ready(frame) = pin!(socket.read_frame()).poll(&mut context) else {
            panic!("a stream in memory never makes wait");
        };
        log.extend_from_slice(&frame.expect("a message").payload);
    }
}
