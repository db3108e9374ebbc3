//! What is wrong with a setting, said so that it can be mended without reading a manual.

use std::fmt;
use std::sync::Arc;

/// One thing that is wrong. Printed as `--shards: "0" is too small; write a number from 1 to 256`,
/// with `shardcast.toml:3: ` before it when it stands in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// Where it stands, if that is a line of a file.
    pub place: Option<Place>,
    /// The option as the user knows it: a flag with its dashes, a variable, a key.
    pub option: String,
    /// The value as the user typed it; `None` if the option itself is at fault, or if the value is
    /// a secret.
    pub value: Option<String>,
    /// What is wrong and how to mend it.
    pub fault: Fault,
}

impl Complaint {
    /// What is wrong, without the fix.
    #[must_use]
    pub fn problem(&self) -> String {
        let place = self.place.as_ref().map(|place| format!("{place}: "));
        let value = self.value.as_ref().map(|value| format!(": {value:?}"));
        let (place, value) = (place.unwrap_or_default(), value.unwrap_or_default());
        // What was typed may hold control characters: debug output shows them as escapes.
        let option = self.option.escape_debug();
        format!("{place}{option}{value} {}", self.fault.problem)
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.problem(), self.fault.fix)
    }
}

/// A line of a configuration file, printed as `shardcast.toml:3`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file as the user named it.
    pub file: Arc<str>,
    /// Counted from 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// What is wrong with a value, before it is known which option it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Continues a sentence that begins with the value: `is not a size`.
    pub problem: String,
    /// Tells what to do: `write bytes or a unit, such as 64KiB`.
    pub fix: String,
}

impl Fault {
    pub(super) fn new(problem: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            problem: problem.into(),
            fix: fix.into(),
        }
    }
}
