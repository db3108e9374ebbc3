//! The HTTP API.

use crate::config::option::{Group, Kind, OptionRecord};

/// Where app servers and operators connect.
pub static API_LISTEN: OptionRecord = OptionRecord {
    name: "api-listen",
    value_name: "ADDRESS",
    default: "127.0.0.1:7002",
    kind: Kind::AddressOrNone,
    group: Group::Api,
    repeatable: false,
    live: false,
    summary: "Address and port of the HTTP API, or none",
    details: "App servers publish there, and it tells health, numbers and channels. The default is \
        reachable from this machine only; any other address needs a token. Port 0 picks a free port, \
        which the banner names. none: no API.",
};

/// Where the token is kept.
pub static API_TOKEN_FILE: OptionRecord = OptionRecord {
    name: "api-token-file",
    value_name: "FILE",
    default: "",
    kind: Kind::TokenFile,
    group: Group::Api,
    repeatable: false,
    live: false,
    summary: "File whose first line is the token that users of the API must show",
    details: "They send it as Authorization: Bearer TOKEN. Without a token everybody on this machine \
        may publish and look. Health and the API's description are open in any case. Keep the file \
        readable for the server alone; SHARDCAST_API_TOKEN can give the token instead.",
};

/// The token itself.
pub static API_TOKEN: OptionRecord = OptionRecord {
    name: "api-token",
    value_name: "TOKEN",
    default: "",
    kind: Kind::Secret,
    group: Group::Api,
    repeatable: false,
    live: false,
    summary: "The token itself, for where files are harder to hand over than variables",
    details: "Of this and api-token-file only one may be set.",
};

/// Under which names the API answers.
pub static API_HOST: OptionRecord = OptionRecord {
    name: "api-host",
    value_name: "NAME",
    default: "",
    kind: Kind::HostName,
    group: Group::Api,
    repeatable: true,
    live: false,
    summary: "Name under which the API may be addressed; may be repeated",
    details: "localhost and literal addresses are always known. A request under any other name is \
        refused with 421: a web page could have led a browser here under a name of its own.",
};
