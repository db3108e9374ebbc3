//! Pieces of text that several documents share.

use crate::config::option::{Group, Kind, OptionRecord};
use crate::config::{options, units};
use crate::dialect::DialectName;
use crate::dialect::shared_websocket::Role;

/// The longest line of prose in a document.
const LINE_CHARS: usize = 98;

/// The headings with their options, in the order of the help.
pub(super) fn groups() -> Vec<(Group, Vec<&'static OptionRecord>)> {
    let mut groups: Vec<(Group, Vec<&'static OptionRecord>)> = Vec::new();
    for option in options::ALL {
        match groups.iter_mut().find(|(group, _)| *group == option.group) {
            Some((_, members)) => members.push(option),
            None => groups.push((option.group, vec![option])),
        }
    }
    groups
}

/// Breaks prose into lines.
pub(super) fn wrap(prose: &str, prefix: &str) -> String {
    let mut text = String::new();
    let mut line = prefix.to_owned();
    for word in prose.split_whitespace() {
        let is_first = line.len() == prefix.len();
        if !is_first && line.chars().count() + 1 + word.chars().count() > LINE_CHARS {
            text.push_str(line.trim_end());
            text.push('\n');
            line.truncate(prefix.len());
            line.push_str(word);
            continue;
        }
        if !is_first {
            line.push(' ');
        }
        line.push_str(word);
    }
    text.push_str(line.trim_end());
    text.push('\n');
    text
}

/// A text in TOML's quotes. The escapes of JSON are TOML's too, but for one control character.
pub(super) fn quoted(text: &str) -> String {
    let json = serde_json::Value::from(text).to_string();
    json.replace('\x7f', "\\u007F")
}

/// One value as TOML: bare where TOML has the type, in quotes otherwise.
pub(super) fn value(option: &OptionRecord, text: &str) -> String {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match option.kind {
        Kind::Switch => text.to_owned(),
        Kind::Count { .. } | Kind::Size { .. } if is_number => text.to_owned(),
        _ => quoted(text),
    }
}

/// All values of an option as TOML.
pub(super) fn values<'t>(
    option: &OptionRecord,
    texts: impl IntoIterator<Item = &'t str>,
) -> String {
    let values: Vec<String> = texts.into_iter().map(|text| value(option, text)).collect();
    if option.repeatable {
        format!("[{}]", values.join(", "))
    } else {
        values.concat()
    }
}

/// The default as TOML; an option without one is shown as an empty text or list.
pub(super) fn default_value(option: &OptionRecord) -> String {
    if option.repeatable {
        values(option, option.defaults())
    } else {
        value(option, option.default)
    }
}

/// What may be written, in words.
pub(super) fn bounds(kind: Kind) -> String {
    match kind {
        Kind::Address => "an IP address and a port".to_owned(),
        Kind::AddressOrNone => "an IP address and a port, or none".to_owned(),
        Kind::Choice(words) => format!("one of {}", words.join(", ")),
        Kind::Count { min, max, auto } => {
            let or_auto = if auto { ", or auto" } else { "" };
            format!("a number from {min} to {max}{or_auto}")
        }
        Kind::Claim => "a claim's name, or a JSON pointer".to_owned(),
        Kind::CookieName => "a cookie's name".to_owned(),
        Kind::Cpus => "a list such as 0,2-3, or auto, or none".to_owned(),
        Kind::Endpoint => {
            let names = DialectName::ALL.map(DialectName::as_str).join(", ");
            format!("PATH=DIALECT, with a dialect of {names}")
        }
        Kind::JsonOrNone => "a JSON text, or none".to_owned(),
        Kind::RoleName => {
            let roles = Role::ALL.map(Role::as_str).join(", ");
            format!("ROLE=NAME, with a role of {roles}")
        }
        Kind::HeaderName => "the name of a header".to_owned(),
        Kind::MessageRule => "EVENT=ACTION, where the event may end in *".to_owned(),
        Kind::Network => "an IP address, or a network as ADDRESS/BITS".to_owned(),
        Kind::Origin => "SCHEME://HOST or SCHEME://HOST:PORT; HOST may begin with *.".to_owned(),
        Kind::HostName => "a host's name without a port".to_owned(),
        Kind::JwtKey => "NAME=VALUE,... with one of secret, secret-env, pem, jwks".to_owned(),
        Kind::ParameterName => "a name of letters, digits and -._~".to_owned(),
        Kind::Names => "names separated by commas".to_owned(),
        Kind::PublishRule => {
            "CHANNEL or CHANNEL:EVENT, each may end in *, then perhaps =GRANT".to_owned()
        }
        Kind::Secret => "a text".to_owned(),
        Kind::Size { min, max } => format!(
            "a size from {} to {}",
            units::format_bytes(min as u64),
            units::format_bytes(max as u64)
        ),
        Kind::SubscribeRule => "a channel, which may end in *, then perhaps =GRANT".to_owned(),
        Kind::Switch => "true or false".to_owned(),
        Kind::Text => "a text that is not empty".to_owned(),
        Kind::Time { min, max, zero } => {
            let or_zero = if zero { ", or 0" } else { "" };
            format!(
                "a time from {} to {}{or_zero}",
                units::format_duration(min),
                units::format_duration(max)
            )
        }
        Kind::File | Kind::TokenFile => "the path of a file".to_owned(),
        Kind::Url => "a URL that begins with http:// or https://".to_owned(),
    }
}

/// What a change takes.
pub(super) fn liveness(option: &OptionRecord) -> &'static str {
    if option.live {
        "SIGHUP applies a change"
    } else {
        "a change needs a restart"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_broken_between_words_and_keeps_its_prefix() {
        let prose = "word ".repeat(60);
        let wrapped = wrap(&prose, "# ");
        assert!(wrapped.lines().count() > 2);
        for line in wrapped.lines() {
            assert!(line.starts_with("# word"));
            assert!(line.len() <= LINE_CHARS);
        }
        assert_eq!(wrapped.matches("word").count(), 60);
    }

    #[test]
    fn quoted_text_is_toml() {
        for text in ["", "a\"b\\c", "tab\tnewline\n", "\u{7f}\u{1b}", "gr\u{fc}n"] {
            let document = format!("key = {}", quoted(text));
            let table = toml::de::DeTable::parse(&document).unwrap();
            assert_eq!(table.get_ref()["key"].get_ref().as_str(), Some(text));
        }
    }
}
