//! Whether a server is here, and how it gets here.

use std::process::{Command, Stdio};
use std::rc::Rc;

use rustix::process::geteuid;
use serde::Serialize;

use super::{Peer, Places, SHARDCAST};
use crate::failure::Failure;
use crate::runner::Runner;

/// Looks for servers and brings them.
#[derive(Debug)]
pub(crate) struct Installer<'a> {
    /// Whose programs they run as.
    pub(crate) runner: &'a Runner,
    /// What descriptions leave open.
    pub(crate) places: &'a Places,
}

impl Installer<'_> {
    /// Whether all is there that a server needs.
    pub(crate) fn is_installed(&self, peer: &Peer) -> bool {
        let marker = peer.installed.as_ref().map(|path| self.places.fill(path));
        marker.is_none_or(|path| peer.folder().join(path).exists())
            && peer.packages.iter().all(|package| has_package(package))
    }

    /// Brings it, and says on standard error what is run for that.
    ///
    /// # Errors
    ///
    /// When a command fails, or this may not install packages; what to do is said.
    pub(crate) fn install(&self, peer: &Peer) -> Result<(), Failure> {
        if peer.is_ours() && !self.is_installed(peer) {
            return Err(Failure::CannotMeasure(format!(
                "{} is not there: cargo build --release --workspace",
                self.places.fill(SHARDCAST)
            )));
        }
        let packages = peer.packages.iter().filter(|package| !has_package(package));
        let packages: Vec<&str> = packages.map(String::as_str).collect();
        if !packages.is_empty() {
            self.run(peer, &with_apt(&packages)?)?;
        }
        for command in &peer.install {
            self.run(peer, command)?;
        }
        match self.is_installed(peer) {
            true => Ok(()),
            false => Err(Failure::CannotMeasure(format!(
                "{} is not there, though all that installs it was run: see `installed` and `packages` of {}",
                peer.name, peer.key
            ))),
        }
    }

    /// How servers are set up, each once.
    pub(crate) fn setups<'a>(&self, peers: impl Iterator<Item = &'a Rc<Peer>>) -> Vec<Setup> {
        let mut setups: Vec<Setup> = Vec::new();
        for peer in peers {
            if setups.iter().all(|other| other.name != peer.name) {
                setups.push(Setup {
                    name: peer.name.clone(),
                    version: self.version(peer),
                    about: peer.about.clone(),
                    is_ours: peer.is_ours(),
                });
            }
        }
        setups
    }

    /// What it says of its version; `None` if it says nothing.
    fn version(&self, peer: &Peer) -> Option<String> {
        let words: Vec<String> = peer
            .version
            .iter()
            .map(|word| self.places.fill(word))
            .collect();
        if words.is_empty() {
            return None;
        }
        let output = peer.command(&words).output().ok()?;
        let said = [output.stdout, output.stderr].concat();
        version_in(&String::from_utf8_lossy(&said))
    }

    fn run(&self, peer: &Peer, words: &[String]) -> Result<(), Failure> {
        let line = words.join(" ");
        eprintln!(
            "installing {}, in {}: {line}",
            peer.name,
            peer.folder().display()
        );
        let words: Vec<String> = words.iter().map(|word| self.places.fill(word)).collect();
        let mut command = peer.command(&words);
        command
            .env("DEBIAN_FRONTEND", "noninteractive")
            // Standard output is for the tables.
            .stdout(std::io::stderr());
        let status = self.runner.run_to_its_end(&mut command)?;
        match status.success() {
            true => Ok(()),
            false => Err(Failure::CannotMeasure(format!(
                "{} could not be installed: {line}: {status}",
                peer.name
            ))),
        }
    }
}

/// How a server is set up.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Setup {
    pub(crate) name: String,
    /// What it says of it.
    version: Option<String>,
    /// What makes it fast.
    pub(crate) about: String,
    /// Whether it is the server of this project.
    #[serde(rename = "ours")]
    pub(crate) is_ours: bool,
}

impl Setup {
    /// For a list.
    pub(crate) fn name_and_version(&self) -> String {
        match &self.version {
            Some(version) => format!("{} {version}", self.name),
            None => self.name.clone(),
        }
    }
}

/// What a text says behind its first words: `nginx version: nginx/1.22.1` is 1.22.1.
fn version_in(said: &str) -> Option<String> {
    let line = said
        .lines()
        .find(|line| line.contains(|c: char| c.is_ascii_digit()))?;
    let at = line.find(|c: char| c.is_ascii_digit())?;
    Some(line[at..].trim().to_owned())
}

fn has_package(name: &str) -> bool {
    let asked = Command::new("dpkg-query")
        .args(["--show", "--showformat=${db:Status-Status}", name])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    asked.is_ok_and(|output| output.stdout == b"installed")
}

fn with_apt(packages: &[&str]) -> Result<Vec<String>, Failure> {
    let install = ["apt-get", "install", "--yes", "--no-install-recommends"];
    let words = install.iter().chain(packages);
    let sudo: &[&str] = match geteuid().is_root() {
        true => &[],
        false => &["sudo", "-n"],
    };
    let may = sudo.is_empty()
        || Command::new("sudo")
            .args(["-n", "true"])
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
    if !may {
        return Err(Failure::CannotMeasure(format!(
            "missing: {0}; install them: sudo apt-get install {0}",
            packages.join(" ")
        )));
    }
    Ok(sudo
        .iter()
        .chain(words)
        .map(|word| (*word).to_owned())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_behind_names() {
        for (said, version) in [
            ("1.4.5\n", "1.4.5"),
            ("nginx version: nginx/1.22.1\n", "1.22.1"),
            ("shardcast 0.1.0 (f9d1a37)\n", "0.1.0 (f9d1a37)"),
            (
                "warning\n8.18.0 on Node.js v20.19.2\n",
                "8.18.0 on Node.js v20.19.2",
            ),
        ] {
            assert_eq!(version_in(said).as_deref(), Some(version));
        }
        assert_eq!(version_in("unknown\n"), None);
    }
}
