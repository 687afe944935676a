//! The `highwater` command.
//!
//! ```text
//! arguments ──► deployment (documents, settings, issuers ──► engine) ──► check | decide | explain | replay
//!                                                        └──► serve ◄── why | revoke | whatif
//! ```
//!
//! Results go to stdout and words to stderr, so that a pipe carries results only. A closed pipe
//! ends the program without a word. Exit codes are in `failure::Exit`.

#![forbid(unsafe_code)]
// The configuration is read as a whole, also where nobody serves.
#![cfg_attr(not(feature = "serve"), allow(dead_code))]

mod arguments;
mod check;
mod config;
mod decide;
mod deployment;
mod events;
mod explain;
mod failure;
mod input;
mod output;
#[cfg(feature = "serve")]
mod remote;
mod replay;
#[cfg(feature = "serve")]
mod serve;
mod store;
mod story;

#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;

use std::process::ExitCode;

use clap::Parser;

/// Reads the arguments of the process and does what they say.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = arguments::Arguments::parse();
    failure::finish(arguments.run())
}
