//! TLS in front of a server that knows none: what a proxy does, and no more.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// It ends with the test's process.
pub(crate) struct TlsFront {
    addr: SocketAddr,
    certificate: PathBuf,
}

impl TlsFront {
    /// Starts one before the server at `to`.
    pub(crate) fn start(to: SocketAddr) -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
        let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("some versions")
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .expect("they fit");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let addr = listener.local_addr().expect("bound");
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let runtime = runtime.expect("a runtime");
            runtime.block_on(serve(listener, acceptor, to));
        });
        Self {
            addr,
            certificate: write_pem(cert.der()),
        }
    }

    /// The URL to measure.
    pub(crate) fn url(&self) -> String {
        format!("wss://{}/ws", self.addr)
    }

    /// A file with the certificate, which is signed by itself.
    pub(crate) fn certificate(&self) -> &Path {
        &self.certificate
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        std::fs::remove_file(&self.certificate).expect("our own file");
    }
}

async fn serve(listener: std::net::TcpListener, acceptor: TlsAcceptor, to: SocketAddr) {
    listener.set_nonblocking(true).expect("a socket");
    let listener = TcpListener::from_std(listener).expect("a socket");
    let tasks = tokio::task::LocalSet::new();
    let accepting = async {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::task::spawn_local(async move {
                // Clients that believe nobody are among the tests.
                let Ok(mut client) = acceptor.accept(socket).await else {
                    return;
                };
                let mut server = TcpStream::connect(to).await.expect("the server listens");
                let _ended = copy_bidirectional(&mut client, &mut server).await;
            });
        }
    };
    tasks.run_until(accepting).await;
}

fn write_pem(der: &[u8]) -> PathBuf {
    static FILES: AtomicU32 = AtomicU32::new(0);
    let number = FILES.fetch_add(1, Ordering::Relaxed);
    let name = format!("certificate-{}-{number}.pem", std::process::id());
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let lines = STANDARD.encode(der).into_bytes();
    let lines: Vec<_> = lines.chunks(64).map(String::from_utf8_lossy).collect();
    let text = lines.join("\n");
    let pem = format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
    std::fs::write(&path, pem).expect("room on the disk");
    path
}
