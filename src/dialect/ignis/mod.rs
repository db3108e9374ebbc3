//! `ignis`: the frames of @venizia/ignis' WebSocketServerHelper, for the clients that were written
//! against it.
//!
//! | from the client | |
//! |---|---|
//! | `{"event":"authenticate","data":{..}}` | who it is; nothing but this and heartbeats counts before |
//! | `{"event":"heartbeat"}` | a sign of life, never answered |
//! | `{"event":"join","data":{"rooms":["a"]}}`, `leave` | never answered, granted or not |
//! | `{"event":"<other>","data":..}` | for the application |
//!
//! | from the server | |
//! |---|---|
//! | `{"event":"connected","data":{"id":"<uuid>","userId":"u1","time":".."}}` | authenticated |
//! | `{"event":"error","data":{"message":".."}}` | as below |
//! | `{"event":"<other>","data":..}` | what was published; no `data` when it has none |
//! | `{"event":"encrypted","data":{"iv":"..","ct":".."}}` | any of these, once keys were agreed on |
//!
//! A room is a topic. The room that is named as the connection itself needs no entry of its own: the
//! engine finds its owner by the name, and the state says whether it still wants to be found.

mod frames;
mod request;
mod sealing;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::cell::RefCell;

use self::frames::Connected;
use self::request::{Offer, Request, is_room_name};
use self::sealing::{Handshake, Sealer};
use crate::base::ids::Ulid;
use crate::codec::ws::{CloseCode, OpCode, write_frame_with};
use crate::engine::actions::Actions;
use crate::engine::dialect::{
    AuthenticateOutcome, ConnView, Decision, Dialect, DialectState, Message,
};
use crate::engine::disconnect::{Cause, Disconnect};
use crate::engine::publication::Publication;
use crate::engine::rules::{Defaults, Grant};

/// Nobody joins a room unless a rule says so.
pub const DEFAULT_RULES: Defaults = &[("", Grant::Deny)];

/// What an operator may set about it. Times in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IgnisConfig {
    /// From the upgrade to `authenticate`; it may be decided for three times as long.
    pub auth_timeout_ms: u64,
    /// Between two looks at when a client was last heard; 0: nobody looks.
    pub heartbeat_interval_ms: u64,
    /// How long an authenticated client may send no message.
    pub heartbeat_timeout_ms: u64,
    /// The rooms that everybody is in from the start.
    pub default_rooms: Vec<String>,
    /// Whether what the server sends is encrypted.
    pub encryption: Encryption,
    /// What keys are derived for: clients must be built with the same text.
    pub encryption_info: String,
}

/// Whether what the server sends is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// To nobody.
    Off,
    /// To clients that send a public key.
    On,
    /// To all: others are closed.
    Required,
}

/// The dialect.
#[derive(Debug)]
pub struct Ignis {
    config: IgnisConfig,
    /// Where frames are written before they are encrypted.
    scratch: RefCell<Vec<u8>>,
}

/// The complete list of messages that clients know.
mod error {
    pub(super) const INVALID_FORMAT: &str = "Invalid message format";
    pub(super) const NOT_AUTHENTICATED: &str = "Not authenticated";
    pub(super) const ALREADY_AUTHENTICATED: &str = "Already authenticated";
    pub(super) const AUTHENTICATION_FAILED: &str = "Authentication failed";
    pub(super) const AUTHENTICATION_ERROR: &str = "Authentication error";
    pub(super) const HANDSHAKE_FAILED: &str = "Encryption handshake failed";
}

const AUTHENTICATION_TIMEOUT: Disconnect = closes(4001, "Authentication timeout");
const HEARTBEAT_TIMEOUT: Disconnect = closes(4002, "Heartbeat timeout");
const AUTHENTICATION_FAILED: Disconnect = closes(4003, "Authentication failed");
const ENCRYPTION_REQUIRED: Disconnect = closes(4004, "Encryption required");

/// While it is being found out who a client is, the time for that runs anew, and this much longer.
const AUTHENTICATING_TIMES: u64 = 3;

/// A timer that never runs out.
const NEVER_MS: u64 = u64::MAX;

const fn closes(code: u16, reason: &'static str) -> Disconnect {
    Disconnect {
        code: CloseCode(code),
        reason: Cow::Borrowed(reason),
    }
}

/// What is kept for one connection.
#[derive(Debug, Default)]
struct State {
    phase: Phase,
    /// When its last message came: data, not control frames.
    heard_ms: u64,
    /// Whether it gets what is sent to the room that is named as it is.
    is_in_own_room: bool,
    /// There from `connected` on for those whose frames are encrypted.
    sealer: Option<Box<Sealer>>,
}

#[derive(Debug, Default)]
enum Phase {
    #[default]
    Unauthorized,
    Authenticating(Offer),
    Authenticated,
}

impl State {
    fn of(state: &mut DialectState) -> &mut Self {
        let state = state.get_or_insert_with(|| Box::new(Self::default()));
        state.downcast_mut().expect("no other dialect writes it")
    }

    fn is_authenticated(state: &DialectState) -> bool {
        let state = state
            .as_ref()
            .and_then(|state| state.downcast_ref::<Self>());
        matches!(
            state,
            Some(Self {
                phase: Phase::Authenticated,
                ..
            })
        )
    }
}

impl Dialect for Ignis {
    fn name(&self) -> &'static str {
        "ignis"
    }

    fn needs_identity(&self) -> bool {
        true
    }

    fn on_open(&self, conn: &mut ConnView<'_>, actions: &mut Actions<'_>) {
        State::of(conn.state).heard_ms = conn.now.monotonic_ms;
        actions.set_timer(self.config.auth_timeout_ms);
    }

    fn on_message<'m>(
        &self,
        conn: &mut ConnView<'_>,
        message: Message<'m>,
        actions: &mut Actions<'m>,
    ) {
        let state = State::of(conn.state);
        state.heard_ms = conn.now.monotonic_ms;
        match Request::parse(message) {
            Err(_) => self.reply_error(state, actions, error::INVALID_FORMAT),
            Ok(None) => actions.ignore(),
            Ok(Some(Request::Heartbeat)) => {}
            Ok(Some(Request::Authenticate { data, offer })) => {
                if matches!(state.phase, Phase::Unauthorized) {
                    state.phase = Phase::Authenticating(offer);
                    let limit_ms = self.config.auth_timeout_ms;
                    actions.set_timer(limit_ms.saturating_mul(AUTHENTICATING_TIMES));
                    actions.authenticate_meanwhile(Cow::Borrowed(data));
                } else {
                    self.reply_error(state, actions, error::ALREADY_AUTHENTICATED);
                }
            }
            Ok(Some(_)) if !matches!(state.phase, Phase::Authenticated) => {
                self.reply_error(state, actions, error::NOT_AUTHENTICATED);
            }
            Ok(Some(Request::Join(rooms))) => {
                let own_id = conn.id.uuid_text();
                for room in rooms.filter(|room| is_room_name(room)) {
                    if room.as_bytes() == own_id {
                        state.is_in_own_room = true;
                    } else {
                        actions.subscribe(room);
                    }
                }
            }
            Ok(Some(Request::Leave(rooms))) => {
                let own_id = conn.id.uuid_text();
                for room in rooms {
                    if room.as_bytes() == own_id {
                        state.is_in_own_room = false;
                    }
                    // Its own as well: the application may have put it there.
                    actions.unsubscribe(room);
                }
            }
            Ok(Some(Request::Other { event, data })) => match event {
                Some(event) => actions.handle(event, data.map(Cow::Borrowed)),
                None => actions.ignore(),
            },
        }
    }

    /// Joins are not answered, so only what credentials have come to matters.
    fn on_decision(
        &self,
        conn: &mut ConnView<'_>,
        decision: &Decision<'_>,
        actions: &mut Actions<'_>,
    ) {
        let Decision::Authenticate(outcome) = decision else {
            return;
        };
        let state = State::of(conn.state);
        let Phase::Authenticating(offer) = &mut state.phase else {
            return;
        };
        let message = match outcome {
            AuthenticateOutcome::Accepted => {
                let offer = std::mem::take(offer);
                self.finish_authentication(conn, &offer, actions);
                return;
            }
            AuthenticateOutcome::Rejected => error::AUTHENTICATION_FAILED,
            AuthenticateOutcome::Failed => error::AUTHENTICATION_ERROR,
        };
        self.reply_error(state, actions, message);
        actions.close(AUTHENTICATION_FAILED);
    }

    fn on_identity_end(&self, conn: &mut ConnView<'_>, _reason: &str, actions: &mut Actions<'_>) {
        let state = State::of(conn.state);
        self.reply_error(state, actions, error::AUTHENTICATION_FAILED);
        actions.close(AUTHENTICATION_FAILED);
    }

    /// The time to authenticate is over, or it is time to see whether a client has been silent for
    /// too long. That is looked for at intervals, as the clients know it: the silence may last up to
    /// one interval longer than it should.
    fn on_timer(&self, conn: &mut ConnView<'_>, actions: &mut Actions<'_>) {
        let state = State::of(conn.state);
        let silent_ms = conn.now.monotonic_ms.saturating_sub(state.heard_ms);
        if !matches!(state.phase, Phase::Authenticated) {
            actions.close(AUTHENTICATION_TIMEOUT);
        } else if silent_ms > self.config.heartbeat_timeout_ms {
            actions.close(HEARTBEAT_TIMEOUT);
        } else {
            self.set_heartbeat_timer(actions);
        }
    }

    fn encode(&self, publication: &Publication<'_>, out: &mut Vec<u8>) {
        let data_len = publication.data.map_or(0, <[u8]>::len);
        // The constant parts take 20 bytes; escapes may add to the name.
        let hint = publication.event.len() + data_len + 24;
        write_frame_with(out, OpCode::Text, hint, |out| {
            frames::write_event(out, publication.event, publication.data);
        });
    }

    fn encodes_for_each(&self) -> bool {
        self.config.encryption != Encryption::Off
    }

    fn encode_for(
        &self,
        state: &mut DialectState,
        publication: &Publication<'_>,
        out: &mut Vec<u8>,
    ) -> bool {
        let Some(sealer) = &mut State::of(state).sealer else {
            return false;
        };
        self.write_sealed(sealer, out, |plain| {
            frames::write_event(plain, publication.event, publication.data);
        });
        true
    }

    fn hears_everyone(&self, state: &DialectState) -> bool {
        State::is_authenticated(state)
    }

    fn is_in_own_room(&self, state: &DialectState) -> bool {
        let state = state
            .as_ref()
            .and_then(|state| state.downcast_ref::<State>());
        state.is_some_and(|state| state.is_in_own_room)
    }

    fn id_text(&self, id: Ulid) -> String {
        String::from_utf8_lossy(&id.uuid_text()).into_owned()
    }

    /// Its clients know no refused upgrade, but they know how being rejected looks.
    fn turns_away_by_close(&self) -> bool {
        true
    }

    fn disconnect(&self, cause: Cause) -> Option<Disconnect> {
        match cause {
            Cause::MessageTooBig => Some(Disconnect {
                code: CloseCode::MESSAGE_TOO_BIG,
                reason: Cow::Borrowed("Received too big message"),
            }),
            Cause::Shutdown => Some(Disconnect {
                code: CloseCode::GOING_AWAY,
                reason: Cow::Borrowed("Server shutting down"),
            }),
            Cause::Unauthorized => Some(AUTHENTICATION_FAILED),
            // Whoever answers no ping is cut without a word, and sees 1006.
            Cause::Idle => None,
            other => other.disconnect(),
        }
    }
}

impl Ignis {
    /// A dialect set up in this way.
    #[must_use]
    pub fn new(config: IgnisConfig) -> Self {
        Self {
            config,
            scratch: RefCell::default(),
        }
    }

    /// It is known who the client is: agrees on keys if it wants or has to, and lets it in.
    fn finish_authentication(
        &self,
        conn: &mut ConnView<'_>,
        offer: &Offer,
        actions: &mut Actions<'_>,
    ) {
        let state = State::of(conn.state);
        let handshake = match (self.config.encryption, offer) {
            (Encryption::Off, _) | (Encryption::On, Offer::Nothing) => Ok(None),
            (Encryption::Required, Offer::Nothing) | (_, Offer::Invalid) => Err(()),
            (_, Offer::Key(key)) => Handshake::with(key, &self.config.encryption_info)
                .map(Some)
                .map_err(drop),
        };
        let Ok(handshake) = handshake else {
            self.reply_error(state, actions, error::HANDSHAKE_FAILED);
            actions.close(ENCRYPTION_REQUIRED);
            return;
        };
        state.phase = Phase::Authenticated;
        state.is_in_own_room = true;
        for room in &self.config.default_rooms {
            actions.join(Cow::Owned(room.clone()));
        }
        let connected = Connected {
            id: conn.id,
            user: conn.identity.and_then(|identity| identity.user.as_deref()),
            unix_ms: conn.now.unix_ms,
            handshake: handshake.as_ref(),
        };
        // In the clear: it carries what its reader needs for everything after it.
        actions.reply(|out| {
            write_frame_with(out, OpCode::Text, 384, |out| connected.write(out));
        });
        state.sealer = handshake.map(|handshake| Box::new(handshake.sealer));
        self.set_heartbeat_timer(actions);
    }

    /// Instead of the timer before, which limited the authentication.
    fn set_heartbeat_timer(&self, actions: &mut Actions<'_>) {
        actions.set_timer(match self.config.heartbeat_interval_ms {
            0 => NEVER_MS,
            interval_ms => interval_ms,
        });
    }

    fn reply_error(&self, state: &mut State, actions: &mut Actions<'_>, message: &str) {
        actions.reply(|out| match &mut state.sealer {
            Some(sealer) => {
                self.write_sealed(sealer, out, |out| frames::write_error(out, message));
            }
            None => write_frame_with(out, OpCode::Text, message.len() + 48, |out| {
                frames::write_error(out, message);
            }),
        });
    }

    fn write_sealed(
        &self,
        sealer: &mut Sealer,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let mut plain = self.scratch.borrow_mut();
        plain.clear();
        write(&mut plain);
        sealer.write_frame(&mut plain, out);
        plain.shrink_to(SCRATCH_CAPACITY_BYTES);
    }
}

/// Capacity that the scratch buffer keeps after an unusually large frame.
const SCRATCH_CAPACITY_BYTES: usize = 64 * 1024;
