//! What was typed: text, and where it came from.

use std::collections::BTreeMap;

use super::complaint::{Complaint, Place};
use super::dialect_defaults;
use super::option::OptionRecord;
use super::options;
use crate::dialect::DialectName;

/// Where a value came from, weakest first: a stronger origin replaces what a weaker one said.
///
/// What a file says about one endpoint is stronger than what it says about all of them; flags and
/// variables speak about all endpoints and beat both, so that an operator in a hurry needs no editor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// Nobody said anything, and the endpoint's dialect has a default of its own.
    Dialect,
    /// A key of the file.
    File,
    /// A key of an endpoint's own table in the file.
    Endpoint,
    /// An environment variable.
    Env,
    /// The command line.
    Flag,
}

impl Origin {
    /// How a user knows `option` if it came from here.
    pub(super) fn name_of(self, option: &OptionRecord) -> String {
        match self {
            Self::File | Self::Endpoint => option.name.to_owned(),
            Self::Env => option.env_name(),
            // Nobody typed a default; the flag is what the user would change it with.
            Self::Default | Self::Dialect | Self::Flag => {
                if option.is_secret() {
                    option.env_name()
                } else {
                    option.flag()
                }
            }
        }
    }
}

/// One value, unread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) text: String,
    /// Where it stands, if in a file.
    pub(super) place: Option<Place>,
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self { text, place: None }
    }
}

/// The values of one option, unread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) origin: Origin,
    /// One text, or any number of them for an option that may be repeated.
    pub(super) texts: Vec<Text>,
}

impl Setting {
    fn of_default<'t>(origin: Origin, texts: impl IntoIterator<Item = &'t str>) -> Self {
        let texts = texts.into_iter().map(|text| Text::from(text.to_owned()));
        Self {
            origin,
            texts: texts.collect(),
        }
    }

    /// The only text, or the first.
    pub(super) fn first(&self) -> &str {
        self.texts.first().map_or("", |text| text.text.as_str())
    }
}

/// What a file says about one endpoint beyond its path and dialect.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct EndpointTable {
    pub(super) app: Option<Text>,
    pub(super) by_name: BTreeMap<&'static str, Setting>,
}

/// The endpoint that a value is wanted for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) dialect: DialectName,
    /// Its table, if the endpoints come from a file.
    pub(super) table: Option<&'a EndpointTable>,
}

/// All options with the text and the origin of their values.
///
/// Nothing is checked here: [`Settings::resolve`] does that for all of them at once, so that a user
/// with three mistakes needs one attempt and not three.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    by_name: BTreeMap<&'static str, Setting>,
    /// One for each value of `endpoint` that came from a file.
    pub(super) tables: Vec<EndpointTable>,
    /// What was wrong already while the sources were read.
    pub(super) complaints: Vec<Complaint>,
}

impl Default for Settings {
    fn default() -> Self {
        let by_name = options::ALL
            .iter()
            .map(|option| {
                let setting = Setting::of_default(Origin::Default, option.defaults());
                (option.name, setting)
            })
            .collect();
        Self {
            by_name,
            tables: Vec::new(),
            complaints: Vec::new(),
        }
    }
}

impl Settings {
    /// Notes what `origin` says about `option`, all its values together.
    ///
    /// The strongest origin counts, in whatever order they are told; the values of different
    /// origins are never mixed.
    pub fn set(&mut self, option: &OptionRecord, origin: Origin, texts: Vec<String>) {
        self.set_texts(option, origin, texts.into_iter().map(Text::from).collect());
    }

    pub(super) fn set_texts(&mut self, option: &OptionRecord, origin: Origin, texts: Vec<Text>) {
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

    /// What holds for one endpoint.
    pub(super) fn get_for(&self, option: &OptionRecord, scope: Scope<'_>) -> Setting {
        let own = scope
            .table
            .and_then(|table| table.by_name.get(option.name))
            .cloned();
        let of_dialect = dialect_defaults::of(scope.dialect, option)
            .map(|text| Setting::of_default(Origin::Dialect, [text]));
        let global = self.get(option).clone();
        [of_dialect, own]
            .into_iter()
            .flatten()
            .fold(global, |held, other| {
                if other.origin > held.origin {
                    other
                } else {
                    held
                }
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(setting: &Setting) -> Vec<&str> {
        setting
            .texts
            .iter()
            .map(|text| text.text.as_str())
            .collect()
    }

    #[test]
    fn stronger_origin_counts_in_any_order() {
        let default = vec!["/_broadcast=strav".to_owned()];
        let typed = vec!["/a=strav".to_owned(), "/b=strav".to_owned()];

        let mut settings = Settings::default();
        assert_eq!(texts(settings.get(&options::ENDPOINT)), default);

        settings.set(&options::ENDPOINT, Origin::Flag, typed.clone());
        settings.set(&options::ENDPOINT, Origin::Default, default);
        assert_eq!(texts(settings.get(&options::ENDPOINT)), typed);
        assert_eq!(settings.origin(&options::ENDPOINT), Origin::Flag);
        assert_eq!(settings.origin(&options::LISTEN), Origin::Default);
    }
}
