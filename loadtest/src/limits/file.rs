//! What the file says.

use serde::Deserialize;
use toml::Spanned;

use crate::args;
use crate::failure::Failure;
use crate::peers::{Catalogue, Extras, Peer};
use crate::runner::{Asked, Runner};
use crate::written::Written;

/// All of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Plan {
    /// Where a server is that is there already.
    url: Option<Spanned<String>>,
    /// What its clients speak.
    dialect: Option<Spanned<String>>,
    /// One that is started for each run: its description, where that lies, or its name.
    server: Option<Spanned<toml::Value>>,
    /// Of all runs.
    #[serde(default = "one")]
    pub(super) rounds: u32,
    #[serde(rename = "run")]
    pub(super) entries: Vec<Entry>,
}

/// One run.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// What others call it.
    pub(super) name: Spanned<String>,
    scenario: Spanned<String>,
    /// Of the scenario.
    #[serde(default = "no_flags")]
    flags: Spanned<Vec<String>>,
    /// The server compresses.
    #[serde(default)]
    deflate: bool,
    /// The server speaks TLS.
    #[serde(default)]
    tls: bool,
    /// What its figures are held against.
    #[serde(default, rename = "limit")]
    pub(super) limits: Vec<Limit>,
}

/// Bounds of one figure.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limit {
    /// Where a report has it: a JSON pointer.
    pub(super) figure: Spanned<String>,
    pub(super) max: Option<f64>,
    pub(super) min: Option<f64>,
    /// Of the figure to the same one of another run.
    pub(super) max_ratio: Option<f64>,
    pub(super) min_ratio: Option<f64>,
    /// The other run's name.
    pub(super) to: Option<Spanned<String>>,
}

/// Whom the runs are made against.
#[derive(Debug)]
pub(super) enum ServerOf {
    /// One that is started for each.
    Started(Box<Peer>),
    /// One that is there.
    There {
        /// Where.
        url: String,
        /// What its clients speak.
        dialect: String,
    },
    /// Each scenario brings its own.
    None,
}

impl Plan {
    /// The server that the file, or the command line instead of it, tells of.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`] when it tells of none, of two, or of one that is not described.
    pub(super) fn server(
        &self,
        written: &Written,
        url: Option<&str>,
        catalogue: impl Fn() -> Result<Catalogue, Failure>,
    ) -> Result<ServerOf, Failure> {
        let there = |url: &str| ServerOf::There {
            url: url.to_owned(),
            dialect: self
                .dialect
                .as_ref()
                .map_or("strav", |dialect| dialect.get_ref())
                .to_owned(),
        };
        if let Some(url) = url {
            return Ok(there(url));
        }
        match (&self.url, &self.server) {
            (Some(url), None) => Ok(there(url.get_ref())),
            (Some(url), Some(_)) => {
                let why = "there is a server as well: leave one of the two away";
                Err(written.complaint(url.span(), why))
            }
            (None, Some(server)) => {
                if let Some(dialect) = &self.dialect {
                    let why = "a server's description tells its dialect: leave this away";
                    return Err(written.complaint(dialect.span(), why));
                }
                let wrong = |why: String| written.complaint(server.span(), why);
                started(server.get_ref(), written, catalogue)
                    .map(|peer| ServerOf::Started(Box::new(peer)))
                    .map_err(|failure| match failure {
                        Wrong::Here(why) => wrong(why),
                        Wrong::There(failure) => failure,
                    })
            }
            (None, None) if self.entries.iter().all(Entry::has_own_server) => Ok(ServerOf::None),
            (None, None) => Err(written.complaint(
                0..0,
                "no server: write url = \"ws://...\" for one that is there, server = \"shardcast\" for one that is \
                 started, or give --url",
            )),
        }
    }

    /// Whether each run could be made, and each limit be judged.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`] with the line of what is wrong, and what is known instead.
    pub(super) fn check(
        &self,
        written: &Written,
        server: &ServerOf,
        runner: &Runner,
    ) -> Result<(), Failure> {
        for (index, entry) in self.entries.iter().enumerate() {
            let name = entry.name.get_ref();
            if self.entries[..index]
                .iter()
                .any(|other| other.name.get_ref() == name)
            {
                let why =
                    format!("there is a run {name:?} before this one: give each a name of its own");
                return Err(written.complaint(entry.name.span(), why));
            }
            let scenario = entry.scenario.get_ref();
            args::known_scenario(scenario)
                .map_err(|why| written.complaint(entry.scenario.span(), why))?;
            match server {
                ServerOf::Started(peer)
                    if !entry.has_own_server() && !peer.can(scenario, entry.extras()) =>
                {
                    let why = format!("{} cannot be asked this: see its description", peer.name);
                    return Err(written.complaint(entry.scenario.span(), why));
                }
                ServerOf::There { .. } if entry.tls => {
                    let why = "whether a server that is there speaks TLS, its URL says: wss://, with --tls-ca or \
                               --tls-insecure among the flags";
                    return Err(written.complaint(entry.scenario.span(), why));
                }
                ServerOf::There { .. } if scenario == "storm" => {
                    let why =
                        "storm kills its server: it must be one that is started (server = ...)";
                    return Err(written.complaint(entry.scenario.span(), why));
                }
                _ => {}
            }
            runner
                .check(&entry.asked(server))
                .map_err(|why| written.complaint(entry.flags.span(), why))?;
            for limit in &entry.limits {
                self.check_limit(limit, entry)
                    .map_err(|(at, why)| written.complaint(at, why))?;
            }
        }
        Ok(())
    }

    fn check_limit(
        &self,
        limit: &Limit,
        entry: &Entry,
    ) -> Result<(), (std::ops::Range<usize>, String)> {
        let wrong = |why: &str| Err((limit.figure.span(), why.to_owned()));
        if !limit.figure.get_ref().starts_with('/') {
            return wrong(
                "a figure is a JSON pointer into the report, such as \"/latency_us/p99\"",
            );
        }
        let has_ratio = limit.max_ratio.is_some() || limit.min_ratio.is_some();
        if limit.max.is_none() && limit.min.is_none() && !has_ratio {
            return wrong("a limit is missing: max, min, max_ratio or min_ratio");
        }
        match &limit.to {
            None if has_ratio => wrong("a ratio is missing its other run: to = \"NAME\""),
            Some(to) if !has_ratio => {
                let why = "only a ratio is to another run: give max_ratio or min_ratio";
                Err((to.span(), why.to_owned()))
            }
            Some(to) if to == &entry.name => Err((
                to.span(),
                "a run's ratio to itself is 1: name another one".to_owned(),
            )),
            Some(to) if self.entries.iter().all(|other| other.name != *to) => {
                let names: Vec<&str> = self
                    .entries
                    .iter()
                    .map(|other| other.name.get_ref().as_str())
                    .collect();
                let why = format!("no run of this name; there are {}", names.join(", "));
                Err((to.span(), why))
            }
            _ => Ok(()),
        }
    }
}

impl Entry {
    /// Whether its server is its own.
    pub(super) fn has_own_server(&self) -> bool {
        self.scenario.get_ref() == "floor"
    }

    /// A run of it.
    pub(super) fn asked<'a>(&'a self, server: &'a ServerOf) -> Asked<'a> {
        Asked {
            scenario: self.scenario.get_ref(),
            flags: self.flags.get_ref().clone(),
            against: self.against(server),
            extras: self.extras(),
        }
    }

    fn extras(&self) -> Extras {
        Extras {
            deflate: self.deflate,
            tls: self.tls,
        }
    }
}

/// What is wrong: in this file, or in one that it names.
enum Wrong {
    Here(String),
    There(Failure),
}

fn started(
    server: &toml::Value,
    written: &Written,
    catalogue: impl Fn() -> Result<Catalogue, Failure>,
) -> Result<Peer, Wrong> {
    if let Some(name) = server.as_str() {
        let found = catalogue().map_err(Wrong::There)?.find(name);
        return found.map(|peer| (*peer).clone()).map_err(Wrong::Here);
    }
    let Some(table) = server.as_table() else {
        let why = "a server is a name, or a table with a description";
        return Err(Wrong::Here(why.to_owned()));
    };
    if let Some(path) = table.get("description") {
        let path = path.as_str().filter(|_| table.len() == 1).ok_or_else(|| {
            Wrong::Here("description is a file's path, and stands alone".to_owned())
        })?;
        return Peer::read(&written.folder().join(path)).map_err(Wrong::There);
    }
    let peer = Peer::deserialize(server.clone()).map_err(|error| Wrong::Here(error.to_string()))?;
    Peer::described_in(written.folder(), peer).map_err(Wrong::Here)
}

fn one() -> u32 {
    1
}

fn no_flags() -> Spanned<Vec<String>> {
    Spanned::new(0..0, Vec::new())
}
