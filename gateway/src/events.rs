//! `highwater events`: what identity providers sent, as engine events, or the refusal.

use std::io::Write;
use std::path::PathBuf;

use highwater_signals::intake::{Outcome, Report};

use crate::arguments::Output;
use crate::failure::{Exit, Failure};
use crate::input::events::EventOptions;
use crate::output::{self, BAD, Format, GOOD, NAME, QUIET, WARN, paint};
use crate::story::{Names, clock_time, effect_of};

/// Read Security Event Tokens, Graph pages and engine events; say what they change.
#[derive(Debug, clap::Args)]
pub(crate) struct Events {
    /// Files of any of these forms, whole or one to a line; - is stdin
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    options: EventOptions,
    #[command(flatten)]
    output: Output,
}

impl Events {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let reports = self.options.reports(&self.files)?;
        match self.output.format {
            Format::Json => {
                let mut out = output::machine();
                for report in &reports {
                    serde_json::to_writer(&mut out, report)?;
                    out.write_all(b"\n")?;
                }
                out.flush()?;
            }
            Format::Human => {
                let mut out = output::human();
                for report in &reports {
                    write_human(&mut out, report)?;
                }
                out.flush()?;
            }
        }
        let refused = |report: &Report| report.outcome == Outcome::Refused;
        Ok(if reports.iter().any(refused) {
            Exit::Refused
        } else {
            Exit::Success
        })
    }
}

fn write_human(out: &mut impl Write, report: &Report) -> Result<(), Failure> {
    let outcome = match report.outcome {
        Outcome::Accepted => paint(GOOD, "accepted"),
        Outcome::Ignored => paint(WARN, "ignored "),
        Outcome::Refused => paint(BAD, "refused "),
    };
    write!(out, "{outcome}  {}", paint(NAME, &report.input))?;
    if let Some(code) = &report.err {
        let code = serde_json::to_value(code)?;
        write!(out, "  {}", code.as_str().unwrap_or_default())?;
    }
    writeln!(out)?;
    if let Some(description) = &report.description {
        writeln!(out, "          {description}")?;
    }
    for event in &report.events {
        writeln!(
            out,
            "          {}  {}",
            paint(QUIET, clock_time(event.time)),
            effect_of(event, &Names::default())
        )?;
    }
    Ok(())
}
