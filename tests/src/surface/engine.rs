//! The engine's facade as a surface, deciding with and without an explanation.

use highwater::challenge::{Challenge, InvalidToken};
use highwater::engine::Engine;
use highwater::identifier::TenantId;
use serde_json::Value;

use super::{flags, model, word};
use crate::request_line::RequestLine;
use crate::vector::{Answer, Case, Step, Surface, TENANT};

/// Asks the engine.
#[derive(Debug)]
pub enum EngineSurface {
    /// By `decide`.
    Deciding,
    /// By `decide_and_explain`.
    Explaining,
}

impl Surface for EngineSurface {
    fn name(&self) -> &'static str {
        match self {
            EngineSurface::Deciding => "engine",
            EngineSurface::Explaining => "engine, explaining",
        }
    }

    fn run(&mut self, case: &Case) -> Vec<Answer> {
        let model = model(case);
        let names: Vec<String> = model
            .policies
            .iter()
            .map(|policy| policy.display_name.clone())
            .collect();
        let engine = Engine::new(case.engine.clone());
        let tenant = TenantId::new(TENANT).expect("the constant is an identifier");
        engine
            .publish(tenant, &model, case.tenant.clone())
            .expect("a vector fits a snapshot");
        let mut answers = Vec::new();
        for step in &case.steps {
            match step {
                Step::Event(event) => {
                    engine.apply(event);
                }
                Step::Request { line, .. } => {
                    answers.push(self.decide(case, &engine, line, &names));
                }
            }
        }
        answers
    }
}

impl EngineSurface {
    fn decide(&self, case: &Case, engine: &Engine, line: &Value, names: &[String]) -> Answer {
        let Ok(read) = RequestLine::read(line, &case.issuer) else {
            return Answer::error();
        };
        let request = read.request();
        let token = engine.token(read.token.clone());
        let (decision, results) = match self {
            EngineSurface::Deciding => (engine.decide(&token, &request), None),
            EngineSurface::Explaining => {
                let explanation = engine.decide_and_explain(&token, &request);
                let results = explanation
                    .policies
                    .iter()
                    .map(|policy| (policy.display_name.clone(), policy.result.to_owned()))
                    .collect();
                (explanation.decision, Some(results))
            }
        };
        let challenge = Challenge::for_decision(&decision, token.facts(), &request);
        Answer {
            decision: word(decision.outcome(), decision.status()),
            reasons: decision
                .reasons()
                .iter()
                .map(|reason| reason.as_str().to_owned())
                .collect(),
            policies: decision
                .policies()
                .map(|index| names[index.index()].clone())
                .collect(),
            flags: Some(flags(decision.is_uncovered(), decision.is_degraded())),
            claims: challenge
                .as_ref()
                .map(|challenge| challenge.claims().to_value()),
            header: challenge
                .map(|challenge| challenge.header_value())
                .or_else(|| {
                    InvalidToken::for_decision(&decision, token.facts(), &request)
                        .map(|denial| denial.header_value())
                }),
            results,
        }
    }
}
