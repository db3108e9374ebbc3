//! What peers of a listener with TLS send, until it is plaintext like everybody's.

use std::sync::Arc;

use rustls::HandshakeKind;

use super::conn::Phase;
use super::disconnect::Cause;
use super::outbox::Outbox;
use super::shard::Shard;
use crate::base::slab::Key;
use crate::base::time::Now;
use crate::codec::tls::{Progress, TlsConfig, TlsSession};

impl Shard {
    /// Connections that are accepted from now on get other certificates. Whether there is TLS at all
    /// is settled when the shard is made.
    pub fn set_tls(&mut self, config: Arc<TlsConfig>) {
        debug_assert!(self.tls.is_some(), "its connections would not speak TLS");
        self.tls = Some(config);
    }

    /// Bytes arrived from a peer that speaks TLS.
    pub(super) fn handle_sealed(&mut self, now: Now, key: Key, received: &mut [u8]) {
        let Some((conn, config)) = self.conns.get_mut(key).zip(self.tls.as_ref()) else {
            return;
        };
        if !matches!(conn.phase, Phase::Handshaking(_) | Phase::Open) {
            return;
        }
        let wire = conn.wire.get_or_insert_default();
        let session = match &mut wire.tls {
            Some(session) => session,
            // Made at the first byte: whoever connects and says nothing costs nothing more.
            None => match TlsSession::new(Arc::clone(config)) {
                Ok(session) => wire.tls.insert(session),
                Err(_) => return self.fail(key),
            },
        };
        let (mut plain, mut out) = (std::mem::take(&mut self.unsealed), Vec::new());
        let was_handshaking = session.is_handshaking();
        let result = session.receive(received, &mut plain, &mut out);
        if was_handshaking && let Some(kind) = session.handshake_done() {
            match kind {
                HandshakeKind::Resumed => self.stats.tls_resumed += 1,
                HandshakeKind::Full | HandshakeKind::FullWithHelloRetryRequest => {
                    self.stats.tls_handshakes += 1;
                }
            }
        }
        if !out.is_empty() {
            let outbox = conn.outbox.get_or_insert_with(Box::<Outbox>::default);
            outbox.push_sealed(out.as_slice().into());
            self.writable.push_back(key);
        }
        if !plain.is_empty() {
            self.handle_plain(now, key, &mut plain);
            plain.clear();
        }
        self.unsealed = plain;
        match result {
            Ok(Progress::Open) => {}
            Ok(Progress::PeerClosed) => self.handle_end(now, key, false),
            Err(_) => self.fail_tls(now, key),
        }
    }

    /// The peer does not keep to TLS: nothing more can be told to it but the alert that is queued.
    fn fail_tls(&mut self, now: Now, key: Key) {
        if self
            .conns
            .get(key)
            .is_none_or(|conn| !matches!(conn.phase, Phase::Handshaking(_) | Phase::Open))
        {
            return;
        }
        self.leave(key, Cause::TlsFailed);
        self.log.discard(key.slot);
        if let Some(outbox) = self
            .conns
            .get_mut(key)
            .and_then(|conn| conn.outbox.as_mut())
        {
            outbox.truncate_to_started();
        }
        self.start_closing(now, key, false);
    }
}
