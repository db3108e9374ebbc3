//! Compression of messages.

use crate::config::option::{Group, Kind, OptionRecord};

/// Whether and how messages are compressed.
pub static DEFLATE: OptionRecord = OptionRecord {
    name: "deflate",
    value_name: "HOW",
    default: "off",
    kind: Kind::Choice(&["off", "shared", "dedicated"]),
    group: Group::Deflate,
    repeatable: false,
    live: true,
    summary: "Compress messages for clients that offer it: off, shared or dedicated",
    details: "shared compresses a message once for all who get it, and needs no memory for a connection: \
        the choice for fan-out. dedicated remembers earlier messages of each connection, which saves more bytes \
        where they resemble each other, but compresses every message anew for each subscriber, and takes some \
        200 to 400 KiB for each connection. It counts for connections made from now on.",
};

/// From which size on it is worth it.
pub static DEFLATE_MIN_BYTES: OptionRecord = OptionRecord {
    name: "deflate-min-bytes",
    value_name: "SIZE",
    default: "256",
    kind: Kind::Size {
        min: 0,
        max: 256 * 1024 * 1024,
    },
    group: Group::Deflate,
    repeatable: false,
    live: true,
    summary: "Smallest message that is compressed",
    details: "Smaller ones go out as they are: there is little to save, and both sides would work for it. So does \
        with shared what does not get smaller.",
};

/// How far back a message may refer.
pub static DEFLATE_WINDOW_BITS: OptionRecord = OptionRecord {
    name: "deflate-window-bits",
    value_name: "COUNT",
    default: "15",
    kind: Kind::Count {
        min: 9,
        max: 15,
        auto: false,
    },
    group: Group::Deflate,
    repeatable: false,
    live: true,
    summary: "Largest window of either side, as a power of two: 15 is 32 KiB",
    details: "A client may ask for less, and is then sent what was compressed for that. With dedicated each bit \
        less halves the part of a connection's memory that depends on it: 128 KiB at 15, 2 KiB at 9.",
};

/// What all contexts may take.
pub static DEFLATE_MEMORY_BYTES: OptionRecord = OptionRecord {
    name: "deflate-memory-bytes",
    value_name: "SIZE",
    default: "256MiB",
    kind: Kind::Size {
        min: 0,
        max: 1024 * 1024 * 1024 * 1024,
    },
    group: Group::Deflate,
    repeatable: false,
    live: true,
    summary: "Most memory that dedicated compression takes, over all connections",
    details: "A connection that would need more than is left is compressed as with shared. \
        shardcast_deflate_context_bytes tells how much is taken.",
};
