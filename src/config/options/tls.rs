//! Certificates.

use crate::config::option::{Group, Kind, OptionRecord};

/// What clients are shown.
pub static TLS_CERT: OptionRecord = OptionRecord {
    name: "tls-cert",
    value_name: "FILE",
    default: "",
    kind: Kind::File,
    group: Group::Tls,
    repeatable: true,
    live: true,
    summary: "Speak TLS, with the certificate in this file (PEM, with its chain); may be repeated",
    details: "The server's own certificate comes first in the file, then those that vouch for it. Several are chosen \
        from by the name that a client asks for; the first is for who asks for no name, or for one that none is good \
        for. TLS 1.2 and 1.3. SIGHUP reads the files again, without dropping anybody; turning TLS on or off needs a \
        restart.",
};

/// The keys to them.
pub static TLS_KEY: OptionRecord = OptionRecord {
    name: "tls-key",
    value_name: "FILE",
    default: "",
    kind: Kind::File,
    group: Group::Tls,
    repeatable: true,
    live: true,
    summary: "The private key of that certificate (PEM); as often as --tls-cert, in the same order",
    details: "RSA, ECDSA or Ed25519; ECDSA with P-256 costs the server the least. Keep the file readable for the \
        server alone.",
};

/// Who may connect.
pub static TLS_CLIENT_CA: OptionRecord = OptionRecord {
    name: "tls-client-ca",
    value_name: "FILE",
    default: "",
    kind: Kind::File,
    group: Group::Tls,
    repeatable: false,
    live: true,
    summary: "Let only clients in that show a certificate for which one in this file vouches (PEM)",
    details: "For WebSocket clients, not for the API. Who shows none is turned away before it can say anything. It \
        proves that a client is known, not who it is: for that there are tokens.",
};

/// Whether the API speaks TLS.
pub static API_TLS: OptionRecord = OptionRecord {
    name: "api-tls",
    value_name: "",
    default: "false",
    kind: Kind::Switch,
    group: Group::Api,
    repeatable: false,
    live: false,
    summary: "Speak TLS at the API as well, with the same certificates",
    details: "Needed wherever the token would otherwise cross a network in the clear. Health checks and Prometheus \
        have to use https then.",
};
