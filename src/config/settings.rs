//! What was typed: text, and where it came from.

use std::collections::BTreeMap;

use super::option::OptionRecord;
use super::options;

/// Where a value came from, weakest first: a stronger origin replaces what a weaker one said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// The command line.
    Flag,
}

impl Origin {
    /// How a user knows `option` if it came from here.
    pub(super) fn name_of(self, option: &OptionRecord) -> String {
        match self {
            // Nobody typed a default; the flag is what the user would change it with.
            Self::Default | Self::Flag => option.flag(),
        }
    }
}

/// The values of one option, unread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) origin: Origin,
    /// One text, or any number of them for an option that may be repeated.
    pub(super) texts: Vec<String>,
}

/// All options with the text and the origin of their values.
///
/// Nothing is checked here: [`Settings::resolve`] does that for all of them at once, so that a user
/// with three mistakes needs one attempt and not three.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    by_name: BTreeMap<&'static str, Setting>,
}

impl Default for Settings {
    fn default() -> Self {
        let by_name = options::ALL
            .iter()
            .map(|option| {
                let texts = (!option.default.is_empty())
                    .then(|| option.default.to_owned())
                    .into_iter()
                    .collect();
                let origin = Origin::Default;
                (option.name, Setting { origin, texts })
            })
            .collect();
        Self { by_name }
    }
}

impl Settings {
    /// Notes what `origin` says about `option`, all its values together.
    ///
    /// The strongest origin counts, in whatever order they are told; the values of different
    /// origins are never mixed.
    pub fn set(&mut self, option: &OptionRecord, origin: Origin, texts: Vec<String>) {
        let setting = self
            .by_name
            .get_mut(option.name)
            .expect("every record is in options::ALL");
        if origin >= setting.origin {
            *setting = Setting { origin, texts };
        }
    }

    /// Where the value of `option` comes from.
    #[must_use]
    pub fn origin(&self, option: &OptionRecord) -> Origin {
        self.get(option).origin
    }

    pub(super) fn get(&self, option: &OptionRecord) -> &Setting {
        &self.by_name[option.name]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stronger_origin_counts_in_any_order() {
        let default = vec!["/_broadcast=strav".to_owned()];
        let typed = vec!["/a=strav".to_owned(), "/b=strav".to_owned()];

        let mut settings = Settings::default();
        assert_eq!(settings.get(&options::ENDPOINT).texts, default);

        settings.set(&options::ENDPOINT, Origin::Flag, typed.clone());
        settings.set(&options::ENDPOINT, Origin::Default, default);
        assert_eq!(settings.get(&options::ENDPOINT).texts, typed);
        assert_eq!(settings.origin(&options::ENDPOINT), Origin::Flag);
        assert_eq!(settings.origin(&options::LISTEN), Origin::Default);
    }
}
