//! The opening handshake: from the first byte to the 101, or to a refusal.

use bytes::BytesMut;

use super::conn::Phase;
use super::dialect::{Acceptance, UpgradeDecision};
use super::disconnect::Cause;
use super::shard::Shard;
use crate::base::slab::Key;
use crate::base::time::Now;
use crate::codec::http::{
    HeadError, HeadScanner, Refusal, UpgradeRequest, check_upgrade, parse_head, write_refusal,
    write_switching_protocols,
};

/// A request head that is still arriving; never longer than the head limit and one receive.
#[derive(Debug, Default)]
pub(super) struct Handshake {
    head: BytesMut,
    scanner: HeadScanner,
}

/// When a client that was refused for want of room may try again.
const RETRY_AFTER_S: u32 = 1;

impl Shard {
    /// Bytes of a request head, and of what is pipelined behind it.
    pub(super) fn handle_head(&mut self, now: Now, key: Key, bytes: &[u8]) {
        let head_bytes_max = self.handshake_limits.head_bytes_max;
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        let Phase::Handshaking(handshake) = &mut conn.phase else {
            return;
        };
        let refuse = conn.refuse;
        handshake.head.extend_from_slice(bytes);
        let request = match handshake.scanner.scan(&handshake.head, head_bytes_max) {
            Ok(None) => return,
            Ok(Some(_)) if refuse => Err(Refusal::unavailable(RETRY_AFTER_S)),
            Ok(Some(_)) => parse_head(&mut handshake.head)
                .map_err(HeadError::refusal)
                .and_then(check_upgrade),
            Err(error) => Err(error.refusal()),
        };
        let mut pipelined = std::mem::take(&mut handshake.head);
        match request.and_then(|request| self.upgrade(now, key, &request)) {
            Ok(()) => self.handle_frames(now, key, &mut pipelined),
            Err(refusal) => self.refuse(now, key, &refusal, Cause::HandshakeRefused),
        }
    }

    /// Turns a well-formed request into an open connection.
    fn upgrade(&mut self, now: Now, key: Key, request: &UpgradeRequest) -> Result<(), Refusal> {
        let index = self
            .endpoints
            .iter()
            .position(|endpoint| endpoint.path == request.path())
            .ok_or_else(Refusal::not_found)?;
        let Acceptance {
            subprotocol,
            headers,
            state,
        } = match self.endpoints[index].dialect.on_upgrade(request) {
            UpgradeDecision::Accept(acceptance) => acceptance,
            UpgradeDecision::Reject(refusal) => return Err(refusal),
        };
        self.reply(key, |out| {
            let headers: Vec<(&str, &str)> = headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect();
            write_switching_protocols(out, request, subprotocol.as_deref(), &headers);
        });
        if let Some(conn) = self.conns.get_mut(key) {
            conn.phase = Phase::Open;
            conn.endpoint = u16::try_from(index).expect("endpoints are few");
            conn.state = state;
            conn.deadline_ms = super::conn::NEVER_MS;
            conn.pinged_ms = now.monotonic_ms;
        }
        self.stats.upgraded += 1;
        self.schedule(key);
        let actions = self.consult(key, |dialect, view, actions| {
            dialect.on_open(view, actions);
        });
        if let Some(actions) = actions {
            self.perform_all(now, key, actions);
        }
        Ok(())
    }

    /// Answers in HTTP and ends: what else the peer sends is thrown away, never read as a request.
    pub(super) fn refuse(&mut self, now: Now, key: Key, refusal: &Refusal, cause: Cause) {
        self.leave(key, cause);
        self.reply(key, |out| write_refusal(out, refusal));
        self.start_closing(now, key, false);
    }

    /// The server is going away, or full.
    pub(super) fn refuse_unavailable(&mut self, now: Now, key: Key) {
        self.refuse(
            now,
            key,
            &Refusal::unavailable(RETRY_AFTER_S),
            Cause::Shutdown,
        );
    }

    /// The head was not there in time.
    pub(super) fn refuse_late(&mut self, now: Now, key: Key) {
        self.refuse(
            now,
            key,
            &Refusal::request_timeout(),
            Cause::HandshakeTimeout,
        );
    }
}
