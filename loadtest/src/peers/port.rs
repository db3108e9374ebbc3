//! A free port for a server that is about to start.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::OwnedFd;

use rustix::net::sockopt::{set_socket_reuseaddr, set_socket_reuseport};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, getsockname, socket_with};

/// A port of 127.0.0.1 that nobody else is given as long as this is there.
///
/// Bound by a socket that does not listen, it can still be listened on by who asks for reuse of the address, or of
/// the port, as servers do.
#[derive(Debug)]
pub(crate) struct Port {
    _socket: OwnedFd,
    /// Its number.
    pub(crate) number: u16,
}

impl Port {
    /// Takes one.
    ///
    /// # Errors
    ///
    /// When none is free, or no descriptor.
    pub(crate) fn reserve() -> rustix::io::Result<Self> {
        let flags = SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
        set_socket_reuseaddr(&socket, true)?;
        set_socket_reuseport(&socket, true)?;
        let any = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));
        bind(&socket, &any)?;
        let bound = SocketAddr::try_from(getsockname(&socket)?)?;
        Ok(Self {
            _socket: socket,
            number: bound.port(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn servers_can_listen_on_a_reserved_port() {
        let port = Port::reserve().expect("a free port");
        // It asks for reuse of the address.
        let listener = TcpListener::bind(("127.0.0.1", port.number));
        assert!(listener.is_ok(), "{listener:?}");
    }
}
