//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::deployment::{Deployment, Sources};
use crate::failure::{Exit, Failure};
use crate::input::events::EventOptions;
use crate::input::lines::Lines;
use crate::output::Format;
use crate::{check, decide, events, explain, replay, store};
#[cfg(feature = "serve")]
use crate::{remote, serve};

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
    /// Say why: every policy, condition, location and event behind a decision
    Explain(explain::Explain),
    /// Decide a log in the order in which it happened, and sum it up
    Replay(replay::Replay),
    /// Read Security Event Tokens, Graph pages and engine events; say what they change
    Events(events::Events),
    /// Look after a store file: check, dump, import, compact
    Store(store::Store),
    /// Look after the streams at a transmitter: list, pause, verify, delete
    #[cfg(feature = "serve")]
    Stream(serve::Stream),
    /// Answer for gateways in front of an API whether requests are allowed
    #[cfg(feature = "serve")]
    Serve(serve::Serve),
    /// Ask a gateway what is in force for a subject, since when, and who said so
    #[cfg(feature = "serve")]
    Why(remote::Why),
    /// Have a gateway refuse a subject's tokens from now on
    #[cfg(feature = "serve")]
    Revoke(remote::Revoke),
    /// Ask a gateway which policies would apply to a sign-in
    #[cfg(feature = "serve")]
    Whatif(remote::WhatIf),
}

impl Arguments {
    /// Does what was asked.
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        match self.command {
            Command::Check(check) => check.run(),
            Command::Decide(decide) => decide.run(),
            Command::Explain(explain) => explain.run(),
            Command::Replay(replay) => replay.run(),
            Command::Events(events) => events.run(),
            Command::Store(store) => store.run(),
            #[cfg(feature = "serve")]
            Command::Stream(stream) => stream.run(),
            #[cfg(feature = "serve")]
            Command::Serve(serve) => serve.run(),
            #[cfg(feature = "serve")]
            Command::Why(why) => why.run(),
            #[cfg(feature = "serve")]
            Command::Revoke(revoke) => revoke.run(),
            #[cfg(feature = "serve")]
            Command::Whatif(what_if) => what_if.run(),
        }
    }
}

/// Requests and events of one go, as `decide` and `explain` take them.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Inputs {
    /// Events that are in force before the first request: engine events, Security Event Tokens,
    /// Graph pages
    #[arg(long, value_name = "FILE", num_args = 1..)]
    events: Vec<PathBuf>,
    /// Requests as JSON Lines; - is stdin [default: requests.jsonl of FOLDER, else stdin]
    #[arg(long, value_name = "FILE")]
    requests: Option<PathBuf>,
    #[command(flatten)]
    event_options: EventOptions,
}

impl Inputs {
    /// The engine with the events in force, and the requests to come.
    pub(crate) fn open(&self, sources: &Sources) -> Result<(Deployment, Lines), Failure> {
        let deployment = sources.deploy()?;
        let mut files = self.events.clone();
        if files.is_empty() {
            files.extend(sources.file_in_folder("events.jsonl"));
        }
        for event in self.event_options.read(&files)? {
            deployment.engine.apply(&event);
        }
        let requests = self
            .requests
            .clone()
            .or_else(|| sources.file_in_folder("requests.jsonl"))
            .unwrap_or_else(|| PathBuf::from("-"));
        Ok((deployment, Lines::open(&requests)?))
    }
}

/// `--format`.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Output {
    /// How to write results
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}
