//! The name that was probably meant.

/// How alike two names must be before one is suggested for the other. Below this, suggestions for
/// short names are mostly wrong.
const ALIKE: f64 = 0.8;

/// The one of `known` that is most like `typed`, if any is alike at all.
///
/// Case and the choice between dash and underscore do not count: they are the usual slips between a
/// flag, a key and a variable.
pub(super) fn nearest<'a>(
    typed: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let plain = |name: &str| name.to_ascii_lowercase().replace('_', "-");
    let typed = plain(typed);
    known
        .into_iter()
        .map(|name| (strsim::jaro(&typed, &plain(name)), name))
        .filter(|(alike, _)| *alike > ALIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::options;

    #[test]
    fn slips_find_their_name_and_strangers_find_none() {
        let known = || options::ALL.iter().map(|option| option.name);
        for (typed, meant) in [
            ("max-mesage-bytes", "max-message-bytes"),
            ("max_message_bytes", "max-message-bytes"),
            ("Listen", "listen"),
            ("lisen", "listen"),
            ("endpoints", "endpoint"),
            ("ping-intervall", "ping-interval"),
            ("log_level", "log-level"),
        ] {
            assert_eq!(nearest(typed, known()), Some(meant), "{typed}");
        }
        for typed in ["", "x", "quic", "redis-url", "database"] {
            assert_eq!(nearest(typed, known()), None, "{typed}");
        }
    }
}
