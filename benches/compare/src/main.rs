//! `highwater-compare`: us, what people would use instead, and the floor that the machine sets,
//! on the same inputs in one process.
//!
//! Answers are compared before anything is timed: a peer that answers differently stops the run.
//! Subjects take turns within a round and the median of the rounds is reported, so that a noisy
//! neighbour hits all of them alike. One file per work; each adds its rows to the report.
//!
//! ```text
//! cargo run --release -p highwater-compare -- [--quick] [--only WORK] [--json FILE]
//! cargo run --release -p highwater-compare -- --export FOLDER [--quick] [--only WORK]
//! ```

mod allocation;
mod concurrent;
mod decide;
mod floor;
mod location;
mod marks;
mod measure;
mod minimal;
mod policy_engines;
mod redis;
mod report;
mod tenants;

use std::path::PathBuf;
use std::process::ExitCode;

use self::report::Report;

const USAGE: &str = "usage: highwater-compare [--quick] [--only WORK] [--json FILE | --export FOLDER]
  --quick          fewer rounds and addresses: under a minute in all
  --only WORK      only works whose name begins so, for example `location-v4`
  --json FILE      also write one JSON object per row
  --export FOLDER  measure nothing: write the prefixes and addresses of the location works, with their
                   answers, for programs in other languages";

/// How much to measure.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) quick: bool,
    pub(crate) only: String,
}

impl Options {
    /// Whether any work whose name begins with `prefix` may be wanted.
    pub(crate) fn wants(&self, prefix: &str) -> bool {
        prefix.starts_with(&self.only) || self.only.starts_with(prefix)
    }

    pub(crate) fn rounds(&self) -> usize {
        if self.quick { 3 } else { 7 }
    }
}

fn main() -> ExitCode {
    let mut options = Options {
        quick: false,
        only: String::new(),
    };
    let mut json: Option<PathBuf> = None;
    let mut folder: Option<PathBuf> = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => options.quick = true,
            "--help" => return usage(""),
            "--only" | "--json" | "--export" => match arguments.next() {
                Some(value) if argument == "--only" => options.only = value,
                Some(value) if argument == "--json" => json = Some(value.into()),
                Some(value) => folder = Some(value.into()),
                None => return usage(&format!("`{argument}` needs a value")),
            },
            _ => return usage(&format!("`{argument}` is not an option")),
        }
    }
    let outcome = match folder {
        Some(folder) => location::export::run(&options, &folder),
        None => run(&options, json),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("highwater-compare: {error}");
            ExitCode::FAILURE
        }
    }
}

fn usage(problem: &str) -> ExitCode {
    if problem.is_empty() {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    eprintln!("{problem}\n{USAGE}");
    ExitCode::from(2)
}

fn run(options: &Options, json: Option<PathBuf>) -> Result<(), Box<dyn std::error::Error>> {
    let mut report = Report::new(options);
    let outcome = works(options, &mut report);
    // Whatever stopped a work, what was measured before is not lost.
    report.print();
    if let Some(path) = json {
        report.write_json(&path)?;
    }
    outcome
}

fn works(options: &Options, report: &mut Report) -> Result<(), Box<dyn std::error::Error>> {
    location::run(options, report)?;
    marks::run(options, report)?;
    minimal::run(options, report)?;
    decide::run(options, report)?;
    tenants::run(options, report)?;
    concurrent::run(options, report)?;
    redis::run(options, report)?;
    policy_engines::run(options, report)
}
