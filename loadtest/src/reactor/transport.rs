//! The bytes of one connection: TCP as it is, or TLS over it.
//!
//! With TLS the decrypted bytes that are left after a read bring no edge: only `WouldBlock` says
//! that there is nothing more ([`Transport::short_read_drains`]). What is encrypted and not taken by
//! the system waits inside; [`Transport::push`] sends it.

use std::fmt;
use std::io::{self, Read, Write};

use mio::net::TcpStream;
use rustls::ClientConnection;

use crate::dialect;

/// Plain bytes that wait for the system inside of TLS; more stay outside.
const WAITING_BYTES_MAX: usize = 64 * 1024;

pub enum Transport {
    Plain(TcpStream),
    Tls(Box<Tls>),
}

pub struct Tls {
    socket: TcpStream,
    session: ClientConnection,
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.socket())
    }
}

impl Transport {
    pub fn new(socket: TcpStream, tls: Option<&dialect::Tls>) -> io::Result<Transport> {
        let Some(tls) = tls else {
            return Ok(Transport::Plain(socket));
        };
        let session = ClientConnection::new(tls.config.clone(), tls.name.clone());
        let mut session = session.map_err(io::Error::other)?;
        session.set_buffer_limit(Some(WAITING_BYTES_MAX));
        Ok(Transport::Tls(Box::new(Tls { socket, session })))
    }

    pub fn socket(&self) -> &TcpStream {
        match self {
            Transport::Plain(socket) => socket,
            Transport::Tls(tls) => &tls.socket,
        }
    }

    /// Whether a read that fills less than its buffer has taken all there is.
    pub fn short_read_drains(&self) -> bool {
        matches!(self, Transport::Plain(_))
    }

    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Transport::Plain(socket) => socket.read(buffer),
            Transport::Tls(tls) => tls.read(buffer),
        }
    }

    /// Takes plain bytes, as many as there is room for.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Transport::Plain(socket) => socket.write(bytes),
            Transport::Tls(tls) => tls.write(bytes),
        }
    }

    /// Sends what waits inside, as far as the system takes it.
    pub fn push(&mut self) -> io::Result<()> {
        match self {
            Transport::Plain(_) => Ok(()),
            Transport::Tls(tls) => tls.push(),
        }
    }

    /// Tells the other side that nothing more comes.
    pub fn finish(&mut self) {
        if let Transport::Tls(tls) = self {
            tls.session.send_close_notify();
            let _ = tls.push();
        }
    }
}

impl Tls {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.session.reader().read(buffer) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                other => return other,
            }
            if self.session.read_tls(&mut self.socket)? == 0 {
                return Ok(0);
            }
            let processed = self.session.process_new_packets();
            // An alert of ours, or what the handshake goes on with.
            let pushed = self.push();
            processed.map_err(io::Error::other)?;
            pushed?;
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.session.writer().write(bytes)?;
        self.push()?;
        match taken {
            0 if !bytes.is_empty() => Err(io::ErrorKind::WouldBlock.into()),
            taken => Ok(taken),
        }
    }

    fn push(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            match self.session.write_tls(&mut self.socket) {
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}
