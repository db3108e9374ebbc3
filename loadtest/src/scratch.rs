//! A folder for what is needed while this program runs.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::failure::Failure;

/// It is nobody else's, and goes when this is dropped.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// Makes it where the system wants such folders.
    ///
    /// # Errors
    ///
    /// When that is not possible there.
    pub(crate) fn make() -> Result<Self, Failure> {
        let parent = std::env::temp_dir();
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let nanos = now.map_or(0, |since| since.as_nanos());
        let name = format!("shardcast-loadtest-{}-{nanos}", std::process::id());
        let path = parent.join(name);
        DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(|error| {
                Failure::system(
                    &format!("cannot make a folder in {}", parent.display()),
                    error,
                )
            })?;
        Ok(Self(path))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // It goes with the system's next start otherwise.
        let _stays = fs::remove_dir_all(&self.0);
    }
}
