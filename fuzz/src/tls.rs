//! TLS, as a network between a client and the server changes it.

use std::io::{Read, Write};
use std::sync::{Arc, LazyLock};

use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use shardcast::codec::tls::{Progress, TlsConfig, TlsSession};

struct World {
    /// Without and with a demand for certificates.
    servers: [Arc<TlsConfig>; 2],
    /// TLS 1.2 and 1.3, without and with a certificate.
    clients: [Arc<ClientConfig>; 4],
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a key");
    let key = || PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let chain = || vec![made.cert.der().clone()];
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("a root");
    let roots = Arc::new(roots);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider))
            .build()
            .expect("roots");
    let server = |demands: bool| {
        let config = TlsConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("versions");
        let config = if demands {
            config.with_client_cert_verifier(Arc::clone(&verifier) as _)
        } else {
            config.with_no_client_auth()
        };
        Arc::new(
            config
                .with_single_cert(chain(), key())
                .expect("a certificate"),
        )
    };
    let client = |version, shows: bool| {
        let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[version])
            .expect("a version")
            .with_root_certificates(Arc::clone(&roots));
        Arc::new(if shows {
            config
                .with_client_auth_cert(chain(), key())
                .expect("a certificate")
        } else {
            config.with_no_client_auth()
        })
    };
    let (two, three) = (&rustls::version::TLS12, &rustls::version::TLS13);
    World {
        servers: [server(false), server(true)],
        clients: [
            client(two, false),
            client(three, false),
            client(two, true),
            client(three, true),
        ],
    }
});

/// Records that one run passes on, at the most.
const FLIGHTS_MAX: usize = 12;

/// The first byte says who meets whom; each of the others does something to the next bytes of the
/// client: passes so many on at once, changes one, repeats some, leaves some out, or puts bytes of the
/// input in.
///
/// - Whatever comes, there is an answer: plaintext, bytes for the peer, or an error, and after an error
///   nothing else.
/// - What is not changed is understood: a client that nobody disturbs is heard to the end.
/// - Memory grows with what has arrived.
pub fn tls(data: &[u8]) {
    let Some((&setting, mut acts)) = data.split_first() else {
        return;
    };
    let world = &*WORLD;
    let server = &world.servers[usize::from(setting & 1)];
    let client = &world.clients[usize::from(setting >> 1 & 3)];
    let name = ServerName::try_from("localhost").expect("a name");
    let mut client = ClientConnection::new(Arc::clone(client), name).expect("a client");
    client.set_buffer_limit(None);
    let mut session = TlsSession::new(Arc::clone(server)).expect("a configuration");
    client.writer().write_all(b"hello").expect("no limit");
    let (mut plain, mut is_disturbed) = (Vec::new(), false);
    for _ in 0..FLIGHTS_MAX {
        let mut flight = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut flight).expect("a vector takes all");
        }
        if flight.is_empty() {
            break;
        }
        let mut rest = &flight[..];
        while !rest.is_empty() {
            let (piece, disturbed) = piece(&mut rest, &mut acts);
            is_disturbed |= disturbed;
            let mut out = Vec::new();
            let result = session.receive(&mut piece.clone(), &mut plain, &mut out);
            assert!(plain.len() <= flight.len() + b"hello".len());
            let mut bytes = &out[..];
            while !bytes.is_empty() {
                client.read_tls(&mut bytes).expect("bytes");
                // What the network has done shows in what follows.
                let _state = client.process_new_packets();
                let _would_block = client.reader().read_to_end(&mut Vec::new());
            }
            match result {
                Ok(Progress::Open) => {}
                Ok(Progress::PeerClosed) => return,
                Err(_) => {
                    let again = session.receive(&mut [0x17, 3, 3, 0, 1, 0], &mut plain, &mut out);
                    assert!(again.is_err() && session.seal(b"x", &mut out).is_err());
                    return;
                }
            }
            // As a publication may come at any time.
            let is_sealed = session.seal(b"event", &mut Vec::new()).is_ok();
            assert!(!is_sealed || !session.is_handshaking());
            if is_sealed {
                is_disturbed = true;
            }
        }
    }
    let may_enter = setting & 1 == 0 || setting >> 2 & 1 == 1;
    if !is_disturbed && may_enter {
        assert_eq!(plain, b"hello");
    }
}

/// The next bytes that arrive, and whether they are other than those that were sent.
fn piece(rest: &mut &[u8], acts: &mut &[u8]) -> (Vec<u8>, bool) {
    let mut next = || {
        let (&act, others) = acts.split_first()?;
        *acts = others;
        Some(act)
    };
    let Some(act) = next() else {
        return (std::mem::take(rest).to_vec(), false);
    };
    let len = usize::from(next().unwrap_or(255)) % 200 + 1;
    let (piece, others) = rest.split_at(len.min(rest.len()));
    let mut piece = piece.to_vec();
    match act % 8 {
        0..=3 => *rest = others,
        4 => {
            *rest = others;
            let at = usize::from(next().unwrap_or(0)) % piece.len();
            piece[at] ^= next().unwrap_or(1).max(1);
        }
        // The same once more.
        5 => {}
        6 => {
            *rest = others;
            piece.clear();
        }
        _ => piece = acts[..acts.len().min(len)].to_vec(),
    }
    (piece, act % 8 > 3)
}
