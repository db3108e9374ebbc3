//! The API's listener where it speaks TLS.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::serve::Listener;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::codec::tls::TlsConfig;

/// What a caller may take for its handshake.
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(5);

/// Callers whose handshake is done and who are yet to be served; further ones wait in their handshakes.
const READY_MAX: usize = 64;

/// The certificates that the next caller is shown.
#[derive(Debug, Clone)]
pub(in crate::service) struct Shown(Arc<Mutex<Arc<TlsConfig>>>);

impl Shown {
    pub(in crate::service) fn new(config: Arc<TlsConfig>) -> Self {
        Self(Arc::new(Mutex::new(config)))
    }

    pub(in crate::service) fn replace(&self, config: Arc<TlsConfig>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = config;
    }

    fn config(&self) -> Arc<TlsConfig> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Callers with their handshakes done. Each is a task of its own, so that one that is slow holds up
/// nobody.
pub(in crate::service) struct TlsListener {
    addr: SocketAddr,
    ready: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
}

impl TlsListener {
    /// # Errors
    ///
    /// The listener has no address.
    pub(in crate::service) fn new(
        mut listener: TcpListener,
        shown: Shown,
    ) -> std::io::Result<Self> {
        let addr = listener.local_addr()?;
        let (sender, ready) = mpsc::channel(READY_MAX);
        tokio::spawn(async move {
            loop {
                // The trait's own, which waits where the system has no descriptors.
                let (stream, peer) = Listener::accept(&mut listener).await;
                let acceptor = TlsAcceptor::from(shown.config());
                let sender = sender.clone();
                tokio::spawn(async move {
                    let handshake = timeout(HANDSHAKE_TIME_MAX, acceptor.accept(stream)).await;
                    match handshake {
                        Ok(Ok(stream)) => {
                            // If nobody serves any more, nobody is missed.
                            let _gone = sender.send((stream, peer)).await;
                        }
                        Ok(Err(error)) => tracing::debug!("API, TLS with {peer}: {error}"),
                        Err(_) => tracing::debug!("API, TLS with {peer}: took too long"),
                    }
                });
            }
        });
        Ok(Self { addr, ready })
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(caller) => caller,
            // The task above ends with the process.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        Ok(self.addr)
    }
}
