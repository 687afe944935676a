//! `highwater decide`: JSON Lines in, JSON Lines out, in the same order.

use std::io::Write;

use highwater::decision::Outcome;
use highwater::exchange::{Answer, RequestDocument, RequestError};
use serde::Serialize;

use crate::arguments::Inputs;
use crate::deployment::{Deployment, Sources};
use crate::failure::{Exit, Failure};
use crate::input::lines::Lines;
use crate::output::{self, BAD, Format, GOOD, NAME, QUIET, WARN, count, paint, say};

/// Decide requests: JSON Lines in, JSON Lines out.
#[derive(Debug, clap::Args)]
pub(crate) struct Decide {
    #[command(flatten)]
    sources: Sources,
    #[command(flatten)]
    inputs: Inputs,
    /// How to write answers
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
}

impl Decide {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let (deployment, mut lines) = self.inputs.open(&self.sources)?;
        match self.format {
            Format::Json => answer_all(&deployment, &mut lines, output::machine(), write_json),
            Format::Human => answer_all(&deployment, &mut lines, output::human(), write_human),
        }
    }
}

type Answered = Result<Answer, RequestError>;

fn answer_all<W: Write>(
    deployment: &Deployment,
    lines: &mut Lines,
    mut out: W,
    write: impl Fn(&mut W, &Answered) -> Result<(), Failure>,
) -> Result<Exit, Failure> {
    let mut tally = Tally::default();
    while let Some((number, text)) = lines.next()? {
        let answered = answer(deployment, &text);
        tally.note(number, answered.as_ref().map(|answer| answer.decision).ok());
        write(&mut out, &answered)?;
        if lines.may_wait() {
            out.flush()?;
        }
    }
    out.flush()?;
    Ok(tally.exit())
}

fn answer(deployment: &Deployment, text: &str) -> Answered {
    let document = RequestDocument::from_json(text, |issuer| deployment.profile(issuer))?;
    let token = deployment.engine.token(document.token.clone());
    let request = document.request();
    Ok(deployment
        .engine
        .answer(document.id.clone(), &token, &request))
}

fn write_json<W: Write>(out: &mut W, answered: &Answered) -> Result<(), Failure> {
    match answered {
        Ok(answer) => serde_json::to_writer(&mut *out, answer)?,
        Err(error) => serde_json::to_writer(&mut *out, &ErrorAnswer::new(error))?,
    }
    out.write_all(b"\n")?;
    Ok(())
}

/// What stands in the place of an answer that cannot be given.
#[derive(Serialize)]
pub(crate) struct ErrorAnswer<'a> {
    id: Option<&'a str>,
    error: ErrorBody<'a>,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    message: &'a str,
    path: &'a str,
}

impl<'a> ErrorAnswer<'a> {
    pub(crate) fn new(error: &'a RequestError) -> ErrorAnswer<'a> {
        ErrorAnswer {
            id: error.id.as_deref(),
            error: ErrorBody {
                message: &error.message,
                path: &error.path,
            },
        }
    }
}

fn write_human<W: Write>(out: &mut W, answered: &Answered) -> Result<(), Failure> {
    match answered {
        Ok(answer) => {
            let id = answer.id.as_deref().unwrap_or("-");
            let reasons: Vec<_> = answer
                .reasons
                .iter()
                .map(|reason| reason.as_str())
                .collect();
            let policies: Vec<_> = answer
                .policies
                .iter()
                .map(|policy| {
                    if policy.name.is_empty() {
                        policy.id.as_str()
                    } else {
                        policy.name.as_str()
                    }
                })
                .collect();
            write!(
                out,
                "{} {}  {}",
                outcome(answer.decision),
                answer.status,
                paint(NAME, id)
            )?;
            if !reasons.is_empty() {
                write!(out, "  {}", reasons.join(", "))?;
            }
            if !policies.is_empty() {
                write!(
                    out,
                    "  {}",
                    paint(QUIET, format_args!("by {}", policies.join(", ")))
                )?;
            }
            writeln!(out)?;
        }
        Err(error) => {
            let id = error.id.as_deref().unwrap_or("-");
            writeln!(
                out,
                "{}      {}  {error}",
                paint(BAD, "error    "),
                paint(NAME, id)
            )?;
        }
    }
    Ok(())
}

/// An outcome as a word of fixed width, in its colour.
pub(crate) fn outcome(outcome: Outcome) -> output::Painted<&'static str> {
    match outcome {
        Outcome::Allow => paint(GOOD, "allow    "),
        Outcome::Challenge => paint(WARN, "challenge"),
        Outcome::Deny => paint(BAD, "deny     "),
    }
}

/// What the exit code depends on.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    requests: usize,
    allowed: usize,
    malformed: usize,
    first_malformed: usize,
}

impl Tally {
    /// One more line; `None` if it was no request.
    pub(crate) fn note(&mut self, line: usize, outcome: Option<Outcome>) {
        self.requests += 1;
        match outcome {
            Some(Outcome::Allow) => self.allowed += 1,
            Some(Outcome::Challenge | Outcome::Deny) => {}
            None => {
                self.malformed += 1;
                if self.malformed == 1 {
                    self.first_malformed = line;
                }
            }
        }
    }

    /// The exit code: a single request speaks for itself.
    pub(crate) fn exit(&self) -> Exit {
        if self.malformed > 0 {
            say(format_args!(
                "{} {} of {} cannot be read, the first is line {}",
                paint(BAD, "error:"),
                self.malformed,
                count(self.requests, "request"),
                self.first_malformed
            ));
            Exit::Input
        } else if self.requests == 1 && self.allowed == 0 {
            Exit::Refused
        } else {
            Exit::Success
        }
    }
}
