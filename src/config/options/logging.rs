//! What is written to the log.

use crate::config::option::{Group, Kind, OptionRecord};

/// How much is logged.
pub static LOG_LEVEL: OptionRecord = OptionRecord {
    name: "log-level",
    value_name: "LEVEL",
    default: "info",
    kind: Kind::Choice(&["error", "warn", "info", "debug", "trace"]),
    group: Group::Logging,
    repeatable: false,
    live: true,
    summary: "How much is logged: error, warn, info, debug or trace",
    details: "The log goes to standard error. debug tells the life of every connection and slows a busy \
        server down; trace tells every step.",
};

/// How the log is written.
pub static LOG_FORMAT: OptionRecord = OptionRecord {
    name: "log-format",
    value_name: "FORMAT",
    default: "text",
    kind: Kind::Choice(&["text", "json"]),
    group: Group::Logging,
    repeatable: false,
    live: false,
    summary: "How the log is written: text or json",
    details: "text is for people; json is one object per line, with the fields timestamp, level, \
        target and fields, for programs that collect logs.",
};
