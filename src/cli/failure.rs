//! Why a command did not do what it was asked, and the exit code that says so.

use std::process::ExitCode;

/// Ends a command; what it says goes to standard error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    cause: Cause,
    message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// The command line asked for something that cannot be.
    Usage,
    /// The world did not play along: no server, a refusal, a lost connection.
    World,
}

impl Failure {
    /// The command line is wrong: exit code 2, like clap's own refusals.
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self {
            cause: Cause::Usage,
            message: message.into(),
        }
    }

    /// It was asked rightly and did not work: exit code 1.
    pub(super) fn world(message: impl Into<String>) -> Self {
        Self {
            cause: Cause::World,
            message: message.into(),
        }
    }

    /// Tells the user and gives the exit code.
    pub(super) fn report(&self) -> ExitCode {
        eprintln!("error: {}", self.message);
        match self.cause {
            Cause::Usage => ExitCode::from(2),
            Cause::World => ExitCode::FAILURE,
        }
    }

    #[cfg(test)]
    pub(super) fn message(&self) -> &str {
        &self.message
    }
}
