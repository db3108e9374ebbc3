//! What is wrong with a setting, said so that it can be mended without reading a manual.

use std::fmt;

/// One thing that is wrong. Printed as `--shards: "0" is too small; write a number from 1 to 256`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// The option as the user typed it: a flag with its dashes.
    pub option: String,
    /// The value as the user typed it.
    pub value: String,
    /// What is wrong and how to mend it.
    pub fault: Fault,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fault { problem, fix } = &self.fault;
        // Debug quotes the value: what was typed may hold control characters.
        write!(f, "{}: {:?} {problem}; {fix}", self.option, self.value)
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
