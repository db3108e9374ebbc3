//! Who takes part in a row.

use std::path::Path;
use std::rc::Rc;

use super::plan::{PLAIN, Plan, Row};
use super::results::Contestant;
use crate::failure::Failure;
use crate::peers::{Catalogue, Extras, Installer, Peer};

/// Whom the command line wants.
#[derive(Debug)]
pub(super) struct Choice {
    /// These and nobody else; `None` for all that are installed.
    named: Option<Vec<Named>>,
    installed: Vec<Rc<Peer>>,
}

#[derive(Debug)]
enum Named {
    Plain,
    Peer(Rc<Peer>),
}

impl Choice {
    /// Reads the names, and installs whom they name, or all that are described.
    ///
    /// # Errors
    ///
    /// When nobody has that name, or cannot be installed.
    pub(super) fn new(
        names: &[String],
        installs_all: bool,
        catalogue: &Catalogue,
        installer: &Installer<'_>,
    ) -> Result<Self, Failure> {
        let bring = |peer: &Rc<Peer>| match installer.is_installed(peer) {
            true => Ok(()),
            false => installer.install(peer),
        };
        let mut named = Vec::new();
        for name in names {
            named.push(match name.as_str() {
                PLAIN => Named::Plain,
                path if path.ends_with(".toml") => {
                    Named::Peer(Rc::new(Peer::read(Path::new(path))?))
                }
                key => Named::Peer(
                    catalogue
                        .find(key)
                        .map_err(|why| Failure::Usage(format!("--peers: {why}")))?,
                ),
            });
        }
        for one in &named {
            if let Named::Peer(peer) = one {
                bring(peer)?;
            }
        }
        if installs_all {
            catalogue.peers().iter().try_for_each(bring)?;
        }
        let all = catalogue.peers().iter();
        let others = all.filter(|peer| !peer.is_ours() && !peer.is_floor());
        let installed = others.filter(|peer| installer.is_installed(peer));
        Ok(Self {
            named: (!named.is_empty()).then_some(named),
            installed: installed.cloned().collect(),
        })
    }
}

/// The contestants of a row: its subject first.
///
/// # Errors
///
/// When somebody is not described; a plan that was read has nobody such.
pub(super) fn line_up(
    row: &Row,
    plan: &Plan,
    catalogue: &Catalogue,
    choice: &Choice,
) -> Result<Vec<Contestant>, Failure> {
    let find = |key: &str| catalogue.find(key).map_err(Failure::Usage);
    let subject = find(row.subject(plan))?;
    let (scenario, extras) = (row.scenario.get_ref().as_str(), row.extras());
    let mut contestants = vec![Contestant::of(Rc::clone(&subject))];
    let mut add = |contestant: Contestant| {
        if contestants.iter().all(|other| other.key != contestant.key) {
            contestants.push(contestant);
        }
    };
    let plain = || Contestant::plain(Rc::clone(&subject));
    match &choice.named {
        Some(named) => {
            for one in named {
                match one {
                    Named::Plain if extras != Extras::default() => add(plain()),
                    Named::Peer(peer) if peer.can(scenario, extras) => {
                        add(Contestant::of(Rc::clone(peer)));
                    }
                    _ => {}
                }
            }
        }
        None => {
            for peer in choice
                .installed
                .iter()
                .filter(|peer| peer.can(scenario, extras))
            {
                add(Contestant::of(Rc::clone(peer)));
            }
            for key in &row.with {
                match key.get_ref().as_str() {
                    PLAIN => add(plain()),
                    key => add(Contestant::of(find(key)?)),
                }
            }
        }
    }
    Ok(contestants)
}
