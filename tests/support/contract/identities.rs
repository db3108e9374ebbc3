//! For whom clients speak: from what they show, through what they are told of it, to its end.
//!
//! What is sent to a user is for those who know from what they have read that they speak for it. When an
//! identity ends, and its client did not ask for that, the client is told by a close or by a notice; nothing
//! that needs the identity comes behind either. Until the notice comes, it is what was sent *after* the
//! end that must not come: after the instant at which the client's shard has looked at the time, or has
//! heard of the revocation. How long after the end that may be is for whoever drives the shards to say.

use std::collections::BTreeSet;

use super::seat::{Asked, Seat, Wish};
use super::{Channel, Checked, Checker, Dialect, Reply, Request, broken};

/// What is known about whom a client speaks for.
#[derive(Debug, Default)]
pub(crate) struct Speaker {
    /// Whom it has shown a token of before anything else.
    shown: Option<usize>,
    /// The user, from what it has read.
    pub(super) user: Option<usize>,
    /// Whether somebody is known once all that it has asked will have taken effect.
    pub(super) will_be_known: bool,
    /// Whether nothing has happened since that may change it.
    pub(super) is_sure: bool,
    /// The reasons for which it may have ended, of which it has not been told.
    reasons: Vec<String>,
    /// It has ended, and its client has not been told.
    pub(super) over: Option<Over>,
}

/// The end of an identity, in what had been sent by then.
#[derive(Debug)]
pub(super) struct Over {
    pub(super) sends: usize,
    /// By channel.
    pub(super) places: Vec<usize>,
}

/// The reason that is told of an identity whose time is over.
pub(crate) const EXPIRED: &str = "token_expired";

/// The name of a user.
pub(crate) fn user_name(user: usize) -> String {
    format!("u{user}")
}

impl Dialect {
    /// Whether the end of an identity ends the connection.
    pub(super) fn closes_without_identity(self) -> bool {
        self != Self::SharedWebsocket
    }
}

impl Checker {
    /// A client shows a good token with its request, or before anything else.
    pub(crate) fn show(&mut self, client: usize, user: usize) {
        let speaker = &mut self.seats[client].speaker;
        speaker.shown = Some(user);
        speaker.will_be_known = true;
    }

    /// A client is let in, and told for whom it speaks if its dialect says that.
    pub(super) fn is_let_in(&mut self, client: usize, told: Option<&str>) -> Checked {
        let seat = &mut self.seats[client];
        let speaker = &mut seat.speaker;
        let shown = speaker.shown.map(user_name);
        if seat.dialect == Dialect::Ignis && told != shown.as_deref() {
            let what = format!("client {client} has shown {shown:?} and speaks for {told:?}");
            return broken("identity", what);
        }
        speaker.user = speaker.shown;
        speaker.is_sure = speaker.reasons.is_empty();
        Ok(())
    }

    /// A client logs in while it is connected; without a user its token is wrong.
    pub(crate) fn log_in(&mut self, client: usize, user: Option<usize>) {
        let reply = user.map_or(Reply::TokenRejected, |_| Reply::LoggedIn);
        self.change_identity(client, Asked::new(Wish::LogIn(user), Some(reply)));
    }

    /// A client gives up its identity.
    pub(crate) fn log_out(&mut self, client: usize) {
        self.change_identity(client, Asked::new(Wish::LogOut, None));
    }

    fn change_identity(&mut self, client: usize, asked: Asked) {
        self.excuse_sends(client);
        let channels = &self.channels;
        let seat = &mut self.seats[client];
        seat.speaker.is_sure = false;
        seat.pending.push_back(asked);
        seat.foresee(channels);
        for (channel, membership) in &mut seat.members {
            membership.is_ending |= channels[*channel].needs_login;
        }
    }

    /// The identity of a client may end from now on, and for this reason.
    pub(crate) fn may_end(&mut self, client: usize, reason: &str) {
        self.excuse_sends(client);
        let channels = &self.channels;
        let seat = &mut self.seats[client];
        let closes = seat.dialect.closes_without_identity();
        seat.speaker.is_sure = false;
        for (channel, membership) in &mut seat.members {
            membership.is_ending |= closes || channels[*channel].needs_login;
        }
        let reasons = &mut seat.speaker.reasons;
        if reason == EXPIRED || reasons.iter().all(|known| known != reason) {
            reasons.push(reason.to_owned());
        }
    }

    /// The same for everybody who speaks, or may speak, for a user.
    pub(crate) fn may_end_for(&mut self, user: usize, reason: &str) {
        for client in 0..self.seats.len() {
            let seat = &self.seats[client];
            let user = Some(user);
            let mut pending = seat.pending.iter();
            let is_concerned = seat.speaker.user == user
                || (seat.id.is_none() && seat.speaker.shown == user)
                || pending.any(|asked| asked.wish == Wish::LogIn(user));
            if is_concerned {
                self.may_end(client, reason);
            }
        }
    }

    /// The identity that a client knows to have has ended, unless it has asked for another since.
    pub(crate) fn has_ended(&mut self, client: usize) {
        let seat = &mut self.seats[client];
        let is_changing = seat.pending.iter().any(Asked::is_of_identity);
        if seat.speaker.user.is_some() && !is_changing && seat.speaker.over.is_none() {
            seat.speaker.over = Some(Over {
                sends: self.sends.len(),
                places: self.sent.clone(),
            });
        }
    }

    /// The same for everybody on a shard who speaks for a user.
    pub(crate) fn has_ended_for(&mut self, user: usize, shard: usize) {
        for client in 0..self.seats.len() {
            let seat = &self.seats[client];
            if seat.shard == Some(shard) && seat.speaker.user == Some(user) {
                self.has_ended(client);
            }
        }
    }

    /// A client is told that its identity has ended.
    pub(super) fn notice(&mut self, client: usize, reason: &str) -> Checked {
        let seat = &mut self.seats[client];
        let mut reasons = seat.speaker.reasons.iter();
        let Some(known) = reasons.position(|known| known == reason) else {
            let what = format!("client {client} is told {reason}, for nothing");
            return broken("identity", what);
        };
        seat.speaker.reasons.swap_remove(known);
        self.notices += 1;
        seat.lose_identity(&self.channels);
        Ok(())
    }

    /// Whether something has happened that may have ended the identity of a client, of which it has
    /// not been told.
    pub(crate) fn may_have_ended(&self, client: usize) -> bool {
        self.seats[client].speaker.may_have_ended()
    }

    /// A client is told, or shown by a close, that it must go: whether its identity may have ended.
    pub(crate) fn may_close(&self, client: usize) -> Checked {
        let seat = &self.seats[client];
        if seat.speaker.may_have_ended() && seat.dialect.closes_without_identity() {
            return Ok(());
        }
        let what = format!("client {client} has to go, but its identity has not ended");
        broken("identity", what)
    }

    /// Whether a client that stays knows of the end of its identity.
    pub(crate) fn is_told(&self, client: usize) -> Checked {
        if self.seats[client].speaker.over.is_none() {
            return Ok(());
        }
        let what = format!("client {client} was never told that its identity has ended");
        broken("identity", what)
    }
}

impl Speaker {
    pub(super) fn may_have_ended(&self) -> bool {
        !self.reasons.is_empty()
    }
}

impl Seat {
    /// It is known now for whom it speaks: as it asked.
    pub(super) fn become_known(&mut self, user: Option<usize>, channels: &[Channel]) {
        let before = std::mem::replace(&mut self.speaker.user, user);
        match (before, user) {
            (_, None) => self.leave(|of| channels[of].needs_login),
            // What others than the rules have decided was about the one before.
            (Some(before), Some(user)) if before != user => {
                self.leave(|of| channels[of].needs_login && channels[of].may_wait);
            }
            _ => {}
        }
        self.speaker.over = None;
        let is_changing = self.pending.iter().any(Asked::is_of_identity);
        self.speaker.is_sure = !is_changing && self.speaker.reasons.is_empty();
        let kept: Vec<usize> = self.members.keys().copied().collect();
        for channel in kept {
            let is_ending = self.may_end(channel, channels);
            if let Some(membership) = self.members.get_mut(&channel) {
                membership.is_ending = is_ending;
            }
        }
    }

    /// Its identity has ended, and it did not ask for that: what it asked meanwhile was or will be asked
    /// by nobody in particular, up to its next login.
    fn lose_identity(&mut self, channels: &[Channel]) {
        self.speaker.user = None;
        self.speaker.is_sure = false;
        self.speaker.over = None;
        self.leave(|of| channels[of].needs_login);
        for asked in self.pending_before_login() {
            if let Wish::On(channel, Request::Subscribe) = asked.wish {
                if channels[channel].needs_login {
                    asked.may_be_refused |= asked.reply.is_none();
                    asked.is_granted = false;
                } else if asked.reply == Some(Reply::Unauthorized) {
                    asked.reply = Some(Reply::LoginRequired);
                }
            }
        }
        self.foresee(channels);
    }

    /// A refusal that may have been another's has come: the same subscribe, asked again before it was known
    /// that the identity has ended, may have been the one that was refused.
    pub(super) fn doubt_refusals(&mut self, channel: Option<usize>) {
        for asked in self.pending_before_login() {
            let is_same = asked.channel() == channel && asked.reply == Some(Reply::LoginRequired);
            if is_same {
                asked.reply = None;
                asked.may_be_refused = true;
            }
        }
    }

    fn pending_before_login(&mut self) -> impl Iterator<Item = &mut Asked> {
        let is_login = |asked: &&mut Asked| matches!(asked.wish, Wish::LogIn(_));
        self.pending
            .iter_mut()
            .take_while(move |asked| !is_login(asked))
    }

    /// Works out anew what will be, from what is known and what is asked.
    fn foresee(&mut self, channels: &[Channel]) {
        let mut user = self.speaker.user;
        let mut have: BTreeSet<usize> = self.members.keys().copied().collect();
        for asked in &self.pending {
            match asked.wish {
                Wish::On(channel, Request::Subscribe) if asked.is_granted => {
                    have.insert(channel);
                }
                Wish::On(channel, Request::Unsubscribe) => {
                    have.remove(&channel);
                }
                Wish::LogIn(next) => {
                    let is_refresh = next.is_some() && (user.is_none() || user == next);
                    have.retain(|of| {
                        let rules = &channels[*of];
                        is_refresh || !rules.needs_login || (next.is_some() && !rules.may_wait)
                    });
                    user = next;
                }
                Wish::LogOut => {
                    have.retain(|of| !channels[*of].needs_login);
                    user = None;
                }
                Wish::On(..) | Wish::Fence => {}
            }
        }
        self.will_have = have;
        self.speaker.will_be_known = user.is_some();
    }
}
