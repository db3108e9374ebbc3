//! How the clients of the dialect `shared-websocket` speak: none of it is on the wire.

use crate::config::option::{Group, Kind, OptionRecord};

/// What fields and events are called.
pub static EVENT_NAME: OptionRecord = OptionRecord {
    name: "event-name",
    value_name: "ROLE=NAME",
    default: "",
    kind: Kind::RoleName,
    group: Group::SharedWebsocket,
    repeatable: true,
    live: true,
    summary: "What an event or a field is called; may be repeated",
    details: "For applications that rename what the client sends: channel-join=subscribe. Without it \
        everything is called as the client calls it by itself. Two events are sent only once they have \
        a name: auth-ok=auth.ok tells a client that its login succeeded, \
        channel-joined=$channel:joined that it is in a channel or topic. Quote the dollar in a shell.",
};

/// What the client's messages look like.
pub static FRAME_SHAPE: OptionRecord = OptionRecord {
    name: "frame-shape",
    value_name: "SHAPE",
    default: "two-keys",
    kind: Kind::Choice(&["two-keys", "flat"]),
    group: Group::SharedWebsocket,
    repeatable: false,
    live: true,
    summary: "What the messages of its clients look like",
    details: "two-keys is what the client sends by itself: {\"event\":\"$channel:join\",\"data\":{\"channel\":\"x\"}}. \
        flat is the other form that its documentation shows for a frameBuilder: \
        {\"type\":\"subscribe\",\"channel\":\"x\"}, with unsubscribe, topic.subscribe, topic.unsubscribe, auth \
        and logout. What the server sends has two keys in either case, since the client reads nothing else.",
};

/// The client's heartbeat.
pub static PING_MESSAGE: OptionRecord = OptionRecord {
    name: "ping-message",
    value_name: "JSON",
    default: r#"{"type":"ping"}"#,
    kind: Kind::JsonOrNone,
    group: Group::SharedWebsocket,
    repeatable: false,
    live: true,
    summary: "The ping that its clients send, or none",
    details: "The client's ping setting. It is known by its value: white space and the order of keys do \
        not matter.",
};

/// The answer to it.
pub static PONG_MESSAGE: OptionRecord = OptionRecord {
    name: "pong-message",
    value_name: "JSON",
    default: r#"{"type":"pong"}"#,
    kind: Kind::JsonOrNone,
    group: Group::SharedWebsocket,
    repeatable: false,
    live: true,
    summary: "What a ping is answered with, or none",
    details: "Clients with a heartbeatTimeout (from 0.16 on) reconnect if they hear nothing, so they need \
        an answer. The others take it for an event, called message unless it says otherwise.",
};

/// What becomes of data that is not there.
pub static EMPTY_DATA: OptionRecord = OptionRecord {
    name: "empty-data",
    value_name: "FORM",
    default: "omit",
    kind: Kind::Choice(&["omit", "object", "keep"]),
    group: Group::SharedWebsocket,
    repeatable: false,
    live: true,
    summary: "How events without data, or with null, go out",
    details: "The client hands the whole message to its handlers in place of data that is missing or \
        null. omit leaves it out for both, object writes {} for both, keep sends what was published, \
        null as null.",
};

/// Whether a publisher hears itself.
pub static PUBLISH_EXCLUDES_SELF: OptionRecord = OptionRecord {
    name: "publish-excludes-self",
    value_name: "",
    default: "false",
    kind: Kind::Switch,
    group: Group::SharedWebsocket,
    repeatable: false,
    live: true,
    summary: "Do not send what a client publishes back to it",
    details: "All tabs of a browser share one connection, so with this the other tabs of whoever publishes \
        do not hear of it either.",
};
