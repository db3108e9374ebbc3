//! What a description leaves open, `${PORT}` for example, and what is filled in.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// All that can be left open.
const NAMES: [&str; 6] = ["PORT", "SHARDCAST", "LOADTEST", "SERVER_CPU", "CERT", "KEY"];

/// What is filled in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places(Vec<(&'static str, String)>);

/// A certificate for this machine that vouches for itself, and its key, in files.
#[derive(Debug)]
pub(crate) struct Identity {
    certificate: PathBuf,
    key: PathBuf,
}

impl Places {
    /// With what is the same for every server.
    ///
    /// # Errors
    ///
    /// When this program does not know where it lies.
    pub(crate) fn new() -> Result<Self, Failure> {
        let own = std::env::current_exe()
            .map_err(|error| Failure::system("cannot find this program", error))?;
        let shardcast = own.with_file_name("shardcast");
        let places = Self::default().with("SHARDCAST", shardcast.display());
        Ok(places.with("LOADTEST", own.display()))
    }

    /// With one more.
    pub(crate) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.0.push((name, value.to_string()));
        self
    }

    /// With the files of an identity.
    pub(crate) fn with_identity(self, identity: &Identity) -> Self {
        self.with("CERT", identity.certificate.display())
            .with("KEY", identity.key.display())
    }

    /// Fills in what is left open; what is not known here stays as it is.
    pub(crate) fn fill(&self, text: &str) -> String {
        let known = self.0.iter();
        known.fold(text.to_owned(), |text, (name, value)| {
            text.replace(&format!("${{{name}}}"), value)
        })
    }

    /// Whether all that a text leaves open will be known; what is not in capitals is none of ours.
    ///
    /// # Errors
    ///
    /// Words that name what is not, and what is.
    pub(crate) fn check(text: &str) -> Result<(), String> {
        for rest in text.split("${").skip(1) {
            let name = rest.split('}').next().unwrap_or_default();
            let is_ours = name
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte == b'_');
            if is_ours && !NAMES.contains(&name) {
                let known = NAMES.map(|name| format!("${{{name}}}")).join(", ");
                return Err(format!(
                    "${{{name}}} is not known; what is filled in is {known}"
                ));
            }
        }
        Ok(())
    }
}

impl Identity {
    /// Makes one; its files go with the folder.
    ///
    /// # Errors
    ///
    /// When the folder takes no files.
    pub(crate) fn make(folder: &Path) -> Result<Self, Failure> {
        let failed = |error: &dyn std::error::Error| {
            Failure::system("cannot make a certificate for TLS", error)
        };
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])
            .map_err(|error| failed(&error))?;
        let identity = Self {
            certificate: folder.join("certificate.pem"),
            key: folder.join("key.pem"),
        };
        let key = made.signing_key.serialize_pem();
        let written = fs::write(&identity.certificate, made.cert.pem())
            .and_then(|()| write_secret(&identity.key, key.as_bytes()));
        written.map_err(|error| failed(&error))?;
        Ok(identity)
    }
}

fn write_secret(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options.open(path)?.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_filled_in_wherever_it_stands() {
        let places = Places::default().with("PORT", 7).with("CERT", "/a b");
        assert_eq!(
            places.fill("${PORT}:${PORT}=${CERT}${x}$PORT"),
            "7:7=/a b${x}$PORT"
        );
    }
}
