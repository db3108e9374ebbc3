//! The file: TOML, one key for each option, and a table for each endpoint.

use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::complaint::{Complaint, Fault, Place};
use crate::config::option::{Kind, OptionRecord};
use crate::config::options::{self, ENDPOINT};
use crate::config::settings::{EndpointTable, Origin, Setting, Settings, Text};
use crate::config::suggest::nearest;
use crate::dialect::DialectName;

/// The keys of an endpoint's table that are no options.
const PATH: &str = "path";
const DIALECT: &str = "dialect";
const APP: &str = "app";

/// Takes what the text of a file says.
///
/// A text that is no TOML is complained about at each place, and nothing of it is taken: what a
/// parser makes of the rest would only raise complaints about things that nobody wrote.
pub(super) fn read(settings: &mut Settings, name: &str, text: &str) {
    let mut reader = FileReader {
        settings,
        name: name.into(),
        text,
    };
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let problem = format!("is no TOML ({})", error.message());
        let place = reader.place(error.span().unwrap_or_default());
        let fix = "mend it; a text needs quotes, a list needs brackets";
        reader.complain(place, "this line", None, Fault::new(problem, fix));
    }
    if errors.is_empty() {
        reader.read_table(table.get_ref());
    }
}

struct FileReader<'a> {
    settings: &'a mut Settings,
    name: Arc<str>,
    text: &'a str,
}

/// A key with its value.
type Entry<'t, 'i> = (
    &'t Spanned<std::borrow::Cow<'i, str>>,
    &'t Spanned<DeValue<'i>>,
);

impl FileReader<'_> {
    fn read_table(&mut self, table: &DeTable<'_>) {
        for (key, value) in in_order(table) {
            let name = key.get_ref();
            if *name == ENDPOINT.name {
                self.read_endpoints(value);
            } else if let Some(option) = options::ALL.iter().find(|o| o.name == *name) {
                if let Some(texts) = self.read_value(option, value) {
                    self.settings.set_texts(option, Origin::File, texts);
                }
            } else {
                let known = options::ALL.iter().map(|option| option.name);
                let fix = nearest(name, known).map_or_else(
                    || "remove it; shardcast config default shows all keys".to_owned(),
                    |meant| format!("did you mean {meant}?"),
                );
                self.complain_of_key(key, Fault::new("is no key of a configuration", fix));
            }
        }
    }

    /// `endpoint = ["/a=strav"]`, or one table for each.
    fn read_endpoints(&mut self, value: &Spanned<DeValue<'_>>) {
        let DeValue::Array(array) = value.get_ref() else {
            let fix = "write a table for each: [[endpoint]], path = \"/live\", dialect = \"strav\"";
            self.complain_of_type(&ENDPOINT, value, fix);
            return;
        };
        let mut texts = Vec::new();
        let mut tables = Vec::new();
        for item in array {
            let read = match item.get_ref() {
                DeValue::Table(table) => self.read_endpoint(table, item.span()),
                DeValue::String(text) => Some((text.to_string(), EndpointTable::default())),
                _ => {
                    let fix =
                        "write a table with path and dialect, or a text such as \"/live=strav\"";
                    self.complain_of_type(&ENDPOINT, item, fix);
                    None
                }
            };
            if let Some((text, table)) = read {
                let place = Some(self.place(item.span()));
                texts.push(Text { text, place });
                tables.push(table);
            }
        }
        self.settings.set_texts(&ENDPOINT, Origin::File, texts);
        self.settings.tables = tables;
    }

    /// Gives `PATH=DIALECT`, and what else the table says.
    fn read_endpoint(
        &mut self,
        table: &DeTable<'_>,
        span: Range<usize>,
    ) -> Option<(String, EndpointTable)> {
        let mut own = EndpointTable::default();
        let (mut path, mut dialect) = (None, None);
        let mut is_whole = true;
        for (key, value) in in_order(table) {
            let name = key.get_ref().as_ref();
            let option = options::OF_ENDPOINTS.iter().find(|o| o.name == name);
            match (name, option) {
                (PATH, _) => path = self.read_string(name, value),
                (DIALECT, _) => dialect = self.read_dialect(value),
                (APP, _) => own.app = self.read_string(name, value),
                (_, Some(option)) => {
                    if let Some(texts) = self.read_value(option, value) {
                        let origin = Origin::Endpoint;
                        own.by_name.insert(option.name, Setting { origin, texts });
                    }
                }
                (_, None) => self.complain_of_endpoint_key(key),
            }
        }
        for (key, example) in [(PATH, "/live"), (DIALECT, "strav")] {
            if !table.iter().any(|(held, _)| held.get_ref() == key) {
                let place = self.place(span.clone());
                let fault = Fault::new(format!("has no {key}"), format!("add {key} = {example:?}"));
                self.complain(place, "this endpoint", None, fault);
                is_whole = false;
            }
        }
        let (path, dialect) = (path?, dialect?);
        self.check_dialect_of_keys(table, &dialect.text);
        is_whole.then(|| (format!("{}={}", path.text, dialect.text), own))
    }

    /// Complains of every key that means nothing to the endpoint's dialect.
    fn check_dialect_of_keys(&mut self, table: &DeTable<'_>, dialect: &str) {
        let Some(dialect) = DialectName::from_name(dialect) else {
            return;
        };
        for (key, _) in in_order(table) {
            let option = options::OF_ENDPOINTS
                .iter()
                .find(|o| o.name == key.get_ref());
            let Some(only) = option.and_then(|option| option.group.dialect()) else {
                continue;
            };
            if only != dialect {
                let problem = format!("means nothing to {dialect}");
                let fix = format!("remove it: only endpoints of {only} have it");
                self.complain_of_key(key, Fault::new(problem, fix));
            }
        }
    }

    /// A dialect is checked here already: with a `=` in it, it would move the border of the path.
    fn read_dialect(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Text> {
        let text = self.read_string(DIALECT, value)?;
        if DialectName::from_name(&text.text).is_some() {
            return Some(text);
        }
        let known = DialectName::ALL.map(DialectName::as_str).join(", ");
        let fault = Fault::new("does not exist", format!("the dialects are {known}"));
        let place = self.place(value.span());
        self.complain(place, DIALECT, Some(text.text), fault);
        None
    }

    fn read_string(&mut self, key: &str, value: &Spanned<DeValue<'_>>) -> Option<Text> {
        let DeValue::String(text) = value.get_ref() else {
            let problem = format!("is {}", name_of_type(value.get_ref()));
            let place = self.place(value.span());
            let fault = Fault::new(problem, "write a text in quotes");
            self.complain(place, key, Some(self.quote(value)), fault);
            return None;
        };
        Some(Text {
            text: text.to_string(),
            place: Some(self.place(value.span())),
        })
    }

    /// The texts of an option, or a complaint about a type that makes no sense for it.
    fn read_value(
        &mut self,
        option: &OptionRecord,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<Vec<Text>> {
        if !option.repeatable {
            return self.read_scalar(option, value).map(|text| vec![text]);
        }
        let DeValue::Array(array) = value.get_ref() else {
            let fix = format!("write a list: {} = [\"...\"]", option.name);
            self.complain_of_type(option, value, &fix);
            return None;
        };
        let texts = array.iter().map(|item| self.read_scalar(option, item));
        // All of them are read before the first that is wrong counts.
        texts.collect::<Vec<_>>().into_iter().collect()
    }

    fn read_scalar(&mut self, option: &OptionRecord, value: &Spanned<DeValue<'_>>) -> Option<Text> {
        let text = match (value.get_ref(), option.kind) {
            (DeValue::Boolean(on), Kind::Switch) => on.to_string(),
            (DeValue::String(text), kind) if kind != Kind::Switch => text.to_string(),
            // A time is taken too: 0 needs no unit, and the complaint about another number tells
            // about units.
            (
                DeValue::Integer(number),
                Kind::Count { .. } | Kind::Size { .. } | Kind::Time { .. } | Kind::Cpus,
            ) => i128::from_str_radix(number.as_str(), number.radix())
                .map_or_else(|_| number.to_string(), |number| number.to_string()),
            _ => {
                self.complain_of_type(option, value, fix_of_type(option.kind));
                return None;
            }
        };
        Some(Text {
            text,
            place: Some(self.place(value.span())),
        })
    }

    fn complain_of_endpoint_key(&mut self, key: &Spanned<std::borrow::Cow<'_, str>>) {
        let name = key.get_ref();
        let fault = if options::ALL.iter().any(|option| option.name == *name) {
            let fix = "move it above the first [[endpoint]]: it holds for the whole server";
            Fault::new("is no key of an endpoint", fix)
        } else {
            let known = options::OF_ENDPOINTS.iter().map(|option| option.name);
            let known = known.chain([PATH, DIALECT, APP]);
            let fix = nearest(name, known).map_or_else(
                || "remove it; shardcast config default shows all keys".to_owned(),
                |meant| format!("did you mean {meant}?"),
            );
            Fault::new("is no key of an endpoint", fix)
        };
        self.complain_of_key(key, fault);
    }

    fn complain_of_key(&mut self, key: &Spanned<std::borrow::Cow<'_, str>>, fault: Fault) {
        let place = self.place(key.span());
        self.complain(place, key.get_ref(), None, fault);
    }

    fn complain_of_type(&mut self, option: &OptionRecord, value: &Spanned<DeValue<'_>>, fix: &str) {
        let problem = format!("is {}", name_of_type(value.get_ref()));
        let typed = (!option.is_secret()).then(|| self.quote(value));
        let place = self.place(value.span());
        self.complain(place, option.name, typed, Fault::new(problem, fix));
    }

    fn complain(&mut self, place: Place, option: &str, value: Option<String>, fault: Fault) {
        self.settings.complaints.push(Complaint {
            place: Some(place),
            option: option.to_owned(),
            value,
            fault,
        });
    }

    fn place(&self, span: Range<usize>) -> Place {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        Place {
            file: Arc::clone(&self.name),
            line: 1 + before.bytes().filter(|byte| *byte == b'\n').count(),
        }
    }

    /// A value as it stands in the file, the beginning of a long one.
    fn quote(&self, value: &Spanned<DeValue<'_>>) -> String {
        const CHARS_MAX: usize = 40;
        if let DeValue::String(text) = value.get_ref() {
            return text.to_string();
        }
        let written = self.text.get(value.span()).unwrap_or_default();
        let mut quoted: String = written.chars().take(CHARS_MAX).collect();
        if quoted.len() < written.len() {
            quoted.push_str("...");
        }
        quoted
    }
}

/// The entries as they stand in the file; the parser sorts them by name.
fn in_order<'t, 'i>(table: &'t DeTable<'i>) -> Vec<Entry<'t, 'i>> {
    let mut entries: Vec<Entry<'t, 'i>> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

fn name_of_type(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn fix_of_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Switch => "write true or false, without quotes",
        Kind::Count { .. } => "write a whole number",
        Kind::Size { .. } => "write bytes, or a text such as \"64KiB\"",
        Kind::Time { .. } => "write a text with a unit, such as \"30s\"",
        Kind::Cpus => "write a text such as \"0,2-3\"",
        _ => "write a text in quotes",
    }
}
