//! Shards and their cores.

use crate::base::limits::SHARDS_MAX;
use crate::config::option::{Group, Kind, OptionRecord};

/// How many shards.
pub static SHARDS: OptionRecord = OptionRecord {
    name: "shards",
    value_name: "COUNT",
    default: "auto",
    kind: Kind::Count {
        min: 1,
        max: SHARDS_MAX,
        auto: true,
    },
    group: Group::Cores,
    repeatable: false,
    live: false,
    summary: "Number of shards, each a thread with its own connections",
    details: "auto: one for each entry of --cpus, or else one for each core this process may use, \
        by its affinity and its container's cpu quota. More shards than cores work, but share cores.",
};

/// Which cores.
pub static CPUS: OptionRecord = OptionRecord {
    name: "cpus",
    value_name: "LIST",
    default: "auto",
    kind: Kind::Cpus,
    group: Group::Cores,
    repeatable: false,
    live: false,
    summary: "Cpus to pin shards to, such as 0,2-3",
    details: "Shards take the entries in turn and start over when there are more shards than entries; \
        a cpu may occur twice. auto: the cpus this process may use, in order; no pinning when there \
        are more shards than those, or under a cpu quota, which grants time and not cpus. none: no \
        pinning, for a machine that is shared with other work.",
};

/// Whether shards share the process's descriptors.
pub static PRIVATE_FD_TABLES: OptionRecord = OptionRecord {
    name: "private-fd-tables",
    value_name: "",
    default: "false",
    kind: Kind::Switch,
    group: Group::Cores,
    repeatable: false,
    live: false,
    summary: "Give each shard a descriptor table of its own, each with the whole limit of open files",
    details: "The limit of open files then bounds each shard's connections and not those of the process: for more \
        connections than one process may have files. It needs no privilege. Tools that look at /proc/PID/fd see the control \
        thread's table; those of the shards are below /proc/PID/task.",
};

/// How shards wait.
pub static DRIVER: OptionRecord = OptionRecord {
    name: "driver",
    value_name: "DRIVER",
    default: "auto",
    kind: Kind::Choice(&["auto", "uring", "epoll"]),
    group: Group::Cores,
    repeatable: false,
    live: false,
    summary: "How shards wait for their sockets: auto, uring or epoll",
    details: "auto takes io_uring where the kernel allows it and epoll otherwise, and logs which. \
        Containers often forbid io_uring; uring then refuses to start instead of falling back.",
};
