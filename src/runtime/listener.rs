//! Listening: one socket per shard on one address, and nobody else's.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::sockopt::{
    set_socket_reuseaddr, set_socket_reuseport, set_socket_send_buffer_size, set_tcp_nodelay,
};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with};

/// Connections that may wait in a listener's queue; the kernel's `net.core.somaxconn` caps it, and
/// 4096 is its default since Linux 5.4.
const BACKLOG: i32 = 4_096;

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

/// Binds `shards` listeners to one address, among which the kernel spreads the connections.
///
/// Returns them with the address they are bound to, which tells the port if `addr` left it open.
///
/// `SO_REUSEPORT` would let a second server start by mistake on the same address and take half of
/// the connections. So the first listener binds and listens alone, which the kernel refuses if
/// anybody else listens there, and lets others in only after that. The address is ours all the
/// while: there is no moment in which somebody could come in between.
///
/// # Errors
///
/// The address is in use, not of this machine, or not allowed.
pub fn bind_all(
    addr: SocketAddr,
    shards: usize,
) -> Result<(Vec<TcpListener>, SocketAddr), ListenError> {
    let explained = |error: Errno| explain(addr, error.into());
    let first = TcpListener::from(bind_first(addr).map_err(explained)?);
    let bound = first.local_addr().map_err(|error| explain(addr, error))?;

    let mut listeners = vec![first];
    if shards > 1 {
        set_socket_reuseport(&listeners[0], true).map_err(explained)?;
    }
    while listeners.len() < shards {
        let next = new_socket(bound).map_err(explained)?;
        set_socket_reuseport(&next, true).map_err(explained)?;
        bind_and_listen(&next, bound).map_err(explained)?;
        listeners.push(TcpListener::from(next));
    }
    Ok((listeners, bound))
}

/// Bounds what the kernel keeps unsent for each connection that these listeners will accept: sockets
/// inherit it, so it costs nothing later. The kernel has bounds of its own and takes the nearest.
///
/// # Errors
///
/// The system refuses, which Linux does not.
pub fn limit_send_buffers(listeners: &[TcpListener], bytes: NonZeroUsize) -> io::Result<()> {
    for listener in listeners {
        set_socket_send_buffer_size(listener, bytes.get())?;
    }
    Ok(())
}

/// How long an address may stay in use before that is taken for somebody else's: what waits on a
/// listener through a ring keeps it open until the kernel has taken the ring down, and it does that
/// in the background, after the process (killed, perhaps) is gone.
const PREDECESSOR_PATIENCE: Duration = Duration::from_secs(1);
const PREDECESSOR_PAUSE: Duration = Duration::from_millis(20);

fn bind_first(addr: SocketAddr) -> Result<OwnedFd, Errno> {
    let deadline = Instant::now() + PREDECESSOR_PATIENCE;
    loop {
        let socket = new_socket(addr)?;
        match bind_and_listen(&socket, addr) {
            Err(Errno::ADDRINUSE) if Instant::now() < deadline => {
                std::thread::sleep(PREDECESSOR_PAUSE);
            }
            bound => return bound.map(|()| socket),
        }
    }
}

fn new_socket(addr: SocketAddr) -> Result<OwnedFd, Errno> {
    let family = match addr {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    // Non-blocking, because the accept loop asks until there is nothing left. What it accepts does
    // not inherit that.
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    // Connections of the server's last run, which linger in the kernel for a minute, must not keep
    // it from starting. This does not let two listen at once.
    set_socket_reuseaddr(&socket, true)?;
    // Inherited by accepted sockets, which saves a call for each of them. Whatever is sent has been
    // gathered for a whole turn: holding it back any longer would only delay it.
    set_tcp_nodelay(&socket, true)?;
    Ok(socket)
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
    use std::net::Ipv4Addr;

    const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

    #[test]
    fn second_server_on_the_same_address_is_refused_by_name() {
        for shards in [1, 3] {
            let (_listeners, bound) = bind_all(ANY_PORT, shards).unwrap();
            let error = bind_all(bound, shards).unwrap_err();
            assert_eq!(error.error.kind(), io::ErrorKind::AddrInUse);
            assert!(error.to_string().contains(&bound.to_string()), "{error}");
        }
    }

    #[test]
    fn open_port_is_chosen_once_for_all_shards() {
        let (listeners, bound) = bind_all(ANY_PORT, 3).unwrap();
        assert_eq!(listeners.len(), 3);
        assert_ne!(bound.port(), 0);
        for listener in listeners {
            assert_eq!(listener.local_addr().unwrap(), bound);
        }
    }

    #[test]
    fn accepted_connection_does_not_hold_back_small_sends() {
        let (listeners, bound) = bind_all(ANY_PORT, 1).unwrap();
        let _client = std::net::TcpStream::connect(bound).unwrap();
        listeners[0].set_nonblocking(false).unwrap();
        let (accepted, _) = listeners[0].accept().unwrap();
        assert!(accepted.nodelay().unwrap());
    }

    #[test]
    fn address_of_another_machine_is_explained() {
        // 192.0.2.0/24 is kept for documentation: no machine has it.
        let error = bind_all("192.0.2.1:0".parse().unwrap(), 1).unwrap_err();
        assert!(
            error.to_string().contains("does not have that address"),
            "{error}"
        );
    }
}
