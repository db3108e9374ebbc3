//! What an endpoint wants to know of somebody who asks for an upgrade, and how that is waited for.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::conn::Phase;
use super::decider::{Admission, Inquiry, Newcomer};
use super::dialect::Acceptance;
use super::disconnect::Cause;
use super::handshake::{RETRY_AFTER_S, Refused};
use super::shard::Shard;
use crate::base::limits::DECISION_TIMEOUT;
use crate::base::slab::Key;
use crate::base::time::{Now, millis};
use crate::codec::http::{Refusal, UpgradeRequest};

/// Where an endpoint looks for credentials, and whom it lets in without asking.
///
/// By default it looks for none, and lets everybody in as nobody in particular.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Door {
    /// Whether a token that is shown is looked at: in `Authorization: Bearer` and where the next two
    /// say.
    pub reads_tokens: bool,
    /// The parameter of the query that may hold it.
    pub query_parameter: Option<String>,
    /// The cookie that may hold it.
    pub cookie: Option<String>,
    /// Whether nobody comes in without one.
    pub needs_token: bool,
    /// Whether the application is asked about everybody.
    pub asks_always: bool,
    /// Whether what happens to connections is noted for [`Shard::poll_happening`].
    pub tells: bool,
}

impl Door {
    /// The token that a request shows. A header beats the query, which beats a cookie: a browser
    /// sends its cookies whether anybody wants it or not.
    fn token(&self, request: &UpgradeRequest) -> Option<String> {
        if !self.reads_tokens {
            return None;
        }
        let from_query = || request.query_parameter(self.query_parameter.as_deref()?);
        let from_cookie = || request.cookie(self.cookie.as_deref()?).map(str::to_owned);
        let bearer = request.bearer().map(str::to_owned);
        bearer.or_else(from_query).or_else(from_cookie)
    }
}

/// A sound request whose sender has not been admitted yet.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) request: Arc<UpgradeRequest>,
    pub(super) acceptance: Acceptance,
    ticket: u32,
}

impl Shard {
    /// Lets somebody in, or asks first whether to.
    pub(super) fn admit(
        &mut self,
        now: Now,
        key: Key,
        request: UpgradeRequest,
        acceptance: Acceptance,
    ) -> Result<(), Refused> {
        let Some(endpoint) = self.endpoint_of(key) else {
            return Ok(());
        };
        let door = &endpoint.door;
        let token = door.token(&request);
        if token.is_none() && door.needs_token {
            return self.turn_away(now, key, &request, acceptance);
        }
        if token.is_none() && !door.asks_always {
            let mut pipelined = self.open(now, key, &request, acceptance);
            self.handle_frames(now, key, &mut pipelined);
            return Ok(());
        }
        let request = Arc::new(request);
        let newcomer = Newcomer {
            request: Arc::clone(&request),
            peer: self
                .peer_of(key)
                .unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            token,
        };
        let Some(ticket) = self.inquire(key, Inquiry::Admit(Box::new(newcomer))) else {
            return Ok(());
        };
        if let Some(conn) = self.conns.get_mut(key)
            && let Phase::Handshaking(handshake) = &mut conn.phase
        {
            handshake.pending = Some(Pending {
                request,
                acceptance,
                ticket,
            });
            conn.deadline_ms = now.monotonic_ms + millis(DECISION_TIMEOUT);
            self.schedule(key);
        }
        Ok(())
    }

    /// What is answered about somebody at the door. Who has gone meanwhile is not let in.
    pub fn handle_admission(&mut self, now: Now, key: Key, ticket: u32, admission: Admission) {
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        let Phase::Handshaking(handshake) = &mut conn.phase else {
            return;
        };
        let is_current = |pending: &mut Pending| pending.ticket == ticket;
        let Some(Pending {
            request,
            mut acceptance,
            ..
        }) = handshake.pending.take_if(is_current)
        else {
            return;
        };
        let outcome = match admission {
            Admission::Admit {
                identity,
                headers,
                topics,
            } => {
                acceptance.headers.extend(headers);
                if let Some(identity) = identity {
                    self.identify(now, key, identity);
                }
                let mut pipelined = self.open(now, key, &request, acceptance);
                for topic in topics {
                    // As with the topics of dialects: one too many is not worth an end.
                    let _joined = self.join(key, &topic);
                }
                self.handle_frames(now, key, &mut pipelined);
                Ok(())
            }
            Admission::Unauthorized => self.turn_away(now, key, &request, acceptance),
            Admission::Refuse(refusal) => Err(refusal.into()),
            Admission::Failed => Err(Refused {
                cause: Cause::HandshakeRefused,
                refusal: Refusal::unavailable(RETRY_AFTER_S),
            }),
        };
        if let Err(Refused { cause, refusal }) = outcome {
            self.refuse(now, key, &refusal, cause);
        }
        self.resume(now, key);
    }

    /// The head did not come in time, or nobody has said what is to become of it.
    pub(super) fn expire_handshake(&mut self, now: Now, key: Key) {
        let phase = self.conns.get(key).map(|conn| &conn.phase);
        let pending = match phase {
            Some(Phase::Handshaking(handshake)) => handshake.pending.as_ref(),
            _ => None,
        };
        match pending.map(|pending| pending.ticket) {
            Some(ticket) => self.handle_admission(now, key, ticket, Admission::Failed),
            None => self.refuse_for(now, key, Cause::HandshakeTimeout),
        }
    }

    fn peer_of(&self, key: Key) -> Option<IpAddr> {
        match &self.conns.get(key)?.phase {
            Phase::Handshaking(handshake) => handshake.peer,
            _ => None,
        }
    }

    /// Tells a client that its credentials are missing or wrong, in the way that it understands.
    fn turn_away(
        &mut self,
        now: Now,
        key: Key,
        request: &UpgradeRequest,
        acceptance: Acceptance,
    ) -> Result<(), Refused> {
        let by_close = self
            .endpoint_of(key)
            .is_some_and(|endpoint| endpoint.dialect.turns_away_by_close());
        if !by_close {
            return Err(Refused {
                cause: Cause::Unauthorized,
                refusal: Refusal::unauthorized(),
            });
        }
        self.open(now, key, request, acceptance);
        self.close(now, key, Cause::Unauthorized);
        Ok(())
    }
}
