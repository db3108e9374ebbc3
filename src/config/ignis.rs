//! What is set about the dialect `ignis`.

use super::options;
use super::reader::Reader;
use super::resolve::millis;
use crate::dialect::ignis::{Encryption, IgnisConfig};

/// Reads all of it, for one endpoint or for the whole server.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<IgnisConfig> {
    let auth_timeout = reader.time(&options::IGNIS_AUTH_TIMEOUT);
    let heartbeat_interval = reader.time(&options::IGNIS_HEARTBEAT_INTERVAL);
    let heartbeat_timeout = reader.time(&options::IGNIS_HEARTBEAT_TIMEOUT);
    let default_rooms = reader.names(&options::IGNIS_DEFAULT_ROOMS);
    let encryption = reader.choice(&options::IGNIS_ENCRYPTION, &ENCRYPTIONS);
    let encryption_info = reader.text(&options::IGNIS_ENCRYPTION_INFO);
    Some(IgnisConfig {
        auth_timeout_ms: millis(auth_timeout?),
        heartbeat_interval_ms: millis(heartbeat_interval?),
        heartbeat_timeout_ms: millis(heartbeat_timeout?),
        default_rooms: default_rooms?,
        encryption: encryption?,
        encryption_info: encryption_info?,
    })
}

const ENCRYPTIONS: [(&str, Encryption); 3] = [
    ("off", Encryption::Off),
    ("on", Encryption::On),
    ("required", Encryption::Required),
];
