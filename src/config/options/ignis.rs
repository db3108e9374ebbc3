//! Endpoints that speak ignis.

use std::time::Duration;

use super::times::{LONGEST, SHORTEST};
use crate::config::option::{Group, Kind, OptionRecord};

/// From the upgrade to `authenticate`.
pub static IGNIS_AUTH_TIMEOUT: OptionRecord = OptionRecord {
    name: "ignis-auth-timeout",
    value_name: "TIME",
    default: "5s",
    kind: Kind::Time {
        min: SHORTEST,
        // While it is decided, a client has three times as long.
        max: Duration::from_secs(60 * 60),
        zero: false,
    },
    group: Group::Ignis,
    repeatable: false,
    live: true,
    summary: "How long a client may take to send authenticate",
    details: "Then it is closed with 4001. Once it has sent that, the time begins anew and is three times as \
        long.",
};

/// Between two looks at when clients were last heard.
pub static IGNIS_HEARTBEAT_INTERVAL: OptionRecord = OptionRecord {
    name: "ignis-heartbeat-interval",
    value_name: "TIME",
    default: "30s",
    kind: Kind::Time {
        min: SHORTEST,
        max: LONGEST,
        zero: true,
    },
    group: Group::Ignis,
    repeatable: false,
    live: true,
    summary: "How often it is looked whether a client still sends; 0 = never",
    details: "A client that was silent for longer than --ignis-heartbeat-timeout when it is looked for is \
        closed with 4002, so it may be silent for the sum of both.",
};

/// Without a message from an authenticated client.
pub static IGNIS_HEARTBEAT_TIMEOUT: OptionRecord = OptionRecord {
    name: "ignis-heartbeat-timeout",
    value_name: "TIME",
    default: "90s",
    kind: Kind::Time {
        min: SHORTEST,
        max: LONGEST,
        zero: false,
    },
    group: Group::Ignis,
    repeatable: false,
    live: true,
    summary: "How long an authenticated client may send no message",
    details: "Messages of the application and heartbeats of the client count, answers to pings do not: those \
        come from the browser, whether its page still works or not.",
};

/// Where everybody is.
pub static IGNIS_DEFAULT_ROOMS: OptionRecord = OptionRecord {
    name: "ignis-default-rooms",
    value_name: "ROOMS",
    default: "ws-default,ws-notification",
    kind: Kind::Names,
    group: Group::Ignis,
    repeatable: false,
    live: true,
    summary: "The rooms that every client is put into, separated by commas",
    details: "No rule is asked about them, and a client may leave them. They count for --max-subscriptions. \
        An empty text means none.",
};

/// Whether what clients are sent is encrypted.
pub static IGNIS_ENCRYPTION: OptionRecord = OptionRecord {
    name: "ignis-encryption",
    value_name: "WHEN",
    default: "off",
    kind: Kind::Choice(&["off", "on", "required"]),
    group: Group::Ignis,
    repeatable: false,
    live: false,
    summary: "Whether what clients are sent is encrypted for each of them",
    details: "With on, whoever sends a publicKey with authenticate gets everything behind connected \
        encrypted (ECDH P-256, HKDF-SHA-256, AES-256-GCM); with required, others are closed with 4004. What \
        clients send is not encrypted by this: TLS does that in both directions, and is cheaper by far, since \
        here each message is encrypted for each subscriber.",
};

/// What keys are derived for.
pub static IGNIS_ENCRYPTION_INFO: OptionRecord = OptionRecord {
    name: "ignis-encryption-info",
    value_name: "TEXT",
    default: "ignis-ecdh-p256-aes-256-gcm-v1",
    kind: Kind::Text,
    group: Group::Ignis,
    repeatable: false,
    live: true,
    summary: "The info text of the key derivation, the same as in the clients",
    details: "A change reaches clients that connect after it: others have their keys.",
};
