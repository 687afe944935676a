//! `highwater store`: look after a store file while nothing else has it open.

use std::error::Error;
use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use highwater::ledger::Retention;
use highwater_store::{StoreError, operator};

use crate::config::Configuration;
use crate::failure::{Exit, Failure};
use crate::input::events::wall_clock;
use crate::output::{self, GOOD, paint};

/// Look after a store file while nothing else has it open.
#[derive(Debug, clap::Args)]
pub(crate) struct Store {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Verify every page and every row; repair what an unclean end left unfinished
    Check {
        /// The store
        file: PathBuf,
    },
    /// Write everything as JSON Lines
    Dump {
        /// The store
        file: PathBuf,
    },
    /// Join a dump into a store, which is made if it is missing
    Import {
        /// The store
        file: PathBuf,
        /// The dump; - is stdin
        #[arg(default_value = "-")]
        dump: PathBuf,
    },
    /// Forget what no living token depends on, and give the space back
    Compact {
        /// The store
        file: PathBuf,
        /// Where token lifetimes are configured [default: the engine's defaults]
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

impl Store {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        match &self.task {
            Task::Check { file } => done(format_args!("{}", operator::check(file)?))?,
            Task::Dump { file } => {
                let mut out = output::machine();
                operator::dump(file, &mut out)?;
                out.flush()?;
            }
            Task::Import { file, dump } => {
                let contents = if dump == Path::new("-") {
                    operator::import(file, &mut io::stdin().lock())?
                } else {
                    let opened = File::open(dump).map_err(|error| {
                        Failure::Input(format!("cannot read `{}`: {error}", dump.display()))
                    })?;
                    operator::import(file, &mut BufReader::new(opened))?
                };
                done(format_args!("{contents}"))?;
            }
            Task::Compact { file, config } => {
                let retention = retention(config.as_deref())?;
                let (before, after) = operator::compact(file, retention, wall_clock())?;
                done(format_args!("{before} bytes before, {after} bytes after"))?;
            }
        }
        Ok(Exit::Success)
    }
}

fn done(what: std::fmt::Arguments<'_>) -> Result<(), Failure> {
    let mut out = output::human();
    writeln!(out, "{} {what}", paint(GOOD, "ok"))?;
    out.flush()?;
    Ok(())
}

fn retention(config: Option<&Path>) -> Result<Retention, Failure> {
    let settings = config
        .map(Configuration::load)
        .transpose()?
        .unwrap_or_default()
        .engine
        .settings();
    Ok(Retention {
        token_lifetime_seconds: settings.longest_token_lifetime,
        session_lifetime_seconds: settings.longest_session_lifetime,
        skew_seconds: settings.retention_margin,
    })
}

/// A wrong file is bad input; a broken disk is a failure; nobody reading a dump is neither.
impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        let mut source: Option<&(dyn Error + 'static)> = error.source();
        while let Some(cause) = source {
            if let Some(cause) = cause.downcast_ref::<io::Error>()
                && cause.kind() == io::ErrorKind::BrokenPipe
            {
                return Failure::ClosedPipe;
            }
            source = cause.source();
        }
        match error {
            StoreError::Missing { .. }
            | StoreError::Exists { .. }
            | StoreError::Foreign { .. }
            | StoreError::WrongVersion { .. }
            | StoreError::Import { .. } => Failure::Input(error.to_string()),
            _ => Failure::Broken(error.to_string()),
        }
    }
}
