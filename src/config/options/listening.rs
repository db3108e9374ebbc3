//! Addresses and paths.

use crate::config::option::{Group, Kind, OptionRecord};

/// Where clients connect.
pub static LISTEN: OptionRecord = OptionRecord {
    name: "listen",
    value_name: "ADDRESS",
    default: "127.0.0.1:7001",
    kind: Kind::Address,
    group: Group::Listening,
    repeatable: false,
    live: false,
    summary: "Address and port for WebSocket clients",
    details: "The default is reachable from this machine only; 0.0.0.0:7001 or [::]:7001 listens on \
        every interface. Port 0 picks a free port, which the banner names. It speaks TLS if \
        --tls-cert is given.",
};

/// Which dialect answers at which path.
pub static ENDPOINT: OptionRecord = OptionRecord {
    name: "endpoint",
    value_name: "PATH=DIALECT",
    default: "/_broadcast=strav",
    kind: Kind::Endpoint,
    group: Group::Listening,
    repeatable: true,
    live: false,
    summary: "Bind a path to a dialect; may be repeated",
    details: "Dialects: strav (the @strav/broadcast client), ignis (clients of an @venizia/ignis server, at /ws \
        by themselves), shared-websocket (the @gwakko/shared-websocket client, usually at /events) and, with \
        --dev-echo, echo; docs/dialects/ has a page about each. Naming one endpoint \
        replaces the default, so repeat it to keep it: --endpoint /_broadcast=strav \
        --endpoint /events=shared-websocket. Each endpoint has topics of its own. The file can give each endpoint \
        limits and rules of its own, and let several share their topics.",
};

/// The echo endpoint.
pub static DEV_ECHO: OptionRecord = OptionRecord {
    name: "dev-echo",
    value_name: "",
    default: "false",
    kind: Kind::Switch,
    group: Group::Listening,
    repeatable: false,
    live: false,
    summary: "Add an endpoint at /echo that sends every message back",
    details: "For development and conformance suites; anybody who can connect can make the server \
        work, so leave it off where strangers can. Unless they are set, echo endpoints have limits of \
        their own: messages of up to 16MiB, and a backpressure limit that holds one.",
};
