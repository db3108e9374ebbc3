//! What one client address may have.

use crate::config::option::{Group, Kind, OptionRecord};

/// Connections of one address.
pub static MAX_CONNECTIONS_PER_ADDRESS: OptionRecord = OptionRecord {
    name: "max-connections-per-address",
    value_name: "COUNT",
    default: "0",
    kind: Kind::Count {
        min: 0,
        max: 16 * 1024 * 1024,
        auto: false,
    },
    group: Group::Addresses,
    repeatable: false,
    live: false,
    summary: "Most connections of one address at a time; 0 = any number",
    details: "Further ones are refused with 429. An IPv6 address counts as its network of 64 bits. Many \
        people may share an address behind a company's or a mobile network's router, so leave them \
        room; clients behind a proxy of yours all have its address unless --trusted-proxy names it.",
};

/// Handshakes of one address.
pub static MAX_HANDSHAKE_RATE: OptionRecord = OptionRecord {
    name: "max-handshake-rate",
    value_name: "COUNT",
    default: "0",
    kind: Kind::Count {
        min: 0,
        max: 1_000_000,
        auto: false,
    },
    group: Group::Addresses,
    repeatable: false,
    live: false,
    summary: "Most new connections of one address in a second; 0 = any number",
    details: "On average, after one second's worth at once; further ones are refused with 429. It keeps a \
        client that reconnects in a loop from costing a handshake each time.",
};

/// Proxies whose word is taken.
pub static TRUSTED_PROXY: OptionRecord = OptionRecord {
    name: "trusted-proxy",
    value_name: "NETWORK",
    default: "",
    kind: Kind::Network,
    group: Group::Addresses,
    repeatable: true,
    live: false,
    summary: "Address or network of a proxy in front; may be repeated",
    details: "What such a proxy says in --client-address-header is taken for the client's address: the last \
        entry that is not a trusted proxy's own. From anybody else that header means nothing. Write \
        10.0.0.7, 10.0.0.0/8 or ::1.",
};

/// Where proxies name their client.
pub static CLIENT_ADDRESS_HEADER: OptionRecord = OptionRecord {
    name: "client-address-header",
    value_name: "NAME",
    default: "X-Forwarded-For",
    kind: Kind::HeaderName,
    group: Group::Addresses,
    repeatable: false,
    live: false,
    summary: "Header in which a trusted proxy names its client",
    details: "A list of addresses to which each proxy appends the one it sees, or a single address such as \
        X-Real-IP has it.",
};

/// Whether this machine's own addresses count.
pub static LIMIT_LOOPBACK: OptionRecord = OptionRecord {
    name: "limit-loopback",
    value_name: "",
    default: "false",
    kind: Kind::Switch,
    group: Group::Addresses,
    repeatable: false,
    live: false,
    summary: "Hold clients on this machine to address limits and rates, too",
    details: "Without it loopback addresses are exempt from the limits for each address and from \
        --max-message-rate and --max-byte-rate: what connects from there is an app server, a load test or a \
        proxy.",
};
