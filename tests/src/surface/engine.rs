//! The engine's facade as a surface: one decision at a time, explained, and in batches.

use std::collections::HashMap;

use highwater::challenge::{Challenge, InvalidToken};
use highwater::decision::Decision;
use highwater::engine::Engine;
use highwater::identifier::TenantId;
use highwater::token::VerifiedToken;

use super::{ReadCase, ReadLine, flags, word};
use crate::request_line::RequestLine;
use crate::vector::{Answer, Case, Step, Surface, TENANT};

/// Asks the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineSurface {
    /// By `decide`, each token kept as long as the case lasts, as hosts keep them.
    Deciding,
    /// By `decide_and_explain`, each token read anew.
    Explaining,
    /// By `decide_batch`, as many requests as come without an event between them, tokens kept.
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
        self.run_with(&ReadCase::new(case), Headers::Written)
    }
}

impl EngineSurface {
    /// As [`Surface::run`], of a case that was read before, without the text of headers.
    #[must_use]
    pub fn run_read(&self, read: &ReadCase<'_>) -> Vec<Answer> {
        self.run_with(read, Headers::LeftOut)
    }

    fn run_with(&self, read: &ReadCase<'_>, headers: Headers) -> Vec<Answer> {
        let mut run = Run::start(read, Engine::new(read.settings()), headers);
        for (step, line) in read.steps() {
            match (step, line) {
                (Step::Event(event), _) => {
                    run.decide_waiting();
                    run.engine.apply(event);
                }
                (Step::Request { .. }, None) => {
                    run.decide_waiting();
                    run.refuse();
                }
                (Step::Request { .. }, Some(line)) => match self {
                    EngineSurface::Deciding => run.decide(line),
                    EngineSurface::Explaining => run.explain(&line.line),
                    EngineSurface::Batched => run.waiting.push(line),
                },
            }
        }
        run.decide_waiting();
        run.answers
    }
}

/// Whether answers have the text of their headers. Comparing with the oracle, which writes none,
/// goes without.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Headers {
    Written,
    LeftOut,
}

/// One engine while a case lasts.
pub(crate) struct Run<'a> {
    pub(super) engine: Engine,
    names: &'a [String],
    headers: Headers,
    /// By the number of the token in the case.
    tokens: HashMap<usize, VerifiedToken>,
    waiting: Vec<&'a ReadLine>,
    answers: Vec<Answer>,
}

impl<'a> Run<'a> {
    /// An engine to which the tenant of the case is published.
    #[cfg(feature = "members")]
    pub(crate) fn start_without_headers(read: &'a ReadCase<'_>, engine: Engine) -> Run<'a> {
        Run::start(read, engine, Headers::LeftOut)
    }

    pub(super) fn start(read: &'a ReadCase<'_>, engine: Engine, headers: Headers) -> Run<'a> {
        let tenant = TenantId::new(TENANT).expect("the constant is an identifier");
        engine
            .publish(tenant, &read.model, read.case.tenant.clone())
            .expect("a vector fits a snapshot");
        Run {
            engine,
            names: &read.names,
            headers,
            tokens: HashMap::new(),
            waiting: Vec::new(),
            answers: Vec::new(),
        }
    }

    pub(super) fn decide(&mut self, read: &ReadLine) {
        let line = &read.line;
        let token = self
            .tokens
            .entry(read.token)
            .or_insert_with(|| self.engine.token(line.token.clone()));
        let decision = self.engine.decide(token, &line.request());
        let answer = self.answer(&decision, line);
        self.answers.push(answer);
    }

    #[cfg(feature = "members")]
    /// The answers of this engine and of `oracle` to a request of the case; `None` if that
    /// cannot be read.
    pub(crate) fn decide_beside(
        &mut self,
        read: &'a ReadCase<'_>,
        number: usize,
        oracle: &mut crate::oracle::Oracle,
    ) -> Option<(Answer, Answer)> {
        let line = read.request(number)?;
        self.decide(line);
        let decided = self.answers.pop()?;
        let mut expected = super::oracle::decide(oracle, &line.line, self.names);
        // The facade does not explain.
        expected.results = None;
        Some((decided, expected))
    }

    pub(super) fn refuse(&mut self) {
        self.answers.push(Answer::error());
    }

    #[cfg(feature = "members")]
    pub(super) fn answers(self) -> Vec<Answer> {
        self.answers
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
            ..self.answer(&explanation.decision, read)
        });
    }

    fn decide_waiting(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        for read in &waiting {
            self.tokens
                .entry(read.token)
                .or_insert_with(|| self.engine.token(read.line.token.clone()));
        }
        let requests: Vec<_> = waiting
            .iter()
            .filter_map(|read| Some((self.tokens.get(&read.token)?, read.line.request())))
            .collect();
        let mut decisions = vec![Decision::UNDECIDED; requests.len()];
        self.engine.decide_batch(&requests, &mut decisions);
        for (decision, read) in decisions.iter().zip(waiting) {
            let answer = self.answer(decision, &read.line);
            self.answers.push(answer);
        }
    }

    fn answer(&self, decision: &Decision, read: &RequestLine) -> Answer {
        let request = read.request();
        let challenge = Challenge::for_decision(decision, &read.token, &request);
        let header = |challenge: &Option<Challenge<'_>>| match challenge {
            Some(challenge) => Some(challenge.header_value()),
            None => InvalidToken::for_decision(decision, &read.token, &request)
                .map(|denial| denial.header_value()),
        };
        Answer {
            decision: word(decision.outcome(), decision.status()),
            reasons: decision
                .reasons()
                .iter()
                .map(|reason| reason.as_str().to_owned())
                .collect(),
            policies: decision
                .policies()
                .map(|index| self.names[index.index()].clone())
                .collect(),
            flags: Some(flags(decision.is_uncovered(), decision.is_degraded())),
            claims: challenge
                .as_ref()
                .map(|challenge| challenge.claims().to_value()),
            header: match self.headers {
                Headers::Written => header(&challenge),
                Headers::LeftOut => None,
            },
            results: None,
        }
    }
}
