//! The webhook: what an app server is asked and told.

use std::time::Duration;

use crate::base::limits::DECISION_TIMEOUT;
use crate::config::option::{Group, Kind, OptionRecord};

/// Where calls are posted to.
pub static WEBHOOK_URL: OptionRecord = OptionRecord {
    name: "webhook-url",
    value_name: "URL",
    default: "",
    kind: Kind::Url,
    group: Group::Webhook,
    repeatable: false,
    live: true,
    summary: "URL of your app server to which this server posts its questions",
    details: "Without one nobody is asked. Requests and answers are described in docs/webhooks.md. Redirects \
        are not followed. Whatever gets no answer that is understood is denied.",
};

/// Which calls are made.
pub static WEBHOOK_EVENTS: OptionRecord = OptionRecord {
    name: "webhook-events",
    value_name: "EVENT",
    default: "connect authenticate subscribe publish message connected authenticated disconnected",
    kind: Kind::Choice(&[
        "connect",
        "authenticate",
        "subscribe",
        "publish",
        "message",
        "connected",
        "authenticated",
        "disconnected",
    ]),
    group: Group::Webhook,
    repeatable: true,
    live: true,
    summary: "What the app server is asked and told; may be repeated",
    details: "All of it unless you name some. connect, authenticate, subscribe, publish and message are \
        questions, and clients wait for the answer; subscribe and publish are asked only where a rule says \
        so. connected, authenticated and disconnected are notices, for which nobody waits.",
};

/// How long one call may take.
pub static WEBHOOK_TIMEOUT: OptionRecord = OptionRecord {
    name: "webhook-timeout",
    value_name: "TIME",
    default: "3s",
    kind: Kind::Time {
        min: Duration::from_millis(10),
        // Nobody waits any longer then.
        max: DECISION_TIMEOUT,
        zero: false,
    },
    group: Group::Webhook,
    repeatable: false,
    live: true,
    summary: "How long a question to the app server may take, all tries together",
    details: "Waiting for its turn counts. With retries a single try gets two thirds of it, so that one \
        that hangs leaves time for another. A client that waits sends on meanwhile, and what it sends is \
        kept in order.",
};

/// Tries after the first.
pub static WEBHOOK_RETRIES: OptionRecord = OptionRecord {
    name: "webhook-retries",
    value_name: "COUNT",
    default: "2",
    kind: Kind::Count {
        min: 0,
        max: 10,
        auto: false,
    },
    group: Group::Webhook,
    repeatable: false,
    live: true,
    summary: "How often a call is tried again that nobody answered",
    details: "That is a failed connection, a time-out, or status 502, 503 or 504; any other answer counts as \
        it is. A call may so arrive twice, with the same Shardcast-Delivery. After ten tries in a row \
        without an answer the app server is left alone for 2s, and calls fail at once.",
};

/// Requests under way.
pub static WEBHOOK_CONCURRENCY: OptionRecord = OptionRecord {
    name: "webhook-concurrency",
    value_name: "COUNT",
    default: "64",
    kind: Kind::Count {
        min: 1,
        max: 4_096,
        auto: false,
    },
    group: Group::Webhook,
    repeatable: false,
    live: true,
    summary: "How many requests to the app server may be under way at once",
    details: "Each endpoint has as many of its own. Further ones wait for their turn. Notices take half of \
        them at most.",
};

/// What `connect` passes on.
pub static WEBHOOK_HEADER: OptionRecord = OptionRecord {
    name: "webhook-header",
    value_name: "NAME",
    default: "cookie authorization origin user-agent x-forwarded-for",
    kind: Kind::HeaderName,
    group: Group::Webhook,
    repeatable: true,
    live: true,
    summary: "Header of a client's request that the app server is told; may be repeated",
    details: "It is told with the question connect, as are path, query and address. What you name replaces the \
        default, so name again what you need of it.",
};

/// Where the secret is kept.
pub static WEBHOOK_SECRET_FILE: OptionRecord = OptionRecord {
    name: "webhook-secret-file",
    value_name: "FILE",
    default: "",
    kind: Kind::TokenFile,
    group: Group::Webhook,
    repeatable: false,
    live: true,
    summary: "File whose first line is the secret with which calls are signed",
    details: "The app server knows by the header Shardcast-Signature that a call comes from this server. \
        Keep the file readable for the server alone; SHARDCAST_WEBHOOK_SECRET can give the secret instead.",
};

/// The secret itself.
pub static WEBHOOK_SECRET: OptionRecord = OptionRecord {
    name: "webhook-secret",
    value_name: "SECRET",
    default: "",
    kind: Kind::Secret,
    group: Group::Webhook,
    repeatable: false,
    live: true,
    summary: "The secret itself, for where files are harder to hand over than variables",
    details: "Of this and webhook-secret-file only one may be set.",
};
