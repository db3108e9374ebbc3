//! Who may do what.

use crate::config::option::{Group, Kind, OptionRecord};

/// What clients may publish.
pub static ALLOW_PUBLISH: OptionRecord = OptionRecord {
    name: "allow-publish",
    value_name: "CHANNEL[:EVENT][=GRANT]",
    default: "",
    kind: Kind::PublishRule,
    group: Group::Rules,
    repeatable: true,
    live: true,
    summary: "Let clients publish these events; may be repeated",
    details: "Without it clients may only listen. Channel and event are each a name or a prefix that \
        ends in *: demo:hello is one event, demo allows every event of one channel, *:client-* allows \
        events that begin with client- everywhere. The last colon separates, so a channel whose name \
        has a colon is written with its event: chat:room:*. Behind a = stands to whom it is granted, as \
        for --allow-subscribe; the narrower channel beats the wider one, then the narrower event. Quote \
        the star in a shell.",
};

/// What clients may subscribe to.
pub static ALLOW_SUBSCRIBE: OptionRecord = OptionRecord {
    name: "allow-subscribe",
    value_name: "PATTERN[=GRANT]",
    default: "",
    kind: Kind::SubscribeRule,
    group: Group::Rules,
    repeatable: true,
    live: true,
    summary: "Let clients subscribe to these channels; may be repeated",
    details: "Every channel is open to everybody, except those whose names begin with private- or \
        presence-. This says otherwise about a name, or a prefix that ends in *: an exact name beats a \
        prefix, a longer prefix a shorter one. To whom: allow (everybody, the default), deny (nobody), \
        authenticated (whoever has shown a valid token), claim:/channels (whose claim at that JSON \
        pointer lists the name, or a pattern), private-user.{sub} (whose claims, filled in, give the \
        name), webhook (the application is asked). So --allow-subscribe 'private-user.*=private-user.{sub}' \
        gives every user a channel of their own.",
};

/// What becomes of messages that mean nothing to the dialect.
pub static ON_MESSAGE: OptionRecord = OptionRecord {
    name: "on-message",
    value_name: "EVENT=ACTION",
    default: "",
    kind: Kind::MessageRule,
    group: Group::Rules,
    repeatable: true,
    live: true,
    summary: "Say what becomes of clients' own events; may be repeated",
    details: "For dialects whose clients send events of their application (ignis, shared-websocket); without a \
        rule they are dropped. The event is a name or a prefix that ends in *; the narrowest counts. The \
        action is drop, reply (it goes back to its sender), publish:CHANNEL, publish-others:CHANNEL (not to \
        its sender), or webhook (the application says).",
};

/// Which pages may connect.
pub static ALLOW_ORIGIN: OptionRecord = OptionRecord {
    name: "allow-origin",
    value_name: "ORIGIN",
    default: "",
    kind: Kind::Origin,
    group: Group::Rules,
    repeatable: true,
    live: true,
    summary: "Let only web pages of these origins connect; may be repeated",
    details: "Without it pages of every site may. Write https://app.example.com, http://localhost:3000, or \
        https://*.example.com for every name below. Scheme and port count; others are refused with 403. \
        Clients that are no browsers send no origin and are not concerned. Quote the star in a shell.",
};
