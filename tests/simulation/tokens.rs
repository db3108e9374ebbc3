//! Tokens, which say whose they are and how long that holds, and the identities that they prove.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;
use shardcast::engine::identity::Identity;

use crate::contract::user_name;
use crate::planted::Bug;
use crate::world::World;

/// Milliseconds for which an identity holds, at most, if it does not hold for ever.
const LIFE_MS_MAX: u32 = 8_000;

/// A good token. Its time begins when it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) user: usize,
    /// 0: for ever.
    pub(crate) life_ms: u64,
}

/// What credentials come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    Good(Token),
    /// To be nobody in particular.
    Anonymous,
    Wrong,
}

/// What no good token says.
pub(crate) const WRONG: &str = "wrong";

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.user, self.life_ms)
    }
}

impl Claim {
    /// What the text of a token, or its absence, says.
    pub(crate) fn read(token: Option<&str>) -> Self {
        let Some(token) = token else {
            return Self::Anonymous;
        };
        let parts = token.split_once('.').and_then(|(user, life_ms)| {
            let (user, life_ms) = (user.parse().ok()?, life_ms.parse().ok()?);
            Some(Token { user, life_ms })
        });
        parts.map_or(Self::Wrong, Self::Good)
    }
}

impl World {
    /// A token of some user, or none.
    pub(crate) fn random_token(&mut self) -> Option<Token> {
        let is_anonymous = self.random.below(2) == 0;
        (!is_anonymous).then(|| self.some_token())
    }

    pub(crate) fn some_token(&mut self) -> Token {
        let life_ms = match self.random.below(4) {
            0 => 1 + u64::from(self.random.below(LIFE_MS_MAX)),
            _ => 0,
        };
        Token {
            user: self.random.below(self.plan.users) as usize,
            life_ms,
        }
    }

    /// The identity that a claim proves, from now on; `None`: none.
    pub(crate) fn prove(&mut self, client: Option<usize>, claim: Claim) -> Option<Arc<Identity>> {
        let token = match claim {
            Claim::Good(token) => Some(token),
            Claim::Anonymous => None,
            Claim::Wrong => {
                self.forget_life(client);
                return None;
            }
        };
        self.forget_life(client);
        let life_ms = token.map_or(0, |token| token.life_ms);
        let ends = |now_ms: u64| (life_ms > 0).then(|| now_ms + life_ms);
        if let (Some(client), Some(end_ms)) = (client, ends(self.now.monotonic_ms)) {
            self.lives.insert(client, end_ms);
        }
        let is_ignored = life_ms > 0
            && self
                .planted
                .strikes(Bug::IgnoredExpiry, &mut self.random, 1);
        let expires_unix_ms = ends(self.now.unix_ms).filter(|_| !is_ignored);
        Some(Arc::new(Identity {
            user: token.map(|token| user_name(token.user).into()),
            claims: Value::Null,
            expires_unix_ms,
        }))
    }

    fn forget_life(&mut self, client: Option<usize>) {
        if let Some(client) = client {
            self.lives.remove(&client);
            self.expiring.remove(&client);
        }
    }
}
