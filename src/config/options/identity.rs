//! Who a client is.

use std::time::Duration;

use crate::config::option::{Group, Kind, OptionRecord};

/// Whose tokens are believed.
pub static JWT_KEY: OptionRecord = OptionRecord {
    name: "jwt-key",
    value_name: "SPEC",
    default: "",
    kind: Kind::JwtKey,
    group: Group::Identity,
    repeatable: true,
    live: true,
    summary: "Believe tokens (JWT) signed with this key; may be repeated",
    details: "SPEC is a list of NAME=VALUE, separated by commas. One of them says where the key is: \
        secret=FILE, secret-env=VARIABLE, pem=FILE (a public key), jwks=FILE or jwks=URL. Others may follow: \
        iss=ISSUER, the issuer (any without it); aud=NAME, whom tokens are meant for, once for each name \
        (without it a token that names an audience is refused; aud=* takes any); alg=NAME, where the key does not tell \
        the algorithm (a secret is for HS256, an RSA key for RS256); kid=NAME, the key's name; exp=optional for \
        tokens without an end. For example: \
        jwks=https://id.example.com/jwks.json,iss=https://id.example.com/,aud=realtime. A URL is fetched at start, \
        every 5 minutes, and at most every 30 s when a token names an unknown key; redirects are not followed, and keys \
        that were fetched go on while it fails. Files and variables are read again at a reload.",
};

/// Where a token names its user.
pub static JWT_USER_CLAIM: OptionRecord = OptionRecord {
    name: "jwt-user-claim",
    value_name: "CLAIM",
    default: "sub",
    kind: Kind::Claim,
    group: Group::Identity,
    repeatable: false,
    live: true,
    summary: "Claim of a token that names its user",
    details: "A claim's name, or a JSON pointer such as /user/id for one that lies deeper. A token that has no \
        such claim is believed all the same, and speaks for nobody in particular.",
};

/// How wrong clocks may be.
pub static JWT_LEEWAY: OptionRecord = OptionRecord {
    name: "jwt-leeway",
    value_name: "TIME",
    default: "30s",
    kind: Kind::Time {
        min: Duration::from_millis(1),
        max: Duration::from_secs(10 * 60),
        zero: true,
    },
    group: Group::Identity,
    repeatable: false,
    live: true,
    summary: "By how much an issuer's clock may differ from this machine's; 0 = not at all",
    details: "A token is taken this long before its nbf and after its exp, and its connection ends with it. A \
        longer time lets revoked users stay longer; a shorter one refuses those whose issuer is ahead.",
};

/// Where a browser's page can put a token.
pub static TOKEN_QUERY_PARAMETER: OptionRecord = OptionRecord {
    name: "token-query-parameter",
    value_name: "NAME",
    default: "",
    kind: Kind::ParameterName,
    group: Group::Identity,
    repeatable: false,
    live: true,
    summary: "Parameter in the URL of an upgrade that may hold the token",
    details: "Clients send a token as Authorization: Bearer TOKEN, which a page in a browser cannot; ?NAME=TOKEN \
        it can. Proxies on the way often log URLs, so let such tokens end soon. Without it the query is not looked at.",
};

/// What a browser sends by itself.
pub static TOKEN_COOKIE: OptionRecord = OptionRecord {
    name: "token-cookie",
    value_name: "NAME",
    default: "",
    kind: Kind::CookieName,
    group: Group::Identity,
    repeatable: false,
    live: true,
    summary: "Cookie of an upgrade that may hold the token",
    details: "A browser sends its cookies whichever page connects: name your own pages with allow-origin too, or \
        any other may connect in the name of its visitor. Without it cookies are not looked at.",
};

/// Nobody without a name.
pub static REQUIRE_TOKEN: OptionRecord = OptionRecord {
    name: "require-token",
    value_name: "",
    default: "false",
    kind: Kind::Switch,
    group: Group::Identity,
    repeatable: false,
    live: true,
    summary: "Refuse every upgrade without a token",
    details: "Without it a client that shows no token comes in as nobody, and the rules decide what nobody may do. A \
        token that is not believed is refused in any case.",
};
