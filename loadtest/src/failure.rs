//! How a run can end other than well, and the exit code of each way.

use std::fmt;
use std::io;
use std::path::Path;
use std::process::ExitCode;

/// Why there is no result, with what can be done about it.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line asks for something that makes no sense.
    Usage(String),
    /// The server, this machine or a limit stood in the way.
    CannotMeasure(String),
}

impl Failure {
    /// Wraps an error of the system with what was being done.
    pub(crate) fn system(doing: &str, error: impl fmt::Display) -> Self {
        Self::CannotMeasure(format!("{doing}: {error}"))
    }

    /// A file or folder could not be written.
    pub(crate) fn cannot_write(path: &Path, error: io::Error) -> Self {
        Self::system(&format!("cannot write {}", path.display()), error)
    }

    /// The exit code of this failure.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => Verdict::USAGE.into(),
            Self::CannotMeasure(_) => Verdict::Void.exit_code(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(why) | Self::CannotMeasure(why) => f.write_str(why),
        }
    }
}

/// What a run that came to its end is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    /// Every delivery was right, and the figures count.
    Good,
    /// Deliveries were lost, duplicated, reordered or foreign, or connections ended.
    Failed,
    /// The deliveries were right, but the machine was disturbed or the run ended early by Ctrl-C: the figures
    /// do not count.
    Void,
}

impl Verdict {
    const USAGE: u8 = 2;

    /// 0 good, 1 failed, 3 void; 2 is for the command line.
    pub(crate) fn exit_code(self) -> ExitCode {
        match self {
            Self::Good => ExitCode::SUCCESS,
            Self::Failed => 1.into(),
            Self::Void => 3.into(),
        }
    }
}
