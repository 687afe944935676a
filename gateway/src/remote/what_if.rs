//! `highwater whatif`: Graph's `evaluate` inputs, judged by the documents of a gateway.

use std::io::Write;
use std::path::{Path, PathBuf};

use reqwest::Method;
use serde_json::Value;

use super::client::Server;
use super::{text, write_json};
use crate::arguments::Output;
use crate::failure::{Exit, Failure};
use crate::input::{read, read_stdin};
use crate::output::{self, BAD, Format, GOOD, NAME, QUIET, paint};

/// Ask a gateway which policies would apply to a sign-in.
#[derive(Debug, clap::Args)]
pub(crate) struct WhatIf {
    #[command(flatten)]
    server: Server,
    /// The question: `tenant`, `signInIdentity`, `signInContext` and `signInConditions` as Graph
    /// takes them; - is stdin
    #[arg(value_name = "FILE")]
    question: PathBuf,
    #[command(flatten)]
    output: Output,
}

impl WhatIf {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let bytes = if self.question == Path::new("-") {
            read_stdin()?
        } else {
            read(&self.question)?
        };
        let question: Value = serde_json::from_slice(&bytes)
            .map_err(|error| Failure::Input(format!("`{}`: {error}", self.question.display())))?;
        let answer = self
            .server
            .ask(Method::POST, "/admin/what-if", &[], Some(&question))?;
        match self.output.format {
            Format::Json => write_json(&answer)?,
            Format::Human => write_human(&answer)?,
        }
        Ok(match text(&answer, "/decision/decision") {
            "allow" => Exit::Success,
            _ => Exit::Refused,
        })
    }
}

fn write_human(answer: &Value) -> Result<(), Failure> {
    let mut out = output::human();
    let decision = text(answer, "/decision/decision");
    let style = if decision == "allow" { GOOD } else { BAD };
    writeln!(out, "{}", paint(style, decision))?;
    let results = answer.get("value").and_then(Value::as_array);
    for result in results.into_iter().flatten() {
        let applies = result.get("policyApplies").and_then(Value::as_bool);
        let verdict = match applies {
            Some(true) => "applies",
            _ => text(result, "/analysisReasons"),
        };
        writeln!(
            out,
            "  {}  {}  {}",
            paint(NAME, text(result, "/displayName")),
            verdict,
            paint(QUIET, text(result, "/result"))
        )?;
    }
    Ok(out.flush()?)
}
