//! What one peer may cost.

use crate::config::option::{Group, Kind, OptionRecord};

/// The largest message.
pub static MAX_MESSAGE_BYTES: OptionRecord = OptionRecord {
    name: "max-message-bytes",
    value_name: "SIZE",
    default: "64KiB",
    kind: Kind::Size {
        min: 1,
        // A mailbox holds payloads by the thousand; beyond this a file transfer is wanted.
        max: 256 * 1024 * 1024,
    },
    group: Group::Limits,
    repeatable: false,
    live: true,
    summary: "Largest message a client may send",
    details: "Counted in bytes of payload after reassembly. A larger message closes its connection with \
        1009. Memory for a message is taken as it arrives, never as it is announced.",
};

/// How much may wait for one peer.
pub static BACKPRESSURE_LIMIT_BYTES: OptionRecord = OptionRecord {
    name: "backpressure-limit-bytes",
    value_name: "SIZE",
    default: "1MiB",
    kind: Kind::Size {
        min: 1024,
        max: 1024 * 1024 * 1024,
    },
    group: Group::Limits,
    repeatable: false,
    live: true,
    summary: "How much may wait for one connection that does not read",
    details: "What the kernel does not take waits in the server, and this is the most that one slow \
        client can make it hold; --backpressure-policy says what happens beyond. It must hold at least \
        one message of --max-message-bytes with its framing.",
};

/// What happens to a slow peer.
pub static BACKPRESSURE_POLICY: OptionRecord = OptionRecord {
    name: "backpressure-policy",
    value_name: "POLICY",
    default: "close",
    kind: Kind::Choice(&["close", "drop-newest", "drop-oldest"]),
    group: Group::Limits,
    repeatable: false,
    live: true,
    summary: "Past that limit: close, drop-newest or drop-oldest",
    details: "close ends the connection with 1013, so that the client reconnects and knows that it \
        missed something. drop-newest and drop-oldest keep it and drop whole messages, silently for \
        the client and counted by the server; replies are never dropped.",
};

/// How much the kernel may keep for one peer.
pub static SEND_BUFFER_BYTES: OptionRecord = OptionRecord {
    name: "send-buffer-bytes",
    value_name: "SIZE",
    default: "0",
    kind: Kind::Size {
        min: 0,
        max: 1024 * 1024 * 1024,
    },
    group: Group::Limits,
    repeatable: false,
    live: false,
    summary: "How much the kernel may keep unsent for one connection; 0 = as it sees fit",
    details: "What waits for a client that does not read lies in the kernel first (up to some MiB, by \
        net.ipv4.tcp_wmem), then in the server, which bounds only its own part. This bounds the kernel's: it \
        sets SO_SNDBUF, which Linux doubles for its bookkeeping and caps at net.core.wmem_max. Too small a \
        value slows down clients that are far away.",
};

/// How many connections.
pub static MAX_CONNECTIONS: OptionRecord = OptionRecord {
    name: "max-connections",
    value_name: "COUNT",
    default: "auto",
    kind: Kind::Count {
        min: 1,
        max: 16 * 1024 * 1024,
        auto: true,
    },
    group: Group::Limits,
    repeatable: false,
    live: false,
    summary: "Most connections at a time, over all shards",
    details: "auto: 90 % of the descriptors this process may open, decided at start after the limit \
        has been raised as far as the system allows (see ulimit -Hn). Connections beyond are refused.",
};

/// How many topics one connection may listen to.
pub static MAX_SUBSCRIPTIONS: OptionRecord = OptionRecord {
    name: "max-subscriptions",
    value_name: "COUNT",
    default: "128",
    kind: Kind::Count {
        min: 1,
        max: 1_000_000,
        auto: false,
    },
    group: Group::Limits,
    repeatable: false,
    live: true,
    summary: "Most channels one connection may be subscribed to",
    details: "Each one costs memory for as long as it lasts, so this bounds what a single client can \
        take. Raise it for clients that watch many channels over one connection.",
};

/// The most pieces of a message.
pub static MAX_MESSAGE_FRAMES: OptionRecord = OptionRecord {
    name: "max-message-frames",
    value_name: "COUNT",
    default: "131072",
    kind: Kind::Count {
        min: 1,
        max: 1_000_000_000,
        auto: false,
    },
    group: Group::Limits,
    repeatable: false,
    live: true,
    summary: "Most frames that one message may come in",
    details: "One more closes its connection with 1009. Empty frames add nothing to a message's size, so this \
        is what ends a message made of them. Clients rarely use more than one.",
};

/// How many messages a second.
pub static MAX_MESSAGE_RATE: OptionRecord = OptionRecord {
    name: "max-message-rate",
    value_name: "COUNT",
    default: "0",
    kind: Kind::Count {
        min: 0,
        max: 1_000_000,
        auto: false,
    },
    group: Group::Limits,
    repeatable: false,
    live: true,
    summary: "Most messages of one connection in a second; 0 = any number",
    details: "On average, after one second's worth at once; pings and pongs count. A connection that sends \
        more is not read for a while: nothing is lost, and its client's sends get slow. Clients on this \
        machine are exempt unless --limit-loopback is set.",
};

/// How many bytes a second.
pub static MAX_BYTE_RATE: OptionRecord = OptionRecord {
    name: "max-byte-rate",
    value_name: "SIZE",
    default: "0",
    kind: Kind::Size {
        min: 0,
        max: 1024 * 1024 * 1024,
    },
    group: Group::Limits,
    repeatable: false,
    live: true,
    summary: "Most bytes of one connection in a second; 0 = any number",
    details: "Frames with their headers, on average, after one second's worth at once; otherwise as \
        --max-message-rate.",
};

/// How much may come before credentials.
pub static MAX_UNAUTHENTICATED_BYTES: OptionRecord = OptionRecord {
    name: "max-unauthenticated-bytes",
    value_name: "SIZE",
    default: "256KiB",
    kind: Kind::Size {
        min: 0,
        max: 1024 * 1024 * 1024,
    },
    group: Group::Limits,
    repeatable: false,
    live: true,
    summary: "How much a client may send before it has said who it is; 0 = any",
    details: "For ignis, whose clients authenticate by a message. More closes the connection with 1009. It \
        must hold the message with the credentials.",
};

/// The largest request head.
pub static MAX_HEAD_BYTES: OptionRecord = OptionRecord {
    name: "max-head-bytes",
    value_name: "SIZE",
    default: "16KiB",
    kind: Kind::Size {
        min: 1024,
        max: 1024 * 1024,
    },
    group: Group::Limits,
    repeatable: false,
    live: true,
    summary: "Largest request head of a handshake",
    details: "A larger one is answered 431. It is all that a peer can make the server keep before it has said \
        what it wants. The default holds what browsers and proxies send with generous cookies.",
};
