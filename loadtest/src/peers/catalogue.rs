//! All descriptions of a folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::Peer;
use crate::failure::Failure;

/// Where those lie that come with the harness, as it was built.
pub(crate) const DESCRIPTIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers");

/// The servers that are described, by name.
#[derive(Debug)]
pub(crate) struct Catalogue {
    folder: PathBuf,
    peers: Vec<Rc<Peer>>,
}

impl Catalogue {
    /// Reads each `.toml` of a folder.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`] when the folder is not there, or with the line of what is wrong in one.
    pub(crate) fn read(folder: &Path) -> Result<Self, Failure> {
        let absent = |error| {
            Failure::Usage(format!(
                "{}: {error}; --descriptions FOLDER says where loadtest/peers lies",
                folder.display()
            ))
        };
        let mut files = Vec::new();
        for entry in fs::read_dir(folder).map_err(absent)? {
            let path = entry.map_err(absent)?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "toml")
            {
                files.push(path);
            }
        }
        files.sort();
        let peers = files.iter().map(|file| Peer::read(file).map(Rc::new));
        Ok(Self {
            folder: folder.to_owned(),
            peers: peers.collect::<Result<_, _>>()?,
        })
    }

    /// All of them, by name.
    pub(crate) fn peers(&self) -> &[Rc<Peer>] {
        &self.peers
    }

    /// The one of this name.
    ///
    /// # Errors
    ///
    /// Words that say which there are.
    pub(crate) fn find(&self, key: &str) -> Result<Rc<Peer>, String> {
        let found = self.peers.iter().find(|peer| peer.key == key);
        found.cloned().ok_or_else(|| {
            let keys: Vec<&str> = self.peers.iter().map(|peer| peer.key.as_str()).collect();
            let folder = self.folder.display();
            format!(
                "{folder} describes no {key:?}; there are {}",
                keys.join(", ")
            )
        })
    }
}
