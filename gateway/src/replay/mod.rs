//! `highwater replay`: a log, decided in the order in which it happened.
//!
//! ```text
//! events ─┐
//!         ├─► schedule (by time) ─► run: apply, decide ─► tally ─► summary, as JSON or for people
//! requests┘                                    └─► timeline: the first of every kind, in words
//! ```

mod human;
mod ranges;
mod refusals;
mod run;
mod schedule;
mod tally;
mod timeline;

use std::io::Write;
use std::path::PathBuf;

use crate::arguments::Output;
use crate::deployment::Sources;
use crate::failure::{Exit, Failure};
use crate::input::events::EventOptions;
use crate::output::{self, BAD, Format, count, paint, say};
use run::{Pace, Run};
use schedule::Schedule;

/// Decide a log in the order in which it happened, and sum it up.
#[derive(Debug, clap::Args)]
pub(crate) struct Replay {
    #[command(flatten)]
    sources: Sources,
    /// Events: engine events, Security Event Tokens, Graph pages
    #[arg(long, value_name = "FILE", num_args = 1..)]
    events: Vec<PathBuf>,
    /// Requests as JSON Lines; - is stdin
    #[arg(long, value_name = "FILE", num_args = 1..)]
    requests: Vec<PathBuf>,
    /// `max`, or how many times faster than it happened
    #[arg(long, value_name = "FACTOR", default_value = "max", value_parser = pace)]
    speed: Pace,
    #[command(flatten)]
    event_options: EventOptions,
    #[command(flatten)]
    output: Output,
}

fn pace(text: &str) -> Result<Pace, String> {
    match text.parse::<f64>() {
        _ if text == "max" => Ok(Pace::Max),
        Ok(factor) if factor.is_finite() && factor > 0.0 => Ok(Pace::Times(factor)),
        _ => Err("write `max`, or a factor such as 60".to_owned()),
    }
}

impl Replay {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let deployment = self.sources.deploy()?;
        let mut requests = self.requests.clone();
        if requests.is_empty() {
            requests.extend(self.sources.file_in_folder("requests.jsonl"));
        }
        if requests.is_empty() {
            return Err(Failure::Input(
                "no requests to replay: give --requests FILE".to_owned(),
            ));
        }
        let mut events = self.events.clone();
        if events.is_empty() {
            events.extend(self.sources.file_in_folder("events.jsonl"));
        }
        let schedule = Schedule::read(self.event_options.read(&events)?, &requests)?;
        let run = Run::new(&deployment, &schedule, self.speed);
        let malformed = match self.output.format {
            Format::Json => {
                let summary = run.go(None)?;
                let mut out = output::machine();
                serde_json::to_writer_pretty(&mut out, &summary)?;
                writeln!(out)?;
                out.flush()?;
                summary.malformed
            }
            Format::Human => {
                let mut out = output::human();
                let summary = run.go(Some(&mut out))?;
                human::write(&mut out, &summary)?;
                out.flush()?;
                summary.malformed
            }
        };
        if malformed == 0 {
            return Ok(Exit::Success);
        }
        say(format_args!(
            "{} {} cannot be read and were left out",
            paint(BAD, "error:"),
            count(malformed, "request"),
        ));
        Ok(Exit::Input)
    }
}
