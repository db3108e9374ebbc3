//! An endpoint: a path bound to a dialect, with its topic space, its rules and its limits.

use super::decider::Decider;
use super::deflate::DeflateConfig;
use super::dialect::Dialect;
use super::door::Door;
use super::origin::OriginPattern;
use super::publication::AppId;
use crate::base::limits::ConnLimits;

/// What a connection belongs to from its upgrade on; it holds the endpoint's index.
pub struct Endpoint {
    /// The request path, compared exactly.
    pub path: String,
    /// The topic space.
    pub app: AppId,
    /// The protocol.
    pub dialect: Box<dyn Dialect>,
    /// The pages that may connect; empty: all.
    pub origins: Vec<OriginPattern>,
    /// Who may come in.
    pub door: Door,
    /// Who may do what.
    pub decider: Box<dyn Decider>,
    /// The bounds of its connections.
    pub limits: ConnLimits,
    /// How its messages are compressed.
    pub deflate: DeflateConfig,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint")
            .field("path", &self.path)
            .field("app", &self.app)
            .field("dialect", &self.dialect.name())
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
