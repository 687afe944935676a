//! `highwater why`: what is in force for a subject, since when, and who said so.

use std::io::Write;

use highwater::timestamp::Timestamp;
use reqwest::Method;
use serde_json::Value;

use super::client::Server;
use super::{Subject, text, write_json};
use crate::arguments::Output;
use crate::failure::{Exit, Failure};
use crate::output::{self, BAD, Format, GOOD, QUIET, WARN, paint};
use crate::story::clock_time;

/// Ask a gateway what is in force for a subject, since when, and who said so.
#[derive(Debug, clap::Args)]
pub(crate) struct Why {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    subject: Subject,
    #[command(flatten)]
    output: Output,
}

impl Why {
    /// Runs the command. Exit code 1 if tokens of the subject are refused.
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let mut query = vec![("tenant", self.subject.tenant.as_str())];
        query.extend(self.subject.members());
        let answer = self.server.ask(Method::GET, "/admin/why", &query, None)?;
        match self.output.format {
            Format::Json => write_json(&answer)?,
            Format::Human => write_human(&answer)?,
        }
        Ok(match text(&answer, "/refused") {
            "none" => Exit::Success,
            _ => Exit::Refused,
        })
    }
}

fn write_human(answer: &Value) -> Result<(), Failure> {
    let mut out = output::human();
    let instant = |value: &Value| -> Option<String> {
        let time: Timestamp = serde_json::from_value(value.clone()).ok()?;
        Some(clock_time(time))
    };
    match text(answer, "/refused") {
        "all" => writeln!(out, "{}", paint(BAD, "every token is refused"))?,
        "older" => {
            let before = answer.get("issued_before").and_then(instant);
            let before = before.unwrap_or_default();
            writeln!(
                out,
                "{}",
                paint(
                    WARN,
                    format_args!("tokens issued until {before} are refused")
                )
            )?;
        }
        _ => writeln!(
            out,
            "{}",
            paint(GOOD, "no mark refuses; policies decide per request")
        )?,
    }
    let registers = answer.get("registers").and_then(Value::as_array);
    for register in registers.into_iter().flatten() {
        let since = register.get("since").and_then(instant).unwrap_or_default();
        writeln!(
            out,
            "  {}  {}",
            paint(QUIET, since),
            text(register, "/text")
        )?;
    }
    Ok(out.flush()?)
}
