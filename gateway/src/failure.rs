//! How the program ends: four exit codes, and what it says before a bad one.

use std::io;
use std::process::ExitCode;

use crate::output::{BAD, paint, say};

/// The exit codes, by meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done; a single decision was to allow.
    Success = 0,
    /// Documents were refused, or a single decision was not to allow.
    Refused = 1,
    /// The command line or an input is wrong.
    Input = 2,
}

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The command line, the configuration or an input file is wrong. Exit code 2.
    #[error("{0}")]
    Input(String),
    /// Something else does not work. Exit code 3.
    #[error("{0}")]
    Broken(String),
    /// Nobody reads the results any more. Exit code 0.
    #[error("the output was closed")]
    ClosedPipe,
}

impl Failure {
    /// The same, with what else could be done where the input is wrong.
    pub(crate) fn with_remedy(self, remedy: &str) -> Failure {
        match self {
            Failure::Input(message) => Failure::Input(format!("{message}, {remedy}")),
            other => other,
        }
    }
}

/// Results that cannot be written. Reading has its own message with the file's name.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::ClosedPipe,
            _ => Failure::Broken(format!("cannot write the results: {error}")),
        }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Failure {
        Failure::from(io::Error::from(error))
    }
}

/// Ends the program.
pub(crate) fn finish(result: Result<Exit, Failure>) -> ExitCode {
    let code = match result {
        Ok(exit) => exit as u8,
        Err(Failure::ClosedPipe) => 0,
        Err(failure) => {
            say(format_args!("{} {failure}", paint(BAD, "error:")));
            match failure {
                Failure::Broken(_) => 3,
                _ => 2,
            }
        }
    };
    ExitCode::from(code)
}
