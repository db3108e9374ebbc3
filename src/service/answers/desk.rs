//! One endpoint's answers: from its keys, and from its app server.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use serde_json::value::RawValue;

use super::deeds::deeds;
use super::{Admission, Asked, Proof, Question, Verdict};
use crate::base::ids::ConnId;
use crate::base::time::millis;
use crate::engine::actions::Actions;
use crate::engine::decider::Newcomer;
use crate::engine::happening::{Happened, Happening};
use crate::engine::identity::Identity;
use crate::service::identity::{RemoteKeySets, Verifier};
use crate::service::outbound::Client;
use crate::service::server_config::EndpointConfig;
use crate::service::webhook::{
    self, ConnectAnswer, ConnectRequest, Full, Kind, Notice, Notices, Peer, Room, Webhook,
};

/// Where in the data of an authenticate message its token is, when the keys judge it.
const TOKEN_POINTER: &str = "/token";

/// What an endpoint's questions are answered from.
pub(super) struct Desk {
    verifier: Option<Verifier>,
    server: Option<AppServer>,
}

/// The app server of an endpoint.
struct AppServer {
    webhook: Arc<Webhook>,
    notices: Arc<Notices>,
    /// Whether it wants to hear what happens.
    tells: bool,
    headers: Vec<http::HeaderName>,
    /// Room for the ends of the connections whose beginnings were told.
    ends: Arc<Mutex<HashMap<ConnId, Room>>>,
}

impl Desk {
    /// What is the same as `before` goes on: whether the app server answers, and what waits for it.
    pub(super) fn new<'o>(
        endpoint: &EndpointConfig,
        before: Option<&Self>,
        notices_max: usize,
        outbound: impl Fn() -> (&'o Client, &'o RemoteKeySets),
    ) -> Self {
        let server = endpoint.webhook.as_ref().map(|config| {
            let headers = config.headers.clone();
            let tells = config.tells();
            if let Some(server) = before.and_then(|before| before.server.as_ref()) {
                server.webhook.replace(config.clone());
                return AppServer {
                    webhook: Arc::clone(&server.webhook),
                    notices: Arc::clone(&server.notices),
                    // Of who ends while nothing is told, nothing would ever be taken out.
                    ends: match tells {
                        true => Arc::clone(&server.ends),
                        false => Arc::default(),
                    },
                    tells,
                    headers,
                };
            }
            let (path, app) = (endpoint.path.as_str(), endpoint.app.as_str());
            let webhook = Webhook::new(path, app, config.clone(), outbound().0.clone());
            let webhook = Arc::new(webhook);
            AppServer {
                notices: Notices::new(Arc::clone(&webhook), notices_max),
                webhook,
                ends: Arc::default(),
                tells,
                headers,
            }
        });
        let verifier = (!endpoint.auth.trusted.is_empty())
            .then(|| Verifier::new(&endpoint.auth, outbound().1));
        Self { verifier, server }
    }

    pub(super) fn webhook(&self) -> Option<&Arc<Webhook>> {
        self.server.as_ref().map(|server| &server.webhook)
    }

    fn asks(&self, kind: Kind) -> Option<&AppServer> {
        let server = self.server.as_ref();
        server.filter(|server| server.webhook.asks(kind))
    }

    /// Who somebody at the door is, and whether they may come in: the token first, then the app server,
    /// which may say otherwise who it is.
    pub(super) async fn admit(
        &self,
        asked: &Asked,
        newcomer: &Newcomer,
        now_unix_ms: u64,
    ) -> Admission {
        let mut identity = None;
        if let (Some(verifier), Some(token)) = (&self.verifier, &newcomer.token) {
            match self.prove(verifier, token, now_unix_ms).await {
                Proof::Accepted(known) => identity = Some(known),
                Proof::Rejected => return Admission::Unauthorized,
                Proof::Failed => return Admission::Failed,
            }
        }
        let Some(server) = self.asks(Kind::Connect) else {
            return Admission::Admit {
                identity,
                headers: Vec::new(),
                topics: Vec::new(),
            };
        };
        let peer = Peer::new(asked.id.as_ref(), identity.as_deref());
        let request = ConnectRequest::new(&newcomer.request, Some(newcomer.peer), &server.headers);
        match server.webhook.connect(&peer, &request).await {
            Ok(ConnectAnswer::Accepted(accepted)) => Admission::Admit {
                identity: accepted.identity.or(identity),
                headers: accepted.headers,
                topics: accepted.channels,
            },
            Ok(ConnectAnswer::Refused(refusal)) => Admission::Refuse(refusal),
            Err(_told) => Admission::Failed,
        }
    }

    /// Who somebody is, by what it has sent: the app server says if it wants to be asked, otherwise the
    /// token in it. Where nobody is set up to say, everybody is nobody in particular.
    pub(super) async fn authenticate(&self, asked: &Asked, data: &[u8], now_unix_ms: u64) -> Proof {
        if let Some(server) = self.asks(Kind::Authenticate) {
            let Some(data) = raw(data) else {
                return Proof::Rejected;
            };
            let peer = Peer::new(asked.id.as_ref(), asked.identity.as_deref());
            return match server.webhook.authenticate(&peer, data).await {
                Ok(Some(identity)) => Proof::Accepted(identity),
                Ok(None) => Proof::Rejected,
                Err(_told) => Proof::Failed,
            };
        }
        let Some(verifier) = &self.verifier else {
            return Proof::Accepted(Arc::new(Identity {
                user: None,
                claims: Value::Object(serde_json::Map::new()),
                expires_unix_ms: None,
            }));
        };
        let data: Option<Value> = serde_json::from_slice(data).ok();
        let token = data.as_ref().and_then(|data| data.pointer(TOKEN_POINTER));
        match token.and_then(Value::as_str) {
            Some(token) => self.prove(verifier, token, now_unix_ms).await,
            None => Proof::Rejected,
        }
    }

    async fn prove(&self, verifier: &Verifier, token: &str, now_unix_ms: u64) -> Proof {
        match verifier.verify(token, now_unix_ms).await {
            Ok(identity) => Proof::Accepted(Arc::new(identity)),
            Err(rejection) => {
                tracing::debug!("a token is refused: {rejection}");
                if rejection.is_our_fault() {
                    Proof::Failed
                } else {
                    Proof::Rejected
                }
            }
        }
    }

    /// Whether somebody may, and for how many milliseconds that holds.
    pub(super) async fn decide(&self, asked: &Asked, question: &Question<'_>) -> (Verdict, u64) {
        let peer = Peer::new(asked.id.as_ref(), asked.identity.as_deref());
        let answer = match question {
            Question::Subscribe { topic } => match self.asks(Kind::Subscribe) {
                Some(server) => server.webhook.subscribe(&peer, topic).await,
                None => return (Verdict::Fail, 0),
            },
            Question::Publish { topic, event, data } => match self.asks(Kind::Publish) {
                Some(server) => {
                    let data = data.as_deref().and_then(raw);
                    server.webhook.publish(&peer, topic, event, data).await
                }
                None => return (Verdict::Fail, 0),
            },
        };
        match answer {
            Ok(permission) => (verdict(permission.allow), millis(permission.cache_for)),
            Err(_told) => (Verdict::Fail, 0),
        }
    }

    /// The same for the topics that a client has asked for at once: one verdict for each, none where
    /// nobody could tell.
    pub(super) async fn decide_all(&self, asked: &Asked, topics: &[String]) -> (Vec<Verdict>, u64) {
        let Some(server) = self.asks(Kind::Subscribe) else {
            return (Vec::new(), 0);
        };
        let peer = Peer::new(asked.id.as_ref(), asked.identity.as_deref());
        match server.webhook.subscribe_all(&peer, topics).await {
            Ok(permissions) => {
                let verdicts = permissions.allow.into_iter().map(verdict);
                (verdicts.collect(), millis(permissions.cache_for))
            }
            Err(_told) => (Vec::new(), 0),
        }
    }

    /// What is to be done about a message: nothing, when nobody can tell.
    pub(super) async fn message(
        &self,
        asked: &Asked,
        event: &str,
        data: Option<&[u8]>,
    ) -> Actions<'static> {
        let Some(server) = self.asks(Kind::Message) else {
            return Actions::default();
        };
        let peer = Peer::new(asked.id.as_ref(), asked.identity.as_deref());
        let answer = server.webhook.message(&peer, event, data.and_then(raw));
        answer.await.map(deeds).unwrap_or_default()
    }

    /// Tells the app server what happened. An error: there is no room to tell the end of a connection
    /// that has just begun.
    pub(super) fn tell(&self, happening: Happening) -> Result<(), Full> {
        let Some(server) = self.server.as_ref().filter(|server| server.tells) else {
            return Ok(());
        };
        let mut ends = server.ends.lock().unwrap_or_else(PoisonError::into_inner);
        let (room, what) = match happening.what {
            Happened::Connected => {
                let room = server.notices.reserve()?;
                ends.insert(happening.conn, server.notices.reserve()?);
                (room, webhook::Happened::Connected {})
            }
            Happened::Authenticated => (
                server.notices.reserve()?,
                webhook::Happened::Authenticated {},
            ),
            Happened::Disconnected { code, reason } => {
                // Without room its beginning was not told either.
                let Some(room) = ends.remove(&happening.conn) else {
                    return Ok(());
                };
                let was_clean = code.0 != 1006;
                let what = webhook::Happened::Disconnected {
                    code,
                    reason,
                    was_clean,
                };
                (room, what)
            }
        };
        room.post(Notice {
            peer: Peer {
                connection: happening.id,
                user: happening.user,
            },
            what,
        });
        Ok(())
    }

    pub(super) async fn told(&self) {
        if let Some(server) = &self.server {
            server.notices.told().await;
        }
    }
}

fn verdict(allow: bool) -> Verdict {
    if allow { Verdict::Allow } else { Verdict::Deny }
}

/// Data that a dialect has checked against the grammar, as it was written. `None`: serde_json takes
/// less than `JSON.parse`, such as an escaped lone surrogate.
fn raw(data: &[u8]) -> Option<&RawValue> {
    serde_json::from_slice(data).ok()
}
