//! What is wrong with an answer, in words that hold nothing of it.

use serde::Deserialize;

/// Why an answer cannot be used. Safe to log: it tells what was expected and where, never what was
/// there, which could be a user's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Fault(pub(super) String);

/// Reads a JSON object.
pub(super) fn parse<'b, T: Deserialize<'b>>(body: &'b [u8]) -> Result<T, Fault> {
    // Serde would take a list for the values of the fields in their order.
    if body.trim_ascii().starts_with(b"[") {
        return Err(Fault("it is a list: expected an object".to_owned()));
    }
    serde_json::from_slice(body).map_err(|error| Fault(in_words(body, &error)))
}

fn in_words(body: &[u8], error: &serde_json::Error) -> String {
    if body.trim_ascii().is_empty() {
        return "it is empty".to_owned();
    }
    let (line, column) = (error.line(), error.column());
    if !error.is_data() {
        return format!("it is not JSON from line {line} column {column} on");
    }
    let message = error.to_string();
    // The names in these two are those of our own fields.
    if message.starts_with("missing field") || message.starts_with("duplicate field") {
        return message;
    }
    // What stands before this word may be what was found.
    match message.rfind("expected ") {
        Some(at) => message[at..].to_owned(),
        None => format!("it has the wrong shape at line {line} column {column}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Shape {
        #[serde(rename = "allow")]
        _allow: bool,
    }

    fn fault(body: &str) -> String {
        parse::<Shape>(body.as_bytes()).unwrap_err().0
    }

    #[test]
    fn fault_tells_what_was_expected_and_where_but_not_what_was_there() {
        assert_eq!(fault(" \n"), "it is empty");
        assert_eq!(
            fault("<html>hunter2"),
            "it is not JSON from line 1 column 1 on"
        );
        assert_eq!(fault("[true]"), "it is a list: expected an object");
        assert_eq!(fault("{}"), "missing field `allow` at line 1 column 2");
        assert_eq!(
            fault(r#"{"allow":"hunter2"}"#),
            "expected a boolean at line 1 column 18"
        );
        assert_eq!(
            fault(r#"{"hunter2":1}"#),
            "expected `allow` at line 1 column 10"
        );
        assert_eq!(
            fault(r#"{"allow":true,"allow":true}"#),
            "duplicate field `allow` at line 1 column 21"
        );
        assert_eq!(
            fault(r#"{"allow":"x, expected hunter2 y"}"#),
            "expected a boolean at line 1 column 32"
        );
    }
}
