//! The opening handshake: from the first byte to the 101, or to a refusal.

use std::net::IpAddr;

use bytes::BytesMut;

use super::conn::{Conn, NEVER_MS, Phase};
use super::dialect::{Acceptance, UpgradeDecision};
use super::disconnect::Cause;
use super::door::Pending;
use super::happening::Happened;
use super::origin::OriginPattern;
use super::shard::Shard;
use super::turn_log::FrameKind;
use crate::base::limits::PARKED_BYTES_MAX;
use crate::base::slab::Key;
use crate::base::time::Now;
use crate::codec::http::{
    HeadError, HeadScanner, Refusal, UpgradeRequest, check_upgrade, parse_head, write_refusal,
    write_switching_protocols,
};

/// A request head that is still arriving; never longer than the head limit and one receive.
#[derive(Debug, Default)]
pub(super) struct Handshake {
    pub(super) head: BytesMut,
    scanner: HeadScanner,
    /// The client's address, as far as it is known.
    pub(super) peer: Option<IpAddr>,
    /// Set when the head is whole, and somebody is asked about it. What comes then goes to `head`.
    pub(super) pending: Option<Pending>,
    /// Why it is one too many, and will be told so.
    refuse: Option<Cause>,
    /// Whether its request will name the client's address.
    behind_proxy: bool,
}

impl Handshake {
    pub(super) fn new(refuse: Option<Cause>) -> Self {
        Self {
            refuse,
            ..Self::default()
        }
    }

    /// Whether more must not be read for now.
    pub(super) fn must_pause(&self) -> bool {
        self.pending.is_some() && self.head.len() >= PARKED_BYTES_MAX
    }
}

/// When a client that was refused for want of room may try again.
pub(super) const RETRY_AFTER_S: u32 = 1;

/// What a peer is answered in HTTP, and what it is counted as.
pub(super) struct Refused {
    pub(super) cause: Cause,
    pub(super) refusal: Refusal,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self {
            cause: Cause::HandshakeRefused,
            refusal,
        }
    }
}

impl From<Cause> for Refused {
    fn from(cause: Cause) -> Self {
        let refusal = match cause {
            Cause::HandshakeTimeout => Refusal::request_timeout(),
            Cause::OriginRefused => Refusal::origin_not_allowed(),
            Cause::AddressConnections | Cause::AddressRate => {
                Refusal::too_many_requests(RETRY_AFTER_S)
            }
            _ => Refusal::unavailable(RETRY_AFTER_S),
        };
        Self { cause, refusal }
    }
}

impl Shard {
    /// Who is there: counts a new connection for its address, unless a proxy will tell another.
    pub(super) fn meet(&mut self, now: Now, key: Key, peer: IpAddr) {
        let is_proxy = self.admission.addresses().proxies().include(peer);
        if let Some(conn) = self.conns.get_mut(key)
            && let Phase::Handshaking(handshake) = &mut conn.phase
        {
            handshake.peer = Some(peer);
            handshake.behind_proxy = is_proxy;
        }
        if is_proxy {
            return;
        }
        if let Err(cause) = self.count_for(now, key, peer) {
            self.refuse_for(now, key, cause);
        }
    }

    fn count_for(&mut self, now: Now, key: Key, address: IpAddr) -> Result<(), Cause> {
        let addresses = self.admission.addresses();
        let counted = addresses.enter(now, address)?;
        let is_trusted = addresses.is_trusted(address);
        if let Some(conn) = self.conns.get_mut(key) {
            conn.address = counted;
            conn.is_trusted = is_trusted;
            if let Phase::Handshaking(handshake) = &mut conn.phase {
                handshake.peer = Some(address);
            }
        }
        Ok(())
    }

    /// Bytes of a request head, and of what is pipelined behind it.
    pub(super) fn handle_head(&mut self, now: Now, key: Key, bytes: &[u8]) {
        let head_bytes_max = self.handshake_limits.head_bytes_max;
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        let Phase::Handshaking(handshake) = &mut conn.phase else {
            return;
        };
        handshake.head.extend_from_slice(bytes);
        if handshake.pending.is_some() {
            return;
        }
        let request = match handshake.scanner.scan(&handshake.head, head_bytes_max) {
            Ok(None) => return,
            Ok(Some(_)) => match handshake.refuse {
                Some(cause) => Err(cause.into()),
                None => parse_head(&mut handshake.head)
                    .map_err(HeadError::refusal)
                    .and_then(check_upgrade)
                    .map_err(Refused::from),
            },
            Err(error) => Err(error.refusal().into()),
        };
        let upgraded = request.and_then(|request| self.upgrade(now, key, request));
        if let Err(Refused { cause, refusal }) = upgraded {
            self.refuse(now, key, &refusal, cause);
        }
    }

    /// Turns a well-formed request into an open connection.
    fn upgrade(&mut self, now: Now, key: Key, request: UpgradeRequest) -> Result<(), Refused> {
        let is_behind_proxy = |conn: &Conn| match &conn.phase {
            Phase::Handshaking(handshake) => handshake.behind_proxy,
            _ => false,
        };
        if self.conns.get(key).is_some_and(is_behind_proxy) {
            let proxies = self.admission.addresses().proxies();
            if let Some(client) = proxies.client(request.header_list(&proxies.header)) {
                self.count_for(now, key, client)?;
            }
        }
        let index = self
            .endpoints
            .iter()
            .position(|endpoint| endpoint.path == request.path())
            .ok_or_else(Refusal::not_found)?;
        let endpoint = &self.endpoints[index];
        if !is_origin_allowed(&endpoint.origins, &request) {
            return Err(Cause::OriginRefused.into());
        }
        let mut acceptance = match endpoint.dialect.on_upgrade(&request) {
            UpgradeDecision::Accept(acceptance) => acceptance,
            UpgradeDecision::Reject(refusal) => return Err(refusal.into()),
        };
        let Some(conn) = self.conns.get_mut(key) else {
            return Ok(());
        };
        conn.endpoint = u16::try_from(index).expect("endpoints are few");
        // Before anybody is identified: it settles in which encoding a connection gets anything.
        if let Some(extension) = self.agree_on_deflate(key, &request) {
            let name = "Sec-WebSocket-Extensions".to_owned();
            acceptance.headers.push((name, extension));
        }
        self.admit(now, key, request, acceptance)
    }

    /// From here on WebSocket is spoken: the 101, and what the dialect says first. Returns what the
    /// client has sent behind its request.
    pub(super) fn open(
        &mut self,
        now: Now,
        key: Key,
        request: &UpgradeRequest,
        acceptance: Acceptance,
    ) -> BytesMut {
        let Acceptance {
            subprotocol,
            headers,
            state,
        } = acceptance;
        self.queue(key, FrameKind::Response, |out| {
            let headers: Vec<(&str, &str)> = headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect();
            write_switching_protocols(out, request, subprotocol.as_deref(), &headers);
        });
        let Some(conn) = self.conns.get_mut(key) else {
            return BytesMut::new();
        };
        let before = std::mem::replace(&mut conn.phase, Phase::Open);
        conn.state = state;
        conn.deadline_ms = NEVER_MS;
        conn.pinged_ms = now.monotonic_ms;
        // While it was asked about at the door it was we who kept silent.
        conn.seen_ms = now.monotonic_ms;
        self.stats.upgraded += 1;
        self.happen(key, Happened::Connected);
        self.schedule(key);
        let actions = self.consult(now, key, |dialect, view, actions| {
            dialect.on_open(view, actions);
        });
        if let Some(actions) = actions {
            self.perform_all(now, key, actions);
        }
        match before {
            Phase::Handshaking(handshake) => handshake.head,
            _ => BytesMut::new(),
        }
    }

    /// Answers in HTTP and ends: what else the peer sends is thrown away, never read as a request.
    pub(super) fn refuse(&mut self, now: Now, key: Key, refusal: &Refusal, cause: Cause) {
        self.leave(key, cause);
        self.queue(key, FrameKind::Response, |out| write_refusal(out, refusal));
        self.start_closing(now, key, false);
    }

    /// Answers what belongs to `cause`.
    pub(super) fn refuse_for(&mut self, now: Now, key: Key, cause: Cause) {
        let Refused { cause, refusal } = cause.into();
        self.refuse(now, key, &refusal, cause);
    }
}

/// Whether a page of this origin may connect; what sends none is no page.
fn is_origin_allowed(list: &[OriginPattern], request: &UpgradeRequest) -> bool {
    if list.is_empty() {
        return true;
    }
    match request.headers("origin")[..] {
        [] => true,
        [origin] => list.iter().any(|pattern| pattern.matches(origin)),
        // Two of them: whoever sits in between may have believed the other one.
        _ => false,
    }
}
