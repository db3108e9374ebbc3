//! A client of rustls' own on the other side, bytes in between.

use std::io::{Read, Write};
use std::sync::Arc;

use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, SupportedProtocolVersion};

use super::*;

struct World {
    server: Arc<TlsConfig>,
    client: Arc<ClientConfig>,
}

fn world(versions: &[&'static SupportedProtocolVersion]) -> World {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a key");
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let server = TlsConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("a certificate");
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("a root");
    let client = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    World {
        server: Arc::new(server),
        client: Arc::new(client),
    }
}

struct Pair {
    session: TlsSession,
    client: ClientConnection,
    /// What the server has read.
    plain: Vec<u8>,
    /// What the client has read.
    heard: Vec<u8>,
}

impl Pair {
    fn new(world: &World) -> Self {
        let name = ServerName::try_from("localhost").expect("a name");
        let mut client = ClientConnection::new(Arc::clone(&world.client), name).expect("a client");
        client.set_buffer_limit(None);
        Self {
            session: TlsSession::new(Arc::clone(&world.server)).expect("a configuration"),
            client,
            plain: Vec::new(),
            heard: Vec::new(),
        }
    }

    /// Passes bytes on, `step` at a time, until neither side has any.
    fn pump(&mut self, step: usize) -> Result<Progress, TlsError> {
        let mut last = Progress::Open;
        while self.client.wants_write() {
            let mut sent = Vec::new();
            self.client
                .write_tls(&mut sent)
                .expect("a vector takes all");
            for piece in sent.chunks_mut(step) {
                let mut out = Vec::new();
                let received = self.session.receive(piece, &mut self.plain, &mut out);
                self.give_client(&out);
                last = received?;
            }
        }
        Ok(last)
    }

    fn give_client(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            self.client.read_tls(&mut bytes).expect("bytes");
            // What is wrong shows in what follows.
            let _state = self.client.process_new_packets();
            // Without an end there is no end to be read.
            let _would_block = self.client.reader().read_to_end(&mut self.heard);
        }
    }

    fn client_says(&mut self, text: &[u8]) {
        self.client.writer().write_all(text).expect("buffered");
    }

    fn client_hears(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.heard)
    }
}

#[test]
fn both_sides_understand_each_other_whatever_the_version_and_the_pieces() {
    for version in rustls::ALL_VERSIONS {
        let world = world(&[version]);
        for step in [1, 7, 1_000, usize::MAX] {
            let mut pair = Pair::new(&world);
            pair.client_says(b"early bird");
            assert_eq!(pair.pump(step), Ok(Progress::Open));
            assert!(!pair.session.is_handshaking());
            assert_eq!(pair.plain, b"early bird");
            for len in [0, 1, 16 * 1024, 16 * 1024 + 1, 100_000] {
                let text: Vec<u8> = (0..len).map(|at| at as u8).collect();
                let mut out = Vec::new();
                pair.session.seal(&text, &mut out).expect("keys");
                pair.give_client(&out);
                assert!(pair.client_hears() == text, "{len} bytes");
                pair.plain.clear();
                pair.client_says(&text);
                assert_eq!(pair.pump(step), Ok(Progress::Open));
                assert!(pair.plain == text, "{len} bytes");
            }
            assert_eq!(pair.session.unread.capacity(), 0, "idle, and keeps nothing");
        }
    }
}

#[test]
fn each_side_is_told_of_the_others_end() {
    let world = world(rustls::ALL_VERSIONS);
    let mut pair = Pair::new(&world);
    pair.client_says(b"x");
    pair.pump(usize::MAX).expect("a handshake");
    let mut out = Vec::new();
    pair.session.seal(b"last", &mut out).expect("keys");
    pair.session.seal_end(&mut out).expect("keys");
    pair.give_client(&out);
    assert_eq!(pair.client_hears(), b"last");
    let end = pair.client.reader().read(&mut [0]);
    assert_eq!(end.ok(), Some(0));
    pair.client.send_close_notify();
    assert_eq!(pair.pump(usize::MAX), Ok(Progress::PeerClosed));
}

#[test]
fn session_is_resumed_where_there_are_tickets() {
    let mut world = world(rustls::ALL_VERSIONS);
    let server = Arc::get_mut(&mut world.server).expect("not shared yet");
    server.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new().expect("randomness");
    for expected in [
        HandshakeKind::Full,
        HandshakeKind::Resumed,
        HandshakeKind::Resumed,
    ] {
        let mut pair = Pair::new(&world);
        pair.client_says(b"x");
        pair.pump(usize::MAX).expect("a handshake");
        assert_eq!(pair.session.handshake_done(), Some(expected));
    }
}

#[test]
fn what_is_no_tls_gets_an_alert_and_an_error() {
    let world = world(rustls::ALL_VERSIONS);
    for (name, bytes) in [
        ("HTTP", &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..]),
        ("noise", &[0xaa; 64]),
        ("a record of the wrong version", b"\x16\x07\x07\x00\x01\x00"),
        ("a record too long", b"\x16\x03\x01\xff\xff\x00"),
        ("data before the handshake", b"\x17\x03\x03\x00\x01\x00"),
    ] {
        let mut session = TlsSession::new(Arc::clone(&world.server)).expect("a configuration");
        let (mut plain, mut out) = (Vec::new(), Vec::new());
        let result = session.receive(&mut bytes.to_vec(), &mut plain, &mut out);
        assert!(result.is_err() && plain.is_empty(), "{name}");
        assert_eq!(out.first(), Some(&0x15), "{name}: an alert");
        assert!(session.seal(b"x", &mut out).is_err(), "{name}");
    }
}

#[test]
fn record_that_was_changed_on_its_way_is_an_error() {
    let world = world(rustls::ALL_VERSIONS);
    let mut pair = Pair::new(&world);
    pair.client_says(b"x");
    pair.pump(usize::MAX).expect("a handshake");
    pair.client_says(b"secret");
    let mut sent = Vec::new();
    pair.client
        .write_tls(&mut sent)
        .expect("a vector takes all");
    *sent.last_mut().expect("a record") ^= 1;
    let (mut plain, mut out) = (Vec::new(), Vec::new());
    assert!(
        pair.session
            .receive(&mut sent, &mut plain, &mut out)
            .is_err()
    );
    assert!(plain.is_empty() && !out.is_empty());
}

#[test]
fn nothing_is_sealed_before_the_handshake_is_done() {
    let world = world(rustls::ALL_VERSIONS);
    let mut session = TlsSession::new(Arc::clone(&world.server)).expect("a configuration");
    let mut out = Vec::new();
    assert!(session.seal(b"x", &mut out).is_err());
    assert!(out.is_empty());
}
