//! Floor 4: where sockets, state and words meet. Still to come: the server itself.

pub mod started;

use crate::config::ServerConfig;
use started::Started;

/// Serves until it is told to end; calls `announce` once, when every shard listens.
///
/// # Errors
///
/// What kept it from starting or from ending well.
pub fn serve(_config: ServerConfig, _announce: fn(&Started)) -> anyhow::Result<()> {
    anyhow::bail!("this build has no server yet")
}
