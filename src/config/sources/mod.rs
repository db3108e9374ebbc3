//! Reads the sources of settings: a file, the environment, the flags.

mod environment;
mod file;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::complaint::{Complaint, Fault};
use super::option::OptionRecord;
use super::settings::{Origin, Settings};

/// The flag that names the file.
pub const CONFIG_FLAG: &str = "config";

/// The variable that names the file, if the flag does not.
pub const CONFIG_ENV: &str = "SHARDCAST_CONFIG";

/// What the command line said: kept, so that a reload reads everything else anew.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    /// The file, if a flag names it.
    pub config: Option<PathBuf>,
    /// Options with the values of their flags.
    pub flags: Vec<(&'static OptionRecord, Vec<String>)>,
}

impl Sources {
    /// Reads the file, then `env`, and adds the flags.
    ///
    /// What cannot be read is kept as a complaint, for [`Settings::resolve`] to tell with the others.
    #[must_use]
    pub fn read(&self, env: impl IntoIterator<Item = (OsString, OsString)>) -> Settings {
        let mut settings = Settings::default();
        let from_env = environment::read(&mut settings, env);
        let named = match (&self.config, from_env) {
            (Some(path), _) => Some((format!("--{CONFIG_FLAG}"), path.clone())),
            (None, Some(path)) => Some((CONFIG_ENV.to_owned(), path)),
            (None, None) => None,
        };
        if let Some((named_by, path)) = named {
            read_file(&mut settings, named_by, &path);
        }
        for (option, texts) in &self.flags {
            settings.set(option, Origin::Flag, texts.clone());
        }
        settings
    }
}

fn read_file(settings: &mut Settings, named_by: String, path: &Path) {
    match std::fs::read_to_string(path) {
        Ok(text) => file::read(settings, &path.display().to_string(), &text),
        Err(error) => settings.complaints.push(Complaint {
            place: None,
            option: named_by,
            value: Some(path.display().to_string()),
            fault: Fault::new(
                format!("cannot be read ({error})"),
                "name a TOML file; shardcast config default prints one to start from",
            ),
        }),
    }
}

#[cfg(test)]
mod tests;
