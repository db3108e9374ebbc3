//! A socket, and TLS on it if the server wants that: plain bytes in and out.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{self, AddressFamily, SocketFlags, SocketType, sockopt};
use rustls::ClientConnection;

use crate::target::Target;
use crate::tls::Secured;

/// One end of a connection.
#[derive(Debug)]
pub(super) struct Transport {
    socket: TcpStream,
    tls: Option<Box<ClientConnection>>,
}

/// What one read brought.
#[derive(Debug)]
pub(super) struct Received<'a> {
    /// Bytes read from the socket; as many as there was room for if it may have more.
    pub(super) wire_bytes: usize,
    /// What they mean.
    pub(super) plain: &'a [u8],
}

impl Transport {
    /// Begins to connect.
    pub(super) fn connect(target: &Target, source: Option<SocketAddr>) -> io::Result<Self> {
        let family = match target.addr {
            SocketAddr::V4(_) => AddressFamily::INET,
            SocketAddr::V6(_) => AddressFamily::INET6,
        };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = net::socket_with(family, SocketType::STREAM, flags, None)?;
        // Publications must not wait for acknowledgements of those before.
        sockopt::set_tcp_nodelay(&socket, true)?;
        if let Some(source) = source {
            net::bind(&socket, &source)?;
        }
        match net::connect(&socket, &target.addr) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(error) => return Err(error.into()),
        }
        let tls = match &target.tls {
            Some(tls) => Some(Box::new(tls.connection().map_err(io::Error::other)?)),
            None => None,
        };
        Ok(Self {
            socket: socket.into(),
            tls,
        })
    }

    /// Reads once what the socket has into `buffer`; `plain` is where it is decrypted to. `None` if there is nothing.
    ///
    /// # Errors
    ///
    /// Words for why the connection has ended.
    pub(super) fn read<'a>(
        &mut self,
        buffer: &'a mut [u8],
        plain: &'a mut Vec<u8>,
    ) -> Result<Option<Received<'a>>, String> {
        let wire_bytes = loop {
            match self.socket.read(buffer) {
                Ok(0) => return Err("the server closed the connection".to_owned()),
                Ok(read) => break read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(format!("connection lost: {error}")),
            }
        };
        let came = &buffer[..wire_bytes];
        let plain = match &mut self.tls {
            None => came,
            Some(tls) => {
                if let Err(error) = decrypt(tls, came, plain) {
                    // The server learns why, if it takes anything more.
                    let _told = tls.write_tls(&mut self.socket);
                    return Err(format!("TLS has failed: {error}"));
                }
                plain.as_slice()
            }
        };
        Ok(Some(Received { wire_bytes, plain }))
    }

    /// Takes some of `bytes` to send them, and adds to `sent_bytes` what went to the socket.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::WouldBlock`] when there is no room.
    pub(super) fn write(&mut self, bytes: &[u8], sent_bytes: &mut u64) -> io::Result<usize> {
        self.flush(sent_bytes)?;
        let Some(tls) = &mut self.tls else {
            let sent = retry(|| self.socket.write(bytes))?;
            *sent_bytes += sent as u64;
            return Ok(sent);
        };
        match tls.writer().write(bytes)? {
            0 => Err(ErrorKind::WouldBlock.into()),
            taken => Ok(taken),
        }
    }

    /// Sends what was taken and has not gone.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::WouldBlock`] when there is no room.
    pub(super) fn flush(&mut self, sent_bytes: &mut u64) -> io::Result<()> {
        let Some(tls) = &mut self.tls else {
            return Ok(());
        };
        while tls.wants_write() {
            *sent_bytes += retry(|| tls.write_tls(&mut self.socket))? as u64;
        }
        Ok(())
    }

    /// Whether something is taken and has not gone: TLS also has things of its own to say.
    pub(super) fn wants_flush(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.wants_write())
    }

    /// Lets the connection end by a reset when it is dropped.
    pub(super) fn reset(&self) -> rustix::io::Result<()> {
        sockopt::set_socket_linger(&self.socket, Some(Duration::ZERO))
    }

    /// Says that nothing more will be sent.
    pub(super) fn say_goodbye(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
        }
    }

    /// What TLS came to, once it is set up.
    pub(super) fn secured(&self) -> Option<Secured> {
        Secured::of(self.tls.as_ref()?)
    }
}

impl AsFd for Transport {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Decrypts all that is whole in `input` and what came before it.
fn decrypt(tls: &mut ClientConnection, mut input: &[u8], plain: &mut Vec<u8>) -> io::Result<()> {
    plain.clear();
    while !input.is_empty() {
        // It takes a few KiB at a time.
        if tls.read_tls(&mut input)? == 0 {
            return Ok(());
        }
        let state = tls.process_new_packets().map_err(io::Error::other)?;
        let from = plain.len();
        plain.resize(from + state.plaintext_bytes_to_read(), 0);
        tls.reader().read_exact(&mut plain[from..])?;
    }
    Ok(())
}

fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}
