//! The environment: one variable for each option.

use std::ffi::OsString;
use std::path::PathBuf;

use super::CONFIG_ENV;
use crate::config::complaint::{Complaint, Fault};
use crate::config::option::{ENV_PREFIX, Kind, OptionRecord};
use crate::config::options;
use crate::config::settings::{Origin, Settings};
use crate::config::suggest::nearest;

/// Takes what the variables say; gives the file that they name.
///
/// An empty variable counts as not set: that is what templates leave behind for a value that nobody
/// filled in.
pub(super) fn read(
    settings: &mut Settings,
    env: impl IntoIterator<Item = (OsString, OsString)>,
) -> Option<PathBuf> {
    let mut ours: Vec<(String, OsString)> = env
        .into_iter()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value))
        .filter(|(name, value)| name.starts_with(ENV_PREFIX) && !value.is_empty())
        .collect();
    // The system gives them in no order; complaints should have one.
    ours.sort();

    let mut config = None;
    for (name, value) in ours {
        if name == CONFIG_ENV {
            config = Some(PathBuf::from(value));
        } else if let Some(option) = options::ALL.iter().find(|o| o.env_name() == name) {
            match value.into_string() {
                Ok(text) => settings.set(option, Origin::Env, split(option, text)),
                Err(_) => complain(settings, name, "is not UTF-8", "write it as UTF-8"),
            }
        } else if !is_service_link(&name, &value.to_string_lossy()) {
            let fix = meant(&name).map_or_else(
                || "unset it; shardcast config env lists all variables".to_owned(),
                |meant| format!("did you mean {meant}?"),
            );
            complain(settings, name, "is no variable of shardcast", fix);
        }
    }
    config
}

/// The variable that was probably meant. All names begin alike, so what they begin with says nothing.
fn meant(name: &str) -> Option<String> {
    let known = options::ALL.map(OptionRecord::env_name);
    let known = known.iter().map(String::as_str).chain([CONFIG_ENV]);
    let rest = |name| str::strip_prefix(name, ENV_PREFIX).unwrap_or_default();
    nearest(rest(name), known.map(rest)).map(|meant| format!("{ENV_PREFIX}{meant}"))
}

fn complain(settings: &mut Settings, name: String, problem: &str, fix: impl Into<String>) {
    settings.complaints.push(Complaint {
        place: None,
        option: name,
        value: None,
        fault: Fault::new(problem, fix),
    });
}

/// Lists are separated by commas or white space, whichever comes first to mind; where commas stand within
/// one value, by white space alone.
fn split(option: &OptionRecord, text: String) -> Vec<String> {
    if !option.repeatable {
        return vec![text];
    }
    let commas_separate = option.kind != Kind::JwtKey;
    text.split(|c: char| (c == ',' && commas_separate) || c.is_whitespace())
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Whether Kubernetes made the variable: for a service of the name `shardcast` it gives every
/// container `SHARDCAST_SERVICE_HOST`, `SHARDCAST_PORT=tcp://10.0.0.1:7001`,
/// `SHARDCAST_PORT_7001_TCP_ADDR` and more. They are nobody's mistake.
fn is_service_link(name: &str, value: &str) -> bool {
    let names_service = name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_");
    let names_port = name.ends_with("_PORT") && value.contains("://");
    let describes_port = name.split_once("_PORT_").is_some_and(|(_, rest)| {
        let digits = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        digits.len() < rest.len()
            && ["_TCP", "_UDP", "_SCTP"]
                .iter()
                .any(|protocol| digits.starts_with(protocol))
    });
    names_service || names_port || describes_port
}
