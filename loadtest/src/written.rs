//! Files that somebody has written by hand: read as TOML, and complained about by file and line.

use std::fmt;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use crate::failure::Failure;

/// The text of such a file.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    path: PathBuf,
    text: String,
}

impl Written {
    /// Reads it.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`] when it is not there, or no text.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let text = fs::read_to_string(path)
            .map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))?;
        Ok(Self::new(path, text))
    }

    /// One whose text is known; `path` names it in complaints.
    pub(crate) fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            text: text.into(),
        }
    }

    /// The folder it lies in, which paths in it start from.
    pub(crate) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or_else(|| Path::new(""))
    }

    /// What it says.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`] with the line of what is wrong, and what is known instead.
    pub(crate) fn parse<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        toml::from_str(&self.text).map_err(|error| {
            let at = error.span().unwrap_or_default();
            self.complaint(at, error.message())
        })
    }

    /// Says what is wrong at some place of it.
    pub(crate) fn complaint(&self, at: Range<usize>, why: impl fmt::Display) -> Failure {
        let before = &self.text.as_bytes()[..at.start.min(self.text.len())];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        Failure::Usage(format!("{}:{line}: {why}", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only its form matters")]
    struct Form {
        name: String,
    }

    #[test]
    fn complaints_name_file_and_line_and_what_is_known() {
        let file = Written::new("a.toml", "name = 'x'\n\nnames = 3\n");
        let complaint = file.parse::<Form>().expect_err("unknown").to_string();
        assert!(complaint.starts_with("a.toml:3: "), "{complaint}");
        assert!(complaint.contains("`name`"), "{complaint}");
    }

    #[test]
    fn what_is_no_toml_is_told_by_its_line() {
        let file = Written::new("a.toml", "name = 'x'\nname\n");
        let complaint = file.parse::<Form>().expect_err("no TOML").to_string();
        assert!(complaint.starts_with("a.toml:2: "), "{complaint}");
    }
}
