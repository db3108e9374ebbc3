//! What a dialect's clients are used to: defaults that are stronger than the global ones and weaker
//! than anything that anybody typed.

use super::option::OptionRecord;
use super::options::{
    BACKPRESSURE_LIMIT_BYTES, BACKPRESSURE_POLICY, IDLE_TIMEOUT, MAX_MESSAGE_BYTES,
    TOKEN_QUERY_PARAMETER,
};
use crate::dialect::DialectName;

/// The one table: a dialect's own documented limits, not those of the host it used to run in.
///
/// Only options of [`OF_ENDPOINTS`](super::options::OF_ENDPOINTS) make sense here.
static TABLE: [(DialectName, &OptionRecord, &str); 6] = [
    // Where the client puts its token, unless its `authParam` says otherwise.
    (
        DialectName::SharedWebsocket,
        &TOKEN_QUERY_PARAMETER,
        "token",
    ),
    // The largest messages of the usual conformance suite.
    (DialectName::Echo, &MAX_MESSAGE_BYTES, "16MiB"),
    // One of them with its framing, and room for the next to begin.
    (DialectName::Echo, &BACKPRESSURE_LIMIT_BYTES, "17MiB"),
    (DialectName::Ignis, &MAX_MESSAGE_BYTES, "128KiB"),
    (DialectName::Ignis, &IDLE_TIMEOUT, "60s"),
    // Its servers close nobody for being slow unless they are told to.
    (DialectName::Ignis, &BACKPRESSURE_POLICY, "drop-newest"),
];

/// The dialect's own default of an option, as a user would type it.
#[must_use]
pub fn of(dialect: DialectName, option: &OptionRecord) -> Option<&'static str> {
    TABLE
        .iter()
        .find(|(of, held, _)| *of == dialect && held.name == option.name)
        .map(|(_, _, text)| *text)
}

/// All of a dialect's own defaults.
pub fn all(dialect: DialectName) -> impl Iterator<Item = (&'static OptionRecord, &'static str)> {
    TABLE
        .iter()
        .filter(move |(of, ..)| *of == dialect)
        .map(|(_, option, text)| (*option, *text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::options::OF_ENDPOINTS;

    #[test]
    fn table_names_each_option_once_and_only_those_of_endpoints() {
        for (index, (dialect, option, _)) in TABLE.iter().enumerate() {
            assert!(OF_ENDPOINTS.contains(option), "{}", option.name);
            let again = TABLE[index + 1..]
                .iter()
                .any(|(other, held, _)| other == dialect && held == option);
            assert!(!again, "{} of {dialect}", option.name);
        }
    }
}
