//! Servers to measure, each described by a small file, and what is done with them: install, start, stop.

mod catalogue;
mod install;
mod places;
mod port;
mod server;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

pub(crate) use self::catalogue::{Catalogue, DESCRIPTIONS};
pub(crate) use self::install::{Installer, Setup};
pub(crate) use self::places::{Identity, Places};
pub(crate) use self::port::Port;
pub(crate) use self::server::{Server, Situation, Start};
use crate::failure::Failure;
use crate::written::Written;

/// A server as its description has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Peer {
    /// As tables print it.
    pub(crate) name: String,
    /// How it is set up for speed.
    #[serde(default)]
    pub(crate) about: String,
    /// Where its commands run, seen from the description.
    #[serde(default)]
    folder: PathBuf,
    /// Debian packages that it needs.
    #[serde(default)]
    packages: Vec<String>,
    /// Commands that install it, once.
    #[serde(default)]
    install: Vec<Vec<String>>,
    /// What exists once they have run, seen from the folder.
    installed: Option<String>,
    /// Prints its version.
    #[serde(default)]
    version: Vec<String>,
    /// Starts it; it stays in the process that is started.
    pub(crate) command: Vec<String>,
    /// Variables that it gets besides those that are there.
    #[serde(default)]
    pub(crate) environment: BTreeMap<String, String>,
    /// Where the harness connects.
    pub(crate) url: String,
    /// What its clients speak.
    #[serde(default = "strav")]
    pub(crate) dialect: String,
    /// The file of a dialect that is described.
    template: Option<PathBuf>,
    /// Scenarios that it can be asked; `None` for all.
    scenarios: Option<Vec<String>>,
    /// Threads that serve.
    #[serde(default = "one")]
    pub(crate) threads: u32,
    /// What of it runs beside the clients instead.
    pub(crate) beside: Option<Beside>,
    /// What lets it speak TLS.
    pub(crate) tls: Option<Variant>,
    /// What lets it compress.
    pub(crate) deflate: Option<Variant>,
    /// What it is called on the command line and in plans.
    #[serde(skip)]
    pub(crate) key: String,
    /// The folder of the description.
    #[serde(skip)]
    home: PathBuf,
}

/// What a server is started with besides.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Variant {
    /// Behind those of the command.
    #[serde(default)]
    pub(crate) arguments: Vec<String>,
    #[serde(default)]
    pub(crate) environment: BTreeMap<String, String>,
    /// Instead of the description's own.
    pub(crate) url: Option<String>,
}

/// A thread that only takes orders, and whose work is not what a delivery costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Beside {
    /// The one that the process began with.
    Main,
}

/// What a run wants of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extras {
    /// It compresses.
    pub(crate) deflate: bool,
    /// It speaks TLS.
    pub(crate) tls: bool,
}

impl Peer {
    /// Reads a description.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`] with the line of what is wrong.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let written = Written::read(path)?;
        let mut peer: Self = written.parse()?;
        let stem = path.file_stem().unwrap_or_default();
        peer.key = stem.to_string_lossy().into_owned();
        peer.settle(written.folder())
            .map_err(|why| written.complaint(0..0, why))?;
        Ok(peer)
    }

    /// One that is described in another file, which lies in `home`.
    ///
    /// # Errors
    ///
    /// Words for what is wrong.
    pub(crate) fn described_in(home: &Path, mut peer: Self) -> Result<Self, String> {
        peer.key.clone_from(&peer.name);
        peer.settle(home)?;
        Ok(peer)
    }

    /// Where its commands run.
    pub(crate) fn folder(&self) -> PathBuf {
        self.home.join(&self.folder)
    }

    /// One of its commands, to be run in its folder, where its first word is looked for if it is a path.
    ///
    /// # Panics
    ///
    /// When there is not one word.
    pub(crate) fn command(&self, words: &[String]) -> Command {
        let (program, arguments) = words.split_first().expect("it was checked");
        let folder = self.folder();
        let program = match program.contains('/') {
            true => folder.join(program),
            false => program.into(),
        };
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::null());
        command
    }

    /// Whether it is the server of this project.
    pub(crate) fn is_ours(&self) -> bool {
        self.command.first().is_some_and(|word| word == SHARDCAST)
    }

    /// Whether it is the harness's own server.
    pub(crate) fn is_floor(&self) -> bool {
        self.command.first().is_some_and(|word| word == LOADTEST)
    }

    /// Whether it knows such a scenario, with all that is wanted of it.
    pub(crate) fn can(&self, scenario: &str, extras: Extras) -> bool {
        let scenarios = self.scenarios.as_ref();
        scenarios.is_none_or(|known| known.iter().any(|one| one == scenario))
            && (!extras.deflate || self.deflate.is_some())
            && (!extras.tls || self.tls.is_some())
    }

    /// What lets it do what is wanted of it.
    pub(crate) fn variants(&self, extras: Extras) -> impl Iterator<Item = &Variant> {
        let deflate = self.deflate.as_ref().filter(|_| extras.deflate);
        let tls = self.tls.as_ref().filter(|_| extras.tls);
        deflate.into_iter().chain(tls)
    }

    /// Flags of the harness that tell what is spoken.
    pub(crate) fn dialect_flags(&self) -> Vec<String> {
        let mut flags = vec!["--dialect".to_owned(), self.dialect.clone()];
        if let Some(template) = &self.template {
            let template = self.home.join(template);
            flags.extend(["--template".to_owned(), template.display().to_string()]);
        }
        flags
    }

    fn settle(&mut self, home: &Path) -> Result<(), String> {
        // Its commands run elsewhere.
        let home = std::path::absolute(home.join(""));
        self.home = home.map_err(|error| format!("its folder is nowhere: {error}"))?;
        self.check()
    }

    /// What toml cannot see.
    fn check(&self) -> Result<(), String> {
        let variants = [&self.tls, &self.deflate].into_iter().flatten();
        let extras = variants.flat_map(|variant| {
            let words = variant.arguments.iter().chain(&variant.url);
            words.chain(variant.environment.values())
        });
        let words = self.command.iter().chain(self.environment.values());
        for text in words
            .chain([&self.url])
            .chain(&self.installed)
            .chain(extras)
        {
            Places::check(text)?;
        }
        let commands = self.install.iter().chain([&self.command]);
        for command in commands {
            if command.is_empty() {
                return Err("a command is empty: its first word is a program".to_owned());
            }
        }
        if !["ws://", "wss://"]
            .iter()
            .any(|start| self.url.starts_with(start))
        {
            return Err(format!(
                "url {:?} must begin with ws:// or wss://",
                self.url
            ));
        }
        Ok(())
    }
}

/// Stands for our own server's program.
const SHARDCAST: &str = "${SHARDCAST}";

/// Stands for this program.
const LOADTEST: &str = "${LOADTEST}";

fn strav() -> String {
    "strav".to_owned()
}

fn one() -> u32 {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> Result<Peer, Failure> {
        let base =
            "name = 'A'\ncommand = ['a', '--port', '${PORT}']\nurl = 'ws://127.0.0.1:${PORT}/'\n";
        let written = Written::new("somewhere/a.toml", format!("{base}{text}"));
        let peer = written.parse::<Peer>()?;
        Peer::described_in(written.folder(), peer).map_err(Failure::Usage)
    }

    #[test]
    fn who_says_nothing_of_scenarios_knows_all_but_extras_are_said() {
        let peer = written("deflate = { arguments = ['-z'] }").expect("good");
        let deflate = Extras {
            deflate: true,
            tls: false,
        };
        let both = Extras {
            deflate: true,
            tls: true,
        };
        assert!(peer.can("idle", Extras::default()) && peer.can("fanout", deflate));
        assert!(!peer.can("fanout", both));
        assert_eq!(peer.variants(deflate).count(), 1);
        assert_eq!(peer.variants(Extras::default()).count(), 0);
        let choosy = written("scenarios = ['fanout']").expect("good");
        assert!(choosy.can("fanout", Extras::default()) && !choosy.can("p2p", Extras::default()));
    }

    #[test]
    fn folders_are_seen_from_the_description() {
        let peer =
            written("folder = 'b'\ndialect = 'custom'\ntemplate = 'b/c.toml'").expect("good");
        assert!(peer.folder().ends_with("somewhere/b") && peer.folder().is_absolute());
        let flags = peer.dialect_flags();
        assert_eq!(flags[..3], ["--dialect", "custom", "--template"]);
        assert!(flags[3].ends_with("/somewhere/b/c.toml"), "{flags:?}");
        assert!(!peer.is_ours());
    }

    #[test]
    fn what_cannot_be_filled_in_is_refused() {
        let complaint = written("environment = { A = '${PROT}' }").expect_err("unknown");
        assert!(complaint.to_string().contains("${PORT}"), "{complaint}");
        assert!(written("install = [[]]").is_err());
        // What other languages write so is theirs.
        assert!(written("version = ['node', '-p', '`${process.version}`']").is_ok());
    }

    #[test]
    fn the_descriptions_that_come_with_the_harness_can_be_read() {
        let catalogue = Catalogue::read(Path::new(DESCRIPTIONS)).expect("good");
        assert!(catalogue.find("shardcast").expect("ours").is_ours());
        assert!(catalogue.find("floor").expect("the floor").is_floor());
    }
}
