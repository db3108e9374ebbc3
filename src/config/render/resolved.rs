//! The configuration as it was resolved, with the origin of each value.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::text::{quoted, values};
use crate::config::complaint::Complaint;
use crate::config::endpoints::{self, ListedEndpoint};
use crate::config::option::{Kind, OptionRecord};
use crate::config::options::{self, OF_ENDPOINTS};
use crate::config::reader::Reader;
use crate::config::settings::{Origin, Setting, Settings};
use crate::config::{cpu_list, units};
use crate::service::ServerConfig;

/// What stands for a secret.
const SECRET: &str = "<set>";

/// Settings that were found to be in order, with what they mean on this machine.
#[derive(Debug, Clone, Copy)]
pub struct Resolved<'a> {
    /// What was typed.
    pub settings: &'a Settings,
    /// What it resolved to.
    pub config: &'a ServerConfig,
}

impl<'a> Resolved<'a> {
    /// As a TOML file: it could be used as one (but for secrets), and would give the same result.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        for option in options::ALL
            .into_iter()
            .filter(|o| o.kind != Kind::Endpoint)
        {
            let setting = self.settings.get(option);
            let comment = self.comment(option, setting, None);
            write_line(&mut text, option, setting, &comment);
        }
        let listed = self.endpoints();
        let of_list = self.settings.get(&options::ENDPOINT);
        for (index, endpoint) in listed.iter().enumerate() {
            let comment = match of_list.texts.get(index) {
                Some(typed) => match &typed.place {
                    Some(place) => place.to_string(),
                    None => self.comment(&options::ENDPOINT, of_list, None),
                },
                // The one beyond the list.
                None => options::DEV_ECHO.flag(),
            };
            let path = quoted(&endpoint.path);
            let dialect = quoted(endpoint.dialect.as_str());
            let app = quoted(endpoint.app());
            let of_app = match endpoint.named_app().and_then(|app| app.place.as_ref()) {
                Some(place) => place.to_string(),
                None => "default: topics of its own".to_owned(),
            };
            write(
                &mut text,
                format_args!(
                    "\n[[endpoint]]  # {comment}\npath = {path}\ndialect = {dialect}\n\
                     app = {app}  # {of_app}\n"
                ),
            );
            for option in of_endpoint(endpoint) {
                let setting = self.settings.get_for(option, endpoint.scope());
                let comment = self.comment(option, &setting, Some(endpoint));
                write_line(&mut text, option, &setting, &comment);
            }
        }
        text
    }

    /// For scripts: `options` of the whole server, and `endpoints` with theirs.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let globals = options::ALL
            .into_iter()
            .filter(|o| o.kind != Kind::Endpoint);
        let options: Map<String, Value> = globals
            .map(|option| {
                let setting = self.settings.get(option);
                (option.name.to_owned(), self.entry(option, setting, None))
            })
            .collect();
        let listed = self.endpoints();
        let endpoints: Vec<Value> = listed
            .iter()
            .map(|endpoint| {
                let options: Map<String, Value> = of_endpoint(endpoint)
                    .map(|option| {
                        let setting = self.settings.get_for(option, endpoint.scope());
                        let entry = self.entry(option, &setting, Some(endpoint));
                        (option.name.to_owned(), entry)
                    })
                    .collect();
                json!({
                    "path": endpoint.path,
                    "dialect": endpoint.dialect.as_str(),
                    "app": endpoint.app(),
                    "options": options,
                })
            })
            .collect();
        json!({ "ok": true, "options": options, "endpoints": endpoints })
    }

    fn endpoints(&self) -> Vec<ListedEndpoint<'a>> {
        endpoints::read(&mut Reader::new(self.settings))
    }

    /// Where a value comes from, and what `auto` means here.
    fn comment(
        &self,
        option: &OptionRecord,
        setting: &Setting,
        endpoint: Option<&ListedEndpoint<'_>>,
    ) -> String {
        let place = setting.texts.iter().find_map(|text| text.place.as_ref());
        let mut comment = match (setting.origin, endpoint, place) {
            (Origin::Dialect, Some(endpoint), _) => format!("default of {}", endpoint.dialect),
            (Origin::Default | Origin::Dialect, ..) => "default".to_owned(),
            (_, _, Some(place)) => place.to_string(),
            // An empty list has no place of its own.
            (Origin::File | Origin::Endpoint, _, None) => "file".to_owned(),
            (Origin::Env | Origin::Flag, ..) => setting.origin.name_of(option),
        };
        if let Some(meaning) = self.meaning_of_auto(option, setting) {
            write(&mut comment, format_args!("; here {meaning}"));
        }
        comment
    }

    fn meaning_of_auto(&self, option: &OptionRecord, setting: &Setting) -> Option<String> {
        if setting.first() != "auto" {
            return None;
        }
        if *option == options::SHARDS {
            Some(self.config.shards.to_string())
        } else if *option == options::CPUS {
            let cpus = self.config.cpus.as_deref();
            Some(cpus.map_or_else(|| "none".to_owned(), cpu_list::format))
        } else {
            None
        }
    }

    fn entry(
        &self,
        option: &OptionRecord,
        setting: &Setting,
        endpoint: Option<&ListedEndpoint<'_>>,
    ) -> Value {
        let texts = shown(option, setting);
        let mut entry = json!({
            "value": if option.repeatable {
                json!(texts)
            } else {
                texts.first().map_or(Value::Null, |text| json_value(option, text))
            },
            "origin": word(setting.origin),
            "from": self.comment(option, setting, endpoint),
        });
        // Scripts compare numbers.
        match option.kind {
            Kind::Size { .. } => entry["bytes"] = json!(units::parse_bytes(setting.first())),
            Kind::Time { .. } => {
                let time = units::parse_duration(setting.first());
                entry["ms"] = json!(time.map(|time| time.as_secs_f64() * 1e3));
            }
            _ => {}
        }
        entry
    }
}

/// What is wrong, for scripts.
#[must_use]
pub fn complaints_as_json(complaints: &[Complaint]) -> Value {
    let complaints: Vec<Value> = complaints
        .iter()
        .map(|complaint| {
            json!({
                "option": complaint.option,
                "place": complaint.place.as_ref().map(ToString::to_string),
                "value": complaint.value,
                "problem": complaint.fault.problem,
                "fix": complaint.fault.fix,
            })
        })
        .collect();
    json!({ "ok": false, "complaints": complaints })
}

/// The options that mean something to an endpoint.
fn of_endpoint(endpoint: &ListedEndpoint<'_>) -> impl Iterator<Item = &'static OptionRecord> {
    let dialect = endpoint.dialect;
    let options = OF_ENDPOINTS.into_iter();
    options.filter(move |option| option.concerns(dialect))
}

fn json_value(option: &OptionRecord, text: &str) -> Value {
    match option.kind {
        Kind::Switch => json!(text == "true"),
        Kind::Count { .. } => text
            .parse::<usize>()
            .map_or_else(|_| json!(text), Value::from),
        _ => json!(text),
    }
}

fn word(origin: Origin) -> &'static str {
    match origin {
        Origin::Default => "default",
        Origin::Dialect => "dialect",
        Origin::File => "file",
        Origin::Endpoint => "endpoint",
        Origin::Env => "env",
        Origin::Flag => "flag",
    }
}

fn shown<'s>(option: &OptionRecord, setting: &'s Setting) -> Vec<&'s str> {
    let texts = setting.texts.iter();
    texts
        .map(|text| {
            // An empty text stands for nothing, and hides nothing.
            if option.is_secret() && !text.text.is_empty() {
                SECRET
            } else {
                text.text.as_str()
            }
        })
        .collect()
}

fn write_line(text: &mut String, option: &OptionRecord, setting: &Setting, comment: &str) {
    let texts = shown(option, setting);
    if texts.is_empty() && !option.repeatable {
        write(text, format_args!("# {} is not set\n", option.name));
        return;
    }
    let value = values(option, texts);
    write(
        text,
        format_args!("{} = {value}  # {comment}\n", option.name),
    );
}

fn write(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments)
        .expect("a String takes everything");
}

#[cfg(test)]
mod tests;
