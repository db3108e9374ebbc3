//! Deadlines.

use std::time::Duration;

use crate::base::wheel::TICK_MS;
use crate::config::option::{Group, Kind, OptionRecord};

/// A shard looks at its deadlines once a tick, so a shorter time would not be kept.
pub(super) const SHORTEST: Duration = Duration::from_millis(TICK_MS);

/// No deadline of a connection is meant to be longer; a longer one is a slip of the unit.
pub(super) const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Between two heartbeats.
pub static PING_INTERVAL: OptionRecord = OptionRecord {
    name: "ping-interval",
    value_name: "TIME",
    default: "30s",
    kind: Kind::Time {
        min: SHORTEST,
        max: LONGEST,
        zero: true,
    },
    group: Group::Times,
    repeatable: false,
    live: true,
    summary: "How often the server pings each connection; 0 = never",
    details: "Pings keep proxies from cutting quiet connections and make a dead client notice. Keep it \
        below the idle limit of every proxy on the way, often 60s.",
};

/// Without a sign of life.
pub static IDLE_TIMEOUT: OptionRecord = OptionRecord {
    name: "idle-timeout",
    value_name: "TIME",
    default: "90s",
    kind: Kind::Time {
        min: SHORTEST,
        max: LONGEST,
        zero: true,
    },
    group: Group::Times,
    repeatable: false,
    live: true,
    summary: "Close a connection that sent nothing for so long; 0 = never",
    details: "Answers to pings count as signs of life, so this must be longer than --ping-interval. Three \
        times the interval forgives a client two lost answers.",
};

/// Between two sends.
pub static FLUSH_INTERVAL: OptionRecord = OptionRecord {
    name: "flush-interval",
    value_name: "TIME",
    default: "0",
    kind: Kind::Time {
        min: Duration::from_millis(1),
        max: Duration::from_secs(10),
        zero: true,
    },
    group: Group::Times,
    repeatable: false,
    live: true,
    summary: "Shortest time between two sends to a connection; 0 = send at once",
    details: "What comes meanwhile goes out together, in one send, which costs a fraction of the processor time \
        and of the packets; after a pause a message is sent at once. A busy server gathers messages anyway, \
        so this is for many small messages on a server that is not, and for clients on batteries.",
};

/// Until the request head is complete.
pub static HANDSHAKE_TIMEOUT: OptionRecord = OptionRecord {
    name: "handshake-timeout",
    value_name: "TIME",
    default: "5s",
    kind: Kind::Time {
        min: SHORTEST,
        max: LONGEST,
        zero: false,
    },
    group: Group::Times,
    repeatable: false,
    live: true,
    summary: "How long a new connection may take to send its request",
    details: "Counted from the first byte, or a second after it has connected, to the end of the request head, \
        whatever trickles in meanwhile; then it is answered 408 and closed. It cannot be turned off: \
        connections that never ask for anything would collect.",
};

/// How long the end may take.
pub static DRAIN_TIMEOUT: OptionRecord = OptionRecord {
    name: "drain-timeout",
    value_name: "TIME",
    default: "10s",
    kind: Kind::Time {
        min: SHORTEST,
        max: LONGEST,
        zero: true,
    },
    group: Group::Times,
    repeatable: false,
    live: true,
    summary: "How long the server may take to end after SIGTERM or SIGINT",
    details: "It stops accepting, sends what it has accepted and closes its connections with 1001, \
        spread over this time so that they do not all reconnect at once. 0 closes all at once; a second \
        signal ends the process on the spot. Keep it below the grace period of whatever stops the server.",
};
