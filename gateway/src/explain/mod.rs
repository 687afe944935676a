//! `highwater explain`: why a request was answered as it was.

mod human;

use std::io::Write;

use highwater::decision::Outcome;
use highwater::exchange::{Answer, ExplainedAnswer, RequestDocument, RequestError};
use highwater::explain::Explanation;
use serde_json::Value;

use crate::arguments::{Inputs, Output};
use crate::decide::{ErrorAnswer, Tally};
use crate::deployment::{Deployment, Sources};
use crate::failure::{Exit, Failure};
use crate::output::{self, BAD, Format, NAME, paint};
use crate::story::Names;

/// Say why: every policy, condition, location and event behind a decision.
#[derive(Debug, clap::Args)]
pub(crate) struct Explain {
    #[command(flatten)]
    sources: Sources,
    #[command(flatten)]
    inputs: Inputs,
    #[command(flatten)]
    output: Output,
}

/// One request, decided and explained.
struct Explained {
    document: RequestDocument,
    answer: Answer,
    explanation: Explanation,
    names: Names,
}

impl Explain {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let (deployment, mut lines) = self.inputs.open(&self.sources)?;
        let mut tally = Tally::default();
        let mut machine = output::machine();
        let mut human = output::human();
        while let Some((number, text)) = lines.next()? {
            let explained = explain(&deployment, &text);
            tally.note(number, decision(&explained));
            match self.output.format {
                Format::Json => write_json(&mut machine, &explained)?,
                Format::Human => write_human(&mut human, &explained)?,
            }
            if lines.may_wait() {
                machine.flush()?;
                human.flush()?;
            }
        }
        machine.flush()?;
        human.flush()?;
        Ok(tally.exit())
    }
}

fn decision(explained: &Result<Explained, RequestError>) -> Option<Outcome> {
    explained
        .as_ref()
        .ok()
        .map(|explained| explained.answer.decision)
}

fn explain(deployment: &Deployment, text: &str) -> Result<Explained, RequestError> {
    let document = RequestDocument::from_json(text, |issuer| deployment.profile(issuer))?;
    let token = deployment.engine.token(document.token.clone());
    let request = document.request();
    let explanation = deployment.engine.decide_and_explain(&token, &request);
    let answer = explanation.answer(document.id.clone(), &token, &request);
    let mut names = Names::default();
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        names.learn(&value["token"], &document.token);
    }
    Ok(Explained {
        answer,
        explanation,
        names,
        document,
    })
}

fn write_json(
    out: &mut impl Write,
    explained: &Result<Explained, RequestError>,
) -> Result<(), Failure> {
    match explained {
        Ok(Explained {
            answer,
            explanation,
            ..
        }) => serde_json::to_writer(&mut *out, &ExplainedAnswer::new(answer, explanation))?,
        Err(error) => serde_json::to_writer(&mut *out, &ErrorAnswer::new(error))?,
    }
    out.write_all(b"\n")?;
    Ok(())
}

fn write_human(
    out: &mut impl Write,
    explained: &Result<Explained, RequestError>,
) -> Result<(), Failure> {
    match explained {
        Ok(explained) => human::write(out, explained),
        Err(error) => {
            let id = error.id.as_deref().unwrap_or("-");
            writeln!(
                out,
                "{}  {}  {error}\n",
                paint(BAD, "error"),
                paint(NAME, id)
            )?;
            Ok(())
        }
    }
}
