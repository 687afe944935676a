//! The engine's facade as a surface: one decision at a time, explained, and in batches.

use std::collections::HashMap;

use highwater::challenge::{Challenge, InvalidToken};
use highwater::decision::Decision;
use highwater::engine::Engine;
use highwater::identifier::TenantId;
use highwater::token::VerifiedToken;
use serde_json::Value;

use super::{flags, model, word};
use crate::request_line::RequestLine;
use crate::vector::{Answer, Case, Step, Surface, TENANT};

/// Asks the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineSurface {
    /// By `decide`, each token kept as long as the case lasts, as hosts keep them.
    Deciding,
    /// By `decide_and_explain`, each token read anew.
    Explaining,
    /// By `decide_batch`, as many requests as come without an event between them.
    Batched,
}

impl Surface for EngineSurface {
    fn name(&self) -> &'static str {
        match self {
            EngineSurface::Deciding => "engine",
            EngineSurface::Explaining => "engine, explaining",
            EngineSurface::Batched => "engine, in batches",
        }
    }

    fn run(&mut self, case: &Case) -> Vec<Answer> {
        let mut run = Run::start(case);
        for step in &case.steps {
            match step {
                Step::Event(event) => {
                    run.decide_waiting();
                    run.engine.apply(event);
                }
                Step::Request { line, .. } => match RequestLine::read(line, &case.issuer) {
                    Err(_) => {
                        run.decide_waiting();
                        run.answers.push(Answer::error());
                    }
                    Ok(read) => match self {
                        EngineSurface::Deciding => run.decide(&line["token"], &read),
                        EngineSurface::Explaining => run.explain(&read),
                        EngineSurface::Batched => run.waiting.push(read),
                    },
                },
            }
        }
        run.decide_waiting();
        run.answers
    }
}

struct Run {
    engine: Engine,
    names: Vec<String>,
    tokens: HashMap<String, VerifiedToken>,
    waiting: Vec<RequestLine>,
    answers: Vec<Answer>,
}

impl Run {
    fn start(case: &Case) -> Run {
        let model = model(case);
        let engine = Engine::new(case.engine.clone());
        let tenant = TenantId::new(TENANT).expect("the constant is an identifier");
        engine
            .publish(tenant, &model, case.tenant.clone())
            .expect("a vector fits a snapshot");
        Run {
            engine,
            names: model
                .policies
                .iter()
                .map(|policy| policy.display_name.clone())
                .collect(),
            tokens: HashMap::new(),
            waiting: Vec::new(),
            answers: Vec::new(),
        }
    }

    fn decide(&mut self, claims: &Value, read: &RequestLine) {
        let token = self
            .tokens
            .entry(claims.to_string())
            .or_insert_with(|| self.engine.token(read.token.clone()));
        let decision = self.engine.decide(token, &read.request());
        let answer = answer(&self.names, &decision, read);
        self.answers.push(answer);
    }

    fn explain(&mut self, read: &RequestLine) {
        let token = self.engine.token(read.token.clone());
        let explanation = self.engine.decide_and_explain(&token, &read.request());
        let results = explanation
            .policies
            .iter()
            .map(|policy| (policy.display_name.clone(), policy.result.to_owned()))
            .collect();
        self.answers.push(Answer {
            results: Some(results),
            ..answer(&self.names, &explanation.decision, read)
        });
    }

    fn decide_waiting(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        let tokens: Vec<VerifiedToken> = waiting
            .iter()
            .map(|read| self.engine.token(read.token.clone()))
            .collect();
        let requests: Vec<_> = tokens
            .iter()
            .zip(waiting.iter().map(RequestLine::request))
            .collect();
        let mut decisions = vec![Decision::UNDECIDED; requests.len()];
        self.engine.decide_batch(&requests, &mut decisions);
        for (decision, read) in decisions.iter().zip(&waiting) {
            self.answers.push(answer(&self.names, decision, read));
        }
    }
}

fn answer(names: &[String], decision: &Decision, read: &RequestLine) -> Answer {
    let request = read.request();
    let challenge = Challenge::for_decision(decision, &read.token, &request);
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
                InvalidToken::for_decision(decision, &read.token, &request)
                    .map(|denial| denial.header_value())
            }),
        results: None,
    }
}
