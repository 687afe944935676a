//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::failure::{Exit, Failure};
use crate::output::Format;
use crate::{check, decide};

/// Decide whether an access token is still good: allow, challenge or deny.
#[derive(Debug, Parser)]
#[command(name = "highwater", version, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done, or the single request was allowed; 1 documents were \
refused, or the single request was not allowed; 2 bad usage or input; 3 failure.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Read policies, locations and memberships; say what compiles, what does not, and why
    Check(check::Check),
    /// Decide requests: JSON Lines in, JSON Lines out
    Decide(decide::Decide),
}

impl Arguments {
    /// Does what was asked.
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        match self.command {
            Command::Check(check) => check.run(),
            Command::Decide(decide) => decide.run(),
        }
    }
}

/// Requests and events, as several commands take them.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Inputs {
    /// Events to apply before the first request: JSON Lines
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(crate) events: Vec<PathBuf>,
    /// Requests as JSON Lines; - is stdin
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub(crate) requests: PathBuf,
}

/// `--format`.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Output {
    /// How to write results
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}
