//! Listening: one socket per shard on one address, and nobody else's.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::{Mutex, PoisonError};

use rustix::io::Errno;
use rustix::net::sockopt::{
    set_socket_reuseaddr, set_socket_reuseport, set_socket_send_buffer_size, set_tcp_nodelay,
};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with};

/// Connections that may wait in a listener's queue; the kernel's `net.core.somaxconn` caps it, and
/// 4096 is its default since Linux 5.4.
const BACKLOG: i32 = 4_096;

/// How long the kernel keeps a connection to itself that has sent nothing.
///
/// Every client of ours speaks first. So one that is accepted only once it has spoken is one event and one
/// look at it instead of two, and one that never speaks costs no descriptor meanwhile. After that time the
/// kernel asks it once more, accepts it as it is when it answers, and it has the time that everybody has for a
/// handshake.
const SILENCE_S: libc::c_int = 1;

/// Why an address cannot be listened on, and what can be done about it.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {addr}: {error}; {fix}")]
pub struct ListenError {
    /// The address.
    pub addr: SocketAddr,
    /// What the system said.
    #[source]
    pub error: io::Error,
    /// What an operator can do.
    pub fix: &'static str,
}

/// One address on which several shards listen, each by a socket of its own that it makes on its own
/// thread; the kernel spreads the connections among them.
///
/// `SO_REUSEPORT` would let a second server start by mistake on the same address and take half of
/// the connections. So whoever listens first binds alone, which the kernel refuses if
/// anybody else listens there, and lets others in only after that. The address is ours all the
/// while: there is no moment in which somebody could come in between.
#[derive(Debug)]
pub struct SharedAddress {
    addr: SocketAddr,
    shards: usize,
    send_buffer_bytes: Option<NonZeroUsize>,
    /// Where the first one listens.
    bound: Mutex<Option<SocketAddr>>,
}

impl SharedAddress {
    /// An address for so many shards, whose port may be left open with 0.
    ///
    /// `send_buffer_bytes` bounds what the kernel keeps unsent for each connection that is accepted there: sockets
    /// inherit it, so it costs nothing later. The kernel has bounds of its own and takes the nearest.
    #[must_use]
    pub fn new(addr: SocketAddr, shards: usize, send_buffer_bytes: Option<NonZeroUsize>) -> Self {
        Self {
            addr,
            shards,
            send_buffer_bytes,
            bound: Mutex::new(None),
        }
    }

    /// Listens. One shard at a time: the others wait meanwhile.
    ///
    /// # Errors
    ///
    /// The address is in use, not of this machine, or not allowed.
    pub fn listen(&self) -> Result<TcpListener, ListenError> {
        let mut bound = self.bound.lock().unwrap_or_else(PoisonError::into_inner);
        let explained = |error: Errno| explain(self.addr, error.into());
        let listener = match *bound {
            None => bind_first(self.addr).map_err(explained)?,
            Some(addr) => bind_next(addr).map_err(explained)?,
        };
        if let Some(bytes) = self.send_buffer_bytes {
            set_socket_send_buffer_size(&listener, bytes.get()).map_err(explained)?;
        }
        let listener = TcpListener::from(listener);
        if bound.is_none() {
            if self.shards > 1 {
                set_socket_reuseport(&listener, true).map_err(explained)?;
            }
            let addr = listener.local_addr();
            *bound = Some(addr.map_err(|error| explain(self.addr, error))?);
        }
        Ok(listener)
    }

    /// Where somebody listens, with the port that the kernel has chosen if none was named.
    #[must_use]
    pub fn bound(&self) -> Option<SocketAddr> {
        *self.bound.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bind_first(addr: SocketAddr) -> Result<OwnedFd, Errno> {
    let socket = new_socket(addr)?;
    bind_and_listen(&socket, addr)?;
    Ok(socket)
}

fn bind_next(addr: SocketAddr) -> Result<OwnedFd, Errno> {
    let socket = new_socket(addr)?;
    set_socket_reuseport(&socket, true)?;
    bind_and_listen(&socket, addr)?;
    Ok(socket)
}

fn new_socket(addr: SocketAddr) -> Result<OwnedFd, Errno> {
    let family = match addr {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    // Non-blocking, because it is asked until there is nothing left. What it accepts does
    // not inherit that.
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    // Connections of the server's last run, which linger in the kernel for a minute, must not keep
    // it from starting. This does not let two listen at once.
    set_socket_reuseaddr(&socket, true)?;
    // Inherited by accepted sockets, which saves a call for each of them. Whatever is sent has been
    // gathered for a whole turn: holding it back any longer would only delay it.
    set_tcp_nodelay(&socket, true)?;
    wait_for_the_first_word(&socket);
    Ok(socket)
}

/// Sets how long the kernel keeps who has connected and says nothing. Where it does not know that option (a
/// sandbox's kernel may not), everybody is accepted at once.
fn wait_for_the_first_word(socket: &OwnedFd) {
    let (seconds, fd) = (SILENCE_S, socket.as_raw_fd());
    #[expect(unsafe_code, reason = "rustix does not have this option")]
    // SAFETY: the kernel reads the bytes of `seconds`, whose length it is told, before the call returns.
    unsafe {
        libc::setsockopt(
            fd,
            libc::IPPROTO_TCP,
            libc::TCP_DEFER_ACCEPT,
            std::ptr::from_ref(&seconds).cast(),
            size_of_val(&seconds) as libc::socklen_t,
        );
    }
}

fn bind_and_listen(socket: &OwnedFd, addr: SocketAddr) -> Result<(), Errno> {
    bind(socket, &addr)?;
    listen(socket, BACKLOG)
}

fn explain(addr: SocketAddr, error: io::Error) -> ListenError {
    let fix = match Errno::from_io_error(&error) {
        Some(Errno::ADDRINUSE) => {
            "another process listens there; stop it, or choose another address or port"
        }
        Some(Errno::ADDRNOTAVAIL) => {
            "this machine does not have that address; listen on one of its own, or on 0.0.0.0"
        }
        Some(Errno::ACCESS) => {
            "ports below 1024 need the capability CAP_NET_BIND_SERVICE; choose a higher port, or \
             grant it"
        }
        _ => "check the address",
    };
    ListenError { addr, error, fix }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::Ipv4Addr;

    const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

    fn listen_all(addr: SocketAddr, shards: usize) -> Result<Vec<TcpListener>, ListenError> {
        let address = SharedAddress::new(addr, shards, None);
        (0..shards).map(|_| address.listen()).collect()
    }

    #[test]
    fn second_server_on_the_same_address_is_refused_by_name() {
        for shards in [1, 3] {
            let listeners = listen_all(ANY_PORT, shards).unwrap();
            let bound = listeners[0].local_addr().unwrap();
            let error = listen_all(bound, shards).unwrap_err();
            assert_eq!(error.error.kind(), io::ErrorKind::AddrInUse);
            assert!(error.to_string().contains(&bound.to_string()), "{error}");
        }
    }

    #[test]
    fn open_port_is_chosen_once_for_all_shards() {
        let address = SharedAddress::new(ANY_PORT, 3, None);
        assert_eq!(address.bound(), None);
        let listeners = [(); 3].map(|()| address.listen().unwrap());
        let bound = address.bound().unwrap();
        assert_ne!(bound.port(), 0);
        for listener in listeners {
            assert_eq!(listener.local_addr().unwrap(), bound);
        }
    }

    #[test]
    fn accepted_connection_has_small_buffers_and_holds_no_small_sends_back() {
        let bytes = NonZeroUsize::new(8_192).unwrap();
        let listener = SharedAddress::new(ANY_PORT, 1, Some(bytes))
            .listen()
            .unwrap();
        let _client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        listener.set_nonblocking(false).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        assert!(accepted.nodelay().unwrap());
        // The kernel doubles what it is told, for its own books.
        let buffer = rustix::net::sockopt::socket_send_buffer_size(&accepted).unwrap();
        assert_eq!(buffer, 2 * bytes.get());
    }

    #[test]
    fn client_is_accepted_once_it_has_spoken() {
        let listener = SharedAddress::new(ANY_PORT, 1, None).listen().unwrap();
        let mut client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert_eq!(
            listener.accept().unwrap_err().kind(),
            io::ErrorKind::WouldBlock
        );
        client.write_all(b"?").unwrap();
        listener.set_nonblocking(false).unwrap();
        let (mut accepted, _) = listener.accept().unwrap();
        // It need not be waited for.
        accepted.set_nonblocking(true).unwrap();
        assert_eq!(accepted.read(&mut [0; 2]).unwrap(), 1);
    }

    #[test]
    fn address_of_another_machine_is_explained() {
        // 192.0.2.0/24 is kept for documentation: no machine has it.
        let error = listen_all("192.0.2.1:0".parse().unwrap(), 1).unwrap_err();
        assert!(
            error.to_string().contains("does not have that address"),
            "{error}"
        );
    }
}
