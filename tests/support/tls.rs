//! Certificates for a test, and a way for clients that know no TLS to a server that speaks it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A key and a certificate for it that vouches for itself, in files that go with the test.
pub(crate) struct Identity {
    pub(crate) der: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
    folder: PathBuf,
}

impl Identity {
    pub(crate) fn new(name: &str) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = format!("shardcast-tls-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        fs::create_dir_all(&folder).expect("a place for files");
        let (der, key) = make(name, &folder);
        Self { der, key, folder }
    }

    /// Another key and certificate in the same files.
    pub(crate) fn renew(&mut self, name: &str) {
        (self.der, self.key) = make(name, &self.folder);
    }

    pub(crate) fn cert(&self) -> String {
        self.path("cert.pem")
    }

    pub(crate) fn key(&self) -> String {
        self.path("key.pem")
    }

    fn path(&self, name: &str) -> String {
        let path = self.folder.join(name);
        path.to_str().expect("a plain name").to_owned()
    }
}

impl Drop for Identity {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.folder);
    }
}

fn make(name: &str, folder: &Path) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).expect("a key");
    let key = made.signing_key.serialize_pem();
    fs::write(folder.join("cert.pem"), made.cert.pem()).expect("a place for files");
    fs::write(folder.join("key.pem"), key).expect("a place for files");
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    (made.cert.der().clone(), key)
}

/// How a client speaks TLS.
pub(crate) struct Dialer {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Dialer {
    /// One that asks for `name` and believes these.
    pub(crate) fn new(name: &str, trusted: &[&Identity]) -> Self {
        Self::with(name, trusted, rustls::ALL_VERSIONS, None)
    }

    pub(crate) fn with(
        name: &str,
        trusted: &[&Identity],
        versions: &[&'static SupportedProtocolVersion],
        shows: Option<&Identity>,
    ) -> Self {
        let mut roots = RootCertStore::empty();
        for identity in trusted {
            roots.add(identity.der.clone()).expect("a root");
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .expect("versions")
            .with_root_certificates(roots);
        let config = match shows {
            None => config.with_no_client_auth(),
            Some(identity) => config
                .with_client_auth_cert(vec![identity.der.clone()], identity.key.clone_key())
                .expect("a certificate and its key"),
        };
        Self {
            config: Arc::new(config),
            name: ServerName::try_from(name.to_owned()).expect("a name"),
        }
    }

    /// Connects, and ends the handshake.
    pub(crate) async fn dial(&self, addr: SocketAddr) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        let connector = TlsConnector::from(Arc::clone(&self.config));
        connector.connect(self.name.clone(), stream).await
    }
}

/// An address where no TLS is spoken, which leads to a server where it is.
pub(crate) struct TlsFront {
    pub(crate) addr: SocketAddr,
    /// Ends all links when it is dropped.
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl TlsFront {
    pub(crate) fn to(server: SocketAddr, dialer: Dialer) -> Self {
        let runtime = runtime();
        let listener = runtime
            .block_on(TcpListener::bind("127.0.0.1:0"))
            .expect("a free port");
        let addr = listener.local_addr().expect("it is bound");
        let (end, ended) = oneshot::channel();
        let thread = thread::spawn(move || {
            runtime.spawn(carry(listener, server, Arc::new(dialer)));
            let _end = runtime.block_on(ended);
        });
        Self {
            addr,
            end: Some(end),
            thread: Some(thread),
        }
    }
}

async fn carry(listener: TcpListener, server: SocketAddr, dialer: Arc<Dialer>) {
    while let Ok((mut plain, _)) = listener.accept().await {
        let dialer = Arc::clone(&dialer);
        tokio::spawn(async move {
            let _kept_small = plain.set_nodelay(true);
            if let Ok(mut sealed) = dialer.dial(server).await {
                // Whichever way it ends, both sides see the end.
                let _ended = copy_bidirectional(&mut plain, &mut sealed).await;
            }
        });
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

/// One for the calling thread.
pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("the system has descriptors")
}
