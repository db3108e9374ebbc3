//! What some dialects need to be told.

use std::path::{Path, PathBuf};

use clap::Args;

use super::Dialect;
use super::pusher::App;
use crate::failure::Failure;

/// Arguments of single dialects.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct DialectArgs {
    /// What is said in the dialect custom, as TOML
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,
    /// The application's key in the dialect pusher [default: app-key]
    #[arg(long, value_name = "KEY")]
    pusher_key: Option<String>,
    /// The application's secret, which lets clients join [default: app-secret]
    #[arg(long, value_name = "SECRET")]
    pusher_secret: Option<String>,
}

impl DialectArgs {
    /// Whether they are those of `dialect`.
    ///
    /// # Errors
    ///
    /// When there are some of another one.
    pub(super) fn check(&self, dialect: Dialect) -> Result<(), Failure> {
        let usage = |why: &str| Err(Failure::Usage(why.to_owned()));
        if self.template.is_some() && dialect != Dialect::Custom {
            return usage("--template goes with --dialect custom");
        }
        let of_pusher = [&self.pusher_key, &self.pusher_secret];
        if of_pusher.iter().any(|given| given.is_some()) && dialect != Dialect::Pusher {
            return usage("--pusher-key and --pusher-secret go with --dialect pusher");
        }
        Ok(())
    }

    /// The template.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub(super) fn template(&self) -> Result<&Path, Failure> {
        let why = "--dialect custom needs --template";
        self.template
            .as_deref()
            .ok_or_else(|| Failure::Usage(why.to_owned()))
    }

    /// The application, by default that of the examples in its servers' documentation. Its key is a part of a path and of JSON.
    ///
    /// # Errors
    ///
    /// When the key has signs that stand for something there.
    pub(super) fn pusher_app(&self) -> Result<App, Failure> {
        let or = |given: &Option<String>, default: &str| {
            given.clone().unwrap_or_else(|| default.to_owned())
        };
        let key = or(&self.pusher_key, "app-key");
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if key.is_empty() || !key.bytes().all(is_plain) {
            return Err(Failure::Usage(
                "--pusher-key has letters, digits, dashes, dots and underscores only".to_owned(),
            ));
        }
        Ok(App {
            key,
            secret: or(&self.pusher_secret, "app-secret"),
        })
    }
}
